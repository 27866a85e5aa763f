"""A trace in the place of a model: it is drawn as the session was, walked, and played action by action."""

import asyncio
import json
import shutil
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from bftui.core.noise_floor import factor
from bftui.model.loaded_model import open_model
from bftui.session.commands import SetSampler
from bftui.session.records.trace_replay import Replay
from bftui.session.session import Session
from bftui.trace.journals import latest
from bftui.ui.app import WorkbenchApp
from bftui.workbench.settings import PartnerSettings, WorkbenchSettings
from bftui.workbench.snapshot import Status
from tests.groups import one_process
from tests.ui.driver import Driver, clean_environment, host_in_process, lines, table, workbench

pytestmark = one_process("replay")

KEYS = [
    "a",
    "1",
    "space",
    "space",
    "left",
    "r",
    "escape",
    "g",
    "left",
    "left",
    "E",
    "E",
    "escape",
    "m",
]
NO_MODEL = "this is a replay: there is no model to ask"


@asynccontextmanager
async def replayed(trace, *, size=(120, 36), pace=0.0):
    """The workbench on a trace, as soon as all of it is there."""
    replay = Replay(trace)
    settings = WorkbenchSettings(str(trace), prompt=replay.session.prompt, replay=replay, pace=pace)
    app = WorkbenchApp(settings)
    try:
        async with app.run_test(size=size):
            driver = Driver(app)
            await driver.until(lambda: app.workbench.now.status is Status.REPLAY)
            await driver.settled()
            yield driver
    finally:
        app.workbench.close()


def shown(driver):
    """What the panes draw, but for the branch that the curve remembers as the one that was left last."""
    return [[line.replace("┄", " ") for line in lines(pane)] for pane in driver.bench.panes]


async def recorded(model, path, *keys, **settings):
    """A trace of what these keys did, and what the workbench then showed."""
    async with workbench(model, trace=path, **settings) as driver:
        await driver.partnered(everything=True)
        for key in keys:
            await driver.press(key)
            await driver.measured()
            await driver.partnered(everything=True)
        await driver.press("e")
        return shown(driver), driver.workbench.now.measured, driver.workbench.now.paired


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A trace of all kinds of keys, and what the workbench then showed: made once, it is only read."""
    folder = tmp_path_factory.mktemp("recorded")
    path = folder / "fruit-trace.json"
    with pytest.MonkeyPatch.context() as patch:
        clean_environment(patch, folder)
        host_in_process(patch)
        told = asyncio.run(recorded(table(folder / "fruit.json"), path, *KEYS, "enter"))
    return path, *told


@pytest.fixture
def trace(record, tmp_path):
    return shutil.copy(record[0], tmp_path / "fruit-trace.json")


async def test_a_trace_is_drawn_as_the_session_was(record, trace):
    _, before, measured, _ = record
    async with replayed(trace) as driver:
        # Below the candidates it says that only some are stored.
        assert [pane[:-1] for pane in shown(driver)] == [pane[:-1] for pane in before]
        assert "50 stored" in lines(driver.bench.candidates)[-1]
        found = driver.workbench.now.measured
        assert found.looked == measured.looked
        assert {end: each.result for end, each in found.responses.items()} == {
            end: each.result for end, each in measured.responses.items()
        }
        assert {place: each.continuations for place, each in found.rolled.items()} == {
            place: each.continuations for place, each in measured.rolled.items()
        }
        assert "replay 8/8" in driver.screen()


async def test_playing_stands_where_each_action_stood(trace):
    nodes = [action["node"] for action in json.loads(trace.read_text())["actions"]]
    async with replayed(trace) as driver:
        await driver.press("space")
        assert driver.session.cursor == 0
        assert len(driver.session.tree) == 1
        stood = []
        for done in range(1, len(nodes) + 1):
            await driver.press("space")
            stood.append(driver.session.cursor)
            assert f"replay {done}/{len(nodes)}" in driver.screen()
        assert stood == nodes
        end = shown(driver)
        await driver.press("p")
        await driver.until(lambda: not driver.workbench.now.playing)
        assert "the replay ends here" in driver.notice
        await driver.press("escape")
        assert shown(driver) == end


async def test_play_can_be_paused_and_paced(trace):
    async with replayed(trace, pace=-1.0) as driver:
        await driver.press("minus")
        assert "as it was recorded" in driver.notice
        await driver.press("equals_sign")
        assert driver.notice == "play: 1 action a second"
        await driver.press_only("p")
        await driver.until(lambda: driver.workbench.now.played[0] == 0)
        assert "replay 0/8 ▶ 1/s" in driver.screen()
        await driver.press_only("p")
        assert not driver.workbench.now.playing
        assert driver.workbench.now.played[0] < 8


async def test_pauses_are_those_that_were_recorded(trace):
    moments = [0.0, *(each["at_ms"] for each in json.loads(trace.read_text())["actions"])]
    replay, pauses = Replay(trace), []
    while not replay.at_end:
        pauses.append(replay.pause_s)
        replay.advance()
    wanted = [(after - before) / 1e3 for before, after in pairwise(moments)]
    assert pauses == pytest.approx(wanted)


@pytest.mark.parametrize(
    "key", ["g", "f", "1", "t", "a", "o", "O", "i", "ctrl+r"], ids=lambda key: key
)
async def test_keys_that_need_a_model_say_so(trace, key):
    async with replayed(trace) as driver:
        nodes = len(driver.session.tree)
        await driver.press(key)
        assert driver.notice == NO_MODEL
        assert len(driver.session.tree) == nodes
        assert driver.app.screen is driver.bench


@pytest.mark.parametrize("key", ["r", "R", "A", "W", "b"])
async def test_what_was_not_measured_here_is_not_shown(trace, key):
    async with replayed(trace) as driver:
        await driver.press("home", "p")
        await driver.until(lambda: not driver.workbench.now.playing)
        await driver.press(key)
        assert driver.notice in (
            "no rollouts were recorded at this place: ) goes to what was",
            "no rollouts of another text from here were recorded at this place: ) goes to what was",
            "no responses to all words were recorded at this place: ) goes to what was",
            "no tree was recorded at this place: ) goes to what was",
            "no nudging was recorded at this place: ) goes to what was",
        )


async def test_what_was_measured_is_gone_to(trace):
    async with replayed(trace) as driver:
        tree = driver.session.tree
        sure = next(n for n in range(len(tree)) if tree.source(n).word == "forced")
        rolled = next(node for node, _ in driver.workbench.now.measured.rolled)
        await driver.press("left_parenthesis")
        told, stood = [], []
        for _ in range(4):
            await driver.press("right_parenthesis")
            told.append(driver.notice)
            stood.append(driver.session.cursor)
        assert sorted(stood[:3]) == sorted((0, sure, rolled))
        assert stood[3] == stood[0]
        assert told[stood.index(0)].endswith("of 3: look-ahead")
        assert told[stood.index(sure)].endswith("of 3: response")
        assert told[stood.index(rolled)].endswith("of 3: rollouts")
        await driver.press("left_parenthesis")
        assert driver.session.cursor == stood[2]
        await driver.press("home", "p")
        await driver.until(lambda: not driver.workbench.now.playing)


async def test_before_it_was_measured_it_is_not_gone_to(trace):
    async with replayed(trace) as driver:
        await driver.press("space")
        assert len(driver.session.tree) == 1
        await driver.press("right_parenthesis")
        assert driver.session.cursor == 0


async def test_what_a_replay_cannot_ask_for_is_not_offered(trace):
    async with replayed(trace) as driver:
        await driver.press("home", "p")
        await driver.until(lambda: not driver.workbench.now.playing)
        while not driver.session.ended and driver.bench.facts().onward:
            await driver.press("right")
        await driver.press("right", "s")
        assert driver.notice == "no partner was recorded at this place"
        await driver.press("right")
        assert driver.notice.endswith("space does the next recorded action")


async def test_a_candidate_that_was_taken_is_gone_to(trace):
    async with replayed(trace) as driver:
        await driver.press("space", "space", "left")
        assert driver.session.cursor == 0
        taken = driver.session.tree.token_id(1)
        while driver.bench.candidates.chosen() != taken:
            await driver.press("down")
        await driver.press("enter")
        assert driver.session.cursor == 1
        await driver.press("left", "home", "enter")
        assert driver.notice == NO_MODEL


async def test_ones_own_marks_and_undo_are_no_part_of_what_was_recorded(trace):
    async with replayed(trace) as driver:
        await driver.press("space", "space", "space")
        stood = driver.session.cursor
        await driver.press("left", "u")
        assert driver.session.cursor == stood
        await driver.press("u")
        assert "nothing" in driver.notice
        await driver.press("left", "left", "space")
        assert driver.session.cursor == 3


async def test_search_finds_stored_candidates(trace):
    async with replayed(trace) as driver:
        await driver.press("slash")
        await driver.type("fruit")
        await driver.press("enter")
        assert "with fruit" in lines(driver.bench.candidates)[-1]


async def test_the_partner_and_what_it_said_is_there(fruit, tmp_path):
    partner = table(tmp_path / "partner.json", name="partner", default={" fig": 0.6, ".": 0.3})
    path = tmp_path / "pair.json"
    before, _, paired = await recorded(
        fruit,
        path,
        *("1", "space", "space", "s", "escape", "left"),
        partner=PartnerSettings(partner),
    )
    async with replayed(path) as driver:
        again = driver.workbench.now.paired
        assert (again.name, again.hand_over, again.template) == (
            paired.name,
            paired.hand_over,
            paired.template,
        )
        known, found = (each.shifted[0].result for each in (paired, again))
        assert [each.text for each in found.positions] == [each.text for each in known.positions]
        assert [each.kind for each in found.positions] == [each.kind for each in known.positions]
        tree, _, text, strip = shown(driver)
        assert (tree[:-1], text, strip) == (before[0][:-1], before[2], before[3])
        best = lines(driver.bench.candidates)[1]
        assert best[-20:] == before[1][1][-20:]
        await driver.press("S")
        assert driver.notice == "candidates by the partner's rank"
        ranked = lines(driver.bench.candidates)
        assert "#1 = unshifted" in ranked[1]
        assert "1 of 50 by the partner's rank" in ranked[-1]
        await driver.press("s")
        assert "the answer of" in driver.screen()
        await driver.press("s")
        assert "the path of" in driver.screen()
        await driver.press("enter")
        assert len(driver.session.tree) == 4


async def test_whose_text_begins_with_a_blank_is_there(fruit, tmp_path):
    chat = "{{ messages[-1]['content'] + '\\n' }}"
    partner = table(tmp_path / "partner.json", chat_template=chat, rules={}, default={"S": 0.9})
    path = tmp_path / "pair.json"
    _, _, paired = await recorded(fruit, path, "space", partner=PartnerSettings(partner))
    assert paired.seam == "base"
    async with replayed(path) as driver:
        assert driver.workbench.now.paired.seam == "base"


async def test_measurements_that_cannot_be_read_are_left_out(trace):
    document = json.loads(trace.read_text())
    wrong = [
        {"kind": kind, "node": 0, "settings": settings, "result": result}
        for kind in ("rollouts", "lookahead", "response", "shift", "nudging", "[red]dance[/]")
        for settings, result in (({}, {}), ({"steps": "x" * 9}, {"candidates": 7, "samples": [1]}))
    ]
    document["measurements"] += wrong
    for each in document["measurements"][:1]:
        each["result"]["bf"] = "[red]many[/]"
    trace.write_text(json.dumps(document))
    async with replayed(trace) as driver:
        assert "replay 8/8" in driver.screen()
        assert driver.workbench.now.measured.responses


async def test_a_trace_without_actions_is_shown(trace):
    document = json.loads(trace.read_text())
    document["actions"] = []
    trace.write_text(json.dumps(document))
    async with replayed(trace) as driver:
        assert len(driver.session.tree) == len(document["nodes"])
        await driver.press("space")
        assert len(driver.session.tree) == len(document["nodes"])
        assert "the replay ends here" in driver.notice


async def test_a_journal_is_replayed_as_its_trace_is(fruit, tmp_path):
    trace = tmp_path / "trace.json"
    await recorded(fruit, trace, *KEYS, "enter", state_dir=lambda: tmp_path / "kept")
    drawn = []
    for path in (trace, latest(tmp_path / "kept")):
        async with replayed(path) as driver:
            end = shown(driver)
            assert "replay 8/8" in driver.screen()
            await driver.press("space", "space", "space")
            drawn.append((end, shown(driver), driver.workbench.now.measured.looked))
    assert drawn[0] == drawn[1]


async def test_numbers_of_a_later_sampler_are_said_to_be_so(fruit, tmp_path):
    with open_model(fruit) as model:
        session = Session(model, "Name a fruit:", seed=1)
        session.step()
        session.do(SetSampler(temperature=0.7))
        session.recompute_stale()
        session.trace().save(tmp_path / "t.json")
    async with replayed(tmp_path / "t.json") as driver:
        await driver.press("space", "space")
        assert "some numbers here are those of T 0.7" in driver.notice
        # Each number carries the sign, and K names its own sampler.
        assert f"BF {factor(driver.session.node.next.bf)}* (" in lines(driver.bench.candidates)[0]
        assert "now " in (heading := lines(driver.bench.strip)[0])
        assert heading.count("*") == 2
        await driver.press("K")
        assert "P~ is P at temperature 0.7" in " ".join(driver.screen().replace("│", "").split())
        await driver.press("escape", "space")
        assert "the replay ends here" in driver.notice
