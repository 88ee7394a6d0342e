"""Stand-ins for programs of a desktop that are spoken to by D-Bus: a panel, a file manager."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from typing import Any, Self

from jeepney import (
    DBusAddress,
    HeaderFields,
    MessageType,
    Properties,
    new_error,
    new_method_call,
    new_method_return,
)
from jeepney.io.blocking import open_dbus_connection
from jeepney.wrappers import DBusErrorResponse, unwrap_msg

from house import PATIENCE

_BUS = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")


class Service:
    """Owns a name on a bus, and answers what is called by it, in a thread of its own."""

    name = ""

    def __init__(self, bus: str) -> None:
        self.bus = bus
        self.told: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._serving = open_dbus_connection(bus)
        self._ended = False
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        taken = new_method_call(_BUS, "RequestName", "su", (self.name, 4))
        assert unwrap_msg(self._serving.send_and_get_reply(taken)) == (1,)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()
        self._serving.close()

    def next(self) -> tuple[str, Any]:
        """Return who told something next, and what."""
        return self.told.get(timeout=PATIENCE)

    def _serve(self) -> None:
        while not self._ended:
            try:
                message = self._serving.receive(timeout=0.2)
            except TimeoutError:
                continue
            if message.header.message_type is MessageType.method_call:
                answer = self._answer(message)
                if answer is not None:
                    self._serving.send(answer)

    def _answer(self, message: Any) -> Any:
        raise NotImplementedError


class FileManager(Service):
    """What shows files in their folders."""

    name = "org.freedesktop.FileManager1"

    def _answer(self, message: Any) -> Any:
        self.told.put((message.header.fields[HeaderFields.member], message.body))
        return new_method_return(message)


class Notifications(Service):
    """What shows notifications; `is_deaf` lets it hear them and never answer."""

    name = "org.freedesktop.Notifications"

    def __init__(self, bus: str, *capabilities: str) -> None:
        super().__init__(bus)
        self.is_deaf = False
        self._capabilities = list(capabilities)

    def shown(self) -> tuple[str, str]:
        """Return title and text of the next one."""
        _, (_, _, _, title, text, *_) = self.next()
        return title, text

    def _answer(self, message: Any) -> Any:
        member = message.header.fields[HeaderFields.member]
        if self.is_deaf:
            self.told.put((member, message.body))
            return None
        if member == "GetCapabilities":
            return new_method_return(message, "as", (self._capabilities,))
        self.told.put((member, message.body))
        return new_method_return(message, "u", (len(message.body),))


class Panel(Service):
    """What shows icons, with their menus."""

    name = "org.kde.StatusNotifierWatcher"

    def item(self) -> Item:
        """Return the next icon that was registered."""
        owner, registered = self.next()
        # Either its name on the bus, or the path of its object.
        if registered.startswith("/"):
            return Item(self.bus, owner, registered)
        return Item(self.bus, registered, "/StatusNotifierItem")

    def _answer(self, message: Any) -> Any:
        fields = message.header.fields
        match fields[HeaderFields.member], message.body:
            case "RegisterStatusNotifierItem", (path,):
                self.told.put((fields[HeaderFields.sender], path))
                return new_method_return(message)
            case "GetAll", _:
                there = {"IsStatusNotifierHostRegistered": ("b", True), "ProtocolVersion": ("i", 0)}
                return new_method_return(message, "a{sv}", (there,))
            case "Get", (_, "IsStatusNotifierHostRegistered"):
                return new_method_return(message, "v", (("b", True),))
        return new_error(message, "org.freedesktop.DBus.Error.UnknownMethod")


class Item:
    """An icon as a panel sees it."""

    def __init__(self, bus: str, owner: str, path: str) -> None:
        self._asking = open_dbus_connection(bus)
        self._item = DBusAddress(path, owner, "org.kde.StatusNotifierItem")
        [(_, menu)] = self._call(Properties(self._item).get("Menu"))
        self._menu = DBusAddress(menu, owner, "com.canonical.dbusmenu")

    def close(self) -> None:
        """Look no longer."""
        self._asking.close()

    def labels(self) -> list[str]:
        """Return every line of the menu and of the menus below it, in order."""
        return [label for _, label, _ in self._lines()]

    def ticked(self) -> set[str]:
        """Return the lines that have a tick."""
        return {label for _, label, ticked in self._lines() if ticked}

    def click(self, label: str) -> None:
        """Click at a line; one that was made anew at this moment is looked for again."""
        for number in (number for _ in range(20) for number, text, _ in self._lines()
                       if text == label):  # fmt: skip
            body = (number, "clicked", ("i", 0), 0)
            with contextlib.suppress(DBusErrorResponse):
                self._call(new_method_call(self._menu, "Event", "isvu", body))
                return
        raise AssertionError(f"no line {label!r} to click at: {self.labels()}")

    def _lines(self) -> Iterator[tuple[int, str, bool]]:
        body: tuple[int, int, list[str]] = (0, -1, [])
        try:
            _, layout = self._call(new_method_call(self._menu, "GetLayout", "iias", body))
        except DBusErrorResponse:
            return  # between two menus there is none
        yield from _walk(layout)

    def _call(self, message: Any) -> Any:
        return unwrap_msg(self._asking.send_and_get_reply(message, timeout=PATIENCE))


def _walk(layout: Any) -> Iterator[tuple[int, str, bool]]:
    number, properties, below = layout
    if "label" in properties:
        # An underline before the letter of a key is doubled where it is meant.
        label = properties["label"][1].replace("__", "_")
        yield number, label, properties.get("toggle-state", ("i", 0))[1] == 1
    for _, one in below:
        yield from _walk(one)
