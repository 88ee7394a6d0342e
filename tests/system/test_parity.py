"""What comes out of the daemon is open_clip's own: same preprocessing, same vectors."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from house import House
from imgqd import weights
from imgqd.towers import Towers
from system.full_size import Reference, Rows, daemon_in, saved_in, stored

pytestmark = [pytest.mark.system, pytest.mark.model]

ENOUGH = {"float32": 0.999, "bfloat16": 0.99}
"""The least cosine between the daemon's vector and open_clip's."""

DRAFT = 0.99
"""The same where a large JPEG is decoded at a smaller scale, which open_clip does not do."""

TEXTS = (
    "a red car in the snow",
    "Ein Hund am Strand",
    "x",
    "a word after another, until the model's seventy-seven tokens are used up " * 8,
    "emoji \N{SLICE OF PIZZA} and accents: déjà vu",
)


def scene(width: int, height: int, seed: int) -> Image.Image:
    """Paint soft patches of colour with some grain, as unlike from seed to seed as photographs."""
    random = np.random.default_rng(seed)
    patches = random.integers(0, 256, (random.integers(2, 7), random.integers(2, 7), 3), np.uint8)
    soft = Image.fromarray(patches).resize((width, height), Image.Resampling.BICUBIC)
    grain = random.normal(0, 6, (height, width, 1))
    return Image.fromarray((np.asarray(soft) + grain).clip(0, 255).astype(np.uint8))


def transparent() -> Image.Image:
    """Paint a scene that fades out to the right."""
    image = scene(300, 200, 6)
    image.putalpha(Image.linear_gradient("L").rotate(90).resize(image.size))
    return image


def lying() -> Image.Image:
    """Paint a scene as a camera held upright stores it: on its side, with a note about it."""
    image = scene(480, 360, 7)
    image.getexif()[0x0112] = 6
    return image


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "landscape.jpg": lambda: scene(640, 420, 1),
    "portrait.png": lambda: scene(300, 451, 2),
    "square.png": lambda: scene(224, 224, 3),
    "tiny.png": lambda: scene(7, 5, 4),
    "palette.png": lambda: scene(320, 240, 5).quantize(64),
    "transparent.png": transparent,
    "lying.jpg": lying,
    "gray.jpg": lambda: scene(333, 222, 8).convert("L"),
    "print.jpg": lambda: scene(360, 240, 9).convert("CMYK"),
    "web.webp": lambda: scene(500, 333, 10),
    "panorama.png": lambda: scene(1200, 160, 11),
    "large.jpg": lambda: scene(3200, 2400, 12),
}
SCALED = "large.jpg"


class Outcome(NamedTuple):
    """What one daemon made of the pictures."""

    precision: str
    vectors: dict[str, Rows]
    said: str


class Spoken(NamedTuple):
    """The same of a daemon that was asked the texts: `scores` has each one's cosines by path."""

    outcome: Outcome
    scores: dict[str, dict[str, float | None]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_in(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def reference(model: Path) -> Reference:
    return Reference(model)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parity")
    for name, paint in PICTURES.items():
        image = paint()
        image.save(folder / name, exif=image.getexif())
    return folder


def seen(house: House, pictures: Path, precision: str) -> Outcome:
    """Return what a daemon makes of the pictures once they are one of its folders."""
    with house.client() as client:
        client.add_root(pictures)
    house.sync()
    vectors = {
        path.name: vector
        for path, vector in stored(house.catalog).items()
        if path.parent == pictures
    }
    return Outcome(precision, vectors, house.status().embedder["precision"])


@pytest.fixture(scope="module")
def spoken(photographed: House, pictures: Path) -> Spoken:
    """Ask the texts of the daemon that has the photographs, too, and take the pictures away."""
    outcome = seen(photographed, pictures, "float32")
    assert photographed.status().model["text"]["by"] == "torch"
    with photographed.client() as client:
        answers = {text: client.search(text, limit=1000, weak=True).results for text in TEXTS}
        client.remove_root(pictures)
    photographed.sync()
    of_each = {
        text: {Path(os.fsdecode(match.path)): match.score for match in results}
        for text, results in answers.items()
    }
    scores = {
        text: {path.name: score for path, score in found.items() if path.parent == pictures}
        for text, found in of_each.items()
    }
    return Spoken(outcome, scores)


@pytest.fixture(scope="module", params=ENOUGH)
def outcome(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, pictures: Path
) -> Outcome:
    if request.param == "float32":
        spoken: Spoken = request.getfixturevalue("spoken")
        return spoken.outcome
    with daemon_in(tmp_path_factory.getbasetemp(), request.param, reads=False) as house:
        return seen(house, pictures, request.param)


@pytest.mark.parametrize("name", PICTURES)
def test_a_pictures_vector_is_that_of_open_clip(
    outcome: Outcome, reference: Reference, pictures: Path, name: str
) -> None:
    least = DRAFT if name == SCALED else ENOUGH[outcome.precision]
    vector = outcome.vectors[name]
    assert float(vector @ reference.picture(pictures / name)) >= least
    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-3)


def test_no_other_pictures_vector_would_have_passed(outcome: Outcome) -> None:
    names, vectors = list(outcome.vectors), np.stack(list(outcome.vectors.values()))
    assert sorted(names) == sorted(PICTURES)
    cosines = vectors @ vectors.T - 2 * np.eye(len(names))
    assert cosines.max() < min(*ENOUGH.values(), DRAFT)


def test_the_daemon_says_the_precision_that_the_settings_ask_for(outcome: Outcome) -> None:
    assert outcome.said == outcome.precision


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_score_is_the_cosine_of_open_clips_text_and_the_stored_vector(
    spoken: Spoken, reference: Reference, text: str
) -> None:
    query = reference.text(text)
    expected = {name: float(vector @ query) for name, vector in spoken.outcome.vectors.items()}
    assert spoken.scores[text] == pytest.approx(expected, abs=1e-3)
    assert max(expected.values()) - min(expected.values()) > 1e-2


@pytest.mark.parametrize("precision", ENOUGH)
def test_a_texts_vector_is_that_of_open_clip_whatever_the_pictures_precision(
    model: Path, reference: Reference, precision: str
) -> None:
    name = f"local-dir:{model}"
    towers = Towers()
    params = {"role": "text", "device": "cpu", "precision": precision, "batch": None}
    assert towers.load(name, weights.find(name), params)["precision"] == "float32"
    ours = np.frombuffer(towers.texts({"texts": list(TEXTS)}), np.float32).reshape(len(TEXTS), -1)
    cosines = ours @ np.stack([reference.text(text) for text in TEXTS]).T
    assert np.diagonal(cosines).min() >= ENOUGH["float32"]
    assert (cosines - 2 * np.eye(len(TEXTS))).max() < ENOUGH["float32"]
