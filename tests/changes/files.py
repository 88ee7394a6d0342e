"""Changes of single files, in any order: written, replaced, renamed, linked, broken, closed."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from changes import ground, oracle, pictures
from changes.ground import Ground

NAMES: Final = ["p.png", "q.png", "r.PNG", "f.png", ".h.png", "s.txt"]
"""Few, so that a name is taken again soon; one is a folder's as well, two are no picture's."""

_WRITERS: Final = 3
"""Files that are being written at once."""

_SECOND: Final = 1_000_000_000
"""In nanoseconds."""

numbers = st.integers(0, pictures.COUNT - 1)


class FileChanges(RuleBasedStateMachine):
    """Files change in two roots and outside of them. Sources are drawn from what there is."""

    def __init__(self, where: Ground) -> None:
        super().__init__()
        self.ground = where
        self.files: list[str] = []
        self.links: list[str] = []
        self.folders: list[str] = []
        self.writers: list[tuple[int, bytes]] = []
        self.replaced: list[int] = []
        self.stamp = 0
        self.is_blind = False
        """A file changed under a name of which no event tells: only a rescan finds out."""

    @initialize(across=st.booleans())
    def begin(self, *, across: bool) -> None:
        self.ground.prepare(across=across)

    def teardown(self) -> None:
        self.finish_all()
        for descriptor in self.replaced:
            os.close(descriptor)

    @invariant()
    def look_around(self) -> None:
        """Note what there is to change: nothing in closed folders, to be the same for any user."""
        self.files, self.links, self.folders = [], [], []
        for name, place in self.ground.places.items():
            if place.is_dir():
                self._look(name, place)

    def _look(self, name: str, folder: Path) -> None:
        if not oracle.is_open(os.fsencode(folder)):
            return
        self.folders.append(name)
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            inside = f"{name}/{entry.name}"
            if entry.is_symlink():
                self.links.append(inside)
            elif entry.is_dir():
                self._look(inside, Path(entry.path))
            elif entry.name != ".nomedia":
                self.files.append(inside)

    # What the rules share

    def path(self, name: str) -> Path:
        """Return the path of a name such as `one/a/p.png`."""
        place, _, rest = name.partition("/")
        return self.ground.places[place] / rest

    def did(self, *words: object) -> None:
        """Note a step, as a person would type it."""
        self.ground.steps.append(" ".join(map(str, words)))
        self.ground.counts["steps"] += 1

    def pick(self, data: st.DataObject, names: list[str], label: str) -> str:
        """Draw one of the names there are."""
        return data.draw(st.sampled_from(names), label)

    def target(self, data: st.DataObject) -> str | None:
        """Draw a name for a file, free or a file's; a link there goes, a folder there is None."""
        name = f"{self.pick(data, self.folders, 'into')}/{data.draw(st.sampled_from(NAMES))}"
        path = self.path(name)
        if path.is_dir() and not path.is_symlink():
            return None
        if path.is_symlink() or (path.exists() and not oracle.is_open(os.fsencode(path))):
            self.did("rm", name)
            path.unlink()
        return name

    def touched(self, status: os.stat_result) -> None:
        """Note that a file's content changed in place: its other names hear nothing of it."""
        self.is_blind = self.is_blind or status.st_nlink > 1

    def write(self, name: str, content: bytes) -> None:
        """Write in place."""
        path = self.path(name)
        path.write_bytes(content)
        self.touched(path.stat())

    # Content

    @precondition(lambda self: self.folders)
    @rule(data=st.data(), number=numbers)
    def create(self, data: st.DataObject, number: int) -> None:
        if name := self.target(data):
            self.did("write", name, "picture", number)
            self.write(name, pictures.content(number))

    @precondition(lambda self: self.files)
    @rule(data=st.data(), number=numbers, how=st.sampled_from(["whole", "half", "empty", "more"]))
    def rewrite(self, data: st.DataObject, number: int, how: str) -> None:
        name = self.pick(data, self.files, "file")
        path = self.path(name)
        if not oracle.is_open(os.fsencode(path)):
            return
        self.did("rewrite", name, how, number)
        match how:
            case "whole":
                self.write(name, pictures.content(number))
            case "half":
                self.write(name, pictures.half(number))
            case "empty":
                self.write(name, b"")
            case _:
                self.write(name, path.read_bytes() + pictures.content(number)[:100])

    @precondition(lambda self: self.folders and len(self.writers) < _WRITERS)
    @rule(data=st.data(), number=numbers)
    def begin_slowly(self, data: st.DataObject, number: int) -> None:
        if name := self.target(data):
            self.did("begin", name, "picture", number)
            half = pictures.half(number)
            descriptor = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.write(descriptor, half)
            self.touched(os.fstat(descriptor))
            self.writers.append((descriptor, pictures.content(number)[len(half) :]))

    @precondition(lambda self: self.writers)
    @rule(whole=st.booleans())
    def finish_slowly(self, *, whole: bool) -> None:
        descriptor, rest = self.writers.pop(0)
        self.did("finish" if whole else "abandon", "what was begun first")
        if whole:
            os.write(descriptor, rest)
        self.touched(os.fstat(descriptor))
        os.close(descriptor)

    @precondition(lambda self: self.files)
    @rule(data=st.data(), number=numbers, same_time=st.booleans())
    def replace(self, data: st.DataObject, number: int, *, same_time: bool) -> None:
        name = self.pick(data, self.files, "file")
        self.did("replace", name, "by picture", number, "of the same time" if same_time else "")
        path = self.path(name)
        fresh = path.with_name(f"{path.name}.part")
        fresh.write_bytes(pictures.content(number))
        if same_time:
            status = path.stat()
            os.utime(fresh, ns=(status.st_atime_ns, status.st_mtime_ns))
            if oracle.is_open(os.fsencode(path)):
                # Its inode must not come again with the same time: no one could tell it then.
                self.replaced.append(os.open(path, os.O_RDONLY))
        fresh.replace(path)

    @precondition(lambda self: self.files)
    @rule(data=st.data(), days=st.integers(-9000, 9000))
    def set_time(self, data: st.DataObject, days: int) -> None:
        name = self.pick(data, self.files, "file")
        # Never the same time twice: with a size and a used inode it would be another file's stamp.
        self.stamp += 1
        time = (1_700_000_000 + days * 86400) * _SECOND + self.stamp
        self.did("set the time of", name, time)
        os.utime(self.path(name), ns=(time, time))

    def finish_all(self) -> None:
        while self.writers:
            self.finish_slowly(whole=True)

    # Names

    @precondition(lambda self: self.files or self.links)
    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        source = self.pick(data, self.files + self.links, "from")
        target = self.target(data)
        before = self.path(source)
        if target in {None, source} or not os.path.lexists(before):
            return
        if not before.is_symlink() and not oracle.is_open(os.fsencode(before)):
            return
        self.did("mv", source, target)
        shutil.move(before, self.path(target))

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def link(self, data: st.DataObject) -> None:
        source = self.pick(data, self.files, "file")
        target = self.target(data)
        if target is None or self.path(target).exists() or not self.path(source).exists():
            return
        try:
            os.link(self.path(source), self.path(target))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        else:
            self.did("ln", source, target)

    @precondition(lambda self: self.folders)
    @rule(data=st.data(), kind=st.sampled_from(["file", "folder", "nothing", "itself"]))
    def symlink(self, data: st.DataObject, kind: str) -> None:
        target = self.target(data)
        if target is None or self.path(target).exists():
            return
        match kind:
            case "file" if self.files:
                aim = str(self.path(self.pick(data, self.files, "to")))
            case "folder":
                aim = str(self.path(self.pick(data, self.folders, "to")))
            case "itself":
                aim = os.path.basename(target)
            case _:
                aim = "nowhere"
        self.did("ln -s", aim, target)
        self.path(target).symlink_to(aim)

    @precondition(lambda self: self.files or self.links)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = self.pick(data, self.files + self.links, "file")
        self.did("rm", name)
        self.path(name).unlink()

    @precondition(lambda self: self.files and ground.can_close)
    @rule(data=st.data())
    def close_or_open_file(self, data: st.DataObject) -> None:
        path = self.path(name := self.pick(data, self.files, "file"))
        mode = 0o000 if oracle.is_open(os.fsencode(path)) else 0o644
        self.did("chmod", f"{mode:03o}", name)
        path.chmod(mode)
