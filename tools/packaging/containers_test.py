"""Holds compose.yaml and the Dockerfile to the programs and the files that there are.

usage: containers_test.py CHATD EDGED UACL NOTIF; no container runs.
"""

import os
import re
import subprocess
import sys
import unittest

import yaml

FOLDER = os.path.dirname(os.path.realpath(__file__))  # the sources
PROGRAMS = {os.path.basename(path): path for path in sys.argv[1:]}


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def variables_of(program):
    text = subprocess.run([PROGRAMS[program], "--help"], check=True, capture_output=True,
                          text=True).stdout
    return set(re.findall(r"^  ([A-Z0-9_]+), --", text, re.M) +
               re.findall(r"; ([A-Z0-9_]+_FILE): a file", text))


def libraries_of(program):
    """Those that it is linked with itself: they bring their own by their packages."""
    def said_by(*command):
        return subprocess.run([*command, PROGRAMS[program]], check=True,
                              capture_output=True, text=True).stdout
    paths = dict(re.findall(r"(\S+) => (/\S+)", said_by("ldd")))
    return {paths[name] for name in re.findall(r"NEEDED +(\S+)", said_by("objdump", "-p"))
            if name in paths}


class ComposeTest(unittest.TestCase):
    def setUp(self):
        self.compose = yaml.safe_load(read("compose.yaml"))
        self.services = self.compose["services"]

    def ours(self):
        return {name: service for name, service in self.services.items()
                if "build" in service}

    def test_our_services_set_what_their_programs_know(self):
        self.assertEqual(self.ours().keys(), PROGRAMS.keys())
        for name, service in self.ours().items():
            self.assertEqual(service["command"], [name])
            known = variables_of(name)
            self.assertGreater(len(known), 3)
            self.assertLessEqual(service["environment"].keys(), known, name)

    def test_no_program_refuses_its_settings(self):
        for name in ("chatd", "edged"):
            # As they are for somebody who sets nothing, but nothing is to be reached.
            values = {
                key: re.sub(r"^http://.*", "http://127.0.0.1:1/none",
                            re.sub(r"\$\{[A-Z_]+:-(.*?)\}", r"\1", value))
                for key, value in self.services[name]["environment"].items()
                if not key.endswith("_FILE")}
            done = subprocess.run(
                [PROGRAMS[name], "--check"], text=True, capture_output=True, check=False,
                env={"DATABASE_URL": "sqlite:/nowhere/chatter.db", **values}, timeout=60)
            # 2 would be a wrong setting.
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)

    def test_what_is_referred_to_is_there(self):
        used = {"secrets": set(), "volumes": set()}
        for service in self.services.values():
            used["secrets"].update(service.get("secrets", []))
            used["volumes"].update(v.split(":")[0] for v in service.get("volumes", []))
            for variable, value in service.get("environment", {}).items():
                if variable.endswith("_FILE"):
                    folder, secret = os.path.split(value)
                    self.assertEqual(folder, "/run/secrets")
                    self.assertIn(secret, service["secrets"])
            for other in service.get("depends_on", {}):
                self.assertIn(other, self.services)
        for kind, names in used.items():
            self.assertEqual(names, self.compose[kind].keys(), kind)

    def test_a_secret_is_a_file_that_the_readme_makes(self):
        for name, secret in self.compose["secrets"].items():
            self.assertEqual(secret["file"], f"secrets/{name}")
            self.assertIn(f">secrets/{name}\n", read("README.md"))

    def test_stand_ins_are_for_the_demonstration_only(self):
        demo = {name for name, service in self.services.items()
                if service.get("profiles") == ["demo"]}
        self.assertEqual(demo, {"uacl", "notif"})
        for name in self.services.keys() - demo:
            self.assertFalse(self.services[name].get("depends_on", {}).keys() & demo)


class DockerfileTest(unittest.TestCase):
    def setUp(self):
        self.lines = read("Dockerfile").replace("\\\n", "").splitlines()

    def test_targets_of_compose_are_stages(self):
        stages = {line.split()[-1] for line in self.lines if line.startswith("FROM ")}
        compose = yaml.safe_load(read("compose.yaml"))
        targets = {service["build"]["target"] for service in compose["services"].values()
                   if "build" in service}
        self.assertLessEqual(targets, stages)

    def test_what_is_copied_is_in_the_sources_and_not_ignored(self):
        root = os.path.join(FOLDER, "..", "..")
        shown = {line[1:] for line in read("Dockerfile.dockerignore").splitlines()
                 if line.startswith("!")}
        copied = [path for line in self.lines
                  if line.startswith("COPY ") and "--from" not in line
                  for path in line.split()[1:-1]]
        self.assertGreater(len(copied), 5)
        for path in copied:
            self.assertTrue(os.path.exists(os.path.join(root, path)), path)
            self.assertIn(path.split("/")[0], shown)

    def test_nobody_is_root_at_the_end(self):
        users = {"debian:12": "root", "debian:12-slim": "root"}
        for line in self.lines:
            words = line.split()
            if words[:1] == ["FROM"]:
                stage = words[3]
                users[stage] = users[words[1]]
            elif words[:1] == ["USER"]:
                users[stage] = words[1]
        for stage in ("chatter", "standins"):
            self.assertEqual(users[stage], "chatter:chatter")

    def test_the_stand_ins_get_the_libraries_that_the_package_does_not_bring(self):
        there = libraries_of("chatd") | libraries_of("edged")
        missing = (libraries_of("uacl") | libraries_of("notif")) - there
        for library in missing:
            owner = subprocess.run(
                ["dpkg-query", "--search", os.path.realpath(library)], check=True,
                capture_output=True, text=True).stdout.split(":")[0]
            self.assertIn(f" {owner} ", "\n".join(self.lines))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
