"""An instruction in content and style: by hand, by a separator, by the rule."""

import pytest

from bftui.core.errors import UsageError
from bftui.core.pair.instruction_parts import by_hand, by_rule, by_separator


def test_two_parts_are_joined_by_a_blank_unless_there_is_one():
    assert by_hand("Describe the sea.", "Be brief.").whole == "Describe the sea. Be brief."
    assert by_hand("Describe the sea.\n", "Be brief.").whole == "Describe the sea.\nBe brief."


@pytest.mark.parametrize(("content", "style"), [("", "x"), ("x", " ")])
def test_a_part_that_is_empty_is_refused(content, style):
    with pytest.raises(UsageError, match="there is no"):
        by_hand(content, style)


def test_a_separator_stands_between_the_parts_exactly_once():
    found = by_separator("Describe the sea. | Like a pirate.", "|")
    assert (found.content, found.style) == ("Describe the sea.", "Like a pirate.")
    for text in ("Describe the sea.", "a|b|c"):
        with pytest.raises(UsageError, match="not 1"):
            by_separator(text, "|")


@pytest.mark.parametrize(
    ("text", "content", "style"),
    [
        (
            "Write a story in the style of a fairy tale.",
            "Write a story.",
            "in the style of a fairy tale.",
        ),
        ("Explain rain like a pirate.", "Explain rain.", "like a pirate."),
        (
            "Describe the sea. Use short words. Name two fish.",
            "Describe the sea. Name two fish.",
            "Use short words.",
        ),
        (
            "What is a cell? Answer in a formal tone!",
            "What is a cell?",
            "Answer in a formal tone!",
        ),
        (
            "Tell me about bees, using only simple words",
            "Tell me about bees",
            "using only simple words",
        ),
    ],
)
def test_the_rule_finds_what_names_a_manner(text, content, style):
    found = by_rule(text)
    assert (found.content, found.style, found.whole) == (content, style, text)


def test_an_instruction_without_a_manner_is_refused():
    with pytest.raises(UsageError, match="no part"):
        by_rule("Name a fruit. Then name an animal.")
