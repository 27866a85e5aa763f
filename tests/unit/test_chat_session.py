"""Sessions in a chat template: turns are given tokens, later ones know the earlier ones, traces say it all."""

import pytest

import bftui
from bftui.core.errors import TemplateError, UsageError
from bftui.model.prompt import Prompt
from bftui.session import commands as c
from bftui.session.session import Session
from bftui.trace.document import read
from tests.models import tiny_model
from tests.schemas import validate
from tests.templates import CHATML, SPACED, STRICT
from tests.unit.test_chat import BOS, END, EOS, having


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    path = tmp_path_factory.mktemp("chat") / "tiny.gguf"
    tiny_model(path, "bpe", chat_template=CHATML)
    with bftui.open_model(path, backend="reference") as model:
        yield model


def written(session):
    """The whole path as text, control tokens too."""
    return b"".join(session.model_tree.path_bytes()).decode()


TURN = "<|user|>user\ntwo<|end|>\n<|user|>assistant\n"


def test_a_turn_goes_on_from_the_answer_and_retokenises_nothing(opened):
    session = Session(opened, "one")
    session.force(" An")
    session.force(" answer")
    before, end = (
        session.tree.token_ids(session.cursor),
        len(session.tree.token_ids(session.cursor)),
    )
    node = session.add_turn("two")
    assert session.tree.token_ids(node.id)[: len(before)] == before
    opening = "<|bos|><|user|>user\none<|end|>\n<|user|>assistant\n"
    assert written(session) == f"{opening} An answer<|end|>\n{TURN}"
    path = session.tree.path(session.cursor)[1:]
    turn = path[end - len(session.tree.token_ids(session.cursor)) :]
    answer = path[: end - len(session.tree.token_ids(session.cursor))]
    assert {session.tree.source(n).word for n in answer} == {"forced"}
    # What is given to the model is nobody's choice of a next token.
    assert {session.tree.source(n).word for n in turn} == {"prompt"}
    assert not any(n in session.state.force_starts for n in turn)
    assert session.step().parent == node.id


def test_an_end_that_is_there_is_not_written_again(opened):
    session = Session(opened, "one")
    session.force(" An answer")
    session.force(ids=[END])
    assert session.ended
    session.add_turn("two")
    assert written(session).endswith(f"answer<|end|>\n{TURN}")
    spaced = Session(having(opened, SPACED), "one")
    spaced.force(" An answer")
    spaced.force(ids=[EOS])
    spaced.add_turn("two")
    assert written(spaced).endswith("An answer<|endoftext|><|bos|>[ask] two [/ask]")


def test_another_end_of_generation_stays(opened):
    session = Session(opened, "one")
    session.force(ids=[EOS])
    session.add_turn("two")
    assert written(session).endswith(f"<|endoftext|><|end|>\n{TURN}")


TELLING = """\
{%- for m in messages %}{{ '<|user|>' + m.role + ':' + m.content + '<|end|>' }}{% endfor %}
{%- if add_generation_prompt and messages | length > 3 %}
    {%- for m in messages[:-2] %}{{ m.role[0] + '=' + m.content + ';' }}{% endfor %}
{%- endif %}"""
"""Repeats the conversation before the latest answer, so that a test can see what the template was told."""


def test_later_turns_know_what_was_said_on_their_own_path(opened):
    session = Session(having(opened, TELLING), Prompt("q1", system="s", prefill="Well"))
    session.force(" a1")
    first = session.add_turn("q2").id
    session.force("a2")
    session.force(ids=[END])
    session.add_turn("q3")
    assert written(session).endswith("user:q3<|end|>s=s;u=q1;a=Well a1;u=q2;")
    session.goto(first)
    session.force("b2")
    session.add_turn("q4")
    session.force("a4")
    session.add_turn("q5")
    assert written(session).endswith("user:q5<|end|>s=s;u=q1;a=Well a1;u=q2;a=b2;u=q4;")


def test_a_turn_again_leads_to_the_same_node(opened):
    session = Session(opened, "one")
    session.force(" An answer")
    first = session.add_turn("two").id
    nodes = len(session.tree)
    session.undo()
    assert session.text() == " An answer"
    assert session.add_turn("two").id == first
    assert len(session.tree) == nodes
    session.undo()
    assert session.add_turn("three").id > first


def test_a_raw_prompt_has_no_turns(opened):
    session = Session(opened, "one", template="raw")
    with pytest.raises(UsageError, match=r"no turns.*force a text instead"):
        session.add_turn("two")
    chat = Session(opened, "one")
    with pytest.raises(UsageError, match="no text"):
        chat.add_turn("")


def test_a_template_that_refuses_leaves_the_session_as_it_was(opened):
    session = Session(having(opened, STRICT), "one", seed=3)
    session.step()
    before = session.trace().as_dict()
    with pytest.raises(TemplateError):
        session.set_prompt("two", system="s")
    assert session.trace().as_dict() == before
    with pytest.raises(TemplateError):
        Session(having(opened, STRICT), "one", system="s")
    session.set_prompt("two", system="s", template="raw")
    assert session.rendered.text == "<|bos|>s\ntwo"


def test_palette_words_begin_an_answer_without_a_space(opened):
    inside = "{{ '[ask]' + messages[0].content + '<|user|>' }}"
    session = Session(having(opened, inside), "one")
    assert session.model_tree.spaced("Sure") == "Sure"
    session.force("Well")
    assert session.model_tree.spaced("Sure") == " Sure"


def test_the_trace_holds_what_was_asked_and_what_the_model_saw(opened, tmp_path):
    session = Session(opened, "one", system="Be brief.", prefill=" Sure")
    session.force(" yes")
    session.add_turn("two")
    session.set_prompt("raw", template="raw")
    session.set_prompt(Prompt("three", prefill="x"))
    session.trace().save(tmp_path / "t.json")
    document = session.trace().as_dict()
    validate(document)
    assert read(tmp_path / "t.json").model_dump(mode="json", by_alias=True) == document
    prompt = document["prompt"]
    assert prompt["token_ids"] == list(session.tree.prompt_ids(0))
    assert {name: prompt[name] for name in ("text", "system", "template", "prefill")} == {
        "text": "one",
        "system": "Be brief.",
        "template": "chat",
        "prefill": " Sure",
    }
    assert prompt["rendered"].endswith("<|user|>assistant\n Sure")
    assert [message["role"] for message in prompt["messages"]] == ["system", "user", "assistant"]
    raw, last = (later["prompt"] for later in document["prompts"])
    assert (raw["template"], raw["messages"], raw["rendered"]) == ("raw", None, "<|bos|>raw")
    assert "prefill" not in raw
    assert last["messages"][-1] == {"role": "assistant", "content": "x"}
    assert [(action["op"], action["args"]) for action in document["actions"]] == [
        ("force", {"text": " yes"}),
        ("turn", {"text": "two"}),
        ("prompt", {"text": "raw", "system": None, "template": "raw", "prefill": ""}),
        ("prompt", {"text": "three", "system": None, "template": "auto", "prefill": "x"}),
    ]
    assert session.tree.prompt_ids(0)[0] == BOS


def test_commands_and_methods_are_the_same(opened):
    by_command, by_method = Session(opened, "one"), Session(opened, "one")
    for command in (c.AddTurn("two"), c.SetPrompt(Prompt("x", "y", "chat", "z")), c.Mark("m")):
        by_command.do(command)
    by_method.add_turn("two")
    by_method.set_prompt("x", system="y", template="chat", prefill="z")
    by_method.mark("m")
    assert by_command.model_tree.path_bytes() == by_method.model_tree.path_bytes()
    assert by_command.marks == by_method.marks
