"""`--template page` and `urial` on the command line: what the model is given, and where a text stops."""

import json
from pathlib import Path

import pytest

from tests.command_line import bftui_, fails
from tests.tables import table

EXAMPLES = Path(__file__).parents[2] / "examples" / "urial-short.jsonl"


@pytest.fixture
def paging(tmp_path):
    """Answers " Fig." and goes on with the next question."""
    after = {":": " Fig.", " Fig.": "\n", "\n": "Q", "Q": ":"}
    rules = {json.dumps([token]): {following: 1.0} for token, following in after.items()}
    tokens = ["<s>", "</s>", *"A:\nQ W?", " Fig."]
    return table(tmp_path / "t.json", tokens=tokens, rules=rules, default={})


def test_record_stops_where_the_answer_does(paging, tmp_path):
    out = tmp_path / "o.json"
    arguments = ["record", paging, "--prompt", "W?", "--template", "page", "-o", out]
    done = bftui_(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Q: W?\nA: Fig.\n\n4 tokens, stopped at ⏎Q: · BF along")
    document = json.loads(out.read_text())
    assert document["prompt"]["template"] == "page"
    assert document["prompt"]["rendered"] == "<s>Q: W?\nA:"
    assert len(document["path"]) == 5
    assert not any(node["eog"] for node in document["nodes"])
    on = bftui_(*arguments, "--ignore-eos", "--steps", 6)
    assert "6 tokens, not ended" in on.stdout


def test_actions_stop_too_and_add_turns(paging, tmp_path):
    actions = tmp_path / "actions.json"
    actions.write_text('[{"step": 9}, {"turn": "W?"}, {"step": 9}]')
    done = bftui_("record", paging, "--prompt", "W?", "--template", "page", "--actions", actions)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Q: W?\nA: Fig.\nQ: W?\nA: Fig.\n\n8 tokens, stopped at ⏎Q:")


def test_urial_is_for_any_model_and_no_other_name_is():
    done = bftui_(
        "record",
        "--backend",
        "reference",
        "--prompt",
        "Name a fruit.",
        "--template",
        "urial",
        "--examples",
        EXAMPLES,
        "--steps",
        1,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# Instruction\n")
    assert "urial" in fails(2, "record", "--template", "pages")


# One rule for every command ---------------------------------------------------------------------------------------

CHAT = "{% for m in messages %}{{ m.content }}{% endfor %}A:"
PAGE = "Q: W?\nA:"


@pytest.fixture
def chatting(tmp_path):
    return table(tmp_path / "chat.json", name="chat", chat_template=CHAT)


@pytest.fixture
def plain(tmp_path):
    return table(tmp_path / "plain.json", name="plain")


def measured(*arguments, prompts):
    done = bftui_(
        "measure", *arguments, "--prompts", prompts, "--samples", 2, "--max-tokens", 2, "--json"
    )
    assert done.returncode == 0, done.stderr
    return {
        each["facts"]["name"]: each["template"] for each in json.loads(done.stdout)["models"]
    }, done


def test_a_base_beside_a_chat_is_asked_on_a_page(chatting, plain, tmp_path):
    prompts = tmp_path / "p.jsonl"
    prompts.write_text(json.dumps({"id": "a", "prompt": "W?"}))
    for order in ([plain, chatting], [chatting, plain]):
        taken, done = measured(*order, prompts=prompts)
        assert taken == {"plain": "page", "chat": "chat"}
        names = {plain: "page", chatting: "chat"}
        said = "; ".join(f"{names[each]} for {each}" for each in order)
        assert done.stderr == f"bftui: templates: {said}\n"
    assert measured(plain, prompts=prompts)[0] == {"plain": "raw"}
    assert measured(plain, plain, prompts=prompts)[0] == {"plain": "raw"}
    asked, _ = measured(plain, chatting, "--template", "raw", prompts=prompts)
    assert asked == {"plain": "raw", "chat": "raw"}
    prompts.write_text(json.dumps({"id": "a", "prompt": PAGE}))
    assert measured(plain, chatting, prompts=prompts)[0] == {"plain": "raw", "chat": "chat"}


def rendered(tmp_path, *arguments, lines="quit\n"):
    """What the roots of a session on lines are put into."""
    trace = tmp_path / "trace.json"
    done = bftui_("run", *arguments, "--plain", "--trace", trace, stdin=lines)
    assert done.returncode == 0, done.stderr
    document = json.loads(trace.read_text())
    return [document["prompt"], *(each["prompt"] for each in document["prompts"])], done


def test_a_session_beside_a_chat_begins_on_a_page(chatting, plain, tmp_path):
    roots, done = rendered(tmp_path, plain, "--partner", chatting, "--prompt", "W?")
    assert [(each["template"], each["rendered"]) for each in roots] == [("page", f"<s>{PAGE}")]
    assert "Templates: page and chat." in done.stdout
    roots, _ = rendered(tmp_path, plain, "--partner", chatting, "--prompt", PAGE)
    assert [(each["template"], each["rendered"]) for each in roots] == [("raw", f"<s>{PAGE}")]
    roots, _ = rendered(tmp_path, plain, "--partner", plain, "--prompt", "W?")
    assert [each["template"] for each in roots] == ["raw"]


def test_a_partner_that_comes_later_changes_no_root_that_is_there(chatting, plain, tmp_path):
    lines = f"partner {chatting}\nprompt W?\npartner none\nprompt x\nquit\n"
    roots, done = rendered(tmp_path, plain, "--prompt", "W?", lines=lines)
    assert "Templates: raw and chat." in done.stdout
    assert [each["template"] for each in roots] == ["raw", "page", "raw"]


# What a template is told ------------------------------------------------------------------------------------------

TOLD = (
    "{{ messages[0].content }}{% if deep is defined %}[{{ deep }}]{% endif %}"
    "{{ strftime_now('%d.%m.%Y') }}:"
)


def test_arguments_and_day_reach_the_template_and_the_trace(tmp_path):
    letters = ["<s>", "</s>", *map(chr, range(32, 127))]
    small = {"chat_template": TOLD, "default": {}, "rules": {}}
    model = table(tmp_path / "t.json", tokens=letters, **small)
    out = tmp_path / "o.json"
    told = ["--template-arg", "deep=false", "--date", "2025-02-03"]
    done = bftui_("record", model, "--prompt", "W?", *told, "--steps", 0, "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    prompt = json.loads(out.read_text())["prompt"]
    assert prompt["rendered"] == "<s>W?[False]03.02.2025:"
    assert (prompt["template_args"], prompt["date"]) == ({"deep": False}, "2025-02-03")
    again = tmp_path / "again.json"
    assert bftui_("record", model, "--like", out, "-o", again).returncode == 0
    assert json.loads(again.read_text())["prompt"] == prompt
    assert bftui_("check", out).returncode == 0
    # Another tokenizer: the messages, with the day of the trace.
    other = table(tmp_path / "u.json", tokens=[*letters, "xyz"], **small)
    assert bftui_("record", other, "--like", out, "-o", again).returncode == 0
    found = json.loads(again.read_text())["prompt"]
    assert found["rendered"] == prompt["rendered"]
    unknown = bftui_("record", model, "--prompt", "W?", "--template-arg", "deeep=1", "--steps", 0)
    assert unknown.returncode == 0
    assert "asks for no deeep" in unknown.stderr


def test_like_takes_the_prompt_as_it_was_where_the_tokenizer_is_the_same(tmp_path):
    tokens = ["<s>", "</s>", *map(chr, range(32, 127))]
    model = table(tmp_path / "t.json", chat_template=TOLD, tokens=tokens, default={}, rules={})
    base = table(tmp_path / "b.json", tokens=tokens, default={}, rules={})
    out, again = tmp_path / "o.json", tmp_path / "again.json"
    bftui_("record", model, "--prompt", "W?", "--date", "2025-02-03", "--steps", 1, "-o", out)
    assert bftui_("record", base, "--like", out, "-o", again).returncode == 0
    assert json.loads(again.read_text())["prompt"] == json.loads(out.read_text())["prompt"]
    other = bftui_("record", model, "--like", out, "--date", "2026-01-01", "-o", again)
    assert other.returncode == 0, other.stderr
    assert "01.01.2026" in json.loads(again.read_text())["prompt"]["rendered"]


@pytest.mark.parametrize(
    ("code", "options", "says"),
    [
        (2, ["--template-arg", "deep"], "NAME=JSON"),
        (2, ["--template-arg", "deep=no"], "NAME=JSON"),
        (2, ["--template-arg", "messages=[]"], "messages"),
        (2, ["--date", "03.02.2025"], "YYYY-MM-DD"),
        (2, ["--date", "20250203"], "YYYY-MM-DD"),
        (2, ["--examples", EXAMPLES], "--template urial"),
    ],
)
def test_what_no_template_can_be_told(code, options, says, plain):
    assert says in fails(code, "record", plain, "--prompt", "x", *options)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "holds no examples"),
        ("{", "line 1 is not JSON"),
        ('{"prompt": "a"}', 'line 1 has no "answer"'),
        ('{"prompt": "a", "answer": 3}', 'line 1 has no "answer"'),
        ('\n{"prompt": "a", "answer": "```b"}', "line 2"),
        ('{"prompt": "# Query", "answer": "b"}', "# Query"),
    ],
)
def test_examples_that_are_none(content, says, plain, tmp_path):
    path = tmp_path / "e.jsonl"
    path.write_text(content)
    options = ["--template", "urial", "--examples", path]
    assert says in fails(4, "record", plain, "--prompt", "x", *options)


# What reaches the model -------------------------------------------------------------------------------------------

PARTS = (
    "{% for m in messages %}{{ m.role }}: {% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}"
    "{% endfor %}{{ '\\n' }}{% endfor %}assistant:"
)
USERS = "{% for m in messages if m.role == 'user' %}{{ m.content }}\n{% endfor %}assistant:"


def test_content_in_parts_is_there(tmp_path):
    model = table(tmp_path / "t.json", chat_template=PARTS)
    done = bftui_("record", model, "--prompt", "W?", "--steps", 0, "--json")
    assert json.loads(done.stdout)["prompt"]["rendered"] == "<s>user: W?\nassistant:"


@pytest.mark.parametrize("template", ["{{ 'Hello' }}", "{{ messages[0].content.wrong }}"])
def test_a_prompt_that_is_lost_is_refused(template, tmp_path):
    model = table(tmp_path / "t.json", chat_template=template)
    prompts = tmp_path / "p.jsonl"
    prompts.write_text(json.dumps({"id": "first", "prompt": "W?"}))
    assert "the prompt would be lost" in fails(4, "record", model, "--prompt", "W?")
    for command in (["measure", model], ["shift", model, model], ["nudge", model, "--with", model]):
        line = fails(4, *command, "--prompts", prompts)
        assert "'first'" in line
        assert "the prompt would be lost" in line


def test_a_system_text_that_is_lost_is_refused(tmp_path):
    model = table(tmp_path / "t.json", chat_template=USERS)
    asked = ["--prompt", "W?", "--system", "Be brief."]
    for command in (["record", model], ["lookahead", model], ["respond", model, "--force", " a"]):
        assert "the system text would be lost" in fails(4, *command, *asked)
    with_page = bftui_("record", model, *asked, "--template", "page", "--steps", 0)
    assert with_page.stdout.startswith("Be brief.\nQ: W?\nA:")


def test_a_beginning_and_a_turn_that_are_lost_are_refused(tmp_path):
    model = table(tmp_path / "t.json", chat_template=USERS)
    line = fails(4, "record", model, "--prompt", "W?", "--prefill", "x")
    assert "the beginning of the answer would be lost" in line
    first = "{{ messages[0].content }}{% for m in messages[1:2] %}{{ m.content }}{% endfor %}:"
    model = table(tmp_path / "u.json", chat_template=first)
    actions = tmp_path / "actions.json"
    actions.write_text('[{"step": 1}, {"turn": "W?"}]')
    done = bftui_("record", model, "--prompt", "W?", "--actions", actions)
    assert done.returncode == 4
    assert "the turn would be lost" in done.stderr


THINKING = (
    "{% for m in messages %}{{ m.role }}:{% if loop.last and m.role == 'assistant' %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)


@pytest.mark.parametrize("prefill", ["<think>\n\n</think>\n\n", "<think>\nOkay"])
def test_a_thinking_block_stands_once(prefill, tmp_path):
    model = table(tmp_path / "t.json", chat_template=THINKING)
    done = bftui_("record", model, "--prompt", "W?", "--prefill", prefill, "--steps", 0, "--json")
    assert json.loads(done.stdout)["prompt"]["rendered"] == f"<s>user:W?\nassistant:{prefill}"
