"""The practice model's own tree, whole to some depth: exact branching factors to hold estimates against.

Every path of `depth` tokens, or fewer where the answer ends, is known with its probability under P~, so the
expectation of an estimator is a sum. Samples are drawn from the tree with the program's own draws.
`python -m tests.branching_tree` prints how often the intervals cover the truth, and the difference from the grammar.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bftui import practice
from bftui.backends.protocol import Backend, TokenDistribution
from bftui.backends.registry import open_backend
from bftui.core.bf.estimate import Estimator, Sample, estimate
from bftui.core.draws import Purpose, prefix_key, uniform
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec

PROMPTS = ("Q: Name a fruit.\nA:", "Q: Tell me a story.\nA:", "Q: How are you?\nA:")
TOGETHER = 64
LARGEST = 20_000
"""Nodes of a tree; the models are as open as 22 choices at the start, and soon narrow."""

F64 = NDArray[np.float64]


@dataclass(slots=True)
class Node:
    """The distribution after a prefix: kept ids in ascending order, their P~, H(P~) and H(P) in nats."""

    ids: list[int]
    chances: F64
    cumulative: F64
    entropy_truncated: float
    entropy: float
    logprobs: F64
    after: dict[int, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tree:
    """All continuations of one prompt to a depth, under P~."""

    prompt_ids: tuple[int, ...]
    depth: int
    eog_ids: frozenset[int]
    root: Node
    drawn: dict[tuple[int, ...], Sample] = field(default_factory=dict, repr=False)
    """Samples by their tokens: the same path is drawn many times."""

    def paths(self) -> Iterator[tuple[float, list[tuple[Node, int]]]]:
        """Every continuation: its probability, and for each token the node it comes from and its place there."""
        open_ones: list[tuple[float, list[tuple[Node, int]], Node]] = [(1.0, [], self.root)]
        while open_ones:
            weight, steps, node = open_ones.pop()
            for place, token in enumerate(node.ids):
                share = weight * float(node.chances[place])
                path = [*steps, (node, place)]
                if token in node.after:
                    open_ones.append((share, path, node.after[token]))
                else:
                    yield share, path

    def truth(self, estimator: Estimator = "entropy") -> float:
        """BF: exp of the exact expectation of a sample's mean entropy, or of its -ln P~ over its length."""
        total = []
        for weight, steps in self.paths():
            if estimator == "nll":
                values = [-math.log(node.chances[place]) for node, place in steps]
            else:
                values = [node.entropy_truncated for node, _ in steps]
            total.append(weight * math.fsum(values) / len(values))
        return math.exp(math.fsum(total))

    def sample(self, seed: int, number: int) -> Sample:
        """Rollout `number` of this seed, as the program draws it."""
        key = prefix_key(self.prompt_ids)
        node: Node | None = self.root
        steps: list[tuple[Node, int]] = []
        while node is not None:
            u = uniform(seed, Purpose.ROLLOUT, len(steps), number, key)
            place = int(np.searchsorted(node.cumulative, u, side="right"))
            place = min(place, len(node.ids) - 1)
            steps.append((node, place))
            node = node.after.get(node.ids[place])
        ids = tuple(node.ids[place] for node, place in steps)
        if ids not in self.drawn:
            self.drawn[ids] = self._sample(ids, steps)
        return self.drawn[ids]

    def _sample(self, ids: tuple[int, ...], steps: list[tuple[Node, int]]) -> Sample:
        return Sample(
            token_ids=ids,
            entropy=np.array([node.entropy for node, _ in steps]),
            entropy_truncated=np.array([node.entropy_truncated for node, _ in steps]),
            logprob_truncated=np.log([node.chances[place] for node, place in steps]),
            logprob=np.array([node.logprobs[place] for node, place in steps]),
            n_bytes=0,
            finish="eog" if ids[-1] in self.eog_ids else "length",
        )


def open_practice(name: str = "practice") -> Backend:
    """A shipped model in NumPy, on one thread."""
    spec = OpenSpec(str(practice.path(name)), "reference", threads=1, max_continuations=TOGETHER)
    return open_backend(spec, lambda *_: True)


def enumerate_tree(backend: Backend, prompt: str, depth: int, sampler: Sampler) -> Tree:
    """Evaluates every prefix of fewer than `depth` tokens that P~ can reach."""
    info = backend.info
    start = [info.bos_id] if info.add_bos and info.bos_id is not None else []
    ids = [*start, *backend.tokenize(prompt)]
    root = _node(backend.distribution(backend.next_logits(ids), sampler))
    level: list[tuple[tuple[int, ...], Node]] = [((), root)]
    seen = 1
    for _ in range(depth - 1):
        below = []
        for prefix, node in level:
            tokens = [token for token in node.ids if token not in info.eog_ids]
            seen += len(tokens)
            if seen > LARGEST:
                raise ValueError(f"the tree has more than {LARGEST} nodes: take a lower top-p")
            for first in range(0, len(tokens), TOGETHER):
                part = tokens[first : first + TOGETHER]
                with backend.continuations([*ids, *prefix], len(part)) as batch:
                    rows = batch.step(range(len(part)), part)
                for token, row in zip(part, rows, strict=True):
                    node.after[token] = _node(backend.distribution(row, sampler))
                    below.append(((*prefix, token), node.after[token]))
        level = below
    return Tree(tuple(ids), depth, info.eog_ids, root)


def _node(distribution: TokenDistribution) -> Node:
    ids = np.sort(distribution.ranking()[: distribution.kept])
    logprobs = distribution.logprobs([int(i) for i in ids])
    chances = np.exp((logprobs - logprobs.max()) / distribution.sampler.temperature)
    chances /= chances.sum()
    summary = distribution.summary()
    return Node(
        [int(i) for i in ids],
        chances,
        np.cumsum(chances),
        summary.entropy_truncated,
        summary.entropy,
        logprobs,
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often the 95 % interval of M samples holds the truth, and how wide it is in the mean (ratio of its ends)."""

    samples: int
    share: float
    width: float


def coverage(
    tree: Tree, sizes: Sequence[int], estimator: Estimator = "entropy", seeds: int = 400
) -> list[Coverage]:
    """Estimates from the first M rollouts of each of `seeds` seeds, against the tree's truth."""
    truth = tree.truth(estimator)
    held = dict.fromkeys(sizes, 0)
    widths = dict.fromkeys(sizes, 0.0)
    for seed in range(seeds):
        samples = [tree.sample(seed, number) for number in range(max(sizes))]
        for size in sizes:
            ci = estimate(samples[:size], estimator, seed=seed).ci
            assert ci is not None
            # An interval of no width is the truth only up to the order of its sums.
            held[size] += ci[0] * (1 - 1e-9) <= truth <= ci[1] * (1 + 1e-9)
            widths[size] += math.log(ci[1] / ci[0])
    return [Coverage(size, held[size] / seeds, math.exp(widths[size] / seeds)) for size in sizes]


def grammar_tree(backend: Backend, prompt: str, depth: int, sampler: Sampler) -> Tree:
    """The tree that a model would have that knows the grammar, in this model's tokens.

    Exact: words are written in tokens one by one, each in at least one, so that `depth` words hold as many tokens.
    The end of a document is the token that ends a generation.
    """
    from recipes.practice.grammar_all import practice_grammar
    from recipes.practice.truth import Truth
    from recipes.practice.words import END

    end = backend.info.eos_id
    assert end is not None

    @cache
    def tokens_of(word: str) -> tuple[int, ...]:
        return (end,) if word == END else tuple(backend.tokenize(word))

    chances: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    found = Truth(practice_grammar()).continuations(prompt, depth)
    for words, chance in found.chances.items():
        tokens = [token for word in words for token in tokens_of(word)][:depth]
        for place, token in enumerate(tokens):
            chances[tuple(tokens[:place])][token] += chance

    def node(prefix: tuple[int, ...]) -> Node:
        logits = np.full(backend.info.n_vocab, -np.inf, np.float32)
        following = chances[prefix]
        logits[list(following)] = np.log(list(following.values()))
        return _node(backend.distribution(logits, sampler))

    root = node(())
    open_ones: list[tuple[tuple[int, ...], Node]] = [((), root)]
    while open_ones:
        prefix, above = open_ones.pop()
        for token in above.ids:
            longer = (*prefix, token)
            if token != end and len(longer) < depth:
                above.after[token] = node(longer)
                open_ones.append((longer, above.after[token]))
    return Tree(tuple(backend.tokenize(prompt)), depth, frozenset({end}), root)


def main() -> None:
    backend = open_practice()
    sampler = Sampler()
    for prompt in PROMPTS:
        tree = enumerate_tree(backend, prompt, 3, sampler)
        print(f"{prompt!r}, 3 tokens, top-p {sampler.top_p}: BF {tree.truth():.3f}")
        for estimator in ("entropy", "nll"):
            for one in coverage(tree, (8, 32, 50), estimator):
                print(
                    f"  {estimator:8} M {one.samples:3}: the interval covers in "
                    f"{100 * one.share:.1f} of 100, high / low {one.width:.2f}"
                )
        for depth in (1, 2, 3):
            ours = enumerate_tree(backend, prompt, depth, sampler)
            true = grammar_tree(backend, prompt, depth, sampler)
            print(
                f"  {depth} tokens: BF {ours.truth():.3f}, the grammar's {true.truth():.3f}, "
                f"{math.log(ours.truth() / true.truth()):+.3f} nats a token"
            )
        full = tree.root.entropy, grammar_tree(backend, prompt, 1, sampler).root.entropy
        print(
            f"  1 token, whole vocabulary: BF {math.exp(full[0]):.3f}, "
            f"the grammar's {math.exp(full[1]):.3f}"
        )


if __name__ == "__main__":
    main()
