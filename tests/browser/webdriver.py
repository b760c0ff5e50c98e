"""A client of chromedriver: WebDriver over HTTP, as much as the page's tests need."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
DEADLINE_S = 30
POLL_S = 0.05
KEY_ENTER = "\ue007"
KEY_SHIFT = "\ue008"
KEY_DOWN = "\ue015"

CHROMIUM_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-GB",
]


class WebDriverError(Exception):
    pass


def wait_for(what, condition, deadline_s=DEADLINE_S):
    """The first true value of `condition()`. Fails when there is none in time."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline_s} s for {what}")
        time.sleep(POLL_S)


class Driver:
    """A chromedriver process, on a port that it chooses itself."""

    def __init__(self):
        self._process = subprocess.Popen(
            ["chromedriver", "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.url = self._read_url()

    def _read_url(self):
        for line in self._process.stdout:
            # "ChromeDriver was started successfully on port 40123."
            if "started successfully on port" in line:
                return "http://127.0.0.1:" + line.rstrip(".\n").rsplit(" ", 1)[1]
        raise WebDriverError("chromedriver did not start")

    def close(self):
        self._process.terminate()
        self._process.wait(timeout=DEADLINE_S)
        self._process.stdout.close()


class Window:
    """A Chromium with a profile of its own: one person at one screen."""

    def __init__(self, driver, width=1280, height=800, dark=False, touch=False):
        self._driver = driver
        self._profile = tempfile.mkdtemp(prefix="chatter-profile-")
        arguments = CHROMIUM_ARGUMENTS + [f"--user-data-dir={self._profile}"]
        if dark:
            arguments.append("--force-dark-mode")
        options = {"binary": shutil.which("chromium"), "args": arguments}
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        answer = self._call("POST", driver.url + "/session",
                            {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"{driver.url}/session/{answer['sessionId']}"
        # The window's frame does not count: what the page sees is exactly this.
        self.devtools("Emulation.setDeviceMetricsOverride",
                      {"width": width, "height": height, "deviceScaleFactor": 1,
                       "mobile": touch})
        self.devtools("Emulation.setTouchEmulationEnabled", {"enabled": touch})

    def close(self):
        self._call("DELETE", self._session)
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, url):
        self._command("POST", "/url", {"url": url})

    def reload(self):
        self._command("POST", "/refresh", {})

    def back(self):
        self._command("POST", "/back", {})

    def script(self, code, *arguments):
        """The value of `return …` in the page."""
        return self._command("POST", "/execute/sync",
                             {"script": code, "args": list(arguments)})

    def devtools(self, command, parameters):
        return self._command("POST", "/goog/cdp/execute",
                             {"cmd": command, "params": parameters})

    def click(self, selector):
        self._do(selector, "click", {})

    def type(self, selector, text):
        self._do(selector, "value", {"text": text})

    def keys(self, text):
        """Typed into whatever has the focus."""
        active = self._command("GET", "/element/active")[ELEMENT]
        self._command("POST", f"/element/{active}/value", {"text": text})

    def is_shown(self, selector):
        return self.script(
            "const e = document.querySelector(arguments[0]);"
            "return e !== null && e.checkVisibility();", selector)

    def texts(self, selector):
        """The text of each element, in order."""
        return self.script(
            "return [...document.querySelectorAll(arguments[0])]"
            ".map((e) => e.textContent);", selector)

    def text(self, selector):
        return "".join(self.texts(selector)[:1])

    def wait_shown(self, selector):
        wait_for(f"{selector} to be shown", lambda: self.is_shown(selector))

    def console_errors(self):
        """What the console said since the last call, from warnings up."""
        entries = self._command("POST", "/se/log", {"type": "browser"})
        return [e["message"] for e in entries if e["level"] in ("WARNING", "SEVERE")]

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self._command("GET", "/screenshot")))

    def save_screenshot(self, name):
        """Where a test's outputs are kept, when they are."""
        folder = os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR")
        if folder:
            self.screenshot(os.path.join(folder, name + ".png"))

    def _do(self, selector, action, body):
        """On the first such element, as soon as there is one that can be used."""
        self.wait_shown(selector)
        found = self._command("POST", "/element",
                              {"using": "css selector", "value": selector})
        self._command("POST", f"/element/{found[ELEMENT]}/{action}", body)

    def _command(self, method, path, body=None):
        return self._call(method, self._session + path, body)

    @staticmethod
    def _call(method, url, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=2 * DEADLINE_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise WebDriverError(json.load(error)["value"]["message"]) from None
