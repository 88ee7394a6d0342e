"""The settings file: what it may say, what it is told when it may not, and its edits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from imgqd import config
from imgqd.config import Settings, SettingsError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.toml"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())
    return path


def value(settings: Settings, key: str) -> Any:
    found: Any = settings
    for name in key.split("."):
        found = getattr(found, name)
    return found


def test_without_a_file_every_key_has_its_default(path: Path) -> None:
    assert config.load(path) == Settings()
    assert config.load(written(path, "")) == Settings()


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("folders", '["~/Pictures", "/srv"]', ("~/Pictures", "/srv")),
        ("folders", "[]", ()),
        ("exclude", '["*.tmp.png", "raw/*"]', ("*.tmp.png", "raw/*")),
        *[
            ("model.name", f'"{name}"', name)
            for name in [
                "fast",
                "balanced",
                "best",
                "multilingual",
                "demo",
                "ViT-B-32/openai",
                "hf-hub:org/name",
                "local-dir:/models/mine",
            ]
        ],
        ("model.name", '"local-dir:/my models/x"', "local-dir:/my models/x"),
        *[("model.device", f'"{name}"', name) for name in ("auto", "cpu", "mps", "cuda", "cuda:1")],
        ("model.batch", '"auto"', None),
        ("model.batch", "1", 1),
        ("model.batch", "4096", 4096),
        ("model.release_after", '"2min"', 120.0),
        ("model.release_after", '"1h30m"', 5400.0),
        ("watch.settle", '"300ms"', 0.3),
        ("watch.rescan", '"1d"', 86400.0),
        ("limits.max_megapixels", "4000", 4000),
        ("limits.decode_timeout", '"90"', 90.0),
        ("limits.decode_memory", '"2GiB"', 2 << 30),
        ("limits.decode_memory", '"500 MB"', 500_000_000),
        ("power.pause_on_battery", "false", False),
        ("power.pause_on_power_saver", "false", False),
        ("power.pause_when_hot", "false", False),
        ("power.pause_when_memory_is_short", "false", False),
        ("server.connections", "256", 256),
        ("server.requests", "2", 2),
        ("server.stall", '"100ms"', 0.1),
        ("server.stall", '"10min"', 600.0),
        ("server.max_query", '"256KiB"', 256 << 10),
        ("server.max_query", '"64B"', 64),
        ("server.max_results", "10000", 10_000),
        ("store.url", '"https://nas.home:19530"', "https://nas.home:19530"),
        ("store.url", '"http://[::1]:19530/family"', "http://[::1]:19530/family"),
        ("store.url", '""', ""),
        ("store.token_file", '"~/.config/token"', "~/.config/token"),
        ("store.token_variable", '"IMGQ_TOKEN"', "IMGQ_TOKEN"),
        ("store.collection", '"family_2"', "family_2"),
        ("store.machine", '"nas.home-1"', "nas.home-1"),
        ("store.everywhere", "true", True),
    ],
)
def test_a_good_value_is_taken(path: Path, key: str, text: str, expected: object) -> None:
    assert value(config.load(written(path, f"{key} = {text}\n")), key) == expected


@pytest.mark.parametrize(
    ("key", "text", "allowed"),
    [
        ("folders", '"~/Pictures"', "a list of texts"),
        ("folders", "[1]", "a list of texts"),
        ("folders", '[""]', "a list of texts"),
        ("folders", r'["/a\u0000b"]', "a list of texts"),
        ("exclude", "true", "a list of texts"),
        ("model.name", '"quick"', "fast, balanced"),
        ("model.name", '"a/b/c"', "ARCH/TAG"),
        ("model.name", "3", "local-dir:/path"),
        ("model.device", '"gpu"', '"cuda:1"'),
        ("model.device", '"cuda:x"', '"auto"'),
        ("model.batch", "0", "1 to 4096"),
        ("model.batch", "4097", "1 to 4096"),
        ("model.batch", "true", '"auto"'),
        ("model.batch", "1.5", "a number"),
        ("model.release_after", "120", "300ms, 90s"),
        ("model.release_after", '"soon"', "ms, s, min, h or d"),
        ("watch.settle", '"-1s"', "such as 300ms"),
        ("watch.rescan", '"1 fortnight"', "10min or 2h30m"),
        ("limits.max_megapixels", "0", "1 to 4000"),
        ("limits.max_megapixels", "true", "1 to 4000"),
        ("limits.max_megapixels", '"250"', "1 to 4000"),
        ("limits.decode_timeout", '""', "such as 300ms"),
        ("limits.decode_memory", "2147483648", "512MiB or 2GiB"),
        ("limits.decode_memory", '"2 barrels"', "512MiB or 2GiB"),
        ("limits.decode_memory", '"-2GiB"', "512MiB or 2GiB"),
        ("power.pause_on_battery", '"yes"', "true or false"),
        ("power.pause_on_battery", "1", "true or false"),
        ("server.connections", "0", "a number from 1 to 256"),
        ("server.connections", "257", "a number from 1 to 256"),
        ("server.requests", "1", "a number from 2 to 256"),
        ("server.stall", '"0s"', "a duration from 100ms to 10min"),
        ("server.stall", '"11min"', "a duration from 100ms to 10min"),
        ("server.stall", "5", "such as 300ms"),
        ("server.max_query", '"63B"', "a size from 64B to 256KiB"),
        ("server.max_query", '"1MiB"', "a size from 64B to 256KiB"),
        ("server.max_query", "4096", "512MiB or 2GiB"),
        ("server.max_results", "10001", "a number from 1 to 10000"),
        ("cluster.scheduler", '"tcp://gpu:8786"', 'like "tls://host:8786" (no other kind)'),
        ("cluster.scheduler", '"gpu:8786"', "tls://host:8786"),
        ("cluster.scheduler", '"tls://gpu"', "tls://host:8786"),
        ("cluster.scheduler", '"tls://gpu:0x10"', "tls://host:8786"),
        ("cluster.scheduler", '"tls://me@gpu:1/x"', "tls://host:8786"),
        ("cluster.scheduler", "8786", "tls://host:8786"),
        ("cluster.key_file", r'"/a\u0000b"', "a text"),
        ("service.memory_high", "50", '"none", a share such as 50%'),
        ("service.memory_high", '"9%"', "10% to 100%"),
        ("service.memory_high", '"101%"', "10% to 100%"),
        ("service.memory_high", '"511MiB"', "a size from 512MiB on"),
        ("service.memory_high", '"much"', "a size from 512MiB on"),
    ],
)
def test_a_bad_value_is_told_with_file_key_and_what_is_allowed(
    path: Path, key: str, text: str, allowed: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        config.load(written(path, f"{key} = {text}\n"))
    message = str(caught.value)
    assert message.startswith(f"{path}: {key}: ")
    assert allowed in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('folder = ["/a"]', "unknown key folder: allowed are folders, exclude, model"),
        ("[model]\ncolour = 1", "unknown key model.colour: allowed are name, device"),
        ("[modle]\nname = 1", "unknown key modle"),
        ('model = "fast"', "model is a table: write [model]"),
        ("[[watch]]\nsettle = 1", "watch is a table"),
        ("folders = [", "not valid TOML"),
    ],
)
def test_a_mistake_in_the_shape_is_told_with_the_file(path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        config.load(written(path, text))
    assert str(path) in str(caught.value)
    assert named in str(caught.value)


def test_a_cluster_needs_its_certificates(path: Path) -> None:
    table = '[cluster]\nscheduler = "tls://gpu:8786"\nca_file = "/ca.pem"\ncert_file = "~/a.pem"\n'
    with pytest.raises(SettingsError, match=r"cluster\.scheduler needs cluster\.key_file, too"):
        config.load(written(path, table))
    cluster = config.load(written(path, f'{table}key_file = "/a.key"\n')).cluster
    assert cluster.files == ("/ca.pem", os.path.expanduser("~/a.pem"), "/a.key")
    assert config.load(written(path, '[cluster]\nkey_file = "/a.key"\n')).cluster.scheduler == ""


def test_a_file_that_cannot_be_read_is_told_and_not_taken_for_missing(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(SettingsError, match="cannot be read"):
        config.load(path)
    other = path / "latin.toml"
    other.write_bytes(b'folders = ["/\xff"]')
    with pytest.raises(SettingsError, match="cannot be read"):
        config.load(other)


def test_folders_become_resolved_roots_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "Pictures").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "Pictures")
    found = Settings(folders=("~/Pictures", str(tmp_path / "link"), "/x/../y/"))
    assert found.roots == (os.fsencode(tmp_path / "Pictures"), b"/y")


@pytest.mark.parametrize(
    "text",
    [
        'url = "https://root:hunter2@nas:19530"',
        'url = "/home/me/hunter2.db"',
        'url = "hunter2"',
        'token_file = "hunter2"',
        'token_variable = "root:hunter2"',
    ],
)
def test_what_may_be_a_secret_is_not_repeated(path: Path, text: str) -> None:
    with pytest.raises(SettingsError) as error:
        config.load(written(path, f"[store]\n{text}\n"))
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("text", ['machine = "a b"', 'machine = "_x"', 'collection = "a-b"'])
def test_a_name_that_a_store_cannot_take_is_refused(path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="is not"):
        config.load(written(path, f"[store]\n{text}\n"))
