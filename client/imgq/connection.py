"""One connection to the daemon: calls with deadlines, events kept until they are asked for.

Rules of this file: beside `async_connection` it is the only one in the client that
touches a socket, and the words for what goes wrong stand here for both. Every wait
has a deadline, every failure of the socket is an `Unreachable` that says what to do,
and after one of those the connection is closed for good, because an answer that
comes too late would be taken for the next one's. A connection belongs to one thread.
"""

from __future__ import annotations

import time
from collections import deque

from imgq import protocol
from imgq.errors import HungUp, NotRunning, Refused, Unreachable

try:
    # What `socket` is made of, and all that is needed of it. The module itself turns hundreds of
    # constants into enumerations first, which takes longer than the answer does.
    import _socket as socket
except ImportError:
    import socket  # type: ignore[no-redef]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

CHUNK = 1 << 16
# A status event replaces the one before it: whoever lags this far behind wants the newest.
EVENTS_KEPT = 256
# Our own requests begin at 1: an error for 0 is for the connection as a whole.
GOODBYE = 0


class Connection:
    """A connected socket and the messages that came through it."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self.path = path
        self._socket = _connect(path, timeout_s)
        self._reader = protocol.Reader(protocol.FROM_DAEMON)
        self._arrived: deque[protocol.Message] = deque()
        self._events: dict[int, deque[Mapping[str, Any]]] = {}
        self._last_id = 0

    def close(self) -> None:
        """Close the socket; closing again does nothing."""
        self._socket.close()

    def call(
        self,
        method: str,
        params: Mapping[str, Any],
        timeout_s: float,
        on_event: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Any:
        """Return the method's result; raises Refused for an error, Unreachable for silence.

        With `on_event`, events are handed over while the call is on, and each
        one sets the deadline anew: a long call is fine as long as it shows life.
        """
        self._last_id += 1
        wanted = self._last_id
        deadline = time.monotonic() + timeout_s
        self._send(packed(wanted, method, params), method, timeout_s)
        while True:
            match self._receive(method, deadline):
                case protocol.Response(msgid, error, result) if msgid == wanted:
                    if error is not None:
                        raise Refused(*error)
                    return result
                case protocol.Notification("event", event) if on_event is not None:
                    on_event(event)
                    deadline = time.monotonic() + timeout_s
                case protocol.Notification("event", event):
                    self._keep(event)
                case _:
                    pass  # an unknown notification is nobody's mistake

    def event(self, subscription: int) -> Mapping[str, Any]:
        """Wait, as long as it takes, for the next event of a subscription."""
        while not self._events.get(subscription):
            message = self._receive("subscribe", None)
            if isinstance(message, protocol.Notification) and message.method == "event":
                self._keep(message.params)
        return self._events[subscription].popleft()

    def wait_closed(self, timeout_s: float) -> None:
        """Wait until the daemon closes its side; raises Unreachable if it does not in time."""
        deadline = time.monotonic() + timeout_s
        try:
            while self._bytes(deadline):
                pass
        except TimeoutError:
            self.close()
            raise silent(self.path, "shutdown") from None
        except OSError:
            pass  # reset is closed, too
        self.close()

    def _keep(self, event: Mapping[str, Any]) -> None:
        subscription = event.get("subscription")
        if isinstance(subscription, int):
            self._events.setdefault(subscription, deque(maxlen=kept(event))).append(event)

    def _send(self, data: bytes, method: str, timeout_s: float) -> None:
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(data)
        except TimeoutError:
            self.close()
            raise silent(self.path, method) from None
        except OSError:
            # A daemon that hangs up says why: what it said is still to be read.
            return

    def _receive(self, method: str, deadline: float | None) -> protocol.Message:
        while not self._arrived:
            try:
                data = self._bytes(deadline)
                self._arrived.extend(self._reader.feed(data))
            except TimeoutError:
                self.close()
                raise silent(self.path, method) from None
            except OSError:
                self.close()
                raise gone(self.path, method) from None
            except protocol.ProtocolError as error:
                self.close()
                raise strange(self.path, error) from error
            if not data:
                self.close()
                raise gone(self.path, method)
        message = self._arrived.popleft()
        if isinstance(message, protocol.Response) and message.msgid == GOODBYE and message.error:
            self.close()
            raise Refused(*message.error)
        return message

    def _bytes(self, deadline: float | None) -> bytes:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket.recv(CHUNK)


def packed(msgid: int, method: str, params: Mapping[str, Any]) -> bytes:
    """Return a request's bytes; raises Refused for more than the daemon takes."""
    data = protocol.pack_request(msgid, method, dict(params))
    most = protocol.FROM_CLIENT.frame
    if len(data) > most:
        # The daemon would hang up in the middle of it and could not say why.
        raise Refused("too_large", f"a request of {len(data)} bytes: at most {most} are taken")
    return data


def kept(event: Mapping[str, Any]) -> int | None:
    """Return how many events like this one are kept for who is busy, None for all of them."""
    # A match is told in one event only: none may be left out.
    return None if event.get("topic") == "matches" else EVENTS_KEPT


def silent(path: str, method: str) -> Unreachable:
    """Return the error for an answer that does not come."""
    return Unreachable(
        f"the daemon at {path} did not answer {method} in time: "
        "ask again with a longer timeout, or see its log"
    )


def gone(path: str, method: str) -> HungUp:
    """Return the error for a daemon that hung up."""
    return HungUp(
        f"the daemon at {path} closed the connection during {method}: "
        "see its log, or start it again with `imgqctl start`"
    )


def strange(path: str, error: protocol.ProtocolError) -> Unreachable:
    """Return the error for bytes that are not of our protocol."""
    return Unreachable(f"what answers at {path} is not imgqd ({error}): check $IMGQ_SOCKET")


def _connect(path: str, timeout_s: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        connection.connect(path)
    except OSError as error:
        connection.close()
        raise unreachable(path, error) from error
    return connection


def unreachable(path: str, error: OSError) -> Unreachable:
    """Return the error for a socket that cannot be connected to."""
    match error:
        case FileNotFoundError() | ConnectionRefusedError() | NotADirectoryError():
            return NotRunning(f"cannot reach the daemon at {path}: start it with `imgqctl start`")
        case PermissionError():
            return Unreachable(f"cannot reach the daemon at {path}: it belongs to another user")
        case BlockingIOError() | TimeoutError():
            # A Unix socket whose queue is full says EAGAIN at once.
            return Unreachable(f"the daemon at {path} is too busy to answer: try again")
    # Too long a path is an OSError without a number.
    reason = error.strerror or str(error)
    return Unreachable(f"cannot reach the daemon at {path} ({reason}): check $IMGQ_SOCKET")
