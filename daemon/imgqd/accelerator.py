"""The device that pictures are embedded on: found, named, fed, and what its errors mean.

Nothing here knows a model. Whatever a device that is no CPU raises is the device's own
failure, never a picture's: all pictures have one shape, and their numbers are bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from imgqd.serving import Fault

log = logging.getLogger(__name__)

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

MOST: Final = {"cpu": 16, "mps": 64, "cuda": 256}
"""Pictures in one forward pass where the settings say `auto`.

A CPU gains nothing by more (benchmarks/embedding.py), and a person's own picture waits for
the batch before it; a card gets fewer where its memory is small.
"""

SPARE: Final = 512 << 20
"""Bytes of a card's memory that are left to others: below it batches grow smaller."""

_TRIAL: Final = 8
"""Pictures in the pass that shows what one of them costs in memory."""

_NO_MEMORY: Final = ("out of memory", "can't allocate memory", "ALLOC_FAILED")


def find(wanted: str) -> torch.device:
    """Return the device that the settings ask for; raises Fault("device") where it is not there."""
    if wanted == "auto":
        wanted = (
            "cuda"
            if torch.cuda.is_available()
            else "mps"
            if torch.backends.mps.is_available()
            else "cpu"
        )
    device = torch.device(wanted)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise Fault("device", "no CUDA device: set model.device to auto or cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise Fault("device", f"no {device}: set model.device to auto, cuda or cpu")
    return device


def name_of(device: torch.device) -> str:
    """Return a device's name for people."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)


def is_memory(error: BaseException) -> bool:
    """Return whether an error says that memory does not suffice; each backend has its own words."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _NO_MEMORY)


def fault(error: BaseException, device: torch.device) -> Fault | None:
    """Return what an error of a device that is no CPU means; None for any other error."""
    if device.type == "cpu" or not isinstance(error, RuntimeError):
        return None
    if is_memory(error):
        return Fault("memory", f"{device} has too little memory left")
    first = next(iter(str(error).splitlines()), "") or type(error).__name__
    return Fault("device", f"{device} failed: {first}"[:200])


def ask_for_room(device: torch.device, needed: int) -> None:
    """Raise Fault("memory") where a card has no room for so many bytes beside its spare."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if free < needed + SPARE:
            raise Fault("memory", f"{device} has {free >> 20} MiB of memory left")


def fitting(device: torch.device, most: int, encode: Callable[[int], object]) -> int:
    """Return how many pictures half of a card's free memory holds, a power of two up to `most`.

    `encode` makes a pass of so many blank pictures: their peak is measured.
    """
    if device.type != "cuda":
        return most
    count = min(_TRIAL, most)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    encode(count)
    each = max(1, (torch.cuda.max_memory_allocated(device) - before) // count)
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(device)
    holds = min(most, max(1, free // 2 // each))
    return int(holds) if holds == most else 1 << (int(holds).bit_length() - 1)


def make_room(device: torch.device) -> bool:
    """Give back what is only kept for later, if a card's memory is scarce; return if it still is.

    So another program gets what it asks for next.
    """
    if device.type != "cuda" or torch.cuda.mem_get_info(device)[0] >= SPARE:
        return False
    torch.cuda.empty_cache()
    return bool(torch.cuda.mem_get_info(device)[0] < SPARE)


@dataclass(frozen=True, slots=True)
class Staged:
    """Pixels on their way to a device: uint8 of shape (n, size, size, 3)."""

    pixels: Tensor
    arrival: Any


class Feed:
    """Brings pixels to a device, beside what it computes: `put` in any thread, then `take`.

    A card gets them from memory that cannot be swapped out, by a stream of their own.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: Any = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def put(self, pixels: Pixels) -> Staged:
        """Begin to bring pixels there."""
        if self._stream is None:
            return Staged(torch.from_numpy(pixels.copy()), None)
        pinned = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
        pinned.numpy()[...] = pixels
        with torch.cuda.stream(self._stream):
            there = pinned.to(self._device, non_blocking=True)
            return Staged(there, self._stream.record_event())

    def take(self, staged: Staged) -> Tensor:
        """Return the pixels for whatever this thread does next with them."""
        if staged.arrival is None:
            return staged.pixels.to(self._device)
        current = torch.cuda.current_stream(self._device)
        current.wait_event(staged.arrival)
        staged.pixels.record_stream(current)
        return staged.pixels
