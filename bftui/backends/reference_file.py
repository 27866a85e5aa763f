"""A Llama GGUF file as NumPy arrays and Python values.

Not for: other architectures or quantised types; they are refused with a hint to llama.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from bftui.backends import gguf_file
from bftui.backends.base import F32, Progress
from bftui.core.errors import Cancelled, UnsupportedModel

HINT = "pip install 'bftui[llama]' and use --backend llama-cpp"

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
        rope_factors: what each rotary frequency is divided by, (rope_dims / 2,), or None.
    """

    embedding: F32
    layers: tuple[Layer, ...]
    output_norm: F32
    output: F32
    rope_factors: F32 | None


@dataclass(frozen=True)
class Sizes:
    """The numbers that shape a Llama model."""

    n_ctx: int
    n_embd: int
    n_layer: int
    n_head: int
    n_head_kv: int
    n_ff: int
    head_dim: int
    rope_dims: int
    rope_base: float
    rms_eps: float


class _Reader(gguf.GGUFReader):
    """The library's reader, held to the end of the file: by itself it reads on, and a damaged length never ends."""

    def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> Any:
        if int(offset) + int(count) * np.dtype(dtype).itemsize > len(self.data):
            raise ValueError("it ends too early")
        return super()._get(offset, dtype, count, override_order)


class GgufModel:
    """An open GGUF file: metadata by key, and the weights once asked for."""

    def __init__(self, path: Path) -> None:
        """Reads the header; raises ModelLoadError where the file is damaged or incomplete."""
        gguf_file.check_gguf(path)
        self.path = path
        try:
            with np.errstate(all="ignore"):
                self._reader = _Reader(path)
        except Exception as error:
            # The reader checks little: a damaged file shows as any of a dozen errors of NumPy and Python.
            text = str(error) or type(error).__name__
            raise gguf_file.damaged(path, text) from error
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}

    def value(self, key: str, default: Any = None) -> Any:
        """A metadata value as Python data."""
        field = self._reader.get_field(key)
        return default if field is None else field.contents()

    def required(self, key: str) -> Any:
        """A metadata value; raises ModelLoadError where it is missing."""
        value = self.value(key)
        if value is None:
            raise gguf_file.damaged(self.path, f"{key} is missing")
        return value

    @property
    def architecture(self) -> str:
        return str(self.value("general.architecture", "unknown"))

    @property
    def parameters(self) -> int:
        return sum(int(tensor.n_elements) for tensor in self._tensors.values())

    @property
    def quantization(self) -> str:
        """The name of `general.file_type`, or of the type that most weights have."""
        name = gguf_file.file_type_name(self.value("general.file_type", -1))
        if name is not None:
            return name
        weights: dict[str, int] = {}
        for tensor in self._tensors.values():
            kind = tensor.tensor_type.name
            weights[kind] = weights.get(kind, 0) + int(tensor.n_elements)
        return max(weights, key=weights.__getitem__, default="unknown")

    def sizes(self) -> Sizes:
        """The model's sizes; raises UnsupportedModel for variants of Llama that are not built here."""
        if self.architecture != "llama":
            raise self.unsupported(f"its architecture is {self.architecture}, not llama")
        no_text = None
        if self.value("llama.pooling_type"):
            no_text = "it is an embedding model"
        elif not self.value("llama.attention.causal", True):
            no_text = "it does not read from left to right"
        if no_text is not None:
            raise UnsupportedModel(
                f"{self.path} has no next-token distribution",
                no_text,
                "open a model that generates text",
            )
        scaling = self.value("llama.rope.scaling.type", "none")
        if scaling != "none":
            raise self.unsupported(f"its rotary embedding is scaled ({scaling})")
        n_embd, n_head = self._count("embedding_length"), self._count("attention.head_count")
        n_head_kv = self.value("llama.attention.head_count_kv", n_head)
        if not isinstance(n_head_kv, int) or n_head_kv < 1 or n_head % n_head_kv:
            raise self.unsupported(f"it has {n_head} query heads over {n_head_kv} key heads")
        head_dim = int(self.value("llama.attention.key_length", n_embd // n_head))
        if self.value("llama.attention.value_length", head_dim) != head_dim:
            raise self.unsupported("its keys and values differ in length")
        rope_dims = int(self.value("llama.rope.dimension_count", head_dim))
        if rope_dims % 2 or not 0 < rope_dims <= head_dim:
            raise gguf_file.damaged(
                self.path, f"{rope_dims} rotary dimensions in heads of {head_dim}"
            )
        return Sizes(
            n_ctx=self._count("context_length"),
            n_embd=n_embd,
            n_layer=self._count("block_count"),
            n_head=n_head,
            n_head_kv=n_head_kv,
            n_ff=self._count("feed_forward_length"),
            head_dim=head_dim,
            rope_dims=rope_dims,
            rope_base=float(self.value("llama.rope.freq_base", 10000.0)),
            rms_eps=float(self.required("llama.attention.layer_norm_rms_epsilon")),
        )

    def _count(self, key: str) -> int:
        value = self.required(f"llama.{key}")
        if not isinstance(value, int) or value < 1:
            raise self.unsupported(f"llama.{key} is {value}")
        return value

    def weights(self, sizes: Sizes, n_vocab: int, progress: Progress) -> Weights:
        """Reads every tensor as float32; raises ModelLoadError, UnsupportedModel and Cancelled."""
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
        factors = "rope_freqs.weight"
        weights = Weights(
            embedding=embedding,
            layers=tuple(layers),
            output_norm=read("output_norm.weight", (embd,)),
            output=embedding if tied else read("output.weight", (n_vocab, embd)),
            rope_factors=read(factors, (sizes.rope_dims // 2,))
            if factors in self._tensors
            else None,
        )
        if unread:
            # Biases and experts change the result: a model that has them is not the one computed here.
            raise self.unsupported(f"it has tensors that Llama has not, such as {min(unread)}")
        return weights

    def _tensor(self, name: str, shape: tuple[int, ...]) -> F32:
        tensor = self._tensors.get(name)
        if tensor is None:
            raise gguf_file.damaged(self.path, f"the tensor {name} is missing")
        if tensor.tensor_type not in _READABLE:
            raise self.unsupported(f"its weights are quantised as {tensor.tensor_type.name}")
        if tuple(int(n) for n in reversed(tensor.shape)) != shape:
            raise gguf_file.damaged(self.path, f"the tensor {name} is not of shape {shape}")
        data = gguf.dequantize(tensor.data, tensor.tensor_type)
        # A copy, so that nothing depends on the file any more.
        return np.array(data, dtype=np.float32, order="C").reshape(shape)

    def unsupported(self, reason: str) -> UnsupportedModel:
        """The error for a sound file that another backend can read."""
        return UnsupportedModel(f"the reference backend cannot run {self.path}", reason, HINT)
