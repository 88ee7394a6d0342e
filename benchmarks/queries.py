"""A question's way over the socket, the first one after a start, and what an idle daemon holds.

`python benchmarks/queries.py [--pictures 100000] [--asked 500] [--starts 5] [--seconds 60]`,
or `--quick`. Linux only, by /proc.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from grown import files, grow_imgq, vectors
from measure import (
    House,
    Process,
    Result,
    Table,
    come_to_rest,
    finish,
    ms,
    parsed,
    percentile,
    places,
    processes,
    running,
)

_THINGS: Final = ("car", "dog", "house on a hill", "child with a kite", "boat", "old tree", "cup")
_PLACES: Final = ("in the snow", "at night", "on a beach", "", "in front of a white wall")

_PACE: Final = 0.02
"""Seconds between an answer and the next question."""

_IN_MEMORY: Final = 20_000
"""Pictures whose vectors the daemon holds in memory: beyond, it makes files first."""

_FORGOTTEN: Final = 80
"""Questions after which a daemon at rest has to look for the nearest of an earlier one anew."""

_CROWD: Final = 20_000
_NEAREST: Final = 20

_QUICK: Final = {"pictures": 2000, "asked": 100, "starts": 2, "seconds": 3}


def main() -> None:
    """Fill a catalog, ask, and watch."""
    parser = argparse.ArgumentParser(description="questions, the first answer, an idle daemon")
    parser.add_argument("--quick", action="store_true", help="small: its figures mean little")
    told = parsed(parser, pictures=100_000, asked=500, starts=5, seconds=60)
    if told.quick:
        vars(told).update(_QUICK)
    from system.full_size import ARCHITECTURE, saved_in

    with places() as base:
        folder = saved_in(base)
        house = House(base / "house", model=f"local-dir:{folder}")
        os.environ["XDG_CACHE_HOME"] = house.environment["XDG_CACHE_HOME"]
        _fill(house, told.pictures)
        starts = [_first_answer(house, turn) for turn in range(told.starts)]
        with running(house):
            asked, encoder = _asked(house, told.asked)
            come_to_rest(house.pid)
            before = processes(house.pid)
            time.sleep(told.seconds)
            after = processes(house.pid)
            house.stop()
        loss = _loss(folder)
    text = (
        f"{told.pictures:,} pictures with random vectors of 512 numbers; {ARCHITECTURE} with "
        f"random weights, its texts encoded by {encoder['by']} in {encoder['precision']}. "
        f"{told.asked} questions of two to eight words that were never asked, each followed by one "
        f"that is asked each time and by the one of {_FORGOTTEN} turns ago, whose vector is known "
        f"and whose answer is not, {_PACE * 1000:g} ms apart, 20 results each, over the socket. "
        f"Nothing changes on the disk meanwhile. The daemon is "
        f"started {told.starts} times on the same catalog, with the index's files. At rest "
        f"it is watched for {told.seconds} s; memory is proportional (PSS). The loss is that of "
        f"the everyday phrases, held against open_clip's vectors of them; the nearest are of "
        f"{_CROWD:,} random vectors."
    )
    idle, figures = _idle(before, after, told.seconds)
    figures |= {
        "new_p50_s": percentile(asked.new, 50),
        "new_p99_s": percentile(asked.new, 99),
        "cached_p50_s": percentile(asked.again, 50),
        "anew_p50_s": percentile(asked.anew, 50),
        "first_answer_s": percentile(starts, 50),
    }
    tables = (_answers(asked, starts), idle, loss)
    finish(Result("Questions", text, tables, figures), told)


def _fill(house: House, count: int) -> None:
    """Let the daemon make its catalog and the model's export, and fill the one past it."""
    with running(house):
        house.sync()
        house.wait(lambda status: (status.model["text"] or {}).get("by") == "onnxruntime")
        house.stop()
    grow_imgq(house.catalog, house.pictures, files(house.pictures / "grown", count))
    form = "compact" if count > _IN_MEMORY else "exact"
    with running(house):
        house.wait(lambda status: _at_rest(status.model["index"], form))
        house.stop()


def _at_rest(index: dict[str, Any] | None, form: str) -> bool:
    return index is not None and index["form"] == form and index["work"] is None


def _first_answer(house: House, turn: int) -> float:
    """Return the seconds from the daemon's start to an answer by content, to a new question."""
    began = time.monotonic()
    with running(house):
        with house.client() as client:
            answer = client.search(f"the first question, number {turn}", weak=True)
        taken = time.monotonic() - began
        assert answer.model is not None
        assert answer.results
        house.sync()
        house.stop()
    return taken


@dataclass(frozen=True, slots=True)
class _Asked:
    """Seconds of questions: never asked, asked a moment ago, and asked long before that."""

    new: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    anew: list[float] = field(default_factory=list)


def _asked(house: House, count: int) -> tuple[_Asked, dict[str, Any]]:
    """Return the seconds of questions, and what encodes them."""
    asked, questions = _Asked(), []
    with house.client() as client:
        client.sync(600)
        client.search("a red car", weak=True)
        for turn in range(count):
            thing, where = _THINGS[turn % len(_THINGS)], _PLACES[turn % len(_PLACES)]
            time.sleep(_PACE)
            questions.append(f"a {thing} {where} {turn}")
            asked.new.append(_timed(client, questions[-1]))
            time.sleep(_PACE)
            asked.again.append(_timed(client, "a red car"))
            if turn >= _FORGOTTEN:
                time.sleep(_PACE)
                asked.anew.append(_timed(client, questions[turn - _FORGOTTEN]))
        encoder: dict[str, Any] = client.status().model["text"]
    return asked, encoder


def _timed(client: Any, query: str) -> float:
    began = time.perf_counter()
    answer = client.search(query, weak=True)
    taken = time.perf_counter() - began
    assert len(answer.results) == 20
    return taken


def _loss(folder: Path) -> Table:
    """Hold the exported encoder's vectors against open_clip's."""
    import numpy as np

    from imgqd import exports, weights
    from imgqd.everyday import PHRASES
    from imgqd.light import Light
    from system.full_size import Reference

    found = weights.find(f"local-dir:{folder}")
    place, manifest = exports.find(found.key)
    light, reference = Light(place, manifest, found.path), Reference(folder)
    ours = np.stack([light.vector(phrase) for phrase in PHRASES])
    theirs = np.stack([reference.text(phrase) for phrase in PHRASES])
    cosines = (ours * theirs).sum(axis=1)
    crowd = np.stack(list(vectors(_CROWD)))
    shared = [
        len({*np.argsort(crowd @ one)[-_NEAREST:]} & {*np.argsort(crowd @ other)[-_NEAREST:]})
        for one, other in zip(ours, theirs, strict=True)
    ]
    row = (
        manifest.precision,
        f"{cosines.min():.5f}",
        f"{cosines.mean():.5f}",
        f"{100 * np.mean(shared) / _NEAREST:.1f} %",
    )
    columns = ("weights", "least cosine", "mean", f"of the {_NEAREST} nearest the same")
    return Table(columns, (row,))


def _answers(asked: _Asked, starts: list[float]) -> Table:
    rows = tuple(
        (name, str(len(times)), *(ms(percentile(times, part)) for part in (50, 99, 100)))
        for name, times in (
            ("a text that was never asked", asked.new),
            ("a text that was asked before, its answer looked for anew", asked.anew),
            ("a text that was asked before, its nearest pictures kept", asked.again),
            ("from the daemon's start to the first answer", starts),
        )
    )
    return Table(("from question to answer", "times", "median", "99 %", "most"), rows)


def _idle(
    before: list[Process], after: list[Process], seconds: int
) -> tuple[Table, dict[str, float]]:
    spent = sum(one.cpu for one in after) - sum(one.cpu for one in before)
    memory = sum(one.memory for one in after)
    rows = [(one.role, f"{one.memory / 1e6:.0f}") for one in after]
    rows += [("all", f"{memory / 1e6:.0f}"), (f"CPU time of all in {seconds} s", ms(spent))]
    figures = {"idle_bytes": float(memory), "idle_cpu_s": spent * 60 / seconds}
    return Table(("at rest", "MB"), tuple(rows)), figures


if __name__ == "__main__":
    main()
