"""What the exporter makes of a text tower: open_clip's own vectors, or a reason why not."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray

from imgqd import attention, encoder, exports, presets, weights
from imgqd.everyday import PHRASES
from imgqd.light import Light
from imgqd.serving import Fault
from model.test_tokens import ODD
from system.full_size import saved_in

pytestmark = pytest.mark.model

SMALL: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 16, "head_width": 32},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}


PREPROCESS: dict[str, Any] = {
    "mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bicubic", "resize_mode": "squash",
}  # fmt: skip


def small(folder: Path, *, custom: bool = False, **text: Any) -> str:
    """Save a small model whose text tower has some settings of its own, and return its name."""
    folder.mkdir()
    config = {**SMALL, "text_cfg": {**SMALL["text_cfg"], **text}}
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = kind(**config)
    safetensors.torch.save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    described = {"model_cfg": {**config, "custom_text": custom}, "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    return f"local-dir:{folder}"


@pytest.mark.parametrize("length", [2, 9, 16])
def test_a_layer_in_fewer_steps_says_what_it_said(length: int) -> None:
    whole = torch.nn.MultiheadAttention(64, 4, batch_first=True)
    torch.nn.init.normal_(whole.in_proj_bias)  # torch begins with zeros
    x, mask = torch.randn(1, length, 64), torch.full((length, length), -torch.inf).triu(1)
    with torch.no_grad():
        known, _ = whole(x, x, x, need_weights=False, attn_mask=mask)
        ours, _ = attention.Attention(whole)(x, x, x, need_weights=False, attn_mask=mask)
    assert torch.allclose(ours, known, atol=1e-5)


class Exporter:
    """The exporter in a process of its own, one for all tests: its imports take seconds."""

    def __init__(self) -> None:
        script = (
            "import json, os, sys\nfrom imgqd import exporter\n"
            "for line in sys.stdin:\n"
            "    name, os.environ['XDG_CACHE_HOME'] = json.loads(line)\n"
            "    print(exporter.export({'name': name})['final'], flush=True)\n"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, name: str, home: Path) -> str:
        """Return why there can be no light encoder of a model, "" once there is one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([name, str(home)]), file=self._process.stdin, flush=True)
        said = self._process.stdout.readline()
        assert said.endswith("\n"), "the exporter died"
        return said.removesuffix("\n")

    def end(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0


@pytest.fixture(scope="module")
def export() -> Iterator[Exporter]:
    one = Exporter()
    yield one
    one.end()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def light_of(
    name: str, home: Path, export: Exporter
) -> tuple[Light, exports.Manifest, weights.Weights]:
    """Return a model's light encoder, made if need be."""
    assert export(name, home) == ""
    found = weights.find(name)
    folder, manifest = exports.find(found.key)
    return Light(folder, manifest, found.path), manifest, found


def vectors_of_open_clip(name: str, texts: tuple[str, ...]) -> NDArray[np.float32]:
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        model: Any = open_clip.create_model(name).eval()
        vectors = model.encode_text(open_clip.get_tokenizer(name)(list(texts)))
        unit: NDArray[np.float32] = torch.nn.functional.normalize(vectors, dim=-1).numpy()
    return unit


def cosines(light: Light, texts: tuple[str, ...], known: NDArray[np.float32]) -> NDArray[Any]:
    ours = np.stack([light.vector(text) for text in texts])
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    products: NDArray[Any] = (ours * known).sum(axis=1)
    return products


def test_the_demo_models_own_export_gives_open_clips_vectors(home: Path, export: Exporter) -> None:
    light, manifest, found = light_of(presets.DEMO, home, export)
    assert not exports.place(found.key).exists()  # it came with the package
    texts = (*ODD, *PHRASES)
    known = vectors_of_open_clip(f"local-dir:{found.path.parent}", texts)
    assert cosines(light, texts, known).min() > 0.9999
    # Other texts' vectors would not have passed.
    assert cosines(light, texts[1:], known[:-1]).min() < 0.9
    assert manifest.precision == "float32"


def test_a_larger_towers_export_is_within_its_loss_and_says_it(
    home: Path, tmp_path: Path, export: Exporter
) -> None:
    name = small(tmp_path / "model", width=256, heads=4, layers=6)
    light, manifest, _ = light_of(name, home, export)
    known = vectors_of_open_clip(name, (*ODD, *PHRASES))
    assert manifest.precision == "int8"
    found = cosines(light, (*ODD, *PHRASES), known)
    assert 0.999 < found.min() < 0.99999
    assert manifest.least == pytest.approx(found.min(), abs=5e-4)


@pytest.mark.faults
def test_a_full_size_models_export_is_within_its_loss_and_says_it(
    home: Path, tmp_path_factory: pytest.TempPathFactory, export: Exporter
) -> None:
    name = f"local-dir:{saved_in(tmp_path_factory.getbasetemp())}"
    light, manifest, _ = light_of(name, home, export)
    known = vectors_of_open_clip(name, (*ODD, *PHRASES))
    assert manifest.precision == "int8"
    found = cosines(light, (*ODD, *PHRASES), known)
    assert found.min() > 0.999
    assert manifest.least == pytest.approx(found.min(), abs=5e-4)


@pytest.mark.parametrize("custom", [False, True], ids=["CLIP", "CustomTextCLIP"])
def test_a_small_tower_is_exported_as_it_is(
    home: Path, tmp_path: Path, export: Exporter, *, custom: bool
) -> None:
    name = small(tmp_path / "model", custom=custom)
    light, manifest, found = light_of(name, home, export)
    assert (manifest.precision, manifest.context, manifest.clean) == ("float32", 16, "lower")
    known = vectors_of_open_clip(name, (*ODD, *PHRASES))
    assert cosines(light, (*ODD, *PHRASES), known).min() > 0.9999
    # Its table of tokens is read where it lies, and not stored once more.
    assert not (exports.place(found.key) / exports.ROWS).exists()


def test_a_damaged_export_is_no_encoder_and_is_made_again_as_it_was(
    home: Path, tmp_path: Path, export: Exporter
) -> None:
    name = small(tmp_path / "model")
    _, _, found = light_of(name, home, export)
    file = exports.place(found.key) / "text.weights"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(Fault) as refused:
        encoder.Encoder().load({"role": "text", "name": name})
    assert refused.value.code == "unexported"  # as where there was none: torch answers meanwhile
    assert export(name, home) == ""
    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"no_causal_mask": True, "pool_type": "last"}, "looks at all places of a text"),
        ({"pool_type": "first"}, "looks at all places of a text"),
        ({"tokenizer_kwargs": {"reduction_mask": "simple"}}, "a tokenizer of its own"),
    ],
    ids=["SigLIP", "first", "tokenizer"],
)
def test_a_tower_that_cannot_be_light_is_known_for_it(
    home: Path, tmp_path: Path, export: Exporter, settings: dict[str, Any], why: str
) -> None:
    name = small(tmp_path / "model", custom=True, **settings)
    assert why in export(name, home)
    with pytest.raises(exports.Unexported) as told:
        exports.find(weights.find(name).key)
    assert why in told.value.final
    assert [path.name for path in exports.place(weights.find(name).key).iterdir()] == [
        "manifest.json"
    ]
