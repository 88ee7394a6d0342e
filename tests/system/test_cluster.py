"""Bulk work on other machines, which come and go: real ones, over TLS, on this one."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shutil
import signal
import sqlite3
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.sample import draw
from house import House, content_hash, running
from imgqd import credentials, premises
from imgqd.config import ClusterSettings
from imgqd.credentials import Credentials, Unreachable
from imgqd.findings import bad
from machines import Machines, machines

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        importlib.util.find_spec("distributed") is None,
        reason="Dask is not installed: pip install 'imgq[cluster]'",
    ),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command"),
]

OURS = ("ca.pem", "laptop.pem", "laptop.key")
FIELDS = ("ca_file", "cert_file", "key_file")
SUBJECTS = ("red car", "blue boat", "green tree", "yellow house")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with machines(tmp_path_factory.mktemp("cluster") / "machines") as made:
        yield made


def drawn(folder: Path, count: int, level: int = 6) -> None:
    """Draw pictures; another `level` gives other bytes and the same pixels."""
    folder.mkdir()
    for number in range(count):
        picture = draw(SUBJECTS[number % len(SUBJECTS)], number)
        picture.save(folder / f"{number}.png", "PNG", compress_level=level)


def noises(folder: Path, count: int) -> None:
    """Write pictures of noise, quickly."""
    folder.mkdir()
    for number in range(count):
        noise = np.random.default_rng([number, count]).integers(0, 255, (9, 9, 3), np.uint8)
        Image.fromarray(noise, "RGB").save(folder / f"{number}.png")


def vectors(house: House, folder: Path) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the unit vectors of a folder's pictures, in the order of their names."""
    catalog = sqlite3.connect(f"{house.catalog.as_uri()}?mode=ro", uri=True)
    with contextlib.closing(catalog):
        stored = dict(
            catalog.execute("SELECT hash, data FROM vector JOIN image ON image.id = vector.image")
        )
    rows = [
        np.frombuffer(stored[content_hash(one)], np.float16) for one in sorted(folder.iterdir())
    ]
    return np.stack(rows).astype(np.float64)


def test_machines_come_and_go_and_every_picture_is_found(ground: Machines, tmp_path: Path) -> None:
    scheduler = ground.scheduler()
    stranger = ground.stranger()
    one, two = ground.worker(), ground.worker()
    for worker in (one, two):
        worker.process.send_signal(signal.SIGSTOP)  # not yet
    house = House(tmp_path / "house", settings=ground.settings)
    drawn(house.pictures / "here", 8)
    with running(house):
        house.sync()
        # Workers with another model are no help: all was made here.
        status = house.status().raw
        assert (
            "no worker there holds demo (1 worker with another model)"
            in (status["cluster"]["detail"])
        )
        assert "1 worker with another model" in house.run("imgqctl", "status").stdout
        assert (status["cluster"]["pictures"], status["counters"]["embedded"]) == (0, 8)
        assert status["model"]["vectors"] == 8

        # With the model they do all of it, though one of them dies of a power cut.
        stranger.kill()
        for worker in (one, two):
            worker.process.send_signal(signal.SIGCONT)
            worker.until_said("at work for")
            worker.process.send_signal(signal.SIGSTOP)  # so that batches lie on both
        house.signal(signal.SIGHUP)
        drawn(house.base / "there", 8, level=1)
        noises(house.base / "many", 160)
        with house.client() as client:
            client.add_root(house.base / "there")
            client.add_root(house.base / "many")
        house.wait(lambda status: status.raw["cluster"]["batches"] == 4)
        one.kill()
        two.process.send_signal(signal.SIGCONT)
        house.sync()
        status = house.status().raw
        assert status["cluster"]["workers"] == 1
        assert status["cluster"]["pictures"] == 168
        assert status["counters"]["embedded"] == 176  # nothing twice
        assert status["model"]["vectors"] == 176
        here, there = (vectors(house, house.base / part) for part in ("pictures/here", "there"))
        assert (here * there).sum(axis=1).min() >= 0.999

        # Without a scheduler the rest is made here.
        scheduler.kill()
        noises(house.base / "more", 128)
        with house.client() as client:
            client.add_root(house.base / "more")
        house.sync()
        status = house.status().raw
        assert not status["cluster"]["connected"]
        assert status["cluster"]["detail"]
        assert status["counters"]["embedded"] == 304
        assert status["cluster"]["pictures"] == 168
        assert len(house.found()) == 304
        assert "envoy" not in status["memory"]


def test_the_doctor_knows_a_key_that_others_can_read(ground: Machines) -> None:
    wanted = ClusterSettings("tls://x:1", *(str(ground.base / one) for one in OURS))
    assert premises.cluster(wanted) is None
    key = ground.base / "laptop.key"
    key.chmod(0o640)
    try:
        found = premises.cluster(wanted)
        assert found == bad(f"{key} is open to others", f"chmod 600 {key}")
    finally:
        key.chmod(0o600)
    for wrong in (("nowhere", *OURS[1:]), (OURS[1], *OURS[:2]), (*OURS[:2], "worker.key")):
        files = (str(ground.base / one) for one in wrong)
        found = premises.cluster(replace(wanted, **dict(zip(FIELDS, files, strict=True))))
        assert found is not None
        assert found.state == "bad"


def test_a_machine_that_another_authority_knows_is_refused(
    ground: Machines, tmp_path: Path
) -> None:
    with machines(tmp_path / "strangers") as strangers:
        ours, theirs = files(ground, "laptop"), files(strangers, "laptop")

        async def scene() -> None:
            async with listening(ground, "scheduler") as port:
                await credentials.probe(f"tls://localhost:{port}", ours)
                with pytest.raises(Unreachable, match="refuses our certificate"):
                    await credentials.probe(
                        f"tls://localhost:{port}", Credentials(ours.ca, theirs.cert, theirs.key)
                    )
            async with listening(strangers, "scheduler") as port:
                with pytest.raises(Unreachable, match="certificate of localhost is not to be tr"):
                    await credentials.probe(f"tls://localhost:{port}", ours)

        asyncio.run(scene())


def test_a_certificate_of_another_machine_is_no_schedulers(ground: Machines) -> None:
    from imgqd.dasklink import client

    async def scene() -> None:
        async with listening(ground, "laptop") as port:
            with pytest.raises(Unreachable, match="not to be trusted: Hostname mismatch"):
                await credentials.probe(f"tls://localhost:{port}", files(ground, "laptop"))
            # Dask by itself would take any certificate of the authority.
            with pytest.raises(OSError, match="TLS certificate does not match"):
                async with asyncio.timeout(20):
                    await client(f"tls://localhost:{port}", files(ground, "laptop"), 10)

    asyncio.run(scene())


def files(ground: Machines, name: str) -> Credentials:
    return Credentials(
        *(str(ground.base / one) for one in ("ca.pem", f"{name}.pem", f"{name}.key"))
    )


@contextlib.asynccontextmanager
async def listening(ground: Machines, name: str) -> AsyncIterator[int]:
    """Greet whoever shows a certificate of the same authority, as a scheduler does."""
    own = files(ground, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.cert, own.key)
    context.load_verify_locations(own.ca)
    context.verify_mode = ssl.CERT_REQUIRED

    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")

    server = await asyncio.start_server(greet, "localhost", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
