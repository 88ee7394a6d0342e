"""The tray's connection: hears of changes, does what was clicked, lives through restarts.

One thread with a loop of its own. It subscribes and waits; only while no daemon answers
it tries again, at most every ten seconds.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Final

from imgq import lifecycle
from imgq.async_client import AsyncClient
from imgq.errors import ImgqError
from imgq_service.door import Door
from imgq_service.standing import Standing
from imgq_service.tray.menu import Act, until_tomorrow
from imgq_service.tray.scene import Hit, Scene

_PAUSES_S: Final = (0.2, 0.5, 1.0, *(2.0,) * 30, 10.0)
"""Between two tries while no daemon answers: short for a restart, long for an absence."""
_HOUR_S: Final = 3600.0

_BREATH_S: Final = 1.0
"""Between two menus: a first indexing changes the numbers many times a second, and some panels
close a menu that changes."""

_HITS: Final = 20


class Life:
    """What the tray knows, kept current; `changed` is called from its thread with each scene."""

    def __init__(
        self, changed: Callable[[Scene], None], door: Door, standing: Standing, scene: Scene
    ) -> None:
        self._changed = changed
        self._door = door
        self._standing = standing
        self._scene = scene
        self._loop = asyncio.new_event_loop()
        self._client: AsyncClient | None = None
        self._new = asyncio.Event()
        self._hurry = asyncio.Event()
        self._acts: set[asyncio.Task[None]] = set()
        self._listening: dict[str, asyncio.Task[None]] = {}
        self._thread = threading.Thread(target=self._run, name="life", daemon=True)

    def start(self) -> None:
        """Begin to live."""
        self._thread.start()

    def stop(self) -> None:
        """Hang up, and wait until that is done."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def do(self, act: Act) -> None:
        """Do what was clicked, if it is the daemon's to do; what goes wrong is said in the menu."""
        self._loop.call_soon_threadsafe(lambda: self._spawn(self._act(act)))

    def say(self, text: str) -> None:
        """Say in the menu what went wrong."""
        self._loop.call_soon_threadsafe(lambda: self._set(replace(self._scene, said=text)))

    def set_login(self, *, on: bool) -> None:
        """Tick, or do not, that the tray starts at login."""
        self._loop.call_soon_threadsafe(lambda: self._set(replace(self._scene, at_login=on)))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.add_reader(self._door.fileno(), self._knocked)
        work = [self._loop.create_task(self._live()), self._loop.create_task(self._publish())]
        self._loop.run_forever()
        tasks = [*work, *self._acts, *self._listening.values()]
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.remove_reader(self._door.fileno())
        self._loop.close()

    def _set(self, scene: Scene) -> None:
        self._scene = scene
        self._new.set()

    async def _publish(self) -> None:
        while True:
            await self._new.wait()
            self._new.clear()
            self._changed(self._scene)
            await asyncio.sleep(_BREATH_S)

    async def _live(self) -> None:
        missed = 0
        while True:
            try:
                async with AsyncClient() as client:
                    self._client = client
                    self._listen()
                    async for status in client.statuses():
                        missed = 0
                        self._set(replace(self._scene, status=status, away=""))
            except ImgqError as error:
                self._set(replace(self._scene, status=None, away=str(error)))
            self._client = None
            self._hurry.clear()
            pause = _PAUSES_S[min(missed, len(_PAUSES_S) - 1)]
            missed += 1
            try:
                await asyncio.wait_for(self._hurry.wait(), pause)
            except TimeoutError:
                continue

    def _knocked(self) -> None:
        if self._door.opened() == "standing":
            self._listen()

    def _listen(self) -> None:
        """Follow the searches that stand, and no others."""
        searches = self._standing.read()
        for query in [query for query in self._listening if query not in searches]:
            self._listening.pop(query).cancel()
        for query, cursor in searches.items():
            before = self._listening.get(query)
            if self._client is not None and (before is None or before.done()):
                work = self._follow(self._client, query, cursor)
                self._listening[query] = self._loop.create_task(work)
        self._set(replace(self._scene, standing=tuple(searches)))

    async def _follow(self, client: AsyncClient, query: str, cursor: str | None) -> None:
        try:
            async for event in await client.follow(query, cursor=cursor):
                hits = tuple(Hit(query, match.path) for match in reversed(event.results))
                if hits:
                    kept = (hits + self._scene.hits)[:_HITS]
                    self._set(replace(self._scene, hits=kept))
                # After they are shown: what was not comes again.
                self._standing.keep(query, event.cursor)
        except ImgqError as error:
            if self._client is client and self._scene.status is not None:
                self._set(replace(self._scene, said=f"{query}: {error}"))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)

    async def _act(self, act: Act) -> None:
        self._set(replace(self._scene, said=""))
        try:
            await self._done(act)
        except ImgqError as error:
            self._set(replace(self._scene, said=str(error)))

    async def _done(self, act: Act) -> None:
        if act.verb == "forget":
            self._standing.drop(str(act.what))
            # The daemon forgets with the connection; nothing of it is shown any more.
            self._listen()
        elif act.verb == "start":
            await asyncio.to_thread(lifecycle.start)
            self._hurry.set()
        elif self._client is None:
            raise ImgqError("no daemon answers")
        elif act.verb == "pause":
            hour = act.what == "hour"
            await self._client.pause(
                _HOUR_S if hour else until_tomorrow(datetime.now().astimezone())
            )
        elif act.verb == "resume":
            await self._client.resume()
        elif act.verb == "remove":
            await self._client.remove_root(act.what)
