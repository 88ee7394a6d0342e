"""Libraries of drawings in which it is known which pictures a query means.

A gallery holds a crowd, drawn as the demonstration folder is, and for each of
its queries a few dozen drawings more that answer it. A library for a query is
cut out of both: as many true matches as asked for, and nothing else that is true.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from demo.sample import COLOURS, COLOURS_OF, OBJECT, TOGETHER, draw, plan
from demo.sample_scenes import VIEWS
from demo.sample_shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from demo.exam import Examinee

SIZES = ((160, 120), (120, 160), (160, 160), (240, 180))

# A scene as it is asked for, the scenes of which that is true, and those of which one person
# would say so and another would not: the last are in no library for that query.
SCENES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "beach": (("beach", "beach sunset"), ("sea", "sunset", "desert")),
    "sunset": (("sunset", "beach sunset"), ()),
    "beach sunset": (("beach sunset",), ("beach", "sunset", "sea")),
    "forest": (("forest",), ("green tree",)),
    "mountains": (("mountains",), ("snow", "lake")),
    "snow": (("snow",), ("mountains",)),
    "desert": (("desert",), ("beach",)),
    "city": (("city", "city at night"), ()),
    "city at night": (("city at night",), ("city",)),
    "rainbow": (("rainbow",), ()),
    "rain": (("rain",), ("gray cloud",)),
    "road": (("road",), ()),
    "moon": (("moon",), ("night sky with stars", "city at night", "crescent")),
    "night sky with stars": (("night sky with stars",), ("moon", "star", "city at night")),
    "lake": (("lake",), ("river", "sea", "mountains")),
    "river": (("river",), ("lake", "sea", "field")),
}

# Things that scenes hold as well, without being named for them.
EVERYWHERE = ("sun", "cloud", "tree")


@dataclass(frozen=True)
class Query:
    """What is asked, and what of: a shape, a thing, or a scene."""

    text: str
    subject: str
    kind: str


def queries() -> list[Query]:
    """List every query of which the truth is beyond doubt."""
    found = [Query(scene, scene, "scene") for scene in SCENES]
    for noun in SHAPES:
        found += [Query(f"{c} {noun}", f"{c} {noun}", "shape") for c in COLOURS]
    for noun, colours in COLOURS_OF.items():
        if noun not in EVERYWHERE:
            found += [Query(f"{c} {noun}", f"{c} {noun}", "thing") for c in colours]
    return found


def holds(caption: str, query: Query) -> bool | None:
    """Say whether a picture with this caption is what the query means; None: a matter of taste."""
    objects = [" ".join(pair) for pair in OBJECT.findall(caption)]
    rest = OBJECT.sub("", caption)
    if query.kind != "scene":
        return query.subject in objects
    true, unsure = SCENES[query.subject]
    view = next((name for name in VIEWS if rest.endswith(name)), "")
    if view in true:
        return True
    if view in unsure or any(part in one for one in objects for part in unsure):
        return None
    return False


@dataclass(frozen=True)
class Part:
    """A library cut out for one query: its vectors, and which of them are true matches."""

    query: NDArray[np.float32]
    vectors: NDArray[np.float32]
    true: NDArray[np.bool_]


class Truth:
    """Draw and embed a crowd of `crowd` pictures and, for each query, some that answer it.

    A query has `most` answers that show nothing else, one more to ask with, and a
    quarter as many in which its subject is in company.
    """

    def __init__(
        self, examinee: Examinee, asked: Sequence[Query], crowd: int, most: int, seed: int
    ) -> None:
        dice = random.Random(seed)
        kinds = ("shape", "scene", "thing")
        self.asked = list(asked)
        self.captions = [plan(kinds[turn % 3], turn // 3, dice)[0] for turn in range(crowd)]
        self.vectors = embed(examinee, self.captions, dice)
        self.alone = {one: embed(examinee, [one.subject] * (most + 1), dice) for one in self.asked}
        self.along = {
            one: embed(examinee, [_in_company(one, dice) for _ in range(most // 4)], dice)
            for one in self.asked
        }
        texts = examinee.read([one.text for one in self.asked]).numpy()
        self.texts = dict(zip(self.asked, texts, strict=True))

    def library(self, query: Query, count: int, matches: int, seed: int) -> Part:
        """Cut out `count` pictures, of which exactly so many are what the words mean."""
        answers = np.concatenate([self.alone[query], self.along[query]])
        crowd = [i for i, caption in enumerate(self.captions) if holds(caption, query) is False]
        return self._cut(self.texts[query], crowd, answers, count, matches, seed)

    def alike(self, query: Query, count: int, matches: int, seed: int) -> Part:
        """Cut out a library for a picture of the query's subject, which itself is not in it."""
        asking, *answers = self.alone[query]
        crowd = [i for i, caption in enumerate(self.captions) if holds(caption, query) is False]
        return self._cut(asking, crowd, np.array(answers), count, matches, seed)

    def _cut(
        self,
        asking: NDArray[np.float32],
        crowd: Sequence[int],
        answers: NDArray[np.float32],
        count: int,
        matches: int,
        seed: int,
    ) -> Part:
        chance = np.random.default_rng(seed)
        false = chance.choice(crowd, count - matches, replace=False)
        true = chance.choice(len(answers), matches, replace=False)
        vectors = np.concatenate([self.vectors[false], answers[true]])
        return Part(asking, vectors, np.arange(count) >= count - matches)


def _in_company(query: Query, dice: random.Random) -> str:
    """Give the caption of a picture that shows what is asked for, and something else."""
    if query.kind == "scene":
        return dice.choice(SCENES[query.subject][0])
    noun = query.subject.split()[1]
    if query.kind == "thing":
        scene = dict(TOGETHER).get(noun)
        return f"{query.subject} on the {scene}" if scene else query.subject
    other = f"{dice.choice(COLOURS)} {dice.choice([one for one in SHAPES if one != noun])}"
    return f"{query.subject} and {other}"


@torch.inference_mode()
def embed(examinee: Examinee, captions: Sequence[str], dice: random.Random) -> NDArray[np.float32]:
    """Draw what the captions say, and embed it."""
    vectors = []
    for start in range(0, len(captions), 64):
        pictures = [
            examinee.prepare(draw(caption, dice.randrange(2**32), dice.choice(SIZES)))
            for caption in captions[start : start + 64]
        ]
        vectors.append(examinee.model.encode_image(torch.stack(pictures), normalize=True).numpy())
    return np.concatenate(vectors)
