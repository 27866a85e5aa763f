"""What `bftui info --json` says of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bftui.core.noise_floor import Noise
from bftui.results.result_types import Count, Id


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoOutput:
    """A model that was opened, with the fields of `backends.protocol.ModelInfo` and its noise floor.

    `max_fan_out` and `fan_tokens` are its `max_continuations` and `continuation_tokens`.
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
    eog_ids: tuple[Id, ...]
    special_ids: tuple[Id, ...]
    chat_template: str | None
    parameters: int
    quantization: str
    bytes: int
    kv_bytes_per_token: int
    dtype: str
    kv: str
    device: str
    threads: int
    sha256: str | None
    tokenizer_sha256: str | None
    exact: bool
    rewind: Literal["any", "checkpoint", "recompute"]
    max_fan_out: Count
    fan_tokens: Count
    batch_rows: Count
    ragged: bool
    shaped: bool
    padded: bool
    note: str
    eos_id: Id | None
    start_ids: tuple[Id, ...]
    template_tokens: Mapping[str, Any]
    title: str
    noise: Noise | None
