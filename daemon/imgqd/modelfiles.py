"""Which files on Hugging Face's hub make up a model, by the name that open_clip gives it.

Rules of this file: it knows names only. Whoever obtains the files, from the cache
or from the network, passes itself in as `obtain`; so both agree on what belongs
to a model.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from imgqd import presets

CONFIG: Final = "open_clip_config.json"
SAFE: Final = "open_clip_model.safetensors"
_PICKLED: Final = "open_clip_pytorch_model.bin"


class UnknownModel(Exception):
    """No model goes by this name; the text says what can be done."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a model: `names` are its possible names in `repo`, the best first."""

    role: str
    repo: str
    names: tuple[str, ...]
    optional: bool = False


Obtain = Callable[[HubFile], Path | None]
"""Gets a file and says where it lies; None for an optional file that there is not."""


def collect(name: str, obtain: Obtain) -> dict[str, Path]:
    """Obtain every file of a model and return them by their role; the weights come last.

    So a model whose weights are there is complete. Raises UnknownModel.
    """
    if name.startswith(presets.HUB):
        repo, weights = name.removeprefix(presets.HUB), _PICKLED
        wanted = [HubFile("config", repo, (CONFIG,))]
        text = _text_settings(obtain(wanted[0]))
    else:
        repo, weights, text = listed(name)
        wanted = []
    if tokenizer := text.get("hf_tokenizer_name"):
        wanted += _tokenizer(tokenizer)
    wanted.append(HubFile("weights", repo, _weights(weights)))
    found = ((file.role, obtain(file)) for file in wanted)
    return {role: path for role, path in found if path is not None}


def _tokenizer(repo: str) -> list[HubFile]:
    return [
        HubFile("tokenizer_config", repo, ("tokenizer_config.json",), optional=True),
        HubFile("special_tokens", repo, ("special_tokens_map.json",), optional=True),
        HubFile("tokenizer", repo, ("tokenizer.json",)),
    ]


def _weights(named: str) -> tuple[str, ...]:
    """Return the names to try, safetensors first: the others are pickles."""
    if named == _PICKLED:
        return (SAFE, named)
    stem, dot, suffix = named.rpartition(".")
    return (f"{stem}.safetensors", named) if dot and suffix in {"bin", "pth"} else (named,)


def _text_settings(config: Path | None) -> dict[str, Any]:
    assert config is not None, "the configuration of a model is not optional"
    try:
        settings = json.loads(config.read_text("utf-8"))
        text: dict[str, Any] = settings.get("model_cfg", settings)["text_cfg"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownModel(f"{config} describes no open_clip model: choose another one") from error
    return text


def name_of(repo: str) -> str:
    """Return the name of the model in a repository: open_clip's first one for it, or the hub's."""
    table, _ = _open_clip()
    for architecture, tag in table.list_pretrained():
        hub = table.get_pretrained_cfg(architecture, tag).get("hf_hub", "")
        if hub.rpartition("/")[0] == repo:
            return f"{architecture}/{tag}"
    return f"{presets.HUB}{repo}"


def names() -> list[str]:
    """Return the name of every model: the presets', and open_clip's "ARCH/TAG"."""
    table, _ = _open_clip()
    pairs = [f"{architecture}/{tag}" for architecture, tag in table.list_pretrained()]
    return [presets.DEMO, *presets.PRESETS, *pairs]


def listed(name: str) -> tuple[str, str, dict[str, Any]]:
    """Return repository, name of the weights and text settings of open_clip's "ARCH/TAG"."""
    architecture, slash, tag = name.rpartition("/")
    table, folder = _open_clip()
    description = table.get_pretrained_cfg(architecture, tag) if slash else {}
    if not description:
        known = ", ".join(table.list_pretrained_tags_by_model(architecture)[:8])
        if known:
            raise UnknownModel(f"open_clip knows no model {name}: {architecture} comes as {known}")
        raise UnknownModel(presets.nearest(name, names()))
    repo, _, file = description.get("hf_hub", "").rpartition("/")
    if not repo:
        raise UnknownModel(
            f"{name} is not on Hugging Face but at a plain address, where nothing vouches for "
            "its content: choose another model"
        )
    settings = json.loads((folder / f"{architecture}.json").read_text("utf-8"))
    return repo, file or _PICKLED, settings["text_cfg"]


@functools.cache
def _open_clip() -> tuple[Any, Path]:
    """Return open_clip's table of weights and its folder of architectures.

    The module is loaded under a package of our own, for `import open_clip` brings
    torch along: six seconds and 870 MB, instead of 0.2 s and 31 MB, for a table.
    """
    spec = importlib.util.find_spec("open_clip")
    if spec is None or not spec.submodule_search_locations:
        raise UnknownModel("open_clip is not installed: pip install 'imgq[daemon]'")
    package = types.ModuleType("imgqd_open_clip_lists")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules[package.__name__] = package
    absent = "safetensors.torch" not in sys.modules
    if absent:
        sys.modules["safetensors.torch"] = None  # type: ignore[assignment]  # Python's "not there"
    try:
        table = importlib.import_module(f"{package.__name__}.pretrained")
    finally:
        if absent:
            del sys.modules["safetensors.torch"]
    return table, Path(package.__path__[0]) / "model_configs"
