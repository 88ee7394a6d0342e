"""A headless Chromium, driven through its debugging pipe: no library and no port."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from house import until

_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1000,700", "--remote-debugging-pipe",
)  # fmt: skip


class Page:
    """One page; `requests` are the addresses that it asked for."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.requests: list[str] = []

    def open(self, uri: str) -> None:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.call("Network.enable")
        self.call("Page.enable")
        self.call("Page.navigate", url=uri)
        self.until("document.readyState == 'complete' && location.href != 'about:blank'")

    def call(self, method: str, **params: Any) -> Any:
        self._number += 1
        request: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            request["sessionId"] = self._session
        os.write(self._writing, json.dumps(request).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("method") == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    def value(self, script: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    def until(self, script: str) -> None:
        until(lambda: bool(self.value(script)), script)

    def press(self, key: str) -> None:
        code = {"text": "\r", "windowsVirtualKeyCode": 13} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def _message(self) -> Any:
        while b"\0" not in self._buffer:
            data = os.read(self._reading, 1 << 20)
            assert data, "Chromium ended"
            self._buffer += data
        one, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(one)


@contextmanager
def page(folder: Path, uri: str) -> Iterator[Page]:
    """Show an address; skips where there is no Chromium. `folder` is for its profile."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed")
    (to_read, write), (read, from_it) = os.pipe(), os.pipe()
    command = f'exec "$@" 3<&{to_read} 4>&{from_it}'
    browser = subprocess.Popen(
        ["bash", "-c", command, "bash", program, *_OPTIONS, f"--user-data-dir={folder}"],
        pass_fds=(to_read, from_it),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_it)
    try:
        shown = Page(read, write)
        shown.open(uri)
        yield shown
    finally:
        browser.kill()
        browser.wait()
        os.close(read)
        os.close(write)
