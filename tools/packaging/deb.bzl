"""A Debian package, in a folder of its own: its name has the version in it, which Bazel
does not know beforehand."""

def _deb_impl(ctx):
    folder = ctx.actions.declare_directory(ctx.label.name)
    arguments = ctx.actions.args()
    arguments.add(folder.path)
    arguments.add(ctx.file.version)
    arguments.add(ctx.file.changelog)
    arguments.add(ctx.file.control)
    for target, where in ctx.attr.contents.items():
        mode, destination = where.split(" ")
        for file in target.files.to_list():
            arguments.add_all([
                mode,
                destination + file.basename if destination.endswith("/") else destination,
                file,
            ])
    ctx.actions.run(
        executable = ctx.executable._build,
        arguments = [arguments],
        inputs = [ctx.file.version, ctx.file.changelog, ctx.file.control] + ctx.files.contents,
        outputs = [folder],
        mnemonic = "Deb",
        use_default_shell_env = True,
    )
    return DefaultInfo(
        files = depset([folder]),
        runfiles = ctx.runfiles(files = [folder]),
    )

deb = rule(
    implementation = _deb_impl,
    attrs = {
        "changelog": attr.label(allow_single_file = True),
        # "MODE DESTINATION" for each; a destination that ends with / is a folder.
        "contents": attr.label_keyed_string_dict(allow_files = True),
        "control": attr.label(allow_single_file = True),
        "version": attr.label(allow_single_file = True),
        "_build": attr.label(
            default = "//tools/packaging:build_deb",
            allow_single_file = True,
            executable = True,
            cfg = "host",
        ),
    },
)
