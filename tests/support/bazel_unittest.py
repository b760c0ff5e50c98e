"""unittest, as Bazel wants it: the cases in test.xml."""

import os
import sys
import time
import unittest
import xml.etree.ElementTree as xml


class Result(unittest.TextTestResult):
    """Keeps what Bazel's test.xml wants to know."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.suite = xml.Element("testsuite", name="unittest")
        self._case = None
        self._began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()
        self._case = xml.SubElement(self.suite, "testcase", classname=type(test).__name__,
                                    name=test._testMethodName)

    def stopTest(self, test):
        self._case.set("time", f"{time.monotonic() - self._began:.3f}")
        self._case = None
        super().stopTest(test)

    def _failed(self, test, error):
        text = self._exc_info_to_string(error, test)
        # The set-up of the class has no case of its own.
        case = self._case
        if case is None:
            case = xml.SubElement(self.suite, "testcase", name=str(test))
        if case.find("failure") is None:
            xml.SubElement(case, "failure", message=text.splitlines()[-1]).text = text

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._failed(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._failed(test, err)


def run():
    """Every test of the program that calls it."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(verbosity=2, resultclass=Result).run(suite)
    path = os.environ.get("XML_OUTPUT_FILE")
    if path:
        xml.ElementTree(result.suite).write(path, encoding="utf-8", xml_declaration=True)
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
