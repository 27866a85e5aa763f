"""`--constraint FILE`: kinds of files, texts that obey, what is refused, and the same numbers in every command."""

import json
import re
import sys

import pytest

from tests.command_line import bftui_, fails
from tests.groups import needs

needs("llguidance")

PROMPT = ("--prompt", "The boat is")
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["n"],
    "additionalProperties": False,
}
LARK = 'start: " " NUMBER\nNUMBER: /[0-9]{1,4}/\n'


@pytest.fixture
def file(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def governed(path, *arguments):
    """What `record` writes under a constraint: the text without its end, and the nodes."""
    done = bftui_("record", *PROMPT, "--constraint", path, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    trace = json.loads(done.stdout)
    nodes = trace["nodes"]
    tokens = [
        trace["tokens"][str(node["token_id"])]["text"] for node in nodes[1:] if not node["eog"]
    ]
    assert nodes[-1]["eog"]
    return "".join(tokens).replace("·", " ").replace("⏎", "\n").replace("⇥", "\t"), nodes


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("name", "text", "accepts"),
    [
        ("c.regex", " (red|blue)\n", lambda found: re.fullmatch(" (red|blue)", found)),
        ("c.txt", " (red|blue)", lambda found: re.fullmatch(" (red|blue)", found)),
        ("any", " (red|blue)\r\n", lambda found: re.fullmatch(" (red|blue)", found)),
        ("c.lark", LARK, lambda found: re.fullmatch(" [0-9]{1,4}", found)),
        ("any", LARK, lambda found: re.fullmatch(" [0-9]{1,4}", found)),
        ("c.json", json.dumps(SCHEMA), lambda found: 0 <= json.loads(found)["n"] <= 99),
        ("any", json.dumps(SCHEMA), lambda found: 0 <= json.loads(found)["n"] <= 99),
    ],
)
def test_what_is_drawn_is_what_the_file_says(file, name, text, accepts, seed):
    found, nodes = governed(file(name, text), "--seed", seed)
    assert accepts(found), found
    assert nodes[0]["next"]["constraint"]["state"] == "open"
    assert nodes[-2]["next"]["constraint"]["state"] in ("may end", "ends")


def test_the_line_says_both_branching_factors(file):
    done = bftui_("record", *PROMPT, "--constraint", file("c.regex", " (red|blue)"))
    assert re.search(
        r"^constraint: BF [\d.]+ over \d+ of its places, [\d.]+ without it$", done.stdout, re.M
    )
    done = bftui_(
        "record",
        *PROMPT,
        "--constraint",
        file("c.regex", " (red|blue)"),
        "--force",
        " 7 7",
        "--steps",
        0,
    )
    assert re.search(r"^constraint: BF .*; then the text left it before$", done.stdout, re.M)


def test_every_command_obeys(file, tmp_path):
    path = file("c.regex", " (red|blue)")
    done = bftui_("lookahead", *PROMPT, "--constraint", path, "--top", 30, "--json")
    for each in json.loads(done.stdout)["candidates"]:
        assert (
            each["after"] is None
            or " red".startswith(each["text"].replace("·", " "))
            or " blue".startswith(each["text"].replace("·", " "))
        )
    done = bftui_(
        "respond",
        *PROMPT,
        "--constraint",
        path,
        "--force",
        " re",
        "--samples",
        4,
        "--horizon",
        4,
        "--json",
    )
    assert json.loads(done.stdout)["forced"]["bf"] >= 1
    prompts = file("p.jsonl", '{"id": "a", "prompt": "The boat is"}\n')
    done = bftui_(
        "measure", "practice", "--prompts", prompts, "--samples", 4, "--constraint", path, "--json"
    )
    found = json.loads(done.stdout)["models"][0]["prompts"][0]["samples"]
    assert all(sample["finish"] == "eog" and sample["length"] <= 6 for sample in found), found


def test_a_forced_text_that_leaves_it_stops_there(file):
    path = file("c.regex", " (red|blue)")
    done = bftui_("record", *PROMPT, "--constraint", path, "--force", " 7", "--steps", 3)
    assert done.returncode == 2
    assert "the text has left the constraint: token 1 after its start" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("bad.regex", "(a", "bad.regex: this regex is not read: unclosed group"),
        ("bad.lark", "start: b\nb: c\n", "line 2, column 4"),
        ("bad.json", "{", "bad.json: the schema is not JSON"),
        ("bad.json", '{"type": 5}', "bad.json: this schema is not read"),
        ("bad.txt", b"\xff", "bad.txt is not UTF-8"),
        ("bad.txt", "\n", "bad.txt: the regex is empty"),
        ("bad.txt", "a" * (2 << 20), "it has more than 1"),
        ("bad.txt", "a" * (300 << 10), "a constraint may have"),
    ],
)
def test_a_bad_file_is_one_line(file, name, text, says):
    path = file(name, text)
    assert says in fails(4, "record", *PROMPT, "--constraint", path)
    assert says in fails(4, "run", "--plain", *PROMPT, "--constraint", path)


def test_no_file_is_one_line(tmp_path):
    assert "No such file" in fails(4, "record", *PROMPT, "--constraint", tmp_path / "none.regex")


def test_without_the_library_it_says_how_to_install_it(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "llguidance", None)
    path = file("c.regex", " (red|blue)")
    assert "pip install 'bftui[constraints]'" in fails(3, "record", *PROMPT, "--constraint", path)


def test_a_trace_is_made_again_and_checked(file, tmp_path):
    path, trace = file("c.json", json.dumps(SCHEMA)), tmp_path / "t.json"
    assert bftui_("record", *PROMPT, "--constraint", path, "-o", trace).returncode == 0
    again = bftui_("record", "--like", trace, "--json")
    one, other = json.loads(trace.read_text()), json.loads(again.stdout)
    assert [node["token_id"] for node in one["nodes"]] == [
        node["token_id"] for node in other["nodes"]
    ]
    assert [node["next"] for node in one["nodes"]] == [node["next"] for node in other["nodes"]]
    assert bftui_("check", trace).returncode == 0


def test_a_report_tells_both_branching_factors(file, tmp_path):
    path, trace, page = file("c.regex", " (red|blue)"), tmp_path / "t.json", tmp_path / "r.html"
    assert bftui_("record", *PROMPT, "--constraint", path, "-o", trace).returncode == 0
    assert bftui_("report", trace, "-o", page).returncode == 0
    text = page.read_text()
    assert "BF without the constraint" in text
    assert "a regex as constraint" in text
