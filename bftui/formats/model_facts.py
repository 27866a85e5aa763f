"""What a model is before it is opened: the kinds of files and folders, and what their headers say, without libraries.

`read` looks at the disk and takes milliseconds. The memory that a model needs is its backend's to say
(`BackendSpec.needs`). What a model says of itself once it is open is `results.model_info.ModelInfo`; the two agree
(`tests/contract/test_facts.py`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bftui.core.errors import BftuiError, ModelLoadError
from bftui.formats.context_plan import Shape, rounding, state_numbers

if TYPE_CHECKING:
    from bftui.formats.gguf_header import GgufHeader

_MOST_TABLE = 16 << 20
_TABLE_CTX = 512
_SNIFFED = 1 << 16
_TABLE = re.compile(rb'\s*\{.*"tokens"\s*:\s*\[', re.DOTALL)
"""How a table begins."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model before it is opened. Its texts are the file's: hostile.

    Attributes:
        name: what people call it: its file's name or its directory's.
        bytes: on the disk.
        title: what it calls itself, or "".
        stored: what its weights are stored as: "Q4_K_M", "BF16", "gptq 4", "" for a table.
        parameters: None where unknown.
        trained: tokens of context that it was trained with, None where unknown.
        chat_template: whether it has one of its own.
        width: bytes of one number as stored; 0 for a table.
        shape: what the memory of its context follows from.
        parts: the models that it mixes; none for one model.
    """

    name: str
    architecture: str
    bytes: int
    title: str = ""
    stored: str = ""
    parameters: int | None = None
    trained: int | None = None
    chat_template: bool = False
    width: float = 1.0
    shape: Shape = field(default_factory=Shape)
    parts: tuple[ModelFacts, ...] = ()

    @property
    def computes(self) -> bool:
        """Whether the model has weights to compute with; a table has none."""
        return self.width > 0


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
        """Bytes altogether."""
        return self.weights + self.context


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of file, folder or address that a MODEL may be.

    Attributes:
        name: as JSON has it: "gguf".
        label: as a column of a table has it: "GGUF".
        title: as a sentence has it: "GGUF file".
        facts: reads the headers of what lies at a path; raises ModelError, or what reading and parsing raise.
        scheme: what a MODEL of this kind begins with, before its path: "table:".
        suffixes: how names of files end that are of this kind: (".gguf",).
        recognises: whether the file at a path is of this kind, where its suffix alone does not tell.
        folder: whether it is a folder.
        roles: what the models are called that it mixes, see `mixture_forms.py`; none for one model.
    """

    name: str
    label: str
    title: str
    facts: Callable[[Path], ModelFacts]
    scheme: str = ""
    suffixes: tuple[str, ...] = ()
    recognises: Callable[[Path], bool] = lambda path: True
    folder: bool = False
    roles: tuple[str, ...] = ()

    def model(self, path: str) -> str:
        """Return the MODEL form of a path."""
        return f"{self.scheme}{path}"

    def path(self, model: str) -> str:
        """Return the path in a MODEL form."""
        return model.removeprefix(self.scheme)


def read(kind: SourceKind, path: str) -> ModelFacts:
    """Read headers; raise ModelLoadError and UnsupportedModel for what cannot be opened."""
    try:
        if not kind.folder and not os.path.isfile(path):
            raise ModelLoadError(f"cannot open {path}", "it is not a regular file")
        return kind.facts(Path(path))
    except BftuiError:
        raise
    except Exception as error:
        # Other people's code may raise anything; the other models must stay in reach.
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise ModelLoadError(f"cannot read {path}", reason) from error


def _gguf(path: Path) -> ModelFacts:
    from bftui.formats.gguf_check import checked_header
    from bftui.formats.gguf_file import stem
    from bftui.formats.gguf_header import Long

    header = checked_header(path)
    values = header.values
    template = values.get("tokenizer.chat_template")
    shape = gguf_shape(header)
    return ModelFacts(
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
    """Return what the memory of a context follows from, by the headers of a model's files."""
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


def _directory(path: Path) -> ModelFacts:
    from bftui.formats.directory_header import read_directory
    from bftui.formats.safetensors_file import directory_name

    header = read_directory(path)
    shape = Shape(
        trained=header.trained or 0,
        kv_numbers=header.kv_numbers,
        parameters=header.parameters or 0,
    )
    return ModelFacts(
        name=directory_name(path),
        architecture=header.architecture,
        stored=header.quantization,
        parameters=header.parameters,
        bytes=header.bytes,
        trained=header.trained,
        chat_template=header.chat_template,
        width=header.width,
        shape=shape,
    )


def _table(path: Path) -> ModelFacts:
    """Read all of a table, which is small."""
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
    return ModelFacts(
        name=str(table.get("name", "")),
        architecture="table",
        bytes=bytes_,
        trained=trained,
        chat_template=bool(table.get("chat_template")),
        width=0.0,
        shape=Shape(trained),
    )


def _is_table(path: Path) -> bool:
    """Whether a JSON file begins as a table does."""
    if path.stat().st_size > _MOST_TABLE:
        return False
    with path.open("rb") as file:
        return _TABLE.match(file.read(_SNIFFED)) is not None


GGUF = SourceKind("gguf", "GGUF", "GGUF file", _gguf, suffixes=(".gguf",))
DIRECTORY = SourceKind("directory", "HF", "Hugging Face directory", _directory, folder=True)
TABLE = SourceKind(
    "table",
    "table",
    "table:FILE.json",
    _table,
    scheme="table:",
    suffixes=(".json",),
    recognises=_is_table,
)
