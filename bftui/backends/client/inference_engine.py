"""The outer protocol, done: one backend, the paths that are known to it, and everything the session may ask.

Paths travel as (known node, new tokens): the engine mirrors each session's tree as parents and token ids, and keeps
the logits of the latest nodes, so that a step costs one evaluation and one small reply. Used in process by the
Python interface, and behind the pipe of `worker_client.py` by workbench and commands; both give the same numbers.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from bftui.backends.client import noise_measurement
from bftui.backends.client.candidate_pages import TokenLabels, candidate_page
from bftui.backends.client.client_protocol import (
    PLAIN,
    Page,
    PathsPlan,
    RolloutPlan,
    RolloutStep,
    StepResult,
    TopToken,
    TriePlan,
)
from bftui.backends.client.continuation_batches import (
    ContinuationPool,
    DrawingPlan,
    Start,
    rollouts,
)
from bftui.backends.client.lookahead_batches import lookahead
from bftui.backends.client.path_reading import read_paths
from bftui.backends.client.placed_batches import placed_rollouts
from bftui.backends.client.recent_logits import RecentLogits
from bftui.backends.client.text_reading import Reading, in_memory
from bftui.backends.client.tree_paths import TreePaths
from bftui.backends.client.trie_batches import read_trie
from bftui.backends.protocol import (
    F32,
    Backend,
    Evaluator,
    Logits,
    PairedPrompts,
    TokenDistribution,
)
from bftui.core.batch import CHUNK, Batch, afresh, batches, most_scored, step
from bftui.core.distribution import NextToken, TokenScore
from bftui.core.errors import Cancelled, UsageError
from bftui.core.kept_tokens import RuleEffect
from bftui.core.noise_floor import Noise
from bftui.core.path_round import PathReading
from bftui.core.sampler import Sampler
from bftui.core.valid.node_reading import NodeReading

P = ParamSpec("P")
R = TypeVar("R")


def _one_at_a_time(method: Callable[P, R]) -> Callable[P, R]:
    """Lets threads take turns: backends crash, or answer wrongly, when two evaluate at once."""

    @wraps(method)
    def turn(*args: P.args, **kwargs: P.kwargs) -> R:
        engine: Any = args[0]
        with engine.turn:
            return method(*args, **kwargs)

    return turn


class InferenceEngine:
    """Implements `ModelClient`, which says what each method does, over a backend.

    Threads take turns; `cancel` alone comes in between.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.turn = threading.RLock()
        self.info = backend.info
        self._pool = ContinuationPool(backend, self.turn)
        self._sampling = self._pool.sampling
        self._reading = Reading(backend, self.turn, self._check)
        self._trees: dict[int, TreePaths] = {}
        self._logits = RecentLogits(self.info)
        self._prefix: tuple[tuple[int, int], list[int], list[Batch], int] | None = None
        self._latest: tuple[tuple[int, int], Sampler, TokenDistribution] | None = None
        self._cancelled = threading.Event()
        self._labels = TokenLabels(backend)

    @_one_at_a_time
    def load_tree(
        self,
        tree: int,
        parents: Sequence[int],
        tokens: Sequence[int],
        prompts: dict[int, tuple[int, ...]],
        batches: Sequence[Batch | None] = (),
    ) -> None:
        known = {node: batch for node, batch in enumerate(batches) if batch is not None}
        self._trees[tree] = TreePaths(array("i", parents), array("i", tokens), dict(prompts), known)

    @_one_at_a_time
    def release_tree(self, tree: int) -> None:
        self._trees.pop(tree, None)

    def _path(self, tree: int, node: int) -> tuple[list[int], list[Batch]]:
        """The absolute prefix of a node, with batches. The latest one is kept: going on costs no walk to the root."""
        key = (tree, node)
        if self._prefix is None or self._prefix[0] != key:
            self._prefix = (key, *self._trees[tree].prefix(node))
        return self._prefix[1:3]

    def _prompt(self, tree: int, node: int) -> int:
        """How many tokens of the absolute prefix of a node are the prompt."""
        self._path(tree, node)
        assert self._prefix is not None
        return self._prefix[3]

    def _extend(self, tree: int, parent: int, node: int, token_id: int, batch: Batch) -> None:
        ids, path = self._path(tree, parent)
        prompt = self._prompt(tree, parent)
        self._trees[tree].add(node, parent, token_id, batch if self.info.shaped else None)
        # A number that the session did not keep comes again for another token.
        self._logits.forget((tree, node))
        if self._latest is not None and self._latest[0] == (tree, node):
            self._latest = None
        ids.append(token_id)
        path.append(batch)
        self._prefix = ((tree, node), ids, path, prompt)

    def _after(self, tree: int, node: int) -> Logits:
        """The logits after a node, evaluated where they are not among the recent ones."""
        logits = self._logits.get((tree, node))
        if logits is None:
            logits = self._evaluated_after(tree, *self._path(tree, node))
            self._logits.keep((tree, node), logits)
        return logits

    def _evaluated_after(self, tree: int, ids: Sequence[int], path: Sequence[Batch]) -> Logits:
        """The logits after a path that was evaluated in these batches."""
        return self._evaluator(tree).next_logits(ids, path if self.info.shaped else None)

    def _evaluator(self, tree: int) -> Evaluator:
        """Return what evaluates the paths of a tree: texts beside a session do not push its path out of the cache."""
        return self.backend if tree >= 0 else self.backend.aside

    def _distribution(self, tree: int, node: int, sampler: Sampler) -> TokenDistribution:
        """The distribution after a node. The latest one is kept: the next step draws from what this one summarised."""
        if self._latest is not None:
            place, under, distribution = self._latest
            if place == (tree, node) and under == sampler:
                return distribution
        logits, (ids, _) = self._after(tree, node), self._path(tree, node)
        return self._sampling.distribution(logits, sampler, ids, self._prompt(tree, node))

    @_one_at_a_time
    def pair_prompts(self, first: Sequence[int], second: Sequence[int]) -> None:
        if not isinstance(self.backend, PairedPrompts):
            raise UsageError(
                f"{self.info.name} has no second condition that a style could be for",
                hint="open one model twice, as dial:MODEL::MODEL",
            )
        self.backend.pair_prompts(first, second)

    @_one_at_a_time
    def add_prompt(
        self, tree: int, node: int, token_ids: Sequence[int], sampler: Sampler
    ) -> tuple[NextToken, float]:
        self.forget_cancel()
        start = time.perf_counter()
        logits = self._evaluated_after(tree, list(token_ids), batches(0, len(token_ids), CHUNK))
        distribution = self._sampling.distribution(logits, sampler, token_ids, len(token_ids))
        paths = self._trees.setdefault(tree, TreePaths())
        paths.add(node, -1, -1)
        paths.prompts[node] = tuple(token_ids)
        self._prefix = None
        self._logits.keep((tree, node), logits)
        self._latest = ((tree, node), sampler, distribution)
        return distribution.summary(), _since(start)

    @_one_at_a_time
    def step(
        self, tree: int, node: int, child: int, sampler: Sampler, u: float | None, through_eog: bool
    ) -> StepResult:
        self.forget_cancel()
        start = time.perf_counter()
        distribution = self._distribution(tree, node, sampler)
        token_id = distribution.greedy() if u is None else distribution.draw(u)
        scored = distribution.score(token_id)
        return self._advance(tree, node, child, scored, sampler, start, through_eog)

    def _advance(
        self,
        tree: int,
        node: int,
        child: int,
        scored: TokenScore,
        sampler: Sampler,
        start: float,
        through_eog: bool,
    ) -> StepResult:
        eog = scored.token_id in self.info.eog_ids
        ids, path = self._path(tree, node)
        batch = step(len(ids))
        logits = following = None
        if not eog or through_eog:
            whole = [*ids, scored.token_id]
            logits = self._evaluated_after(tree, whole, [*path, batch])
            prompt = self._prompt(tree, node)
            following = self._sampling.distribution(logits, sampler, whole, prompt)
        self._extend(tree, node, child, scored.token_id, batch)
        if logits is None or following is None:
            return StepResult(scored, None, eog, _since(start), self._said(batch))
        self._logits.keep((tree, child), logits)
        self._latest = ((tree, child), sampler, following)
        return StepResult(scored, following.summary(), eog, _since(start), self._said(batch))

    def _said(self, batch: Batch) -> Batch | None:
        """A batch as a session is told of it: only where it matters."""
        return batch if self.info.shaped else None

    def _along(
        self,
        tree: int,
        node: int,
        sampler: Sampler,
        passes: Iterator[Logits],
        token_ids: Sequence[int],
    ) -> Iterator[tuple[TokenScore, TokenDistribution | None, Logits | None]]:
        """Each token's score, the distribution after it and its logits, which may end before the last token."""
        distribution = self._distribution(tree, node, sampler)
        whole, prompt = [*self._path(tree, node)[0]], self._prompt(tree, node)
        for token_id in token_ids:
            self._check()
            scored, logits = distribution.score(token_id), next(passes, None)
            if logits is None:
                yield scored, None, None
                return
            whole.append(token_id)
            distribution = self._sampling.distribution(logits, sampler, whole, prompt)
            yield scored, distribution, logits

    @_one_at_a_time
    def extend(
        self,
        tree: int,
        node: int,
        child: int,
        token_ids: Sequence[int],
        sampler: Sampler,
        through_eog: bool,
    ) -> list[StepResult]:
        self.forget_cancel()
        start = time.perf_counter()
        open_end = through_eog or token_ids[-1] not in self.info.eog_ids
        # Before the pass: recent logits that it needs may be pushed out by it.
        self._after(tree, node)
        ids, path = self._path(tree, node)
        given = token_ids if open_end else token_ids[:-1]
        end = len(ids) + len(given)
        new = batches(len(ids), end, most_scored(self.info.n_vocab), scored=True)
        passes: Iterator[Logits] = iter(())
        if given:
            known = [*path, *new] if self.info.shaped else None
            passes = self._evaluator(tree).path_logits(ids, given, known)
        found = list(self._along(tree, node, sampler, passes, token_ids))
        if not open_end:
            new.append(step(end))
        each = _since(start) / len(found)
        advanced = []
        for offset, (scored, distribution, logits) in enumerate(found):
            parent = node if offset == 0 else child + offset - 1
            self._extend(tree, parent, child + offset, scored.token_id, new[offset])
            if logits is not None:
                self._logits.keep((tree, child + offset), logits)
            following = distribution.summary() if distribution else None
            eog = scored.token_id in self.info.eog_ids
            advanced.append(StepResult(scored, following, eog, each, self._said(new[offset])))
        return advanced

    @_one_at_a_time
    def rescore(
        self, tree: int, nodes: Sequence[int], sampler: Sampler, open_end: bool
    ) -> list[StepResult | NextToken]:
        # The score of a first node that has a parent comes from the parent's distribution.
        self.forget_cancel()
        start = time.perf_counter()
        paths = self._trees[tree]
        before: TokenDistribution | None = None
        if nodes[0] not in paths.prompts:
            before = self._distribution(tree, paths.parents[nodes[0]], sampler)
        result: list[StepResult | NextToken] = []
        ids, _, prompt = paths.prefix(nodes[-1])
        lengths = range(len(ids) + 1 - len(nodes), len(ids) + 1)
        each = zip(nodes, lengths, self._slice(tree, nodes, open_end), strict=True)
        for node, length, logits in each:
            self._check()
            after = None
            if logits is not None:
                after = self._sampling.distribution(logits, sampler, ids[:length], prompt)
                self._logits.keep_beside((tree, node), logits)
            following = None if after is None else after.summary()
            if before is None:
                assert following is not None
                result.append(following)
            else:
                scored = before.score(paths.tokens[node])
                eog = scored.token_id in self.info.eog_ids
                result.append(StepResult(scored, following, eog, _since(start)))
            before = after
        return result

    def _slice(self, tree: int, nodes: Sequence[int], open_end: bool) -> Iterator[Logits | None]:
        """The logits after each node of a slice of a path; those that are kept are not evaluated again.

        A long path must not push out what the cursor needs: what is remembered of it is what there is room for.
        """
        paths = self._trees[tree]
        known = [self._logits.get((tree, node)) for node in nodes]
        end = len(nodes) if open_end else len(nodes) - 1
        at = 0
        while at < end:
            if known[at] is not None:
                yield known[at]
                at += 1
                continue
            stop = next((i for i in range(at, end) if known[i] is not None), end)
            if nodes[at] in paths.prompts:
                yield self._evaluated_after(tree, *self._path(tree, nodes[at]))
                at += 1
            if at < stop:
                ids, path, _ = paths.prefix(nodes[stop - 1])
                begun = len(ids) - (stop - at)
                said = path if self.info.shaped else None
                yield from self._evaluator(tree).path_logits(ids[:begun], ids[begun:], said)
            at = stop
        if not open_end:
            yield None

    @_one_at_a_time
    def preview(self, tree: int, node: int, sampler: Sampler) -> NextToken:
        self.forget_cancel()
        return self._distribution(tree, node, sampler).summary()

    @_one_at_a_time
    def score(
        self, tree: int, node: int, token_ids: Sequence[int], sampler: Sampler
    ) -> list[TokenScore]:
        self.forget_cancel()
        ids, _ = self._path(tree, node)
        if self.info.shaped:
            rows = self._reading.rows(ids, token_ids)
            whole, prompt = [*ids, *token_ids], self._prompt(tree, node)
            return [
                self._sampling.distribution(row, sampler, whole[:length], prompt).score(token_id)
                for length, (token_id, row) in enumerate(
                    zip(token_ids, rows, strict=True), len(ids)
                )
            ]
        self._after(tree, node)
        passes = self.backend.path_logits(ids, token_ids[:-1]) if token_ids[1:] else iter(())
        return [scored for scored, _, _ in self._along(tree, node, sampler, passes, token_ids)]

    @_one_at_a_time
    def page(
        self, tree: int, node: int, sampler: Sampler, start: int, stop: int, query: str
    ) -> Page:
        self.forget_cancel()
        distribution = self._distribution(tree, node, sampler)
        return candidate_page(distribution, start, stop, query, self._labels)

    @_one_at_a_time
    def rule_effects(self, tree: int, node: int, sampler: Sampler) -> list[RuleEffect]:
        self.forget_cancel()
        return self._distribution(tree, node, sampler).effects()

    @_one_at_a_time
    def logits(self, tree: int, node: int, sampler: Sampler = PLAIN) -> F32:
        self.forget_cancel()
        (ids, _), prompt = self._path(tree, node), self._prompt(tree, node)
        return in_memory(self._after(tree, node), self._sampling.at(sampler, ids, prompt)[0])

    @_one_at_a_time
    def best(
        self, prefix: Sequence[int], token_ids: Sequence[int], sampler: Sampler = PLAIN
    ) -> list[TopToken]:
        self.forget_cancel()
        return self._reading.best(prefix, token_ids, sampler)

    @_one_at_a_time
    def tokenize(self, text: str, special: bool = False) -> list[int]:
        return self.backend.tokenize(text, special=special)

    @_one_at_a_time
    def tokenize_prompt(
        self, parts: Sequence[str | int], special: bool = False, begins: bool = True
    ) -> list[int]:
        return self.backend.tokenize_prompt(parts, special=special, begins=begins)

    @_one_at_a_time
    def token_bytes(self) -> list[bytes]:
        return [self.backend.token_bytes(i) for i in range(self.info.n_vocab)]

    def evaluated(self) -> int:
        return self.backend.evaluated

    @property
    def finished_batches(self) -> int:
        """Batches of rollouts that came to their end."""
        return self._pool.finished

    def lookahead(
        self, tree: int, node: int, token_ids: Sequence[int], sampler: Sampler, steps: int = 1
    ) -> Generator[tuple[int, NextToken | None], None, int]:
        if steps < 1:
            raise UsageError(f"{steps} steps of look-ahead are too few", hint="take 1 or more")
        self.forget_cancel()

        def prefix() -> list[int]:
            return self._path(tree, node)[0]

        with self.turn:
            prompt = self._prompt(tree, node)
        return lookahead(self._pool, prefix, token_ids, sampler, steps, prompt, self._check)

    def rollouts(self, plan: RolloutPlan) -> Generator[RolloutStep, None, None]:
        # Nothing is evaluated before the first item.
        tree, node, sampler = plan.tree, plan.node, plan.sampler
        with self.turn:
            prefix, prompt = tuple(self._path(tree, node)[0]), self._prompt(tree, node)
        drawing = DrawingPlan.of(prefix, prompt, plan)
        if plan.conditions and len(self.info.parts) != 2:
            raise UsageError(f"{self.info.name} mixes no two conditions")
        self.forget_cancel()
        if self.info.padded or drawing.rounds:
            return placed_rollouts(self._pool, drawing, self._check)

        def first(suffix: tuple[int, ...]) -> Start:
            if suffix:
                whole = [*prefix, *suffix]
                known = afresh(len(whole)) if self.info.shaped else None
                logits = self.backend.drawing.next_logits(whole, known)
                return self._sampling.distribution(logits, sampler, whole, prompt), logits
            return self._distribution(tree, node, sampler), self._after(tree, node)

        return rollouts(self._pool, drawing, first, self._check)

    def read_trie(self, plan: TriePlan) -> Generator[NodeReading, None, None]:
        self.forget_cancel()
        return read_trie(self._pool, plan, self._check)

    def read_paths(self, plan: PathsPlan) -> Generator[PathReading, None, None]:
        self.forget_cancel()
        return read_paths(self._pool, plan, self._check)

    def path_logits(
        self, prefix: Sequence[int], token_ids: Sequence[int], sampler: Sampler = PLAIN
    ) -> Generator[F32, None, None]:
        self.forget_cancel()
        return self._reading.path_logits(prefix, token_ids, sampler)

    def greedy(
        self, prefix: Sequence[int], limit: int, sampler: Sampler = PLAIN
    ) -> Iterator[TopToken]:
        self.forget_cancel()
        return self._reading.greedy(prefix, limit, sampler)

    def noise(self) -> Generator[float, None, Noise | None]:
        self.forget_cancel()
        return noise_measurement.noise(self.backend, self.turn, self._check)

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled("stopped")

    def forget_cancel(self) -> None:
        """Ends a cancel that hit what it was meant for, or found nothing left of it: other work is not hit too."""
        self._cancelled.clear()

    def cancel(self) -> None:
        """Stops what is running now; thread-safe."""
        self._cancelled.set()
        self.backend.cancel()

    def close(self) -> None:
        with self.turn:
            self._pool.threads.shutdown()
            self.backend.close()


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1e3
