"""tools/test_summary must not miss a failure: usage, test_summary_test.py TEST_SUMMARY."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

TEST_SUMMARY = os.path.abspath(sys.argv.pop(1))


class TestSummaryTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.events = []

    def result(self, label, status, xml=None):
        outputs = []
        if xml is not None:
            path = self.folder / f"{len(self.events)} test.xml"
            path.write_text(xml, encoding="utf-8")
            outputs = [{"name": "test.log", "uri": "file:///log"},
                       {"name": "test.xml", "uri": path.as_uri()}]
        self.events.append({
            "id": {"testResult": {"label": label, "run": 1}},
            "testResult": {"status": status, "testActionOutput": outputs}})

    def summary(self):
        path = self.folder / "events"
        path.write_text("\n".join(map(json.dumps, self.events)), encoding="utf-8")
        output = subprocess.run([sys.executable, TEST_SUMMARY, str(path)], check=True,
                                capture_output=True, text=True).stdout.splitlines()
        return output[:-1], output[-1]

    def test_counts_the_cases_of_each_target(self):
        self.result("//a", "PASSED", """<testsuites><testsuite>
            <testcase name="One" classname="A" status="run"/>
            <testcase name="Two" classname="A" status="run"/>
            <testcase name="Off" classname="A" status="notrun"/>
            <testcase name="Skipped" classname="A" status="run"><skipped/></testcase>
            </testsuite></testsuites>""")
        self.result("//b", "PASSED", '<testsuite><testcase name="b"/></testsuite>')
        self.assertEqual(self.summary(), ([], "3 0"))

    def test_names_the_cases_that_failed(self):
        self.result("//a", "FAILED", """<testsuites><testsuite>
            <testcase name="One" classname="A" status="run"/>
            <testcase name="Two" classname="A" status="run"><failure/></testcase>
            </testsuite></testsuites>""")
        self.assertEqual(self.summary(), (["FAILED: //a A.Two"], "1 1"))

    def test_counts_a_crash_as_a_failure(self):
        self.result("//cut_short", "FAILED", "<testsuites><testsuite>")
        self.result("//no_xml", "TIMEOUT")
        self.result("//after_its_cases", "FAILED",
                    '<testsuite><testcase name="fine"/></testsuite>')
        self.assertEqual(self.summary(), (["FAILED: //after_its_cases failed",
                                           "FAILED: //cut_short failed",
                                           "FAILED: //no_xml timeout"], "1 3"))

    def test_counts_what_does_not_build_as_a_failure(self):
        self.events.append({"id": {"targetCompleted": {"label": "//a"}},
                            "completed": {"success": True}})
        for _ in range(2):
            self.events.append({"id": {"targetCompleted": {"label": "//b"}},
                                "aborted": {"reason": "UNKNOWN"}})
        self.assertEqual(self.summary(), (["FAILED: //b does not build"], "0 1"))

    def test_takes_the_last_attempt(self):
        self.result("//a", "FAILED", None)
        self.result("//a", "PASSED", '<testsuite><testcase name="a"/></testsuite>')
        self.assertEqual(self.summary(), ([], "1 0"))


if __name__ == "__main__":
    unittest.main()
