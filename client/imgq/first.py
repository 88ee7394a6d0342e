"""The first `imgqctl add`: from nothing to a search, told as it goes.

It starts the daemon where none runs, says what was found and which model it needs, asks
before it downloads, and shows how far it is until all is in or Ctrl-C. Into a pipe it
says what a later `add` says, and on standard error what is still to do.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from imgq import first_words, lifecycle, paths
from imgq.client import Client
from imgq.errors import Refused
from imgq.following import Follower
from imgq.model_reports import ModelChoice
from imgq.put import put
from imgq.reports import Status
from imgq.screen import Screen, say, screen_of
from imgq.text import readable, readable_path

_PROGRAM = "imgqctl"


def is_first() -> bool:
    """Tell whether the settings name no folder: nobody has chosen one yet."""
    import tomllib  # noqa: PLC0415 - where there is no file it is not needed

    try:
        with paths.settings_path().open("rb") as file:
            return "folders" not in tomllib.load(file)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False  # the daemon says what is wrong with it


def add(folders: Sequence[str]) -> int:
    """Watch the first folders, and return the exit status."""
    screen = screen_of(sys.stdout)
    if not lifecycle.running():
        lifecycle.start()
        if screen is None:
            say(_PROGRAM, "imgqd is running now")
        else:
            put("imgqd is running")
    with Client() as client:
        for folder in folders:
            client.add_root(folder)
            put(f"watching {readable_path(paths.absolute(folder), (screen or Screen()).home)}")
    if screen is not None:
        return _Telling(screen).tell()
    choice = _choice()
    if choice is not None and not choice.on_disk:
        say(_PROGRAM, first_words.in_a_pipe(choice))
    return 0


class _Telling:
    """What is told on a terminal: each line stays, the last one moves."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._follower = Follower(sys.stdout)
        self._began = time.monotonic()

    def tell(self) -> int:
        """Tell all, and return the exit status: 0 also after Ctrl-C, since the daemon goes on."""
        with self._follower:
            try:
                status = self._look_through()
                self._follower.leave(*first_words.found(status, self._screen))
                outcome = self._see_to_model()
                self._follow()
            except KeyboardInterrupt:
                self._follower.end()
                self._follower.leave(*first_words.left(self._screen))
                return 0
        return outcome

    def _look_through(self) -> Status:
        """Show how many pictures are found until all folders are looked through."""
        with Client() as client:
            statuses = client.statuses()
            while (status := next(statuses)).state == "starting":
                self._follower.draw(first_words.looking(status, self._follower.columns))
        return status

    def _see_to_model(self) -> int:
        """Say which model is used and bring it, if a person wants that."""
        choice = _choice()
        if choice is None:
            return 0
        self._follower.leave(*first_words.model(choice, self._screen))
        if choice.on_disk:
            return 0
        if sys.stdin.isatty() and _is_wanted():
            return self._download(choice)
        self._follower.leave(*first_words.without_model(choice, self._screen))
        return 0

    def _download(self, choice: ModelChoice) -> int:
        def news(status: Status) -> None:
            if status.download is not None:
                self._follower.show(status)

        try:
            with Client() as client:
                client.pull_model(choice.name, news)
        except Refused as error:
            self._follower.end()
            say(_PROGRAM, readable(str(error)))
            self._follower.leave(*first_words.without_model(choice, self._screen))
            return error.exit_status
        except KeyboardInterrupt:
            self._follower.end()
            self._follower.leave(*first_words.left_download(choice, self._screen))
            raise
        self._follower.leave(f"{readable(choice.name)} is on this disk")
        return 0

    def _follow(self) -> None:
        """Show how far it is until all is in; the estimate stays, once there is one."""
        follower, screen = self._follower, self._screen
        has_begun = is_estimated = False
        with Client() as client:
            for status in client.statuses():
                if status.paused:
                    follower.leave(*first_words.resting(status, screen))
                    return
                if status.model.get("state") == "loading":
                    follower.draw(first_words.loading(status, follower.columns))
                    continue
                if not status.pending and status.state != "starting":
                    seconds = time.monotonic() - self._began
                    follower.leave(
                        *first_words.finished(status, seconds, screen, is_told=has_begun)
                    )
                    return
                if not has_begun:
                    has_begun = True
                    follower.leave(*first_words.begun(status, screen))
                if not is_estimated and status.measured:
                    is_estimated = True
                    follower.leave(*first_words.estimate(status, screen))
                follower.show(status)


def _choice() -> ModelChoice | None:
    """Return the model that is used."""
    with Client() as client:
        models = client.models()
    return next((one for one in models.available if one.name == models.active), None)


def _is_wanted() -> bool:
    """Ask whether to download; Enter is yes, the end of input is no."""
    answer = ""
    try:
        sys.stdout.write(first_words.QUESTION)
        sys.stdout.flush()
        answer = sys.stdin.readline()
    finally:
        # Enter ends the line by itself; Ctrl-C and Ctrl-D do not.
        if not answer:
            sys.stdout.write("\n")
    return bool(answer) and answer.strip().lower() in {"", "y", "yes"}
