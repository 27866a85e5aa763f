"""A Llama GGUF file as NumPy arrays and Python values.

Not for: other architectures or quantised types; they are refused with a hint to llama.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from bftui.backends.protocol import F32
from bftui.core.errors import Cancelled, UnsupportedModel
from bftui.formats import gguf_file
from bftui.formats.gguf_check import checked_header
from bftui.formats.gguf_header import is_neutral
from bftui.formats.open_spec import Progress
from bftui.formats.rotary import FACTORS, KEYS, LONG, SHORT, Rotation, rotation

HINT = "pip install 'bftui[llama]' and use --backend llama-cpp"

_KNOWN = KEYS | {
    "attention.causal",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "pooling_type",
    "tensor_data_layout",
    "vocab_size",
}
"""What of `llama.…` is read here or checked elsewhere, or changes no number."""

_READABLE = {
    gguf.GGMLQuantizationType.F32,
    gguf.GGMLQuantizationType.F16,
    gguf.GGMLQuantizationType.Q8_0,
}


@dataclass(frozen=True)
class Layer:
    """One layer's weights; matrices are (out, in), norms are vectors."""

    attn_norm: F32
    attn_q: F32
    attn_k: F32
    attn_v: F32
    attn_output: F32
    ffn_norm: F32
    ffn_gate: F32
    ffn_up: F32
    ffn_down: F32


@dataclass(frozen=True)
class Weights:
    """All weights of a model as float32.

    Attributes:
        embedding: (n_vocab, n_embd).
        output: (n_vocab, n_embd); the embedding itself where the model ties the two.
        rotation: how queries and keys are turned.
    """

    embedding: F32
    layers: tuple[Layer, ...]
    output_norm: F32
    output: F32
    rotation: Rotation


@dataclass(frozen=True)
class Sizes:
    """The numbers that shape a Llama model."""

    n_ctx: int | None
    n_embd: int
    n_layer: int
    n_head: int
    n_head_kv: int
    n_ff: int
    head_dim: int
    rms_eps: float


class _Reader(gguf.GGUFReader):
    """The library's reader, held to the end of the file: by itself it reads on, and a damaged length never ends."""

    def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> Any:
        if int(offset) + int(count) * np.dtype(dtype).itemsize > len(self.data):
            raise ValueError("it ends too early")
        return super()._get(offset, dtype, count, override_order)


class GgufModel:
    """An open GGUF file: metadata by key, and the weights once asked for."""

    def __init__(self, path: Path, backend: str = "reference") -> None:
        """Reads the header, for a backend that errors name.

        Raises ModelLoadError and UnsupportedModel for what is not a whole model.
        """
        self.header = checked_header(path)
        self.path = path
        self._backend = backend
        if self.header.files > 1:
            raise self.unsupported(f"it is split into {self.header.files} files")
        try:
            with np.errstate(all="ignore"):
                self._reader = _Reader(path)
        except Exception as error:
            # The reader checks little: a damaged file shows as any of a dozen errors of NumPy and Python.
            text = str(error) or type(error).__name__
            raise gguf_file.damaged(path, text) from error
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}

    def value(self, key: str, default: Any = None) -> Any:
        """Return a metadata value as Python data."""
        field = self._reader.get_field(key)
        return default if field is None else field.contents()

    def required(self, key: str) -> Any:
        """Return a metadata value; raises ModelLoadError where it is missing."""
        value = self.value(key)
        if value is None:
            raise gguf_file.senseless(self.path, f"{key} is missing")
        return value

    @property
    def architecture(self) -> str:
        return self.header.architecture

    def own_value(self, key: str) -> Any:
        """Return a metadata value of the architecture ("rope.freq_base"); None where there is none."""
        return self.value(f"{self.architecture}.{key}")

    def rotation(self, dims: int, n_ctx: int) -> Rotation:
        """Return the rotary embedding of a model that is opened with this context; raises ModelLoadError."""
        try:
            return rotation(
                self.own_value, lambda name: self._factors(name, dims // 2), dims=dims, n_ctx=n_ctx
            )
        except (ArithmeticError, TypeError, ValueError) as error:
            raise gguf_file.senseless(self.path, str(error)) from error

    def _factors(self, name: str, count: int) -> F32 | None:
        return self._tensor(name, (count,)) if name in self._tensors else None

    def sizes(self) -> Sizes:
        """Return the model's sizes; raises UnsupportedModel for variants of Llama that are not built here."""
        if self.architecture != "llama":
            raise self.unsupported(f"its architecture is {self.architecture}, not llama")
        n_embd, n_head = self._count("embedding_length"), self._count("attention.head_count")
        n_head_kv = self.value("llama.attention.head_count_kv", n_head)
        if not isinstance(n_head_kv, int) or n_head_kv < 1:
            raise self.unsupported(f"it has {n_head} query heads over {n_head_kv} key heads")
        head_dim = int(self.value("llama.attention.key_length", n_embd // n_head))
        if self.value("llama.attention.value_length", head_dim) != head_dim:
            raise self.unsupported("its keys and values differ in length")
        turned = self.value("llama.rope.dimension_count", head_dim)
        if turned != head_dim or head_dim % 2:
            raise gguf_file.senseless(
                self.path, f"it turns {turned} dimensions of heads of {head_dim}"
            )
        sizes = Sizes(
            n_ctx=self.header.number("context_length") or None,
            n_embd=n_embd,
            n_layer=self._count("block_count"),
            n_head=n_head,
            n_head_kv=n_head_kv,
            n_ff=self._count("feed_forward_length"),
            head_dim=head_dim,
            rms_eps=float(self.required("llama.attention.layer_norm_rms_epsilon")),
        )
        self._check_keys()
        return sizes

    def _check_keys(self) -> None:
        """Refuses settings that are not built here: one that is not known may change every number."""
        for key in self.header.values:
            name = key.removeprefix("llama.")
            if name in _KNOWN or name == key or is_neutral(name, self.value(key)):
                continue
            raise self.unsupported(f"its setting {key} is not known here")

    def _count(self, key: str) -> int:
        value = self.required(f"llama.{key}")
        if not isinstance(value, int) or value < 1:
            raise self.unsupported(f"llama.{key} is {value}")
        return value

    def weights(self, sizes: Sizes, n_vocab: int, n_ctx: int, progress: Progress) -> Weights:
        """Reads every tensor as float32, for a context of `n_ctx` tokens.

        Raises ModelLoadError, UnsupportedModel and Cancelled.
        """
        q, kv = sizes.n_head * sizes.head_dim, sizes.n_head_kv * sizes.head_dim
        embd, ff = sizes.n_embd, sizes.n_ff
        shapes: dict[str, tuple[int, ...]] = {
            "attn_norm": (embd,),
            "attn_q": (q, embd),
            "attn_k": (kv, embd),
            "attn_v": (kv, embd),
            "attn_output": (embd, q),
            "ffn_norm": (embd,),
            "ffn_gate": (ff, embd),
            "ffn_up": (ff, embd),
            "ffn_down": (embd, ff),
        }
        unread = set(self._tensors)

        def read(name: str, shape: tuple[int, ...]) -> F32:
            unread.discard(name)
            return self._tensor(name, shape)

        layers = []
        for index in range(sizes.n_layer):
            if not progress(index / sizes.n_layer, "loading the weights"):
                raise Cancelled("loading was cancelled")
            layers.append(
                Layer(**{part: read(f"blk.{index}.{part}.weight", s) for part, s in shapes.items()})
            )
        embedding = read("token_embd.weight", (n_vocab, embd))
        tied = "output.weight" not in self._tensors
        unread -= {FACTORS, LONG, SHORT}
        weights = Weights(
            embedding=embedding,
            layers=tuple(layers),
            output_norm=read("output_norm.weight", (embd,)),
            output=embedding if tied else read("output.weight", (n_vocab, embd)),
            rotation=self.rotation(sizes.head_dim, n_ctx),
        )
        if unread:
            # Biases and experts change the result: a model that has them is not the one computed here.
            raise self.unsupported(f"it has tensors that Llama has not, such as {min(unread)}")
        return weights

    def _tensor(self, name: str, shape: tuple[int, ...]) -> F32:
        tensor = self._tensors.get(name)
        if tensor is None:
            raise gguf_file.senseless(self.path, f"the tensor {name} is missing")
        if tensor.tensor_type not in _READABLE:
            raise self.unsupported(f"its weights are quantised as {tensor.tensor_type.name}")
        if tuple(int(n) for n in reversed(tensor.shape)) != shape:
            raise gguf_file.senseless(self.path, f"the tensor {name} is not of shape {shape}")
        data = gguf.dequantize(tensor.data, tensor.tensor_type)
        # A copy, so that nothing depends on the file any more.
        return np.array(data, dtype=np.float32, order="C").reshape(shape)

    def unsupported(self, reason: str) -> UnsupportedModel:
        """Return the error for a sound file that another backend can read."""
        return UnsupportedModel(f"the {self._backend} backend cannot run {self.path}", reason, HINT)
