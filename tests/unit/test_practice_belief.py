"""Forward filtering, against all documents of small grammars and against samples of the real one."""

from __future__ import annotations

import collections
import itertools
import math
from collections.abc import Iterator

import pytest

from recipes.practice.belief import Filter, NotWritten
from recipes.practice.grammar import Grammar
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.rules import Category, Literal, SubRule, parse_rules
from recipes.practice.words import END, split_words

CATEGORIES = [
    Category("name", ("one", "them"), (("Ada", "her"), ("Ben", "him"), ("Cy", "them")), (3, 1, 2)),
    Category("fruit", ("one", "many"), (("fig", "figs"), ("red plum", "red plums")), (1, 4)),
    Category("colour", ("one",), (("red",), ("blue",)), (1, 1)),
]
SMALL = {
    "ambiguous": "= start\n<a> x\n[2] <b> x\n= a\none\ntwo\n= b\n[3] two\nthree",
    "bound": "= start\n<name#a> saw <name#b>. <^name#a.them> saw <name#c>.",
    "free or bound": "= start\n<name#a> ate <name>\n<name> ate <name#a>\n<name#a> ate <name#a>",
    "longer words": "= start\n<colour> <fruit>\n<fruit.many> <colour>\n<fruit#a> <fruit#b.many>",
    "empty": "= start\nwell<end>\nwell<end>, <name>\n= end\n[3] -\n, <name>\n~indeed",
    "specials": "= start\n<|user|> <name#a><|eot|><|assistant|> <^fruit>: <name#a.them><|eot|>",
}


def small_grammar(source: str) -> Grammar:
    names = [category.name for category in CATEGORIES]
    return Grammar(parse_rules(source, names), CATEGORIES, "start")


def derivations(grammar: Grammar) -> Iterator[tuple[str, float]]:
    """Write every document in every way, by plain recursion over the source rules."""

    def parts(
        left: tuple[object, ...], bound: dict[tuple[str, str], int]
    ) -> Iterator[tuple[str, float, dict[tuple[str, str], int]]]:
        if not left:
            yield "", 1.0, bound
            return
        part, rest = left[0], left[1:]
        options: list[tuple[str, float, dict[tuple[str, str], int]]] = []
        if isinstance(part, Literal):
            options = [(part.text, 1.0, bound)]
        elif isinstance(part, SubRule):
            rule = grammar.rules[part.rule]
            total = sum(alternative.weight for alternative in rule.alternatives)
            for alternative in rule.alternatives:
                for text, chance, held in parts(alternative.parts, bound):
                    options.append((text, chance * alternative.weight / total, held))
        else:
            category = grammar.categories[part.category]
            form = category.form_index(part.form)
            key = (part.category, part.tag or "")
            if key in bound:
                free = {bound[key]: 1.0}
            else:
                taken = {e for (name, _), e in bound.items() if name == part.category and part.tag}
                free = {e: w for e, w in enumerate(category.weights) if e not in taken}
            for entry, weight in free.items():
                held = {**bound, key: entry} if part.tag else bound
                chance = weight / sum(free.values())
                options.append((category.entries[entry][form], chance, held))
        capital = getattr(part, "capital", False)
        for text, chance, held in options:
            text = text[:1].upper() + text[1:] if capital else text
            for more, factor, last in parts(rest, held):
                yield text + more, chance * factor, last

    for text, chance, _ in parts((SubRule(grammar.start),), {}):
        yield text, chance


@pytest.mark.parametrize("source", SMALL.values(), ids=SMALL.keys())
def test_small_grammars_are_followed_exactly(source: str) -> None:
    grammar = small_grammar(source)
    documents: dict[str, float] = collections.defaultdict(float)
    for text, chance in derivations(grammar):
        documents[text] += chance
    assert sum(documents.values()) == pytest.approx(1)
    truth = Filter(grammar)
    following: dict[tuple[str, ...], dict[str, float]] = {}
    for text, chance in documents.items():
        assert truth.nats(text) == pytest.approx(-math.log(chance))
        words = [*split_words(text), END]
        for at, word in enumerate(words):
            after = following.setdefault(tuple(words[:at]), collections.defaultdict(float))
            after[word] += chance
    for prefix, weights in following.items():
        total = sum(weights.values())
        expected = {word: weight / total for word, weight in weights.items()}
        assert truth.next_words(truth.follow(prefix)) == pytest.approx(expected)


@pytest.mark.parametrize("source", SMALL.values(), ids=SMALL.keys())
def test_what_is_written_has_the_exact_frequencies(source: str) -> None:
    grammar = small_grammar(source)
    truth = Filter(grammar)
    count = 4000
    written = collections.Counter(grammar.document(1, index).text for index in range(count))
    for text, times in written.items():
        chance = math.exp(-truth.nats(text))
        assert abs(times - count * chance) < 5 * math.sqrt(count * chance) + 1


@pytest.mark.parametrize("start", ["document", "help", "preference"])
def test_the_real_grammar_is_followed_word_by_word(start: str) -> None:
    truth = Filter(practice_grammar(), start)
    for index in range(25):
        document = practice_grammar().document(2, index, start)
        belief = truth.begin()
        for word in [*document.words, END]:
            chances = truth.next_words(belief)
            assert math.fsum(chances.values()) == pytest.approx(1)
            after = truth.advance(belief, word)
            assert after.nats - belief.nats == pytest.approx(-math.log(chances[word]))
            assert sum(after.configurations.values()) == pytest.approx(1)
            belief = after


def test_the_real_grammar_writes_what_its_filter_says() -> None:
    """Calibration: the mean of exact nats is the cross-entropy, so next-word shares must agree."""
    truth = Filter(practice_grammar())
    count = 6000
    opening = collections.Counter(practice_grammar().document(3, i).words[0] for i in range(count))
    chances = truth.next_words(truth.begin())
    assert set(opening) <= set(chances)
    for word, chance in chances.items():
        assert abs(opening[word] - count * chance) < 5 * math.sqrt(count * chance) + 2
    answers = [practice_grammar().document(3, i, "qa_mood").words for i in range(count)]
    belief = Filter(practice_grammar(), "qa_mood")
    after = belief.next_words(belief.follow(split_words("Q: How are you?\nA:")))
    words = [w[9] for w in answers if w[:9] == tuple(split_words("Q: How are you?\nA:"))]
    shares = collections.Counter(words)
    assert set(shares) <= set(after)
    for word, chance in after.items():
        expected = len(words) * chance
        assert abs(shares[word] - expected) < 5 * math.sqrt(expected) + 2


def test_exact_nats_never_exceed_those_of_the_choices() -> None:
    truth = Filter(practice_grammar())
    for document in (practice_grammar().document(5, index) for index in range(200)):
        assert truth.nats(document.text) <= document.nats + 1e-9


def test_beliefs_stay_small() -> None:
    """A long document is followed in well under a second because few ways lead to each prefix."""
    truth = Filter(practice_grammar())
    documents = (practice_grammar().document(6, index) for index in range(400))
    longest = sorted(documents, key=lambda document: len(document.words))[-5:]
    for document in longest:
        belief, sizes = truth.begin(), []
        for word in document.words:
            belief = truth.advance(belief, word)
            sizes.append(len(belief.configurations))
        assert max(sizes) < 5000
        assert sum(sizes) / len(sizes) < 300


@pytest.mark.parametrize(
    ("text", "position"),
    [("", 0), ("Q: Name a fruit.\nA: Zeppelin", 9), ("Q: Name a fruit.", 6), ("  ", 0)],
)
def test_what_is_not_written_is_refused(text: str, position: int) -> None:
    with pytest.raises(NotWritten) as caught:
        Filter(practice_grammar()).nats(text)
    assert caught.value.position == position


def test_prefixes_share_their_documents() -> None:
    """The chance of a prefix is the sum over what may come next."""
    truth = Filter(practice_grammar())
    for prefix in ("Q:", "Once upon a time", "Dear", "How to"):
        belief = truth.follow(split_words(prefix))
        nexts = truth.next_words(belief)
        for word in itertools.islice(nexts, 20):
            after = truth.advance(belief, word)
            assert after.nats == pytest.approx(belief.nats - math.log(nexts[word]))
