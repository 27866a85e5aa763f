"""What a model is and how much memory it will take, before it is opened: from headers, without any model's library.

`read` looks at the disk and takes milliseconds; `needed` is arithmetic. What a model says of itself once it is open is
`protocol.ModelInfo`; the two agree (`tests/contract/test_facts.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bftui.core.errors import ModelError, ModelLoadError
from bftui.formats.context_plan import (
    Shape,
    default_context,
    planned,
    rounding,
    state_numbers,
)
from bftui.formats.machine import fits_as_float32, gpu
from bftui.formats.open_spec import OpenSpec

if TYPE_CHECKING:
    from bftui.formats.gguf_header import GgufHeader

Kind = Literal["gguf", "directory", "table"]

_MOST_TABLE = 16 << 20
_TABLE_CTX = 512
_WIDTHS = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a model before it is opened. Its texts are the file's: hostile.

    Attributes:
        name: what people call it: its file's name or its directory's.
        title: what it calls itself, or "".
        stored: what its weights are stored as: "Q4_K_M", "BF16", "gptq 4", "" for a table.
        parameters: None where unknown.
        bytes: on the disk.
        trained: tokens of context that it was trained with, None where unknown.
        chat_template: whether it has one of its own.
        width: bytes of one number as stored; 0 for a table.
        shape: what the memory of its context follows from.
    """

    kind: Kind
    name: str
    title: str
    architecture: str
    stored: str
    parameters: int | None
    bytes: int
    trained: int | None
    chat_template: bool
    width: float
    shape: Shape


@dataclass(frozen=True, slots=True)
class Need:
    """Estimate of the memory that a model takes, in bytes.

    Attributes:
        weights: as the backend holds them.
        context: keys and values of `n_ctx` tokens, and what else the context takes: continuations, states, scores.
        backend: which would run it.
        precision: of keys and values ("f32"), "" where there are none.
        on_gpu: whether a GPU that was not asked may hold it in the place of the main memory.
    """

    weights: int
    context: int
    n_ctx: int
    backend: str
    precision: str
    on_gpu: bool

    @property
    def total(self) -> int:
        return self.weights + self.context


def read(kind: Kind, path: str) -> Facts:
    """Reads headers; raises ModelLoadError and UnsupportedModel for what cannot be opened."""
    try:
        if kind != "directory" and not os.path.isfile(path):
            raise ModelLoadError(f"cannot open {path}", "it is no regular file")
        return _READERS[kind](Path(path))
    except ModelError:
        raise
    except (ArithmeticError, LookupError, MemoryError, OSError, TypeError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise ModelLoadError(f"cannot read {path}", reason) from error


def _gguf(path: Path) -> Facts:
    from bftui.formats.gguf_check import checked_header
    from bftui.formats.gguf_file import stem
    from bftui.formats.gguf_header import Long

    header = checked_header(path)
    values = header.values
    template = values.get("tokenizer.chat_template")
    shape = gguf_shape(header)
    return Facts(
        kind="gguf",
        name=stem(path),
        title=header.title,
        architecture=header.architecture,
        stored=header.quantization,
        parameters=shape.parameters,
        bytes=header.bytes,
        trained=shape.trained or None,
        chat_template=isinstance(template, Long) or bool(template),
        width=header.bytes / shape.parameters,
        shape=shape,
    )


def gguf_shape(header: GgufHeader) -> Shape:
    """What the memory of a context follows from, by the headers of a model's files."""
    layers, width = header.number("block_count"), header.number("embedding_length")
    heads = header.number("attention.head_count")
    each = width // heads if heads else 0
    key = header.number("attention.key_length") or each
    value = header.number("attention.value_length") or each
    listed = header.value("attention.head_count_kv")
    if isinstance(listed, list) and all(type(n) is int and 0 <= n < 2**31 for n in listed):
        kv_heads = sum(listed)
    else:
        kv_heads = layers * (header.number("attention.head_count_kv") or heads)
    return Shape(
        trained=header.number("context_length"),
        layers=layers,
        width=width,
        heads=heads,
        kv_numbers=kv_heads * (key + value),
        state_numbers=state_numbers(layers, width, header.number),
        parameters=header.parameters,
        rounding=rounding(header.types, header.parameters),
    )


def _directory(path: Path) -> Facts:
    from bftui.formats.directory_header import read_directory
    from bftui.formats.safetensors_file import directory_name

    header = read_directory(path)
    shape = Shape(header.trained or 0, 0, 0, 0, header.kv_numbers, 0, header.parameters or 0)
    return Facts(
        kind="directory",
        name=directory_name(path),
        title="",
        architecture=header.architecture,
        stored=header.quantization,
        parameters=header.parameters,
        bytes=header.bytes,
        trained=header.trained,
        chat_template=header.chat_template,
        width=header.width,
        shape=shape,
    )


def _table(path: Path) -> Facts:
    """A table is small, so all of it is read."""
    bytes_ = path.stat().st_size
    if bytes_ > _MOST_TABLE:
        raise ModelLoadError(f"cannot load {path}", "it is too long for a table")
    try:
        table: Any = json.loads(path.read_bytes())
    except RecursionError as error:
        raise ModelLoadError(f"cannot load {path}", "it is nested too deeply") from error
    except ValueError as error:
        raise ModelLoadError(f"cannot load {path}", "it is not JSON") from error
    if not isinstance(table, dict) or not isinstance(table.get("tokens"), list):
        raise ModelLoadError(f"cannot load {path}", "it has no tokens")
    n_ctx = table.get("n_ctx", _TABLE_CTX)
    trained = n_ctx if type(n_ctx) is int and 0 < n_ctx < 2**31 else _TABLE_CTX
    return Facts(
        kind="table",
        name=str(table.get("name", "")),
        title="",
        architecture="table",
        stored="",
        parameters=None,
        bytes=bytes_,
        trained=trained,
        chat_template=bool(table.get("chat_template")),
        width=0.0,
        shape=Shape(trained, 0, 0, 0, 0, 0, 0),
    )


_READERS: dict[Kind, Callable[[Path], Facts]] = {
    "gguf": _gguf,
    "directory": _directory,
    "table": _table,
}


def needed(facts: Facts, spec: OpenSpec) -> Need:
    """The memory that a model takes when it is opened as `spec` says, with the backend that it names.

    llama.cpp holds the weights as they are stored; `reference` as float32; transformers as it was told, else on the
    CPU as float32 where that fits, else as stored.
    """
    maybe_gpu = spec.device != "cpu" and spec.gpu_layers != 0 and gpu() == "cuda"
    trained, numbers = facts.trained or 0, facts.shape.kv_numbers
    if spec.backend == "table":
        return Need(facts.bytes, 0, min(spec.n_ctx or trained, trained), "table", "", False)
    if spec.backend == "llama-cpp":
        plan = planned(spec, facts.shape)
        context = plan.bytes + plan.bytes_aside
        return Need(facts.bytes, context, plan.n_ctx, "llama-cpp", plan.kv, maybe_gpu)
    n_ctx = spec.n_ctx or default_context(trained)
    if spec.backend == "reference":
        parameters = facts.parameters or 0
        return Need(4 * parameters, n_ctx * numbers * 4, n_ctx, "reference", "f32", False)
    stored = facts.width or 1.0
    width = _WIDTHS.get(spec.dtype)
    if width is None:
        wide = not maybe_gpu and fits_as_float32(facts.bytes, stored)
        width = 4.0 if wide else max(stored, 2.0)
    # Several quantised numbers share one that is stored: they stay as they are.
    weights = facts.bytes if facts.parameters is None else int(facts.bytes * width / stored)
    kv = "f32" if width == 4 else "16 bits"
    return Need(weights, int(n_ctx * numbers * width), n_ctx, "transformers", kv, maybe_gpu)
