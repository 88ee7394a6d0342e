"""Which pictures of an answer are folded into one, and which never are."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import doubles
from corpus import CORPUS
from imgqd import prints
from imgqd.decoder import prints as maker
from imgqd.decoder import shape
from imgqd.decoder.opening import opened
from imgqd.duplicates import Candidate, are_near, fold, groups
from imgqd.records import Found, Metadata, Vector

ALIKE = np.array([1, 0, 0], np.float32)
ELSE = np.array([0.8, 0.6, 0], np.float32)


@dataclass(frozen=True)
class Hit:
    files: tuple[Found, ...]
    relevance: float = 0.5


def found(number: int, width: int = 400, height: int = 300, **more: object) -> Found:
    one = Found(number, b"/p/%03d.jpg" % number, 1000, 5, "jpeg", width, height)
    return one._replace(**more)  # type: ignore[arg-type]


def candidate(number: int, content: bytes, vector: Vector | None = ALIKE) -> Candidate:
    hand = opened(content)
    data = shape.glance(hand)
    best = found(number, *hand.size, size=len(content), format=hand.format)
    return Candidate(best, prints.read(data), vector)


@cache
def drawing(number: int) -> Image.Image:
    return doubles.drawings(8)[number][1]


@cache
def print_of(number: int) -> prints.Print:
    print_ = prints.read(maker.of(drawing(number)))
    assert print_ is not None
    return print_


@cache
def different() -> list[Candidate]:
    """Return pictures of which no two are one."""
    drawn = doubles.drawings(12)
    pictures = [*drawn, *doubles.traps(), *doubles.with_one_more(drawn)]
    if CORPUS.is_dir():
        pictures += [
            (name, image)
            for name, image in doubles.photographs(CORPUS / "photos", 400)
            # Eight of these are one landscape, two are one street.
            if not name.startswith(("Landscape_", "IMG_20180725"))
        ]
    return [
        Candidate(found(number, *image.size), prints.read(maker.of(image)), ALIKE)
        for number, (_, image) in enumerate(pictures)
    ]


def synthetic(number: int, print_: prints.Print, vector: Vector | None, pixels: int) -> Candidate:
    return Candidate(found(number, pixels, pixels), print_, vector)


def ids(candidates: Sequence[Candidate], order: Iterable[int]) -> set[tuple[int, frozenset[int]]]:
    """Return {(leader, members)} by image, of candidates given in an order."""
    given_ = [candidates[place] for place in order]
    return {
        (
            given_[group.leader].best.image,
            frozenset(given_[place].best.image for place in group.members),
        )
        for group in groups(given_)
    }


@pytest.mark.parametrize("number", [0, 2, 3, 5])
def test_copies_are_one_picture_however_they_were_saved_scaled_or_turned(number: int) -> None:
    image = drawing(number)
    original = candidate(0, doubles.saved(image, "PNG"))
    missed = {
        how for how, content in doubles.altered(image)
        if not are_near(original, candidate(1, content))
    }  # fmt: skip
    assert missed <= {"corner cropped", "burst"}


@pytest.mark.parametrize("vector", [ALIKE, None], ids=["vectors that agree", "no vectors"])
def test_no_two_different_pictures_are_folded_even_where_vectors_say_nothing(
    vector: Vector | None,
) -> None:
    candidates = [Candidate(one.best, one.print, vector) for one in different()]
    assert len(candidates) > 70
    assert [group for group in groups(candidates) if group.members] == []


def test_blank_pictures_are_folded_with_nothing() -> None:
    whites = [
        candidate(number, doubles.saved(Image.new("RGB", size, (255, 255, 255 - number))))
        for number, size in enumerate([(400, 300), (400, 300), (800, 600)])
    ]
    assert [group.members for group in groups(whites)] == [(), (), ()]


def test_vectors_that_disagree_keep_pictures_apart() -> None:
    content = doubles.saved(drawing(0))
    one = candidate(0, content)
    assert are_near(one, candidate(1, content))
    assert not are_near(one, candidate(1, content, ELSE))
    assert are_near(one, candidate(1, content, None))


def test_a_picture_of_another_shape_is_another_picture() -> None:
    image = drawing(0)
    one = candidate(0, doubles.saved(image))
    squeezed = image.resize((image.width, round(image.height * 0.9)))
    assert not are_near(one, candidate(1, doubles.saved(squeezed)))


def test_what_differs_in_colour_alone_is_another_picture() -> None:
    image = drawing(0)
    light, blue, red = image.convert("YCbCr").split()
    swapped = Image.merge("YCbCr", (light, red, blue)).convert("RGB")
    original = candidate(0, doubles.saved(image, "PNG"))
    assert not are_near(original, candidate(1, doubles.saved(swapped, "PNG")))
    for strange, usual in ((blue, red), (red, blue)):
        strange.paste(30, (20, 20, 50, 50))
        usual.paste(128, (20, 20, 50, 50))
    spotted = Image.merge("YCbCr", (light, blue, red)).convert("RGB")
    assert not are_near(original, candidate(1, doubles.saved(spotted, "PNG")))


def test_a_picture_without_a_print_is_folded_with_nothing() -> None:
    content = doubles.saved(drawing(0))
    hit = Hit((found(1),))
    print_ = shape.glance(opened(content))
    both = [hit, Hit((found(2),))]
    assert fold(both, {1: print_, 2: print_}, {}) == [(hit, (both[1],))]
    for lacking in ({1: print_}, {1: print_, 2: b"of another version"}, {}):
        assert fold(both, lacking, {}) == [(hit, ()), (both[1], ())]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"width": 800, "height": 600}, {"format": "png", "size": 9_999_999}),
        ({"metadata": Metadata(camera="Canon")}, {"format": "png", "size": 9_999_999}),
        ({"format": "raw"}, {"format": "png", "size": 9_999_999}),
        ({"format": "png"}, {"size": 9_999_999}),
        ({"size": 1001}, {"mtime_ns": 1}),
        ({"mtime_ns": 4}, {"path": b"/a.jpg"}),
        ({"path": b"/a.jpg"}, {}),
    ],
    ids=["pixels", "camera", "raw", "lossless", "bytes", "older", "path"],
)
def test_the_best_version_leads(better: dict[str, object], worse: dict[str, object]) -> None:
    print_ = prints.read(maker.of(drawing(0)))
    good = Candidate(found(1)._replace(**better), print_, None)  # type: ignore[arg-type]
    bad = Candidate(found(2)._replace(**worse), print_, None)  # type: ignore[arg-type]
    assert ids([good, bad], [0, 1]) == ids([good, bad], [1, 0]) == {(1, frozenset({2}))}


def test_a_folded_answer_keeps_its_order_by_the_first_version_of_each_picture() -> None:
    a, b = (maker.of(drawing(number)) for number in (0, 3))
    small, other, large = Hit((found(1),)), Hit((found(2),)), Hit((found(3, 800, 600),))
    folded = fold([small, other, large], {1: a, 2: b, 3: a}, {})
    assert folded == [(large, (small,)), (other, ())]


def shaded(step: float) -> prints.Print:
    """Return a picture whose one bright spot is dimmer with each step."""
    cells = print_of(0)
    light = np.asarray(cells.light).copy()
    light[10:14, 10:14] = np.clip(128 + step, 0, 255)
    return prints.Print(light, cells.colour, float(light.std()))


def test_a_chain_of_small_steps_does_not_end_at_another_picture() -> None:
    steps = [synthetic(number, shaded(12.0 * number), None, 900 - number) for number in range(8)]
    for one, next_ in itertools.pairwise(steps):
        assert are_near(one, next_)
    assert not are_near(steps[0], steps[-1])
    for order in (range(8), reversed(range(8))):
        for leader, members in ids(steps, order):
            for member in members:
                assert are_near(steps[leader], steps[member])


def test_who_is_near_to_two_that_lead_follows_the_better_one() -> None:
    steps = [synthetic(number, shaded(12.0 * number), None, 900 - number) for number in range(8)]
    far = next(number for number in range(8) if not are_near(steps[0], steps[number]))
    best, between, other = steps[0], steps[far - 1], steps[far]
    between = Candidate(between.best._replace(width=1, height=1), between.print, None)
    for each, code in ((best, 1), (between, 0), (other, 0)):
        object.__setattr__(each, "code", code)
    assert ids([other, between, best], range(3)) == {
        (best.best.image, frozenset({between.best.image})),
        (other.best.image, frozenset()),
    }


def test_a_small_object_in_a_picture_full_of_others_makes_another_picture() -> None:
    image = drawing(0)
    more = image.copy()
    box = (30, 30, 56, 56)
    more.paste(image.crop(box).point(lambda value: value * 0.72), box)  # a shadow
    one, other = (
        candidate(number, doubles.saved(each)) for number, each in ((0, image), (1, more))
    )
    assert one.print is not None
    assert other.print is not None
    grey = [
        prints.Print(each.light, np.full_like(each.colour, 128), each.deviation)
        for each in (one.print, other.print)
    ]
    assert not are_near(one, other)
    assert prints.distance(*grey) > 1


versions = st.lists(
    st.tuples(st.floats(0, 120, width=32), st.sampled_from([None, ALIKE, ELSE]), st.integers(1, 4)),
    max_size=9,
)


@settings(deadline=None, max_examples=60)
@given(versions, st.randoms(use_true_random=False))
def test_folding_is_the_same_in_any_order_and_loses_and_repeats_nobody(
    shades: list[tuple[float, Vector | None, int]], dice: random.Random
) -> None:
    candidates = [
        synthetic(number, shaded(step), vector, 100 * pixels)
        for number, (step, vector, pixels) in enumerate(shades)
    ]
    order = list(range(len(candidates)))
    once = ids(candidates, order)
    dice.shuffle(order)
    assert ids(candidates, order) == once
    everyone = [leader for leader, _ in once] + [one for _, members in once for one in members]
    assert sorted(everyone) == list(range(len(candidates)))
    for leader, members in once:
        assert all(are_near(candidates[leader], candidates[one]) for one in members)
        # Nobody is folded who could lead: those that lead are not near one another.
        assert not any(
            are_near(candidates[leader], candidates[other])
            for other, _ in once
            if other != leader
            and prints.within(np.array([candidates[other].code]), candidates[leader].code).size
        )


cells = st.binary(min_size=prints.SIZE, max_size=prints.SIZE)


@settings(deadline=None)
@given(cells, cells)
def test_a_distance_is_the_same_in_both_directions_and_none_to_itself(
    one: bytes, other: bytes
) -> None:
    a, b = prints.read(one), prints.read(other)
    assert a is not None
    assert b is not None
    assert prints.distance(a, b) == prints.distance(b, a)
    itself = prints.distance(a, a)
    assert itself == pytest.approx(0, abs=1e-4) or math.isinf(itself)


def test_what_is_no_print_is_none() -> None:
    for data in (None, b"", b"x", bytes(prints.SIZE - 1), bytes(prints.SIZE + 1)):
        assert prints.read(data) is None


def test_codes_of_both_signs_are_found_by_their_bits() -> None:
    codes = np.array([0, -1, 3, -(2**63), 2**63 - 1], np.int64)
    assert prints.within(codes, 0, 2).tolist() == [0, 3, 2]
    assert prints.within(codes, -1, 1).tolist() == [1, 4]
    assert prints.within(codes[:0], 5).tolist() == []
