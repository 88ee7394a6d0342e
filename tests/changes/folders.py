"""Changes of whole folders, in any order: moved, made again, closed, hidden; roots that go away."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from changes import ground, oracle, pictures
from changes.files import FileChanges, numbers

NAMES: Final = ["a", "b", "ü ö", ".hidden", "f.png"]
BURST: Final = 50
MOST: Final = 500
"""Files that a burst may lead to: one search must give them all."""


class FolderChanges(FileChanges):
    """Files and folders change."""

    @property
    def inner(self) -> list[str]:
        """The folders that are no places of their own."""
        return [name for name in self.folders if "/" in name]

    @property
    def tops(self) -> list[str]:
        """The roots, there or not."""
        return ["one", "two"]

    def free(self, data: st.DataObject) -> str | None:
        """Draw a name for a folder, or None where it is taken."""
        name = f"{self.pick(data, self.folders, 'into')}/{data.draw(st.sampled_from(NAMES))}"
        return None if os.path.lexists(self.path(name)) else name

    @precondition(lambda self: self.folders)
    @rule(data=st.data(), deep=st.booleans(), number=numbers)
    def make(self, data: st.DataObject, number: int, *, deep: bool) -> None:
        if name := self.free(data):
            inner = f"{name}/a/b" if deep else name
            self.did("mkdir -p", inner, "; write", f"{inner}/p.png", "picture", number)
            self.path(inner).mkdir(parents=True)
            self.write(f"{inner}/p.png", pictures.content(number))

    @precondition(lambda self: self.inner)
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        source = self.pick(data, self.inner, "from")
        target = self.free(data)
        if target is None or f"{target}/".startswith(f"{source}/"):
            return
        before, after = self.path(source), self.path(target)
        across = before.stat().st_dev != after.parent.stat().st_dev
        if across and (closed := ground.opened(before)):
            self.did("chmod 755", *closed)
        self.did("mv", source, target)
        shutil.move(before, after, copy_function=_copy)

    @precondition(lambda self: self.inner)
    @rule(data=st.data(), number=numbers)
    def make_again(self, data: st.DataObject, number: int) -> None:
        name = self.pick(data, self.inner, "folder")
        self.did("rm -r", name, "; mkdir", name, "; write", f"{name}/q.png picture", number)
        ground.clear(self.path(name))
        self.path(name).mkdir()
        self.write(f"{name}/q.png", pictures.content(number))

    @precondition(lambda self: self.inner)
    @rule(data=st.data())
    def delete_tree(self, data: st.DataObject) -> None:
        name = self.pick(data, self.inner, "folder")
        self.did("rm -r", name)
        ground.clear(self.path(name))

    @precondition(lambda self: self.inner and ground.can_close)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        name = self.pick(data, self.inner, "folder")
        self.did("chmod 000", name)
        self.path(name).chmod(0o000)

    @rule()
    def open_all(self) -> None:
        for place in self.ground.places.values():
            if place.is_dir() and (closed := ground.opened(place)):
                self.did("chmod 755", *closed)

    @precondition(lambda self: self.folders)
    @rule(data=st.data())
    def hide_or_show(self, data: st.DataObject) -> None:
        name = self.pick(data, self.folders, "folder")
        mark = self.path(name) / ".nomedia"
        if mark.exists():
            self.did("rm", f"{name}/.nomedia")
            mark.unlink()
        else:
            self.did("touch", f"{name}/.nomedia")
            mark.touch()

    @precondition(lambda self: self.folders and len(self.files) < MOST)
    @rule(data=st.data(), first=numbers)
    def burst(self, data: st.DataObject, first: int) -> None:
        name = self.pick(data, self.folders, "into")
        self.did("write", f"{name}/0.png", "to", f"{name}/{BURST - 1}.png", "pictures from", first)
        for number in range(BURST):
            path = self.path(f"{name}/{number}.png")
            if not path.exists() or oracle.is_open(os.fsencode(path)):
                self.write(
                    f"{name}/{number}.png", pictures.content((first + number) % pictures.COUNT)
                )

    @rule(data=st.data())
    def take_root_away_or_back(self, data: st.DataObject) -> None:
        top = self.pick(data, self.tops, "root")
        place = self.path(top)
        aside = ground.away(place)
        if place.exists() and not aside.exists():
            self.did("mv", top, aside.name)
            place.rename(aside)
        elif aside.exists() and not place.exists():
            self.did("mv", aside.name, top)
            aside.rename(place)

    @rule(data=st.data(), number=numbers)
    def make_root_again(self, data: st.DataObject, number: int) -> None:
        top = self.pick(data, self.tops, "root")
        if not self.path(top).exists():
            self.did("mkdir", top, "; write", f"{top}/p.png picture", number)
            self.path(top).mkdir()
            self.write(f"{top}/p.png", pictures.content(number))


def _copy(before: str, after: str) -> None:
    # As mv: what its owner may not read, nobody else's copy holds.
    if not oracle.is_open(os.fsencode(before)):
        Path(before).chmod(0o644)
    shutil.copy2(before, after)
