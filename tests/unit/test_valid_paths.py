"""Valid sets after a prompt: which spellings count, what ends them, what is said, and what is refused."""

import pytest

from bftui.core.errors import Unwritable, UsageError
from bftui.core.valid.named_sets import named_set
from bftui.core.valid.valid_sets import valid_set
from bftui.measures.calibration.compile_valid import compile_valid
from bftui.model.loaded_model import open_model
from bftui.model.prompt import Prompt
from bftui.model.token_texts import TokenTexts
from tests.tables import WORDS


@pytest.fixture(scope="module")
def model():
    with open_model("practice") as opened:
        yield opened


def after(model, text, valid, **asked):
    ids = model.render(Prompt(text, template="raw")).token_ids
    return compile_valid(model, ids, valid, **asked)


def texts(found):
    return sorted(path.text for path in found.paths)


def test_two_digits_have_ten_ways_on_and_a_comma_after_each(model):
    found = after(model, "Two digits:", named_set("digits:2"))
    assert found.trie.answers == 100
    assert found.notes == ("answers begin with a blank: the prompt ends in ':'",)
    assert len(texts(found)) == 100
    assert texts(found)[0] == " 0,0"
    assert {edge.completions for edge in found.trie.nodes[0].edges} <= {10, 100}


def test_cases_and_blanks_count_on_request_and_as_answers_of_their_own(model):
    found = after(model, "A:", valid_set("mine", ["Yes", "no"]), lead="both", case="any")
    assert texts(found) == sorted(
        before + text for before in ("", " ") for text in ("Yes", "yes", "YES", "no", "NO", "No")
    )
    assert {path.answer for path in found.paths if path.text.strip().lower() == "yes"} == {0}
    assert found.blank is None
    assert found.notes == (
        "answers count with a blank before them and without",
        "12 ways to write 2 answers: each counts as a valid answer of its own",
    )


def test_an_answer_as_it_is_given_goes_before_what_is_made_of_another(model):
    found = after(model, "A:", valid_set("mine", ["us", "US"]), lead="none", case="any")
    assert {path.text: path.answer for path in found.paths} == {"us": 0, "US": 1, "Us": 0}


def test_no_blank_after_a_chat_template():
    with open_model("practice-aligned") as model:
        ids = model.render(Prompt("Which colour?", template="chat")).token_ids
        found = compile_valid(model, ids, named_set("colours"))
    assert found.blank is False
    assert "black" in texts(found)


def test_a_border_inside_a_token_is_said(model):
    found = after(model, "The boat is ", valid_set("mine", ["red"]))
    assert any("'red'" in note and "the prompt's end" in note for note in found.notes) == (
        len(model.tokenize(" red")) == 1
    )


def test_control_tokens_that_end_an_answer_are_named_as_they_are_written(model):
    end = model.token_bytes(min(model.info.eog_ids)).decode()
    found = after(model, "A:", named_set("coin"), end=[end])
    assert found.ends == (min(model.info.eog_ids),)
    assert not any(end in note for note in found.notes)


@pytest.mark.parametrize(
    ("answers", "asked", "said"),
    [
        (["a\nb"], {"end": ["\n"]}, "the answer ' a\\nb' holds the terminator '\\n'"),
        (["a"], {"end": [""]}, "the terminator '' is 0 tokens"),
        (["a"], {"end": ["qqqq zzzz"]}, "the terminator 'qqqq zzzz' is"),
        ([str(n) for n in range(5001)], {"lead": "both"}, "mine can be written in 10,002 ways"),
        ([str(n) for n in range(10001)], {}, "mine has 10,001 answers"),
    ],
)
def test_what_cannot_be_walked_is_refused(model, answers, asked, said):
    with pytest.raises(UsageError) as refused:
        after(model, "A:", valid_set("mine", answers), **asked)
    assert str(refused.value).startswith(said)


def test_a_model_that_never_ends_needs_a_terminator(opened):
    model = opened(eog=[])
    token = model.token_bytes(1).decode()
    with pytest.raises(UsageError, match="has no end of generation; name a terminator"):
        compile_valid(model, (0,), valid_set("mine", [token]), lead="none")


def test_an_answer_that_the_vocabulary_cannot_write_is_named(opened):
    with pytest.raises(Unwritable, match="the answer 'Ж' has no tokens"):
        compile_valid(
            opened(tokens=["<s>", "</s>", *WORDS]), (0,), valid_set("mine", ["Ж"]), lead="none"
        )


def test_tokens_are_found_by_their_bytes():
    found = TokenTexts([(0, b""), (1, b"a"), (2, b"ab"), (3, b"a"), (4, b"abc"), (5, b"b")])
    assert list(found.beginning(b"abx")) == [1, 3, 2]
    assert list(found.beginning(b"")) == []
    assert list(found.past(b"a")) == [2, 4]
    assert list(found.past(b"abc")) == []
