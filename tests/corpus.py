"""What becomes of every file of the collection beside the checkout, written down in corpus.tsv.

`python tests/corpus.py` writes it anew; tests/daemon/test_corpus.py holds the decoders to it.
"""

# ruff: noqa: T201 - it talks to the person who runs it

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

from daemon.darkroom import LIMITS, decode, decoding
from imgqd.decode import Undecodable

CORPUS: Final = Path(__file__).parents[2] / "shared" / "corpus" / "dev"
WRITTEN: Final = Path(__file__).with_name("corpus.tsv")

_DECODERS: Final = 2
"""As many files at a time as there are decoders, so that each has the whole deadline."""


def files(part: str) -> list[Path]:
    """Return the files of one part of the collection."""
    return sorted(path for path in (CORPUS / part).rglob("*") if path.is_file())


async def outcomes(paths: list[Path]) -> dict[str, str]:
    """Return file -> the format that was read, or the reason why none was."""
    found: dict[str, str] = {}
    async with decoding(replace(LIMITS, decode_timeout=20.0), _DECODERS) as decoders:

        async def one(path: Path) -> None:
            try:
                picture, _ = await decode(decoders, path)
                found[_name(path)] = picture.format
            except Undecodable as error:
                # One line that says something: a person reads it.
                is_told = error.detail and "\n" not in error.detail
                found[_name(path)] = f"- {error.reason}" if is_told else repr(error.detail)

        for start in range(0, len(paths), _DECODERS):
            await asyncio.gather(*map(one, paths[start : start + _DECODERS]))
    return found


def written() -> dict[str, str]:
    """Return what is written down."""
    lines = WRITTEN.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines if not line.startswith("#"))


def _name(path: Path) -> str:
    return os.fspath(path.relative_to(CORPUS))


def main() -> None:
    """Write down what happens now."""
    found: dict[str, str] = {}
    for part in ("photos", "formats", "broken"):
        ended = asyncio.run(outcomes(files(part)))
        found |= ended
        print(part, dict(Counter(ended.values()).most_common()))
    head = "# file\tformat that was read, or - and the reason why none was: see docs/formats.md"
    rows = [f"{name}\t{outcome}" for name, outcome in sorted(found.items())]
    WRITTEN.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
