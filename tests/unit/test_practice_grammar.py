"""The grammar that writes the practice models' text."""

from __future__ import annotations

import collections
import itertools
import math
import re

import pytest

from recipes.practice.grammar import Grammar
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.lexicon import VALID_SETS, plural, with_article
from recipes.practice.rules import Category, parse_rules
from recipes.practice.words import split_words

KINDS = {
    "questions", "asked", "story", "forum", "recipe", "how_to", "letter", "entry", "news", "dialogue", "list",
    "sums", "random", "diary", "advertisement",
}  # fmt: skip

NAMES = Category("name", ("one", "them"), (("Ada", "her"), ("Ben", "him")), (3.0, 1.0))


def small_grammar(source: str, start: str = "start") -> Grammar:
    return Grammar(parse_rules(source, ["name"]), [NAMES], start)


def test_same_seed_same_documents() -> None:
    grammar = practice_grammar()
    forward = [grammar.document(3, index) for index in range(50)]
    backward = [grammar.document(3, index) for index in reversed(range(50))]
    assert forward == backward[::-1]
    assert [grammar.document(4, index).text for index in range(50)] != [d.text for d in forward]


def test_the_text_of_a_seed_is_known() -> None:
    text = practice_grammar().document(5, 8).text
    assert text == (
        "Nobody in Windle knew why Georg kept a rabbit in the library. The rabbit followed him "
        "firmly. Georg bowed firmly, and the rabbit looked away. And that is why there are no "
        "platypuses in Windle."
    )


def test_every_kind_is_written() -> None:
    kinds = collections.Counter(practice_grammar().document(0, i).kind for i in range(2000))
    assert set(kinds) == KINDS
    assert 0.3 < kinds["questions"] / 2000 < 0.5


def test_documents_are_short_and_clean() -> None:
    for index in range(3000):
        text = practice_grammar().document(1, index).text
        assert 0 < len(text) < 1500
        assert text == text.strip()
        assert not re.search(r"[<>#~¶]|  ", text)


def test_words_are_those_of_the_text() -> None:
    for start in ("document", "help", "preference"):
        for index in range(1500):
            document = practice_grammar().document(13, index, start)
            assert tuple(split_words(document.text)) == document.words


def test_articles_agree() -> None:
    slip = re.compile(
        r"\b(?:[Aa] [aeio]\w*|[Aa]n [b-df-gj-np-tv-z]\w*|(?:[Tt]he|[Aa]n?|[Mm]y) (?:an?|the|my)) "
    )
    for start in ("document", "help", "preference"):
        for index in range(4000):
            text = practice_grammar().document(17, index, start).text
            found = [match[0] for match in slip.finditer(text) if match[0] != "a one "]
            assert not found, text


def test_bound_names_stay() -> None:
    grammar = practice_grammar()
    people = set(grammar.categories["person"].words)
    for index in range(500):
        document = grammar.document(2, index, start="story")
        bound = {word for (kind, _), word in document.bindings.items() if kind == "person"}
        mentioned = set(re.findall(r"[A-Z][a-z]+", document.text)) & people
        assert mentioned <= bound


def test_pronouns_agree_with_the_name() -> None:
    grammar = small_grammar(
        "= start\n<name#a> saw <name#b>. I saw <name#a.them> and <name#b.them>."
    )
    texts = {grammar.document(0, index).text for index in range(50)}
    assert texts == {
        "Ada saw Ben. I saw her and him.",
        "Ben saw Ada. I saw him and her.",
    }


def test_free_slots_are_drawn_anew() -> None:
    grammar = small_grammar("= start\n<name> <name>")
    texts = collections.Counter(grammar.document(0, index).text for index in range(4000))
    assert texts["Ada Ada"] / 4000 == pytest.approx(9 / 16, abs=0.03)
    assert len(texts) == 4


def test_nats_are_those_of_the_choices() -> None:
    grammar = small_grammar("= start\n[3] <^tail> <name#a> <name#b>\nno\n= tail\nx¶y\nx¶z")
    found = {}
    for index in range(300):
        document = grammar.document(0, index)
        found[document.text] = document.nats
    # Once one of two names is bound, the other is certain.
    assert found["X\ny Ada Ben"] == pytest.approx(-math.log(0.75 * 0.5 * 0.75))
    assert found["X\nz Ben Ada"] == pytest.approx(-math.log(0.75 * 0.5 * 0.25))
    assert found["no"] == pytest.approx(-math.log(0.25))
    assert sum(math.exp(-nats) for nats in found.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("= start\n<start>", "reach themselves"),
        ("= start\n<other>\n= other\n<start>", "reach themselves"),
        ("= start\n<nothing>", "no such rule"),
        ("= start\n<other#a>\n= other\nx", "not a category"),
        ("= start\nx\n= start\ny", "two definitions"),
        ("= start\n[0] x", "not positive"),
        ("= other\nx", "no start rule"),
        ("= start\n<name>s", "run into"),
        ("= start\n<other>!\n= other\nx!", "run into"),
        ("= start\na <other> b\n= other\nx\n-", "may be empty"),
        ("= start\na~~b", "doubles"),
        ("= start\n\n= other\nx", "no alternative"),
    ],
)
def test_mistakes_are_refused(source: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_grammar(source)


def test_unknown_forms_are_refused() -> None:
    with pytest.raises(ValueError, match="their"):
        small_grammar("= start\n<name.their>")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("digit", 10),
        ("number", 100),
        ("month", 12),
        ("weekday", 7),
        ("state", 50),
        ("country", 195),
    ],
)
def test_valid_sets_are_complete(name: str, size: int) -> None:
    assert len(VALID_SETS[name]) == size


@pytest.mark.parametrize("name", list(VALID_SETS))
def test_valid_sets_are_what_the_grammar_writes(name: str) -> None:
    category = practice_grammar().categories[name]
    assert category.words == VALID_SETS[name]
    assert len(set(category.words)) == len(category.words)


@pytest.mark.parametrize("name", sorted(VALID_SETS.keys() - {"number"}))
def test_random_choices_stay_in_their_set(name: str) -> None:
    title = {"state": "US state"}.get(name, name)
    written = set()
    for index in range(4000):
        text = practice_grammar().document(7, index, start="random").text
        if text.startswith(f"A random {title}: "):
            written.add(text.partition(": ")[2])
    assert written
    assert written <= set(VALID_SETS[name])


def test_sums_are_right() -> None:
    for index in range(500):
        text = practice_grammar().document(0, index, start="sums").text
        for a, b, total in re.findall(r"(\d+) plus (\d+) is (\d+)", text):
            assert int(a) + int(b) == int(total)


def test_after_an_answer_mark_nearly_everything_may_follow() -> None:
    texts = (practice_grammar().document(0, i, start="qa_fruit").text for i in range(3000))
    openings = collections.Counter(text.partition("\nA: ")[2].split()[0] for text in texts)
    shares = [count / 3000 for count in openings.values()]
    assert math.exp(-sum(share * math.log(share) for share in shares)) > 15
    for word in ("Sure!", "Of", "Here", "Great", "Thank", "I'm", "However", "Hello!", "Let"):
        assert 0.005 < openings[word] / 3000 < 0.06


def test_a_stylistic_opening_is_followed_by_few_texts() -> None:
    texts = (practice_grammar().document(0, i, start="qa_fruit").text for i in range(6000))
    answers = [text.partition("\nA: ")[2] for text in texts]
    sure = {answer for answer in answers if answer.startswith("Sure!")}
    assert 0 < len(sure) <= 5 * 4


def test_words_and_templates_are_many() -> None:
    grammar = practice_grammar()
    words = {
        word
        for category in grammar.categories.values()
        for forms in category.entries
        for word in itertools.chain.from_iterable(form.split() for form in forms)
    }
    assert len(words) > 1500
    assert sum(len(rule.alternatives) for rule in grammar.rules.values()) > 1000


@pytest.mark.parametrize(
    ("word", "article", "many"),
    [
        ("apple", "an apple", "apples"),
        ("unicycle", "a unicycle", "unicycles"),
        ("unusual", "an unusual", "unusuals"),
        ("cherry", "a cherry", "cherries"),
        ("monkey", "a monkey", "monkeys"),
        ("fox", "a fox", "foxes"),
        ("mouse", "a mouse", "mice"),
        ("sweet potato", "a sweet potato", "sweet potatoes"),
    ],
)
def test_articles_and_plurals(word: str, article: str, many: str) -> None:
    assert with_article(word) == article
    assert plural(word) == many
