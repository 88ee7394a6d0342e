"""Pictures made on the spot, and the real decoder to read them."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from imgqd.config import LimitSettings
from imgqd.decode import Decoders, Undecodable, opened
from imgqd.records import Model, Picture, Stamp

SIZE = 32
MODEL = Model("m", "k", 4, SIZE, "squash", "bicubic", 0)
LIMITS = LimitSettings(decode_timeout=60.0)


def pixels(image: Image.Image) -> bytes:
    return image.resize((SIZE, SIZE), Image.Resampling.BICUBIC).tobytes()


def drawing(mode: str = "RGB", size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Return a picture that looks different however it is turned or mirrored."""
    image = Image.linear_gradient("L").resize(size)
    other = Image.radial_gradient("L").resize(size).transpose(Image.Transpose.ROTATE_180)
    dark = Image.new("L", size, 30)
    dark.paste(255, (0, 0, size[0] // 3, size[1] // 4))
    return Image.merge("RGB", (image, other, dark)).convert(mode)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@asynccontextmanager
async def decoding(limits: LimitSettings = LIMITS, count: int = 1) -> AsyncIterator[Decoders]:
    decoders = Decoders(count, limits)
    try:
        yield decoders
    finally:
        await decoders.release()
        assert decoders.pids == []


async def decode(decoders: Decoders, path: Path, model: Model = MODEL) -> tuple[Picture, bytes]:
    name = os.fsencode(path)
    async with decoders.session() as session:
        with opened(name, Stamp.of(os.lstat(name))) as fd:
            picture = await session.identify(fd)
            data, print_ = await session.pixels(model)
            return replace(picture, print=print_), data


async def reason(decoders: Decoders, path: Path) -> str:
    try:
        await decode(decoders, path)
    except Undecodable as error:
        # One line that says something: a person reads it.
        return error.reason if error.detail and "\n" not in error.detail else repr(error.detail)
    return "fine"


def decoded(tmp_path: Path, content: bytes, model: Model = MODEL) -> tuple[Picture, bytes]:
    path = tmp_path / "a.png"
    path.write_bytes(content)

    async def scene() -> tuple[Picture, bytes]:
        async with decoding() as decoders:
            return await decode(decoders, path, model)

    return asyncio.run(scene())
