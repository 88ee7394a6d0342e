"""What the doctor makes of what it sees: each verdict, each place, and all together."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from imgqd import config, formats, premises, verdicts
from imgqd.catalog import Writer
from imgqd.config import Settings
from imgqd.core import Core
from imgqd.doctor import Doctor
from imgqd.findings import Finding, fine
from imgqd.pulse import NotInSync

ROOT: dict[str, Any] = {
    "path": b"/p/\xff", "state": "online", "files": 1200, "watch": "live", "reason": None,
    "uncovered": 0,
}  # fmt: skip
LIMITS = {"max_user_watches": 1000, "max_user_instances": 128, "max_queued_events": 16384}
PID = 4711


# Folders and watches


def folder(kind: str = "ext4", *unreadable: bytes, **changes: Any) -> Finding:
    return verdicts.folder({**ROOT, **changes}, kind, unreadable)


def test_a_folder_that_is_watched_live_is_fine() -> None:
    assert folder() == fine("/p/\\xff (ext4): 1,200 files, watched live")
    assert folder("") == fine("/p/\\xff: 1,200 files, watched live")


def test_an_offline_folder_says_why_and_how_to_be_rid_of_it() -> None:
    found = folder(path="/p q", state="offline", reason="its disk is not mounted")
    assert found.state == "warning"
    assert found.detail == "/p q is offline: its disk is not mounted"
    assert found.remedy == "connect its disk, or: imgqctl remove '/p q'"
    remedy = folder(state="offline", watch="scan_only").remedy
    assert remedy is not None
    assert remedy.endswith("remove DIR")


def test_too_few_watches_come_with_the_command_that_raises_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imgqd.inotify.limit", lambda _: 600_000)
    why = "3 folders have no watch: raise the sysctl fs.inotify.max_user_watches"
    found = folder(watch="partial", uncovered=3, reason=why)
    assert found.state == "warning"
    assert "all but 3 folders watched live: 3 folders have no watch" in found.detail
    assert found.remedy == (
        "echo 'fs.inotify.max_user_watches = 2097152' | sudo tee -a /etc/sysctl.d/60-imgq.conf "
        "&& sudo sysctl -p /etc/sysctl.d/60-imgq.conf && imgqctl rescan"
    )
    why = "no inotify instance left: raise the sysctl fs.inotify.max_user_instances"
    found = folder(watch="scan_only", reason=why)
    assert found.remedy is not None
    assert "max_user_instances = 1024" in found.remedy


def test_where_nothing_can_be_watched_there_is_nothing_to_do() -> None:
    found = folder("nfs4", watch="scan_only", reason="nfs4 tells of no changes")
    assert (found.state, (found.remedy or "")[:7]) == ("warning", "nothing")
    partial = folder(watch="partial", reason="/p/m lies on cifs, which tells of no changes that "
                     "are made elsewhere")  # fmt: skip
    assert (partial.remedy or "").startswith("nothing")
    other = folder(watch="scan_only", reason="Input/output error")
    assert other.remedy == "imgqctl rescan tries to watch it again"


def test_folders_that_cannot_be_read_are_named() -> None:
    found = folder("ext4", b"/p/a", b"/p/b")
    assert found.state == "warning"
    assert "2 folders in it cannot be read: /p/a, …" in found.detail


def test_watches_are_judged_by_the_share_that_is_ours() -> None:
    assert verdicts.watches(800, LIMITS) == fine(
        "800 folders watched (the system allows 1,000 watches, 128 instances, 16,384 events)"
    )
    crowded = verdicts.watches(801, LIMITS)
    assert crowded.state == "warning"
    assert "max_user_watches = 524288" in (crowded.remedy or "")
    elsewhere = dict.fromkeys(LIMITS)
    assert verdicts.watches(None, elsewhere).state == "fine"
    assert verdicts.watches(5, elsewhere) == fine("5 folders watched")


# Model, accelerator, memory


def model(state: str, name: str = "fast", **changes: Any) -> Finding:
    row = {"name": name, "state": state, "detail": "why", "vectors": 5, "waiting": 0}
    return verdicts.model({**row, **changes})


def test_a_model_that_is_ready_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", "/hub")
    assert model("ready") == fine("fast, from /hub/hub: 5 vectors")
    monkeypatch.setenv("HF_HUB_CACHE", "/blobs")
    assert model("ready", waiting=1000) == fine("fast, from /blobs: 5 vectors, 1,000 to come")
    assert model("ready", "demo") == fine("demo, from this installation: 5 vectors")
    assert "from /m: " in model("ready", "local-dir:/m").detail


def test_a_move_to_another_model_is_fine_unless_somebody_has_to_do_something() -> None:
    moving = {"to": "best", "done": 2, "total": 5, "waits": None, "stuck": False}
    said = "5 vectors; 2 of 5 seen by best, which comes next"
    assert model("ready", migrating=moving).detail.endswith(said)
    paused = model("ready", migrating={**moving, "waits": "paused"})
    assert (paused.state, paused.detail.endswith(f"{said}: paused")) == ("fine", True)
    missing = {**moving, "waits": "it must be fetched first", "stuck": True}
    stuck = model("ready", migrating=missing)
    assert (stuck.state, stuck.remedy) == ("warning", "imgqctl model use fast ends the move")


def test_a_missing_model_is_fetched_if_it_can_be() -> None:
    missing = model("missing", "hf-hub:a/b c")
    assert missing.state == "bad"
    assert (missing.remedy or "").startswith("imgqctl model pull 'hf-hub:a/b c'")
    for local in ("demo", "local-dir:/m"):
        assert "pull" not in (model("missing", local).remedy or "pull")
    assert model("failed").state == "bad"
    assert model("loading").state == "warning"


def test_the_accelerator_is_what_the_embedder_said_or_asleep() -> None:
    row = {"running": True, "device": "cuda:0 (X)", "precision": "float16", "detail": ""}
    awake = verdicts.accelerator(row, "auto", "auto", is_text_awake=True)
    assert "texts on cpu, pictures on cuda:0 (X) in float16" in awake.detail
    asleep = verdicts.accelerator({**row, "running": False}, "cuda", "auto", is_text_awake=False)
    assert "pictures asleep (device = cuda, precision = auto)" in asleep.detail
    assert (awake.state, asleep.state) == ("fine", "fine")
    detail = "on the CPU meanwhile: it fell off the bus; tried again after 10:42"
    failed = verdicts.accelerator({**row, "detail": detail}, "auto", "auto", is_text_awake=True)
    assert failed.state == "warning"
    assert detail in failed.detail


def test_a_cluster_is_fine_unless_it_was_not_used_when_it_could_have_been() -> None:
    row = {"scheduler": "tls://gpu:8786", "connected": True, "workers": 2, "detail": ""}
    at_work = verdicts.cluster(row, None)
    assert at_work == fine("tls://gpu:8786: 2 workers with the model at work")
    asleep = {**row, "connected": False}
    assert verdicts.cluster(asleep, None).state == "fine"
    assert verdicts.cluster(asleep, "gpu does not answer").state == "warning"
    lacking = verdicts.cluster({**asleep, "detail": "no worker there holds fast"}, None)
    assert lacking.state == "warning"
    assert "imgqd-worker" in (lacking.remedy or "")


def test_memory_is_the_sum_and_the_largest_first() -> None:
    assert verdicts.memory({"a": 1 << 20, "b": 2 << 30}).state == "warning"
    assert verdicts.memory({"a": 1 << 20, "b": 1 << 30}) == fine("1.0 GiB: b 1.0 GiB, a 1.0 MiB")


# Places


@pytest.fixture
def short() -> Iterator[Path]:
    # pytest's own folders are too deep for a socket.
    base = Path(tempfile.mkdtemp(prefix="imgq-", dir="/tmp"))
    yield base
    shutil.rmtree(base)


def test_settings_are_in_force_or_are_to_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"

    def look(in_force: Settings) -> Finding:
        return premises.settings(path, in_force, PID)

    assert look(Settings()) == fine(f"{path} does not exist: the defaults hold")
    path.write_text('exclude = ["x"]\n')
    assert look(Settings()).remedy == f"kill -HUP {PID}"
    assert look(config.load(path)) == fine(f"{path} is in force")
    path.write_text("folder = 5\n")
    broken = look(Settings())
    assert broken.state == "bad"
    assert "unknown key folder" in broken.detail
    assert f"kill -HUP {PID}" in (broken.remedy or "")


def test_a_socket_is_there_and_for_nobody_else(short: Path) -> None:
    path = short / "s"
    gone = premises.socket(path)
    assert (gone.state, gone.remedy) == ("bad", f"kill {os.getpid()}, then: imgqctl start")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
    path.chmod(0o600)
    assert premises.socket(path).state == "fine"
    path.chmod(0o666)
    assert premises.socket(path).remedy == f"chmod 600 {path}"
    short.chmod(0o755)
    assert premises.socket(path).remedy == f"chmod 700 {short}"
    short.chmod(0o700)
    path.unlink()
    path.touch()
    assert "is no socket" in premises.socket(path).detail


@pytest.mark.parametrize(
    ("free", "state"), [(63 << 20, "bad"), (65 << 20, "warning"), (2 << 30, "fine")]
)
def test_the_state_folder_needs_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    monkeypatch.setattr("imgqd.mounts.kind_of", lambda _: "ext4")
    room = SimpleNamespace(f_bavail=free // 4096, f_frsize=4096)
    monkeypatch.setattr("os.statvfs", lambda _: room)
    assert premises.state(tmp_path, None).state == state


def test_a_large_catalog_needs_more_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "catalog.sqlite3").open("wb") as file:
        file.truncate(3 << 30)
    room = SimpleNamespace(f_bavail=14 << 20, f_frsize=1 << 10)
    monkeypatch.setattr("os.statvfs", lambda _: room)
    found = premises.state(tmp_path, None)
    assert (found.state, "15 GiB" in (found.remedy or "")) == ("warning", True)


def test_a_state_folder_on_a_server_or_a_full_disk_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgqd.mounts.kind_of", lambda _: "nfs4")
    remote = premises.state(tmp_path, None)
    assert (remote.state, "XDG_DATA_HOME" in (remote.remedy or "")) == ("warning", True)
    full = premises.state(tmp_path, "nothing can be stored")
    assert (full.state, "nothing can be stored" in full.detail) == ("bad", True)


def test_a_sound_catalog_is_fine_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    Writer(path).close()
    assert premises.catalog(path, 5, 1).detail.startswith("sound, 5 files, 1 picture, ")
    (tmp_path / "catalog.sqlite3.damaged-20260101-000000").write_bytes(b"x" * 2048)
    left = premises.catalog(path, 5, 1)
    assert left.state == "warning"
    assert "1 file (2.0 KiB) of a damaged one" in left.detail
    assert left.remedy == f"nothing needs them: rm {path}.damaged-*"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    broken = premises.catalog(path, 5, 1)
    assert broken.state == "bad"
    assert "is damaged: " in broken.detail


# The decoders

HELD = {"landlock": 7, "seccomp": True, "no_new_privs": True, "limits": True, "missing": []}


def test_a_decoder_that_is_held_by_everything_is_fine_and_what_lacks_is_named() -> None:
    whole = verdicts.sandbox("2 GiB a picture", HELD)
    assert whole.state == "fine"
    assert "Landlock (ABI 7), seccomp, no privileges; 2 GiB a picture" in whole.detail
    part = verdicts.sandbox("", {**HELD, "landlock": 0, "missing": ["Landlock: not implemented"]})
    assert part.state == ("warning" if sys.platform == "linux" else "fine")
    assert "Landlock: not implemented" in part.detail


def test_missing_decoders_come_with_what_is_lost_and_the_command() -> None:
    assert verdicts.decoders(dict.fromkeys(("pillow", *formats.PACKAGES), "1.0")).state == "fine"
    some = verdicts.decoders({"pillow": "13.0", "rawpy": "1", "tifffile": "2"})
    assert some.state == "warning"
    assert "without pi-heif no HEIC and HEIF" in some.detail
    assert some.remedy == "pip install pi-heif imagecodecs, then: imgqctl rescan"


# The whole


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Of this core there is nothing but the settings: hardly a check can be made.
    core = SimpleNamespace(settings=Settings())
    rows = asyncio.run(Doctor(cast("Core", core), "1.2.3").examine())
    assert rows[0]["state"] == "fine"
    assert "imgqd 1.2.3, pid " in rows[0]["detail"]
    by_name = {row["name"]: row for row in rows}
    assert by_name["audit"]["state"] == "bad"
    assert by_name["audit"]["detail"].startswith("cannot be checked: ")
    assert by_name["audit"]["remedy"]
    assert "checking audit" in caplog.text
    assert list(by_name) == [
        "daemon", "service", "settings", "socket", "state", "catalog", "folder", "watches",
        "changes", "model", "accelerator", "cluster", "decoders", "sandbox", "memory", "index",
        "store", "audit",
    ]  # fmt: skip
    for row in rows:
        assert row["state"] in {"fine", "warning", "bad"}
        assert (row["remedy"] is None) == (row["state"] == "fine")


def changes(core: SimpleNamespace) -> dict[str, Any]:
    core.settings = Settings()
    rows = asyncio.run(Doctor(cast("Core", core), "1").examine())
    return next(row for row in rows if row["name"] == "changes")


def test_a_deaf_watcher_is_found_by_a_change_of_our_own() -> None:
    async def heard() -> float:
        return 0.0123

    async def deaf() -> float:
        raise NotInSync("the watcher does not answer: imgqctl doctor says more")

    watcher = SimpleNamespace(works=True)
    row = changes(SimpleNamespace(watcher=watcher, pulse=SimpleNamespace(round_trip=heard)))
    assert (row["state"], "after 12 ms" in row["detail"]) == ("fine", True)
    row = changes(SimpleNamespace(watcher=watcher, pulse=SimpleNamespace(round_trip=deaf)))
    assert (row["state"], row["detail"]) == ("bad", "the watcher does not answer")
    row = changes(SimpleNamespace(watcher=SimpleNamespace(works=False)))
    assert (row["state"], "max_user_instances" in row["remedy"]) == ("warning", True)


STORE: dict[str, Any] = {
    "host": "nas:19530", "machine": "desk", "state": "in_step", "detail": "", "behind": 0,
    "rows": 1200, "unindexed": 0, "waits_for": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({}, "fine", "nas:19530: in step, 1,200 pictures of all machines"),
        ({"state": "behind", "behind": 3, "rows": None}, "fine", "behind, 3 pictures to tell"),
        ({"state": "away", "detail": "no connection", "behind": 1}, "warning", "no connection, 1"),
        ({"state": "refused", "detail": "a wrong token"}, "bad", "told nothing: a wrong token"),
        ({"state": "other_model", "detail": "use one"}, "bad", "told nothing: use one"),
        ({"unindexed": 7}, "warning", "7 pictures are not in its index"),
        ({"waits_for": ["laptop"]}, "warning", "until laptop has told everything"),
    ],
)
def test_a_store_is_judged_by_what_it_costs(
    changes: dict[str, Any], state: str, words: str
) -> None:
    found = verdicts.store({**STORE, **changes})
    assert found.state == state
    assert words in found.detail
    assert (found.remedy is None) == (state == "fine")
