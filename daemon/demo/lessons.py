"""The training set: pictures drawn once, and captions with what each of them asks for."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from demo.draw import SIDE, draw_picture, shrink
from demo.phrases import FACTS, Caption, caption_of, multi_hot, random_caption

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 500
CAPTIONS_EACH = 6
MOST_NEEDS = 4


@dataclass(frozen=True)
class Lessons:
    """Pictures, what they show, what they may show, and captions true of each."""

    pixels: NDArray[np.uint8]
    has: NDArray[np.bool_]
    maybe: NDArray[np.bool_]
    captions: list[Caption]


def _chunk(seed: int) -> Lessons:
    """Draw one chunk of the training set; its seed alone decides what is in it."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((CHUNK, SIDE, SIDE, 3), np.uint8)
    has, maybe = np.zeros((CHUNK, len(FACTS)), bool), np.zeros((CHUNK, len(FACTS)), bool)
    captions: list[Caption] = []
    for index in range(CHUNK):
        picture = draw_picture(rng)
        pixels[index] = np.asarray(shrink(picture.image, rng))
        has[index] = multi_hot(picture.facts())
        maybe[index] = multi_hot(picture.maybe)
        captions += [
            caption_of(picture.objects, picture.scenery, rng) for _ in range(CAPTIONS_EACH)
        ]
    return Lessons(pixels, has, maybe, captions)


def draw_lessons(count: int, seed: int, workers: int) -> Lessons:
    """Draw the whole training set on several processors."""
    start = time.monotonic()
    seeds = [seed * 100_000 + index for index in range(-(-count // CHUNK))]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        chunks = list(pool.map(_chunk, seeds))
    print(f"drew {len(chunks) * CHUNK} pictures in {time.monotonic() - start:.0f} s", flush=True)
    return Lessons(
        np.concatenate([chunk.pixels for chunk in chunks]),
        np.concatenate([chunk.has for chunk in chunks]),
        np.concatenate([chunk.maybe for chunk in chunks]),
        [caption for chunk in chunks for caption in chunk.captions],
    )


def foreign_captions(count: int, seed: int) -> list[Caption]:
    """Make captions that need not be true of any picture: the wrong answers of the lessons."""
    rng = np.random.default_rng(seed)
    return [random_caption(rng) for _ in range(count)]


def needs_of(captions: list[Caption]) -> NDArray[np.int64]:
    """Give the facts each caption asks for, as indices filled up with an always true one."""
    table = np.full((len(captions), MOST_NEEDS), len(FACTS), np.int64)
    index = {fact: number for number, fact in enumerate(FACTS)}
    for row, caption in enumerate(captions):
        table[row, : len(caption.needs)] = [index[fact] for fact in caption.needs]
    return table
