"""What can be said about a drawing, and the many ways in which people say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from demo.draw_canvas import HSV_RANGES, Rng
from demo.draw_scenes import SCENES
from demo.draw_shapes import SHAPES
from demo.draw_things import THINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

COLOURS = tuple(HSV_RANGES)
NOUNS = (*SHAPES, *THINGS)
TIMES = ("sunset", "night")

# Every single fact a caption may ask for: a noun, a colour, both together, a scene, a time.
FACTS: tuple[str, ...] = (
    *COLOURS,
    *NOUNS,
    *(f"{colour} {noun}" for noun in NOUNS for colour in COLOURS),
    *SCENES,
    *TIMES,
)
FACT_INDEX = {fact: index for index, fact in enumerate(FACTS)}

NOUN_WORDS: dict[str, tuple[str, ...]] = {
    "circle": ("circle", "circle", "disc", "dot", "ball"),
    "square": ("square", "square", "box"),
    "cross": ("cross", "cross", "plus sign"),
    "heart": ("heart", "heart", "heart shape"),
    "diamond": ("diamond", "diamond", "rhombus"),
    "car": ("car", "car", "car", "automobile"),
    "house": ("house", "house", "home"),
    "boat": ("boat", "boat", "sailboat", "ship"),
    "cat": ("cat", "cat", "kitten"),
}
COLOUR_WORDS = {
    "gray": ("gray", "grey"),
    "cyan": ("cyan", "cyan", "turquoise"),
    "purple": ("purple", "purple", "violet"),
}

SCENE_WORDS: dict[str, tuple[str, ...]] = {
    "beach": ("beach", "beach", "sandy beach", "the beach", "seaside"),
    "sea": ("sea", "sea", "the sea", "ocean", "waves"),
    "forest": ("forest", "forest", "woods", "trees in a forest"),
    "mountains": ("mountains", "mountains", "mountain", "the mountains", "mountain landscape"),
    "snow": ("snow", "snow", "snowy landscape", "winter", "snow in winter"),
    "desert": ("desert", "desert", "sand dunes", "desert dunes"),
    "city": ("city", "city", "town", "city skyline", "buildings", "skyscrapers"),
    "stars": (
        "night sky with stars",
        "stars",
        "starry sky",
        "starry night",
        "night sky",
        "stars at night",
    ),
    "moon": ("moon", "moon", "full moon", "the moon", "moon at night", "moon in the night sky"),
    "field": ("field", "field", "meadow", "fields", "green field", "grass"),
    "lake": ("lake", "lake", "a lake", "lake landscape"),
    "river": ("river", "river", "a river", "stream"),
    "rain": ("rain", "rain", "rainy day", "raining", "rainy weather"),
    "rainbow": ("rainbow", "rainbow", "a rainbow in the sky", "rainbow in the sky"),
    "road": ("road", "road", "street", "highway", "a road"),
}
TIME_WORDS = {
    "sunset": ("sunset", "sunset", "sundown", "evening sky"),
    "night": ("night", "night", "night time"),
}
TIMED = {
    "sunset": (
        "{} sunset",
        "{} at sunset",
        "sunset at the {}",
        "sunset over the {}",
        "sunset on the {}",
        "a {} sunset",
    ),
    "night": ("{} at night", "{} by night", "night {}", "the {} at night"),
}
FRAMES = (
    "{}", "{}", "{}", "{}", "a {}", "a {}", "the {}", "photo of {}", "photo of a {}",
    "a photo of a {}", "a photo of {}", "picture of a {}", "a picture of {}", "image of a {}",
    "drawing of a {}", "a drawing of {}", "one {}", "my {}", "some {}", "show me a {}",
    "pictures of {}", "there is a {}",
)  # fmt: skip
COLOURED = (
    "{c} {n}",
    "{c} {n}",
    "{c} {n}",
    "{c} {n}",
    "{n}, {c}",
    "{c}, {n}",
    "{n} in {c}",
    "{n} that is {c}",
    "{c} coloured {n}",
    "{c} {n}s",
)
JOINS = ("{} and {}", "{} and a {}", "{} with a {}", "{}, {}", "{} next to a {}", "{} {}")


@dataclass(frozen=True)
class Caption:
    """A phrase and the facts that a picture must have for the phrase to be true of it."""

    text: str
    needs: tuple[str, ...]


def _object_words(fact: str, rng: Rng) -> str:
    """Say a noun, a colour, or a noun with its colour."""
    colour, _, noun = fact.rpartition(" ")
    word = str(rng.choice(NOUN_WORDS.get(noun, (noun,)))) if noun in NOUNS else noun
    if not colour:
        plural = noun in NOUNS and noun != "star" and rng.random() < 0.1
        return f"{word}s" if plural else str(rng.choice(COLOUR_WORDS.get(word, (word,))))
    colour = str(rng.choice(COLOUR_WORDS.get(colour, (colour,))))
    return str(rng.choice(COLOURED)).format(c=colour, n=word)


def _scene_words(facts: tuple[str, ...], rng: Rng) -> str:
    """Say a scene, a time of day, or a scene at a time of day."""
    scenes = [fact for fact in facts if fact in SCENES]
    times = [fact for fact in facts if fact in TIMES]
    if not scenes:
        return str(rng.choice(TIME_WORDS[times[0]]))
    if not times:
        return str(rng.choice(SCENE_WORDS[scenes[0]]))
    return str(rng.choice(TIMED[times[0]])).format(str(rng.choice(SCENE_WORDS[scenes[0]][:2])))


def say(needs: tuple[str, ...], rng: Rng) -> Caption:
    """Put facts into one of the phrases in which people would ask for them."""
    scenery = tuple(fact for fact in needs if fact in SCENES or fact in TIMES)
    parts = [_object_words(fact, rng) for fact in needs if fact not in scenery]
    if scenery:
        parts.append(_scene_words(scenery, rng))
    text = parts[0]
    for part in parts[1:]:
        text = str(rng.choice(JOINS)).format(text, part)
    return Caption(str(rng.choice(FRAMES)).format(text), needs)


def caption_of(objects: tuple[tuple[str, str], ...], scenery: tuple[str, ...], rng: Rng) -> Caption:
    """Draw a caption that is true of a picture with these coloured objects and this scenery."""
    needs: list[str] = []
    if objects and (not scenery or rng.random() < 0.8):
        count = min(len(objects), 2 if rng.random() < 0.5 else 1)
        for index in rng.permutation(len(objects))[:count]:
            colour, noun = objects[index]
            form = rng.random()
            needs.append(
                f"{colour} {noun}" if form < 0.8 or count > 1 else noun if form < 0.96 else colour
            )
    if scenery and (not needs or rng.random() < 0.5):
        some = scenery if rng.random() < 0.75 else (str(rng.choice(scenery)),)
        needs.extend(some)
    return say(tuple(dict.fromkeys(needs)), rng)


def random_caption(rng: Rng) -> Caption:
    """Draw any caption, true of some picture or of none."""
    pairs = (
        (str(rng.choice(COLOURS)), str(rng.choice(NOUNS))),
        (str(rng.choice(COLOURS)), str(rng.choice(NOUNS))),
    )
    if rng.random() < 0.3:
        scene = str(rng.choice(list(SCENES)))
        times = [time for time in SCENES[scene][1] if time != "day"]
        scenery = (scene, str(rng.choice(times))) if times and rng.random() < 0.4 else (scene,)
        return caption_of((), scenery, rng)
    return caption_of(pairs[: int(rng.integers(1, 3))], (), rng)


def multi_hot(facts: Iterable[str]) -> NDArray[np.bool_]:
    """Mark the given facts in a vector over all of them."""
    row = np.zeros(len(FACTS), bool)
    row[[FACT_INDEX[fact] for fact in facts]] = True
    return row
