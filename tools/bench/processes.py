"""Programs that are started, waited for, and stopped."""

import contextlib
import os
import signal
import subprocess
import time

# No other variable, as it could be a setting of a program. The time zone is that of tests:
# without one each line of a log reads it anew.
ENVIRONMENT = {"PATH": os.environ["PATH"], "TZ": "UTC"}
START_SECONDS = 30
STOP_SECONDS = 30


class Failure(Exception):
    """What went wrong, for a person: without a stack trace."""


class Process:
    """A program in a session of its own, so that Ctrl-C reaches bench alone, and stopped
    by the kernel when bench is killed. Its stderr goes to the file `log`. `user`: who runs
    it, if bench is root."""

    def __init__(self, command, log, user=None, **environment):
        self.name = log.stem
        self._log = log
        # setpriv becomes the program: the pid is the program's.
        guard = ["setpriv", "--pdeathsig", "TERM"]
        if user and os.geteuid() == 0:
            guard += [f"--reuid={user}", f"--regid={user}", "--init-groups"]
        with open(log, "w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                [*guard, *command], env={**ENVIRONMENT, **environment},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=output,
                start_new_session=True)
        self.pid = self._process.pid

    def wait_for(self, marker):
        """What follows `marker` in the line that has it."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            ended = self._process.poll() is not None
            _, found, rest = self._output().partition(marker)
            if found and "\n" in rest:
                return rest[:rest.index("\n")]
            if ended:
                break
            time.sleep(0.01)
        raise self._failure("did not start")

    def wait(self, seconds):
        """Until it has ended, which must be well, by itself or as it was told."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise self._failure(f"took longer than {seconds} s") from None
        self.check()

    def check(self):
        """That it has not ended badly."""
        code = self._process.poll()
        if code:
            raise self._failure(f"ended with {code}")

    def stop(self, how=signal.SIGTERM):
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            self.wait(STOP_SECONDS)
        finally:
            self.kill()

    def kill(self):
        self._process.kill()
        self._process.wait()

    def _output(self):
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _failure(self, what):
        return Failure(f"{self.name} {what}:\n{self._output()[-2000:]}")


def run_to_end(command, log, seconds, user=None):
    process = Process(command, log, user)
    try:
        process.wait(seconds)
    finally:
        process.kill()


@contextlib.contextmanager
def server(program, log, **environment):
    """One that says where it listens. Yields the process and that."""
    process = Process([program], log, **environment)
    try:
        address = process.wait_for("listening on ")
        try:
            yield process, address
        except Exception as error:
            try:
                process.check()
            except Failure as failure:
                raise Failure(f"{error}\n{failure}") from None
            raise
        process.stop()
    finally:
        process.kill()
