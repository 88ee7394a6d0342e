"""A daemon by hand: the protocol over a real Unix socket, with answers that a test chooses."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from imgq import protocol

Params = dict[str, Any]

STATUS: Params = {
    "version": "0.1.0",
    "pid": 4711,
    "state": "indexing",
    "pictures": 60312,
    "files": 61004,
    "pending": 312,
    "failed": {"corrupt": 10, "too many pixels": 4},
    "roots": [
        {"path": "/home/ada/Pictures", "state": "online", "files": 60000, "watch": "live"},
        {"path": b"/media/\xff", "state": "offline", "files": 1004, "watch": "scan_only"},
    ],
    "model": {
        "name": "fast",
        "key": "k",
        "dim": 512,
        "state": "ready",
        "detail": "",
        "vectors": 60000,
        "waiting": 312,
        "download": None,
    },
    "embedder": {"running": True, "device": "cuda:0", "precision": "fp16"},
    "counters": {"decoded": 1, "embedded": 1, "reused": 0, "removed": 0},
    "as_of": 1000.0,
    "degraded": [],
    "memory": {"imgqd": 87031808, "embedder": 1288490189},
    "rate": 104.0,
    "remaining": 3.0,
}

MODELS: Params = {
    "active": "fast",
    "available": [
        {
            "name": "fast", "model": "A/t", "licence": "MIT", "on_disk": True, "restricted": False,
            "purpose": "quick", "size": 605_155_332, "dim": 512, "imagenet": 0.728,
            "vectors": 60000,
        },
        {"name": "best", "architecture": "BB", "tag": "", "licence": "MIT", "on_disk": False},
    ],
    "migrating": None,
}  # fmt: skip

MIGRATING: Params = {
    "from": "fast", "to": "best", "done": 250, "total": 1000, "left_out": 0, "remaining": 90.0,
    "waits": None,
}  # fmt: skip


STORE: Params = {
    "host": "nas:19530", "machine": "laptop", "state": "in_step", "detail": "", "since": 1000.0,
    "next_try": None, "behind": 0, "filling": None, "rows": 1200, "unindexed": 0,
    "answers": True, "waits_for": [], "work": None,
}  # fmt: skip

MACHINES: list[Params] = [
    {
        "machine": "laptop", "model": "fast", "is_complete": True, "seen": 1000.0,
        "answers": True, "rows": 200,
    },
    {
        "machine": "nas", "model": "best", "is_complete": False, "seen": 900.0,
        "answers": False, "rows": None,
    },
]  # fmt: skip


def result(path: str | bytes, **changes: Any) -> Params:
    """Return one of a search's results."""
    known: Params = {
        "path": path,
        "score": 0.25,
        "relevance": 0.9,
        "image_id": 1,
        "matched": "content",
        "also": [],
    }
    return {**known, **changes}


def found(*results: Params, **changes: Any) -> Params:
    """Return a search's answer."""
    known: Params = {
        "results": list(results),
        "weak_from": len(results),
        "total": 100,
        "took_ms": 12.5,
        "model": "fast",
        "as_of": time.time(),
        "pending": 0,
        "degraded": [],
    }
    return {**known, **changes}


class Refusal(Exception):
    """An answer that is an error."""


class HangUp(Exception):
    """No answer: the connection is closed."""


class FakeDaemon:
    """Answers as `answers` says: a value, an exception, or a function of (params, push)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[str, Any] = {
            "hello": {"name": "imgqd", "version": "0.1.0", "protocol": 1},
            "status": STATUS,
            "subscribe": {"subscription": 7},
            "unsubscribe": {},
            "models.list": MODELS,
            "roots.list": {"roots": STATUS["roots"]},
            "roots.add": {"roots": STATUS["roots"]},
            "roots.remove": {"roots": []},
            "shutdown": self._shut_down,
        }
        self.calls: list[tuple[str, Params]] = []
        self.left = threading.Event()
        self._leaving = self._stays = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def called(self, method: str) -> list[Params]:
        """Return the params of each call of a method so far."""
        return [params for name, params in self.calls if name == method]

    def stop_listening(self) -> None:
        """Be no longer there for new connections."""
        self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)

    def leave_after_answer(self) -> None:
        """Hang up when the request that is being answered has been."""
        self._leaving = True

    def leave_once(self) -> None:
        """Hang up when the request that is being answered has been, and stay for the next one."""
        self._leaving = self._stays = True

    def close(self) -> None:
        self.stop_listening()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _shut_down(self, *_: Any) -> Params:
        self.stop_listening()
        self.leave_after_answer()
        return {}

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                thread = threading.Thread(target=self._serve, args=[connection])
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        reader = protocol.Reader()
        with connection, contextlib.suppress(OSError, HangUp):
            while data := connection.recv(1 << 16):
                for message in reader.feed(data):
                    assert isinstance(message, protocol.Request)
                    self._answer(connection, message)
                    if self._leaving:
                        self._leaving = not self._stays
                        self.left.set()
                        return

    def _answer(self, connection: socket.socket, request: protocol.Request) -> None:
        self.calls.append((request.method, request.params))
        try:
            value = self._value(connection, request)
        except Refusal as refusal:
            connection.sendall(protocol.pack_error(request.msgid, *refusal.args))
        else:
            connection.sendall(
                value if isinstance(value, bytes) else protocol.pack_result(request.msgid, value)
            )

    def _value(self, connection: socket.socket, request: protocol.Request) -> Any:
        answer = self.answers.get(request.method, Refusal("usage", "no method"))
        if isinstance(answer, type) or not callable(answer):
            if isinstance(answer, Exception):
                raise answer
            return answer
        return answer(request.params, _pusher(connection))


def _pusher(connection: socket.socket) -> Callable[..., None]:
    def push(**params: Any) -> None:
        connection.sendall(protocol.pack_notification("event", params))

    return push


@contextlib.contextmanager
def running(path: Path) -> Iterator[FakeDaemon]:
    """Run a fake daemon for as long as the context lasts."""
    daemon = FakeDaemon(path)
    try:
        yield daemon
    finally:
        daemon.close()
