"""A set of pictures that a search is confined to."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
"""The catalog's image ids."""


class Allowed:
    """A set of image ids, each once: as a bitmap, whatever their number."""

    def __init__(self, images: Ids) -> None:
        self.images = images
        bits = np.zeros(int(images.max(initial=0)) + 1, dtype=bool)
        bits[images] = True
        self._bits = bits
        self._packed = np.packbits(bits, bitorder="little")

    def __len__(self) -> int:
        return len(self.images)

    def __contains__(self, image: int) -> bool:
        return image < len(self._bits) and bool(self._bits[image])

    def selector(self) -> faiss.IDSelector:
        """Return what FAISS asks about each id; it refers to this object's memory."""
        return faiss.IDSelectorBitmap(len(self._packed), faiss.swig_ptr(self._packed))


class Members:
    """Which ids are in: one byte each, so that many are asked about at once."""

    def __init__(self) -> None:
        self._in = np.zeros(1024, dtype=bool)

    def __contains__(self, image: int) -> bool:
        return image < len(self._in) and bool(self._in[image])

    def put(self, images: Ids) -> None:
        """Note that these are in."""
        largest = int(images.max(initial=0))
        if largest >= len(self._in):
            grown = np.zeros(max(largest + 1, 2 * len(self._in)), dtype=bool)
            grown[: len(self._in)] = self._in
            self._in = grown
        self._in[images] = True

    def drop(self, images: Ids) -> None:
        """Note that these, which are in, are so no longer."""
        self._in[images] = False

    def of(self, images: Ids) -> Ids:
        """Return those of the ids that are in, in their order; FAISS's -1 is not."""
        near = images[(images >= 0) & (images < len(self._in))]
        return near[self._in[near]]

    def mask(self, images: Ids) -> NDArray[np.bool_]:
        """Return for each of the ids whether it is in."""
        found = (images >= 0) & (images < len(self._in))
        found[found] = self._in[images[found]]
        return found

    @property
    def bits(self) -> NDArray[np.bool_]:
        """Whether each id is in, by its number."""
        return self._in

    def ids(self) -> Ids:
        """Return all that are in, ascending."""
        return np.flatnonzero(self._in)
