"""The pieces of each launcher: what is written where, and what a person does then.

Rules of this file: it writes nothing. Commands are the running interpreter's, so that they
work without a PATH; -P keeps a folder's own modules out of a program that is started in it.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgq.errors import ImgqError
from imgq_service.entry import command_line
from imgq_service.launchers import names
from imgq_service.launchers.installing import MARK, Piece

HERE: Final = Path(__file__).parent
_PACKAGE: Final = "imgq_service.launchers"
_INI: Final = f"gnome-shell/search-providers/{names.GNOME}.ini"
_ROFI_LOOK: Final = (
    "element-icon { size: 3em; } element-text { vertical-align: 0.5; } listview { lines: 8; }"
)
_SYSTEM_INI: Final = Path("/usr/local/share") / _INI


@dataclass(frozen=True, slots=True)
class Launcher:
    """A launcher: its pieces, what to do after installing and after removing, what it needs.

    `waits` says what is missing although all is installed, `needs` is a package that must be there.
    """

    pieces: Callable[[], tuple[Piece, ...]]
    then: Callable[[], str]
    after_removal: Callable[[], str] = str
    waits: Callable[[], str] = str
    needs: str = ""
    platforms: tuple[str, ...] = ("linux",)


def command(*words: str) -> list[str]:
    """Return the command line that runs one of our modules, from any folder and environment."""
    chosen = os.environ.get("IMGQ_SOCKET")
    # A desktop's session does not know what a shell was told.
    first = ["/usr/bin/env", f"IMGQ_SOCKET={chosen}"] if chosen else []
    return [*first, sys.executable, "-P", "-m", *words]


def _script(base: Path, name: str, module: str, *words: str, head: str = "") -> Piece:
    line = shlex.join(command(f"{_PACKAGE}.{module}", *words))
    return Piece(base, name, f'#!/bin/sh\n# {MARK}\n{head}exec {line} "$@"\n', program=True)


def _rofi() -> tuple[Piece, ...]:
    return (_script(_config(), "rofi/scripts/imgq", "rofi"),)


def _rofi_then() -> str:
    mode = shlex.quote(f"imgq:{_rofi()[0].path}")
    return f"bind a key to:\n  rofi -modi {mode} -show imgq -show-icons -theme-str '{_ROFI_LOOK}'"


def _menu(name: str) -> tuple[Piece, ...]:
    return (_script(Path("~/.local").expanduser(), f"bin/imgq-{name}", "dmenu", name),)


def _menu_then(name: str) -> str:
    return f"bind a key to: {shlex.quote(str(_menu(name)[0].path))}"


def _service(name: str) -> Piece:
    # The bus splits the line as a shell would.
    line = shlex.join(command(f"{_PACKAGE}.desk"))
    text = f"# {MARK}\n[D-BUS Service]\nName={name}\nExec={line}\n"
    return Piece(_data(), f"dbus-1/services/{name}.service", text)


def _gnome() -> tuple[Piece, ...]:
    entry = (
        f"# {MARK}\n[Desktop Entry]\nType=Application\nName=Pictures (imgq)\n"
        "Comment=Find pictures by what they show\nCategories=Graphics;\n"
        f"Icon={HERE / 'imgq.svg'}\n"
        f"Exec={command_line(command(f'{_PACKAGE}.acting', 'search'))}\n"
    )
    provider = (
        f"# {MARK}\n[Shell Search Provider]\nDesktopId={names.GNOME}.desktop\n"
        f"BusName={names.GNOME}\n"
        f"ObjectPath={names.PATH}\nVersion=2\n"
    )
    return (
        _service(names.GNOME),
        Piece(_data(), f"applications/{names.GNOME}.desktop", entry),
        Piece(_data(), _INI, provider),
    )


def _gnome_then() -> str:
    if _SYSTEM_INI.exists():
        return "GNOME knows of it already"
    here = shlex.quote(str(_data() / _INI))
    return (
        "GNOME reads search providers from system folders only. Once, and after that log in anew:\n"
        f"  sudo install -Dm644 {here} {_SYSTEM_INI}"
    )


def _gnome_waits() -> str:
    return "" if _SYSTEM_INI.exists() else "GNOME does not see it yet: install it again to see why"


def _gnome_after_removal() -> str:
    return f"and what was copied there:\n  sudo rm {_SYSTEM_INI}" if _SYSTEM_INI.exists() else ""


def _krunner() -> tuple[Piece, ...]:
    entry = (
        f"# {MARK}\n[Desktop Entry]\nType=Service\nName=Pictures (imgq)\n"
        f"Comment=Find pictures by what they show\nIcon={HERE / 'imgq.svg'}\n"
        "X-KDE-ServiceTypes=Plasma/Runner\n"
        f"X-KDE-PluginInfo-Name={names.KRUNNER}\nX-KDE-PluginInfo-EnabledByDefault=true\n"
        f"X-Plasma-API=DBus\nX-Plasma-DBusRunner-Service={names.KRUNNER}\n"
        f"X-Plasma-DBusRunner-Path={names.PATH}\nX-Plasma-Runner-Min-Letter-Count=3\n"
    )
    return (
        _service(names.KRUNNER),
        Piece(_data(), f"krunner/dbusplugins/{names.KRUNNER}.desktop", entry),
    )


def _ulauncher() -> tuple[Piece, ...]:
    manifest = {
        "written_by": MARK,
        "required_api_version": "^2.0.0",
        "name": "imgq",
        "description": "Find pictures by what they show",
        "developer_name": "The imgq authors",
        "icon": "imgq.svg",
        "options": {"query_debounce": 0.15},
        "preferences": [
            {"id": "keyword", "type": "keyword", "name": "Keyword", "default_value": "img"}
        ],
    }
    folder = "ulauncher/extensions/imgq"
    icon = (HERE / "imgq.svg").read_text("utf-8")
    return (
        Piece(_data(), f"{folder}/manifest.json", json.dumps(manifest, indent=2) + "\n"),
        Piece(_data(), f"{folder}/main.py", _plugin("ulauncher_main.py")),
        Piece(_data(), f"{folder}/imgq.svg", f"<!-- {MARK} -->\n{icon}"),
    )


def _albert() -> tuple[Piece, ...]:
    return (Piece(_data(), "albert/python/plugins/imgq.py", _plugin("albert_plugin.py")),)


def _plugin(name: str) -> str:
    text = (HERE / "plugins" / name).read_text("utf-8")
    filled = text.replace('COMMAND: "list[str]" = []', f"COMMAND = {command()!r}")
    return f"# {MARK}\n{filled}"


def _alfred() -> tuple[Piece, ...]:
    from imgq_service.launchers.workflow import workflow  # noqa: PLC0415 - a Mac's matter

    ask = shlex.join(command(f"{_PACKAGE}.alfred"))
    folder = "user.workflow.7B0F6D1C-9E0B-4C52-9C7B-1B1A6D6A1F10"
    return (Piece(_alfred_folder(), f"{folder}/info.plist", workflow(f'{ask} "$1"', MARK)),)


def _alfred_folder() -> Path:
    support = Path("~/Library/Application Support/Alfred").expanduser()
    try:
        current = json.loads((support / "prefs.json").read_text("utf-8"))["current"]
    except FileNotFoundError:
        raise ImgqError("Alfred was never started here: start it once, then try again") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImgqError(f"{support / 'prefs.json'} cannot be read ({error!r})") from error
    return Path(str(current)).expanduser() / "workflows"


def _raycast() -> tuple[Piece, ...]:
    how = [{"title": one, "value": one} for one in ("list", "open", "page")]
    what = {"type": "text", "placeholder": "what do the pictures show?"}
    ways = {"type": "dropdown", "placeholder": "list", "optional": True, "data": how}
    head = (
        "# @raycast.schemaVersion 1\n# @raycast.title Find Pictures\n# @raycast.mode fullOutput\n"
        "# @raycast.packageName imgq\n# @raycast.icon 🔎\n"
        "# @raycast.description Find pictures by what they show\n"
        f"# @raycast.argument1 {json.dumps(what)}\n# @raycast.argument2 {json.dumps(ways)}\n"
    )
    return (_script(_data(), "imgq/raycast/imgq.sh", "raycast", head=head),)


def _config() -> Path:
    return _xdg("XDG_CONFIG_HOME", ".config")


def _data() -> Path:
    if sys.platform == "darwin":
        return Path("~/Library/Application Support").expanduser()
    return _xdg("XDG_DATA_HOME", ".local/share")


def _xdg(variable: str, default: str) -> Path:
    chosen = os.environ.get(variable, "")
    return Path(chosen) if chosen.startswith("/") else Path.home() / default


ALL: Final = {
    "gnome": Launcher(
        _gnome, _gnome_then, _gnome_after_removal, waits=_gnome_waits, needs="dbus_fast"
    ),
    "krunner": Launcher(
        _krunner,
        lambda: "krunner reads it at its next start: `krunner --replace`",
        needs="dbus_fast",
    ),
    "rofi": Launcher(_rofi, _rofi_then),
    "wofi": Launcher(lambda: _menu("wofi"), lambda: _menu_then("wofi")),
    "fuzzel": Launcher(lambda: _menu("fuzzel"), lambda: _menu_then("fuzzel")),
    "ulauncher": Launcher(_ulauncher, lambda: "restart Ulauncher, then type: img beach sunset"),
    "albert": Launcher(
        _albert,
        lambda: "restart Albert, tick imgq in its settings under Plugins, then type: img beach",
        platforms=("linux", "darwin"),
    ),
    "alfred": Launcher(_alfred, lambda: "type in Alfred: img beach", platforms=("darwin",)),
    "raycast": Launcher(
        _raycast,
        lambda: (
            "in Raycast's settings, Extensions, add the script directory "
            f"{_raycast()[0].path.parent}"
        ),
        platforms=("darwin",),
    ),
}
"""Every launcher, by the name that a person says."""
