"""A stand-in for Hugging Face's hub on this machine, with a CDN on a port of its own.

It speaks what huggingface_hub asks for in a download: HEAD and GET of
/REPO/resolve/REVISION/FILE, answered like the real one with a redirect to the
CDN for large files. What it is told to do wrong, it does wrong.
"""

import hashlib
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

COMMIT = "c0ffee" * 6 + "c0ff"
LARGE = 1000
"""Files of more bytes than this are kept as Git LFS keeps them, under their SHA-256."""

_POLL = 0.01
"""Seconds until a server notices that it is to stop."""


@dataclass(frozen=True)
class Asked:
    """One request as it came in, and the bytes of content that went out."""

    method: str
    path: str
    range: str | None
    token: str | None
    encoding: str | None
    sent: int


@dataclass
class Hub:
    """The files that there are, and the mistakes to make."""

    files: dict[str, bytes] = field(default_factory=dict)
    """By "org/name/file"."""

    refuse: tuple[int, str] | None = None
    """Answer everything with this status and X-Error-Code."""

    cuts: deque[int] = field(default_factory=deque)
    """How many bytes of content each next answer may carry before the connection breaks."""

    cdn_status: int | None = None
    """What the CDN answers instead of content, once there are no cuts left."""

    instead: bytes | None = None
    """What the CDN sends instead of the content."""

    ranges: bool = True
    """Whether Range is understood."""

    claims: int | None = None
    """The size that the hub tells, if not the right one."""

    etag: str | None = None
    """The name that the hub tells for a content, if not the right one."""

    hold: threading.Event | None = None
    """After half of the content, wait for this."""

    asked: list[Asked] = field(default_factory=list)
    half: threading.Event = field(default_factory=threading.Event)
    """Set as soon as half of some content has gone out and the rest is held."""

    def __post_init__(self) -> None:
        self._servers = [_Server(("127.0.0.1", 0), handler) for handler in (_Front, _Cdn)]
        for server in self._servers:
            server.hub = self
        self.url, self.cdn = (f"http://127.0.0.1:{s.server_port}" for s in self._servers)
        self._threads = [
            threading.Thread(target=s.serve_forever, args=(_POLL,)) for s in self._servers
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.hold is not None:
            self.hold.set()
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()

    def contents(self) -> list[Asked]:
        """Return the requests that got content, or wanted it: everything but HEAD."""
        return [asked for asked in self.asked if asked.method == "GET"]

    def received(self) -> int:
        """Return how many bytes of content went out."""
        return sum(asked.sent for asked in self.asked)


class _Server(ThreadingHTTPServer):
    hub: Hub
    # Their end is waited for: no thread of one test reaches into the next.
    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the client of a test may die, that is what the test is about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""

    def note(self, sent: int = 0) -> None:
        wanted, token, encoding = (
            self.headers[name] for name in ("Range", "Authorization", "Accept-Encoding")
        )
        asked = Asked(self.command, self.path, wanted, token, encoding, sent)
        self.server.hub.asked.append(asked)

    def answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send_content(self, content: bytes, headers: dict[str, str]) -> None:
        hub = self.server.hub
        start = 0
        if hub.ranges and (wanted := self.headers["Range"]):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        headers["Content-Length"] = str(len(content) - start)
        body = content[start:][: hub.cuts.popleft() if hub.cuts else None]
        self.note(len(body))
        self.answer(206 if start else 200, headers)
        if hub.hold is not None:
            self.wfile.write(body[: len(body) // 2])
            hub.half.set()
            hub.hold.wait(60)
            body = body[len(body) // 2 :]
        self.wfile.write(body)


class _Front(_Handler):
    """The hub itself: knows what there is, and sends small files."""

    def do_HEAD(self) -> None:
        self._resolve(with_content=False)

    def do_GET(self) -> None:
        self._resolve(with_content=True)

    def _resolve(self, *, with_content: bool) -> None:
        hub = self.server.hub
        repo, _, rest = self.path.lstrip("/").partition("/resolve/")
        content = hub.files.get(f"{repo}/{rest.partition('/')[2]}")
        if hub.refuse is not None or content is None:
            self.note()
            known = any(name.startswith(f"{repo}/") for name in hub.files)
            missing = (404, "EntryNotFound") if known else (401, "RepoNotFound")
            status, code = hub.refuse or missing
            self.answer(status, {"X-Error-Code": code, "X-Repo-Commit": COMMIT})
            return
        large = len(content) > LARGE
        etag = hashlib.sha256(content) if large else _git(content)
        size = hub.claims or len(content)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hub.etag or etag.hexdigest()}"'}
        if large:
            self.note()
            linked = {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(size)}
            self.answer(302, {**headers, **linked, "Location": f"{hub.cdn}{self.path}"})
        elif with_content:
            self.send_content(content, headers)
        else:
            self.note()
            self.answer(200, {**headers, "Content-Length": str(size)})


class _Cdn(_Handler):
    """Another host in the eyes of a client: sends large files, knows nothing about people."""

    def do_GET(self) -> None:
        hub = self.server.hub
        if hub.cdn_status is not None and not hub.cuts:
            self.note()
            self.answer(hub.cdn_status, {"Content-Length": "0"})
            return
        repo, _, rest = self.path.lstrip("/").partition("/resolve/")
        content = hub.files[f"{repo}/{rest.partition('/')[2]}"]
        self.send_content(hub.instead or content, {})


def _git(content: bytes) -> Any:
    return hashlib.sha1(b"blob %d\0" % len(content) + content)
