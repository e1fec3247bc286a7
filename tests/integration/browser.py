"""Headless Chromium, driven by its own protocol over a pipe: JSON messages that end with a zero byte.

Chromium runs in a folder and a session of its own and ends with the block that started it.
"""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from urllib.parse import urlsplit

import support

SECONDS = 60
# Chromium reads from the first and writes to the second.
COMMANDS_FD, EVENTS_FD = 3, 4


def program():
    """The path of Chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One process of Chromium."""

    def __init__(self, folder):
        read_commands, self.commands = os.pipe()
        self.events, write_events = os.pipe()
        # A shell puts the pipes where Chromium looks for them.
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["bash", "-c", f'exec "$@" {COMMANDS_FD}<&{read_commands} {EVENTS_FD}>&{write_events}',
             "bash", program(), "--headless=new", "--remote-debugging-pipe", "--no-sandbox",
             "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--disable-component-update", "--mute-audio",
             f"--user-data-dir={folder}", "about:blank"],
            pass_fds=(read_commands, write_events), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "HOME": folder, "TZ": "UTC"})
        os.close(read_commands)
        os.close(write_events)
        self.buffer = b""
        self.number = 0
        self.seen = []  # events, as they came

    def close(self):
        """Ends the process and what it started."""
        support.kill_session(self.process.pid)
        self.process.wait(timeout=SECONDS)
        os.close(self.commands)
        os.close(self.events)

    def _message(self, deadline):
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.events], [], [], left)[0]:
                raise TimeoutError("no word from Chromium")
            received = os.read(self.events, 1 << 20)
            if not received:
                raise ConnectionError(f"Chromium ended: {self.process.poll()}")
            self.buffer += received
        text, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(text)

    def send(self, method, session=None, **parameters):
        """Sends a command; its result."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        data = json.dumps(command).encode() + b"\0"
        while data:
            data = data[os.write(self.commands, data):]
        deadline = time.monotonic() + SECONDS
        while True:
            message = self._message(deadline)
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.seen.append(message)

    def page(self, width, height, scheme):
        """A new page of that size, light or dark."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, width, height, scheme)


class Page:
    """A tab."""

    def __init__(self, browser, session, width, height, scheme):
        self.browser, self.session = browser, session
        self.width, self.height = width, height
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable")
        self._send("Emulation.setDeviceMetricsOverride", width=width, height=height,
                   deviceScaleFactor=1, mobile=width < 600)
        self._send("Emulation.setEmulatedMedia",
                   features=[{"name": "prefers-color-scheme", "value": scheme}])

    def _send(self, method, **parameters):
        return self.browser.send(method, self.session, **parameters)

    def open(self, url):
        """Goes there and waits until it is loaded."""
        result = self._send("Page.navigate", url=url)
        if "errorText" in result:
            raise RuntimeError(f"{url}: {result['errorText']}")
        self.wait_for("document.readyState === 'complete' && "
                      f"location.href === {json.dumps(url)}")

    def evaluate(self, expression):
        """The value of a JavaScript expression."""
        result = self._send("Runtime.evaluate", expression=expression, returnByValue=True,
                            awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait_for(self, expression, seconds=SECONDS):
        """Waits until the expression is true."""
        return support.wait_until(lambda: self.evaluate(expression), seconds, expression)

    def events(self, method):
        """The parameters of the events of a kind, so far."""
        self.evaluate("0")  # what came before has arrived
        return [event["params"] for event in self.browser.seen
                if event.get("sessionId") == self.session and event["method"] == method]

    def complaints(self):
        """What the console, the browser and uncaught exceptions said that is not mere information."""
        said = [str(event["args"]) for event in self.events("Runtime.consoleAPICalled")
                if event["type"] in ("error", "warning", "assert")]
        said += [event["exceptionDetails"]["text"]
                 for event in self.events("Runtime.exceptionThrown")]
        said += [event["entry"]["text"] for event in self.events("Log.entryAdded")
                 if event["entry"]["level"] in ("error", "warning")]
        return said

    def hosts(self):
        """Whom it asked: HOST:PORT."""
        urls = [urlsplit(event["request"]["url"])
                for event in self.events("Network.requestWillBeSent")]
        return {url.netloc for url in urls if url.scheme not in ("data", "about")}

    def screenshot(self, path, height=None):
        """A PNG of the first HEIGHT pixels, or of all of it."""
        if height is None:
            height = self.evaluate("document.documentElement.scrollHeight")
        data = self._send("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                          clip={"x": 0, "y": 0, "width": self.width, "height": height, "scale": 1})
        with open(path, "wb") as file:
            file.write(base64.b64decode(data["data"]))


@contextlib.contextmanager
def running():
    """A browser for the time of a with block."""
    folder = tempfile.mkdtemp(prefix="vitrine-browser-")
    browser = Browser(folder)
    try:
        yield browser
    finally:
        browser.close()
        shutil.rmtree(folder, ignore_errors=True)
