"""How long the search window takes: from the hotkey to the window, from a key to its answer.

`python benchmarks/window.py [--rounds 10] [--count 2000]`: Linux, with Xvfb. A bare window of
each toolkit takes turns with ours; GTK by the system's Python, where there is one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psutil
from measure import (
    BIN,
    House,
    Result,
    Table,
    arguments,
    come_to_rest,
    finish,
    ms,
    percentile,
    places,
    running,
)
from Xlib import XK, X
from Xlib.display import Display
from Xlib.ext import xtest

_LINE: Final = "red car"
_SYSTEM: Final = "/usr/bin/python3"
_OURS: Final = "imgq-tray --search"
_BARE: Final = {
    "tkinter": (
        "import tkinter as t; w = t.Tk(); t.Entry(w).pack(); t.Canvas(w).pack(); w.mainloop()"
    ),
    "PySide6": (
        "from PySide6.QtWidgets import *; a = QApplication([]); w = QWidget(); b = QVBoxLayout(w);"
        "b.addWidget(QLineEdit()); b.addWidget(QListView()); w.show(); a.exec()"
    ),
    "GTK 3": (
        "import gi; gi.require_version('Gtk', '3.0'); from gi.repository import Gtk;"
        "w = Gtk.Window(); b = Gtk.Box(); b.add(Gtk.Entry()); b.add(Gtk.FlowBox()); w.add(b);"
        "w.show_all(); Gtk.main()"
    ),
}


class Side:
    """What one side took: seconds to its window, of the processor, and bytes of its own."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.waited: list[float] = []
        self.cpu: list[float] = []
        self.memory: list[float] = []


def main() -> None:
    """Measure both, and print them."""
    told = arguments("the search window", rounds=10, count=2000)
    sides = {name: Side([sys.executable, "-c", code]) for name, code in _BARE.items()}
    sides["GTK 3"].command[0] = _SYSTEM
    known = [_SYSTEM, "-c", "import gi; gi.require_version('Gtk', '3.0')"]
    if not shutil.which(_SYSTEM) or subprocess.run(known, check=False).returncode:
        del sides["GTK 3"]
    sides[_OURS] = Side([str(BIN / "imgq-tray"), "--search"])
    keys: list[float] = []
    with places() as base, _screen() as number:
        from demo.sample import small_pictures

        house = House(base / "house")
        house.environment |= {"DISPLAY": number, "NO_AT_BRIDGE": "1"}
        house.environment.pop("PYTHONDONTWRITEBYTECODE", None)
        small_pictures(house.pictures, told.count, seed=2)
        with running(house), house.client(timeout=600) as client:
            client.sync(600)
            client.search("warm", weak=True)
            come_to_rest(house.pid)
            display = Display(number)
            for _ in range(told.rounds + 1):
                for name, side in sides.items():
                    keys += _round(display, side, house, typed=name == _OURS)
            display.close()
            house.stop()
    rows = [_row(name, side) for name, side in sides.items()]
    slow, fast = percentile(keys, 95), percentile(keys, 50)
    text = (
        f"Each side's process is started, and timed until its window is mapped; then it is ended. "
        f"They take turns, {told.rounds} times each after one that fills the disk's cache. "
        f"Memory is what a process has for itself. In ours `{_LINE}` is typed, each key once "
        f"the answer before is shown, in a library of {told.count:,} pictures with the demo model."
    )
    answers = Table(("key to answer shown", "median", "95 %"), (("ours", ms(fast), ms(slow)),))
    windows = Table(("window", "median", "95 %", "processor", "memory"), tuple(rows))
    figures = {"window_s": percentile(sides[_OURS].waited[1:], 50), "key_s": fast}
    finish(Result("The search window", text, (windows, answers), figures), told)


def _round(display: Any, side: Side, house: House, *, typed: bool) -> list[float]:
    root = display.screen().root
    root.change_attributes(event_mask=X.SubstructureNotifyMask)
    display.sync()
    began = time.monotonic()
    process = psutil.Popen(
        side.command, env=house.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    window = _mapped(display)
    side.waited.append(time.monotonic() - began)
    spent = process.cpu_times()
    side.cpu.append(spent.user + spent.system)
    keys = list(_typed(display, window)) if typed else []
    side.memory.append(process.memory_full_info().uss)
    process.terminate()
    process.wait(20)
    return keys


def _mapped(display: Any) -> Any:
    while True:
        event = display.next_event()
        # Toolkits map a window of a pixel to talk to each other.
        if event.type == X.MapNotify and event.window.get_geometry().width > 50:
            return event.window


def _typed(display: Any, window: Any) -> Iterator[float]:
    """Yield the seconds from each key to the title that says that its answer is shown."""
    window.change_attributes(event_mask=X.PropertyChangeMask)
    window.set_input_focus(X.RevertToParent, X.CurrentTime)
    display.sync()
    name = display.intern_atom("_NET_WM_NAME")
    for place, letter in enumerate(_LINE, start=1):
        key = "space" if letter == " " else letter
        code = display.keysym_to_keycode(XK.string_to_keysym(key))
        began = time.monotonic()
        xtest.fake_input(display, X.KeyPress, code)
        xtest.fake_input(display, X.KeyRelease, code)
        display.flush()
        wanted = f"{_LINE[:place]} - imgq".encode()
        while True:
            event = display.next_event()
            if event.type != X.PropertyNotify or event.atom != name:
                continue
            shown = window.get_full_property(name, X.AnyPropertyType)
            if shown is not None and bytes(shown.value) == wanted:
                break
        yield time.monotonic() - began


def _row(name: str, side: Side) -> tuple[str, ...]:
    waited, cpu = side.waited[1:], side.cpu[1:]
    memory = f"{percentile(side.memory, 50) / (1 << 20):.0f} MiB"
    return (
        name,
        ms(percentile(waited, 50)),
        ms(percentile(waited, 95)),
        ms(percentile(cpu, 50)),
        memory,
    )


@contextmanager
def _screen() -> Iterator[str]:
    """Give the name of a display that nobody else sees, without a window manager."""
    if shutil.which("Xvfb") is None:
        raise SystemExit("Xvfb is not installed here")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with open(reading, encoding="ascii") as said:
            yield f":{said.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
