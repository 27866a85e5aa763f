"""Intervals against the truth: the practice model's own tree, enumerated under P~ at the default sampler."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from bftui.backends.protocol import Backend
from bftui.core.bf.estimate import estimate
from bftui.core.sampler import Sampler
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.truth import Truth
from tests import branching_tree
from tests.branching_tree import Tree, coverage, enumerate_tree, grammar_tree
from tests.groups import one_process

pytestmark = one_process("branching coverage")

PROMPTS = branching_tree.PROMPTS[:2]
"""Two of them keep this within seconds; `python -m tests.branching_tree` takes all."""


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    opened = branching_tree.open_practice()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def trees(backend: Backend) -> dict[str, Tree]:
    return {prompt: enumerate_tree(backend, prompt, 3, Sampler()) for prompt in PROMPTS}


def test_the_tree_holds_all_of_p_truncated(trees: dict[str, Tree]) -> None:
    for tree in trees.values():
        paths = list(tree.paths())
        assert math.fsum(weight for weight, _ in paths) == pytest.approx(1)
        assert {len(steps) for _, steps in paths} <= {1, 2, 3}


def test_both_estimators_expect_the_same_where_no_answer_ends_early(trees: dict[str, Tree]) -> None:
    for tree in trees.values():
        if all(len(steps) == tree.depth for _, steps in tree.paths()):
            assert tree.truth("nll") == pytest.approx(tree.truth("entropy"))


def test_intervals_cover_in_95_of_100(trees: dict[str, Tree]) -> None:
    found = {prompt: coverage(tree, (8, 32, 50)) for prompt, tree in trees.items()}
    for prompt, by_size in found.items():
        for one in by_size:
            print(f"{prompt!r} M {one.samples}: {100 * one.share:.1f} of 100")
            # 400 seeds leave 1 in 100 to chance; over both prompts less.
            assert 0.90 <= one.share <= 0.99
    for by_prompt in zip(*found.values(), strict=True):
        assert 0.91 <= sum(one.share for one in by_prompt) / len(by_prompt) <= 0.98


def test_estimates_of_many_samples_come_to_the_truth(trees: dict[str, Tree]) -> None:
    tree = trees[PROMPTS[0]]
    samples = [tree.sample(1, number) for number in range(2000)]
    error = np.std([sample.mean_entropy for sample in samples]) / math.sqrt(2000)
    found = estimate(samples, "entropy")
    assert abs(math.log(found.bf) - math.log(tree.truth())) < 4 * error


def test_the_grammar_has_a_tree_of_the_same_kind(backend: Backend) -> None:
    tree = grammar_tree(backend, PROMPTS[1], 2, Sampler(top_p=1.0))
    paths = list(tree.paths())
    assert math.fsum(weight for weight, _ in paths) == pytest.approx(1)
    assert all(
        len(steps) == 2 or steps[0][0].ids[steps[0][1]] in tree.eog_ids for _, steps in paths
    )
    # A first token says no more than the first word.
    assert 0 < tree.root.entropy <= Truth(practice_grammar()).entropy(PROMPTS[1]) + 1e-6
    assert tree.root.entropy_truncated == pytest.approx(tree.root.entropy)
