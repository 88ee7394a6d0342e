"""The ground for changes: one daemon, its roots, a place outside, and what is kept of a fault."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from changes import oracle
from house import House
from imgq.errors import HungUp, Refused

SYNC: Final = 30.0
"""Seconds after which a sync is late."""

_GLANCE: Final = 2.0
"""Seconds for which a sync waits for what will not be ready: nobody goes on writing meanwhile."""

_CAPABILITIES: Final = "--bounding-set=-dac_override,-dac_read_search"

can_close = os.geteuid() != 0 or shutil.which("setpriv") is not None
"""Whether a mode can keep the daemon out: not where it runs as root, with all of root's rights."""


class Ground:
    """Places by name (`one`, `two`, `out`), the daemon that watches the first two, and counts."""

    def __init__(self, base: Path, elsewhere: Path | None, kept: Path, *, model: str) -> None:
        launcher = ["setpriv", _CAPABILITIES] if os.geteuid() == 0 and can_close else []
        self.by_content = model == "demo"
        self.house = House(base, model="demo" if self.by_content else "ViT-B-32/openai")
        self.house.launcher = launcher
        self.places = {"one": base / "one", "two": base / "two", "out": base / "out"}
        self._seconds = [base / "two", *([elsewhere / "two"] if elsewhere else [])]
        self._kept = kept
        self._frozen = False
        self.counts: Counter[str] = Counter()
        self.kept: list[Path] = []
        self.steps: list[str] = []
        self.roots: list[str] = []

    # The daemon

    def up(self) -> House:
        """Return the house with its daemon running and awake."""
        if self._frozen:
            self.house.signal(signal.SIGCONT)
            self._frozen = False
        if self.house.process is None:
            self.house.start()
        return self.house

    def freeze(self) -> None:
        """Stop the daemon where it is; the next use of it lets it go on."""
        self.up().signal(signal.SIGSTOP)
        self._frozen = True

    def end(self, number: int) -> int:
        """End the daemon by a signal; the next use of it starts another one."""
        return self.up().stop(number)

    def check_alive(self) -> None:
        """Fail where the daemon ended by itself."""
        process = self.house.process
        assert process is None or process.poll() is None, "the daemon ended by itself"

    def sync(self, *, is_writing: bool = False) -> None:
        """Wait until every change is in, and compare.

        Paused, or while something is being written, it may also say that it waits.
        """
        self.counts["syncs"] += 1
        with self.up().client() as client:
            rests = client.status().state == "paused"
            try:
                client.sync(_GLANCE if is_writing else SYNC)
            except Refused as refused:
                if is_writing or (rests and "paused" in refused.text):
                    return
                raise
            assert client.status().pending == 0
        oracle.check(
            self.house, [self.places[name] for name in self.roots], by_content=self.by_content
        )

    # Examples

    def prepare(self, *, across: bool) -> None:
        """Make all places empty; `across`: the second root lies on another device, if it can."""
        self.steps.append("all places made empty for the next example")
        self.up()
        self.places["two"] = self._seconds[-1 if across else 0]
        for place in (*self._seconds, self.places["one"], self.places["out"]):
            for folder in (place, away(place)):
                clear(folder)
            place.mkdir()
        self.roots = ["one", "two"]
        with self.evidence(), self.house.client() as client:
            client.resume()
            wanted = [self.places[name] for name in self.roots]
            for folder in wanted:
                client.add_root(folder)
            for root in client.roots():
                if Path(os.fsdecode(root.path)) not in wanted:
                    client.remove_root(root.path)
            self.sync()
        self.steps.clear()

    @contextlib.contextmanager
    def evidence(self) -> Iterator[None]:
        """Keep what is needed to understand a fault, and begin again with a new daemon."""
        try:
            yield
        except Exception as error:
            self._keep(error)
            raise

    def _keep(self, error: Exception) -> None:
        numbers = (self._kept / f"fault-{number}" for number in itertools.count(1))
        folder = next(one for one in numbers if not one.exists())
        folder.mkdir(parents=True)
        (folder / "steps.txt").write_text("\n".join([*self.steps, "", repr(error), str(error)]))
        disk = oracle.truth([self.places[name] for name in self.roots])
        (folder / "disk.txt").write_text("\n".join(map(repr, sorted(disk.files))))
        if isinstance(error, HungUp) and self.house.process is not None:
            # It is ending by itself, and may still say why.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.house.process.wait(_GLANCE)
        self.discard()
        shutil.copy(self.house.log, folder)
        state = self.house.catalog.parent
        shutil.copytree(state, folder / state.name)
        shutil.rmtree(state)
        self.house.log.unlink()
        self.kept.append(folder)
        error.add_note(f"kept: {folder}")

    def discard(self) -> None:
        """End the daemon without ado."""
        self._frozen = False
        if self.house.process is not None and self.house.process.poll() is None:
            self.house.kill()
        self.house.process = None


@contextlib.contextmanager
def standing(base: Path, kept: Path, model: str) -> Iterator[Ground]:
    """Give a ground below a folder, its second root in memory if it can be; end its daemon."""
    memory = Path("/dev/shm")
    with contextlib.ExitStack() as stack:
        elsewhere = None
        if memory.is_dir() and memory.stat().st_dev != base.stat().st_dev:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="imgq-", dir=memory))
            elsewhere = Path(name)
        ground = Ground(base / "house", elsewhere, kept, model=model)
        try:
            yield ground
        finally:
            ground.discard()
            for place in ground.places.values():
                clear(place)


def away(place: Path) -> Path:
    """Return where a root is while it is away."""
    return place.with_name(f"{place.name}.away")


def opened(folder: Path) -> Sequence[bytes]:
    """Make every folder at and below this one accessible, and return those that were not."""
    closed = []
    if not oracle.is_open(os.fsencode(folder)):
        closed.append(os.fsencode(folder))
        folder.chmod(0o755)
    for at, names, _ in os.walk(os.fsencode(folder)):
        for path in (os.path.join(at, name) for name in names):
            if not os.path.islink(path) and not oracle.is_open(path):
                closed.append(path)
                os.chmod(path, 0o755)
    return closed


def clear(folder: Path) -> None:
    """Delete a folder with all that is in it, if it is there."""
    if folder.is_dir():
        opened(folder)
        shutil.rmtree(folder)
