"""The vectors of the everyday phrases, which words are judged by: asked of a model once.

They are kept in the catalog, by the number of the model: with a full-size model they take
seconds of computing, at each start of the daemon, for the same numbers.
"""

from __future__ import annotations

import base64
import hashlib

import numpy as np

from imgqd.engine import Engine
from imgqd.everyday import PHRASES
from imgqd.library import Library
from imgqd.records import Vector


async def known(library: Library, number: int) -> Vector | None:
    """Return the vectors that are kept of a model (float32, a row each), None without."""
    kept = await library.read(lambda reader: reader.setting(_name(number)))
    mark, _, text = (kept or "").partition(" ")
    if mark != _mark():
        return None
    vectors: Vector = np.frombuffer(base64.b64decode(text), np.float32)
    return vectors.reshape(len(PHRASES), -1)


async def asked(library: Library, number: int, engine: Engine) -> Vector | None:
    """Return the vectors that are kept, else those that the model gives; None without one."""
    kept = await known(library, number)
    return await engine.phrases() if kept is None else kept


async def keep(library: Library, number: int, vectors: Vector) -> None:
    """Keep the vectors of a model, if they are not kept yet; on a full disk it waits."""
    if await known(library, number) is not None:
        return
    text = base64.b64encode(vectors.astype(np.float32).tobytes()).decode()
    await library.write(lambda writer: writer.remember(_name(number), f"{_mark()} {text}"))


def _name(number: int) -> str:
    return f"phrases {number}"


def _mark() -> str:
    """Return what says that they are of these phrases and no others."""
    return hashlib.blake2b("\n".join(PHRASES).encode(), digest_size=8).hexdigest()
