"""What the README says that a pretrained model printed is what it prints."""

import re

import pytest

from tests.docs.readme import README
from tests.real.readme import smollm2, states

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("readme")]


def test_the_words_of_the_pretrained_model_are_those_of_the_readme(smollm2_gguf):
    assert _settled(smollm2()) == _settled(_part("smollm2")), "run `make docs`"


def test_the_table_of_a_valid_set_is_that_of_the_readme(smollm2_gguf, gemma_gguf):
    assert _settled(states()) == _settled(_part("states")), "run `make docs`"


def _part(name: str) -> str:
    text = README.read_text("utf-8")
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", text, re.DOTALL)
    assert found is not None
    return found[1]


def _settled(text: str) -> list[str]:
    """The words of a part: figures, and what hangs on them, may differ from processor to processor."""
    text = re.sub(
        r"^(Sure · )(undecided|narrows|widens|no effect)\b", r"\1verdict", text, flags=re.M
    )
    text = re.sub(r"^after “.*?\n\n", "sentence\n\n", text, flags=re.DOTALL | re.MULTILINE)
    # An early end leaves some looks out, and the width of a column is that of its figures.
    text = re.sub(r"^\d of \d .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^the openings are .*?(?=^over)", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^ +\d+  .*", "candidate", text, flags=re.MULTILINE)
    return [re.sub(r"[\d.,+-]+", "0", word) for word in text.split()]
