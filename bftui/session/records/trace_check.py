"""A trace held against a model: every token once more, evaluated as it was when it was made, or in chunks."""

from __future__ import annotations

import itertools
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bftui.backends.client.client_protocol import StepResult
from bftui.backends.protocol import ModelInfo
from bftui.core.batch import Batch, batches, most_scored
from bftui.core.distribution import NextToken
from bftui.core.errors import ModelError
from bftui.core.job import Job
from bftui.core.sampler import Sampler
from bftui.model.loaded_model import Model
from bftui.results.check_result import (
    CheckedModel,
    CheckedModels,
    CheckOutput,
    CheckTolerance,
)
from bftui.results.codec import finite
from bftui.session.records.resume import same_model
from bftui.trace.nodes import batch_of
from bftui.trace.reading import TraceFile

_PIECE = 512
"""Nodes that are asked for at once; between two pieces of a branch one token is evaluated again."""

_FIRST_TREE = 1 << 40
"""Trees of sessions are numbered from 0; those of checks from here."""

_numbers = itertools.count(_FIRST_TREE)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a number may be off, in nats.

    Attributes:
        entropy, logprob: at a node.
        mean_entropy, mean_logprob: in the mean over all nodes; infinite where that is not judged by itself.
        noise: whether they are those of the model's noise floor.
    """

    entropy: float
    logprob: float
    mean_entropy: float = math.inf
    mean_logprob: float = math.inf
    noise: bool = False


FINE, COARSE = Tolerance(1e-5, 1e-4), Tolerance(2e-2, 2e-2)
"""Where the same arithmetic is done again, and where another one has part and the trace has no noise floor."""


def tolerance_for(recorded: dict[str, Any], info: ModelInfo, *, alike: bool = True) -> Tolerance:
    """Chooses the tolerance for a trace's `model` and the model that it is held against.

    `alike` says that positions are read in the batches in which they were made.
    """
    if recorded["backend"] == info.backend and (
        _float32(recorded, info) or (alike and info.shaped and _same_arithmetic(recorded, info))
    ):
        return FINE
    noise = recorded.get("noise")
    if not noise:
        return COARSE
    return Tolerance(
        2 * noise["entropy_max"],
        2 * noise["logprob_max"],
        2 * noise["entropy_sd"],
        2 * noise["logprob_sd"],
        noise=True,
    )


def _float32(recorded: dict[str, Any], info: ModelInfo) -> bool:
    return all(
        model["dtype"] in ("float32", "f32") and model["kv"] in ("float32", "f32")
        for model in (recorded, {"dtype": info.dtype, "kv": info.kv})
    )


def _same_arithmetic(recorded: dict[str, Any], info: ModelInfo) -> bool:
    """Whether the same library computes the same weights with the same types on the same kind of device."""
    names = ("library", "device", "dtype", "kv", "sha256")
    return all(recorded[name] == getattr(info, name) for name in names)


@dataclass(slots=True)
class Drift:
    """How far one kind of number is off, over the nodes where it was compared.

    Attributes:
        most: the largest difference, in nats; infinite where only one of the two is.
        node: where.
        total, count: the sum of the finite differences, and how many there are.
    """

    most: float = 0.0
    node: int | None = None
    total: float = 0.0
    count: int = 0

    @property
    def mean(self) -> float:
        """The mean of the finite differences, in nats."""
        return self.total / self.count if self.count else 0.0

    def add(self, node: int, difference: float) -> None:
        """Adds one comparison, in nats."""
        if math.isfinite(difference):
            self.total += difference
            self.count += 1
        if difference > self.most or self.node is None:
            self.most, self.node = difference, node


class Checking(Job):
    """Evaluates every path of a trace and compares entropy, log-probability and rank at every node.

    Attributes:
        alike: whether positions are read in the batches in which they were made, where that matters.
        checked: nodes compared so far.
        entropy, logprob: how far they are off.
        ranks: how many tokens have another rank.
        past: the first node, by number, that is off by more than the tolerance; None where none is.
    """

    def __init__(
        self,
        model: Model,
        trace: TraceFile,
        tolerance: Tolerance | None = None,
        *,
        fast: bool = False,
    ) -> None:
        """Without a tolerance `tolerance_for` says it; `fast` reads in chunks, which may give other numbers.

        Raises ModelError where the tokens of the trace mean something else to the model.
        """
        _check_tokens(model, trace)
        self._batches = [] if fast else _batches(trace)
        self.alike = bool(self._batches) or not model.info.shaped
        recorded = trace.outline.model.model_dump(mode="json")
        self.tolerance = tolerance or tolerance_for(recorded, model.info, alike=self.alike)
        self.checked = self.ranks = 0
        self.entropy, self.logprob = Drift(), Drift()
        self.past: int | None = None
        self._model, self._trace = model, trace
        self._entropies, self._logprobs = array("d"), array("d")
        self._ranks, self._samplers = array("i"), array("i")
        super().__init__()

    @property
    def share(self) -> float:
        return self.checked / self._trace.count

    @property
    def different(self) -> bool:
        """Whether a node was off by more than the tolerance, or all of them in the mean."""
        allowed = self.tolerance
        means = self.entropy.mean > allowed.mean_entropy or self.logprob.mean > allowed.mean_logprob
        return self.past is not None or (self.checked == self._trace.count and means)

    @property
    def within_noise(self) -> bool:
        """Whether numbers are off by no more than the model's noise floor."""
        return self.tolerance.noise and not self.different

    def result(self) -> CheckOutput:
        """Says what was found."""
        judged = ("entropy", "logprob", "mean_entropy", "mean_logprob")
        recorded, info = self._recorded, self._model.info
        return CheckOutput(
            nodes=self.checked,
            max_entropy_drift=self.entropy.most,
            max_logprob_drift=self.logprob.most,
            first_past_tolerance=self.past,
            same_model=same_model(self._model, recorded),
            mean_entropy_drift=self.entropy.mean,
            mean_logprob_drift=self.logprob.mean,
            max_entropy_drift_node=self.entropy.node,
            max_logprob_drift_node=self.logprob.node,
            ranks_changed=self.ranks,
            tolerance=CheckTolerance(
                **{name: finite(getattr(self.tolerance, name)) for name in judged}
            ),
            within_noise=self.within_noise,
            same_batches=self.alike,
            model=CheckedModels(
                trace=CheckedModel(**{name: recorded[name] for name in _NAMED}),
                checked=CheckedModel(**{name: getattr(info, name) for name in _NAMED}),
            ),
        )

    @property
    def _recorded(self) -> dict[str, Any]:
        fields: dict[str, Any] = self._trace.outline.model.model_dump(mode="json")
        return fields

    def _work(self) -> Iterator[None]:
        trace, client = self._trace, self._model.client
        for fields in trace.nodes():
            after, logprob = fields["next"], fields["logprob"]
            self._entropies.append(math.nan if after is None else after["entropy"])
            self._logprobs.append(-math.inf if logprob is None else logprob)
            self._ranks.append(fields["rank"] or 0)
            self._samplers.append(fields["sampler"])
        links = trace.links
        prompts = {node: tuple(prompt.token_ids) for node, prompt in trace.prompts().items()}
        number = next(_numbers)
        shaped = self._model.info.shaped
        if shaped and not self._batches:
            begun = {node: len(ids) for node, ids in prompts.items()}
            self._batches = _in_chunks(links.parents, begun, most_scored(self._model.info.n_vocab))
        known = self._batches if shaped else []
        client.load_tree(number, links.parents.tolist(), links.tokens.tolist(), prompts, known)
        if self._model.mixes:
            for prompt in trace.prompts().values():
                client.pair_prompts(prompt.token_ids, prompt.styled_ids or prompt.token_ids)
        try:
            for branch in branches(links.parents):
                for nodes, sampler in self._slices(branch):
                    open_end = not math.isnan(self._entropies[nodes[-1]])
                    found = client.rescore(number, nodes, sampler, open_end)
                    for node, result in zip(nodes, found, strict=True):
                        self._compare(node, result)
                    yield
        finally:
            client.release_tree(number)

    def _slices(self, branch: Sequence[int]) -> Iterator[tuple[Sequence[int], Sampler]]:
        """Slices of a branch that are read at once, each with its sampler.

        What is compared is of no sampler, but in a mixture, where the weight makes P.
        """
        mixed, numbers = bool(self._model.info.parts), self._samplers
        for number, run in itertools.groupby(branch, lambda node: numbers[node] if mixed else 0):
            nodes, sampler = list(run), self._trace.samplers[number]
            for start in range(0, len(nodes), _PIECE):
                yield nodes[start : start + _PIECE], sampler

    def _compare(self, node: int, found: StepResult | NextToken) -> None:
        after = found if isinstance(found, NextToken) else found.next
        off = False
        recorded = self._entropies[node]
        if after is not None and not math.isnan(recorded):
            drift = abs(after.entropy - recorded)
            self.entropy.add(node, drift)
            off = drift > self.tolerance.entropy
        if isinstance(found, StepResult):
            logprob, before = found.scored.logprob, self._logprobs[node]
            drift = 0.0 if logprob == before else abs(logprob - before)
            self.logprob.add(node, drift)
            off |= drift > self.tolerance.logprob
            self.ranks += found.scored.rank != self._ranks[node]
        if off:
            self.past = node if self.past is None else min(self.past, node)
        self.checked += 1


_NAMED = ("name", "backend", "dtype", "kv", "device", "sha256")


def _batches(trace: TraceFile) -> list[Batch | None]:
    """What each node of a trace was evaluated in; empty where a node does not say so."""
    found = [batch_of(fields) for fields in trace.nodes()]
    return [] if None in found else found


def _in_chunks(parents: array[int], begun: Mapping[int, int], size: int) -> list[Batch | None]:
    """The batches in which branches are read fastest, of up to `size` tokens; `begun` has the length of each prompt."""
    found: list[Batch | None] = [None] * len(parents)
    ends = array("i", [0]) * len(parents)
    for branch in branches(parents):
        tokens = branch
        if branch[0] in begun:
            ends[branch[0]], tokens = begun[branch[0]], branch[1:]
        if not tokens:
            continue
        start = ends[parents[tokens[0]]]
        each = batches(start, start + len(tokens), size, scored=True)
        for place, (node, batch) in enumerate(zip(tokens, each, strict=True), start=start + 1):
            found[node], ends[node] = batch, place
    return found


def branches(parents: array[int]) -> Iterator[list[int]]:
    """Walks every node once, in slices of paths: each node of a slice is the parent of the next one.

    A slice goes on to a leaf. The next one starts at the deepest fork that is left, so that as little as possible of
    what is in a cache is dropped.
    """
    first, sibling = array("i", [-1]) * len(parents), array("i", [-1]) * len(parents)
    roots: list[int] = []
    for node in range(len(parents) - 1, -1, -1):
        parent = parents[node]
        if parent < 0:
            roots.append(node)
        else:
            sibling[node], first[parent] = first[parent], node
    waiting = roots
    while waiting:
        node = waiting.pop()
        branch = [node]
        if sibling[node] >= 0:
            waiting.append(sibling[node])
        while (node := first[node]) >= 0:
            branch.append(node)
            if sibling[node] >= 0:
                waiting.append(sibling[node])
        yield branch


def _check_tokens(model: Model, trace: TraceFile) -> None:
    """Raises ModelError unless every token of the trace has the same bytes in the model's vocabulary."""
    recorded = trace.outline.model
    known = model.info.tokenizer_sha256
    if known is not None and known == recorded.tokenizer_sha256:
        return
    for text in trace.outline.tokens:
        token_id = int(text)
        ours = model.token_bytes(token_id) if token_id < model.info.n_vocab else None
        if ours != trace.token_bytes(token_id):
            raise ModelError(
                f"{model.info.name} cannot check this trace",
                f"token {token_id} is another one in its vocabulary",
                "name a model with the vocabulary of the trace",
            )
