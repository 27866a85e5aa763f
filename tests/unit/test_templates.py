"""Prompts as plain text: what is written, where answers end, how a next question goes on, what is read once."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bftui
from bftui.core.errors import UsageError
from bftui.model import templates, urial
from bftui.model.prompt import Prompt
from bftui.session.session import Session
from bftui.trace.prompts_file import parse_examples
from tests.groups import one_process
from tests.schemas import validate
from tests.tables import table
from tests.templates import CHATML
from tests.unit.test_chat import having

pytestmark = one_process("templates")

SHORT = Path(__file__).parents[2] / "examples" / "urial-short.jsonl"
PAGE_STOPS, URIAL_STOPS = templates.STOPS["page"], templates.STOPS["urial"]


@pytest.fixture(scope="module")
def orchard(tmp_path_factory):
    with bftui.open_model(
        table(tmp_path_factory.mktemp("t") / "t.json", n_ctx=4096), backend="table"
    ) as model:
        yield model


@pytest.fixture(scope="module")
def practice():
    with bftui.open_model("practice", backend="reference") as model:
        yield model


def written(session):
    """The whole path as text."""
    return b"".join(session.model_tree.path_bytes()).decode()


# What is written --------------------------------------------------------------------------------------------------


def test_a_page_is_a_question_and_the_beginning_of_an_answer():
    assert templates.written(Prompt("Who?", template="page")) == "Q: Who?\nA:"
    assert templates.written(Prompt("Who?", "Be brief.", "page")) == "Be brief.\nQ: Who?\nA:"


@pytest.mark.parametrize(
    ("prefill", "ends"), [("Sure", "A: Sure"), (" Sure", "A: Sure"), ("\nx", "A:\nx")]
)
def test_one_blank_stands_before_the_answer_of_a_page(prefill, ends):
    assert templates.written(Prompt("Who?", None, "page", prefill)).endswith(ends)


def test_urial_has_the_published_structure():
    text = templates.written(Prompt("Name a fruit.", template="urial"))
    assert text.startswith("# Instruction\n\n")
    sections = re.findall(r"^# (\w+)", text, re.MULTILINE)
    assert sections == ["Instruction", *["Query", "Answer"] * 4]
    # Every query and every answer but the last stands between fences.
    assert text.count("```") == 2 * 7 + 1
    assert text.endswith("# Query:\n```\nName a fruit.\n```\n\n# Answer:\n```\n")


@pytest.mark.parametrize(("query", "answer"), urial.EXAMPLES)
def test_each_example_of_urial_helps_at_length(query, answer):
    assert 100 <= len(answer.split()) <= 400
    first, *points, last = [line for line in answer.split("\n") if line]
    assert re.match(r"(Hello|Hi|Good day)", first)
    assert [re.match(r"(\d)\. [A-Z][\w ]*: ", point)[1] for point in points] == [
        str(number) for number in range(1, len(points) + 1)
    ]
    assert len(points) >= 4
    assert re.search(r"[.?!]$", last)
    assert not re.search(r"(?i)cannot help|can't help|sorry|unable|refuse", answer + query)


def test_other_examples_take_the_place_of_ours():
    text = templates.written(Prompt("Who?", None, "urial", examples=(("A?", "B."), ("C?", "D."))))
    assert re.findall(r"```\n(.+)\n```", text) == ["A?", "B.", "C?", "D.", "Who?"]
    assert urial.EXAMPLES[0][1] not in text


def test_the_system_text_takes_the_place_of_the_instruction():
    text = templates.written(Prompt("Who?", "Be brief.", "urial", "Sure"))
    assert text.startswith("# Instruction\n\nBe brief.\n\n# Query:")
    assert urial.SYSTEM not in text
    assert text.endswith("# Answer:\n```\nSure")


def test_short_examples_leave_the_practice_models_room_to_answer(practice):
    short = parse_examples(SHORT.read_bytes(), SHORT.name)
    ids = practice.render(Prompt("Name a fruit.", template="urial", examples=short)).token_ids
    assert practice.info.n_ctx - len(ids) >= 128


@pytest.mark.parametrize("template", ["page", "urial"])
def test_it_is_taken_whether_or_not_the_model_has_a_chat_template(orchard, template):
    for model in (orchard, having(orchard, CHATML)):
        found = model.render(Prompt("Who?", "s", template, "p"))
        assert (found.template, found.messages) == (template, None)
        assert found.token_ids[0] == model.info.bos_id
        assert found.token_ids.count(model.info.bos_id) == 1
        assert found.text == "<s>" + templates.written(Prompt("Who?", "s", template, "p"))
        assert found.stops == templates.STOPS[template]


@pytest.mark.parametrize("template", ["page", "urial"])
def test_what_people_type_is_no_control_token(orchard, template):
    ids = orchard.render(Prompt("a</s>b", "<s>", template, "</s>")).token_ids
    assert not set(ids[1:]) & orchard.info.special_ids


def test_other_templates_have_no_stop_strings(orchard):
    assert orchard.render(Prompt("Who?")).stops == ()
    assert having(orchard, CHATML).render(Prompt("Who?")).stops == ()


def test_a_question_to_a_model_without_a_chat_template_is_a_page():
    asked = Prompt("Who?", "s", prefill="p")
    assert templates.asking(asked, chat=True) == asked
    assert templates.asking(asked, chat=False) == Prompt("Who?", "s", "page", "p")
    raw = Prompt("Who?", template="raw")
    assert templates.asking(raw, chat=False) == raw


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Q: Who?\nA:", "Who?"),
        ("Q: Who?\nA: ", None),
        ("Q: Who?\nA: I.\nQ: What?\nA:", None),
        ("Who?", None),
    ],
)
def test_a_text_that_is_a_page_is_not_put_on_another(text: str, question: str | None) -> None:
    assert templates.question_in(text) == question
    taken = templates.asking(Prompt(text), chat=False)
    assert taken == Prompt(text, template="page" if question is None else "raw")


def test_the_constant_part_is_evaluated_once(practice):
    short = parse_examples(SHORT.read_bytes(), SHORT.name)
    session = Session(practice, "Name a fruit.", template="urial", examples=short)
    known = session.rendered.token_ids
    before = practice.client.evaluated()
    session.set_prompt("How are you?", template="urial", examples=short)
    ids = session.rendered.token_ids
    shared = next(n for n, (a, b) in enumerate(zip(known, ids, strict=False)) if a != b)
    assert practice.client.evaluated() - before == len(ids) - shared
    assert len(ids) - shared < 25
    assert shared > 200


# Where answers end ------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.sampled_from(
            [b"\n", b"Q", b":", b"\nQ", b"Q:", b"\nQ:", b"`", b"``", b"```x", b"# Query", b" a"]
        )
    )
)
def test_a_stop_string_is_seen_with_the_token_that_completes_it(tokens):
    for stops in (PAGE_STOPS, URIAL_STOPS):
        text = b""
        for token in tokens:
            new = any(
                at + len(stop) > len(text)
                for stop in map(str.encode, stops)
                for at in _places(text + token, stop)
            )
            assert (templates.stop_in(text, token, stops) is not None) == new
            tail = text[-templates.LONGEST_STOP :]
            assert templates.stop_in(tail, token, stops) == templates.stop_in(text, token, stops)
            text += token


def _places(text, stop):
    return [at for at in range(len(text)) if text.startswith(stop, at)]


@pytest.mark.parametrize(
    ("tokens", "kept"),
    [
        ([], 0),
        ([b" An", b" apple", b"."], 3),
        ([b" An", b" apple", b".\n", b"Q", b":", b" x"], 2),
        ([b" An", b"\n", b"Q:"], 1),
        ([b" An", b"\nQ", b"x"], 3),
    ],
)
def test_tokens_before_a_stop_string(tokens, kept):
    assert templates.before_stop(tokens, PAGE_STOPS) == kept
    assert templates.before_stop(tokens, ()) == len(tokens)


@pytest.mark.parametrize(
    ("template", "texts", "stop"),
    [
        ("page", [" An apple.", "\n", "Q", ":"], "\nQ:"),
        ("page", [" An apple.\n\nQ:"], "\nQ:"),
        ("urial", ["An apple.", "\n", "`", "`", "`"], "```"),
        ("urial", ["An apple.\n# ", "Quer", "y"], "# Query"),
    ],
)
def test_an_answer_ends_at_a_stop_string(orchard, template, texts, stop):
    session = Session(orchard, "Name a fruit.", template=template)
    for text in texts:
        assert not session.ended
        session.force(text)
    assert session.ended
    assert session.stop() == stop
    assert session.text() == "".join(texts).removesuffix(stop)
    # It is a place as any other: it has a distribution, and the tree holds no end of generation.
    assert session.node.next is not None
    assert not session.tree.eog(session.cursor)
    with pytest.raises(UsageError, match="the text ends here"):
        session.step()
    session.force(" b")
    assert not session.ended
    assert session.step().parent is not None


def test_steps_go_on_past_a_stop_string_where_ends_are_ignored(orchard):
    session = Session(orchard, "Name a fruit.", template="page", ignore_eos=True)
    session.force("\nQ:")
    assert session.ended
    session.greedy()
    assert not session.ended


def test_each_prompt_of_a_tree_has_its_own_stop_strings(orchard):
    session = Session(orchard, "Name a fruit.", template="page")
    session.force("```")
    assert not session.ended
    for template, ends in (("urial", True), ("raw", False), ("page", False)):
        session.set_prompt("Name a fruit.", template=template)
        assert not session.ended
        session.force("```")
        assert session.ended is ends
        assert session.text() == ("" if ends else "```")


def test_looking_for_a_stop_string_does_not_walk_the_path(orchard, monkeypatch):
    session = Session(orchard, "Name a fruit.", template="page")
    for _ in range(30):
        session.greedy()
    looked = []
    parent = session.tree.parent
    monkeypatch.setattr(session.tree, "parent", lambda node: looked.append(node) or parent(node))
    assert not session.ended
    assert len(looked) <= templates.LONGEST_STOP + 1


def test_rollouts_go_on_past_a_stop_string(tmp_path):
    after = {":": "\n", "\n": "Q", "Q": ":"}
    rules = {json.dumps([token]): {following: 1.0} for token, following in after.items()}
    tokens = ["<s>", "</s>", "A", ":", "\n", "Q", " ", "b"]
    path = table(tmp_path / "t.json", tokens=tokens, rules=rules, default={})
    with bftui.open_model(path) as model:
        session = Session(model, "b", template="page")
        for _ in range(3):
            session.greedy()
        assert session.ended
        session.back(3)
        rolled = session.rollouts(2, 6)
        assert [sample.length for sample in rolled.samples] == [6, 6]
        assert {sample.finish for sample in rolled.samples} == {"length"}


# The next question ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [" An apple.", " An apple.\n", " An apple.\nQ", " An apple.\nQ:", " An apple.\nQ: "]
)
def test_a_next_question_on_a_page(orchard, answer):
    session = Session(orchard, "Name a fruit.", template="page")
    session.force(answer)
    node = session.add_turn("And a nut?")
    assert written(session) == "<s>Q: Name a fruit.\nA: An apple.\nQ: And a nut?\nA:"
    assert node.source == "prompt"
    assert not session.ended
    assert session.step().parent == node.id


def test_letters_that_look_like_the_beginning_of_a_question_are_an_answer(orchard):
    session = Session(orchard, "Name a page.", template="page")
    session.force(" The FAQ:")
    session.add_turn("And a nut?")
    assert written(session).endswith("A: The FAQ:\nQ: And a nut?\nA:")


@pytest.mark.parametrize(
    "written_already",
    ["", "\n", "\n```", "\n```\n\n", "\n```\n\n# Query", "\n```\n\n# Query:\n```\n"],
)
def test_a_next_question_of_urial(orchard, written_already):
    session = Session(orchard, "Name a fruit.", template="urial")
    session.force(f"An apple.{written_already}")
    session.add_turn("And a nut?")
    turn = "An apple.\n```\n\n# Query:\n```\nAnd a nut?\n```\n\n# Answer:\n```\n"
    assert written(session).endswith(f"# Answer:\n```\n{turn}")
    assert not session.ended
    # A turn on a turn does not take the open fence for a closed one.
    session.add_turn("Well?")
    assert written(session).endswith(
        f"{turn}\n```\n\n# Query:\n```\nWell?\n```\n\n# Answer:\n```\n"
    )


@pytest.mark.parametrize(
    ("answer", "before"),
    [("An apple```", "An apple```\n\n# Query:"), ("An apple.\n# Query", "An apple.\n# Query:")],
)
def test_an_answer_that_ends_in_another_way_is_gone_on_from(orchard, answer, before):
    session = Session(orchard, "Name a fruit.", template="urial")
    session.force(answer)
    session.add_turn("And a nut?")
    assert f"# Answer:\n```\n{before}\n```\nAnd a nut?\n```\n" in written(session)


def test_turns_are_undone_and_stay_in_the_trace(orchard):
    session = Session(orchard, "Name a fruit.", template="page", system="s")
    session.force(" Fig.")
    session.add_turn("Why?")
    document = session.trace().as_dict()
    validate(document)
    prompt = document["prompt"]
    assert (prompt["template"], prompt["messages"], prompt["text"]) == (
        "page",
        None,
        "Name a fruit.",
    )
    assert [(action["op"], action["args"]) for action in document["actions"]] == [
        ("force", {"text": " Fig."}),
        ("turn", {"text": "Why?"}),
    ]
    session.undo()
    assert session.text() == " Fig."


def test_the_lines_of_our_own_examples_reach_no_stop_string():
    texts = itertools.chain([urial.SYSTEM], *urial.EXAMPLES)
    assert not any("```" in text or "\n# Query" in text for text in texts)
