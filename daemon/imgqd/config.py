"""The settings file: read, checked, and edited without losing its comments.

Every key has a default. An unknown key, a wrong type or a bad value is a
`SettingsError` that names file, key and what is allowed. The only home of tomlkit.
"""

from __future__ import annotations

import os
import tempfile
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Array

from imgqd import allowed

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
    """When bulk work waits; single new files never do."""

    pause_on_battery: bool = True
    pause_on_power_saver: bool = True
    pause_when_hot: bool = True
    pause_when_memory_is_short: bool = True


@dataclass(frozen=True, slots=True)
class DesktopSettings:
    """What the desktop shows of its own accord."""

    notifications: bool = True


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What the socket's clients may take, all together and each; bytes and seconds.

    `requests` of one connection may be unanswered at a time. `stall` is the time for the
    rest of a message, and for an answer to be taken.
    """

    connections: int = 32
    requests: int = 8
    stall: float = 5.0
    max_query: int = 4096
    max_results: int = 1000


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What `imgq-service install` writes into the unit; the daemon itself does not use it.

    `memory_high` is systemd's MemoryHigh of all our processes together, in its own words.
    """

    memory_high: str = "50%"


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """How vectors are held: up to so many pictures all of them in memory."""

    exact_up_to: int = 100_000


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Other machines that bulk work goes to: an address `tls://host:8786`, "" for none.

    The files are in PEM; the key belongs to our own certificate.
    """

    scheduler: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    @property
    def files(self) -> tuple[str, str, str]:
        """The authority, our certificate and its key, as absolute paths."""
        given = (self.ca_file, self.cert_file, self.key_file)
        ca, cert, key = (os.path.abspath(os.path.expanduser(file)) for file in given)
        return ca, cert, key


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """A store that several machines share; without a `url` there is none.

    `collection` is how the names of its collections begin, `machine` what this one is called
    there, the host's name where it is empty. `everywhere`: whether a person's search asks
    all machines unless it says otherwise.
    """

    url: str = ""
    token_file: str = ""
    token_variable: str = ""
    ca_file: str = ""
    collection: str = "imgq"
    machine: str = ""
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked."""

    folders: tuple[str, ...] = ("~/Pictures",)
    exclude: tuple[str, ...] = (".*", "node_modules", "@eaDir", "System Volume Information")
    model: ModelSettings = ModelSettings()
    watch: WatchSettings = WatchSettings()
    limits: LimitSettings = LimitSettings()
    power: PowerSettings = PowerSettings()
    desktop: DesktopSettings = DesktopSettings()
    server: ServerSettings = ServerSettings()
    service: ServiceSettings = ServiceSettings()
    index: IndexSettings = IndexSettings()
    cluster: ClusterSettings = ClusterSettings()
    store: StoreSettings = StoreSettings()

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
    _agree(settings.cluster, str(path))
    return settings


def _agree(cluster: ClusterSettings, where: str) -> None:
    """Raise SettingsError where one setting needs another that is not there."""
    for name in ("ca_file", "cert_file", "key_file") if cluster.scheduler else ():
        if not getattr(cluster, name):
            raise SettingsError(f"{where}: cluster.scheduler needs cluster.{name}, too")


def add_folder(path: Path, folder: str) -> Settings:
    """Add a folder to the settings file and return the new settings; raises SettingsError."""
    with _editing:
        settings = load(path)
        # The default folder is a suggestion; once a person chooses, only the choice counts, and
        # stands in the file even where it is the same.
        before = settings.folders if _names_folders(path) else ()
        resolved = {os.path.realpath(os.path.expanduser(one)) for one in before}
        if os.path.realpath(os.path.expanduser(folder)) in resolved:
            return settings
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
    allowed.model(name)
    with _editing:
        settings = load(path)
        document = _document(path)
        table = document.setdefault("model", tomlkit.table())
        table["name"] = name
        _save(path, tomlkit.dumps(document))
    return replace(settings, model=replace(settings.model, name=name))


def leave_store(path: Path) -> Settings:
    """Take the store's address out of the settings file and return the new settings."""
    with _editing:
        settings = load(path)
        document = _document(path)
        if "store" in document:
            document["store"]["url"] = ""
            _save(path, tomlkit.dumps(document))
    return replace(settings, store=replace(settings.store, url=""))


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


def _fill(default: Any, table: Mapping[str, object], where: str, prefix: str) -> Any:
    known = [field.name for field in fields(default)]
    changes: dict[str, Any] = {}
    for key, value in table.items():
        name = prefix + key
        if key not in known:
            raise SettingsError(f"{where}: unknown key {name}: allowed are {', '.join(known)}")
        before = getattr(default, key)
        if is_dataclass(before):
            if not isinstance(value, dict):
                raise SettingsError(f"{where}: {name} is a table: write [{name}]")
            changes[key] = _fill(before, value, where, f"{name}.")
            continue
        try:
            changes[key] = allowed.CHECKS[name](value)
        except ValueError as error:
            said = "what stands there" if name in allowed.UNSAID else repr(value)
            raise SettingsError(f"{where}: {name}: {said} is not {error}") from None
    return replace(default, **changes)
