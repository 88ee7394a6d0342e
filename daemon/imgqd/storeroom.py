"""What is asked of the store that several machines share: the methods `store.*`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from imgq.protocol import wire_path
from imgqd import params as checked
from imgqd import storerow
from imgqd.carrier import NotThere, Trouble
from imgqd.config import SettingsError
from imgqd.core import Core
from imgqd.outbox import OFF
from imgqd.params import Params
from imgqd.rows import MACHINE
from imgqd.server import Handler, Problem
from imgqd.session import Session

_PATIENCE: Final = 10.0
"""Seconds for what the store says of its machines."""

_DELIVERY: Final = 60.0
"""Seconds for the changes that are not told yet, before both sides are compared."""


class Storeroom:
    """Handlers over the outbox."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def table(self) -> Mapping[str, Handler]:
        """Return method -> handler."""
        return {
            "store.status": self.status,
            "store.backfill": self.backfill,
            "store.verify": self.verify,
            "store.detach": self.detach,
            "store.forget": self.forget,
            "store.switch": self.switch,
        }

    async def status(self, _: Session, params: Params) -> Any:
        """Say how the store is, and which machines it holds pictures of."""
        checked.only(params)
        machines: list[dict[str, Any]] | None = None
        if self._core.outbox.is_on:
            try:
                async with asyncio.timeout(_PATIENCE):
                    machines = await self._core.outbox.ask("members")
            except (TimeoutError, Trouble):
                machines = None
            else:
                self._core.outbox.counted(sum(one["rows"] or 0 for one in machines))
        return {**await self._row(), "machines": machines}

    async def backfill(self, _: Session, params: Params) -> Any:
        """Tell the store everything once more."""
        checked.only(params, "claim")
        claims = checked.flag(params, "claim")
        self._ensure_on()
        await self._asked(self._core.outbox.begin_anew(claims=claims))
        return await self._row()

    async def verify(self, _: Session, params: Params) -> Any:
        """Compare what the store holds of this machine with the catalog, and mend it if asked."""
        checked.only(params, "mend")
        is_mended = checked.flag(params, "mend")
        outbox = self._core.outbox
        self._ensure_on()
        place = await outbox.place()
        if place is None or place.filled is not None:
            text = "the store is being told of all pictures: imgqctl store status says how far"
            raise Problem("unavailable", str(outbox.trouble or text))
        try:
            async with asyncio.timeout(_DELIVERY):
                await self._asked(outbox.told_all())
        except TimeoutError:
            raise Problem("unavailable", "changes are still being told: try again") from None
        found = await self._asked(outbox.ask("verify", mend=is_mended))
        outbox.work = None
        self._core.changed.ring()
        for one in found["named"]:
            one["path"] = None if one["path"] is None else wire_path(one["path"])
        return found

    async def detach(self, _: Session, params: Params) -> Any:
        """Tell the store no more; this machine's rows go or stay."""
        checked.only(params, "remove")
        is_removed = checked.flag(params, "remove")
        self._ensure_on()
        outbox = self._core.outbox
        rows = None
        outbox.hold(is_held=True)
        try:
            if is_removed:
                try:
                    rows = await outbox.ask("forget", machine=outbox.machine)
                except NotThere:
                    rows = 0
            await self._core.leave_store()
        except Trouble as error:
            text = f"{error}: without --remove it is detached all the same"
            raise Problem("unavailable", text) from error
        except SettingsError as error:
            raise Problem("usage", str(error)) from error
        finally:
            outbox.hold(is_held=False)
        return {"rows": rows}

    async def forget(self, _: Session, params: Params) -> Any:
        """Remove all that another machine has told."""
        checked.only(params, "machine")
        name = checked.text(params, "machine")
        if MACHINE.fullmatch(name) is None:
            raise Problem("usage", "machine is a name of letters, digits, dots and dashes")
        self._ensure_on()
        if name == self._core.outbox.machine:
            raise Problem("usage", f"{name} is this machine: imgqctl store detach --remove")
        return {"rows": await self._asked(self._core.outbox.ask("forget", machine=name))}

    async def switch(self, _: Session, params: Params) -> Any:
        """Let this machine's model answer, whichever machines have not told as it sees them."""
        checked.only(params)
        self._ensure_on()
        place = await self._core.outbox.place()
        if place is None or place.filled is not None:
            raise Problem("unavailable", "this machine itself has not told everything yet")
        await self._asked(self._core.outbox.ask("switch"))
        self._core.outbox.look_again()
        return await self._row()

    def _ensure_on(self) -> None:
        if not self._core.outbox.is_on:
            raise Problem("unavailable", OFF)

    async def _row(self) -> dict[str, Any]:
        return {"store": await storerow.row(self._core.outbox)}

    async def _asked(self, asking: Any) -> Any:
        try:
            return await asking
        except NotThere as error:
            raise Problem("not_found", str(error)) from error
        except Trouble as error:
            raise Problem("unavailable", str(error)) from error
