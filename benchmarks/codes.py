"""Which codes, in how many lists: what the large form of the index is chosen by.

`python benchmarks/codes.py [--pictures 200000]`
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy, as the daemon does

import time
from dataclasses import dataclass
from typing import Any, Final

import faiss
import numpy as np
from measure import Result, Table, arguments, finish, ms, number, percentile
from synthetic import BLOCK, DIM, World

from imgqd.index.codes import PER_LIST

_QUERIES: Final = 100
_WANTED: Final = 256


@dataclass(frozen=True, slots=True)
class Choice:
    """One way: `probed` of the lists are looked through, so many candidates compared exactly."""

    codes: str
    moved: bool
    lists: int
    probed: int
    candidates: int

    def row(self, took: float, recalls: tuple[float, float], size: float) -> tuple[str, ...]:
        """Return its row of the table."""
        moved = "moved to where texts are" if self.moved else "as they are"
        lists = f"{self.lists}, {self.probed}"
        recall = " / ".join(f"{one:.3f}" for one in recalls)
        return f"{self.codes}, {moved}", lists, str(self.candidates), ms(took), recall, number(size)


def main() -> None:
    """Build each, ask, and print how good and how quick it is."""
    told = arguments("codes and lists of the large form", pictures=200_000)
    world = World()
    pictures = np.concatenate(
        [
            world.block(n, min(BLOCK, told.pictures - start))
            for n, start in enumerate(range(0, told.pictures, BLOCK))
        ]
    )
    faiss.omp_set_num_threads(1)
    texts, usual = world.texts(_QUERIES, 7), world.texts(137, 1).mean(axis=0)
    scores = texts @ pictures.astype(np.float32).T
    truth = np.argsort(-scores, axis=1)[:, :100]
    lists = 512
    choices = [
        Choice(codes, moved, lists, probed, candidates)
        for codes in ("RaBitQ", "PQ64x4")
        for moved in (False, True)
        for probed, candidates in ((64, 768), (136, 768), (136, 1536))
    ] + [Choice("RaBitQ", True, more, more // 4, 768) for more in (256, 1024)]
    built: dict[tuple[str, bool, int], tuple[Any, float]] = {}
    rows = []
    for one in choices:
        key = one.codes, one.moved, one.lists
        if key not in built:
            shift = usual - pictures[:BLOCK].astype(np.float32).mean(axis=0)
            built[key] = _built(pictures, one, shift if one.moved else np.zeros(DIM, np.float32))
        index, size = built[key]
        rows.append(one.row(*_asked(index, one, pictures, texts, truth), size))
    text = (
        f"{told.pictures:,} made-up pictures (`synthetic.py`), {_QUERIES} texts, one thread. The "
        f"candidates are compared by their float16 vectors, in memory, and {_WANTED} kept."
    )
    columns = ("codes", "lists, probed", "candidates", "search", "recall at 10 / 100", "bytes each")
    finish(Result("Codes", text, (Table(columns, tuple(rows)),)), told)


def _built(pictures: Any, choice: Choice, shift: Any) -> tuple[Any, float]:
    """Return (an index whose vectors lie in the list of the nearest centre, bytes of each)."""
    clustering = faiss.Clustering(DIM, choice.lists)
    clustering.niter, clustering.max_points_per_centroid = 8, PER_LIST
    chosen = np.random.default_rng(1).choice(len(pictures), PER_LIST * choice.lists, replace=False)
    sample = pictures[np.sort(chosen)].astype(np.float32) + shift
    clustering.train(sample, faiss.IndexFlatL2(DIM))
    centres = faiss.vector_to_array(clustering.centroids).reshape(-1, DIM)
    near, product = faiss.IndexFlatL2(DIM), faiss.IndexFlatIP(DIM)
    near.add(centres)
    product.add(centres)
    metric = faiss.METRIC_INNER_PRODUCT
    index = (
        faiss.IndexIVFRaBitQFastScan(product, DIM, choice.lists, metric)
        if choice.codes == "RaBitQ"
        else faiss.IndexIVFPQFastScan(product, DIM, choice.lists, 64, 4, metric)
    )
    index.quantizer = near
    index.train(sample)
    for start in range(0, len(pictures), BLOCK):
        block = pictures[start : start + BLOCK].astype(np.float32) + shift
        index.add_with_ids(block, np.arange(start, start + len(block)))
    index.quantizer = product
    kept = index, near, product  # FAISS only points to the two
    return kept, len(faiss.serialize_index(index)) / len(pictures)


def _asked(
    index: Any, choice: Choice, pictures: Any, texts: Any, truth: Any
) -> tuple[float, tuple[float, float]]:
    how = faiss.IVFSearchParameters(nprobe=choice.probed)  # type: ignore[call-arg]
    times, right, (faiss_index, *_) = [], np.zeros(2), index
    for text, best in zip(texts, truth, strict=True):
        began = time.perf_counter()
        _, found = faiss_index.search(text[None], choice.candidates, params=how)
        ids = np.sort(found[0][found[0] >= 0])
        exact = faiss.IndexScalarQuantizer(
            DIM, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        exact.add_sa_codes(pictures[ids].view(np.uint8))
        _, order = exact.search(text[None], min(_WANTED, len(ids)))
        times.append(time.perf_counter() - began)
        nearest = ids[order[0]]
        right += [len(np.intersect1d(nearest[:n], best[:n])) / n for n in (10, 100)]
    at_10, at_100 = right / len(texts)
    return percentile(times, 50), (float(at_10), float(at_100))


if __name__ == "__main__":
    main()
