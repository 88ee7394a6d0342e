"""One-shot calls over the session bus to other programs. The only home of jeepney."""

from __future__ import annotations

from typing import Any, Final

from jeepney import DBusAddress, DBusErrorResponse, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import unwrap_msg

_PATIENCE_S: Final = 3.0
_BUS: Final = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
_FILES: Final = DBusAddress(
    "/org/freedesktop/FileManager1",
    "org.freedesktop.FileManager1",
    "org.freedesktop.FileManager1",
)


class NoBus(Exception):
    """There is no session bus, or whoever was asked does not answer; the text says which."""


def is_there(name: str) -> bool:
    """Tell whether somebody on the session bus has a name; False without a bus."""
    try:
        return bool(_called(_BUS, "NameHasOwner", "s", (name,))[0])
    except NoBus:
        return False


def show_in_files(uris: tuple[str, ...]) -> None:
    """Let the file manager show files, each selected in its folder; raises NoBus."""
    _called(_FILES, "ShowItems", "ass", (list(uris), ""))


def reload() -> None:
    """Let the bus read anew which programs it may start; raises NoBus."""
    _called(_BUS, "ReloadConfig", "", ())


def _called(whom: DBusAddress, method: str, signature: str, body: tuple[Any, ...]) -> Any:
    try:
        with _connection() as bus:
            call = new_method_call(whom, method, signature, body)
            return unwrap_msg(bus.send_and_get_reply(call, timeout=_PATIENCE_S))
    except (OSError, KeyError, ValueError) as error:  # an address that is missing or not understood
        raise NoBus(f"no session bus: {error}") from error
    except (DBusErrorResponse, TimeoutError) as error:
        raise NoBus(f"{whom.bus_name} does not answer: {error}") from error


def _connection() -> DBusConnection:
    return open_dbus_connection("SESSION")
