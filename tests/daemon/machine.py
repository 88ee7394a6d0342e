"""A machine for tests of the download: a home of its own, and a hub that it talks to."""

import asyncio
import contextlib
import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from daemon.hub import Hub
from imgqd import child

MODEL = "ViT-B-32-256/datacomp_s34b_b86k"
REPO = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"
SAFE = "open_clip_model.safetensors"


def safetensors(size: int, seed: int = 0) -> bytes:
    """Return a file of one tensor that nobody else has."""
    data = hashlib.shake_128(bytes([seed])).digest(size)
    header = json.dumps({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}})
    return struct.pack("<Q", len(header)) + header.encode() + data


WEIGHTS = safetensors(3 << 20)
SIZE = len(WEIGHTS)


@dataclass
class Machine:
    """Starts the child with a cache, a token and a hub that are the test's alone."""

    home: Path
    hub: Hub
    environment: dict[str, str]
    events: list[dict[str, Any]] = field(default_factory=list)

    def call(self, method: str, name: object = MODEL) -> Any:
        """Start a child, ask it once, and let it go."""
        return asyncio.run(self._call(method, name))

    def refused(self, method: str, name: object = MODEL) -> tuple[str, str]:
        """Ask what must be refused, and return the code and the text, which is one line."""
        with pytest.raises(child.Refused) as caught:
            self.call(method, name)
        assert "\n" not in caught.value.text
        return caught.value.code, caught.value.text

    async def start(self) -> child.Child:
        """Start a child whose progress is kept."""

        def note(method: str, params: dict[str, Any]) -> None:
            assert method == "progress"
            self.events.append(params)

        return await child.start(
            "fetch", "imgqd.fetch", environment=self.environment, on_event=note
        )

    async def _call(self, method: str, name: object) -> Any:
        process = await self.start()
        try:
            return await process.call(method, {"name": name})
        finally:
            await process.stop()

    def blobs(self) -> list[Path]:
        """Return every file with content in the cache, whole or not."""
        return sorted(self.home.glob("hf/hub/*/blobs/*"))

    def ranges(self) -> list[str | None]:
        """Return what was asked for of the contents, for every answer that brought some."""
        return [asked.range for asked in self.hub.contents() if asked.sent]


@contextlib.contextmanager
def connected(home: Path) -> Iterator[Machine]:
    """Give a machine whose hub has one model, `MODEL`."""
    with Hub({f"{REPO}/{SAFE}": WEIGHTS}) as hub:
        environment = {
            "HOME": str(home),
            "HF_HOME": str(home / "hf"),
            "HF_HUB_CACHE": str(home / "hf" / "hub"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": "hf_secret",
            "HF_HUB_OFFLINE": "0",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        yield Machine(home, hub, environment)
