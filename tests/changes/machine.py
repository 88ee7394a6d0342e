"""The machine: all changes of the disk, and the daemon ended, stopped and set anew between them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from changes.folders import FolderChanges
from changes.ground import Ground


class Changes(FolderChanges):
    """Whatever happened in whatever order: after sync the disk, catalog and answers agree."""

    has_failed = False

    def teardown(self) -> None:
        """Check once more, with everything readable and at work; then the example is over."""
        try:
            if not self.has_failed and self.ground.steps:
                self.finish_all()
                self.open_all()
                self.resume()
                self.sync()
        finally:
            super().teardown()
            self.ground.counts["examples"] += 1

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            with self.ground.evidence():
                yield
        except Exception:
            self.has_failed = True
            raise

    @invariant()
    def daemon_lives(self) -> None:
        with self._noting():
            self.ground.check_alive()

    @rule()
    def sync(self) -> None:
        with self._noting():
            if self.is_blind:
                self.did("rescan: a file with two names changed")
                with self.ground.up().client() as client:
                    client.rescan()
                self.is_blind = False
            self.did("sync")
            self.ground.sync(is_writing=bool(self.writers))

    @rule()
    def restart(self) -> None:
        with self._noting():
            self.did("SIGTERM")
            self.ground.counts["restarts"] += 1
            assert self.ground.end(signal.SIGTERM) == 0

    @rule()
    def kill(self) -> None:
        with self._noting():
            self.did("SIGKILL")
            self.ground.counts["kills"] += 1
            self.ground.end(signal.SIGKILL)

    @rule()
    def freeze(self) -> None:
        with self._noting():
            self.did("SIGSTOP, until the daemon is needed")
            self.ground.freeze()

    @rule()
    def pause(self) -> None:
        with self._noting(), self.ground.up().client() as client:
            self.did("pause")
            client.pause()

    @rule()
    def resume(self) -> None:
        with self._noting(), self.ground.up().client() as client:
            self.did("resume")
            client.resume()

    @rule()
    def rescan(self) -> None:
        with self._noting(), self.ground.up().client() as client:
            self.did("rescan")
            client.rescan()

    @rule(data=st.data())
    def remove_or_add_root(self, data: st.DataObject) -> None:
        top = self.pick(data, self.tops, "root")
        place = self.path(top)
        with self._noting(), self.ground.up().client() as client:
            if top in self.ground.roots:
                self.did("remove root", top)
                client.remove_root(place)
                self.ground.roots.remove(top)
            elif place.is_dir():
                self.did("add root", top)
                roots = client.add_root(place)
                assert os.fsencode(place) in {root.path for root in roots}
                self.ground.roots.append(top)


class TimeIsOver(BaseException):
    """No further example is begun."""


def run(
    ground: Ground, how: settings, number: int | None = None, until: float = float("inf")
) -> None:
    """Run examples on a ground; the same seed gives the same ones.

    Raises TimeIsOver once an example would begin after `until`, by time.monotonic().
    """

    class OnThisGround(Changes):
        def __init__(self) -> None:
            # Hypothesis counts whole examples only: those that it breaks off take time, too.
            if time.monotonic() > until:
                raise TimeIsOver
            super().__init__(ground)

    if number is not None:
        seed(number)(OnThisGround)
    run_state_machine_as_test(OnThisGround, settings=how)
