"""A line of text, or a picture, becomes a ranked list of files that exist.

Two judgements meet: what the pictures show (cosines from the index) and what
files and folders are called (SQLite's full text). Each becomes a relevance
from 0 to 1, and the two are joined as independent reasons to believe.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from imgqd.catalog import Reader
from imgqd.library import Library
from imgqd.records import Found, Vector

MOST: Final = 1000
"""The largest `limit` and `offset` together."""

_SURE: Final = 2.5
"""Standard deviations above the library's mean where a match is as likely as not."""

_STEEP: Final = 2.0
"""How fast belief grows around that point, per standard deviation."""

_SPARE: Final = 50
"""Pictures asked for beyond the limit: some may have vanished from the disk this moment."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One place in the answer: a picture, all its files, and why it is there.

    `score` is the cosine, None for a file that was found by its name alone.
    """

    files: tuple[Found, ...]
    score: float | None
    relevance: float
    matched: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits from `offset` on; `weak_from` and `total` count from the very first hit."""

    hits: tuple[Hit, ...]
    weak_from: int
    total: int


@dataclass(frozen=True, slots=True)
class Judge:
    """Turns a query's cosine into a relevance, by the same query's cosines over the library.

    A cosine means nothing by itself: its scale depends on model and query. What
    lies far above the bulk of the library is a match.
    """

    mean: float
    deviation: float
    count: int

    def relevance(self, score: float) -> float:
        """Return 0 to 1; 0.5 is where a match is as likely as not."""
        if self.count < 3 or self.deviation < 1e-9:
            return 0.5
        # Among n values none lies more than sqrt(n - 1) deviations above the mean (Samuelson).
        sure = min(_SURE, 0.6 * math.sqrt(self.count - 1))
        surplus = (score - self.mean) / self.deviation - sure
        return 1 / (1 + math.exp(-_STEEP * max(-50.0, min(50.0, surplus))))


async def run(
    library: Library, vector: Vector | None, text: str, limit: int, offset: int
) -> Answer:
    """Return the best hits for a vector (if there is one) and a text (if not empty)."""
    wanted = min(offset + limit, MOST)
    nearest, judge = await asyncio.to_thread(_nearest, library, vector, wanted + _SPARE)
    by_name = await library.read(lambda reader: reader.named(text, wanted)) if text else []
    images = list({image for image, _ in nearest} | {one.image for one in by_name if one.image})
    files = await library.read(lambda reader: reader.files_of(images))
    content, named = await library.read(
        lambda reader: _as_developed(reader, nearest, by_name, files)
    )
    hits = _rank(content, files, named, text, judge)
    shown = await asyncio.to_thread(_existing, hits[: wanted + _SPARE])
    weak = next((place for place, hit in enumerate(shown) if hit.relevance < 0.5), len(shown))
    return Answer(tuple(shown[offset:wanted]), weak, max(len(shown), judge.count))


async def among(
    library: Library,
    vector: Vector | None,
    text: str,
    seen: Collection[int],
    named: Collection[int],
) -> tuple[list[Hit], list[Hit]]:
    """Judge some pictures as `run` would: those `seen` by their content, those `named` by name.

    Returns (hits that exist, hits whose files are all gone from the disk).
    """
    content, judge = await asyncio.to_thread(_scores, library, vector, list(seen))
    by_name = await library.read(lambda reader: reader.named_among(text, list(named)))
    images = sorted({*seen, *named})
    files = await library.read(lambda reader: reader.files_of(images))
    ranked, names = await library.read(
        lambda reader: _as_developed(reader, content, by_name, files)
    )
    hits = _rank(ranked, files, names, text, judge)
    shown = await asyncio.to_thread(_existing, hits)
    there = {one.path for hit in shown for one in hit.files}
    return shown, [hit for hit in hits if all(one.path not in there for one in hit.files)]


def _scores(
    library: Library, vector: Vector | None, images: Sequence[int]
) -> tuple[list[tuple[int, float]], Judge]:
    index, number = library.index, library.model_id
    if vector is None or index is None or number is None or len(vector) != index.dim or not images:
        return [], Judge(0.0, 0.0, 0)
    scores: list[tuple[int, float]] = []
    for found, vectors in library.ask(
        lambda reader: list(reader.vectors(number, index.dim, images))
    ):
        scores += zip(found, (vectors @ vector).tolist(), strict=True)
    return scores, Judge(*index.background(vector), len(index))


def _nearest(
    library: Library, vector: Vector | None, count: int
) -> tuple[list[tuple[int, float]], Judge]:
    index = library.index
    if vector is None or index is None:
        return [], Judge(0.0, 0.0, 0)
    found = list(zip(*index.search(vector, count), strict=True))
    return found, Judge(*index.background(vector), len(index))


def _as_developed(
    reader: Reader,
    content: Sequence[tuple[int, float]],
    named: Sequence[Found],
    files: dict[int, list[Found]],
) -> tuple[list[tuple[int, float]], list[Found]]:
    """Let a RAW file and the JPEG beside it be one: the JPEG, the other among its files."""
    developed = reader.pairs(one for group in files.values() for one in group)
    lacking = (developed.keys() | developed.values()) - files.keys()
    files.update(reader.files_of(sorted(lacking)))
    for raw, image in developed.items():
        files[image] = [*files.get(image, []), *files.pop(raw, [])]
    best: dict[int, float] = {}
    for image, score in content:
        key = developed.get(image, image)
        best[key] = max(score, best.get(key, -1.0))
    ranked = sorted(best.items(), key=lambda pair: -pair[1])
    # By name, too, the JPEG stands for both.
    return ranked, [
        files[developed[one.image]][0] if one.image in developed else one for one in named
    ]


def _rank(
    content: Sequence[tuple[int, float]],
    files: dict[int, list[Found]],
    named: Sequence[Found],
    text: str,
    judge: Judge,
) -> list[Hit]:
    scores = {image: score for image, score in content if image in files}
    shown: dict[int | bytes, list[Found]] = {image: files[image] for image in scores}
    names: dict[int | bytes, float] = {}
    for one in named:
        key = one.image or one.path
        if key not in names:
            # The best by its name comes first of those that show the same.
            group = files.get(one.image, ())
            shown[key] = [one, *(other for other in group if other.path != one.path)]
        names[key] = max(names.get(key, 0.0), name_relevance(text, one.path))
    hits = []
    for key, group in shown.items():
        score = scores.get(key) if isinstance(key, int) else None
        by_content = 0.0 if score is None else judge.relevance(score)
        by_name = names.get(key, 0.0)
        joined = 1 - (1 - by_content) * (1 - by_name)
        hits.append(Hit(tuple(group), score, joined, _matched(by_content, by_name)))
    hits.sort(key=lambda hit: (-hit.relevance, -(hit.score or 0.0), hit.files[0].path))
    return hits


def _matched(by_content: float, by_name: float) -> str:
    if by_name == 0:
        return "content"
    return "both" if by_content >= 0.5 else "name"


def name_relevance(text: str, path: bytes) -> float:
    """Return how surely a file is meant, whose name and folder hold all words of the text.

    A name that is the text: certain. A name with all its words: likely, the more
    of the name they are. A folder that helps out: a hint, not a match by itself.
    """
    asked = _words(text)
    if not asked:
        return 0.3
    stem = _words(os.path.splitext(os.path.basename(path))[0].decode(errors="replace"))
    full = _words(os.path.basename(path).decode(errors="replace"))
    if asked in (stem, full):
        return 0.99
    held = sum(any(word.startswith(one) for word in full) for one in asked)
    if held < len(asked):
        return 0.3
    return 0.5 + 0.4 * min(1.0, len(asked) / max(1, len(stem)))


def _words(text: str) -> list[str]:
    # Without accents, as the catalog's own search by name.
    letters = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(one for one in letters if not unicodedata.combining(one))
    return re.findall(r"[^\W_]+", plain)


def _existing(hits: Sequence[Hit]) -> list[Hit]:
    """Drop files that are gone from the disk: an answer leads to a file, whatever is pending."""
    kept = []
    for hit in hits:
        files = tuple(one for one in hit.files if _is_there(one.path))
        if files:
            kept.append(Hit(files, hit.score, hit.relevance, hit.matched))
    return kept


def _is_there(path: bytes) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # in a folder that cannot be read it stays as it was last seen
    return True
