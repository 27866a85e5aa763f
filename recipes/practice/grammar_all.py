"""The grammar of the practice models, put together from its rules and its words."""

from __future__ import annotations

from functools import cache

from recipes.practice.grammar import Grammar
from recipes.practice.grammar_help import help_sources
from recipes.practice.grammar_pages import HOW_TO, LETTERS, RECIPES
from recipes.practice.grammar_papers import ENCYCLOPEDIA, NEWS
from recipes.practice.grammar_questions import question_sources
from recipes.practice.grammar_small import SMALL
from recipes.practice.grammar_stories import STORIES
from recipes.practice.grammar_talk import DIALOGUES, FORUMS, SAYINGS
from recipes.practice.lexicon import valid_categories
from recipes.practice.lexicon_usual import usual_categories
from recipes.practice.lexicon_words import word_categories
from recipes.practice.rules import parse_rules

_SOURCES = (
    STORIES,
    RECIPES,
    HOW_TO,
    LETTERS,
    ENCYCLOPEDIA,
    NEWS,
    SAYINGS,
    FORUMS,
    DIALOGUES,
    SMALL,
    *question_sources(),
    *help_sources(),
)


@cache
def practice_grammar() -> Grammar:
    """Return the grammar: start rules `document` (the base mixture), `help` (the helpful style in
    chats) and `preference` (a request with a preferred and another answer).
    """
    categories = valid_categories() + word_categories() + usual_categories()
    names = [category.name for category in categories]
    rules = [rule for source in _SOURCES for rule in parse_rules(source, names)]
    return Grammar(rules, categories, start="document")
