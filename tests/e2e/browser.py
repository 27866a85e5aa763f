"""A real browser for the tests: headless Chromium, spoken to through a pipe, with no port and no further library."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def found() -> str | None:
    """The browser of this machine; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a browser.

    Attributes:
        events: (method, parameters) of everything that the browser said unasked.
    """

    def __init__(self, path: str) -> None:
        self.events: list[tuple[str, dict]] = []
        self._asked, self._rest = 0, b""
        # The browser writes its whole state somewhere: here, and nothing of it stays.
        self._home = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        flags = [
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
            *("--disable-dev-shm-usage", "--remote-debugging-pipe", "--disable-extensions"),
            *("--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={self._home.name}"),
        ]
        # The pipe has the numbers 3 and 4, by the browser's own rule.
        command = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        self.process = subprocess.Popen(
            ["bash", "-c", command, path, *flags, "about:blank"],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self._home.name},
            start_new_session=True,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._session: str | None = None
        targets = self.ask("Target.getTargets")["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = self.ask("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")
        # A window that nobody looks at has no focus.
        self.ask("Emulation.setFocusEmulationEnabled", enabled=True)

    def ask(self, method: str, **parameters) -> dict:
        """Asks the browser for something and waits for its answer."""
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._asked:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _next(self, timeout: float = 60.0) -> dict:
        """The next thing that the browser says; events are kept too."""
        deadline = time.monotonic() + timeout
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser says nothing"
            data = os.read(self._in, 1 << 20)
            assert data, "the browser ended"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(line)
        if "method" in message:
            self.events.append((message["method"], message.get("params", {})))
        return message

    def open(self, path, *, width=1200, height=900, scheme="light") -> None:
        """Opens a file in a window of this size and waits until it is loaded."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.ask("Emulation.setEmulatedMedia", features=[feature])
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while not self.said("Page.loadEventFired"):
            self._next()

    def said(self, method: str) -> list[dict]:
        """The parameters of each event of this kind since the page was opened."""
        return [parameters for name, parameters in self.events if name == method]

    def run(self, expression: str):
        """The value of a JavaScript expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def point(self, x: float, y: float) -> None:
        """Moves the pointer."""
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def press(self, key: str) -> None:
        """Presses a key by its name, and lets it go."""
        for kind in ("keyDown", "keyUp"):
            code = {"Tab": 9, "ArrowRight": 39, "ArrowLeft": 37, "Escape": 27}[key]
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    def downloaded(self, folder, expression: str):
        """The path of the file that the page saves into a folder when it runs a JavaScript expression."""
        before = set(folder.iterdir())
        self.ask("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        self.run(expression)
        while not any(each["state"] == "completed" for each in self.said("Page.downloadProgress")):
            self._next()
        self.events.clear()
        (path,) = set(folder.iterdir()) - before
        return path

    def screenshot(self, *, height: int | None = None, scale: float = 1.0) -> bytes:
        """The whole page as a PNG, or its upper part of this height."""
        more = {}
        if height is not None:
            width = self.run("document.documentElement.clientWidth")
            more["clip"] = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True, **more)
        return base64.b64decode(shot["data"])

    def pdf(self) -> bytes:
        """The page as it prints."""
        return base64.b64decode(self.ask("Page.printToPDF", printBackground=False)["data"])

    def close(self) -> None:
        self._session = None
        self.ask("Browser.close")
        self.process.wait(timeout=30)
        os.close(self._in)
        os.close(self._out)
        self._home.cleanup()
