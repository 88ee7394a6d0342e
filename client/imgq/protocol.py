"""Bytes to messages and back: MessagePack-RPC without any I/O.

Rules of this file: it knows nothing of sockets, files or threads, so that the
daemon, its child processes and every client share one tested parser. Whatever
it refuses, it refuses with `ProtocolError`, before memory is spent on it. Records
are named tuples here and in whatever else a search imports: a person waits for each
import, and dataclasses bring slow ones.

The convention is MessagePack-RPC: request ``[0, msgid, method, [params]]``,
response ``[1, msgid, error, result]``, notification ``[2, method, [params]]``;
imgq's params are one map in the array's only place.
"""

from __future__ import annotations

import msgpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, NamedTuple
else:
    from imgq.records import NamedTuple

VERSION: Final = 1
"""The protocol's number, as `hello` reports it."""

CODES: Final = ("usage", "not_found", "busy", "unavailable", "too_large", "internal")
"""Every code that an error may carry."""


class ProtocolError(Exception):
    """The other side sent bytes that are not MessagePack-RPC; the connection must be closed."""


class Limits(NamedTuple):
    """What a reader accepts before it gives up on a peer.

    `frame` is the longest message in bytes. The lengths are checked against
    the header, before anything is allocated: without them a header of five
    bytes may claim a hundred million elements.
    """

    frame: int = 1 << 20
    # Each header of an array costs its length at once, and headers may nest 500 deep.
    array: int = 64
    map: int = 256


FROM_CLIENT: Final = Limits()
"""For the daemon's ear: a query is small, whatever is large is a mistake or an attack."""

FROM_DAEMON: Final = Limits(frame=64 << 20, array=1 << 16, map=4096)
"""For everything that the daemon or one of its own processes says."""


class Request(NamedTuple):
    """A call that wants an answer with the same `msgid`."""

    msgid: int
    method: str
    params: dict[str, Any]


class Response(NamedTuple):
    """The answer to a request: `error` is (code, text) or None."""

    msgid: int
    error: tuple[str, str] | None
    result: Any


class Notification(NamedTuple):
    """A message that wants no answer."""

    method: str
    params: dict[str, Any]


Message = Request | Response | Notification


class Reader:
    """Cuts a stream of bytes into messages.

    Feed it what arrived, get the messages that are complete. After a
    `ProtocolError` the reader is spent: the stream has lost its place.
    """

    def __init__(self, limits: Limits = FROM_CLIENT) -> None:
        self._frame = limits.frame
        self._fed = 0
        self._taken = 0
        self._unpacker = msgpack.Unpacker(
            raw=False,
            strict_map_key=True,
            max_buffer_size=2 * limits.frame,
            max_array_len=limits.array,
            max_map_len=limits.map,
            max_str_len=limits.frame,
            max_bin_len=limits.frame,
            max_ext_len=0,
            ext_hook=_no_extension,
        )

    @property
    def unfinished(self) -> int:
        """How many bytes of a message that is not complete are held."""
        return self._fed - self._taken

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes and return the messages they complete.

        Raises ProtocolError for anything that is not a message within the limits.
        """
        try:
            self._unpacker.feed(data)
            self._fed += len(data)
            messages = []
            for item in self._unpacker:
                self._check_length(self._unpacker.tell() - self._taken)
                self._taken = self._unpacker.tell()
                messages.append(_message(item))
        except ProtocolError:
            raise
        except (ValueError, msgpack.UnpackException, UnicodeDecodeError, TypeError) as error:
            reason = str(error) or type(error).__name__
            raise ProtocolError(f"not MessagePack within the limits: {reason}") from error
        self._check_length(self.unfinished)
        return messages

    def _check_length(self, length: int) -> None:
        if length > self._frame:
            raise ProtocolError(f"a message longer than {self._frame} bytes")


def _no_extension(code: int, _: bytes) -> Any:
    # An extension without a byte of its own is within every limit.
    raise ValueError(f"an extension (type {code})")


def pack_request(msgid: int, method: str, params: dict[str, Any]) -> bytes:
    """Return the bytes of a request."""
    return _pack([0, msgid, method, [params]])


def pack_result(msgid: int, result: Any) -> bytes:
    """Return the bytes of a successful answer."""
    return _pack([1, msgid, None, result])


def pack_error(msgid: int, code: str, text: str) -> bytes:
    """Return the bytes of an error answer; `code` is one of `CODES`.

    An error must get through: what cannot be encoded in its text is escaped.
    """
    sendable = text.encode("utf-8", "backslashreplace").decode()
    return _pack([1, msgid, [code, sendable], None])


def pack_notification(method: str, params: dict[str, Any]) -> bytes:
    """Return the bytes of a notification."""
    return _pack([2, method, [params]])


def wire_path(path: bytes) -> str | bytes:
    """Return a path as the wire carries it: text where it is UTF-8, else bytes."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return path


def path_bytes(value: object) -> bytes:
    """Return the raw bytes of a path from the wire; raises ValueError for anything else."""
    if isinstance(value, str):
        value = value.encode()
    if not isinstance(value, bytes) or not value or b"\0" in value:
        raise ValueError("a path is a non-empty text or binary without zero bytes")
    return value


def _pack(message: list[Any]) -> bytes:
    packed: bytes = msgpack.packb(message, use_bin_type=True)
    return packed


def _message(item: object) -> Message:
    match item:
        case [0, int(msgid), method, params] if not isinstance(msgid, bool) and msgid >= 0:
            return Request(msgid, _name(method), _params(params))
        case [1, int(msgid), error, result] if not isinstance(msgid, bool):
            return Response(msgid, _error(error), result)
        case [2, method, params]:
            return Notification(_name(method), _params(params))
    raise ProtocolError("not a MessagePack-RPC message")


def _name(method: object) -> str:
    # pynvim sends its client info with the method as binary.
    if isinstance(method, bytes):
        method = method.decode("utf-8", "replace")
    if not isinstance(method, str):
        raise ProtocolError("a method's name is text")
    return method


def _params(params: object) -> dict[str, Any]:
    match params:
        case [] | [None]:
            return {}
        case [dict(mapping)]:
            return mapping
        case list():
            # Known to MessagePack-RPC, unknown to imgq: the method's handler refuses it by name.
            return {"": params}
    raise ProtocolError("params are an array")


def _error(error: object) -> tuple[str, str] | None:
    match error:
        case None:
            return None
        case [str(code), str(text)]:
            return (code, text)
    return ("internal", str(error))
