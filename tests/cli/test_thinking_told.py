"""Thinking apart from the answer: record, lines of text and the report say the numbers of the Python interface."""

import os
import re

import pytest

import bftui
from bftui.core.noise_floor import factor
from bftui.session.session import Session
from bftui.trace.report.content import number
from tests.command_line import bftui_
from tests.tables import BYTES, WORDS, table

PROMPT = "Q: Name a fruit.\nA:"
TEXT = "<think> I like the red apple</think> Sure Here is a pear"


@pytest.fixture
def thinker(tmp_path):
    tags = ["<think>", "</think>"]
    spelled = [{"bytes": byte} for byte in BYTES]
    return table(tmp_path / "t.json", tokens=["<s>", "</s>", *WORDS, *tags, *spelled])


@pytest.fixture
def parts(thinker):
    with bftui.open_model(thinker) as model:
        session = Session(model, PROMPT)
        session.force(TEXT)
        found = session.thinking()
    assert (found.thinking.tokens, found.answer.tokens) == (6, 5)
    return found


def test_record_and_the_report_of_its_trace_say_both_numbers(thinker, parts, tmp_path):
    trace, page = tmp_path / "trace.json", tmp_path / "page.html"
    asked = ["--prompt", PROMPT, "--force", TEXT, "--steps", 0]
    done = bftui_("record", thinker, *asked, "-o", trace)
    assert done.returncode == 0, done.stderr
    assert parts.line() in done.stdout
    assert bftui_("report", trace, "-o", page).returncode == 0
    said = re.sub(r"<[^>]+>|\s+", " ", page.read_text("utf-8"))
    for name, part in (("thinking", parts.thinking), ("answer", parts.answer)):
        assert re.search(
            rf"{re.escape(number(part.bf))} +BF of the {name} +{part.tokens} tokens", said
        )


def test_lines_of_text_say_both_numbers(thinker, parts, tmp_path):
    names = ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
    environment = {**os.environ, **dict.fromkeys(names, str(tmp_path))}
    done = bftui_(
        *("run", "--plain", thinker, "--prompt", PROMPT),
        stdin=f"force {TEXT}\ntext\nexplain\n",
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert parts.line() in done.stdout
    assert f"thinking: {factor(parts.thinking.bf)}." in done.stdout
    assert f"answer: {factor(parts.answer.bf)}." in done.stdout


def test_a_text_that_does_not_think_has_no_such_line(thinker):
    done = bftui_("record", thinker, "--prompt", PROMPT, "--steps", 3)
    assert "thinking" not in done.stdout
