"""What can go wrong for a person who asks the daemon, and the exit status of each.

Every message is one line that says what is wrong and what to do about it:

    ImgqError            1   nothing found, or not so
    ├── Usage            2   asked wrongly, nothing was sent
    ├── Unreachable      3   no daemon, or no answer from it
    │   ├── NotRunning       there is certainly no daemon at the socket
    │   └── HungUp           there was one, and it closed the connection
    └── Refused          4   the daemon answered no
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


class ImgqError(Exception):
    """Anything that imgq reports in one line instead of a traceback."""

    exit_status: ClassVar[int] = 1


class Usage(ImgqError):
    """The question was wrong, whoever answers it."""

    exit_status = 2


class Unreachable(ImgqError):
    """The daemon cannot be reached, or it went away before it answered."""

    exit_status = 3


class NotRunning(Unreachable):
    """Nobody listens at the socket."""


class HungUp(Unreachable):
    """The daemon closed the connection instead of answering."""


class Refused(ImgqError):
    """The daemon answered with an error; `code` is one of `imgq.protocol.CODES`."""

    exit_status = 4

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
