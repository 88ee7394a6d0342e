"""The settings file: read, checked, and edited without losing its comments.

Every key has a default. An unknown key, a wrong type or a bad value is a
`SettingsError` that names file, key and what is allowed. The only home of tomlkit.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final

import tomlkit
from tomlkit.items import Array

from imgq import durations

_editing = threading.Lock()  # two clients may add a folder at once: an edit reads, then writes


class SettingsError(Exception):
    """The settings file cannot be used; the text is one line for a person."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model makes the vectors, and where it runs.

    `precision` is that of the pictures' forward pass: "auto" is half of it where
    the hardware is made for that, and a text always gets float32.
    """

    name: str = "fast"
    device: str = "auto"
    precision: str = "auto"
    batch: int | None = None
    release_after: float = 120.0


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How changes are noticed; seconds."""

    settle: float = 0.3
    rescan: float = 3600.0


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What one picture may cost; bytes and seconds."""

    max_megapixels: int = 250
    decode_timeout: float = 20.0
    decode_memory: int = 2 << 30


@dataclass(frozen=True, slots=True)
class PowerSettings:
    """When bulk work waits."""

    pause_on_battery: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked."""

    folders: tuple[str, ...] = ("~/Pictures",)
    exclude: tuple[str, ...] = (".*", "node_modules", "@eaDir", "System Volume Information")
    model: ModelSettings = ModelSettings()
    watch: WatchSettings = WatchSettings()
    limits: LimitSettings = LimitSettings()
    power: PowerSettings = PowerSettings()

    @property
    def roots(self) -> tuple[bytes, ...]:
        """The folders as absolute, resolved paths in raw bytes, each once."""
        resolved = (os.path.realpath(os.path.expanduser(folder)) for folder in self.folders)
        return tuple(dict.fromkeys(os.fsencode(folder) for folder in resolved))


def load(path: Path) -> Settings:
    """Return the settings in a file, or the defaults where there is no file.

    Raises SettingsError.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error
    settings: Settings = _fill(Settings(), table, str(path), "")
    return settings


def add_folder(path: Path, folder: str) -> Settings:
    """Add a folder to the settings file and return the new settings; raises SettingsError."""
    with _editing:
        settings = load(path)
        if os.fsencode(os.path.realpath(os.path.expanduser(folder))) in settings.roots:
            return settings
        # The default folder is a suggestion; once a person chooses, only the choice counts.
        before = settings.folders if _names_folders(path) else ()
        return _write_folders(path, settings, (*before, folder))


def remove_folder(path: Path, folder: str) -> Settings:
    """Remove a folder from the settings file and return the new settings; raises SettingsError."""
    with _editing:
        settings = load(path)
        gone = os.path.realpath(os.path.expanduser(folder))
        kept = tuple(
            one for one in settings.folders if os.path.realpath(os.path.expanduser(one)) != gone
        )
        return _write_folders(path, settings, kept)


def set_model(path: Path, name: str) -> Settings:
    """Write the model's name into the settings file and return the new settings."""
    _check_model(name)
    with _editing:
        settings = load(path)
        document = _document(path)
        table = document.setdefault("model", tomlkit.table())
        table["name"] = name
        _save(path, tomlkit.dumps(document))
    return replace(settings, model=replace(settings.model, name=name))


def _names_folders(path: Path) -> bool:
    return "folders" in _document(path)


def _write_folders(path: Path, settings: Settings, folders: tuple[str, ...]) -> Settings:
    document = _document(path)
    array = document.get("folders")
    if not isinstance(array, Array):
        array = tomlkit.array()
        document["folders"] = array
    for place in reversed(range(len(array))):
        if array[place] not in folders:
            del array[place]
    for folder in folders:
        if folder not in array:
            array.append(folder)
    _save(path, tomlkit.dumps(document))
    return replace(settings, folders=folders)


def _document(path: Path) -> tomlkit.TOMLDocument:
    try:
        # Not read_text: it would turn a file's own line ends into ours.
        return tomlkit.parse(path.read_bytes().decode())
    except FileNotFoundError:
        return tomlkit.document()


def _save(path: Path, text: str) -> None:
    # A reader, or a crash, sees the old file or the new one. A link stays a link.
    path = path.resolve()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, delete=False) as file:
            try:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error}") from error


_SIZES: Final = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}


def _duration(value: object) -> float:
    if not isinstance(value, str):
        raise ValueError(durations.ALLOWED)  # noqa: TRY004 - a bad setting, not a bad call
    try:
        return durations.parse(value)
    except ValueError as error:
        raise ValueError(durations.ALLOWED) from error


def _size(value: object) -> int:
    match = re.fullmatch(r"(\d+) ?([a-z]+)", value.lower()) if isinstance(value, str) else None
    factor = _SIZES.get(match[2]) if match else None
    if match is None or factor is None:
        raise ValueError("a size such as 512MiB or 2GiB")
    return int(match[1]) * factor


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(
        isinstance(one, str) and one and "\0" not in one for one in value
    ):
        raise ValueError("a list of texts")
    return tuple(value)


def _batch(value: object) -> int | None:
    if value == "auto":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096:
        return value
    raise ValueError('"auto" or a number from 1 to 4096')


def _device(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        return value
    raise ValueError('"auto", "cpu", "cuda", "cuda:1" or "mps"')


def _precision(value: object) -> str:
    if isinstance(value, str) and value in {"auto", "float32", "bfloat16", "float16"}:
        return value
    raise ValueError('"auto", "float32", "bfloat16" or "float16"')


def _check_model(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(
        r"fast|balanced|best|multilingual|demo|local-dir:.+|hf-hub:[^/]+/[^/]+|[^/:\s]+/[^/:\s]+",
        value,
    ):
        return value
    raise ValueError(
        'fast, balanced, best, multilingual, demo, an open_clip "ARCH/TAG" or "local-dir:/path"'
    )


def _megapixels(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4000:
        return value
    raise ValueError("a number from 1 to 4000")


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - a bad setting, not a bad call
    return value


_CHECKS: Final[Mapping[str, Callable[[object], Any]]] = {
    "folders": _strings,
    "exclude": _strings,
    "model.name": _check_model,
    "model.device": _device,
    "model.precision": _precision,
    "model.batch": _batch,
    "model.release_after": _duration,
    "watch.settle": _duration,
    "watch.rescan": _duration,
    "limits.max_megapixels": _megapixels,
    "limits.decode_timeout": _duration,
    "limits.decode_memory": _size,
    "power.pause_on_battery": _boolean,
}


def _fill(default: Any, table: Mapping[str, object], where: str, prefix: str) -> Any:
    allowed = [field.name for field in fields(default)]
    changes: dict[str, Any] = {}
    for key, value in table.items():
        name = prefix + key
        if key not in allowed:
            raise SettingsError(f"{where}: unknown key {name}: allowed are {', '.join(allowed)}")
        before = getattr(default, key)
        if is_dataclass(before):
            if not isinstance(value, dict):
                raise SettingsError(f"{where}: {name} is a table: write [{name}]")
            changes[key] = _fill(before, value, where, f"{name}.")
            continue
        try:
            changes[key] = _CHECKS[name](value)
        except ValueError as error:
            raise SettingsError(f"{where}: {name}: {value!r} is not {error}") from error
    return replace(default, **changes)
