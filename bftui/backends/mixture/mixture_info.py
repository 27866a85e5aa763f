"""What a mixture says of itself, by what its models say; and whether they can be mixed at all.

Its tokenizer is that of the first model.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from typing import Literal

from bftui.backends.protocol import Backend, ModelInfo
from bftui.core.errors import ModelError, ModelLoadError
from bftui.formats.mixture_forms import in_words, joined
from bftui.results.model_info import ModelPart

_SAMPLE = "Sure! Here are 12 things, e.g. cafés:\n\n1. It's a test_case;  they've said “no”.\n"
"""What two tokenizers must split alike: marks, digits, blanks and letters beyond ASCII."""

_REWINDS: tuple[Literal["any", "checkpoint", "recompute"], ...] = (
    "any",
    "checkpoint",
    "recompute",
)
"""From what costs least to what costs most."""


def check_alike(parts: Sequence[Backend]) -> None:
    """Raises ModelLoadError for models of two vocabularies, and for those that split text in different ways."""
    first, *others = parts
    for other in others:
        if found := _difference(first, other):
            raise ModelLoadError(
                f"{first.info.name} and {other.info.name} cannot be mixed",
                found,
                "mix models of one family; `--partner` compares others",
            )


def _difference(a: Backend, b: Backend) -> str:
    """What keeps the ids of two models from meaning the same; "" where nothing does."""
    if a.info.n_vocab != b.info.n_vocab:
        return f"their vocabularies have {a.info.n_vocab:,} and {b.info.n_vocab:,} tokens"
    known = a.info.tokenizer_sha256
    if known is None or known != b.info.tokenizer_sha256:
        for token_id in range(a.info.n_vocab):
            if a.token_bytes(token_id) != b.token_bytes(token_id):
                return f"their vocabularies differ from token {token_id} on"
    if _split(a) != _split(b):
        return "their tokenizers split text in different ways"
    return ""


def _split(backend: Backend) -> list[int] | None:
    """The tokens of the sample; None where the vocabulary cannot write it."""
    with suppress(ModelError):
        return backend.tokenize(_SAMPLE)
    return None


def mixture_info(mixing: str, source: str, infos: Sequence[ModelInfo]) -> ModelInfo:
    """Return what a mixture says of itself.

    Args:
        mixing: the name of how its models are mixed, which is the architecture.
        source: its MODEL form.
        infos: what its models say of themselves.
    """
    first, padded = infos[0], [each for each in infos if each.padded]
    chats = all(each.chat_template for each in infos)
    return ModelInfo(
        name=joined(mixing, [each.name for each in infos]),
        backend="mixture",
        library=in_words(each.library for each in infos),
        source=source,
        architecture=mixing,
        n_vocab=first.n_vocab,
        n_ctx=min(each.n_ctx for each in infos),
        n_ctx_train=min((each.n_ctx_train for each in infos if each.n_ctx_train), default=None),
        bos_id=first.bos_id,
        add_bos=first.add_bos,
        start_ids=first.start_ids,
        eos_id=first.eos_id,
        eog_ids=frozenset().union(*(each.eog_ids for each in infos)),
        special_ids=frozenset().union(*(each.special_ids for each in infos)),
        chat_template=first.chat_template if chats else None,
        template_tokens=first.template_tokens,
        parameters=sum(each.parameters for each in infos),
        quantization=in_words(each.quantization for each in infos),
        bytes=sum(each.bytes for each in infos),
        kv_bytes_per_token=sum(each.kv_bytes_per_token for each in infos),
        dtype=in_words(each.dtype for each in infos),
        kv=in_words(each.kv for each in infos),
        device=in_words(each.device for each in infos),
        threads=max(each.threads for each in infos),
        sha256=_sha256(mixing, infos),
        tokenizer_sha256=first.tokenizer_sha256,
        exact=all(each.exact for each in infos),
        rewind=max((each.rewind for each in infos), key=_REWINDS.index),
        max_continuations=min(each.max_continuations for each in infos),
        continuation_tokens=min(
            (each.continuation_tokens for each in infos if each.continuation_tokens), default=0
        ),
        # Rows in places of their own are those of the models that need them.
        batch_rows=min(each.batch_rows for each in padded or infos),
        ragged=all(each.ragged for each in infos),
        shaped=any(each.shaped for each in infos),
        padded=bool(padded),
        step_rows=_multiple([each.step_rows for each in padded]),
        note=in_words(each.note for each in infos),
        parts=tuple(map(_part, infos)),
    )


def _part(info: ModelInfo) -> ModelPart:
    return ModelPart(**{each.name: getattr(info, each.name) for each in fields(ModelPart)})


def _sha256(mixing: str, infos: Sequence[ModelInfo]) -> str | None:
    """SHA-256 over the name of the mixing and its models' checksums, a line each; None where one has none."""
    sums = [each.sha256 for each in infos]
    lines = [mixing, *(each or "" for each in sums)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if all(sums) else None


def _multiple(step_rows: Sequence[int]) -> int:
    """How many rows of a padded batch are evaluated in a step: what suits all that have some; 0 for all of them."""
    return math.lcm(*step_rows) if step_rows and all(step_rows) else 0
