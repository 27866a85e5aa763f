"""The trace format, versions 1 and 2: the single source of the JSON Schema and of what a reader accepts.

Unknown fields are kept wherever they stand, so that a file of a newer minor version survives being read and written.
All entropies and log-probabilities are in nats, ranks count from 1, node numbers and ids from 0.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from bftui.core.constrained import ConstraintState
from bftui.results.stored_result import kinds_schema
from bftui.trace.bounds import HUGE, LARGEST, MOST_CHOICES, MOST_MS, MOST_NATS, MOST_ROWS
from bftui.trace.links import Links

FORMAT = "bftui-trace"
VERSION = 2
"""The newest that is read. 2 is written only where a reader of 1 would misread: other ways to draw than its own."""

_PREFIX = "Trace"
"""Tells the classes here from those of the same things elsewhere."""

Id = Annotated[int, Field(ge=0, le=LARGEST)]
Count = Annotated[int, Field(ge=1, le=LARGEST)]
Draw = Annotated[int, Field(ge=0, lt=2**63)]
Nats = Annotated[float, Field(ge=0, le=MOST_NATS)]
Choices = Annotated[float, Field(ge=1, le=MOST_CHOICES)]
LogProb = Annotated[float, Field(ge=-HUGE, le=1e-6)]
Spread = Annotated[float, Field(ge=0, le=HUGE)]
Bias = Annotated[float, Field(ge=-HUGE, le=HUGE)]
_PAIR = Strict(False)
"""Of two values that JSON has as a list."""

Probability = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[float, Field(ge=0, le=MOST_MS)]


def _left_out(description: str) -> Any:
    """A field that is not written where it is None."""
    return Field(default=None, exclude_if=lambda value: value is None, description=description)


class TracePart(BaseModel):
    """A piece of a trace: strict about what it knows, silent about what it does not."""

    model_config = ConfigDict(
        extra="allow", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=()
    )


class TraceNoise(TracePart):
    """One fixed text of a model, read token by token and in the other shapes of batches in use; sd about 0, nats."""

    positions: Count
    rows: Count
    logit_sd: Spread
    logit_max: Spread
    logprob_sd: Spread
    logprob_max: Spread
    entropy_sd: Spread
    entropy_max: Spread
    entropy_truncated_sd: Spread
    entropy_truncated_max: Spread


class TraceMixedModel(TracePart):
    """One model of a mixture."""

    name: str
    backend: str
    library: str
    sha256: str | None
    dtype: str
    kv: str
    device: str


class TraceModel(TracePart):
    """What ran. `sha256` is of the weights file, of a directory's sorted file hashes, null for a server.

    `name` is the label that it was given, else the name of its file or directory; `title` is what it calls itself
    where that is another. `note` says what numbers of this model are good for: a practice model says that it is one.
    """

    name: str
    backend: str
    library: str
    source: str
    sha256: str | None
    tokenizer_sha256: str | None
    architecture: str
    n_vocab: Count
    n_ctx: Count
    dtype: str
    kv: str
    device: str
    threads: int
    title: str = Field(default="", exclude_if=lambda value: not value)
    rows: Annotated[int, Field(ge=1, le=MOST_ROWS)] | None = _left_out(
        "rows of every batch of continuations, where numbers depend on them"
    )
    parts: list[TraceMixedModel] | None = _left_out("the models that are mixed, in order")
    note: str = Field(default="", exclude_if=lambda value: not value)
    noise: TraceNoise | None = _left_out(
        "how far its numbers move with the shape of a batch, where that was measured"
    )


class Scores(TracePart):
    """Log-probability of each prompt token after the first, and the entropy before it."""

    logprob: list[float | None]
    entropy: list[float | None]


class TracePrompt(TracePart):
    """The whole prompt: as written, as rendered by the template, and as tokens."""

    text: str
    system: str | None
    messages: list[dict[str, Any]] | None
    template: str = Field(
        description="how it was written: raw, chat (the model's own template), page or urial"
    )
    rendered: str
    token_ids: list[Id]
    scores: Scores | None = None
    prefill: str = Field(
        default="",
        exclude_if=lambda value: not value,
        description="how the answer was made to begin; in `messages` the last one",
    )
    template_args: dict[str, Any] | None = _left_out(
        "what the chat template was told beside the conversation"
    )
    date: str | None = _left_out("the day that the chat template was told, YYYY-MM-DD")
    examples: list[Annotated[tuple[str, str], _PAIR]] | None = _left_out(
        "queries and answers before the query of urial, where they are not the usual ones"
    )
    special: Literal["text", "tokens"] = Field(
        default="text",
        exclude_if=lambda value: value == "text",
        description="what control tokens that are written in it were read as",
    )
    styled: str | None = _left_out(
        "the text with a style, as the later models of a mixture read it"
    )
    styled_ids: list[Id] | None = _left_out("its tokens")
    seam: Literal["base", "partner"] | None = _left_out(
        "of a partner's prompt: whose text after it begins with a blank that the other's lacks"
    )


class TracePartner(TracePart):
    """The second model and the prompt that it saw."""

    model: TraceModel
    prompt: TracePrompt


class TraceSettingsConstraint(TracePart):
    """What the text must be, from so many tokens after the prompt on."""

    kind: Literal["regex", "json-schema", "lark"]
    text: str
    start: Id


class TraceSettingsWindow(TracePart):
    """Positions after the prompt, from 0, with other settings; `stop` is excluded, null goes on to the end."""

    start: Id
    stop: Id | None
    changes: list[Annotated[tuple[str, float], _PAIR]]


class SamplerSettings(TracePart):
    """How tokens are drawn; 0, 1 and 0 switch top-k, top-p and min-p off. What is left out is off."""

    temperature: Annotated[float, Field(gt=0)]
    top_k: Annotated[int, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    min_p: Probability
    seed: Annotated[int, Field(ge=0, lt=2**64)]
    top_n_sigma: Spread | None = _left_out("tokens with logits so many deviations below the best")
    typical_p: Probability | None = _left_out("locally typical: the mass kept around the entropy")
    epsilon: Probability | None = _left_out("the least probability that is kept")
    eta: Probability | None = _left_out("the least probability that is kept, less where H is high")
    xtc_probability: Probability | None = _left_out("how often the likelier choices are left out")
    xtc_threshold: Probability | None = _left_out("from which probability on a token is a choice")
    added: list[Annotated[tuple[str, float], _PAIR]] | None = _left_out(
        "rules of other packages, with their values"
    )
    repetition_penalty: Spread | None = _left_out("of tokens that came before")
    frequency_penalty: Bias | None = _left_out("for each time that a token came before")
    presence_penalty: Bias | None = _left_out("for tokens that came before")
    penalty_window: Id | None = _left_out("how many of the latest tokens count; 0: all")
    dry_multiplier: Spread | None = _left_out("DRY: the penalty of the shortest repetition")
    dry_base: Spread | None = _left_out("DRY: how it grows with each token more")
    dry_length: Id | None = _left_out("DRY: tokens that may repeat freely")
    dry_window: Id | None = _left_out("DRY: how many of the latest tokens count; 0: all")
    bias: list[Annotated[tuple[Id, Bias], _PAIR]] | None = _left_out(
        "what is added to the logits of tokens"
    )
    banned: list[Id] | None = _left_out("tokens that are never drawn")
    pinned: list[Id] | None = _left_out("tokens that no truncation rule removes")
    weight: Bias | None = _left_out("of a mixture of models: how far from its first one")
    plausibility: Probability | None = _left_out(
        "of a mixture: the least share of its expert's largest P"
    )
    constraint: TraceSettingsConstraint | None = _left_out("what the text must be")
    windows: list[TraceSettingsWindow] | None = _left_out("positions with other settings")


class TraceToken(TracePart):
    """A display form and the exact bytes, in base64."""

    text: str
    bytes: str


class Top(TracePart):
    """The most probable candidates, by logit descending, then id ascending."""

    ids: list[Id]
    logprobs: list[LogProb]
    truncated: list[LogProb | None] | None = _left_out(
        "ln P~ of each, null where P~ is 0; absent where the kept tokens are the best `kept` ones"
    )

    @model_validator(mode="after")
    def _columns_agree(self) -> Top:
        if len(self.ids) != len(self.logprobs):
            raise ValueError(f"{len(self.ids)} ids but {len(self.logprobs)} logprobs")
        if self.truncated is not None and len(self.truncated) != len(self.ids):
            raise ValueError(f"{len(self.ids)} ids but {len(self.truncated)} truncated")
        return self


class TraceUnderConstraint(TracePart):
    """What a constraint makes of a distribution; where the text has left it or nothing goes on, P~ is without it.

    `mass` is that of the `allowed` tokens under P, `entropy_free` H(P~) of the same sampler without the constraint.
    """

    state: ConstraintState = Field(
        description="whether the text may end here: open (it must go on), may end, ends (it cannot go on), left or "
        "stuck (the constraint cannot hold)"
    )
    allowed: Id
    mass: Probability
    entropy_free: Nats


class Next(TracePart):
    """The distribution after a node: entropies of P and of P~ (truncated and renormalised), and the candidates."""

    entropy: Nats
    entropy_truncated: Nats
    bf: Choices
    bf_full: Choices
    kept: Count
    varentropy: Annotated[float, Field(ge=0, le=HUGE)]
    top: Top
    tail_mass: Probability
    entropy_lo: Nats
    entropy_hi: Nats
    hill2: Choices | None = _left_out(
        "Hill number of order 2 of P~: 1 / the sum of P~ squared; absent from older traces"
    )
    log_kept: Annotated[float, Field(ge=-HUGE, le=MOST_NATS)] | None = _left_out(
        "ln of the sum of P**(1/temperature) over P~'s support; only where `top` does not hold all of that"
    )
    constraint: TraceUnderConstraint | None = _left_out("only where a constraint governs the place")


class PartnerNode(TracePart):
    """The node's token in the partner's distribution, and the partner's distribution after it.

    `class` is that of Lin et al. (arXiv 2312.01552) by the partner's rank. The divergences are of the distributions
    that the token is read from; null where the ids of the two models do not mean the same, or where one is infinite.
    """

    rank: int | None
    logprob: float | None
    class_: str | None = Field(alias="class")
    kl_partner_base: float | None
    kl_base_partner: float | None
    js: float | None
    next: Next | None
    together: Annotated[list[Id], Field(min_length=2, max_length=2)] | None = _left_out(
        "with another vocabulary: which (from 0) of how many nodes that were compared together"
    )


class TraceRead(TracePart):
    """How a node was evaluated: alone, in a chunk of a text, or among rows that share a prefix.

    A chunk has `rows` tokens from the position `start` on; a prompt is read in chunks of `rows` from its first token.
    """

    kind: Literal["step", "chunk", "rows"]
    rows: Annotated[int, Field(ge=1, le=MOST_ROWS)]
    start: Id


class TraceNode(TracePart):
    """One token (node 0: the whole prompt); `logprob`, `logprob_truncated` and `rank` are in the parent's `next`."""

    id: Id
    parent: Id | None
    token_id: Id | None
    source: Literal["prompt", "sampled", "greedy", "forced", "nudged", "rollout"]
    sampler: Id
    draw: Draw | None
    logprob: LogProb | None
    logprob_truncated: LogProb | None
    rank: Count | None
    eog: bool
    next: Next | None
    partner: PartnerNode | None = None
    elapsed_ms: Milliseconds
    drawn_under: Id | None = _left_out(
        "the sampler of the draw, where `sampler` is another one that the numbers were recomputed under"
    )
    read: TraceRead | None = _left_out(
        "how it was evaluated, where the model's numbers depend on that"
    )


class TraceAction(TracePart):
    """One thing that was done, and the node where it ended."""

    at_ms: Milliseconds
    op: str
    args: dict[str, Any]
    node: Id


class TraceMeasurement(TracePart):
    """A result that belongs to a node: rollouts, look-ahead, response."""

    kind: str
    node: Id
    settings: dict[str, Any]
    result: dict[str, Any]


class LaterPrompt(TracePart):
    """A prompt given after the first: a node without a parent, and what it holds."""

    node: Id
    prompt: TracePrompt
    partner: TracePrompt | None = _left_out("the partner's prompt")


class Head(TracePart):
    """What a session starts from."""

    format: Literal["bftui-trace"]
    version: Literal[1, 2]
    bftui: str
    created: str
    model: TraceModel
    prompt: TracePrompt
    partner: TracePartner | None
    samplers: Annotated[list[SamplerSettings], Field(min_length=1)]


class Outline(Head):
    """A session without what grows with every step: nodes, actions and measurements."""

    tokens: dict[Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,9})$")], TraceToken]
    path: list[Id]
    marks: dict[str, Id]
    pruned: list[Id]
    prompts: list[LaterPrompt] = Field(
        default=[], description="prompts after the first; each is a node without a parent"
    )
    folded: list[Id] = Field(
        default=[], description="nodes that hide what comes after them on the screen"
    )
    partner_tokens: dict[str, TraceToken] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="the ids in the partner's `next`; absent where they are those of `tokens`",
    )
    draws: Draw = Field(
        default=0, description="tokens sampled by steps so far: the t of the next draw"
    )

    def check_links(self, links: Links) -> None:
        """Raises ValueError unless every reference to a node, sampler or token exists, and the path is a path."""
        links.check_roots(later.node for later in self.prompts)
        links.check_samplers(len(self.samplers))
        prompts = [self.prompt, *(later.prompt for later in self.prompts)]
        if not all(prompt.token_ids for prompt in prompts):
            raise ValueError("prompt: it has no tokens")
        ids = {token_id for prompt in prompts for token_id in prompt.token_ids}
        links.check_ids(self.model.n_vocab, ids)
        for token_id in sorted(ids | links.used):
            if str(token_id) not in self.tokens:
                raise ValueError(f"tokens: {token_id} occurs and is not among them")
        links.check_references(
            {
                "path": self.path,
                "marks": self.marks.values(),
                "pruned": self.pruned,
                "folded": self.folded,
            }
        )
        links.check_path(self.path)


class TraceDocument(Outline):
    """One session."""

    nodes: Annotated[list[TraceNode], Field(min_length=1)]
    actions: list[TraceAction]
    measurements: list[TraceMeasurement]

    @model_validator(mode="after")
    def _links_hold(self) -> TraceDocument:
        """Parents come before children, every reference exists, the path is a path."""
        links = Links()
        for node in self.nodes:
            candidates = () if node.next is None else node.next.top.ids
            links.add(node.id, node.parent, node.token_id, node.sampler, candidates)
        self.check_links(links)
        links.check_references(
            {
                "actions": [action.node for action in self.actions],
                "measurements": [measurement.node for measurement in self.measurements],
            }
        )
        return self


def json_schema() -> dict[str, Any]:
    """Describes a trace as JSON Schema, draft 2020-12; its definitions are named without the `Trace` of our classes."""
    schema = TraceDocument.model_json_schema(by_alias=True)
    text = json.dumps(schema)
    for name in schema["$defs"]:
        short = name.removeprefix(_PREFIX)
        text = text.replace(f'"{name}"', f'"{short}"').replace(
            f'"#/$defs/{name}"', f'"#/$defs/{short}"'
        )
    schema = json.loads(text)
    results: dict[str, Any] = {}
    schema["$defs"]["Measurement"]["allOf"] = kinds_schema(results)
    assert not results.keys() & schema["$defs"].keys()
    schema["$defs"] |= results
    schema["$defs"] = dict(sorted(schema["$defs"].items()))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": FORMAT}
