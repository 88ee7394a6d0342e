"""What an answer may lack, in the words of every program that shows one."""

from __future__ import annotations

from imgq.text import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from imgq.answers import SearchAnswer

# An answer this old would surprise somebody who has just saved a picture.
_STALE_S: Final = 60.0


def lacking(answer: SearchAnswer, now: float) -> str:
    """Return what may be missing from an answer at a Unix time; empty where nothing is."""
    if answer.pending:
        is_are = "is" if answer.pending == 1 else "are"
        return f"{counted(answer.pending, 'picture')} {is_are} still being indexed"
    if answer.as_of <= 0:
        return "pictures may be missing, as the folders were not looked through yet"
    if now - answer.as_of > _STALE_S:
        from imgq.durations import spoken  # noqa: PLC0415 - few answers are that old

        return f"changes of the last {spoken(now - answer.as_of)} may be missing"
    return ""
