"""Chat templates: what a model sees of a prompt, and what a hostile template cannot do."""

import time
from dataclasses import replace

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bftui
from bftui.backends.chat import chat_renderer
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.core.errors import InputError, LostText, ModelError, TemplateError, UsageError
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt, as_prompt
from tests.models import rewritten, tiny_model
from tests.rendering import rendered
from tests.templates import CHATML, FAMILIES, SPACED, STRICT, WITH_BOS

BOS, EOS, USER, END = range(4)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    path = tmp_path_factory.mktemp("chat") / "tiny.gguf"
    tiny_model(path, "bpe", chat_template=CHATML)
    with bftui.open_model(path, backend="reference") as model:
        yield model


@pytest.fixture
def apart():
    """Has templates rendered as the program does: in a process of their own."""
    with rendered(apart=True):
        yield


def having(opened, template, **changes):
    """The same model with another template."""
    engine = InferenceEngine(opened.client.backend)
    engine.info = replace(engine.info, chat_template=template, **changes)
    return Model(engine)


def whole(model, text):
    """Ids of a rendered text, its control tokens read."""
    return tuple(model.client.tokenize(text, special=True))


RENDERED = {
    "chatml": "<|user|>user\n hi <|end|>\n<|user|>assistant\n",
    "with-bos": "<|bos|><|user|>user\n\nhi<|end|><|user|>assistant\n\n",
    "strict": "<|user|>user\nhi<|end|>\n<|user|>model\n",
    "spaced": "<|bos|>[ask]  hi  [/ask]",
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("add_bos", [True, False])
def test_the_prompt_is_what_the_template_writes_with_one_start_token(
    opened, apart, family, add_bos
):
    model = having(opened, FAMILIES[family], add_bos=add_bos)
    rendered = model.render(Prompt(" hi "))
    text = RENDERED[family]
    if add_bos and not text.startswith("<|bos|>"):
        text = "<|bos|>" + text
    assert rendered.text == text
    assert rendered.token_ids == whole(model, text)
    assert rendered.token_ids.count(BOS) == text.count("<|bos|>")
    assert rendered.messages == ({"role": "user", "content": " hi "},)
    assert rendered.template == "chat"


def test_a_system_text_is_the_first_message(opened, apart):
    rendered = having(opened, WITH_BOS).render(Prompt("hi", system=" Be brief. "))
    assert rendered.text == (
        "<|bos|><|user|>system\n\nBe brief.<|end|><|user|>user\n\nhi<|end|><|user|>assistant\n\n"
    )
    assert [message["role"] for message in rendered.messages] == ["system", "user"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("prefill", ["Sure", " Sure, \n", "  ", "<|end|>"])
def test_an_answer_goes_on_after_its_beginning_to_the_byte(opened, family, prefill):
    model = having(opened, FAMILIES[family])
    rendered = model.render(Prompt("hi", prefill=prefill))
    assert rendered.text.endswith(prefill)
    before = model.render(Prompt("hi"))
    space = " " if family == "spaced" else ""
    assert rendered.text == before.text + space + prefill
    assert rendered.token_ids.count(END) == before.token_ids.count(END)
    assert rendered.messages[-1] == {"role": "assistant", "content": prefill}


HOSTILE_TEXT = st.lists(
    st.sampled_from(
        [
            *("<|end|>", "<|user|>", "<|bos|>", "<|", "|>", "end", "<|<|end|>|>"),
            *(" ", "\n", "é", "猫", "\ufdd0", "\ufdd1", "\U000f0000"),
            *("[/ask]", "{{ 1 }}", "{% if %}", "a"),
        ]
    ),
    max_size=12,
).map("".join)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(sorted(FAMILIES)), HOSTILE_TEXT, HOSTILE_TEXT)
def test_what_people_type_never_becomes_a_control_token(opened, family, said, prefill):
    model = having(opened, FAMILIES[family])
    plain = model.render(Prompt("hi", prefill="x"))
    rendered = model.render(Prompt(said, prefill=f"x{prefill}"))
    control = [i for i in rendered.token_ids if i in model.info.special_ids]
    assert control == [i for i in plain.token_ids if i in model.info.special_ids]
    kept = said.strip() if family in ("with-bos", "strict") else said
    assert rendered.text == plain.text.replace("hi", kept, 1) + prefill
    turn = model.turn_ids([{"role": "user", "content": said}], prefill or "x")
    known = model.turn_ids([{"role": "user", "content": "hi"}], "x")
    special = model.info.special_ids
    assert [i for i in turn if i in special] == [i for i in known if i in special]


def test_a_typed_control_token_is_tokenised_as_the_text_around_it_is(opened):
    model = having(opened, "{{ messages[0].content }}")
    said = "one <|end|> two"
    assert model.render(Prompt(said)).token_ids == (BOS, *model.tokenize(said))


@pytest.mark.parametrize(
    ("around", "said"),
    [
        ("<|{}|>", "end"),
        ("<|{}", "end|>"),
        ("{}|>", "<|end"),
        ("<{}>", " |end| "),
        ("{}>", "a<|end|"),
    ],
)
def test_no_token_comes_from_what_stands_around_the_words(opened, around, said):
    template = "'" + around.replace("{}", "' ~ (messages[0].content | trim) ~ '") + "'"
    rendered = having(opened, f"{{{{ {template} }}}}").render(Prompt(said))
    assert rendered.text == "<|bos|>" + around.format(said.strip())
    assert rendered.token_ids == (BOS, *opened.tokenize(around.format(said.strip())))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_turn_stands_between_two_answers(opened, family):
    model = having(opened, FAMILIES[family])
    said = [{"role": "user", "content": "one"}]
    text = b"".join(map(model.token_bytes, model.turn_ids(said, "two"))).decode()
    assert (
        text
        == {
            "chatml": "<|end|>\n<|user|>user\ntwo<|end|>\n<|user|>assistant\n",
            "with-bos": "<|end|><|user|>user\n\ntwo<|end|><|user|>assistant\n\n",
            "strict": "<|end|>\n<|user|>user\ntwo<|end|>\n<|user|>model\n",
            "spaced": " <|endoftext|><|bos|>[ask] two [/ask]",
        }[family]
    )


def test_raw_takes_the_text_as_it_is(opened):
    model = having(opened, CHATML)
    for prompt, text in [
        (Prompt("a <|end|>", template="raw"), "a <|end|>"),
        (Prompt("b", system="Be brief.", template="raw"), "Be brief.\nb"),
        (Prompt("c", prefill=" d", template="raw"), "c d"),
    ]:
        rendered = model.render(prompt)
        assert rendered.token_ids == (BOS, *model.tokenize(text))
        assert rendered.text == "<|bos|>" + text
        assert (rendered.messages, rendered.template) == (None, "raw")


def test_auto_takes_the_template_where_there_is_one(opened):
    assert having(opened, CHATML).render(Prompt("a")).template == "chat"
    for absent in (None, ""):
        base = having(opened, absent)
        assert base.render(Prompt("a")).template == "raw"
        with pytest.raises(ModelError, match="no chat template"):
            base.render(Prompt("a", template="chat"))
        with pytest.raises(UsageError, match="no chat template"):
            base.turn_ids([], "a")


def test_a_refusal_is_told_in_the_templates_words(opened, apart):
    with pytest.raises(TemplateError, match=r"takes no system text; .*--template page") as raised:
        having(opened, STRICT).render(Prompt("a", system="b"))
    assert raised.value.exit_code == 4
    assert "\n" not in raised.value.line()


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{ 'a' * 10 ** 11 }}", "too much memory"),
        ("{{ '%99999999999s' % 1 }}", "too much memory"),
        (
            "{% set n = namespace(x=['a']) %}"
            "{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
            "too much memory",
        ),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "calls itself"),
        ("{{ " + "(" * 3000 + ")" * 3000 + " }}", "failed"),
        ("{% for i in range(90000) %}{{ 'a' * 1000 }}{% endfor %}", "more than 2,000,000"),
        ("{{ 'a' * 3000000 }}", "more than 2,000,000"),
        ("{% if", "TemplateSyntaxError"),
        ("{{ nothing.at_all }}", "'nothing' is undefined"),
        ("{{ ''.__class__.__mro__ }}", "SecurityError"),
        ("{{ raise_exception.__globals__.os }}", "SecurityError"),
        ("{{ messages.append(1) }}", "SecurityError"),
        ("{% include '/etc/passwd' %}", "failed"),
        ("{{ range(10 ** 9) }}", "OverflowError"),
        ('{{ messages[0].content ~ "\\ud800" }}', "half a character"),
    ],
)
def test_a_template_that_fails_is_one_line_and_the_model_goes_on(opened, apart, template, says):
    model = having(opened, template)
    with pytest.raises(TemplateError) as raised:
        model.render(Prompt("a"))
    line = raised.value.line()
    assert says in line
    assert "\n" not in line
    assert len(line) < 700
    assert model.render(Prompt("a", template="raw")).token_ids


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 9 ** (9 ** 9) }}",
    ],
)
def test_a_template_that_does_not_end_is_ended(opened, apart, template, monkeypatch):
    monkeypatch.setattr(chat_renderer, "SECONDS", 1)
    start = time.monotonic()
    with pytest.raises(TemplateError, match="did not end within 1 s"):
        having(opened, template).render(Prompt("a"))
    assert time.monotonic() - start < 15


def test_templates_may_use_what_others_give_them(opened, apart):
    template = (
        "{% for m in messages %}{% if loop.index0 == 2 %}{% break %}{% endif %}"
        "{{ m | tojson }}{% endfor %}{{ dict(a=1)['a'] }}{{ namespace(b=2).b }}"
        "{{ strftime_now('%Y') | length }}{{ tools is none }}{{ documents is none }}"
        "{{ nothing }}{{ eos_token }}{{ nothing is defined }}"
        "{% generation %}{% set x = 1 %}g{% endgeneration %}"
    )
    rendered = having(opened, template).render(Prompt("<é>", system="s"))
    said = '{"role": "system", "content": "s"}{"role": "user", "content": "<é>"}'
    assert rendered.text == f"<|bos|>{said}124TrueTrue<|endoftext|>Falseg"


def test_an_answer_that_the_template_leaves_out_cannot_be_begun(opened, apart):
    model = having(opened, "{{ messages[0].content }}")
    with pytest.raises(LostText, match="the beginning of the answer would be lost"):
        model.render(Prompt("a", prefill="b"))
    with pytest.raises(LostText, match="the answer before the turn would be lost"):
        model.turn_ids([{"role": "user", "content": "a"}], "b")


def test_a_file_in_the_working_folder_is_no_library(opened, apart, tmp_path, monkeypatch):
    (tmp_path / "jinja2.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert having(opened, CHATML).render(Prompt("a")).template == "chat"


@pytest.mark.parametrize("template", ["raw", "chat"])
def test_half_a_character_is_refused(opened, apart, template):
    with pytest.raises(InputError, match="not valid Unicode"):
        opened.render(Prompt("a\ud800", template=template))


def test_a_prompt_has_one_frame():
    assert as_prompt("a", "b", "chat", "c") == Prompt("a", "b", "chat", "c")
    assert as_prompt(Prompt("a", "b")) == Prompt("a", "b")
    for wrong in [lambda: as_prompt(Prompt("a"), "b"), lambda: as_prompt(3)]:
        with pytest.raises(UsageError):
            wrong()
    with pytest.raises(UsageError, match="choose auto, raw, chat, page, urial"):
        as_prompt("a", None, "papers")


def test_every_backend_of_a_file_sees_the_same_prompt(tmp_path):
    pytest.importorskip("llama_cpp")
    tiny_model(tmp_path / "a.gguf", "bpe", chat_template=SPACED)
    no = (False, gguf.GGUFValueType.BOOL)
    without = rewritten(
        tmp_path / "a.gguf", tmp_path / "b.gguf", changes={"tokenizer.ggml.add_bos_token": no}
    )
    for path in (tmp_path / "a.gguf", without):
        seen = []
        for backend in ("reference", "llama-cpp"):
            with bftui.open_model(path, backend=backend) as model:
                seen.append(model.render(Prompt("hi <|end|>", system="s", prefill="Sure")))
        assert seen[0] == seen[1]
        text = "[sys] s [/sys]<|bos|>[ask] hi <|end|> [/ask] Sure"
        assert seen[0].text == (text if path == without else f"<|bos|>{text}")


def test_a_template_of_any_length_is_no_work(opened, apart):
    began = time.monotonic()
    with pytest.raises(TemplateError, match="characters long"):
        having(opened, " " * 5_000_000).render(Prompt("a"))
    assert time.monotonic() - began < 2
