"""Any order of changes, on the disk and in the catalog, against a plain dictionary."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemon.shelf import WEEK, Shelf, digest, indexed_of, stamp
from imgqd.records import Indexed

ROOTS = ("one", "two", "two/inner")
NAMES = [f"{root}/{name}" for root in ROOTS for name in ("a.png", "b.png", "sub/c.png")]
CONTENTS = [b"red", b"sky", b"blue", b"green"]

name_of = st.sampled_from(NAMES)
root_name = st.sampled_from(ROOTS)


class Catalog(RuleBasedStateMachine):
    """Files change under roots; the catalog hears of it in any order, or late."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp(prefix="imgq-catalog-"))
        self.shelf = Shelf(self.base, *ROOTS)
        self.taken: list[Indexed] = []
        self.offline: set[str] = set()

    def teardown(self) -> None:
        self.shelf.close()
        shutil.rmtree(self.base)

    @property
    def disk(self) -> dict[str, bytes]:
        """The files that there are, and what they hold."""
        paths = {name: self.base / name for name in NAMES}
        return {name: path.read_bytes() for name, path in paths.items() if path.exists()}

    @rule(name=name_of, content=st.sampled_from(CONTENTS))
    def write(self, name: str, content: bytes) -> None:
        self.shelf.write(name, content)

    @precondition(lambda self: self.disk)
    @rule(data=st.data(), to=name_of)
    def rename(self, data: st.DataObject, to: str) -> None:
        source = data.draw(st.sampled_from(sorted(self.disk)))
        self._parent(to)
        (self.base / source).rename(self.base / to)

    @precondition(lambda self: self.disk)
    @rule(data=st.data(), to=name_of)
    def link(self, data: st.DataObject, to: str) -> None:
        source = data.draw(st.sampled_from(sorted(self.disk)))
        if to not in self.disk:
            self._parent(to)
            os.link(self.base / source, self.base / to)

    @precondition(lambda self: self.disk)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.disk)))
        (self.base / name).unlink()

    @rule(names=st.lists(name_of, max_size=4))
    def look(self, names: list[str]) -> None:
        self.shelf.look(*(name for name in names if self._seen(name)))

    @rule(limit=st.integers(1, 4))
    def take(self, limit: int) -> None:
        busy = {one.work.file for one in self.taken}
        works = self.shelf.writer.take(limit, busy)
        assert not busy & {work.file for work in works}
        # As the daemon: what changed before it could be read is looked at again.
        self.taken += [indexed_of(work) for work in works if stamp(work.path) == work.stamp]

    @rule()
    def commit(self) -> None:
        shelf, done, self.taken = self.shelf, self.taken, []
        change = shelf.writer.commit(done, [], shelf.model, shelf.model, shelf.now)
        shelf.mirror(change)

    @precondition(lambda self: self.taken)
    @rule()
    def fail(self) -> None:
        self.shelf.fail(self.taken.pop().work, "damaged")

    @rule(root=root_name)
    def unplug(self, root: str) -> None:
        self.shelf.offline(self.shelf.root(root))
        self.offline.add(root)

    @rule(root=root_name)
    def plug_in(self, root: str) -> None:
        self.shelf.online(self.shelf.root(root))
        self.offline.discard(root)

    @rule(kept=st.sets(root_name, min_size=1))
    def choose_roots(self, kept: set[str]) -> None:
        self.shelf.watch(*sorted(kept))
        self.shelf.watch(*ROOTS)
        self.offline.clear()

    @rule(seconds=st.sampled_from([1.0, 70.0, WEEK + 1]))
    def wait(self, seconds: float) -> None:
        self.shelf.now += seconds
        self.shelf.writer.tidy(self.shelf.now)

    @rule()
    def catch_up(self) -> None:
        """Plug everything in, look everywhere, work everything off: then all is known."""
        for root in ROOTS:
            self.plug_in(root)
        self.commit()
        self.shelf.look(*NAMES)
        self.shelf.work()
        known = {path: picture for path, (state, picture) in self.shelf.rows().items()}
        assert known.keys() == {os.fsencode(self.base / name) for name in self.disk}
        failed = {path for path, (state, _) in self.shelf.rows().items() if state == "failed"}
        for name, content in self.disk.items():
            path = os.fsencode(self.base / name)
            assert path in failed or known[path] == digest(content)

    @invariant()
    def live_is_what_has_a_file_on_an_online_root(self) -> None:
        assert self.shelf.live() == self.shelf.with_file()

    @invariant()
    def an_index_that_follows_the_changes_holds_what_is_live(self) -> None:
        assert self.shelf.shown == self.shelf.live()

    @invariant()
    def an_indexed_file_has_a_picture(self) -> None:
        for state, picture in self.shelf.rows().values():
            assert (state == "indexed") <= (picture is not None)

    def _seen(self, name: str) -> bool:
        """The daemon looks at nothing on a root that is offline."""
        inside = [root for root in ROOTS if name.startswith(f"{root}/")]
        return max(inside, key=len) not in self.offline

    def _parent(self, name: str) -> None:
        (self.base / name).parent.mkdir(parents=True, exist_ok=True)


Catalog.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestCatalog = Catalog.TestCase
