"""This system, as a folder in which a package can be installed without changing it."""

import os
import subprocess
import tempfile


class FreshRoot:
    """An overlay over `/`. Call it in a mount namespace that ends with the process."""

    def __init__(self):
        self._folder = tempfile.mkdtemp()
        _mount("-t", "tmpfs", "tmpfs", self._folder)
        self._upper, work, self.path = (
            os.path.join(self._folder, name) for name in ("upper", "work", "root"))
        for folder in (self._upper, work, self.path):
            os.mkdir(folder)
        _mount("-t", "overlay", "-o", f"lowerdir=/,upperdir={self._upper},workdir={work}",
               "overlay", self.path)
        # Empty, so that it does not look as if systemd ran.
        _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", self.inside("/run"))
        _mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", self.inside("/tmp"))
        # With no more than ProcSubset=pid leaves to services.
        _mount("-t", "proc", "-o", "subset=pid", "proc", self.inside("/proc"))
        _mount("--rbind", "/dev", self.inside("/dev"))

    def inside(self, path):
        return self.path + path

    def run(self, *command, check=True):
        """Runs a command within; its output as text, errors included."""
        done = subprocess.run(
            ["chroot", self.path, *command], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
                 "LC_ALL": "C.UTF-8"})
        if check and done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def exists(self, path):
        return os.path.lexists(self.inside(path))

    def read(self, path):
        with open(self.inside(path), encoding="utf-8") as file:
            return file.read()

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.inside(path)), exist_ok=True)
        with open(self.inside(path), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)

    def changed(self):
        """The files and folders that are not as they were: those of the upper layer that
        differ from the host's, or are none of it."""
        found = set()
        for folder, folders, files in os.walk(self._upper):
            for name in folders + files:
                path = os.path.join(folder, name)
                original = path[len(self._upper):]
                if os.path.isdir(path) and os.path.isdir(original):
                    continue
                if not _same(path, original):
                    found.add(original)
        return found


def _same(path, original):
    if not (os.path.isfile(path) and os.path.isfile(original)):
        return False
    with open(path, "rb") as one, open(original, "rb") as other:
        return one.read() == other.read()


def _mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)
