"""Debian's Chromium, driven over a pipe in its own protocol: one page, what went wrong on it, and clicks."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--window-size=1400,1000",
)
PATIENCE = 30.0
# Chromium reads commands from descriptor 3 and answers on 4, whatever the numbers of our pipes are.
ON_3_AND_4 = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for place, end in zip((3, 4), ends):
    os.dup2(end, place)
    os.close(end)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Chromium:
    """One page of one browser. `problems` are uncaught errors and error lines of its console."""

    def __init__(self, profile: Path) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        command = [sys.executable, "-c", ON_3_AND_4, str(to_read), str(to_write), str(PROGRAM), *QUIET]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_read, to_write),
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._buffer, self._count, self._session, self._loads = b"", 0, "", 0
        self.problems: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def close(self) -> None:
        """Ends the browser and everything it started."""
        self._session = ""
        self._call("Browser.close")
        self._process.wait(PATIENCE)
        os.close(self._write)
        os.close(self._read)

    def open(self, address: str) -> None:
        """Goes there and waits until the page is loaded."""
        self._after_load(lambda: self._call("Page.navigate", url=address))

    def click(self, selector: str) -> None:
        """Clicks what the selector finds first, and waits for the page that follows."""
        self._after_load(lambda: self.run(f"document.querySelector({json.dumps(selector)}).click()"))

    def fill(self, selector: str, text: str) -> None:
        """Writes into a field or chooses in a list."""
        place = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{place}.value = {json.dumps(text)}; {place}.dispatchEvent(new Event('change', {{bubbles: true}}))")

    def run(self, script: str) -> Any:
        """The value of a piece of JavaScript. Raises AssertionError when it throws."""
        said = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in said, f"{script}: {said['exceptionDetails']}"
        return said["result"].get("value")

    def text(self) -> str:
        """What a person reads on the page."""
        return str(self.run("document.body.innerText"))

    def _after_load(self, act: Any) -> None:
        before = self._loads
        act()
        while self._loads == before:
            self._take()

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        sent = {"id": self._count, "method": method, "params": params}
        if self._session:
            sent["sessionId"] = self._session
        os.write(self._write, json.dumps(sent).encode() + b"\0")
        while True:
            said = self._take()
            if said.get("id") == self._count:
                assert "error" not in said, f"{method}: {said['error']}"
                return dict(said["result"])

    def _take(self) -> dict[str, Any]:
        """The next message; events are noted."""
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser did not answer"
            self._buffer += os.read(self._read, 65_536)
        message, _, self._buffer = self._buffer.partition(b"\0")
        said: dict[str, Any] = json.loads(message)
        self._note(said.get("method", ""), said.get("params", {}))
        return said

    def _note(self, event: str, params: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loads += 1
        if event == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"]))
        if event == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(str(params["entry"]))
