"""rclip as a rival: its package in an environment of its own, its model's files made here.

rclip would download its ONNX files. They are looked for in its data folder first
(`rclip/model_download.py`: a folder named after the model with `visual.onnx` and
`textual.onnx`, and `tokenizer/`), so they are exported into it from the very model
that imgq loads. Nothing of this is a dependency of imgq.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSION: Final = "3.3.0"

ARCHITECTURE: Final = "ViT-B-32-256"
"""The only one that rclip has, with weights of its own choice."""

_FOLDER: Final = "ViT-B-32-256-datacomp_s34b_b86k"

_EXPORTER: Final = ("onnx", "ml_dtypes", "protobuf")
"""What torch needs to write such a file; read with PYTHONPATH, installed nowhere."""

# The clock starts when the model is loaded, as it does for imgq and the plain loop.
_INDEX: Final = """
import sys, time
from rclip.main import RClip, db, helpers, model
helpers.configure_max_image_pixels("auto", 1)
own = model.Model()
own._session_visual_index
rclip = RClip(own, db.DB(helpers.get_app_datadir() / "db.sqlite3"), 8, None)
began, spent = time.monotonic(), time.process_time()
rclip.ensure_index(sys.argv[1])
print(time.monotonic() - began, time.process_time() - spent)
rclip.close()
"""


@dataclass(frozen=True, slots=True)
class Rclip:
    """An installed rclip; `python` is its interpreter, `model` a folder with its ONNX files."""

    python: Path
    model: Path

    def index(self, folder: Path, data: Path) -> tuple[float, float]:
        """Index a folder into a new data folder; return the seconds, and those of CPU time."""
        self._data(data)
        command = [str(self.python), "-c", _INDEX, str(folder)]
        done = subprocess.run(
            command, env=self.environment(data), check=True, capture_output=True, text=True
        )
        took, spent = done.stdout.split()[-2:]
        return float(took), float(spent)

    def command(self, query: str) -> list[str]:
        """Return the command that asks without looking for changes."""
        return [str(self.python.parent / "rclip"), "-n", query]

    def environment(self, data: Path) -> dict[str, str]:
        """Return the environment that sends rclip to a data folder, and to no network."""
        own = {**os.environ, "RCLIP_DATADIR": str(data), "HF_HUB_OFFLINE": "1"}
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        own["PYTHONPYCACHEPREFIX"] = str(data.parent / "compiled-rclip")
        return own

    def _data(self, data: Path) -> None:
        data.mkdir()
        for part in self.model.iterdir():
            (data / part.name).symlink_to(part, target_is_directory=True)


def installed(place: Path) -> Path:
    """Return the interpreter of a virtual environment with rclip, made if it is not there."""
    python = place / "bin" / "python"
    if not (place / "bin" / "rclip").exists():
        print(f"installing rclip {VERSION} into {place}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        _pip(python, f"rclip=={VERSION}")
    return python


def exported(source: Path, base: Path) -> Path:
    """Return a folder with the ONNX files of open_clip's model in `source`, float32."""
    tools = base / "exporter"
    _pip(Path(sys.executable), "--no-deps", "--target", str(tools), *_EXPORTER)
    folder = base / "rclip-model"
    (folder / _FOLDER).mkdir(parents=True)
    # Another process: what only the export imports must not weigh on the other sides.
    own = {**os.environ, "PYTHONPATH": str(tools)}
    own["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, __file__, str(source), str(folder / _FOLDER)]
    subprocess.run(command, env=own, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tools)
    _vocabulary(folder / "tokenizer" / "bpe_simple_vocab_16e6.txt.gz")
    return folder


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _vocabulary(place: Path) -> None:
    import open_clip

    # open_clip's own: the file is OpenAI's in both.
    place.parent.mkdir()
    own = Path(open_clip.__file__).parent / place.name
    with gzip.open(own) as file:
        assert file.read(100)
    shutil.copy(own, place)


def _export(source: str, folder: Path) -> None:
    """Write both towers as ONNX files; runs in a process of its own."""
    import open_clip
    import torch

    clip, _, _ = open_clip.create_model_and_transforms(f"local-dir:{source}")
    clip.eval()

    class Tower(torch.nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.clip, self.name = clip, name

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = getattr(self.clip, self.name)(given)
            return made

    samples = {
        "visual": ("encode_image", torch.zeros(2, 3, 256, 256)),
        "textual": ("encode_text", torch.zeros(2, 77, dtype=torch.int64)),
    }
    for name, (method, sample) in samples.items():
        torch.onnx.export(
            Tower(method),
            (sample,),
            folder / f"{name}.onnx",
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "count"}, "output": {0: "count"}},
            dynamo=False,
        )


def asked(command: list[str], environment: dict[str, str], folder: Path) -> float:
    """Return the seconds of a whole command, run in a folder."""
    began = time.monotonic()
    subprocess.run(
        command,
        env=environment,
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.monotonic() - began


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    _export(sys.argv[1], Path(sys.argv[2]))
