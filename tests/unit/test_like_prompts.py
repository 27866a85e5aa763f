"""The prompts of a trace in another session: as they were for the same tokenizer, else with the day of the trace."""

from __future__ import annotations

from pathlib import Path

import pytest

import bftui
from bftui.model.prompt import Prompt
from bftui.session.records.replicate import Replication, prompt_of, seen_by
from bftui.session.records.resume import read_saved, resume
from bftui.session.records.trace_check import FINE, Checking
from bftui.session.session import Session
from bftui.trace.reading import TraceFile
from tests.tables import BYTES, WORDS, table

DATED = "{{ messages[0].content }} {{ strftime_now('%d.%m.%Y') }}{{ more or '' }}:"
OTHER = ["<s>", "</s>", *WORDS, "xyz", *({"bytes": each} for each in BYTES)]


def imitated(session: Session, trace: TraceFile) -> list[str]:
    """The text of every root after the actions of a trace were done again."""
    list(Replication(session, trace).actions())
    return [session.state.prompts[root][1].text for root in session.tree.roots]


def test_prompts_of_a_trace(tmp_path: Path) -> None:
    first = table(tmp_path / "first.json", chat_template=DATED)
    with bftui.open_model(first) as model:
        session = Session(model, Prompt("one", template_args={"more": "!"}, date="2025-02-03"))
        session.set_prompt(Prompt("two", date="2025-02-04"))
        session.set_prompt("three")
        recorded = [session.state.prompts[root][1] for root in session.tree.roots]
        session.trace().save(tmp_path / "t.json")
    trace = TraceFile(tmp_path / "t.json")
    texts = [each.text for each in recorded]
    assert texts[0] == "<s>one 03.02.2025!:"
    assert prompt_of(trace) == Prompt(
        "one", template="chat", template_args={"more": "!"}, date="2025-02-03"
    )
    # The same tokenizer, and no template at all: nothing is rendered anew.
    with bftui.open_model(table(tmp_path / "base.json")) as model:
        known = seen_by(model, trace, 0)
        assert known is not None
        assert known.token_ids == recorded[0].token_ids
        session = Session(model, prompt_of(trace), rendered=known)
        assert imitated(session, trace) == texts
    # Another tokenizer: the messages, each with the day that its root was told, the last one's today's.
    other = table(tmp_path / "other.json", chat_template=DATED, tokens=OTHER)
    with bftui.open_model(other) as model:
        assert seen_by(model, trace, 0) is None
        session = Session(model, prompt_of(trace))
        assert imitated(session, trace) == texts
        assert session.rendered.date == recorded[-1].date


def test_a_session_is_resumed_and_checked_without_its_template(tmp_path: Path) -> None:
    first = table(tmp_path / "first.json", chat_template=DATED)
    with bftui.open_model(first) as model:
        session = Session(model, "one", date="2025-02-03")
        session.force(" a")
        session.trace().save(tmp_path / "t.json")
        text = session.rendered.text
    with bftui.open_model(table(tmp_path / "broken.json", chat_template="{% if")) as model:
        resumed = resume(model, read_saved(tmp_path / "t.json"))
        assert (resumed.rendered.text, resumed.rendered.date) == (text, "2025-02-03")
        resumed.force(" fruit")
        job = Checking(model, TraceFile(tmp_path / "t.json"), FINE)
        job.finish()
        assert not job.different


def test_a_notebook_is_told_what_would_be_lost(tmp_path: Path) -> None:
    users = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}:"
    with bftui.open_model(table(tmp_path / "users.json", chat_template=users)) as model:
        with pytest.raises(bftui.BftuiError, match="the system text would be lost"):
            Session(model, "one", system="s")
        session = Session(model, "one")
        with pytest.raises(bftui.BftuiError, match="the system text would be lost"):
            session.set_prompt("two", system="s")
        with pytest.raises(bftui.BftuiError, match="would be lost"):
            session.add_turn("three")
        assert len(session.tree) == 1
