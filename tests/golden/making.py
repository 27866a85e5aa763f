"""How each golden file is made: a session and commands on tables, in a folder of their own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import bftui
from bftui import cli
from bftui.core.pair.nudging_rounds import NudgeSettings
from bftui.core.sampler import Sampler
from bftui.measures.calibration.calibration_runs import CalibrationAsked
from bftui.measures.dial import DialAsked
from bftui.measures.forks import ForksAsked
from bftui.measures.injection import InjectionAsked
from bftui.measures.response_state import Setup
from bftui.measures.site import close_site
from bftui.measures.tree_growth import HorizonAsked
from bftui.model.prompt import Prompt
from bftui.session.partner.partner_sync import PartnerSync
from bftui.session.partner.session_partner import Partner
from bftui.trace.journal import Journal
from tests.golden import steps
from tests.golden.steps import Step
from tests.tables import WORDS, table

FILES = Path(__file__).parent / "files"
SAVED = ("trace.json", "journal.jsonl")
"""Made by `saved`; the commands read them."""

_JSON = (steps.clock, steps.version, steps.digits)

_PROMPTS = [
    {"id": "fruit", "prompt": " I like a fruit:"},
    {"id": "red", "prompt": " that is", "system": " Here", "answer": " a red apple"},
    {"id": "é", "prompt": " Thank youé"},
]
_GENERATIONS = [
    {"id": "fruit", "model": "base", "texts": ["red", "a pear", "red", "fig"], "answer": "red"},
    {"id": "é", "model": "base", "texts": ["é", "e", "é", "é a"], "answer": "é"},
    {"id": "fruit", "model": "later", "texts": ["red", "red", "red", "a red one"], "answer": "red"},
    {"id": "é", "model": "later", "texts": ["é", "é", "é", "é"], "answer": "é"},
]
_ACTIONS = [
    *({"step": 2}, {"force": " Sure"}, {"greedy": 2}, {"back": 2}, {"force_ids": [5, 6]}),
    *({"goto": 2}, {"step": 1}),
]
_TURNS = [{"force": " a pear"}, {"turn": " Thank you\n is that red:"}, {"step": 2}]
_CHAT = (
    "{% for m in messages %}{% if m.role == 'assistant' %} Here:{% else %} I:{% endif %}{{ m.content }}</s>"
    "{% endfor %}{% if add_generation_prompt %} Here:{% endif %}"
)
_USUAL = dict(zip(WORDS, (16, 13, 11, 9, 8, 7, 7, 6, 5, 4, 3, 2, 2, 2), strict=True))
_DEFAULT = {word: count / 100 for word, count in _USUAL.items()} | {"</s>": 0.03}
_RULES = {
    " the": {" fruit": 0.3, " apple": 0.28, " pear": 0.22, " red": 0.15},
    " a": {" red": 0.5, " pear": 0.2, " fruit": 0.17, " apple": 0.08},
    " Sure": {" Here": 0.9, ":": 0.05},
    " Here": {" is": 0.8, ":": 0.15},
    " is": {" a": 0.6, " the": 0.25, " red": 0.12},
    " I": {" like": 0.97},
    '[" a", " fruit"]': {" that": 0.45, "</s>": 0.3, ":": 0.2},
}
_OTHER = {" a": 0.45, " fruit": 0.3, " that": 0.1, " you": 0.08, "</s>": 0.06}
_TOKENS = ["<s>", "</s>", *WORDS, ":", "\n", {"bytes": "w6k="}, {"bytes": "4oI="}]
"""Few tokens make small files; the last one is half a character."""


@dataclass(frozen=True, slots=True)
class Case:
    """One command.

    Attributes:
        line: its arguments.
        steps: what is done to the bytes.
        reads: the file that it writes, where that is what is compared; "" for the standard output.
        code: how it ends.
    """

    line: str
    steps: tuple[Step, ...] = _JSON
    reads: str = ""
    code: int = 0


_ON = "--prompt-file prompt.txt --seed 3"
_PAIR = "table:orchard.json table:other.json --prompts prompts.jsonl --max-tokens 12 --template raw"
_NUDGE = (
    "nudge table:orchard.json --with table:other.json --prompts prompts.jsonl --max-tokens 8 "
    "--template raw"
)
_MEASURE = "measure --prompts prompts.jsonl --max-tokens 6 --json"

CASES = {
    "record.json": Case(
        f"record table:orchard.json {_ON} --force ' apple' --actions actions.json --steps 3 --json"
    ),
    "record-chat.json": Case(
        "record table:chat.json --prompt-file prompt.txt --actions turns.json --seed 1 --json"
    ),
    "record-like.json": Case("record table:orchard.json --like trace.json --json"),
    "record-resumed.json": Case(
        "record table:orchard.json --resume-from journal.jsonl --steps 1 --json"
    ),
    "lookahead.json": Case(f"lookahead table:orchard.json {_ON} --top 5 --json"),
    "lookahead-steps.json": Case(
        f"lookahead table:orchard.json {_ON} --top 3 --steps 3 --top-p 0.5 --json"
    ),
    "respond.json": Case(
        f"respond table:orchard.json {_ON} --force ' Sure' --looks 4,8 --horizon 6 --controls 8 --json"
    ),
    "respond-several.json": Case(
        f"respond table:orchard.json {_ON} --force ' Sure' --force ' apple' --only-matched "
        "--samples 6 --horizon 4 --controls 8 --json"
    ),
    "measure.json": Case(f"{_MEASURE} table:orchard.json table:other.json --samples 4"),
    "measure-tokens.json": Case(
        f"{_MEASURE} table:orchard.json --samples 2 --keep-tokens --estimator nll"
    ),
    "measure-repo.json": Case(f"{_MEASURE} table:orchard.json --samples 4 --compat repo"),
    "measure-sweep.json": Case(
        f"{_MEASURE} table:orchard.json --samples 2 --sweep temperature=0.6,1.0,top-p=0.5,1"
    ),
    "diversity.json": Case(
        "diversity table:orchard.json table:other.json --prompts prompts.jsonl --samples 4 --max-tokens 6 "
        "--check 'fruit|apple' --template raw --json"
    ),
    "diversity-generations.json": Case("diversity --generations generations.jsonl --exact --json"),
    "shift.json": Case(f"shift {_PAIR} --json"),
    "shift-text.json": Case(
        "shift table:orchard.json table:chat.json --prompts prompts.jsonl --max-tokens 12 "
        "--template raw --partner-template chat --json"
    ),
    "shift-base.json": Case(f"shift {_PAIR} --text base --json"),
    "nudge.json": Case(f"{_NUDGE} --json"),
    "nudge-gammas.json": Case(f"{_NUDGE} --gammas 0.1,0.8 --json"),
    "nudge-plain.json": Case(f"{_NUDGE} --plain --json"),
    "nudge-trace.json": Case(
        "nudge table:orchard.json --with table:other.json --prompt-file prompt.txt --template raw --max-tokens 6 "
        "--trace nudged.json --json",
        reads="nudged.json",
    ),
    "inject.json": Case(
        "inject table:orchard.json --content ' I like' --style ' Sure' --windows 0-1,2-3,0- --after 2 --samples 4 "
        "--seed 3 --json"
    ),
    "dial.json": Case(
        f"dial table:orchard.json table:other.json {_ON} --weights -1,0,0.5,1 --samples 4 --horizon 6 --json"
    ),
    "forks.json": Case(
        f"forks table:orchard.json {_ON} --steps 6 --continuations 4 --horizon 4 --open-share 0.4 --json"
    ),
    "horizon.json": Case(
        f"horizon table:orchard.json table:other.json {_ON} --depth 4 --mass 0.7 --merge --json"
    ),
    "calibrate.json": Case(
        f"calibrate table:orchard.json {_ON} --valid 'words:apple|pear|red apple|a pear' --end : --no-frontier --json"
    ),
    "calibrate-several.json": Case(
        "calibrate table:orchard.json table:other.json --valid 'words:apple|pear' --prompts prompts.jsonl "
        "--template raw --no-frontier --json"
    ),
    "lexicon.json": Case(
        "lexicon table:orchard.json --prompts prompts.jsonl --samples 6 --count 2 --json"
    ),
    "check.json": Case("check trace.json --model table:orchard.json --json"),
    "check-other.json": Case("check journal.jsonl --model table:other.json --json", code=5),
    "diff.json": Case("diff trace.json again.json --json", code=5),
    "diff-same.json": Case("diff trace.json journal.jsonl --json"),
    "report.html": Case(
        "report trace.json -o report.html", (steps.version, steps.pictures), "report.html"
    ),
    "report.json": Case(
        "report journal.jsonl -o report.html --pictures pictures --json", (steps.page_size,)
    ),
    "export.csv": Case("export trace.json", ()),
    "export.jsonl": Case("export trace.json --to jsonl"),
    "export.json": Case("export journal.jsonl --json"),
    "info.json": Case("info table:orchard.json --json"),
    "models.json": Case("models --backend reference --json", (steps.memory,)),
    "doctor.json": Case("doctor --json", (steps.machine,)),
    "sessions.json": Case("sessions --json", (steps.clock,)),
    "keys.json": Case("keys --json", ()),
    "config.json": Case("config --json", ()),
    "themes.json": Case("themes --json", (steps.theme_files,)),
    "schema.json": Case("schema", ()),
}
"""The golden file of each command that prints JSON, and of what is made from a trace."""


class Workplace:
    """A folder that commands run in, with models, prompts and the golden trace, and no other files of a person."""

    def __init__(self, folder: Path) -> None:
        """Takes an empty folder."""
        self._folder = folder.resolve()
        self._left = contextlib.ExitStack()

    def __enter__(self) -> Workplace:
        homes = {f"XDG_{kind}_HOME": str(self._folder / kind.lower()) for kind in _KINDS}
        with contextlib.ExitStack() as left:
            left.enter_context(contextlib.chdir(self._folder))
            left.enter_context(patch.dict(os.environ, {"HOME": str(self._folder), **homes}))
            # In this process a command takes a tenth of the time, and gives the same numbers.
            home = sys.modules[_opened.__module__]
            left.enter_context(patch.object(home, "open_model", _here))
            _furnish()
            self._left = left.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._left.close()

    def output(self, case: Case) -> bytes:
        """What a command writes, after the steps of its case."""
        code, text, said = _run(shlex.split(case.line))
        assert code == case.code, f"bftui {case.line}: exit code {code}\n{said}"
        if case.reads:
            text = Path(case.reads).read_text(encoding="utf-8")
        for step in (*case.steps, steps.places(self._folder)):
            text = step(text)
        return text.encode()


def _run(arguments: list[str]) -> tuple[int, str, str]:
    """Runs a command in this process: its exit code, what it writes, and what it says beside that."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.run(arguments)
    return code, out.getvalue(), err.getvalue()


_KINDS = ("CONFIG", "STATE", "CACHE", "DATA")
_opened = bftui.open_model


def _here(*arguments: Any, **keywords: Any) -> bftui.Model:
    """Opens a model in this process."""
    return _opened(*arguments, **{**keywords, "worker": False})


def _furnish() -> None:
    """Writes what commands read into the working directory."""
    table(Path("orchard.json"), tokens=_TOKENS, default=_DEFAULT, rules=_RULES)
    table(Path("other.json"), tokens=_TOKENS, name="other", default=_OTHER)
    chatty = {"name": "chat", "chat_template": _CHAT, "default": _DEFAULT}
    table(Path("chat.json"), tokens=[*_TOKENS, " sweet"], **chatty)
    Path("prompts.jsonl").write_text("".join(json.dumps(each) + "\n" for each in _PROMPTS))
    Path("generations.jsonl").write_text("".join(json.dumps(each) + "\n" for each in _GENERATIONS))
    Path("prompt.txt").write_text(" I like a fruit:")
    Path("actions.json").write_text(json.dumps(_ACTIONS))
    Path("turns.json").write_text(json.dumps(_TURNS))
    for name in SAVED:
        if (FILES / name).exists():
            shutil.copy(FILES / name, name)
    if Path("trace.json").exists():
        again = json.loads(Path("trace.json").read_text())
        again["samplers"][0]["seed"] += 1
        again["nodes"][3]["next"]["entropy"] += 0.25
        again["nodes"][14]["token_id"] = 5
        again["measurements"] = []
        Path("again.json").write_text(json.dumps(again))
        sessions = Path("state/bftui/sessions")
        sessions.mkdir(parents=True)
        shutil.copy("journal.jsonl", sessions / "20260131T120000Z-000000.jsonl")


def saved() -> dict[str, bytes]:
    """The trace and the journal of one session, with every action and every kind of measurement."""
    journal = Journal(Path("journals"))
    with (
        contextlib.closing(journal),
        bftui.open_model("table:orchard.json") as base,
        bftui.open_model("table:other.json") as partner,
    ):
        session = bftui.Session(
            base,
            bftui.Prompt(" Here is a fruit:\n I like"),
            seed=5,
            ignore_eos=True,
            journal=journal,
        )
        reader = session.pair_with(partner)
        for act in _acts(session):
            act()
        session.recompute_stale()
        session.lookahead(4)
        session.forks(ForksAsked(0.5, 3, 4, 6, "fruit|apple|pear"))
        session.calibrate(["apple", "a pear"], CalibrationAsked(Sampler(), frontier=False))
        session.horizon(HorizonAsked(depth=3, mass=0.6))
        rolled = session.rollouts(6, 8)
        session.respond(" Sure", looks=[4, 6], horizon=6, controls=8)
        beside(session, reader)
        session.resample(4, node=0)
        session.open_rollout(rolled.node, rolled.samples[0].token_ids)
        session.nudge(NudgeSettings(max_tokens=30))
        dialled(session)
        injected(session)
        shift = reader.start_shift(10)
        shift.finish()
        session.keep_shift(shift)
        PartnerSync(reader).finish()
        session.trace().save(Path("saved.json"))
    files = (Path("saved.json"), journal.path)
    texts = [path.read_text(encoding="utf-8") for path in files]
    for step in _JSON:
        texts = [step(text) for text in texts]
    return dict(zip(SAVED, (text.encode() for text in texts), strict=True))


def beside(session: bftui.Session, reader: Partner) -> None:
    """Measures the partner's response to a text, and keeps it."""
    ids, setup = session.model.tokenize(" Sure"), Setup((2,), 4, 8, others=False)
    place, site = session.cursor, reader.site(session.cursor)
    begin = session.experiments.start_partner_response
    response = begin(site, place, ids, reader.forced(place, " Sure"), setup)
    response.finish()
    session.experiments.keep(response)
    close_site(site)


def injected(session: bftui.Session) -> None:
    """Keeps what the style of a second prompt does early and late to one model."""
    with bftui.open_model("dial:table:orchard.json::table:other.json") as mixture:
        prompt = Prompt(session.prompt.text, template="raw", styled=f"{session.prompt.text} Sure")
        asked = InjectionAsked(windows=((0, 1), (2, 3), (0, None)), samples=4, after=2)
        job = bftui.Session(mixture, prompt, seed=5).inject(asked)
        stored = job.stored()
    assert stored is not None
    session.keep(replace(stored, node=0))


def dialled(session: bftui.Session) -> None:
    """Keeps what a dial of both models gives after the same prompt."""
    prompt = session.prompt
    with bftui.open_model("dial:table:orchard.json::table:other.json") as mixture:
        job = bftui.Session(mixture, prompt, seed=5).dial(DialAsked((-0.5, 0.0, 1.0), 4, 6))
        stored = job.stored()
    assert stored is not None
    session.keep(stored)


def _acts(session: bftui.Session) -> Iterator[Any]:
    """What a person does in it."""
    yield session.step
    yield partial(session.force, " Sure Here")
    yield partial(session.mark, "m")
    yield session.step
    yield session.step
    yield partial(session.back, 4)
    yield session.step
    yield session.greedy
    yield partial(session.set_sampler, top_p=0.6, seed=9)
    yield session.step
    yield partial(session.fold, 2)
    yield partial(session.goto, 3)
    yield session.forward
    yield partial(session.force, ids=[5, 6])
    yield partial(session.prune, session.tree.path(session.cursor)[-1])
    yield session.undo
    yield session.redo
    yield partial(session.set_prompt, " I likeé")
    yield session.step
    yield partial(session.goto, 4)
    yield session.greedy
