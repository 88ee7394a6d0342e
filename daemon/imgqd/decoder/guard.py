"""What went wrong with a picture, in the reasons that a person understands."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from PIL import Image, UnidentifiedImageError

from imgqd.serving import Fault

T = TypeVar("T")

_NOWHERE: Final = os.open(os.devnull, os.O_WRONLY)
_ERRORS: Final = 2
"""Standard error: the daemon's log."""

_CUT: Final = ("truncated", "unexpected end", "broken data stream", "not enough image data")
"""What decoders say of a file that ends too early, in lower case."""


def guarded(action: Callable[[], T]) -> T:
    """Run a decoder, and turn what it raises into a Fault with one of the reasons."""
    try:
        with _in_silence():
            return action()
    except Fault:
        raise
    except UnidentifiedImageError as error:
        raise Fault("not_an_image", "no picture format that imgq reads") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Fault("too_many_pixels", str(error)) from error
    except MemoryError as error:
        # Its frames hold what filled the memory: with them there would be none for the answer.
        error.__traceback__ = None
        raise Fault("memory", "decoding needs more than limits.decode_memory") from None
    except Exception as error:
        # Decoders of hostile files raise anything at all, from struct.error to RecursionError.
        words = " ".join(str(error).split())[:200] or type(error).__name__
        is_cut = any(one in words.lower() for one in _CUT)
        raise Fault("truncated" if is_cut else "damaged", words) from error


@contextlib.contextmanager
def _in_silence() -> Iterator[None]:
    """Keep the words of a codec's library out of the log: it says them of every hostile file."""
    before = os.dup(_ERRORS)
    try:
        os.dup2(_NOWHERE, _ERRORS)
        yield
    finally:
        os.dup2(before, _ERRORS)
        os.close(before)
