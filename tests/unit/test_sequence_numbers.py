"""Numbers of whole answers against every token sequence that a table can write, one by one."""

import json
import math
from itertools import product

import numpy as np
import pytest

from bftui.backends.client.client_protocol import TriePlan
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.registry import open_backend
from bftui.core.distribution import Distribution
from bftui.core.sampler import Sampler
from bftui.core.truncation import RULES, Ranking
from bftui.core.valid.node_reading import Setting
from bftui.core.valid.sequence_numbers import SequenceFold, answer_nodes
from bftui.core.valid.token_trie import token_trie
from bftui.formats.open_spec import OpenSpec
from tests.tables import table

LETTERS = list("abcd")
END, OTHER_END, START = 4, 5, 6
TOKENS = [*LETTERS, "</s>", "</t>", "<s>"]
DEEPEST = 4
GRID = [
    Setting("none", 0, 1.0),
    Setting("top_k", 2, 0.8),
    Setting("top_p", 0.6, 1.0),
    Setting("min_p", 0.3, 1.5),
    Setting("epsilon", 0.15, 1.0),
    Setting("top_n_sigma", 1.0, 1.0),
    Setting("typical", 0.7, 1.0),
    Setting("cutoff_oracle", 0, 1.2),
    Setting("validity_oracle", 0, 1.2),
]
SAMPLER = Sampler(temperature=0.9, top_p=0.85)


@pytest.fixture(scope="module", params=range(4))
def case(request, tmp_path_factory):
    """A table with random rules, and a trie of random answers of one to three letters, some with an end between."""
    rng = np.random.default_rng(request.param)
    contexts = [list(c) for n in (1, 2) for c in product(LETTERS, repeat=n)]
    rules = {
        json.dumps(context): dict(zip(TOKENS, rng.dirichlet(np.full(7, 0.6)), strict=True))
        for context in contexts
    }
    path = tmp_path_factory.mktemp("sequences") / "t.json"
    first = dict(zip(TOKENS, rng.dirichlet(np.full(7, 0.6)), strict=True))
    table(path, tokens=TOKENS, bos=START, eog=[END, OTHER_END], default=first, rules=rules)
    engine = InferenceEngine(open_backend(OpenSpec(str(path), "table"), lambda *_: True))
    every = [c for n in (1, 2, 3) for c in product(range(4), repeat=n)]
    answers = [every[i] for i in rng.permutation(len(every))[: 5 + 6 * request.param]]
    apart = {each[:n]: [n, 3 - n] for each in every[::3] for n in range(3)}
    return engine, token_trie(answers, [END, OTHER_END], apart)


def read(engine, trie, nodes=None):
    numbered = list(enumerate(trie.nodes)) if nodes is None else nodes
    return list(engine.read_trie(TriePlan([START], numbered, SAMPLER, GRID)))


@pytest.fixture(scope="module")
def readings(case):
    return read(*case)


@pytest.fixture(scope="module")
def found(case, readings):
    fold = SequenceFold(case[1], len(GRID))
    for reading in readings:
        fold.add(reading)
    return fold.numbers()


class Sequences:
    """Every token sequence up to the first end, with its P and the tokens that are kept on its way."""

    def __init__(self, engine, trie):
        self.backend, self.trie = engine.backend, trie
        self.at = {node.path: node for node in trie.nodes}

    def after(self, path, setting):
        """P~ of each token, and what is drawn where kept ones are equally likely."""
        logits = np.asarray(self.backend.next_logits([START, *path]))
        if setting is None:
            distribution = Distribution(logits, SAMPLER)
            probs = distribution.kept_probs(np.arange(len(TOKENS)))
        else:
            probs = self.of_setting(logits, path, setting)
        others = self.at[path].other_ids if path in self.at else ()
        drawn = np.array([p > 0 and i not in others for i, p in enumerate(probs)], float)
        return probs, drawn / max(1.0, drawn.sum())

    def of_setting(self, logits, path, setting):
        order = np.argsort(-logits, kind="stable")
        weights = np.exp((logits.astype(float) - logits.max()) / setting.temperature)
        kept = np.zeros(len(TOKENS), bool)
        node = self.at.get(path)
        valid = [i for edge in node.edges for i in edge.token_ids] if node else []
        if setting.rule == "validity_oracle":
            kept[valid] = True
        elif setting.rule == "cutoff_oracle":
            ways, taken = 0, set()
            for i in order:
                if node is None or ways == len(node.edges):
                    break
                kept[i] = True
                way = END if i in (END, OTHER_END) and END in valid else i
                if i not in node.other_ids and way not in taken:
                    taken.add(way)
                    ways += 1
        else:
            start, stop = RULES[setting.rule].span(
                Ranking(logits).at(setting.temperature), setting.value
            )
            kept[order[start:stop]] = True
        return np.where(kept, weights, 0) / (weights[kept].sum() or 1.0)

    def all(self, setting):
        """Path with its end and P~ of each sequence; those longer than any answer are left where they are."""
        going = [((), 1.0)]
        while going:
            path, p = going.pop()
            if (path and path[-1] in (END, OTHER_END)) or len(path) == DEEPEST:
                yield path, p
                continue
            probs, _ = self.after(path, setting)
            going += [((*path, i), p * each) for i, each in enumerate(probs) if each > 0]


def brute(engine, trie, setting):
    sequences = Sequences(engine, trie)
    answers = {trie.nodes[n].path for n in answer_nodes(trie)}
    of = dict.fromkeys(answers, 0.0)
    valid_at = np.zeros(DEEPEST + 1)
    kept = set()
    for path, p in sequences.all(setting):
        body = path[:-1] if path[-1] in (END, OTHER_END) else path
        if len(body) < len(path) and body in answers:
            of[body] += p
            kept.add(body)
    # What is valid after so many tokens: a beginning of an answer, or an answer that ended.
    going = [((), 1.0)]
    for step in range(DEEPEST + 1):
        valid_at[step] = sum(q for _, q in going)
        following = []
        for path, q in going:
            if path and path[-1] in (END, OTHER_END):
                following.append((path, q))
                continue
            _, drawn = sequences.after(path, setting)
            for i in range(len(TOKENS)):
                body = path if i in (END, OTHER_END) else (*path, i)
                whole = i in (END, OTHER_END)
                if drawn[i] > 0 and (body in answers if whole else body in sequences.at):
                    following.append(((*path, i), q * drawn[i]))
        going = following
    return of, valid_at, len(kept) / len(answers)


@pytest.mark.parametrize("row", range(1 + len(GRID)))
def test_exact_numbers_are_those_of_all_sequences(case, found, row):
    engine, trie = case
    point = found.grid[row - 1] if row else found.sampled
    of, valid_at, recall = brute(engine, trie, GRID[row - 1] if row else None)
    validity = sum(of.values())
    assert point.validity == pytest.approx(validity, abs=1e-9)
    assert point.precision == pytest.approx(valid_at[-1], abs=1e-9)
    assert point.recall == pytest.approx(recall, abs=1e-9)
    factors = [each for each in point.step_precision if each is not None]
    assert math.prod(factors) == pytest.approx(valid_at[-1], abs=1e-9)
    for step in range(len(factors)):
        assert math.prod(factors[: step + 1]) == pytest.approx(valid_at[step + 1], abs=1e-9)
    kept = [each for each in point.step_recall if each is not None]
    assert math.prod(kept) == pytest.approx(recall, abs=1e-9)
    if validity < 1e-6:
        assert point.diversity is None
        return
    shares = [p / validity for p in of.values()]
    entropy = -sum(p * math.log(p) for p in shares if p)
    assert point.diversity == pytest.approx(math.exp(entropy) / len(of), abs=1e-9)


def test_the_model_itself(case, found):
    engine, trie = case
    of, _, _ = brute(engine, trie, Setting("none", 0, 1.0))
    assert found.validity == pytest.approx(sum(of.values()), abs=1e-9)
    assert found.diversity == pytest.approx(found.grid[0].diversity, abs=1e-9)
    paths = [trie.nodes[n].path for n in answer_nodes(trie)]
    assert np.exp(found.logprobs) == pytest.approx([of[path] for path in paths], abs=1e-12)
    shares = np.array(list(of.values())) / sum(of.values())
    entropy = -sum(p * math.log(p) for p in shares if p)
    assert found.effective == pytest.approx(math.exp(entropy))
    assert found.kl_uniform == pytest.approx(math.log(len(of)) - entropy)
    assert found.distance_uniform == pytest.approx(0.5 * np.abs(shares - 1 / len(of)).sum())


def test_leaving_by_another_tokenisation_is_counted_where_it_happens(case, found):
    engine, trie = case
    sequences = Sequences(engine, trie)
    left = 0.0
    for path, node in sequences.at.items():
        reached = 1.0
        for n, i in enumerate(path):
            reached *= sequences.after(path[:n], GRID[0])[0][i]
        probs, _ = sequences.after(path, GRID[0])
        left += reached * sum(probs[i] for i in node.other_ids)
    assert found.other_spellings == pytest.approx(left, abs=1e-9)


def test_the_order_of_reading_changes_no_bit(case, readings, found):
    _, trie = case
    for seed in range(3):
        fold = SequenceFold(trie, len(GRID))
        for place in np.random.default_rng(seed).permutation(len(readings)):
            assert fold.numbers() is None
            fold.add(readings[place])
            fold.add(readings[place])
        again = fold.numbers()
        assert fold.read == len(trie.nodes)
        assert (again.logprobs == found.logprobs).all()
        assert (again.sampled, again.grid, again.nodes) == (found.sampled, found.grid, found.nodes)


def test_order_and_shape_are_weighted_by_the_answers_through_a_node(case, readings, found):
    _, trie = case
    weights = [trie.nodes[reading.node].completions for reading in readings]
    aucs = [reading.auc for reading in readings]
    assert found.nodes.auc == pytest.approx(np.average(aucs, weights=weights))
    several = [
        (reading.gap, weight)
        for reading, weight in zip(readings, weights, strict=True)
        if len(trie.nodes[reading.node].edges) > 1
    ]
    gaps, weights = zip(*several, strict=True)
    assert found.nodes.gap == pytest.approx(np.average(gaps, weights=weights))


def test_samples_agree(case, found):
    """20,000 answers drawn from P~: its validity and diversity lie in their 95 % intervals."""
    engine, trie = case
    answers = {trie.nodes[n].path for n in answer_nodes(trie)}
    sequences, rng, count = Sequences(engine, trie), np.random.default_rng(5), 20_000
    masses = {}
    drawn = {}
    going = {(): count}
    while going:
        path, times = going.popitem()
        if path and path[-1] in (END, OTHER_END):
            drawn[path[:-1]] = drawn.get(path[:-1], 0) + times
            continue
        if len(path) == DEEPEST:
            continue
        if path not in masses:
            masses[path] = sequences.after(path, None)[0]
        for i, n in enumerate(rng.multinomial(times, masses[path] / masses[path].sum())):
            if n:
                going[*path, i] = int(n)
    valid = np.array([n for path, n in drawn.items() if path in answers], float)
    share = valid.sum() / count
    half = 1.96 * math.sqrt(max(share * (1 - share), 1e-12) / count)
    assert abs(share - found.sampled.validity) <= half
    shares = valid / valid.sum()
    # Entropy with the correction of Miller and Madow for what was never drawn.
    entropy = -(shares * np.log(shares)).sum() + (len(shares) - 1) / (2 * valid.sum())
    spread = math.sqrt(max(0.0, (shares * np.log(shares) ** 2).sum() - entropy**2) / valid.sum())
    diversity = found.sampled.diversity * len(answers)
    assert abs(math.log(diversity) - entropy) <= 1.96 * spread + 1e-9
