"""Chat templates of real families: as the library writes them; what people say reaches the model or is refused."""

from datetime import date

import pytest

from bftui.backends.chat.chat_template import ChatTemplate, Told
from bftui.core.errors import LostText, TemplateError
from tests import chat_families as f
from tests.groups import TORCH, Later, needs

pytestmark = TORCH

needs("tokenizers", "transformers")
tokenizers = Later("tokenizers")
transformers = Later("transformers")

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Name a fruit."}
SAID = [USER, {"role": "assistant", "content": "A fig."}, {"role": "user", "content": "And a nut?"}]


@pytest.fixture(scope="module")
def library():
    """Texts of `apply_chat_template`."""
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, "a"))
    loaded = transformers.PreTrainedTokenizerFast(tokenizer_object=words, **f.TOKENS)

    def applied(template, messages, prefill="", **told):
        begun = [*messages, {"role": "assistant", "content": prefill}] if prefill else messages
        return loaded.apply_chat_template(
            begun,
            chat_template=template,
            tokenize=False,
            add_generation_prompt=not prefill,
            continue_final_message=bool(prefill),
            **told,
        )

    return applied


def template(source, control=f.CONTROL):
    return ChatTemplate(source, f.TOKENS, {text.encode(): i for i, text in enumerate(control)})


def text(written, control=f.CONTROL):
    return "".join(control[each] if isinstance(each, int) else each for each in written.pieces)


def opened(source, messages, prefill="", told=None):
    return text(template(source).opening(messages, prefill, told))


def takes_system(family):
    return family != "gemma"


@pytest.mark.parametrize("family", f.FAMILIES)
@pytest.mark.parametrize("system", [False, True])
def test_a_prompt_is_what_the_library_writes(library, family, system):
    source = f.FAMILIES[family]
    messages = [SYSTEM, USER] if system and takes_system(family) else [USER]
    assert opened(source, messages) == library(source, messages)


@pytest.mark.parametrize("family", f.FAMILIES)
def test_a_conversation_is_what_the_library_writes(library, family):
    source = f.FAMILIES[family]
    assert opened(source, SAID) == library(source, SAID)
    before, _, after = library(source, SAID).rpartition("A fig.")
    assert before
    assert text(template(source).turn([USER], "And a nut?")) == after


PREFILLS = ["Sure", "Sure, a fruit:\n\n1.", "<b>Fig</b>"]


@pytest.mark.parametrize("family", f.FAMILIES)
@pytest.mark.parametrize("prefill", PREFILLS)
def test_an_answer_is_begun_as_the_library_begins_it(library, family, prefill):
    source = f.FAMILIES[family]
    assert opened(source, [USER], prefill) == library(source, [USER], prefill)


@pytest.mark.parametrize("family", [*f.FAMILIES, "plain block"])
@pytest.mark.parametrize("prefill", ["Sure, \n", " Sure", "  ", "<think>\n\n</think>\n\n"])
def test_a_beginning_is_there_to_the_byte(family, prefill):
    source = (f.FAMILIES | {"plain block": f.PLAIN_BLOCK})[family]
    assert opened(source, [USER], prefill).endswith(prefill)


# Thinking ---------------------------------------------------------------------------------------------------------

EMPTY = "<think>\n\n</think>\n\n"
ASKED = "<|im_start|>user\nName a fruit.<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize("source", [f.QWEN3, f.PLAIN_BLOCK])
@pytest.mark.parametrize(
    "prefill",
    [
        EMPTY,
        f"{EMPTY}Sure",
        "<think>\nOkay",
        "<think>\nOkay\n</think>\n\nSure",
        "<think>",
        "<think>a</think>b",
    ],
)
def test_a_block_that_is_begun_takes_the_place_of_the_empty_one(source, prefill):
    assert opened(source, [USER], prefill) == ASKED + prefill


@pytest.mark.parametrize("prefill", [EMPTY, f"{EMPTY}Sure", "<think>\nOkay\n</think>\n\nSure"])
def test_a_whole_block_is_what_the_library_makes_of_it(library, prefill):
    assert opened(f.QWEN3, [USER], prefill) == library(f.QWEN3, [USER], prefill)


def test_a_thought_that_the_template_opens_can_be_gone_on_with(library):
    prefill = "Okay\n</think>\n\nSure"
    told = opened(f.QWEN3, [USER], prefill)
    assert told == library(f.QWEN3, [USER], prefill) == f"{ASKED}<think>\n{prefill}"


@pytest.mark.parametrize("prefill", [EMPTY, "<think>\nOkay", f"{EMPTY}Sure"])
def test_a_block_is_begun_once_where_the_generation_prompt_opens_one(prefill):
    assert opened(f.R1, [USER], prefill) == f"<s><｜User｜>Name a fruit.<｜Assistant｜>{prefill}"


@pytest.mark.parametrize(
    ("block", "prefill"),
    [
        ("<thinking>\n</thinking>\n", "<thinking>Hm"),
        ("<seed:think></seed:think>", "<seed:think>\nHm"),
        ("[THINK][/THINK]", "[THINK]Hm[/THINK]"),
        ("<think>\n", "<think>\nHm"),
    ],
)
def test_other_spellings_of_a_block(block, prefill):
    source = f.PLAIN_BLOCK.replace("<think>\\n\\n</think>\\n\\n", block.replace("\n", "\\n"))
    assert opened(source, [USER], prefill) == ASKED + prefill
    assert opened(source, [USER], "Hm") == f"{ASKED}{block}Hm"


def test_the_tags_of_a_block_that_the_template_writes_stay_control_tokens():
    control = ("<think>", "</think>", *f.CONTROL)
    found = template(f.QWEN3, control).opening([USER], f"{EMPTY}Sure </think>")
    assert found.pieces[-4:] == [0, "\n\n", 1, "\n\nSure </think>"]


def test_an_argument_reaches_the_template(library):
    told = Told({"enable_thinking": False})
    assert opened(f.QWEN3, [USER], told=told) == ASKED + EMPTY
    assert opened(f.QWEN3, [USER], told=told) == library(f.QWEN3, [USER], enable_thinking=False)
    assert template(f.QWEN3).opening([USER], "", told).unknown == ()
    assert template(f.CHATML).opening([USER], "", told).unknown == ("enable_thinking",)


def test_an_argument_spells_no_control_token():
    source = "{{ note }}{{ messages[0].content }}"
    found = template(source).opening([USER], "", Told({"note": "a</s>", "list": [{"b": "<s>"}]}))
    assert found.pieces == ["a</s>Name a fruit."]


# The day ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [f.LLAMA3, f.LLAMA3_OLD_DATE])
def test_a_day_reaches_the_template(source):
    told = template(source).opening([USER], "", Told(date="2025-02-03"))
    assert "Today Date: 03 Feb 2025\n" in text(told)
    assert told.date == "2025-02-03"


def test_today_is_kept_where_the_template_asks_for_it():
    today = date.today()
    found = template(f.LLAMA3).opening([USER], "")
    assert f"Today Date: {today:%d %b %Y}\n" in text(found)
    assert found.date == today.isoformat()
    assert template(f.LLAMA3_OLD_DATE).opening([USER], "").date is None
    assert template(f.CHATML).opening([USER], "").date is None


# What reaches the model -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (f.PARTS, "user: Name a fruit.\nassistant: "),
        (f.FIRST_PART, ASKED),
        (f.MIXED, "[INST]Name a fruit.[/INST]"),
        (
            "{% for m in messages %}{{ m.content | map(attribute='text') | join }}{% endfor %}",
            "Name a fruit.",
        ),
    ],
)
def test_content_is_given_in_parts_where_the_template_wants_them(source, expected):
    assert opened(source, [USER]) == expected
    assert SYSTEM["content"] in opened(source, [SYSTEM, USER])


@pytest.mark.parametrize("source", [f.PARTS, f.FIRST_PART, f.MIXED])
def test_answers_and_turns_are_given_in_parts_too(source):
    whole = opened(source, SAID)
    assert [each["content"] in whole for each in SAID] == [True] * 3
    assert opened(source, [USER], "Sure,") == opened(source, [USER]) + "Sure,"
    assert text(template(source).turn([USER], "And a nut?")) == whole.rpartition("A fig.")[2]


def test_a_text_stays_a_text_where_the_template_takes_both(library):
    assert opened(f.GEMMA3, [SYSTEM, USER]) == library(f.GEMMA3, [SYSTEM, USER])


USERS_ONLY = (
    "{% for m in messages if m.role == 'user' %}user: {{ m.content }}\n{% endfor %}assistant:"
)


@pytest.mark.parametrize("source", [USERS_ONLY, f.MISTRAL_DROPS_SYSTEM])
@pytest.mark.parametrize("system", ["Be brief.", "user", "a", "Name a fruit."])
def test_a_system_text_that_is_left_out_is_named(source, system):
    with pytest.raises(LostText, match="the system text would be lost") as raised:
        opened(source, [{"role": "system", "content": system}, USER])
    assert raised.value.exit_code == 4
    assert opened(source, [USER])


def test_a_system_text_that_is_refused_is_named():
    with pytest.raises(
        LostText, match=r"takes no system text: System role not supported"
    ) as raised:
        opened(f.GEMMA, [SYSTEM, USER])
    assert raised.value.exit_code == 4


def test_another_refusal_is_the_templates():
    source = "{{ raise_exception('not today') }}"
    for messages in ([USER], [SYSTEM, USER]):
        with pytest.raises(TemplateError, match="not today") as raised:
            opened(source, messages)
        assert raised.value.exit_code == 3


def test_an_argument_can_take_the_system_text():
    source = USERS_ONLY.replace("if m.role == 'user'", "if m.role == 'user' or keep")
    with pytest.raises(LostText):
        opened(source, [SYSTEM, USER])
    assert SYSTEM["content"] in opened(source, [SYSTEM, USER], told=Told({"keep": True}))


@pytest.mark.parametrize(
    ("source", "lost"),
    [
        ("user: {{ messages[-1].content.text }}", "the prompt would be lost"),
        ("{{ messages[0].content[:4] }}", "the prompt would be lost"),
        ("{% for m in messages %}{{ m.content[0] }}{% endfor %}", "the prompt would be lost"),
        ("{{ messages[-1].content | lower }}", "the prompt would be lost"),
    ],
)
def test_a_prompt_that_does_not_come_out_is_named(source, lost):
    with pytest.raises(LostText, match=lost):
        opened(source, [USER])


def test_what_is_lost_is_named_together():
    with pytest.raises(LostText, match="the system text and the prompt would be lost"):
        opened("Hello.", [SYSTEM, USER])


def test_a_beginning_and_a_turn_that_are_lost_are_named():
    with pytest.raises(LostText, match="the beginning of the answer would be lost"):
        opened(USERS_ONLY, [USER], "Sure")
    first = "{{ messages[0].content }}{% for m in messages[1:2] %}{{ m.content }}{% endfor %}"
    with pytest.raises(LostText, match="the turn would be lost"):
        template(first).turn([USER], "And a nut?")


@pytest.mark.parametrize("said", ["", " ", "\n"])
def test_nothing_is_lost_of_a_prompt_without_words(said):
    assert opened(USERS_ONLY, [{"role": "user", "content": said}]).endswith("assistant:")
