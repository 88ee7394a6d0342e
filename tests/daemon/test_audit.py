"""The catalog held against the disk: what is a difference, and what only looks like one."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daemon.shelf import Shelf
from imgqd import audit
from imgqd.catalog import Reader, Writer
from imgqd.core import Core
from imgqd.findings import Finding, fine
from imgqd.pulse import NotInSync
from imgqd.scope import Scope


class Patient:
    """A core of which only the catalog and the folders are real."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.behind: str | None = None
        self.syncs = 0
        self.meanwhile: Callable[[], object] = lambda: None
        self.status = SimpleNamespace(paused=None)
        self.vectors = 0
        self.scope = Scope((os.fsencode(shelf.base / "pics"),), (".*",))
        self.roots = SimpleNamespace(all=shelf.writer.roots(), holds=lambda _: True)
        self.library = SimpleNamespace(
            ask=self._ask, read=self._read, write=self._write, index=(), model_id=shelf.model
        )

    async def sync(self, timeout: float) -> float:
        assert timeout == 30
        self.syncs += 1
        if self.syncs == 2:
            self.meanwhile()
        if self.behind is not None:
            raise NotInSync(self.behind)
        return 1.0

    def files(self) -> Finding:
        return asyncio.run(audit.files(cast("Core", self)))

    def _ask(self, question: Callable[[Reader], Any]) -> Any:
        return question(self.shelf.reader)

    async def _read(self, question: Callable[[Reader], Any]) -> Any:
        return question(self.shelf.reader)

    async def _write(self, action: Callable[[Writer], Any]) -> Any:
        return action(self.shelf.writer)


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    shelf = Shelf(tmp_path, "pics")
    for name in ("a", "sub/b", "sub/deep/c"):
        shelf.put(f"pics/{name}.png", name.encode())
    yield Patient(shelf)
    shelf.close()


def test_disk_and_catalog_agree(patient: Patient) -> None:
    assert patient.files() == fine("3 files: disk and catalog agree")


def test_what_the_catalog_lacks_or_has_otherwise_is_found(patient: Patient) -> None:
    base = patient.shelf.base / "pics"
    patient.shelf.write("pics/new.png", b"new")
    patient.shelf.write("pics/sub/b.png", b"changed")
    (base / "a.png").unlink()
    found = patient.files()
    assert found.state == "bad"
    assert found.detail == (
        f"3 of 3 files differ from the catalog, unnoticed: "
        f"{base}/a.png, {base}/new.png, {base}/sub/b.png"
    )
    assert (found.remedy or "").startswith("imgqctl rescan")


def test_files_of_folders_that_are_gone_or_are_excluded_by_now_are_found(patient: Patient) -> None:
    base = patient.shelf.base / "pics"
    (base / "sub").rename(base / ".hidden")
    found = patient.files()
    assert f"2 of 1 file differ from the catalog, unnoticed: {base}/sub/b.png" in found.detail
    (base / ".hidden").rename(base / "sub")
    (base / ".nomedia").touch()
    assert patient.files().detail.startswith("3 of 0 files differ")


def test_at_most_three_examples_are_named(patient: Patient) -> None:
    for name in "defgh":
        patient.shelf.write(f"pics/{name}.png", b"new")
    detail = patient.files().detail
    assert detail.startswith("5 of 8 files")
    assert detail.endswith("f.png, …")


def test_a_name_that_is_no_text_can_be_shown(patient: Patient) -> None:
    with open(os.fsencode(patient.shelf.base) + b"/pics/\xff.png", "wb"):
        pass
    assert patient.files().detail.endswith("/pics/\\xff.png")


def test_a_file_that_the_daemon_was_just_working_on_is_no_difference(patient: Patient) -> None:
    patient.shelf.write("pics/new.png", b"new")
    patient.meanwhile = lambda: patient.shelf.look("pics/new.png")
    assert patient.files() == fine("4 files: disk and catalog agree")
    assert patient.syncs == 2


def test_a_daemon_that_is_behind_is_not_blamed(patient: Patient) -> None:
    patient.behind = "not in sync after 30 s: 5 files are still pending"
    found = patient.files()
    assert found.state == "warning"
    assert "3 files: disk and catalog agree; not in sync after 30 s" in found.detail
    patient.shelf.write("pics/new.png", b"new")
    found = patient.files()
    assert found.state == "warning"
    assert "1 of 4 files differs from the catalog, which may be work to do" in found.detail


def test_a_daemon_that_is_paused_is_to_be_resumed(patient: Patient) -> None:
    patient.status.paused = "paused"
    patient.behind = "5 files wait: paused: imgqctl resume"
    found = patient.files()
    assert found.detail.endswith("agree; 5 files wait: paused")
    assert found.remedy == "imgqctl resume"


def test_a_folder_that_goes_away_meanwhile_is_no_difference(patient: Patient) -> None:
    patient.roots.holds = lambda _: False
    shutil.rmtree(patient.shelf.base / "pics")
    found = patient.files()
    assert found.state == "warning"
    assert "went away meanwhile" in found.detail


def test_an_index_that_holds_other_than_the_catalog_is_bad(patient: Patient) -> None:
    def vectors() -> Finding:
        return asyncio.run(audit.vectors(cast("Core", patient)))

    patient.library.index = range(3)
    assert vectors() == fine("3 vectors: index and catalog agree")
    patient.library.index = range(2)
    doubts: list[bool] = []

    async def distrust() -> None:
        doubts.append(True)

    patient.library.distrust = distrust
    assert vectors().detail == "the index holds 2 vectors, the catalog 3"
    assert vectors().state == "bad"
    assert doubts == [True, True]
    patient.library.index = None
    assert vectors().state == "fine"
