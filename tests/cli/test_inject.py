"""`bftui inject` and schedules, as programs and people see them."""

import json

import pytest

import bftui
from bftui.core.sampler import Sampler
from bftui.measures.injection import InjectionAsked
from bftui.model.prompt import Prompt
from bftui.results.codec import encode
from bftui.session.session import Session
from tests.command_line import bftui_, fails
from tests.tables import WORDS, table

SIZES = ["--windows", "0-2,2-4,0-", "--after", 3, "--samples", 6, "--seed", 3]
ASKED = InjectionAsked(windows=((0, 2), (2, 4), (0, None)), after=3, samples=6)


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


@pytest.fixture
def pair(tmp_path):
    usual = [
        table(tmp_path / f"{n}.json", default={**dict.fromkeys(WORDS, 0.05), word: 0.25})
        for n, word in enumerate((" apple", " pear"))
    ]
    return f"dial:{usual[0]}::{usual[1]}"


def test_the_document_is_that_of_the_python_interface_and_of_a_session(pair, tmp_path):
    out = tmp_path / "f.json"
    done = bftui_("inject", pair, "--content", " I like", *SIZES, "--json", "-o", out)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found == json.loads(out.read_text())
    with bftui.open_model(pair) as model:
        job = Session(model, Prompt(" I like", template="raw"), seed=3).inject(ASKED)
    expected = json.loads(json.dumps(encode(job.result())))
    assert {name: found[name] for name in expected} == expected
    assert {"from", "to", "weight", "bf", "ci", "style", "content", "kl"} <= found["windows"][
        0
    ].keys()
    assert found["settings"]["windows"] == [[0, 2], [2, 4], [0, None]]


def test_one_model_reads_two_prompts(orchard):
    parts = ["--content", " I like", "--style", " Sure"]
    done = bftui_("inject", orchard, *parts, *SIZES, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["settings"]["prompts"] == [
        {"id": "instruction", "content": " I like", "style": " Sure", "whole": " I like Sure"}
    ]
    assert found["model"]["source"].startswith("dial:")
    # The first word alone comes from another prompt, for a table looks back no further.
    assert found["windows"][0]["positions"][1]["kl"] == 0


def test_people_get_a_sentence_a_table_and_a_picture(pair):
    done = bftui_("inject", pair, "--content", " I like\x1b[1m", *SIZES)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "style injected early at 0-2" in " ".join(done.stdout.split()).lower()
    assert "content alone" in done.stdout
    assert "● " in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_several_instructions_are_read_from_a_file(orchard, tmp_path):
    lines = [
        {"id": "a", "content": " I like", "style": " Sure"},
        {"id": "b", "instruction": " a red in the style of a pear."},
    ]
    file = tmp_path / "i.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    done = bftui_("inject", orchard, "--prompts", file, *SIZES, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [each["id"] for each in found["prompts"]] == ["a", "b"]
    assert found["settings"]["prompts"][1]["style"] == "in the style of a pear."


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ([], "not one instruction"),
        (["--content", "x", "--instruction", "y"], "not one instruction"),
        (["--instruction", "Name a fruit."], "no part of the instruction"),
        (["--instruction", "a", "--separator", "|"], "not 1"),
        (["--content", "x", "--style", "y", "--windows", "8"], "not a window"),
        (["--content", "x", "--style", "y", "--windows", "4-4"], "holds no position"),
        (["--content", "x", "--style", "y", "--weights", "a"], "--weights"),
        (["--content", "x"], "mixes no two conditions"),
    ],
)
def test_wrong_usage_is_exit_code_2(orchard, asked, says):
    assert says in fails(2, "inject", orchard, *asked)


def test_a_file_that_is_not_instructions_is_exit_code_4(orchard, tmp_path):
    for text, says in (
        ('{"id": "a"}', "there is no content"),
        ('{"content": "a", "style": "b"}', 'no "id"'),
        ("[1]", "not an object"),
        ("", "no instructions"),
    ):
        file = tmp_path / "i.jsonl"
        file.write_text(text)
        assert says in fails(4, "inject", orchard, "--prompts", file)


SCHEDULE = "weight = 0\n[[windows]]\nfrom = 1\nto = 3\nweight = 1\ntemperature = 0.5\n"


def test_a_schedule_stands_in_the_trace_and_is_made_again(pair, tmp_path):
    file, trace, again = (tmp_path / name for name in ("s.toml", "t.json", "a.json"))
    file.write_text(SCHEDULE)
    asked = ["--prompt", " I like", "--steps", 6, "--seed", 2]
    done = bftui_("record", pair, *asked, "--schedule", file, "-o", trace)
    assert done.returncode == 0, done.stderr
    document = json.loads(trace.read_text())
    assert document["version"] == 2
    assert document["samplers"][0]["weight"] == 0
    assert [each["start"] for each in document["samplers"][0]["windows"]] == [1]
    assert bftui_("check", trace).returncode == 0
    assert bftui_("record", pair, "--like", trace, "-o", again).returncode == 0
    assert bftui_("diff", trace, again).returncode == 0
    with bftui.open_model(pair) as model:
        windows = ((1, 3, {"weight": 1.0, "temperature": 0.5}),)
        session = Session(
            model, Prompt(" I like", template="raw"), seed=2, weight=0.0, windows=_windows(windows)
        )
        for _ in range(6):
            session.step()
        ids = session.tree.token_ids(session.cursor)
    prompt = document["prompt"]["token_ids"]
    assert [each["token_id"] for each in document["nodes"][1:]] == ids[len(prompt) :]


def _windows(windows):
    from bftui.core.sampler import SamplerWindow

    return tuple(SamplerWindow(a, b, tuple(sorted(each.items()))) for a, b, each in windows)


def test_a_style_on_the_command_line_is_the_second_model_s(orchard, tmp_path):
    form = f"dial:{orchard}::{orchard}"
    trace = tmp_path / "t.json"
    asked = ["--prompt", " I like", "--style", " Sure", "--steps", 3]
    assert bftui_("record", form, *asked, "-o", trace).returncode == 0
    prompt = json.loads(trace.read_text())["prompt"]
    assert prompt["styled"] == " I like Sure"
    assert bftui_("check", trace).returncode == 0
    assert "no second condition" in fails(2, "record", orchard, *asked)


def test_a_bad_schedule_is_exit_code_4(pair, tmp_path):
    file = tmp_path / "s.toml"
    file.write_text(f"{SCHEDULE}[[windows]]\nfrom = 2\nweight = 1\n")
    said = fails(4, "record", pair, "--schedule", file)
    assert "the windows 1-3 and 2-end overlap" in said
    assert Sampler().windows == ()
