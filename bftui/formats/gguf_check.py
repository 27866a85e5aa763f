"""Whether a GGUF file is a model that generates text, by its header alone, and one that a library can be given.

Every backend, `model_facts.py` and `bftui models` ask here first, so that they say the same of a file. A library ends
the process on much of what is refused here: a layer count of 0, tensors of whole numbers, a token that is there twice.
Not for: what one backend cannot run of a sound model; that is said by the backend.
Source of the limits: llama.cpp, `llama_model_base::load_hparams`, `llama_vocab::impl::load`, ggml's type traits.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from bftui.core.errors import UnsupportedModel
from bftui.formats.gguf_file import damaged, senseless
from bftui.formats.gguf_header import GgufHeader, Long, read_header

_MOST_LAYERS = 512
_MOST_EXPERTS = 1024

_NEEDED = ("context_length", "embedding_length", "block_count")

_NO_PRODUCT = frozenset({"F64", "I8", "I16", "I32", "I64", "Q8_1", "Q8_K"})
"""Types of numbers that nothing multiplies."""

_TABLES = re.compile(r"tid2eid")
"""Tensors of whole numbers that are looked up, and not multiplied."""

_ENCODERS = frozenset(
    {
        "bert",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "llama-embed",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "t5encoder",
    }
)
_DIFFUSION = frozenset({"dream", "llada", "llada-moe", "rnd1"})
_DRAFTS = frozenset({"dflash", "eagle3", "gemma4-assistant"})
_SOUND = frozenset({"pockettts", "qwen3tts", "wavtokenizer-dec"})
_SCALINGS = frozenset({"none", "linear", "yarn", "longrope"})

_LAYER = re.compile(r"blk\.(\d{1,6})\.")

_OTHERS = {
    "adapter": (
        "it is a LoRA adapter, which changes another model",
        "merge it into that model, and open the result",
    ),
    "mmproj": (
        "it is the part of a model that reads pictures or sound (mmproj)",
        "open the model's own GGUF file, which lies beside it",
    ),
    "imatrix": (
        "it is an importance matrix, which is made to quantise a model",
        "open the model that it was made of",
    ),
}
"""What else is kept as GGUF, by `general.type`: what it is, and what to do."""

_OPEN_ANOTHER = "open a model that generates text"


def checked_header(path: Path, *, generates: bool = True) -> GgufHeader:
    """Return the headers of a model's files.

    Raises ModelLoadError for files that are damaged, incomplete or senseless, UnsupportedModel for everything that is
    not a model, and with `generates` for models that do not predict next tokens.
    """
    header = read_header(path)
    _check_kind(path, header)
    if generates:
        _check_generates(path, header)
    _check_numbers(path, header)
    _check_layers(path, header)
    _check_experts(path, header)
    _check_tensors(path, header)
    _check_tokenizer(path, header)
    return header


def _check_kind(path: Path, header: GgufHeader) -> None:
    """Refuses what is kept as GGUF and is not a model."""
    values, architecture = header.values, header.architecture
    kind = str(values.get("general.type", "model"))
    if architecture == "clip":
        kind = "mmproj"
    if architecture == "controlvector" or kind not in ("model", *_OTHERS):
        what = "a control vector" if architecture == "controlvector" else f"of the type {kind[:40]}"
        raise UnsupportedModel(f"{path} is not a model", f"it is {what}", _OPEN_ANOTHER)
    if kind in _OTHERS:
        raise UnsupportedModel(f"{path} is not a model", *_OTHERS[kind])
    if not header.tensors:
        if "tokenizer.ggml.tokens" in values:
            raise UnsupportedModel(
                f"{path} is not a model",
                "it holds a vocabulary and no weights",
                "open the file that holds the weights",
            )
        raise damaged(path, "it holds no weights")
    if "general.architecture" not in values:
        raise senseless(path, "it does not say what it is: general.architecture is missing")


def _check_generates(path: Path, header: GgufHeader) -> None:
    """Refuses models that do not read from left to right, or give something else than text."""
    values, architecture = header.values, header.architecture
    reason = None
    if header.number("pooling_type"):
        reason = "it is an embedding model"
    elif f"{architecture}.classifier.output_labels" in values:
        reason = "it is a classifier"
    elif architecture in _ENCODERS:
        reason = "it is an encoder"
    elif architecture == "t5":
        reason = "it is an encoder with a decoder"
    elif architecture in _DIFFUSION:
        reason = "it is a diffusion model"
    elif architecture in _DRAFTS:
        reason = "it is a draft model, which runs beside another one"
    elif architecture in _SOUND:
        reason = "it makes sound"
    elif header.value("attention.causal") is False:
        reason = "it does not read from left to right"
    elif values.get("tokenizer.ggml.model") == "bert":
        reason = "its tokenizer is that of an encoder (bert)"
    elif values.get("tokenizer.ggml.model") in ("none", "no_vocab"):
        reason = "it has no vocabulary"
    if reason is not None:
        raise UnsupportedModel(f"{path} has no next-token distribution", reason, _OPEN_ANOTHER)


def _check_numbers(path: Path, header: GgufHeader) -> None:
    """Refuses numbers that no model has."""
    own = f"{header.architecture}."
    for key, value in header.values.items():
        if not key.startswith(own):
            continue
        if any(isinstance(n, float) and not math.isfinite(n) for n in _listed(value)):
            raise senseless(path, f"{key} is {_short(value)}")
        if key.endswith("epsilon") and not _is_number(value, 0.0):
            raise senseless(path, f"{key} is {_short(value)}")
    if not any(key.startswith(own) for key in header.values):
        raise UnsupportedModel(
            f"cannot load {path}",
            f"it says nothing of its architecture, {_short(header.architecture)}",
            "a newer bftui may know it",
        )
    for name in _NEEDED:
        if header.value(name) is None:
            raise senseless(path, f"{own}{name} is missing")
    if not _is_count(width := header.value("embedding_length")):
        raise senseless(path, f"{own}embedding_length is {_short(width)}")
    heads, shared = (header.value(f"attention.head_count{end}") for end in ("", "_kv"))
    if _is_count(heads) and _is_count(shared) and heads % shared:
        raise senseless(path, f"its {heads} query heads cannot share {shared} key heads evenly")
    base = header.value("rope.freq_base")
    if base is not None and not _is_number(base, 0.0, open_=True):
        raise senseless(path, f"{own}rope.freq_base is {_short(base)}")
    factor = header.value("rope.scaling.factor")
    if factor is not None and not _is_number(factor, 0.0):
        raise senseless(path, f"{own}rope.scaling.factor is {_short(factor)}")
    scaling = header.value("rope.scaling.type")
    if scaling is not None and scaling not in _SCALINGS:
        raise UnsupportedModel(
            f"cannot load {path}",
            f"its rotary embedding is scaled in a way that is not known here ({_short(scaling)})",
            "a newer bftui may know it",
        )


def _check_layers(path: Path, header: GgufHeader) -> None:
    """Refuses a count of layers beyond what libraries hold, and one that the tensors do not bear out."""
    own = header.architecture
    layers = header.value("block_count")
    if not _is_count(layers) or layers > _MOST_LAYERS:
        raise senseless(path, f"{own}.block_count is {_short(layers)}")
    more = header.value("nextn_predict_layers") or 0
    if not isinstance(more, int) or not 0 <= more <= layers:
        raise senseless(path, f"{own}.nextn_predict_layers is {_short(more)}, of {layers} layers")
    found = {int(match[1]) for name in header.tensors if (match := _LAYER.match(name))}
    if found and len(found) + more < layers:
        raise senseless(path, f"it has the tensors of {len(found)} layers and says {layers}")


def _check_experts(path: Path, header: GgufHeader) -> None:
    """Refuses counts of experts that contradict each other."""
    own = header.architecture
    count = header.value("expert_count") or 0
    used = [n or 0 for n in _listed(header.value("expert_used_count") or 0)]
    groups, of = (
        header.value(f"expert_{name}") or 0 for name in ("group_count", "group_used_count")
    )
    given = (count, groups, of, *used)
    sound = all(type(n) is int and n >= 0 for n in given) and count <= _MOST_EXPERTS
    if sound and count:
        sound = 0 < max(used, default=0) <= count and groups < count
        if sound and groups > 1:
            sound = count % groups == 0 and 0 < of < groups
    elif sound:
        # Some files of models without experts give a count that stands for one.
        sound = not groups and not any(used)
    if not sound:
        told = f"{_short(used[0] if len(used) == 1 else used)} of {_short(count)} experts"
        raise senseless(path, f"{own} uses {told}, in {_short(groups)} groups")


def _check_tensors(path: Path, header: GgufHeader) -> None:
    """Refuses tensors of types that nothing computes with, and empty ones."""
    for name, tensor in header.tensors.items():
        if not tensor.numbers:
            raise senseless(path, f"its tensor {name[:60]} is empty")
        if tensor.kind.startswith("type "):
            raise UnsupportedModel(
                f"cannot load {path}",
                f"its tensor {name[:60]} is stored as {tensor.kind}, which is not known here",
                "a newer bftui may know it",
            )
        if tensor.kind in _NO_PRODUCT and not _TABLES.search(name):
            raise UnsupportedModel(
                f"cannot load {path}",
                f"its tensor {name[:60]} is stored as {tensor.kind}, which nothing computes with",
                "take another file of the model",
            )


def _check_tokenizer(path: Path, header: GgufHeader) -> None:
    """Refuses a vocabulary that is none."""
    tokens = header.values.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, Long) or not tokens.count:
        raise UnsupportedModel(
            f"{path} has no next-token distribution", "it has no vocabulary", _OPEN_ANOTHER
        )
    if header.repeated:
        raise senseless(path, f"its vocabulary holds {header.repeated[:40]!r} twice")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**31


def _is_number(value: Any, least: float, *, open_: bool = False) -> bool:
    """Whether this is a finite number of at least so much, or, `open_`, of more."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return False
    return value > least if open_ else value >= least


def _short(value: Any) -> str:
    return " ".join(str(value).split())[:40]
