"""Compiles .proto files with Debian's protoc and grpc_cpp_plugin."""

def cc_grpc_library(name, srcs, root, visibility = None):
    """A cc_library of the messages and services of `srcs`.

    Args:
      name: of the library.
      srcs: .proto files of this package.
      root: the folder that imports are relative to, from the workspace's root.
      visibility: of the library.
    """
    stems = [src[:-len(".proto")] for src in srcs]
    headers = [stem + ext for stem in stems for ext in (".pb.h", ".grpc.pb.h")]
    sources = [stem + ext for stem in stems for ext in (".pb.cc", ".grpc.pb.cc")]
    native.genrule(
        name = name + "_protoc",
        srcs = srcs,
        outs = headers + sources,
        cmd = " ".join([
            "/usr/bin/protoc",
            "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin",
            "-I" + root,
            "-I/usr/include",
            "--cpp_out=$(GENDIR)/" + root,
            "--grpc_out=$(GENDIR)/" + root,
            "$(SRCS)",
        ]),
    )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        # Generated: warnings there are protoc's.
        copts = ["-w"],
        strip_include_prefix = "/" + root,
        visibility = visibility,
        deps = ["@system//:grpc"],
    )
