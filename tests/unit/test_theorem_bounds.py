"""The theorems of arXiv 2605.11128 on instances of their own assumptions, and the values that were published."""

import math

import numpy as np
import pytest

from bftui.core.sampler import Sampler
from bftui.core.valid.node_reading import Setting, read_node
from bftui.core.valid.sequence_numbers import SequenceFold, answer_nodes
from bftui.core.valid.theorem_bounds import (
    compounding_bound,
    fewest_choices,
    measured_compounding,
    shape_bound,
    shape_deficit,
)
from bftui.core.valid.token_trie import token_trie

INSTANCES = 1000
CUTOFFS = [
    Setting("top_k", 1, 1.0),
    Setting("top_k", 3, 1.0),
    Setting("top_p", 0.7, 1.0),
    Setting("min_p", 0.2, 1.0),
    Setting("cutoff_oracle", 0, 1.0),
]


def test_the_values_that_were_published():
    for epsilon, deficit in ((0.5, 0.01479), (0.1, 0.14178), (0.01, 0.38851), (0.001, 0.55614)):
        assert shape_deficit(2, math.log(1 / epsilon)) == pytest.approx(deficit, abs=5e-6)
    assert shape_bound(0.9, [10] * 3) == pytest.approx(0.5604, abs=5e-5)
    assert shape_bound(0.99, [10] * 3) == pytest.approx(0.1782, abs=5e-5)


def test_limits_of_the_shape_bound():
    assert shape_bound(1.0, [4, 5]) == pytest.approx(1 / 20)
    assert shape_bound(0.0, [4]) == 1
    assert shape_bound(0.999, [1, 1, 1]) == 1
    small = 0.01
    assert shape_deficit(2, small) == pytest.approx(small**2 / 32, rel=1e-3)
    assert shape_deficit(2, 60.0) == pytest.approx(math.log(2), abs=1e-9)
    deficits = [shape_deficit(v, 3.0) for v in range(2, 50)]
    assert deficits == sorted(deficits)


def test_shape_against_validity_on_models_of_the_theorem():
    """Logits fall evenly over the ranks, valid tokens first, and as many of them whatever came before."""
    rng = np.random.default_rng(1)
    for _ in range(INSTANCES):
        validity = 1.0
        diversity = 1.0
        choices = [int(v) for v in rng.integers(1, 30, rng.integers(1, 6))]
        for v in choices:
            fall = float(rng.uniform(0, 12)) / v
            validity *= -math.expm1(-fall * v)
            p = np.exp(-fall * np.arange(v))
            valid = p / p.sum()
            diversity *= math.exp(-(valid * np.log(np.maximum(valid, 1e-300))).sum()) / v
        assert diversity <= shape_bound(validity, choices) * (1 + 1e-9)


def test_compounding_on_steps_of_the_theorem():
    rng = np.random.default_rng(2)
    for _ in range(INSTANCES):
        eta, rho = rng.exponential(0.5, 2) + 1e-3
        steps = int(rng.integers(1, 12))
        hard = rng.random(steps) < 0.6
        lost_precision = rng.exponential(eta, steps)
        lost_recall = rng.exponential(rho, steps)
        forced = hard & (lost_precision <= eta)
        lost_recall[forced] = rho + rng.exponential(0.1, int(forced.sum())) * (rng.random() < 0.5)
        precision, recall = math.exp(-lost_precision.sum()), math.exp(-lost_recall.sum())
        bound = compounding_bound(precision, int(hard.sum()), eta, rho)
        assert recall <= bound * (1 + 1e-9)


def random_readings(rng, grid):
    """A trie of random answers over nine tokens, and all of its nodes read from random logits."""
    answers = {
        tuple(int(i) for i in rng.integers(0, 6, rng.integers(1, 4)))
        for _ in range(int(rng.integers(1, 7)))
    }
    trie = token_trie(sorted(answers), [7, 8], {(): [6]})
    return trie, [
        read_node(rng.normal(0, 2, 9).astype(np.float32), number, node, Sampler(top_p=0.8), grid)
        for number, node in enumerate(trie.nodes)
    ]


def test_products_are_exact():
    """Theorem E.1: against the sum over all answers, each with the tokens on its way."""
    rng = np.random.default_rng(3)
    for _ in range(INSTANCES):
        trie, readings = random_readings(rng, ())
        fold = SequenceFold(trie, 0)
        for reading in readings:
            fold.add(reading)
        point = fold.numbers().sampled
        number = {node.path: n for n, node in enumerate(trie.nodes)}
        precision = kept = 0.0
        for end in answer_nodes(trie):
            drawn = 1.0
            path = (*trie.nodes[end].path, 7)
            for n, i in enumerate(path):
                at = number[path[:n]]
                edges = [edge.token_ids for edge in trie.nodes[at].edges]
                column = next(c for c, ids in enumerate(edges) if i in ids)
                drawn *= readings[at].kept_ids[0, column] / max(1, readings[at].kept_of[0])
            precision += drawn
            kept += drawn > 0
        products = [
            math.prod(each for each in factors if each is not None)
            for factors in (point.step_precision, point.step_recall)
        ]
        assert products == pytest.approx([precision, kept / trie.answers], abs=1e-12)
        assert (point.precision, point.recall) == pytest.approx(products, abs=1e-12)


def test_what_was_measured_lies_within_the_bound():
    rng = np.random.default_rng(4)
    bounds = []
    for _ in range(60):
        trie, readings = random_readings(rng, CUTOFFS)
        fold = SequenceFold(trie, len(CUTOFFS))
        for reading in readings:
            fold.add(reading)
        cutoffs = fold.numbers().grid
        for each in cutoffs:
            bound = measured_compounding(each.precision, cutoffs)
            if bound is not None:
                assert each.recall <= bound * (1 + 1e-9)
                bounds.append(bound)
    assert min(bounds) < 0.5


def test_a_bound_needs_a_hard_step():
    trie = token_trie([(0,), (1,)], [2])
    logits = np.array([1, 1, -9], np.float32), np.array([-9, -9, 9], np.float32)
    fold = SequenceFold(trie, 1)
    for number, node in enumerate(trie.nodes):
        oracle = [Setting("cutoff_oracle", 0, 1.0)]
        fold.add(read_node(logits[number > 0], number, node, Sampler(), oracle))
    found = fold.numbers()
    assert (found.grid[0].precision, found.grid[0].recall) == (1, 1)
    assert measured_compounding(1.0, found.grid) is None
    assert fewest_choices(trie) == [2, 1]
