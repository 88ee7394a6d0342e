"""What pictures show and what files are called become one order. Pure functions.

Both are independent reasons to believe that a picture is meant, so their relevances are joined
as such. (Fusing ranks instead, as search engines do whose scores mean nothing, would let the best
of many bad names stand beside the best picture: here a score says how sure it is.)
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

from imgqd.judge import Judge
from imgqd.query import Sort
from imgqd.records import Elsewhere, Found

_SO: Final = 0.99
"""The relevance of a file that is called exactly what was asked."""


class Hit(NamedTuple):
    """One place in the answer: a picture, all its files, and why it is there.

    `score` is the cosine, None for a file that was found by its name alone.
    """

    files: tuple[Found, ...]
    score: float | None
    relevance: float
    matched: str
    near: tuple[Found, ...] = ()
    """Other versions of the picture that are folded under this one."""
    elsewhere: tuple[Elsewhere, ...] = ()
    """The same picture on other machines; where `files` is empty it is there alone."""

    @property
    def shown(self) -> Found:
        """The file that stands for all."""
        return self.files[0] if self.files else self.elsewhere[0].found


def ranked(
    content: Sequence[tuple[int, float]],
    files: dict[int, list[Found]],
    named: Sequence[Found],
    text: str,
    judge: Judge,
) -> list[Hit]:
    """Return the hits, the best first; `content` has ids with their cosines."""
    scores = {image: score for image, score in content if image in files}
    shown: dict[int | bytes, list[Found]] = {image: files[image] for image in scores}
    names: dict[int | bytes, float] = {}
    for one in named:
        key = one.image or one.path
        if key not in names:
            # The best by its name comes first of those that show the same.
            group = files.get(one.image, ())
            shown[key] = [one, *(other for other in group if other.path != one.path)]
        names[key] = max(names.get(key, 0.0), name_relevance(text, one))
    relevances = dict(zip(scores, judge.relevances([*scores.values()]), strict=True))
    hits = []
    for key, group in shown.items():
        score = scores.get(key) if isinstance(key, int) else None
        by_content = relevances[key] if score is not None and isinstance(key, int) else 0.0
        by_name = names.get(key, 0.0)
        joined = 1 - (1 - by_content) * (1 - by_name)
        hits.append(Hit(tuple(group), score, joined, _matched(by_content, by_name)))
    # What is called exactly so comes first, however much a picture looks like the words.
    called = {id(hit) for hit, name in zip(hits, map(names.get, shown), strict=True) if name == _SO}
    hits.sort(
        key=lambda hit: (
            id(hit) not in called,
            -hit.relevance,
            -(hit.score or 0.0),
            hit.files[0].path,
        )
    )
    return hits


def _matched(by_content: float, by_name: float) -> str:
    if by_name == 0:
        return "content"
    return "both" if by_content >= 0.5 else "name"


def name_relevance(text: str, found: Found) -> float:
    """Return how surely a file is meant, whose name, folder and words hold all words of a text.

    A name, a keyword or a title that is the text: certain. A name with all its words:
    likely, the more of the name they are. With what a person wrote about it: likely. A
    folder that helps out: a hint, not a match by itself.
    """
    asked = _words(text)
    if not asked:
        return 0.3
    name = os.path.basename(found.path).decode(errors="replace")
    stem, full = _words(os.path.splitext(name)[0]), _words(name)
    said = found.metadata
    if asked in (stem, full) or asked in [
        _words(one) for one in (*said.keywords, said.title or "")
    ]:
        return _SO
    if all(any(word.startswith(one) for word in full) for one in asked):
        return 0.5 + 0.4 * min(1.0, len(asked) / max(1, len(stem)))
    written = _words(" ".join((*said.keywords, said.title or "", said.description or "")))
    own = [any(word.startswith(one) for word in (*full, *written)) for one in asked]
    # `lisbon tram` means tram.jpg in a folder of that town, and not everything in the folder.
    return 0.6 if all(own) else 0.55 if any(own) else 0.3


def _words(text: str) -> list[str]:
    # Without accents, as the catalog's own search by name.
    letters = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(one for one in letters if not unicodedata.combining(one))
    return re.findall(r"[^\W_]+", plain)


def ordered(hits: Sequence[Hit], sort: Sort) -> list[Hit]:
    """Return hits in the order that was asked for; real matches always come before the others."""
    if sort.by == "relevance":
        return list(hits)[::-1] if sort.reverse else list(hits)
    keys = {"date": _newest, "name": _name, "size": _largest}
    return sorted(hits, key=lambda hit: (hit.relevance < 0.5, *_turned(keys[sort.by](hit), sort)))


def _turned(key: tuple[float | list[int], ...], sort: Sort) -> tuple[float | list[int], ...]:
    if not sort.reverse:
        return key
    return tuple([-one for one in part] if isinstance(part, list) else -part for part in key)


def _newest(hit: Hit) -> tuple[float | list[int], ...]:
    return (-taken_at(hit.shown),)


def _name(hit: Hit) -> tuple[float | list[int], ...]:
    # As numbers, so that the order can be turned round; a shorter name comes first.
    name = os.path.basename(hit.shown.path).decode(errors="replace").casefold()
    return ([*map(ord, name), -1],)


def _largest(hit: Hit) -> tuple[float | list[int], ...]:
    return (-hit.shown.size,)


def taken_at(found: Found) -> float:
    """Return when a picture was taken, by its own word or by its file's time, in Unix seconds."""
    said = found.metadata
    if said.taken is None:
        return found.mtime_ns / 1e9
    zone = None if said.taken_offset is None else timezone(timedelta(seconds=said.taken_offset))
    # Without an offset: by this machine's own clock, which is a person's best guess, too.
    return datetime.fromisoformat(said.taken).replace(tzinfo=zone).timestamp()
