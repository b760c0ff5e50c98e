"""Runs a service as its unit says, without systemd: the command, the environment file, the
user and the groups, the capabilities, the folders. No sandbox."""

import os
import shlex
import subprocess
import time

DEADLINE_S = 20
CAPABILITY_PREFIX = "CAP_"


class Unit:
    """A unit file. Settings that stand there several times are a list."""

    def __init__(self, text):
        self._values = {}
        for line in text.splitlines():
            if line and line[0] not in "#;[":
                name, value = line.split("=", 1)
                self._values.setdefault(name, []).append(value)

    def all(self, name):
        return self._values.get(name, [])

    def get(self, name):
        (value,) = self._values[name]
        return value


class Service:
    """One run of a unit in a FreshRoot."""

    def __init__(self, root, unit):
        self._root = root
        self._unit = unit
        self._users = _Users(root)
        self._process = None

    def start(self):
        unit = self._unit
        for kind, parent in (("StateDirectory", "/var/lib"), ("RuntimeDirectory", "/run")):
            for name in unit.all(kind):
                path = self._root.inside(f"{parent}/{name}")
                os.makedirs(path, exist_ok=True)
                os.chown(path, self._users.uid(unit.get("User")),
                         self._users.gid(unit.get("Group")))
                os.chmod(path, int(unit.get(kind + "Mode"), 8))
        self._process = subprocess.Popen(
            self._command(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            umask=int(unit.get("UMask"), 8))

    def run_check(self):
        """What `--check` says, with the same environment and user; it need not be started."""
        return subprocess.run([*self._command(), "--check"], text=True, timeout=DEADLINE_S,
                              capture_output=True, check=False)

    def reload(self):
        command = self._unit.get("ExecReload").replace("$MAINPID", str(self._process.pid))
        subprocess.run(["chroot", self._root.path, *shlex.split(command)], check=True)

    def is_running(self):
        return self._process.poll() is None

    def status(self):
        """Of /proc: names to values."""
        with open(f"/proc/{self._process.pid}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file)

    def wait(self):
        """The exit code, and what it wrote."""
        _, errors = self._process.communicate(timeout=DEADLINE_S)
        return self._process.returncode, errors

    def stop(self):
        if self.is_running():
            self._process.terminate()
        return self.wait()

    def _command(self):
        unit = self._unit
        capabilities = "".join(
            ",+" + name[len(CAPABILITY_PREFIX):].lower()
            for names in unit.all("AmbientCapabilities") for name in names.split())
        groups = [self._users.gid(unit.get("Group"))] + [
            self._users.gid(name) for name in unit.all("SupplementaryGroups")]
        assert unit.get("AmbientCapabilities") == unit.get("CapabilityBoundingSet")
        assert unit.get("NoNewPrivileges") == "yes"
        return [
            "chroot", self._root.path,
            "env", "--ignore-environment", f"--chdir={unit.get('WorkingDirectory')}",
            *_variables(self._root.read(unit.get("EnvironmentFile"))),
            "setpriv", f"--reuid={self._users.uid(unit.get('User'))}",
            f"--regid={groups[0]}", "--groups=" + ",".join(map(str, groups)),
            "--inh-caps=-all" + capabilities, "--ambient-caps=-all" + capabilities,
            "--bounding-set=-all" + capabilities, "--no-new-privs",
            *shlex.split(unit.get("ExecStart"))]


class _Users:
    def __init__(self, root):
        self._root = root

    def _number(self, file, name):
        for line in self._root.read(file).splitlines():
            fields = line.split(":")
            if fields[0] == name:
                return int(fields[2])
        raise AssertionError(f"no {name} in {file}")

    def uid(self, name):
        return self._number("/etc/passwd", name)

    def gid(self, name):
        return self._number("/etc/group", name)


def _variables(text):
    return [line for line in text.splitlines() if line and line[0] not in "#;"]


def wait_for(what, condition):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"no {what} after {DEADLINE_S} s")
        time.sleep(0.02)
