"""Order where the valid answers cannot be written out: at the places of some answers, token by token.

Answers are drawn by the model inside the constraint: from P, restricted to the valid tokens of each place. All valid
tokens weigh alike, which departs from arXiv 2605.11128, whose recall counts the answers behind each; so shape is not
known. The product of the valid mass along such an answer is an unbiased estimate of validity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bftui.backends.client.client_protocol import TriePlan
from bftui.core.draws import Purpose, prefix_key, uniform
from bftui.core.errors import UsageError
from bftui.core.job import Job
from bftui.core.text import counted
from bftui.core.valid.node_reading import NodeReading
from bftui.core.valid.token_trie import TrieNode
from bftui.measures.calibration.token_constraint import TokenConstraint
from bftui.measures.site import Site
from bftui.results.calibration_result import (
    CalibrationResult,
    CalibrationSettings,
    OrderCalibration,
    ValidAnswer,
)
from bftui.results.stored_result import StoredResult

ANSWERS, HORIZON = 32, 64
"""How many answers are drawn, and how many tokens each has at most, where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class ConstrainedPlace:
    """What is kept of one place; see `NodeReading`. `valid` is the number of valid ways on."""

    path: tuple[int, ...]
    valid: int
    valid_mass: float
    auc: float
    recall_at_precision: float
    oracle_recall: float
    inversions: int


@dataclass(slots=True)
class _Answer:
    """An answer that grows: ln P of its tokens, and the ln of the valid mass along it; `ended` with its terminator."""

    path: tuple[int, ...] = ()
    logprob: float = 0.0
    log_mass: float = 0.0
    ended: bool = False
    stopped: bool = False


class GrammarCalibration(Job):
    """Order after the path of a node, under a constraint.

    Attributes:
        site: where answers begin.
        places: the different places that were read, in the order in which they were.
    """

    def __init__(
        self,
        site: Site,
        constraint: TokenConstraint,
        settings: CalibrationSettings,
        *,
        answers: int = ANSWERS,
        horizon: int = HORIZON,
        text: str | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        """Draws `answers` of at most `horizon` tokens, or follows the one text that is given.

        `notes` are told with the result.

        Raises UsageError for less than one answer or token, and for a text that the constraint does not allow.
        """
        if answers < 1 or horizon < 1:
            raise UsageError("a constraint is read along at least one answer of one token")
        self.site, self._constraint, self._settings = site, constraint, settings
        self._given = None if text is None else tuple(site.model.tokenize(text))
        self._horizon = horizon if self._given is None else len(self._given)
        self._answers = [_Answer() for _ in range(answers if self._given is None else 1)]
        if self._given is not None:
            constraint.node(self._given)
        self._key, self._said = prefix_key(site.prefix), notes
        self.places: list[ConstrainedPlace] = []
        self._depth = 0
        super().__init__()

    @property
    def node(self) -> int:
        """The node that answers begin after."""
        return self.site.node

    @property
    def share(self) -> float:
        return 1.0 if self.done else self._depth / (self._horizon + 1)

    @property
    def doing(self) -> str:
        """What it does now, for people."""
        return f"{self._settings.valid}: {counted(len(self.places), 'place')}"

    def settings(self) -> CalibrationSettings:
        """Says what was asked for."""
        return self._settings

    def stored(self) -> StoredResult | None:
        """Returns what a trace keeps; None before all is read."""
        if not self.done:
            return None
        return StoredResult("calibration", self.node, self._settings, self.result())

    def _work(self) -> Iterator[None]:
        sampler = replace(self.site.sampler, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)
        for depth in range(self._horizon + 1):
            self._depth = depth
            growing = [each for each in self._answers if not (each.ended or each.stopped)]
            paths = sorted({each.path for each in growing})
            if not paths:
                return
            nodes = [self._constraint.node(path) for path in paths]
            readings: dict[tuple[int, ...], tuple[TrieNode, NodeReading]] = {}
            plan = TriePlan(self.site.prefix, list(enumerate(nodes)), sampler, ())
            for reading in self.site.model.client.read_trie(plan):
                node = nodes[reading.node]
                readings[node.path] = node, reading
                self.places.append(_place(node, reading))
                yield
            for number, answer in enumerate(self._answers):
                if not (answer.ended or answer.stopped):
                    self._grow(number, answer, *readings[answer.path])

    def _grow(self, number: int, answer: _Answer, node: TrieNode, reading: NodeReading) -> None:
        """Appends the token that comes next, or ends the answer."""
        depth = len(answer.path)
        chosen = self._chosen(number, depth, node, reading.logprobs)
        if chosen is None:
            answer.stopped = True
            return
        edge = node.edges[chosen]
        ends = edge.token_ids == self._constraint.ends
        if not ends and depth == self._horizon:
            answer.stopped = True
            return
        answer.logprob += float(reading.logprobs[chosen])
        answer.log_mass += math.log(reading.valid_mass) if reading.valid_mass else -math.inf
        answer.ended = ends
        if not ends:
            answer.path = (*answer.path, *edge.token_ids)

    def _chosen(
        self, number: int, depth: int, node: TrieNode, logprobs: NDArray[np.float64]
    ) -> int | None:
        """The edge that is given or drawn; None where no valid token can be drawn."""
        if self._given is not None:
            wanted = self._given[depth : depth + 1] or self._constraint.ends
            return next((n for n, edge in enumerate(node.edges) if edge.token_ids == wanted), None)
        total = np.cumsum(np.exp(logprobs))
        if not total[-1] > 0:
            return None
        u = uniform(self.site.sampler.seed, Purpose.ROLLOUT, depth, number, self._key)
        return int(np.searchsorted(total, u * total[-1], side="right"))

    # What was found ----------------------------------------------------------------------------------------------

    def result(self) -> CalibrationResult:
        """Says what was found so far; order is averaged over the different places."""
        ended = [each for each in self._answers if each.ended]
        drawn = self._given is None and self.done
        validity, interval = self._validity() if drawn else (None, None)
        return CalibrationResult(
            how="grammar",
            answers_in_set=max(1, len({each.path for each in ended})),
            nodes=max(1, len(self.places)),
            read=len(self.places),
            validity=validity,
            validity_ci=interval,
            diversity=None,
            validity_truncated=None,
            diversity_truncated=None,
            effective=None,
            kl_uniform=None,
            distance_uniform=None,
            other_spellings=None,
            order=self._order(),
            shape=None,
            steps=(),
            bounds=None,
            frontier=(),
            answers=self._listed(ended),
            notes=tuple(self._notes(ended)),
        )

    def _order(self) -> OrderCalibration | None:
        if not self.places:
            return None

        def mean(values: Iterator[float]) -> float:
            return math.fsum(values) / len(self.places)

        return OrderCalibration(
            auc=mean(each.auc for each in self.places),
            recall_at_precision=mean(each.recall_at_precision for each in self.places),
            oracle_recall=mean(each.oracle_recall for each in self.places),
            inversions=mean(each.inversions for each in self.places),
        )

    def _validity(self) -> tuple[float, tuple[float, float] | None]:
        """P of a valid answer, and its 95 % interval; an answer that did not end adds nothing."""
        products = np.array([math.exp(a.log_mass) if a.ended else 0.0 for a in self._answers])
        mean = min(1.0, float(products.mean()))
        if len(products) < 2:
            return mean, None
        half = 1.96 * float(products.std(ddof=1)) / math.sqrt(len(products))
        return mean, (max(0.0, mean - half), min(1.0, mean + half))

    def _listed(self, ended: Sequence[_Answer]) -> tuple[ValidAnswer, ...]:
        found = {each.path: each for each in ended}
        token_bytes = self.site.model.token_bytes
        return tuple(
            ValidAnswer(
                text=b"".join(map(token_bytes, each.path)).decode(errors="replace"),
                token_ids=each.path,
                logprob=each.logprob if math.isfinite(each.logprob) else None,
            )
            for each in sorted(found.values(), key=lambda each: -each.logprob)
        )

    def _notes(self, ended: Sequence[_Answer]) -> Iterator[str]:
        yield from self._said
        yield "how many valid answers go on from a token is not known: all valid tokens weigh alike"
        places, answers = counted(len(self.places), "place"), counted(len(self._answers), "answer")
        how = "drawn inside the constraint" if self._given is None else "given"
        yield f"order is that of {places} along {answers} {how}"
        cut = len(self._answers) - len(ended)
        if self.done and cut and self._given is None:
            left = f"{counted(cut, 'answer')} did not end within {self._horizon} tokens"
            yield f"{left}: validity is at least what is said"


def _place(node: TrieNode, reading: NodeReading) -> ConstrainedPlace:
    return ConstrainedPlace(
        path=node.path,
        valid=len(node.edges),
        valid_mass=min(1.0, reading.valid_mass),
        auc=reading.auc,
        recall_at_precision=reading.recall_at_precision,
        oracle_recall=reading.oracle_recall,
        inversions=reading.inversions,
    )
