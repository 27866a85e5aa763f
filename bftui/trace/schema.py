"""The trace format, version 1: the single source of the JSON Schema and of what a reader accepts.

Unknown fields are kept wherever they stand, so that a file of a newer minor version survives being read and written.
All entropies and log-probabilities are in nats, ranks count from 1, node numbers and ids from 0.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

FORMAT = "bftui-trace"
VERSION = 1

Id = Annotated[int, Field(ge=0)]
Nats = Annotated[float, Field(ge=0)]
LogProb = Annotated[float, Field(le=1e-6)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A piece of a trace: strict about what it knows, silent about what it does not."""

    model_config = ConfigDict(
        extra="allow", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )


class Model(Part):
    """What ran. `sha256` is of the weights file, of a directory's sorted file hashes, null for a server."""

    name: str
    backend: str
    library: str
    source: str
    sha256: str | None
    tokenizer_sha256: str | None
    architecture: str
    n_vocab: Annotated[int, Field(gt=0)]
    n_ctx: Annotated[int, Field(gt=0)]
    dtype: str
    kv: str
    device: str
    threads: int


class Scores(Part):
    """Log-probability of each prompt token after the first, and the entropy before it."""

    logprob: list[float | None]
    entropy: list[float | None]


class Prompt(Part):
    """The whole prompt: as written, as rendered by the template, and as tokens."""

    text: str
    system: str | None
    messages: list[dict[str, Any]] | None
    template: str
    rendered: str
    token_ids: list[Id]
    scores: Scores | None = None
    prefill: str = Field(
        default="",
        exclude_if=lambda value: not value,
        description="how the answer was made to begin; in `messages` the last one",
    )


class Partner(Part):
    """The second model and the prompt that it saw."""

    model: Model
    prompt: Prompt


class SamplerSettings(Part):
    """Temperature and cut; 0, 1 and 0 switch top-k, top-p and min-p off."""

    temperature: Annotated[float, Field(gt=0)]
    top_k: Annotated[int, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    min_p: Probability
    seed: Annotated[int, Field(ge=0, lt=2**64)]


class Token(Part):
    """A display form and the exact bytes, in base64."""

    text: str
    bytes: str


class Top(Part):
    """The most probable candidates, by logit descending, then id ascending."""

    ids: list[Id]
    logprobs: list[float]

    @model_validator(mode="after")
    def _columns_agree(self) -> Top:
        if len(self.ids) != len(self.logprobs):
            raise ValueError(f"{len(self.ids)} ids but {len(self.logprobs)} logprobs")
        return self


class Next(Part):
    """The distribution after a node: entropies of P and of P~ (cut and renormalised), and the candidates."""

    entropy: Nats
    entropy_truncated: Nats
    bf: Annotated[float, Field(ge=1)]
    bf_full: Annotated[float, Field(ge=1)]
    kept: Annotated[int, Field(ge=1)]
    varentropy: Nats
    top: Top
    tail_mass: Probability
    entropy_lo: Nats
    entropy_hi: Nats
    hill2: Annotated[float, Field(ge=1)] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="Hill number of order 2 of P~: 1 / the sum of P~ squared; absent from older traces",
    )


class PartnerNode(Part):
    """The same token in the partner's distribution."""

    rank: int | None
    logprob: float | None
    class_: str | None = Field(alias="class")
    kl_partner_base: float | None
    kl_base_partner: float | None
    js: float | None
    next: Next | None


class Node(Part):
    """One token (node 0: the whole prompt); `logprob`, `logprob_truncated` and `rank` are in the parent's `next`."""

    id: Id
    parent: Id | None
    token_id: Id | None
    source: Literal["prompt", "sampled", "greedy", "forced", "nudged", "rollout"]
    sampler: Id
    draw: Id | None
    logprob: LogProb | None
    logprob_truncated: LogProb | None
    rank: Annotated[int, Field(ge=1)] | None
    eog: bool
    next: Next | None
    partner: PartnerNode | None = None
    elapsed_ms: Annotated[float, Field(ge=0)]
    drawn_under: Id | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the sampler of the draw, where `sampler` is another one that the numbers were made anew under",
    )


class Action(Part):
    """One thing that was done, and the node where it ended."""

    at_ms: Annotated[float, Field(ge=0)]
    op: str
    args: dict[str, Any]
    node: Id


class Measurement(Part):
    """A result that belongs to a node: rollouts, look-ahead, response."""

    kind: str
    node: Id
    settings: dict[str, Any]
    result: dict[str, Any]


class LaterPrompt(Part):
    """A prompt given after the first: a node without a parent, and what it holds."""

    node: Id
    prompt: Prompt


class Trace(Part):
    """One session."""

    format: Literal["bftui-trace"]
    version: Literal[1]
    bftui: str
    created: str
    model: Model
    prompt: Prompt
    partner: Partner | None
    samplers: Annotated[list[SamplerSettings], Field(min_length=1)]
    tokens: dict[str, Token]
    nodes: Annotated[list[Node], Field(min_length=1)]
    path: list[Id]
    marks: dict[str, Id]
    pruned: list[Id]
    actions: list[Action]
    measurements: list[Measurement]
    prompts: list[LaterPrompt] = Field(
        default=[], description="prompts after the first; each is a node without a parent"
    )
    folded: list[Id] = Field(
        default=[], description="nodes that hide what comes after them on the screen"
    )
    draws: Id = Field(
        default=0, description="tokens sampled by steps so far: the t of the next draw"
    )

    @model_validator(mode="after")
    def _links_hold(self) -> Trace:
        """Parents come before children, every reference exists, the path is a path."""
        n = len(self.nodes)
        roots = {0, *(later.node for later in self.prompts)}
        for place, node in enumerate(self.nodes):
            if node.id != place:
                raise ValueError(f"node {node.id} stands at place {place}")
            if (node.parent is None) != (place in roots):
                raise ValueError(f"node {place}: only prompts have no parent")
            if (node.parent is None) != (node.token_id is None):
                raise ValueError(f"node {place}: a prompt has no token, any other node has one")
            if node.parent is not None and node.parent >= place:
                raise ValueError(f"node {place}: its parent {node.parent} does not come before it")
            if node.sampler >= len(self.samplers):
                raise ValueError(f"node {place}: there is no sampler {node.sampler}")
        for name, ids in (
            ("path", self.path),
            ("marks", list(self.marks.values())),
            ("pruned", self.pruned),
            ("folded", self.folded),
            ("actions", [action.node for action in self.actions]),
            ("measurements", [measurement.node for measurement in self.measurements]),
        ):
            if any(i >= n for i in ids):
                raise ValueError(f"{name}: there are only {n} nodes")
        for before, after in zip([None, *self.path], self.path, strict=False):
            if self.nodes[after].parent != before:
                raise ValueError(f"path: node {after} does not follow {before}")
        return self


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a trace, draft 2020-12."""
    schema = Trace.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": FORMAT}
