"""What a person is told when the first folder is added. Pure functions: status in, lines out.

No line is wider than the screen but a command: that is copied, and so it stays whole.
"""

from __future__ import annotations

import textwrap

from imgq.durations import rough, spoken
from imgq.model_reports import ModelChoice
from imgq.progress import size, speed
from imgq.reports import Status
from imgq.screen import Screen
from imgq.text import clip, counted, grouped, readable

QUESTION = "download it now? [Y/n] "
_LOOKS = 'imgq "beach sunset"'
_NAMES = "imgq IMG_2041"
_BOLD = "1"
_NARROWEST = 20


def looking(status: Status, columns: int) -> str:
    """Return how many pictures were found while the folders are still looked through."""
    return clip(f"{counted(_found(status), 'picture')} so far, and looking on", columns)


def loading(status: Status, columns: int) -> str:
    """Return what is waited for while the model starts."""
    return clip(readable(str(status.model.get("detail") or "the model is being loaded")), columns)


def found(status: Status, screen: Screen) -> list[str]:
    """Return how many pictures there are, once all is looked through."""
    if count := _found(status):
        return [f"{counted(count, 'picture')} found"]
    return _wrapped(["no pictures in there yet: they are found as they come"], screen)


def model(choice: ModelChoice, screen: Screen) -> list[str]:
    """Return which model is used, and what it costs to have it."""
    known_as = choice.model if choice.model != choice.name else ""
    licence = f"licence {choice.licence}" if choice.licence not in {"", "?"} else ""
    more = ", ".join(part for part in (known_as, licence) if part)
    lines = [readable(f"the model is {choice.name}" + (more and f": {more}"))]
    if choice.restricted:
        lines.append("mind that licence: it forbids ordinary use")
    if not choice.on_disk:
        cost = "a download" if choice.size is None else f"a download of {size(choice.size)}"
        lines.append(f"it is not on this disk: {cost} from the Hugging Face hub, once")
    return _wrapped(lines, screen)


def without_model(choice: ModelChoice, screen: Screen) -> list[str]:
    """Return what is to do where the weights are not downloaded now."""
    text = (
        "until it is downloaded, pictures are found by the names of their files only; to have it:"
    )
    return [*_wrapped([text], screen), _command(f"imgqctl model pull {choice.name}", screen)]


def begun(status: Status, screen: Screen) -> list[str]:
    """Return how to search from now on, and how to leave."""
    leave = "Ctrl-C leaves imgqd at its work"
    if not _sees(status):
        text = "names that are in can be searched already, while the rest is on its way:"
        return [*_wrapped([text], screen), _command(_NAMES, screen), *_wrapped([leave], screen)]
    text = "what is in can be searched already, while the rest is on its way:"
    leave = f"how long it takes is being measured on the first pictures; {leave}"
    return [*_wrapped([text], screen), _command(_LOOKS, screen), *_wrapped([leave], screen)]


def estimate(status: Status, screen: Screen) -> list[str]:
    """Return how long the work takes on this machine, and how that is known."""
    left = rough(status.remaining or 0.0)
    at = f"{speed(status.rate)} pictures/s, measured here over the first {grouped(status.measured)}"
    return _wrapped([f"{left} at {at}"], screen)


def finished(status: Status, seconds: float, screen: Screen, *, is_told: bool) -> list[str]:
    """Return that all is in and what is not; `is_told` where it was said how to search."""
    if not status.files:
        return []
    failed = sum(status.failed.values())
    sees = _sees(status)
    what = counted(status.pictures, "picture") if sees else counted(status.files, "name")
    lines = [f"all is in after {spoken(seconds)}: {what}"]
    if failed:
        lines.append(f"{counted(failed, 'file')} could not be read: `imgqctl status` says why")
    if not sees and status.model.get("state") == "failed":
        lines.append(readable(str(status.model.get("detail"))))
    if is_told:
        return _wrapped(lines, screen)
    return [
        *_wrapped([*lines, "search with"], screen),
        _command(_LOOKS if sees else _NAMES, screen),
    ]


def resting(status: Status, screen: Screen) -> list[str]:
    """Return why nothing is done at the moment."""
    return _wrapped([f"{readable(status.paused)}: `imgqctl resume` goes on"], screen)


def left(screen: Screen) -> list[str]:
    """Return what happens after Ctrl-C."""
    text = "imgqd goes on without this window; how far it is:"
    return [*_wrapped([text], screen), _command("imgqctl status --follow", screen)]


def left_download(choice: ModelChoice, screen: Screen) -> list[str]:
    """Return what happens to a download after Ctrl-C."""
    text = "the download stops here; it goes on where it was with"
    return [*_wrapped([text], screen), _command(f"imgqctl model pull {choice.name}", screen)]


def in_a_pipe(choice: ModelChoice) -> str:
    """Return what is to do about weights that are not here, in one line."""
    cost = "" if choice.size is None else f" ({size(choice.size)})"
    pull = f"`imgqctl model pull {readable(choice.name)}`{cost}"
    return f"pictures are found by the names of their files only, until {pull}"


def _command(line: str, screen: Screen) -> str:
    return "  " + screen.paint(_BOLD, readable(line))


def _wrapped(texts: list[str], screen: Screen) -> list[str]:
    # The last column stays free: some terminals break the line after it.
    columns = max(screen.columns - 1, _NARROWEST)
    return [
        line
        for text in texts
        for line in textwrap.wrap(text, columns, break_on_hyphens=False, break_long_words=False)
    ]


def _found(status: Status) -> int:
    # Files that are not quiet yet are pending and not in the catalog.
    return max(status.files, status.pending)


def _sees(status: Status) -> bool:
    return status.model.get("state") == "ready"
