"""A text tower is written down as a graph that onnxruntime runs. The only home of onnx.

The graph takes the rows of a text's tokens, as many as there are up to the end's, and
gives the unit vector: for a tower that looks backwards only that is open_clip's own
vector, at a third of the work. The weights of a full-size tower are kept in 8 bits, in blocks
with a scale of their own, where that changes little; what it changes is measured with every
model, by the very code that will answer.
"""

from __future__ import annotations

import gc
import json
import logging
import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime.quantization import matmul_nbits_quantizer as quantizer
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor, nn

from imgqd import attention, exports, tokens
from imgqd.everyday import PHRASES
from imgqd.light import Light
from imgqd.towers import Towers, looks_back
from imgqd.weights import Weights

log = logging.getLogger(__name__)

_LEAST: Final = {"int8": 0.999, "float32": 0.9999}
"""The least cosine between open_clip's vector and ours, of any of the texts that are tried."""

_SMALL: Final = 4_000_000
"""Parameters below which 8 bits save nothing worth their rounding."""

_BLOCKS: Final = (256, 32)
"""Weights that share a scale: the most that are near enough. With 256 a text takes ViT-B-32 three
quarters of the time that 32 take, 5 MB less, and loses twice as much (1 - 0.9994 against 0.9997).
"""

_INTEGERS: Final = 4
"""onnxruntime's "accuracy level" for products of integers: ten times as fast as its others."""

_TABLES: Final = ("token_embedding.weight", "text.token_embedding.weight")
_DTYPES: Final = {"F16": "float16", "F32": "float32"}

_TRIED: Final = (
    *PHRASES,
    "x",
    "Ein Hund am Strand, d\xe9j\xe0 vu \N{SLICE OF PIZZA} &amp;amp; more",
    "a word after another, until all of the model's tokens are used up " * 8,
)


class Untraceable(Exception):
    """The tower cannot be written down, now or later; the text says why."""


def export(name: str, found: Weights, folder: Path) -> exports.Manifest:
    """Write a model's text tower into a folder, and say what lies there.

    Raises Untraceable, and Fault where the model cannot be loaded at all.
    """
    graph, draft, known = _traced(name, found, folder)
    gc.collect()  # torch's half of the memory is not needed any more
    is_small = sum(math.prod(one.dims) for one in graph.graph.initializer) < _SMALL
    for block in (None,) if is_small else (*_BLOCKS, None):
        precision = "float32" if block is None else "int8"
        _save(graph if block is None else _in_8_bits(graph, block), folder)
        assert draft.model is not None
        model = {**draft.model, "precision": precision}
        manifest = replace(draft, model=model, precision=precision)
        least = _least(Light(folder, manifest, found.path), known)
        if least >= _LEAST[precision]:
            manifest = replace(manifest, least=round(least, 6))
            exports.write(folder, manifest)
            return manifest
        form = precision if block is None else f"{precision} by {block}"
        log.warning("%s in %s: the least cosine with open_clip is %.5f", name, form, least)
    raise Untraceable(f"its vectors would not be open_clip's (cosine {least:.5f})")


def _traced(
    name: str, found: Weights, folder: Path
) -> tuple[onnx.ModelProto, exports.Manifest, NDArray[np.float32]]:
    """Return the graph, all that is known of it so far, and open_clip's vectors of `_TRIED`.

    Vocabulary and table of tokens are written, too.
    """
    towers = Towers()
    settings = {"role": "text", "precision": "float32", "device": "cpu", "batch": None}
    model = {**towers.load(name, found, settings), "batch": 1}
    whole, tokenizer = towers.text
    tower = getattr(whole, "text", whole)
    _check(tower, tokenizer)
    _write_words(tokenizer, folder)
    table = tower.token_embedding.weight.detach().numpy()
    rows = _rows(found.path, table)
    if rows is None:
        table.astype("<f2").tofile(folder / exports.ROWS)
    known = np.frombuffer(towers.texts({"texts": _TRIED}), np.float32).reshape(len(_TRIED), -1)
    draft = exports.Manifest(
        found.key,
        model=model,
        rows=rows,
        width=table.shape[1],
        context=tokenizer.context_length,
        clean=_cleaner(tokenizer),
    )
    return _graph(tower, table.shape[1]), draft, known


class _Tower(nn.Module):
    """What a tower makes of the rows of a text's tokens, the last one being the end's."""

    def __init__(self, tower: Any) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, rows: Tensor) -> Tensor:
        tower, length = self.tower, rows.shape[1]
        x = rows + tower.positional_embedding[:length]
        x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
        x = tower.ln_final(x[:, -1])
        if isinstance(tower.text_projection, nn.Linear):
            x = tower.text_projection(x)
        elif tower.text_projection is not None:
            x = x @ tower.text_projection
        return nn.functional.normalize(x, dim=-1)


def _check(tower: Any, tokenizer: Any) -> None:
    if not looks_back(tower) or getattr(tower, "cls_emb", None) is not None:
        raise Untraceable("its text tower looks at all places of a text")
    if type(tokenizer) is not SimpleTokenizer or tokenizer.reduction_fn is not None:
        raise Untraceable("its texts are read by a tokenizer of its own")
    if tower.token_embedding.num_embeddings != tokenizer.vocab_size:
        raise Untraceable("its vocabulary is not open_clip's")


def _cleaner(tokenizer: SimpleTokenizer) -> str:
    return str(tokenizer.clean_fn.__name__.removeprefix("_clean_"))


def _write_words(tokenizer: SimpleTokenizer, folder: Path) -> None:
    if _cleaner(tokenizer) not in tokens.CLEANERS:
        raise Untraceable("its texts are cleaned in a way of its own")
    vocabulary = json.dumps(tokenizer.encoder, ensure_ascii=False, separators=(",", ":"))
    (folder / exports.VOCABULARY).write_text(vocabulary, encoding="utf-8")
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.__getitem__)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / exports.MERGES).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(path: Path, table: NDArray[np.float32]) -> tuple[int, str] | None:
    """Return where in its own file the table of tokens lies, and its dtype; None if it does not."""
    if path.suffix != ".safetensors":
        return None
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        for name in _TABLES:
            kind = _DTYPES.get(header.get(name, {}).get("dtype"))
            if kind is None:
                continue
            start = 8 + length + header[name]["data_offsets"][0]
            file.seek(start)
            stored = np.fromfile(file, np.dtype(kind).newbyteorder("<"), table.size)
            if np.array_equal(stored.astype(np.float32), table.ravel()):
                return start, kind
    return None


def _graph(tower: Any, width: int) -> onnx.ModelProto:
    attention.in_fewer_steps(tower)
    length = torch.export.Dim("length", min=2, max=len(tower.attn_mask))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Tower(tower).eval(),
            (torch.zeros(1, 9, width),),
            input_names=["rows"],
            output_names=["vector"],
            dynamic_shapes={"rows": {1: length}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    graph = _bare(program.model_proto)
    _without_gemm(graph.graph)
    return graph


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Take out the notes on where in our sources each node comes from."""
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    return model


def _without_gemm(graph: onnx.GraphProto) -> None:
    """Make products with a bias a product and a sum: the quantiser knows products only."""
    constants = {one.name: one for one in graph.initializer}
    nodes = []
    for node in graph.node:
        factors = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        is_plain = factors.get("alpha", 1.0) == factors.get("beta", 1.0) == 1.0
        is_linear = node.op_type == "Gemm" and not factors.get("transA")
        if not (is_linear and is_plain and node.input[1] in constants):
            nodes.append(node)
            continue
        x, weight, *bias = node.input
        right = f"{node.output[0]}_right"
        values = numpy_helper.to_array(constants[weight])
        turned = values.T if factors.get("transB") else values
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(turned), right))
        [out] = node.output
        product = f"{out}_product" if bias else out
        nodes.append(helper.make_node("MatMul", [x, right], [product], product))
        if bias:
            nodes.append(helper.make_node("Add", [product, *bias], [out], out))
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [one for one in graph.initializer if one.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _in_8_bits(graph: onnx.ModelProto, block: int) -> onnx.ModelProto:
    how = quantizer.DefaultWeightOnlyQuantConfig(
        block_size=block, is_symmetric=True, accuracy_level=_INTEGERS, bits=8
    )
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)  # what the quantiser is given it changes
    logging.getLogger(quantizer.__name__).setLevel(logging.ERROR)
    work = quantizer.MatMulNBitsQuantizer(copy, algo_config=how)
    work.process()
    quantised: onnx.ModelProto = work.model.model
    return quantised


def _save(graph: onnx.ModelProto, folder: Path) -> None:
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    (folder / exports.WEIGHTS).unlink(missing_ok=True)
    onnx.save_model(
        copy,
        str(folder / exports.GRAPH),
        save_as_external_data=True,
        location=exports.WEIGHTS,
        size_threshold=1024,
    )


def _least(light: Light, known: NDArray[np.float32]) -> float:
    ours: Sequence[NDArray[np.float32]] = [light.vector(text) for text in _TRIED]
    return float((np.stack(ours) * known).sum(axis=1).min())
