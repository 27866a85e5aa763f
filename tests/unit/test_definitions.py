"""The glossary: every word once, each with a formula and one sentence that needs none."""

import re
from pathlib import Path

import pytest

import bftui
from bftui.core import definitions
from bftui.core.definitions import CONTROLS, GLOSSARY, Definition

PACKAGE = Path(bftui.__file__).parent
BY_NAME = {name: value for name, value in vars(definitions).items() if type(value) is Definition}


def test_the_glossary_has_every_definition_once():
    assert sorted(GLOSSARY, key=id) == sorted(BY_NAME.values(), key=id)
    assert len({each.name for each in GLOSSARY}) == len(GLOSSARY)


@pytest.mark.parametrize("word", GLOSSARY, ids=lambda word: word.name)
def test_a_word_has_a_formula_and_one_sentence(word):
    assert word.formula
    assert not word.formula.endswith(".")
    assert word.meaning.endswith(".")
    assert ". " not in word.meaning
    assert not word.use or word.use.endswith(".")
    assert not word.source.endswith(".")


def test_every_kind_of_controls_is_explained():
    from typing import get_args

    from bftui.measures.response_state import Kind

    assert set(CONTROLS) == set(get_args(Kind))


def test_no_definition_stands_anywhere_else():
    """Who needs one reads it: a formula is not written down a second time."""
    long = [each.formula for each in GLOSSARY if len(each.formula) > 16]
    found = []
    for path in PACKAGE.rglob("*.py"):
        if path.name == "definitions.py":
            continue
        text = re.sub(r'"\s*\n\s*f?"', "", path.read_text("utf-8"))
        found += [(path.name, formula) for formula in long if f'"{formula}' in text]
    assert found == []
