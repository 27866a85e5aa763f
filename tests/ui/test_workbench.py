"""The workbench without a screen, and while its loop is not there yet: a person may be faster than its imports."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bftui.core.errors import UsageError
from bftui.model.prompt import Prompt
from bftui.session import commands
from bftui.session.records.trace_replay import Replay
from bftui.trace.journals import latest
from bftui.workbench.model_slot import kill
from bftui.workbench.settings import PartnerSettings, WorkbenchSettings
from bftui.workbench.snapshot import Beside, Notice, Status
from bftui.workbench.workbench import Workbench
from tests.ui.driver import PROMPT, table


def bench(tmp_path: Path, prompt: Prompt | None = None, **settings: Any) -> Workbench:
    model = table(tmp_path / "fruit.json")
    return Workbench(WorkbenchSettings(model=model, prompt=prompt, response="off", **settings))


@contextmanager
def closing(workbench: Workbench) -> Iterator[Workbench]:
    try:
        yield workbench
    finally:
        workbench.close()


def notices(workbench: Workbench) -> list[Notice]:
    found = []
    while not workbench.notices.empty():
        found.append(workbench.notices.get())
    return found


def until(fact: Callable[[], bool]) -> None:
    """Waits for a fact."""
    end = time.monotonic() + 30.0
    while not fact():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_nothing_is_known_and_nothing_can_be_stopped(tmp_path: Path) -> None:
    workbench = bench(tmp_path)
    assert workbench.now.status is Status.LOADING
    assert not workbench.measuring
    assert workbench.now.paired.state is Beside.NONE
    assert workbench.opening_partner is None
    assert not workbench.stop_experiments()
    assert not workbench.stop_partner()
    workbench.close()
    assert workbench.now.session is None


def test_what_is_asked_is_done_as_soon_as_it_is_there(tmp_path: Path) -> None:
    workbench = bench(tmp_path)
    workbench.set_prompt(Prompt(PROMPT))
    assert workbench.send(commands.Greedy())
    assert workbench.splits.ask((" fig", "text")) is None
    workbench.start()
    with closing(workbench):
        until(lambda: not workbench.working)
        assert workbench.now.session is not None
        assert workbench.now.session.text() == " The"
        assert workbench.splits.ask((" fig", "text")) == [(b" fig", False)]


@pytest.mark.usefixtures("processes")
def test_what_is_stopped_is_not_done(tmp_path: Path) -> None:
    workbench = bench(tmp_path, Prompt(PROMPT))
    workbench.send(commands.Greedy())
    assert workbench.cancel()
    workbench.start()
    with closing(workbench):
        until(lambda: not workbench.working)
        assert workbench.now.session is None or not workbench.now.session.text()


@pytest.mark.usefixtures("processes")
def test_a_stop_reaches_work_that_has_not_asked_the_model_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(bench(tmp_path, Prompt(PROMPT))) as workbench:
        workbench.work()
        session, do = workbench.now.session, workbench.source.do
        assert session is not None

        def stopped_first(slot: Any, command: commands.Command) -> None:
            assert workbench.cancel()
            do(slot, command)

        with monkeypatch.context() as patched:
            patched.setattr(workbench.source, "do", stopped_first)
            workbench.send(commands.Force(" Sure"))
            workbench.work()
        assert not session.text()
        assert [notice.text for notice in notices(workbench)] == ["stopped"]
        workbench.send(commands.Force(" Sure"))
        workbench.work()
        assert session.text() == " Sure", "the next one is not touched"
        assert not workbench.cancel()
        workbench.send(commands.Force(" Here"))
        workbench.work()
        assert session.text() == " Sure Here", "a stop with nothing to stop is forgotten"


@pytest.mark.usefixtures("processes")
def test_a_process_that_ends_under_several_jobs_ended_once(tmp_path: Path) -> None:
    with closing(bench(tmp_path, Prompt(PROMPT))) as workbench:
        workbench.work()
        model = workbench.model.model
        assert model is not None
        workbench.send(commands.Force(" Sure"))
        workbench.send(commands.Force(" Here"))
        kill(model)
        workbench.work()
        assert workbench.now.status is Status.FAILED
        assert not workbench.now.ends, "opening it again is still what helps"


def test_it_works_in_the_thread_of_who_asks(tmp_path: Path) -> None:
    with closing(bench(tmp_path, Prompt(PROMPT), state_dir=lambda: tmp_path / "kept")) as workbench:
        workbench.work()
        before = workbench.now
        assert before.status is Status.READY
        workbench.send(commands.Force(" Sure"))
        workbench.roll(4, 3, 0)
        workbench.work()
        session = workbench.now.session
        assert session is not None
        assert session.text() == " Sure"
        assert [rolled.drawn for rolled in workbench.now.measured.rolled.values()] == [4]
        assert not before.measured.rolled
        workbench.send(commands.Goto(99))
        workbench.work()
        (notice,) = notices(workbench)
        assert isinstance(notice.error, UsageError)
        workbench.play(True)
        workbench.work()
        assert session.ended
        assert not workbench.now.playing
    assert latest(tmp_path / "kept").stat().st_size


def test_a_partner_is_opened_read_along_and_taken_away(tmp_path: Path) -> None:
    other = table(tmp_path / "other.json", name="other")
    with closing(bench(tmp_path, Prompt(PROMPT))) as workbench:
        workbench.open_partner(PartnerSettings(other))
        workbench.send(commands.Greedy())
        workbench.work()
        session = workbench.now.session
        assert session is not None
        assert session.partner is not None
        assert workbench.now.paired.ready
        assert workbench.settled()
        assert session.partner.view(session.cursor) is not None
        workbench.part()
        workbench.open_partner(PartnerSettings(f"table:{tmp_path / 'none.json'}"))
        workbench.work()
        assert session.partner is None
        assert workbench.now.paired.state is Beside.FAILED
        assert [notice.error is not None for notice in notices(workbench)] == [False, False, True]


def test_a_recorded_trace_says_what_it_can_do(tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    with closing(bench(tmp_path, Prompt(PROMPT))) as workbench:
        for _ in range(3):
            workbench.send(commands.Greedy())
        workbench.export(trace)
        workbench.work()
        assert workbench.source.can("measure")
        assert workbench.now.session is not None
        text = workbench.now.session.text()
    with closing(bench(tmp_path, replay=Replay(trace))) as workbench:
        workbench.work()
        assert workbench.now.status is Status.REPLAY
        assert workbench.now.session is not None
        assert workbench.now.session.text() == text
        notices(workbench)
        assert not workbench.source.can("measure")
        workbench.roll(4, 3, 0)
        workbench.reload()
        workbench.set_prompt(Prompt("x"))
        assert [notice.text for notice in notices(workbench)] == [
            "this is a replay: there is no model to ask"
        ] * 3
        workbench.send(commands.Step())
        workbench.work()
        assert workbench.now.played == (0, 3)
        assert workbench.now.session.text() == ""


def test_another_kind_of_model_is_opened_by_a_backend_of_its_own(tmp_path: Path) -> None:
    with closing(bench(tmp_path, Prompt(PROMPT), backend="table")) as workbench:
        workbench.work()
        workbench.open_other("practice")
        workbench.work()
        assert workbench.now.status is Status.READY
        assert workbench.model.model is not None
        assert workbench.model.model.info.backend != "table"
