"""Downloads that fail: each leaves a clear state, and says what to do."""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.machine import MODEL, REPO, SAFE, SIZE, WEIGHTS, Machine, connected, safetensors
from imgqd import child

pytestmark = pytest.mark.system


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with connected(tmp_path) as machine:
        yield machine


def test_before_the_download_there_is_nothing_to_locate(machine: Machine) -> None:
    code, text = machine.refused("locate")
    assert code == "not_found"
    assert text.endswith(f"imgqctl model pull {MODEL}")
    assert machine.hub.asked == []


@pytest.mark.parametrize(
    ("refusal", "code", "hint"),
    [
        ((401, ""), "unavailable", "hf auth login"),
        ((401, "RepoNotFound"), "not_found", "check the name"),
        ((403, "GatedRepo"), "unavailable", "terms of use"),
        ((403, ""), "unavailable", "hf auth login"),
        ((404, ""), "not_found", "check the name"),
        ((429, ""), "unavailable", "in a few minutes"),
        ((500, ""), "unavailable", "pull again later"),
    ],
)
def test_a_refusal_says_what_to_do(
    machine: Machine, refusal: tuple[int, str], code: str, hint: str
) -> None:
    machine.hub.refuse = refusal
    answer = machine.refused("pull")
    assert answer[0] == code
    assert hint in answer[1]
    assert str(refusal[0]) in answer[1] or "terms" in hint
    assert machine.blobs() == []


def test_a_line_that_brings_nothing_any_more_ends_the_download(machine: Machine) -> None:
    machine.hub.cuts = deque([SIZE // 3, 0])
    code, text = machine.refused("pull")
    assert code == "unavailable"
    assert f"broke after {SIZE // 3} of {SIZE} bytes" in text


def test_wrong_content_is_deleted_and_said(machine: Machine) -> None:
    machine.hub.instead = safetensors(3 << 20, seed=1)
    code, text = machine.refused("pull")
    assert code == "unavailable"
    assert "wrong checksum and was deleted" in text
    assert machine.blobs() == []
    assert machine.refused("locate")[0] == "not_found"


@pytest.mark.timeout(30)
def test_content_that_never_ends_is_not_waited_for(machine: Machine) -> None:
    machine.hub.instead, machine.hub.hold = safetensors(9 << 20), threading.Event()
    machine.environment["HF_HUB_DOWNLOAD_TIMEOUT"] = "3600"
    assert "wrong checksum" in machine.refused("pull")[1]
    assert machine.blobs() == []


def test_a_damaged_file_is_not_located_but_mended(machine: Machine) -> None:
    machine.call("pull")
    [blob] = machine.blobs()
    blob.write_bytes(WEIGHTS[:-1] + b"!")
    assert "damaged" in machine.refused("locate")[1]
    machine.call("pull")
    assert blob.read_bytes() == WEIGHTS
    machine.call("locate")


def test_without_a_network_the_download_says_so(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    machine.environment["HF_ENDPOINT"] = f"http://127.0.0.1:{port}"
    code, text = machine.refused("pull")
    assert code == "unavailable"
    assert f"cannot reach http://127.0.0.1:{port}" in text


def test_a_person_who_forbids_downloads_is_told_how_to_allow_them(machine: Machine) -> None:
    machine.environment["HF_HUB_OFFLINE"] = "1"
    code, text = machine.refused("pull")
    assert (code, "HF_HUB_OFFLINE" in text) == ("unavailable", True)
    assert machine.hub.asked == []


def test_what_does_not_fit_is_not_begun(machine: Machine) -> None:
    machine.hub.claims = 1 << 60
    code, text = machine.refused("pull")
    assert (code, "HF_HOME" in text) == ("unavailable", True)
    assert machine.hub.contents() == []


def test_a_cache_that_cannot_be_written_is_named(machine: Machine) -> None:
    (machine.home / "hf").write_bytes(b"a file where a folder should be")
    code, text = machine.refused("pull")
    assert code == "internal"
    assert str(machine.home / "hf" / "hub") in text


def test_a_server_that_is_no_hub_is_not_believed(machine: Machine) -> None:
    machine.hub.refuse = (200, "")
    code, text = machine.refused("pull")
    assert (code, "HF_ENDPOINT" in text) == ("unavailable", True)


def test_a_server_that_vouches_for_nothing_is_not_believed(machine: Machine) -> None:
    machine.hub.etag = "5f3-61d"
    code, text = machine.refused("pull")
    assert (code, "HF_ENDPOINT" in text) == ("unavailable", True)
    assert machine.hub.contents() == []


def test_a_hub_that_fails_is_no_reason_to_take_a_pickle(machine: Machine) -> None:
    machine.hub.files[f"{REPO}/open_clip_pytorch_model.bin"] = WEIGHTS
    machine.hub.cdn_status = 500
    assert machine.refused("pull")[0] == "unavailable"
    assert not any("pytorch" in asked.path for asked in machine.hub.asked)


def test_a_model_without_its_tokenizer_is_not_complete(machine: Machine) -> None:
    machine.hub.files = {f"timm/ViT-B-32-SigLIP2-256/{SAFE}": WEIGHTS}
    code, text = machine.refused("pull", "balanced")
    assert (code, "tokenizer.json" in text) == ("not_found", True)
    assert machine.refused("locate", "balanced")[0] == "not_found"


@pytest.mark.parametrize(
    ("name", "code", "hint"),
    [
        ("ViT-B-32/nobody", "not_found", "ViT-B-32 comes as openai"),
        ("nonsense", "not_found", "names look like"),
        ("hf-hub:a//b", "not_found", "hf-hub:ORG/NAME"),
        ("demo", "usage", "nothing to pull"),
        ("local-dir:/tmp", "usage", "nothing to pull"),
        ("", "usage", "name"),
        (7, "usage", "name"),
    ],
)
def test_a_name_that_means_no_download_is_refused(
    machine: Machine, name: object, code: str, hint: str
) -> None:
    answer = machine.refused("pull", name)
    assert answer[0] == code
    assert hint in answer[1]
    assert machine.hub.asked == []


@pytest.mark.parametrize(
    ("path", "name", "code", "hint"),
    [
        ("nowhere", None, "not_found", "does not exist"),
        ("here", None, "not_found", "has no open_clip_config.json"),
        ("here", "ViT-B-32/nothing", "not_found", "ViT-B-32 comes as openai"),
        ("here", "fats", "not_found", "did you mean fast?"),
        ("here", "demo", "usage", "--as"),
        ("here", "hf-hub:a/b/c", "not_found", "hf-hub:ORG/NAME"),
        ("here", MODEL, "not_found", "has no open_clip_model.safetensors"),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line(
    machine: Machine, tmp_path: Path, path: str, name: str | None, code: str, hint: str
) -> None:
    (tmp_path / "here").mkdir(exist_ok=True)

    async def scene() -> None:
        process = await machine.start()
        try:
            await process.call("import", {"path": str(tmp_path / path), "name": name})
        finally:
            await process.stop()

    with pytest.raises(child.Refused) as caught:
        asyncio.run(scene())
    assert (caught.value.code, hint in caught.value.text) == (code, True), caught.value.text
    assert "\n" not in caught.value.text
    assert machine.blobs() == []
