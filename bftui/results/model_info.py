"""What a loaded model says of itself: to whoever runs it, and to people in `bftui info --json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from bftui.core.noise_floor import Noise
from bftui.results.codec import FLAT, LEFT_OUT, Named
from bftui.results.result_types import Count, Id


@dataclass(frozen=True, slots=True)
class ModelPart:
    """One model of a mixture; each field says of it what that of `ModelInfo` says of the mixture."""

    name: str
    backend: str
    library: str
    source: str
    architecture: str
    parameters: int
    quantization: str
    bytes: int
    n_ctx: Count
    dtype: str
    kv: str
    device: str
    sha256: str | None
    has_template: Annotated[bool, LEFT_OUT] = False


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a loaded model says of itself.

    Attributes:
        name: what people call it: its file's name or its directory's, or the label that they gave it.
        title: what it calls itself, "" where it does not.
        n_vocab: width of the logits; ids past the tokenizer's are padding and have empty bytes.
        n_ctx: logical limit in tokens that prefixes are held to.
        n_ctx_train: context that the model was trained with, None where unknown.
        bos_id: the token that a raw prompt starts with, None where the model has none.
        add_bos: whether a raw prompt gets it.
        start_ids: what a raw prompt gets before it where that is more or other than `bos_id`.
        eog_ids: every token that ends a generation.
        eos_id: the one of them that chat templates write as `eos_token`, None where unknown.
        special_ids: control tokens, which plain text never tokenises to.
        chat_template: the model's own Jinja source.
        template_tokens: special tokens that it may ask for, by name, in place of or beside `bos_id` and `eos_id`.
        exact: whether logits over the full vocabulary are known.
        rewind: `any` keeps any shared prefix; `checkpoint` evaluates again what came after a saved state, some tokens
            at most where a path grew step by step; `recompute` evaluates a shorter prefix again as a whole.
        max_continuations: continuations that may be open at once.
        continuation_tokens: tokens that they may hold together beyond their prefixes; 0 where only memory limits them.
        batch_rows: continuations that are best stepped at once.
        ragged: whether a batch's rows of different lengths go well together, and a dropped one can begin again.
        rows_rewind: elsewhere, texts of up to so many tokens, of which rows can be taken back nevertheless; 0 for none.
        shaped: whether its numbers depend on which tokens are evaluated together. What is asked of it then says so
            (`batches`), so that the same numbers come again.
        padded: whether every batch of continuations has `batch_rows` rows, each in a place of its own.
        step_rows: how many rows of a padded batch are evaluated in a step: a multiple of so many, in ascending order,
            which changes no row's numbers; 0 where only all of them together have the same numbers.
        dtype, kv, device: as the trace shows them.
        sha256: of the file; tokenizer_sha256: of `vocabulary_sha256`.
        parts: the models that it mixes; none for one model.
    """

    name: str
    backend: str
    library: str
    source: str
    architecture: str
    n_vocab: Count
    n_ctx: Count
    n_ctx_train: Count | None
    bos_id: Id | None
    add_bos: bool
    eog_ids: frozenset[Id]
    special_ids: frozenset[Id]
    chat_template: str | None
    parameters: int
    quantization: str
    bytes: int
    kv_bytes_per_token: int
    dtype: str
    kv: str
    device: str
    threads: int
    sha256: str | None = None
    tokenizer_sha256: str | None = None
    exact: bool = True
    rewind: Literal["any", "checkpoint", "recompute"] = "any"
    max_continuations: Annotated[Count, Named("max_fan_out")] = 32
    continuation_tokens: Annotated[Count, Named("fan_tokens")] = 0
    batch_rows: Count = 32
    ragged: bool = False
    rows_rewind: Count = 0
    shaped: bool = False
    padded: bool = False
    step_rows: Count = 0
    note: str = ""
    eos_id: Id | None = None
    start_ids: tuple[Id, ...] = ()
    template_tokens: Mapping[str, Any] = field(default_factory=dict, hash=False)
    title: str = ""
    parts: Annotated[tuple[ModelPart, ...], LEFT_OUT] = ()

    @property
    def mixes_chat(self) -> bool:
        """Whether some, but not all, of the models that it mixes have a chat template."""
        return self.chat_template is None and any(each.has_template for each in self.parts)

    @property
    def has_template(self) -> bool:
        """Whether it has a chat template."""
        return bool(self.chat_template)

    @property
    def start(self) -> tuple[int, ...]:
        """The tokens that every prompt begins with."""
        if self.start_ids or self.bos_id is None:
            return self.start_ids
        return (self.bos_id,) if self.add_bos else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoOutput:
    """A model that was opened, and its noise floor."""

    info: Annotated[ModelInfo, FLAT]
    noise: Noise | None
