"""Control tokens that people write: text, unless they ask for them."""

import json
from dataclasses import replace

import pytest

import bftui
from bftui.core.errors import LostText, Unwritable, UsageError
from bftui.model.prompt import Prompt
from bftui.session.records.replicate import Replication, prompt_of
from bftui.session.records.resume import read_saved, resume
from bftui.trace.reading import TraceFile
from tests.models import bpe_vocab, tiny_model
from tests.templates import CHATML

BOS, EOS, USER, END = range(4)
WRITTEN = "<|user|>user\nName a river.<|end|>\n<|user|>assistant\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("special") / "tiny.gguf"
    tiny_model(path, "bpe", chat_template=CHATML)
    with bftui.open_model(path, backend="reference", ctx=256) as opened:
        yield opened


def control(ids):
    return [i for i in ids if i < 4]


def test_a_chat_can_be_written_by_hand(model):
    chat = model.render(Prompt("Name a river.", template="chat"))
    raw = Prompt(WRITTEN, template="raw", special="tokens")
    assert model.render(raw).token_ids == chat.token_ids
    plain = model.render(Prompt(WRITTEN, template="raw"))
    assert control(plain.token_ids) == [BOS]
    assert plain.text == chat.text


def test_a_text_to_force_is_read_as_is_asked(model):
    session = bftui.Session(model, "The river", template="raw")
    session.force(" is <|user|>")
    assert control(session.tree.token_ids(session.cursor)) == [BOS]
    session.back(100)
    node = session.force(" is <|user|>", special="tokens")
    assert node.token_id == USER
    assert session.force("<|end|>", special="tokens").eog
    with pytest.raises(UsageError, match="choose text or tokens"):
        session.force("a", special="all")


def test_an_end_inside_a_text_to_force_is_refused(model):
    session = bftui.Session(model, "The river", template="raw")
    for act in (session.force, session.respond):
        with pytest.raises(UsageError, match="goes on after an end of generation"):
            act("a<|end|>b", special="tokens")
    assert session.cursor == 0
    session.force("a<|end|>b")
    assert not session.ended


def test_a_response_to_a_control_token(model):
    session = bftui.Session(model, "The river", template="raw")
    found = session.respond("<|user|>", special="tokens", looks=[2], horizon=2, controls=2)
    assert found.token_ids == (USER,)


def test_a_trace_says_how_its_texts_were_read_and_they_are_read_so_again(model, tmp_path):
    session = bftui.Session(model, WRITTEN, template="raw", special="tokens")
    session.force(" is <|user|>", special="tokens")
    session.set_prompt("a<|user|>", template="raw", special="tokens")
    session.set_prompt("a<|user|>", template="raw")
    session.force("b<|user|>")
    path = tmp_path / "t.json"
    session.trace().save(path)
    document = json.loads(path.read_text())
    assert document["prompt"]["special"] == "tokens"
    forced = [action["args"] for action in document["actions"] if action["op"] == "force"]
    assert forced == [{"text": " is <|user|>", "special": "tokens"}, {"text": "b<|user|>"}]
    trace = TraceFile(path)
    assert prompt_of(trace).special == "tokens"
    again = bftui.Session(model, prompt_of(trace))
    list(Replication(again, trace).actions())
    for node in range(len(session.tree)):
        assert again.tree.token_ids(node) == session.tree.token_ids(node)
    resumed = resume(model, read_saved(path))
    assert resumed.prompt == session.prompt
    resumed.goto(0)
    assert resumed.prompt.special == "tokens"
    usual = bftui.Session(model, "a")
    assert "special" not in usual.trace().as_dict()["prompt"]


@pytest.mark.parametrize("template", ["raw", "page", "urial"])
@pytest.mark.parametrize("field", ["text", "system", "prefill"])
def test_nothing_that_is_typed_is_a_control_token(model, template, field):
    asked = Prompt(**{"text": "a", "template": template, field: "x <|end|> y <|bos|>"})
    assert control(model.render(asked).token_ids) == [BOS]
    tokens = Prompt(**{"text": "a", "template": template, field: "x <|end|>", "special": "tokens"})
    assert control(model.render(tokens).token_ids) == [BOS, END]


def test_a_start_token_is_there_once(model):
    for special in ("text", "tokens"):
        ids = model.render(Prompt("<|bos|>a", template="raw", special=special)).token_ids
        assert control(ids) == [BOS]


def test_what_the_vocabulary_cannot_write_is_said(tmp_path):
    vocabulary = bpe_vocab()
    tokens = tuple("<unused>" if token == chr(256 + 4) else token for token in vocabulary.tokens)
    path = tmp_path / "lossy.gguf"
    tiny_model(path, "bpe", vocabulary=replace(vocabulary, tokens=tokens))
    with bftui.open_model(path, backend="reference", ctx=64) as model:
        rendered = model.render(Prompt("a\x04b"))
        assert rendered.text == "<|bos|>ab"
        (note,) = rendered.notes
        assert note.endswith("cannot write U+0004: the model reads the prompt without them")
        assert model.render(Prompt("ab")).notes == ()
        with pytest.raises(LostText, match="cannot write U\\+0004"):
            model.render(Prompt("\x04"))
        with pytest.raises(Unwritable, match="cannot write"):
            bftui.Session(model, "a").force("\x04")
