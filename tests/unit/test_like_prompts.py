"""The prompts of a trace in another session: as they were for the same tokenizer, else with the day of the trace."""

from __future__ import annotations

from pathlib import Path

import bftui
from bftui.session.like import Imitation, prompt_of, seen_by
from bftui.session.prompt import Prompt
from bftui.session.session import Session
from bftui.trace.reading import TraceFile
from tests.tables import BYTES, WORDS, table

DATED = "{{ messages[0].content }} {{ strftime_now('%d.%m.%Y') }}{{ more or '' }}:"
OTHER = ["<s>", "</s>", *WORDS, "xyz", *({"bytes": each} for each in BYTES)]


def imitated(session: Session, trace: TraceFile) -> list[str]:
    """The text of every root after the actions of a trace were done again."""
    list(Imitation(session, trace).actions())
    return [session.prompt_at(root)[1].text for root in session.tree.roots]


def test_prompts_of_a_trace(tmp_path: Path) -> None:
    first = table(tmp_path / "first.json", chat_template=DATED)
    with bftui.open_model(first) as model:
        session = Session(model, Prompt("one", template_args={"more": "!"}, date="2025-02-03"))
        session.set_prompt(Prompt("two", date="2025-02-04"))
        session.set_prompt("three")
        recorded = [session.prompt_at(root)[1] for root in session.tree.roots]
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
