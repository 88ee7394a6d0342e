"""The model itself: memory that does not suffice, devices that are not there, halves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from imgqd import accelerator, making, pace, weights
from imgqd.serving import Fault
from imgqd.towers import Towers

pytestmark = pytest.mark.model

SETTINGS = {"device": "cpu", "precision": "auto"}


def loaded(role: str, **changes: Any) -> tuple[Towers, dict[str, Any]]:
    towers = Towers()
    params = {**SETTINGS, "role": role, "batch": 8, **changes}
    return towers, towers.load("demo", weights.find("demo"), params)


def pixels(count: int, size: int) -> bytes:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, size, size, 3), np.uint8).tobytes()


def vectors_of(towers: Towers, batch: bytes) -> Any:
    return np.frombuffer(towers.images({"pixels": batch})["vectors"], np.float32)


def scarce(towers: Towers, most: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let memory hold so many pictures at a time, and return the sizes that were tried."""
    tried: list[int] = []
    encode = towers._encode_images

    def limited(batch: Any) -> Tensor:
        tried.append(len(batch))
        if len(batch) > most:
            raise torch.OutOfMemoryError("no more")
        return encode(batch)

    monkeypatch.setattr(towers, "_encode_images", limited)
    return tried


def test_out_of_memory_halves_the_batch_goes_on_and_remembers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    towers, model = loaded("image")
    batch = pixels(9, model["size"])
    whole = vectors_of(towers, batch)
    tried = scarce(towers, 3, monkeypatch)
    in_parts = vectors_of(towers, batch)
    np.testing.assert_allclose(in_parts, whole, atol=1e-5)
    assert tried == [8, 4, 2, 2, 2, 2, 1]
    tried.clear()
    assert towers.images({"pixels": batch})["batch"] == 2
    assert max(tried) == 2


def test_one_picture_that_memory_cannot_hold_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    towers, model = loaded("image", batch=2)
    scarce(towers, 0, monkeypatch)
    with pytest.raises(Fault, match="one picture alone"):
        towers.images({"pixels": pixels(2, model["size"])})


def test_vectors_are_of_unit_length_and_of_the_models_dimension() -> None:
    towers, model = loaded("text")
    vectors = np.frombuffer(towers.texts({"texts": ["a", "red car"]}), np.float32)
    assert vectors.shape == (2 * model["dim"],)
    np.testing.assert_allclose(np.linalg.norm(vectors.reshape(2, -1), axis=1), 1, atol=1e-5)


TEXTS = ["", "a dog", "DOG & cat, two of them; on a boat?", "naïve 犬 🐕", "word " * 90]


@pytest.mark.parametrize("texts", [TEXTS, *([one] for one in TEXTS)], ids=len)
def test_a_text_is_encoded_up_to_its_end_and_the_vector_is_the_models_own(
    texts: list[str],
) -> None:
    towers, _ = loaded("text")
    here = towers._need()
    with torch.inference_mode():
        whole = here.model.encode_text(here.tokenize(texts), normalize=True).numpy()
    lengths: list[int] = []
    here.model.transformer.register_forward_hook(
        lambda _, given, __: lengths.append(given[0].shape[1])
    )
    for _ in range(2):
        vectors = np.frombuffer(towers.texts({"texts": texts}), np.float32).reshape(len(texts), -1)
        np.testing.assert_allclose(vectors, whole, atol=1e-5)
    longest = max(int((row != 0).sum()) for row in here.tokenize(texts))
    assert lengths == [longest, longest]


def test_a_process_for_pictures_keeps_no_text_tower_and_refuses_texts() -> None:
    towers, _ = loaded("image")
    with pytest.raises(Fault, match="embeds pictures"):
        towers.texts({"texts": ["red"]})


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_a_fault_that_says_what_to_set() -> None:
    with pytest.raises(Fault, match="auto or cpu"):
        loaded("image", device="cuda")


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'transformers'"),
        RuntimeError("Please `pip install transformers` to use pre-trained HuggingFace models"),
    ],
)
def test_words_that_need_transformers_say_which_extra_brings_it(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def create(*_: Any) -> Any:
        raise error

    monkeypatch.setattr("imgqd.making.create", create)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(Fault, match=r"pip install 'imgq\[siglip\]'"):
        loaded("text")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give a machine that has measured nothing, and whose models are all large."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(making, "_SMALL", 0)
    monkeypatch.setattr(pace, "flags", lambda: "flags: avx512_bf16")


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("quicker", ["float32", "bfloat16"])
def test_the_quicker_precision_is_measured_once_and_then_known(
    quicker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[list[str]] = []

    def quickest(ways: dict[str, Callable[[], None]]) -> str:
        for way in ways.values():
            way()
        measured.append(list(ways))
        return quicker

    monkeypatch.setattr(pace, "quickest", quickest)
    for _ in range(2):
        towers, model = loaded("image")
        assert model["precision"] == quicker
        made = vectors_of(towers, pixels(2, model["size"])).reshape(2, -1)
        np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-3)
    assert measured == [["float32", "bfloat16"]]


@pytest.mark.usefixtures("machine")
def test_nothing_is_measured_where_a_person_chose_or_the_processor_cannot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "quickest", lambda _: pytest.fail("it was measured"))
    assert loaded("image", precision="bfloat16")[1]["precision"] == "bfloat16"
    monkeypatch.setattr(pace, "flags", lambda: "flags: avx2")
    assert loaded("image")[1]["precision"] == "float32"


def failing(towers: Towers, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the device fail in each pass, as one that is no CPU."""

    def fail(_: Any) -> Tensor:
        raise error

    monkeypatch.setattr(towers, "_encode_images", fail)
    towers._need().device = torch.device("meta")
    monkeypatch.setattr(towers._need().feed, "take", lambda staged: staged.pixels)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        torch.AcceleratorError("CUDA error: unknown error"),
    ],
    ids=["assert", "cudnn", "accelerator"],
)
def test_a_device_that_fails_is_told_from_a_picture_in_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    towers, model = loaded("image")
    failing(towers, error, monkeypatch)
    with pytest.raises(Fault) as caught:
        towers.images({"pixels": pixels(2, model["size"])})
    assert caught.value.code == "device"
    assert str(error).splitlines()[0] in caught.value.text
    assert "\n" not in caught.value.text


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
    ],
    ids=["cuda", "mps", "cublas"],
)
def test_memory_that_a_device_lacks_halves_the_batch_and_is_no_failure_of_it(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    towers, model = loaded("image")
    failing(towers, error, monkeypatch)
    with pytest.raises(Fault) as caught:
        towers.images({"pixels": pixels(2, model["size"])})
    assert caught.value.code == "memory"
    assert towers._need().batch == 1


def test_a_model_for_which_a_device_has_no_room_is_no_failure_of_it_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def create(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(accelerator, "find", torch.device)
    monkeypatch.setattr(making, "create", create)
    with pytest.raises(Fault) as caught:
        loaded("image", device="meta", precision="float32")
    assert caught.value.code == "memory"


def test_what_goes_wrong_on_a_cpu_is_no_devices_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    towers, model = loaded("image")
    failing(towers, RuntimeError("a mistake of ours"), monkeypatch)
    towers._need().device = torch.device("cpu")
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        towers.images({"pixels": pixels(1, model["size"])})
