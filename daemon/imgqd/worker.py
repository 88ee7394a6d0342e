"""`imgqd-worker`: lends this machine's model to the daemons of a cluster.

The model lives in a process of its own, the same embedder that the daemon has. This one is a
Dask worker as long as that works: where the device fails, or the model dies of a batch, the
batch goes back to the daemon, and the worker is away until the model is loaded once more.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from imgqd import allowed, child, chore, embed
from imgqd.config import ModelSettings
from imgqd.credentials import Credentials, Unreachable, probe

log = logging.getLogger("imgqd-worker")

_FIRST: Final = 2.0
_LONGEST: Final = 300.0
"""Seconds before a model or a scheduler is tried again: twice as many each time, up to these."""

_LAST_WORDS: Final = 1.0
"""Seconds for what went wrong to reach the daemon, before the worker leaves."""

_PATIENCE: Final = 30.0
"""Seconds for a scheduler to take a worker in."""

_LOST: Final = ("missing", "failed")
"""Refusals of a model that no waiting mends."""


class Hopeless(Exception):
    """There is nothing to lend here; the text says why, and what mends it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to lend the model: the scheduler, our certificate, and what to listen at."""

    scheduler: str
    credentials: Credentials
    listen: dict[str, Any]


class Eyes:
    """A model in a process of its own; `trouble` says why, once it sees nothing more."""

    def __init__(self, running: child.Child, loaded: dict[str, Any]) -> None:
        self._running = running
        self.held = chore.Held(loaded["key"], loaded["size"], self.see)
        self.device = f"{loaded['device']}, {loaded['precision']}"
        self.trouble: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def see(self, pixels: bytes) -> bytes:
        """Return the vectors of a batch; raises Unable, and has trouble from then on."""
        try:
            made = await self._running.call("images", {"pixels": pixels})
        except child.Refused as error:
            raise self._unable(error.code, error.text) from error
        except child.Died as error:
            raise self._unable("died", str(error)) from error
        vectors: bytes = made["vectors"]
        return vectors

    async def close(self) -> None:
        """End the process."""
        await self._running.stop(at_once=True)

    def _unable(self, code: str, text: str) -> chore.Unable:
        if not self.trouble.done():
            self.trouble.set_result(text)
        return chore.Unable(code, text)


async def opened(settings: ModelSettings) -> Eyes:
    """Load a model; raises child.Refused or child.Died."""
    running = await child.start(
        "embedder", "imgqd.embedder", ["image"], environment=embed.ENVIRONMENT
    )
    try:
        loaded = await running.call("load", embed.request(settings, "image"))
    except BaseException:
        await running.stop(at_once=True)
        raise
    return Eyes(running, loaded)


async def lend(settings: ModelSettings, to: Place) -> None:
    """Lend a model until cancelled; raises Hopeless where it cannot be loaded at all."""
    pause = _FIRST
    while True:
        try:
            eyes = await opened(settings)
        except child.Refused as error:
            if error.code in _LOST:
                raise Hopeless(error.text) from error
            pause = await _rest(pause, f"{settings.name}: {error.text}")
            continue
        except child.Died as error:
            pause = await _rest(pause, f"{settings.name}: {error}")
            continue
        log.info("%s (%s) is loaded: %s", settings.name, eyes.held.key, eyes.device)
        chore.hold(eyes.held)
        try:
            await _while_it_sees(eyes, to)
        finally:
            chore.hold(None)
            await eyes.close()
        pause = await _rest(pause, f"{settings.name}: {eyes.trouble.result()}")


async def _while_it_sees(eyes: Eyes, to: Place) -> None:
    """Be a worker until the model has trouble; the scheduler may come and go."""
    pause = _FIRST
    while not eyes.trouble.done():
        try:
            await probe(to.scheduler, to.credentials)
            pause = await _work(eyes, to) or pause
        except Unreachable as error:
            why = str(error)
        except (OSError, TimeoutError, ValueError) as error:
            why = f"the scheduler does not take this worker: {error}"
        else:
            why = "the scheduler has gone"
        if not eyes.trouble.done():
            pause = await _rest(pause, why)


async def _work(eyes: Eyes, to: Place) -> float:
    """Be a worker until the scheduler goes, or the model has trouble; return the next pause."""
    # The daemon's envoy has it from there, too; here argparse has told whether it is installed.
    from imgqd import dasklink  # noqa: PLC0415

    name = f"{socket.gethostname()}-{os.getpid()}"
    made = dasklink.worker(
        to.scheduler,
        to.credentials,
        name,
        chore.tag(eyes.held.key),
        _PATIENCE,
        to.listen,
    )
    await made
    log.info("at work for %s", to.scheduler)
    gone = asyncio.ensure_future(made.finished())
    try:
        await asyncio.wait({gone, eyes.trouble}, return_when=asyncio.FIRST_COMPLETED)
        if eyes.trouble.done():
            await asyncio.sleep(_LAST_WORDS)
    finally:
        gone.cancel()
        # What is in hand goes to other workers, or back.
        await made.close(timeout=5, reason="imgqd-worker")
    return _FIRST


async def _rest(pause: float, why: str) -> float:
    log.warning("%s; again in %.0f s", why, pause)
    await asyncio.sleep(pause)
    return min(2 * pause, _LONGEST)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="imgqd-worker",
        description="Lend this machine's model to the daemons of a Dask cluster (docs/cluster.md).",
    )
    parser.add_argument("scheduler", help="tls://host:8786")
    parser.add_argument("--model", default="fast", help="the same as in the daemons' settings")
    parser.add_argument("--ca", required=True, help="the authority's certificate, in PEM")
    parser.add_argument("--cert", required=True, help="this machine's certificate")
    parser.add_argument("--key", required=True, help="and its key, readable by you alone")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--precision", default="auto", help="auto, float32, bfloat16 or float16")
    parser.add_argument("--host", help="the address that the scheduler reaches this worker at")
    parser.add_argument("--port", type=int, help="the port, where a firewall has to know it")
    return parser.parse_args(arguments)


def _read(given: argparse.Namespace) -> tuple[ModelSettings, Place]:
    """Return what the arguments mean; raises ValueError, Unreachable."""
    if not allowed.is_scheduler(given.scheduler):
        raise ValueError(f"{given.scheduler} is not an address like tls://host:8786")
    settings = {}
    for name in ("model", "device", "precision"):
        try:
            settings[name] = getattr(allowed, name)(getattr(given, name))
        except ValueError as error:
            raise ValueError(f"--{name} {getattr(given, name)} is not {error}") from error
    files = (os.path.abspath(os.path.expanduser(one)) for one in (given.ca, given.cert, given.key))
    credentials = Credentials(*files)
    credentials.context()
    listen = {name: getattr(given, name) for name in ("host", "port") if getattr(given, name)}
    model = ModelSettings(settings["model"], settings["device"], settings["precision"])
    return model, Place(given.scheduler, credentials, listen)


async def _until_told(settings: ModelSettings, to: Place) -> None:
    lending = asyncio.create_task(lend(settings, to), name="lend")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lending.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await lending


def main(arguments: Sequence[str] | None = None) -> int:
    """Lend a model until SIGTERM or SIGINT; return the exit status."""
    given = _arguments(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.WARNING)
    log.setLevel(logging.INFO)
    if find_spec("distributed") is None:
        return _said("Dask is not installed: pip install 'imgq[daemon,cluster]'")
    try:
        settings, to = _read(given)
        asyncio.run(_until_told(settings, to))
    except (ValueError, Unreachable, Hopeless) as error:
        return _said(str(error))
    return 0


def _said(why: str) -> int:
    sys.stderr.write(f"imgqd-worker: {why}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
