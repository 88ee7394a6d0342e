"""The download of models, by the real child process, from a hub on this machine."""

import asyncio
import json
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.machine import MODEL, REPO, SAFE, SIZE, WEIGHTS, Machine, connected, safetensors
from imgqd import child, fetch

pytestmark = pytest.mark.system


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with connected(tmp_path) as machine:
        yield machine


def test_what_was_pulled_is_located(machine: Machine) -> None:
    pulled = machine.call("pull")
    located = machine.call("locate")
    assert pulled == {"files": list(located["files"].values()), "bytes": SIZE}
    assert Path(located["files"]["weights"]).name == SAFE
    assert Path(located["files"]["weights"]).read_bytes() == WEIGHTS


def test_a_preset_is_pulled_by_its_own_name_too(machine: Machine) -> None:
    machine.call("pull", "fast")
    assert machine.call("locate", "fast") == machine.call("locate", MODEL)


def test_progress_is_told_from_the_first_to_the_last_byte(machine: Machine) -> None:
    machine.call("pull")
    done = [event["done"] for event in machine.events]
    assert done[0] == 0
    assert done[-1] == SIZE
    assert done == sorted(done)
    assert {(event["file"], event["total"]) for event in machine.events} == {(SAFE, SIZE)}


def test_progress_is_told_at_a_bearable_pace() -> None:
    told: list[int] = []
    times = iter(range(101))
    progress = fetch.Progress(
        lambda _, params: told.append(params["done"]), pace=20, clock=lambda: next(times)
    )
    for done in range(101):
        progress("a file", done, 100)
    assert told == [0, 20, 40, 60, 80, 100]


def test_nothing_is_downloaded_twice(machine: Machine) -> None:
    machine.call("pull")
    before = list(machine.hub.asked)
    assert machine.call("pull")["bytes"] == 0
    assert machine.hub.asked == before


def test_the_token_goes_to_the_hub_and_to_nobody_else(machine: Machine) -> None:
    machine.call("pull")
    tokens = {asked.token for asked in machine.hub.asked if asked.sent == 0}
    assert tokens == {"Bearer hf_secret"}
    assert [asked.token for asked in machine.hub.asked if asked.sent] == [None]


def test_content_is_asked_for_as_it_lies_there(machine: Machine) -> None:
    machine.call("pull")
    # A range of something compressed would be a range of something else.
    assert {asked.encoding for asked in machine.hub.contents()} == {"identity"}


def test_a_broken_connection_is_taken_up_where_it_broke(machine: Machine) -> None:
    machine.hub.cuts = deque([SIZE // 3, SIZE // 3])
    assert machine.call("pull")["bytes"] == SIZE
    assert machine.ranges() == [None, f"bytes={SIZE // 3}-", f"bytes={2 * (SIZE // 3)}-"]
    assert machine.hub.received() == SIZE


def test_a_download_that_was_cut_off_goes_on_in_the_next_one(machine: Machine) -> None:
    machine.hub.cuts, machine.hub.cdn_status = deque([SIZE // 3]), 500
    assert machine.refused("pull")[0] == "unavailable"
    assert machine.refused("locate")[0] == "not_found"
    machine.hub.cdn_status = None
    assert machine.call("pull")["bytes"] == SIZE - SIZE // 3
    assert machine.events[-1]["done"] == SIZE
    assert machine.hub.received() == SIZE


def test_a_download_that_was_killed_goes_on_in_the_next_one(machine: Machine) -> None:
    machine.hub.hold = threading.Event()

    async def kill_in_the_middle() -> None:
        process = await machine.start()
        pull = asyncio.create_task(process.call("pull", {"name": MODEL}))
        assert await asyncio.to_thread(machine.hub.half.wait, 60)
        await asyncio.to_thread(_wait_for_content, machine)
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(child.Died):
            await pull
        await process.stop()

    asyncio.run(kill_in_the_middle())
    machine.hub.hold.set()
    [part] = machine.blobs()
    part_size = part.stat().st_size
    assert 0 < part_size < SIZE
    assert machine.refused("locate")[0] == "not_found"
    assert machine.call("pull")["bytes"] == SIZE - part_size
    assert machine.ranges()[-1] == f"bytes={part_size}-"


def test_without_the_core_the_download_ends_by_itself(machine: Machine) -> None:
    machine.hub.hold = threading.Event()

    async def hang_up_in_the_middle() -> int | None:
        process = await machine.start()
        pull = asyncio.create_task(process.call("pull", {"name": MODEL}))
        assert await asyncio.to_thread(machine.hub.half.wait, 60)
        process._writer.close()
        assert machine.hub.hold is not None
        machine.hub.hold.set()
        await process.stop()
        pull.cancel()
        return process._process.returncode

    assert asyncio.run(hang_up_in_the_middle()) == 0


def test_a_server_without_ranges_sends_everything_again(machine: Machine) -> None:
    machine.hub.cuts, machine.hub.ranges = deque([SIZE // 3]), False
    machine.call("pull")
    assert Path(machine.call("locate")["files"]["weights"]).read_bytes() == WEIGHTS


def test_pickles_are_taken_only_where_there_is_nothing_safer(machine: Machine) -> None:
    machine.hub.files = {f"{REPO}/open_clip_pytorch_model.bin": WEIGHTS}
    [file] = machine.call("pull")["files"]
    assert file.endswith("open_clip_pytorch_model.bin")
    assert machine.call("locate")["files"]["weights"] == file


def test_a_model_that_brings_its_configuration_comes_with_its_tokenizer(machine: Machine) -> None:
    config = {"model_cfg": {"text_cfg": {"hf_tokenizer_name": "org/words"}}}
    machine.hub.files = {
        "org/own/open_clip_config.json": json.dumps(config).encode(),
        f"org/own/{SAFE}": WEIGHTS,
        "org/words/tokenizer.json": safetensors(20_000),
        "org/words/tokenizer_config.json": b"{}",
    }
    machine.call("pull", "hf-hub:org/own")
    files = machine.call("locate", "hf-hub:org/own")["files"]
    assert set(files) == {"config", "tokenizer", "tokenizer_config", "weights"}
    assert Path(files["tokenizer"]).parent == Path(files["tokenizer_config"]).parent
    assert Path(files["config"]).read_bytes() == json.dumps(config).encode()


def _wait_for_content(machine: Machine) -> None:
    while not any(part.stat().st_size for part in machine.blobs()):
        os.sched_yield()
