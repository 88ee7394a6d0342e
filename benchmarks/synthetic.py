"""Vectors as CLIP makes them, of pictures and of texts, in any number: the same each time.

What is known of CLIP's vectors, and made here:

- Pictures lie in a cone: any two have a cosine near 0.5. So do texts, in another cone:
  the gap between the two kinds (Liang et al., Mind the Gap, 2022). A text and any picture
  have a cosine near 0.1, a text and what it describes 0.2 to 0.45.
- A few directions hold most of what differs: here the i-th has a variance of 1/i, so that half
  lies in 11 directions of 512, 90 % in 138 and 95 % in 265.
- Pictures come in clusters of very different size (2,000 concepts of 60 topics, by Zipf's
  law with exponent 0.8), and many show two of them.

A text is about one concept, each as likely as the other: queries have another
distribution than pictures in every respect. All of it is drawn from seeds.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.floating]

DIM: Final = 512
BLOCK: Final = 50_000
"""Pictures that are drawn from one seed."""

_CONCEPTS: Final = 2000
_TOPICS: Final = 60
_SHOWN: Final = 96
"""Directions in which concepts differ."""


class World:
    """Draws pictures and texts of one made-up world."""

    def __init__(self) -> None:
        chance = np.random.default_rng(0)
        self._turn = np.linalg.qr(_normal(chance, DIM, DIM))[0].T.astype(np.float32)
        spread = 1 / np.sqrt(np.arange(1, DIM + 1))
        self._spread = (spread / np.linalg.norm(spread)).astype(np.float32)
        self._pictured = _unit(_normal(chance, DIM))
        other = _unit(_normal(chance, DIM))
        across = _unit(other - (other @ self._pictured) * self._pictured)
        self._written = 0.2 * self._pictured + np.sqrt(np.float32(0.96)) * across
        topics = _unit((_normal(chance, _TOPICS, _SHOWN) * self._spread[:_SHOWN]) @ self._shown)
        own = _unit((_normal(chance, _CONCEPTS, _SHOWN) * self._spread[:_SHOWN]) @ self._shown)
        self._concepts = _unit(topics[chance.integers(0, _TOPICS, _CONCEPTS)] + own)
        often = 1 / np.arange(1, _CONCEPTS + 1) ** 0.8
        self._often = often / often.sum()

    @property
    def _shown(self) -> Rows:
        return self._turn[:_SHOWN]

    def block(self, number: int, count: int = BLOCK) -> NDArray[np.float16]:
        """Return the pictures of a block, unit vectors as the catalog stores them."""
        chance = np.random.default_rng((1, number))
        one, two = chance.choice(_CONCEPTS, (2, count), p=self._often)
        share = chance.uniform(0, 0.6, (count, 1)).astype(np.float32)
        shows = _unit((1 - share) * self._concepts[one] + share * self._concepts[two])
        rows = 0.7 * self._pictured + 0.5 * shows + 0.5 * self._noise(chance, count)
        return _unit(rows).astype(np.float16)

    def texts(self, count: int, seed: int) -> NDArray[np.float32]:
        """Return the unit vectors of so many texts."""
        chance = np.random.default_rng((2, seed))
        about = self._concepts[chance.integers(0, _CONCEPTS, count)]
        return _unit(0.8 * self._written + 0.45 * about + 0.4 * self._noise(chance, count))

    def _noise(self, chance: np.random.Generator, count: int) -> Rows:
        return (_normal(chance, count, DIM) * self._spread) @ self._turn


def _normal(chance: np.random.Generator, *shape: int) -> Rows:
    return chance.standard_normal(shape, dtype=np.float32)


def _unit(rows: Rows) -> NDArray[np.float32]:
    found: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(
        np.float32
    )
    return found
