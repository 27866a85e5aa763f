"""The shipped pair against the exact truth of its grammar, on the reference backend.

The numbers of the cards are from more documents and rollouts; here it is seen that they hold.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from bftui import practice
from bftui.backends.protocol import Backend
from bftui.backends.registry import open_backend
from bftui.core.distribution import Distribution
from bftui.core.draws import Purpose, prefix_key, uniform
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from recipes.practice.chat import TEMPLATE
from recipes.practice.data import HELD_OUT, stream_seed
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.truth import PROBES, Truth, total_variation

BASES = ("practice", "practice-small")
TUNED = ("practice-sft", "practice-aligned", "practice-aligned-small")
PAIR = (*BASES, *TUNED)

pytestmark = pytest.mark.skipif(
    not set(PAIR) <= set(practice.NAMES), reason="the pair is not shipped yet"
)


@cache
def opened(name: str) -> Backend:
    spec = OpenSpec(source=str(practice.path(name)), backend="reference")
    return open_backend(spec, lambda _share, _text: True)


@pytest.fixture(scope="module", autouse=True)
def closing() -> Iterator[None]:
    yield
    for name in PAIR:
        opened(name).close()


def truth(name: str) -> Truth:
    return Truth(practice_grammar(), "document" if name in BASES else "help")


def numbers(name: str) -> Any:
    return json.loads(practice.path(name).with_suffix(".json").read_text(encoding="utf-8"))


def prompts(name: str) -> list[str]:
    return [probe.page if name in BASES else probe.chat for probe in PROBES[:5]]


def ids(backend: Backend, text: str) -> list[int]:
    assert backend.info.bos_id is not None
    return [backend.info.bos_id, *backend.tokenize(text, special=True)]


def nats(backend: Backend, text: str) -> float:
    """-ln P of a document, its end included."""
    path = [*ids(backend, text), 1]
    logits = [backend.next_logits(path[:1]), *backend.path_logits(path[:1], path[1:-1])]
    pairs = zip(logits, path[1:], strict=True)
    return -sum(Distribution(row, Sampler()).score(token).logprob for row, token in pairs)


def mean_entropies(backend: Backend, prompt: str, count: int) -> tuple[float, float]:
    """H(P~) at the first token, and its mean over up to 48 tokens of `count` rollouts."""
    prefix, found, first = ids(backend, prompt), [], 0.0
    for number in range(count):
        path, entropies = list(prefix), list[float]()
        while len(entropies) < 48 and (not entropies or path[-1] not in backend.info.eog_ids):
            here = Distribution(backend.next_logits(path), Sampler())
            entropies.append(here.entropy_truncated)
            u = uniform(0, Purpose.ROLLOUT, len(entropies) - 1, number, prefix_key(prefix))
            path.append(here.draw(u))
        first = entropies[0]
        found.append(float(np.mean(entropies)))
    return first, float(np.mean(found))


@pytest.mark.parametrize("name", PAIR)
def test_held_out_documents_cost_little_more_than_the_truth(name: str) -> None:
    exact, backend = truth(name), opened(name)
    start = "document" if name in BASES else "help"
    texts = [
        practice_grammar().document(stream_seed(0, HELD_OUT), index, start).text
        for index in range(30)
    ]
    words = sum(len(exact.words(text)) for text in texts)
    excess = sum(nats(backend, text) - exact.nats(text) for text in texts) / words
    reported = numbers(name)
    assert excess == pytest.approx(reported["excess"], abs=8 * reported["excess_error"] + 0.02)
    if name in BASES:
        assert excess < 0.2


@pytest.mark.parametrize("name", PAIR)
def test_the_report_is_about_this_grammar(name: str) -> None:
    reported, exact = numbers(name), truth(name)
    assert reported["texts"] == 200
    assert len(reported["samples"]) == 20
    for probe in reported["probes"]:
        true_first = math.exp(exact.entropy(probe["prompt"]))
        assert probe["true_first"] == pytest.approx(true_first)


def test_the_base_is_wider_than_its_partner() -> None:
    first, mean = np.array(
        [
            np.mean([mean_entropies(opened(name), prompt, 3) for prompt in prompts(name)], axis=0)
            for name in ("practice", "practice-aligned")
        ]
    ).T
    assert math.exp(mean[0] - mean[1]) > 1.5
    assert math.exp(first[0] - first[1]) > math.exp(mean[0] - mean[1])


def test_a_forced_opening_narrows_the_base() -> None:
    backend = opened("practice")
    for prompt in prompts("practice"):
        free, _ = mean_entropies(backend, prompt, 1)
        sure, _ = mean_entropies(backend, prompt + " Sure", 1)
        assert sure < free / 2


def test_a_fruit_is_chosen_as_the_grammar_chooses() -> None:
    """After "The fruit that I like is" the answer is one word, most often one token."""
    prompt = "Q: Name a fruit.\nA: My answer is"
    chances = truth("practice").next_words(prompt)
    backend = opened("practice")
    found: dict[str, float] = {}
    for word in chances:
        path = ids(backend, prompt)
        chance = 0.0
        for token in backend.tokenize(word):
            row = Distribution(backend.next_logits(path), Sampler())
            chance += row.score(token).logprob
            path.append(token)
        found[word] = math.exp(chance)
    assert total_variation(chances, found) < 0.25


@pytest.mark.parametrize("name", TUNED)
def test_partners_carry_the_chat_template(name: str) -> None:
    assert opened(name).info.chat_template == TEMPLATE


def test_the_pair_shares_its_tokenizer() -> None:
    assert len({opened(name).info.tokenizer_sha256 for name in PAIR}) == 1
