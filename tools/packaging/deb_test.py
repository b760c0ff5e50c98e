"""Installs the package, runs its services as their units say, removes it.

usage: deb_test.py FOLDER_WITH_THE_PACKAGE UACL NOTIF CHATD EDGED, in namespaces of its own
"""

import glob
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import unittest

from testing.client import exchange, metrics, request
from testing.fresh_root import FreshRoot
from testing.unit import Service, Unit, wait_for

PACKAGES, UACL, NOTIF, CHATD, EDGED = sys.argv[1:]
(PACKAGE,) = glob.glob(os.path.join(PACKAGES, "*.deb"))
UNITS = {name: f"/lib/systemd/system/chatter-{name}.service" for name in ("chatd", "edged")}
# Of ten, as systemd-analyze counts: what is left is meeting strangers on the network.
MAX_EXPOSURE = {"chatd": 1.5, "edged": 1.8}
# What dpkg and the tools for users write down about their own work.
BOOKKEEPING = re.compile(r"/var/lib/dpkg/|/var/log/|/var/cache/|/etc/(passwd|group|shadow|"
                         r"gshadow|subuid|subgid)-$|/etc/\.pwd\.lock$")


def settings_of(program):
    text = subprocess.run([program, "--help"], check=True, capture_output=True,
                          text=True).stdout
    return dict(re.findall(r"^  ([A-Z0-9_]+), --\S+\n +(.*)$", text, re.M))


class DebTest(unittest.TestCase):
    def setUp(self):
        self.root = FreshRoot()
        shutil.copy(PACKAGE, self.root.inside("/tmp/chatter.deb"))

    def install(self):
        return self.root.run("dpkg", "--install", "/tmp/chatter.deb")

    def unit(self, name):
        return Unit(self.root.read(UNITS[name]))

    def start(self, name):
        service = Service(self.root, self.unit(name))
        service.start()
        self.addCleanup(service.stop)
        return service

    def add_settings(self, name, **settings):
        path = self.unit(name).get("EnvironmentFile")
        lines = "".join(f"{key}={value}\n" for key, value in settings.items())
        self.root.write(path, self.root.read(path) + lines, 0o600)

    def start_neighbours(self):
        """uacl at 8081, notif at 8082, and the settings that lead there."""
        secret = secrets.token_hex()
        for program, variables in (
                (UACL, {"PORT": "8081", "CHATTER_URL": "http://127.0.0.1"}),
                (NOTIF, {"PORT": "8082"})):
            process = subprocess.Popen(
                [program], env={"NOTIFICATION_AUTH": secret, **variables},
                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(process.wait)
            self.addCleanup(process.terminate)
            port = variables["PORT"]
            wait_for(program, lambda: request(f"http://127.0.0.1:{port}/healthz")[0] == 200)
        self.add_settings(
            "chatd", NOTIFICATION_AUTH=secret,
            VERIFICATION_URL="http://127.0.0.1:8081/authorize",
            NOTIFICATION_URL="http://127.0.0.1:8082/notification")

    def have_systemd(self):
        """Something that says systemd runs, and keeps what it is asked for."""
        self.root.write("/bin/systemctl", "#!/bin/sh\necho \"$@\" >>/run/asked\n", 0o755)
        os.makedirs(self.root.inside("/run/systemd/system"))

    def asked(self):
        text = self.root.read("/run/asked") if self.root.exists("/run/asked") else ""
        self.root.write("/run/asked", "")
        return text

    def test_units_are_right_and_expose_little(self):
        self.install()
        said = self.root.run("systemd-analyze", "verify", "--man=no", *UNITS.values())
        self.assertEqual(said, "")
        for name, path in UNITS.items():
            said = self.root.run("systemd-analyze", "security", "--offline=true",
                                 "--no-pager", path)
            exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said)[1])
            self.assertLessEqual(exposure, MAX_EXPOSURE[name], said)

    def test_a_service_has_time_to_send_its_clients_away(self):
        self.install()
        drain = settings_of(EDGED)["DRAIN_SECONDS"]
        seconds = int(re.search(r"\(default: (\d+)", drain)[1])
        self.assertLess(seconds + 10, int(self.unit("edged").get("TimeoutStopSec")))

    def test_environment_files_have_every_setting_and_only_root_reads_them(self):
        self.install()
        for name, program in (("chatd", CHATD), ("edged", EDGED)):
            path = self.unit(name).get("EnvironmentFile")
            status = os.stat(self.root.inside(path))
            self.assertEqual((status.st_uid, status.st_mode & 0o777), (0, 0o600))
            text = self.root.read(path)
            settings = settings_of(program)
            self.assertGreater(len(settings), 5)
            for setting, meaning in settings.items():
                # First words: the rest may be in the next line.
                self.assertIn(f"\n# {setting}: {' '.join(meaning.split()[:3])}", text)
                self.assertRegex(text, rf"(?m)^#?{setting}=")
            conffiles = self.root.run("dpkg-query", "--show", "-f", "${Conffiles}", "chatter")
            self.assertIn(path, conffiles)

    def test_a_check_is_possible_before_the_first_start(self):
        self.install()
        self.start_neighbours()
        checked = Service(self.root, self.unit("chatd")).run_check()
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn("made at the first start", checked.stdout)

    def test_it_has_what_the_operator_uses_besides(self):
        self.install()
        for path in ("/usr/share/chatter/give_back.sql",
                     "/usr/share/chatter/monitoring/README.md",
                     "/usr/share/chatter/monitoring/alerts.yaml",
                     "/usr/share/chatter/monitoring/dashboard.json",
                     "/usr/share/chatter/web/index.html"):
            self.assertNotEqual(self.root.read(path), "", path)

    def test_it_starts_nothing_that_is_not_configured(self):
        self.have_systemd()
        said = self.install()
        self.assertIn("VERIFICATION_URL", said)
        self.assertEqual(self.asked(), "daemon-reload\n")
        code, errors = self.start("chatd").wait()
        self.assertIn("VERIFICATION_URL is not set", errors)
        # With that systemd does not try again.
        self.assertEqual(str(code), self.unit("chatd").get("RestartPreventExitStatus"))

    def test_under_systemd_an_upgrade_restarts_and_a_removal_stops(self):
        self.have_systemd()
        self.install()
        self.add_settings("edged", PORT="8080")
        self.asked()
        said = self.install()
        self.assertNotIn("VERIFICATION_URL", said)
        self.assertEqual(self.asked(), "daemon-reload\ndaemon-reload\ntry-restart "
                                       "chatter-chatd.service chatter-edged.service\n")
        self.assertIn("\nPORT=8080\n", self.root.read("/etc/chatter/edged.env"))
        self.root.run("dpkg", "--remove", "chatter")
        self.assertEqual(
            self.asked(), "--quiet disable --now chatter-edged.service\n"
                          "--quiet disable --now chatter-chatd.service\ndaemon-reload\n")

    def test_what_never_ran_leaves_nothing(self):
        self.install()
        self.assertIn("/usr/bin/chatd", self.root.changed())
        self.root.run("dpkg", "--purge", "chatter")
        self.assert_left(set())

    def test_it_serves_and_leaves_only_the_messages(self):
        self.install()
        self.start_neighbours()
        self.add_settings("chatd", ADMIN_LISTEN="127.0.0.1:9101")
        self.add_settings("edged", ADMIN_LISTEN="127.0.0.1:9102")
        chatd = self.start("chatd")
        edged = self.start("edged")
        wait_for("health", lambda: request("http://127.0.0.1/healthz")[0] == 200)
        # Refused by uacl: so edged reaches chatd, and chatd reaches uacl.
        wait_for("refusal", lambda: request(
            "http://127.0.0.1/ws_token", Authorization="Bearer none")[0] == 401)
        self.assert_has_few_rights(chatd, edged)
        for port in (9101, 9102):
            self.assert_is_seen(f"http://127.0.0.1:{port}/metrics")
        self.exchange_a_message()
        for service in (chatd, edged):
            checked = service.run_check()
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        for service in (chatd, edged):
            service.reload()
        self.exchange_a_message()
        for service in (edged, chatd):
            code, errors = service.stop()
            self.assertEqual(code, 0, errors)
            self.assertIn("got Hangup", errors)

        self.root.run("dpkg", "--remove", "chatter")
        self.assertIn("/etc/chatter/chatd.env", self.root.changed())
        said = self.root.run("dpkg", "--purge", "chatter")
        self.assertIn("/var/lib/chatter", said)
        # The database keeps an owner.
        owner = os.stat(self.root.inside("/var/lib/chatter")).st_uid
        self.assertIn(f"chatter:x:{owner}:", self.root.read("/etc/passwd"))
        self.assertNotIn("chatter-edge", self.root.read("/etc/passwd"))
        self.assertTrue(self.root.exists("/var/lib/chatter/chatter.db"))
        shutil.rmtree(self.root.inside("/var/lib/chatter"))
        self.root.run("deluser", "--quiet", "--system", "chatter")
        self.assert_left(set())

    def assert_left(self, expected):
        left = {path for path in self.root.changed() if not BOOKKEEPING.match(path)}
        self.assertEqual(left, expected)
        self.assertEqual(self.root.run("dpkg-query", "--show", "chatter", check=False),
                         "dpkg-query: no packages found matching chatter\n")

    def assert_has_few_rights(self, chatd, edged):
        net_bind_service = 1 << 10
        for service, capabilities in ((chatd, 0), (edged, net_bind_service)):
            status = service.status()
            for kind in ("CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(status[kind], 16), capabilities, kind)
            self.assertNotEqual(status["Uid"].split()[0], "0")
        self.assertNotEqual(chatd.status()["Uid"], edged.status()["Uid"])
        # What only one of them may read.
        groups = edged.status()["Groups"].split()
        state = os.stat(self.root.inside("/var/lib/chatter"))
        self.assertEqual(state.st_mode & 0o077, 0)
        self.assertIn(str(state.st_gid), groups)
        socket = os.stat(self.root.inside("/run/chatter/chatd.sock"))
        self.assertEqual(socket.st_mode & 0o777, 0o770)

    def assert_is_seen(self, url):
        """In as far as what the unit hides of the system might keep it from that."""
        seen = metrics(url)
        self.assertAlmostEqual(seen["process_start_time_seconds"], time.time(), delta=60)
        for name in ("process_cpu_seconds_total", "process_resident_memory_bytes",
                     "process_virtual_memory_bytes", "process_open_fds", "process_max_fds"):
            self.assertIn(name, seen)

    def exchange_a_message(self):
        """Between somebody new and themselves."""
        name = "user" + secrets.token_hex(4)
        account = {"username": name, "password": "secret", "user_group": "red"}
        self.assertEqual(request("http://127.0.0.1:8081/user", account)[0], 201)
        _, login = request("http://127.0.0.1:8081/login", account)
        token = login["result"]["token"]
        status, ticket = request("http://127.0.0.1/ws_token", Authorization="Bearer " + token)
        self.assertEqual(status, 201, ticket)
        frame = exchange("ws://127.0.0.1/ws?token=" + ticket["result"]["token"],
                         {"username_to": name, "message": "hello"}, awaited="message")
        self.assertEqual((frame["username_from"], frame["message"]), (name, "hello"))


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    unittest.main(argv=sys.argv[:1], verbosity=2)
