"""The child's end: a blocking loop that answers the core's requests.

Rules of this file: the standard library and `imgq.protocol` only, because the
sandboxed decoder imports it. A child has one socket, inherited by number; when
the core closes it, or dies, the loop ends and with it the process.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from imgq import protocol

_READ: Final = 1 << 20
_MAX_FDS: Final = 2


class Fault(Exception):
    """A request that this child cannot fulfil: `code` and `text` go to the core."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


Handler = Callable[[dict[str, Any]], Any]


class Line:
    """The child's socket to the core: requests in, answers and events out."""

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        self._reader = protocol.Reader(protocol.FROM_DAEMON)
        self._sending = threading.Lock()

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Tell the core something that needs no answer, such as progress."""
        with self._sending:
            self._socket.sendall(protocol.pack_notification(method, params))

    def serve(self, handlers: Mapping[str, Handler]) -> None:
        """Answer requests in their order until the core hangs up.

        File descriptors that arrive with a request are handed to the handler
        as `params["fds"]`; the handler owns them. Raises ProtocolError when the
        core sends what is no message: then nothing can be trusted any more.
        """
        # Whether the core closed the line or died: there is nobody left to answer.
        with contextlib.suppress(ConnectionError):
            self._serve(handlers)

    def serve_ahead(
        self, handlers: Mapping[str, Handler], prepare: Mapping[str, Callable[[Any], None]]
    ) -> None:
        """Do the same, and take in one request more while the one before is worked on.

        `prepare` gets the params of a request, by its method, in the thread that reads: what
        it does there is done beside the work. Descriptors are not taken here.
        """
        taken: queue.Queue[protocol.Request | Exception | None] = queue.Queue(1)
        gone = threading.Event()
        reading = threading.Thread(
            target=self._read_ahead, args=(taken, gone, prepare), name="reading", daemon=True
        )
        reading.start()
        with contextlib.suppress(ConnectionError):
            while (request := taken.get()) is not None and not gone.is_set():
                if isinstance(request, Exception):
                    raise request
                self._socket.sendall(_answer(handlers, request))

    def serve_lanes(self, handlers: Mapping[str, Handler], lanes: Mapping[str, str]) -> None:
        """Answer requests side by side: those of one lane in their order, in a thread of its own.

        `lanes` has the lane of each method. Descriptors are not taken here.
        """
        queues: dict[str, queue.SimpleQueue[protocol.Request]] = {}

        def answer(taken: queue.SimpleQueue[protocol.Request]) -> None:
            try:
                while True:
                    answered = _answer(handlers, taken.get())
                    with self._sending:
                        self._socket.sendall(answered)
            finally:
                # The core has hung up, or a mistake of ours: either way nobody is to wait for us.
                os._exit(1)

        with contextlib.suppress(ConnectionError):
            while data := self._socket.recv(_READ):
                for message in self._reader.feed(data):
                    if not isinstance(message, protocol.Request):
                        continue
                    lane = lanes.get(message.method, "")
                    if lane not in queues:
                        queues[lane] = queue.SimpleQueue()
                        threading.Thread(
                            target=answer, args=(queues[lane],), name=lane, daemon=True
                        ).start()
                    queues[lane].put(message)

    def _read_ahead(
        self,
        taken: queue.Queue[protocol.Request | Exception | None],
        gone: threading.Event,
        prepare: Mapping[str, Callable[[Any], None]],
    ) -> None:
        try:
            while data := self._socket.recv(_READ):
                for message in self._reader.feed(data):
                    if isinstance(message, protocol.Request):
                        if message.method in prepare:
                            prepare[message.method](message.params)
                        taken.put(message)
        except ConnectionError:
            pass
        except Exception as error:  # noqa: BLE001 - told by the thread that serves
            taken.put(error)
            return
        # Nobody waits for what was taken in and not begun.
        gone.set()
        taken.put(None)

    def _serve(self, handlers: Mapping[str, Handler]) -> None:
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._socket, _READ, _MAX_FDS)
            if not data:
                return
            for message in self._reader.feed(data):
                if isinstance(message, protocol.Request):
                    if descriptors:
                        message.params["fds"], descriptors = descriptors, []
                    self._socket.sendall(_answer(handlers, message))
            for unclaimed in descriptors:
                os.close(unclaimed)


def _answer(handlers: Mapping[str, Handler], request: protocol.Request) -> bytes:
    handler = handlers.get(request.method)
    if handler is None:
        return protocol.pack_error(request.msgid, "usage", f"no method {request.method}")
    try:
        return protocol.pack_result(request.msgid, handler(request.params))
    except Fault as fault:
        return protocol.pack_error(request.msgid, fault.code, fault.text)
