"""Keeps the index in the form that its size asks for, beside everything else that goes on.

A small library's vectors are in memory. Beyond, a process of its own (`builder`) writes
codes and vectors to the disk from the catalog, up to so many pictures codes that miss
nobody, then lists of smaller ones; they answer, brought up to date, in place of what
answered until then. What comes and goes lies beside them, and is
merged by the same process once there is much of it. Whatever fails on the way leaves
what answers as it is, and is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from imgqd import child, forms, machine
from imgqd.bell import Bell
from imgqd.index import Exact, Owner, Stored
from imgqd.library import Library, Sight
from imgqd.records import Model, Vector

log = logging.getLogger(__name__)

_SMALL: Final = 20_000
"""Pictures whose vectors are held in memory: 20 MB of 512 numbers."""

_UNMERGED: Final = 20_000
"""Changes that may lie beside the codes: they cost a search half a millisecond."""

_PART: Final = 200
"""In a large library so small a part of it may: a merge writes all codes anew."""

_ROOM: Final = 1.25
"""How much more room is asked for than vectors and codes should take."""

_CODE: Final = 200
"""Bytes of a picture's code, twice: the file before is there until the new one is."""

_RETRY: Final = 60.0
"""Seconds until what failed is tried again."""


_ONE_CORE: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


_EXACT: Final = Exact.kind
_COMPACT: Final = "compact"
_INVERTED: Final = "inverted"


@dataclass(frozen=True, slots=True)
class _Due:
    """The form that is to answer; `anew` is made from everything, not from what changed."""

    kind: str
    anew: bool


class Failed(Exception):
    """The files could not be made; the text says why and what to do."""


class Upkeep:
    """Looks after the index of the model that answers.

    `exact_up_to` returns the number of pictures up to which it is exact; `rests`
    why bulk work rests, or None; `small` is the number up to which vectors are in memory.
    """

    def __init__(
        self,
        library: Library,
        catalog: Path,
        changed: Bell,
        exact_up_to: Callable[[], int],
        rests: Callable[[], str | None],
        small: int = _SMALL,
        unmerged: int = _UNMERGED,
        retry: float = _RETRY,
    ) -> None:
        self._library = library
        self._catalog = catalog
        self._changed = changed
        self._exact_up_to = exact_up_to
        self._rests = rests
        self._small = small
        self._unmerged = unmerged
        self._retry = retry
        self._building = asyncio.Lock()
        self._child: child.Child | None = None
        self._work: dict[str, Any] | None = None
        self.trouble: str | None = None
        """Why the index stays as it is though it should not, in words."""

    @property
    def pids(self) -> dict[str, int]:
        """The process that is at work, by its name."""
        return {} if self._child is None else {"index builder": self._child.pid}

    def row(self) -> dict[str, Any] | None:
        """Return the form of the index and what is done about it, as status shows it."""
        sight = self._library.sight
        if sight is None:
            return None
        form = sight.index.form
        return {"form": form.kind, "unmerged": form.unmerged, "work": self._work}

    async def run(self) -> None:
        """Look after each change whether another form is due; ends by being cancelled."""
        await self._library.look_through()
        while True:
            ring = self._changed.next()
            sight = self._library.sight
            due = None if sight is None else self._due(sight)
            if sight is None or due is None:
                self._settle(None)
                await ring.wait()
                continue
            try:
                await self._do(sight, due)
            except Failed as error:
                self._settle(str(error))
                await asyncio.sleep(self._retry)

    async def prepare(self, number: int, model: Model, usual: Vector | None, times: int) -> None:
        """Make the snapshot of a model that is to answer next, if it has none and needs one.

        It does from so many times the size on up to which the index is exact, or where `times`
        is 1, is in memory. Where that fails all its vectors are held in memory at first.
        """
        stored = await self._library.read(lambda reader: reader.stored(number))
        most = self._exact_up_to()
        if stored <= (min(self._small, most) if times == 1 else times * most):
            return
        if await self._restored(model) is not None:
            return
        try:
            await self._build(number, model, usual, anew=True, lists=stored > most)
        except Failed as error:
            log.warning("%s is held in memory for now: %s", model.name, error)

    def _due(self, sight: Sight) -> _Due | None:
        form, is_wrong = sight.index.form, sight.index.form.unsound or sight.index.doubted
        if self._rests() is not None and not is_wrong:
            return None
        held = len(sight.index)
        kind = self._kind_due(form.kind, held)
        if is_wrong or kind != form.kind:
            return _Due(kind, anew=True)
        if kind == _EXACT or form.unmerged <= max(self._unmerged, held // _PART):
            return None
        return _Due(kind, anew=False)

    def _kind_due(self, kind: str, held: int) -> str:
        """Return the form that so many pictures ask for.

        Not at once a smaller one: a folder that goes and comes would have it made time and again.
        """
        most = self._exact_up_to()
        small = min(self._small, most)
        if held > (most // 2 if kind == _INVERTED else most):
            return _INVERTED
        return _COMPACT if held > (small if kind == _EXACT else small // 2) else _EXACT

    async def _do(self, sight: Sight, due: _Due) -> None:
        number, model = sight.number, sight.model
        if due.kind == _EXACT:
            self._show({"what": "loading", "done": 0, "total": len(sight.index)})
            exact, seq = await self._library.read_long(
                lambda reader: forms.exact(reader, number, model.dim)
            )
            if await self._library.exchange(sight, exact, seq):
                await self._library.discard(model.key, model.dim)
                log.info("the index is in memory")
            self._show(None)
            return
        lists = due.kind == _INVERTED
        await self._build(number, model, sight.index.usual, anew=due.anew, lists=lists)
        form = await self._restored(model)
        if form is None:
            raise Failed("the index that was built cannot be read: check the disk")
        if await self._library.exchange(sight, form, form.head.seq):
            log.info("the index is %s: %d pictures", form.kind, len(sight.index))
        self._show(None)

    async def _restored(self, model: Model) -> Stored | None:
        return await self._library.read_long(
            lambda reader: forms.restored(self._catalog, reader, model)
        )

    async def _build(
        self, number: int, model: Model, usual: Vector | None, *, anew: bool, lists: bool
    ) -> None:
        """Let the files be made by a process of their own; raises Failed."""
        of, stored = await self._library.read(
            lambda reader: (forms.owner(reader, model.key, model.dim), reader.stored(number))
        )
        async with self._building:
            self._ensure_room(stored if anew or not lists else 0, model.dim, lists=lists)
            self._show({"what": "starting", "done": 0, "total": stored})
            running = self._child = await child.start(
                "index builder",
                "imgqd.builder",
                environment=_ONE_CORE,
                on_event=self._progress,
            )
            machine.yield_disk(running.pid)
            try:
                await running.call("build", self._params(of, number, usual, anew=anew, lists=lists))
            except child.Refused as error:
                raise Failed(f"{self._stays}: {error.text}: free some space") from error
            except child.Died as error:
                raise Failed(f"{self._stays}: {error}") from error
            finally:
                self._child = None
                self._show(None)
                await running.stop(at_once=True)

    @property
    def _stays(self) -> str:
        return f"the index stays as it is, {self._catalog.parent / 'index'} was not written"

    def _params(
        self, of: Owner, number: int, usual: Vector | None, *, anew: bool, lists: bool
    ) -> dict[str, Any]:
        return {
            "catalog": os.fsencode(self._catalog),
            "folder": os.fsencode(forms.folder(self._catalog, of)),
            "owner": [of.catalog, of.model, of.dim],
            "number": number,
            "usual": None if usual is None else usual.astype("float32").tobytes(),
            "anew": anew,
            "lists": lists,
        }

    def _ensure_room(self, vectors: int, dim: int, *, lists: bool) -> None:
        wanted = int(_ROOM * vectors * (2 * dim + (_CODE if lists else 2 * dim)))
        free = forms.room(self._catalog)
        if free < wanted:
            raise Failed(
                f"{self._stays}: {wanted >> 20:,} MiB are needed and {free >> 20:,} MiB free: "
                "free some space"
            )

    def _progress(self, method: str, params: dict[str, Any]) -> None:
        if method == "progress":
            self._show(params)

    def _show(self, work: dict[str, Any] | None) -> None:
        self._work = work
        self._changed.ring()

    def _settle(self, trouble: str | None) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            if trouble is not None:
                log.error("%s", trouble)
            self._changed.ring()
