"""What `imgq-service status` says, whichever manager it is. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator

from imgq.managers import State

RUNS = 0
NOT_INSTALLED = 1
DOES_NOT_RUN = 3

AGAIN = "`imgq-service install` brings it up to date"


def status(state: State | None, files: str, *, is_current: bool) -> Iterator[str]:
    """Yield the lines for a service whose files are there; `state` is None without a manager."""
    old = "" if is_current else f", for another imgq or other settings: {AGAIN}"
    yield f"installed  {files}{old}"
    if state is None:
        yield "enabled    unknown: no service manager answers here"
        yield "running    unknown"
        return
    yield f"enabled    {'yes, at every login' if state.is_enabled else 'no'}"
    yield f"running    {_running(state)}"


def exit_status(state: State | None) -> int:
    """Return the exit status for a service whose files are there."""
    return RUNS if state is not None and state.runs else DOES_NOT_RUN


def _running(state: State) -> str:
    if state.runs:
        return ", ".join(one for one in (f"pid {state.pid}", state.words) if one)
    if state.trouble:
        return f"no, it ended with {state.trouble}: `imgqctl start` tries again"
    return "no: the next search starts it" if state.listens else "no: `imgqctl start` starts it"
