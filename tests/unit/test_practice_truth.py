"""The exact truth at the probe prompts, the helpful style, and the preference pairs."""

from __future__ import annotations

import math
from functools import cache

import jinja2
import numpy as np
import pytest

from recipes.practice.chat import TEMPLATE, render, turns
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.lexicon import VALID_SETS
from recipes.practice.preferences import preference_pair
from recipes.practice.truth import PROBES, Probe, Truth, entropy, total_variation
from recipes.practice.words import END, split_words
from tests.groups import one_process

# What is true takes a second to find out.
pytestmark = one_process("practice truth")


@cache
def of_pages() -> Truth:
    """What is true of the documents that the base model learns from."""
    return Truth(practice_grammar())


@cache
def of_chats() -> Truth:
    """What is true of the helpful style."""
    return Truth(practice_grammar(), "help")


SET_PROBES = [probe for probe in PROBES if probe.valid_set]


def test_nats_of_words_add_up() -> None:
    for index in range(20):
        text = practice_grammar().document(0, index).text
        assert sum(of_pages().word_nats(text)) == pytest.approx(of_pages().nats(text))


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.question)
def test_the_base_is_open_and_the_helpful_style_narrow(probe: Probe) -> None:
    base, helpful = of_pages().entropy(probe.page), of_chats().entropy(probe.chat)
    assert math.exp(base) > 20
    assert math.exp(helpful) < 5


@pytest.mark.parametrize("probe", SET_PROBES, ids=lambda probe: probe.question)
def test_every_valid_answer_is_possible(probe: Probe) -> None:
    nexts = of_pages().next_words(probe.page)
    first_words = {split_words(f" {word[0].upper()}{word[1:]}")[0] for word in probe.valid}
    assert first_words <= nexts.keys()
    assert probe.valid == VALID_SETS[probe.valid_set or ""]


def test_a_stylistic_opening_narrows() -> None:
    for probe in PROBES[:5]:
        free = of_pages().entropy(probe.page)
        assert all(
            of_pages().entropy(probe.page + f" {w}") < free / 2 for w in ("Sure", "Thank", "Of")
        )


def mean_entropy(truth: Truth, prompt: str, draws: np.random.Generator) -> float:
    """Mean next-word entropy along one continuation of at most 48 words."""
    text, found = prompt, []
    for _ in range(48):
        nexts = truth.next_words(text)
        found.append(entropy(nexts))
        word = list(nexts)[
            draws.choice(len(nexts), p=np.array([*nexts.values()]) / sum(nexts.values()))
        ]
        if word == END or word == "<|eot|>":
            break
        text += word
    return float(np.mean(found))


def test_the_mixture_is_wider_than_the_helpful_style() -> None:
    """exp of the mean entropy per word, over continuations: at least 1.5 times as large."""
    draws = np.random.default_rng(0)
    base = np.mean([mean_entropy(of_pages(), p.page, draws) for p in PROBES[:5] for _ in range(6)])
    helpful = np.mean(
        [mean_entropy(of_chats(), p.chat, draws) for p in PROBES[:5] for _ in range(6)]
    )
    assert math.exp(base - helpful) > 1.5


def test_continuations_are_a_distribution() -> None:
    prompt = PROBES[4].chat
    whole = of_chats().continuations(prompt, 3)
    assert whole.rest == 0
    assert math.fsum(whole.chances.values()) == pytest.approx(1)
    assert entropy({" ".join(words): p for words, p in whole.chances.items()}) == pytest.approx(
        of_chats().entropy(prompt, 3)
    )
    cut = of_chats().continuations(prompt, 3, least=0.05)
    assert math.fsum(cut.chances.values()) + cut.rest == pytest.approx(1)
    assert all(whole.chances[words] == pytest.approx(p) for words, p in cut.chances.items())


def test_continuations_end_where_documents_end() -> None:
    ends = of_pages().continuations("Q: Name a fruit.\nA: Apple.", 2, least=1e-3)
    assert ends.chances[(END,)] > 0.1


def test_texts_parse_or_do_not() -> None:
    assert of_pages().parses(practice_grammar().document(1, 1).text)
    assert not of_pages().parses("Q: Name a fruit.\nA:")
    assert of_pages().parses("Q: Name a fruit.\nA:", whole=False)
    assert not of_pages().parses("colourless green ideas")
    assert not of_pages().parses("tab\tand  blanks", whole=False)


def test_total_variation() -> None:
    assert total_variation({"a": 0.5, "b": 0.5}, {"a": 0.5, "c": 0.5}) == pytest.approx(0.5)
    assert total_variation({"a": 1.0}, {"a": 0.75}) == pytest.approx(0.25)


def test_the_template_is_what_the_grammar_writes() -> None:
    template = jinja2.Environment(autoescape=False).from_string(TEMPLATE)
    for index in range(200):
        text = practice_grammar().document(4, index, "help").text
        messages = turns(text)
        assert render(messages, answer=False) == text
        dicts = [{"role": role, "content": content} for role, content in messages]
        assert template.render(messages=dicts) == text
        opened = template.render(messages=dicts[:-1], add_generation_prompt=True)
        assert opened == render(messages[:-1])
        assert text.startswith(opened + " ")


def test_preference_pairs_prefer_the_helpful_answer() -> None:
    """The preferred answer is one of the style's own; the other is another text."""
    for index in range(100):
        pair = preference_pair(practice_grammar(), 0, index)
        assert pair.prompt.endswith("<|assistant|>")
        assert pair.preferred != pair.other
        assert of_chats().parses(pair.prompt + pair.preferred)
        assert pair.preferred.endswith("<|eot|>")
        assert pair.other.endswith("<|eot|>")
