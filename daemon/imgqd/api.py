"""The daemon's methods: this table is the API.

Each handler checks what came over the wire, asks the parts, and answers with
plain maps. What is wrong with a request is a `Problem` with words for a person.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Mapping
from typing import Any, Final

from imgq import protocol
from imgq.protocol import wire_path
from imgqd import child, explaining
from imgqd import params as checked
from imgqd.asking import Asking
from imgqd.config import SettingsError
from imgqd.core import Core
from imgqd.doctor import Doctor
from imgqd.meaning import Meaning
from imgqd.params import Params
from imgqd.pulse import NotInSync
from imgqd.records import shown
from imgqd.server import Handler, Problem
from imgqd.session import Session
from imgqd.showing import Showing
from imgqd.stock import InUse, UnknownName
from imgqd.storeroom import Storeroom
from imgqd.subscriptions import Subscriptions
from imgqd.turns import Turns

_SEARCH: Final = (
    "query", "limit", "offset", "sync", "timeout_s", "like", "all", "fold", "supersede",
    "everywhere",
)  # fmt: skip

_SEARCHES: Final = 2
"""Searches that are worked on side by side; more would only share the cores."""

_FAREWELL: Final = 0.05
"""Seconds in which the answer to `shutdown` is sent."""


class Api:
    """Handlers over the running parts."""

    def __init__(self, core: Core, version: str) -> None:
        self._core = core
        self._version = version
        self._doctor = Doctor(core, version)
        meaning = Meaning(core)
        self._asking = Asking(core, meaning)
        self._subscriptions = Subscriptions(core, meaning)
        self._turns = Turns(_SEARCHES)
        self._showing = Showing(core)
        self._storeroom = Storeroom(core)

    def table(self) -> Mapping[str, Handler]:
        """Return method -> handler."""
        return {
            "hello": self.hello,
            "search": self.search,
            "status": self.status,
            "sync": self.sync,
            "why": self.why,
            "doctor": self.doctor,
            "roots.list": self.roots_list,
            "roots.add": self.roots_add,
            "roots.remove": self.roots_remove,
            "pause": self.pause,
            "resume": self.resume,
            "rescan": self.rescan,
            "models.list": self.models_list,
            "models.use": self.models_use,
            "models.pull": self.models_pull,
            "models.import": self.models_import,
            "models.drop": self.models_drop,
            "subscribe": self._subscriptions.subscribe,
            "unsubscribe": self._subscriptions.unsubscribe,
            "thumbnail": self.thumbnail,
            **self._storeroom.table(),
            "shutdown": self.shutdown,
        }

    def closed(self, session: Session) -> None:
        """Forget a client that hung up."""
        self._subscriptions.closed(session)

    async def hello(self, _: Session, params: Params) -> Any:
        """Say name, version and protocol."""
        checked.only(params)
        return {"name": "imgqd", "version": self._version, "protocol": protocol.VERSION}

    async def search(self, session: Session, params: Params) -> Any:
        """Rank files for a line of text, or for a picture."""
        checked.only(params, *_SEARCH)
        checked.flag(params, "supersede")  # the server has done what it asks
        if checked.flag(params, "sync"):
            await self._sync(checked.seconds(params, 30.0))
        return await self._asking.search(params, self._turns.turn(session))

    async def status(self, _: Session, params: Params) -> Any:
        """Say everything that the daemon knows of itself."""
        checked.only(params)
        return await self._core.status.full()

    async def sync(self, _: Session, params: Params) -> Any:
        """Answer once every change made before the call is in."""
        checked.only(params, "timeout_s")
        return {"as_of": await self._sync(checked.seconds(params, 30.0)), "pending": 0}

    async def _sync(self, timeout: float) -> float:
        try:
            return await self._core.sync(timeout)
        except NotInSync as error:
            raise Problem("unavailable", str(error)) from error

    async def why(self, _: Session, params: Params) -> Any:
        """Say the state of one path, and the reason."""
        checked.only(params, "path")
        path = checked.path_of(params.get("path"))
        state, reason, detail = await explaining.why(self._core, path)
        return {"path": wire_path(path), "state": state, "reason": reason, "detail": detail}

    async def doctor(self, _: Session, params: Params) -> Any:
        """Check what a person cannot see, one thing after the other."""
        checked.only(params)
        return {"checks": await self._doctor.examine()}

    async def roots_list(self, _: Session, params: Params) -> Any:
        """List the watched folders."""
        checked.only(params)
        return {"roots": (await self._core.status.full())["roots"]}

    async def roots_add(self, session: Session, params: Params) -> Any:
        """Watch one more folder, and write it into the settings file."""
        checked.only(params, "path")
        path = checked.path_of(params.get("path"))
        if not os.path.isdir(path):  # noqa: ASYNC240 - one stat, of what a person just named
            raise Problem("not_found", f"{shown(path)} is not a folder")
        await self._settings(self._core.add_root(path))
        return await self.roots_list(session, {})

    async def roots_remove(self, session: Session, params: Params) -> Any:
        """Watch a folder no longer; its pictures leave the index at once."""
        checked.only(params, "path")
        path = os.path.realpath(checked.path_of(params.get("path")))  # noqa: ASYNC240 - one path, as roots are
        if not await self._settings(self._core.remove_root(path)):
            raise Problem("not_found", f"{shown(path)} is not a watched folder")
        return await self.roots_list(session, {})

    async def pause(self, _: Session, params: Params) -> Any:
        """Let decoding and embedding rest, for a time or until `resume`."""
        checked.only(params, "duration_s")
        await self._core.pause(checked.duration(params))
        return {"state": "paused"}

    async def resume(self, _: Session, params: Params) -> Any:
        """Let the work go on."""
        checked.only(params)
        await self._core.resume()
        return {"state": (await self._core.status.full())["state"]}

    async def rescan(self, _: Session, params: Params) -> Any:
        """Walk all folders, or one, now."""
        checked.only(params, "path")
        only = checked.path_of(params["path"]) if "path" in params else None
        if only is not None and self._core.scope.root_of(only) is None:
            raise Problem("not_found", f"{shown(only)} lies in no watched folder")
        await self._core.rescan(only)
        return {"state": (await self._core.status.full())["state"]}

    async def models_list(self, _: Session, params: Params) -> Any:
        """List the models that have a name of their own, and those with vectors."""
        checked.only(params)
        models = self._core.models
        migrating = models.migrating
        coming = [] if migrating is None else [migrating["to"]]
        return {
            "active": models.name,
            "available": await models.stock.listed(models.name, *coming),
            "migrating": migrating,
        }

    async def models_use(self, session: Session, params: Params) -> Any:
        """Let another model take over, and write it into the settings file."""
        checked.only(params, "name")
        name = checked.text(params, "name")
        try:
            await self._core.models.stock.check(name)
        except UnknownName as error:
            # What cannot be a name at all is a mistake in the request.
            raise Problem("not_found" if {"/", ":"} & {*name} else "usage", str(error)) from error
        await self._settings(self._core.use_model(name))
        return await self.models_list(session, {})

    async def models_drop(self, _: Session, params: Params) -> Any:
        """Delete the vectors of a model that is not in use."""
        checked.only(params, "name")
        try:
            return await self._core.models.drop(checked.text(params, "name"))
        except UnknownName as error:
            raise Problem("not_found", str(error)) from error
        except InUse as error:
            raise Problem("unavailable", str(error)) from error

    async def models_pull(self, _: Session, params: Params) -> Any:
        """Download a model's weights; the progress shows in `status`."""
        checked.only(params, "name")
        return await self._brought(self._core.models.pull(checked.text(params, "name")))

    async def models_import(self, _: Session, params: Params) -> Any:
        """Copy a model from a folder or file; the progress shows in `status`."""
        checked.only(params, "path", "as")
        path = checked.path_of(params.get("path"))
        name = None if params.get("as") is None else checked.text(params, "as")
        return await self._brought(self._core.models.take_in(path, name))

    async def _brought(self, bringing: Awaitable[Any]) -> Any:
        try:
            return await bringing
        except child.Refused as error:
            code = error.code if error.code in protocol.CODES else "unavailable"
            raise Problem(code, error.text) from error
        except child.Died as error:
            raise Problem("unavailable", f"the download ended: {error}: try again") from error

    async def thumbnail(self, _: Session, params: Params) -> Any:
        """Say where a small PNG of a picture lies; it is made where there is none."""
        return {"path": wire_path(await self._showing.thumbnail(params))}

    async def shutdown(self, _: Session, params: Params) -> Any:
        """Stop the daemon."""
        checked.only(params)
        asyncio.get_running_loop().call_later(_FAREWELL, self._core.stop_requested.set)
        return {}

    async def _settings(self, action: Any) -> Any:
        try:
            return await action
        except SettingsError as error:
            raise Problem("usage", str(error)) from error
        except ValueError as error:
            raise Problem("usage", f"allowed are {error}") from error
