"""Traces for the tests of the report: one with everything in it, and hostile ones."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from bftui.core.pair.nudging_rounds import NudgeSettings
from bftui.core.valid.valid_sets import valid_set
from bftui.measures.dial import DialAsked
from bftui.measures.forks import ForksAsked
from bftui.measures.injection import InjectionAsked
from bftui.measures.response_state import Setup
from bftui.measures.tree_growth import HorizonAsked
from bftui.model.loaded_model import open_model
from bftui.model.prompt import Prompt
from bftui.session import commands as c
from bftui.session.partner.partner_sync import PartnerSync
from bftui.session.session import Session
from tests.golden.making import beside
from tests.tables import table

HOSTILE = (
    "<script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title = 'taken'\">",
    "</pre></style></script><h1>taken</h1>",
    '" onmouseover="document.title = 1" x="',
    "' style='position:fixed",
    "{{ 7 * 7 }}{% raw %}",
    "]]><!--",
    "$\\frac{1}{0}$ $",
    "_hidden",
    "\x00\x1b[31m\u202e\u200b\ufffe",
    "<svg onload=alert(1)>&lt;&#60;",
    'id="x" url(#y) #1d5fb4 var(--bad)',
    "漢字 🍐 é e\u0301",
)


def full_trace(folder: Path) -> Path:
    """A session with branches, forced tokens, a partner, marks and a measurement of each kind."""
    path = table(folder / "orchard.json")
    other = table(folder / "other.json", name="other", default={" a": 0.6, " fruit": 0.3})
    with open_model(path) as base, open_model(other) as partner:
        session = Session(base, Prompt("Name a fruit:\nplease"), seed=5, ignore_eos=True)
        reader = session.pair_with(partner)
        for command in (
            c.Step(), c.Force(" Sure Here"), c.Mark("m"), c.Step(), c.Step(), c.Back(4), c.Step(),
            c.Greedy(), c.SetSampler(top_p=0.6, seed=9), c.Step(), c.Goto(3), c.Greedy(), c.Step(),
        ):  # fmt: skip
            session.do(command)
        session.recompute_stale()
        experiments = session.experiments
        for job in (
            experiments.start_lookahead(5),
            experiments.start_rollouts(8, 12),
            experiments.start_response(" Sure", setup=Setup((4, 8), 8, 8)),
            experiments.start_resampling(4, node=0),
            experiments.start_forks(ForksAsked(0.5, 3, 4, 6, "fruit|apple|pear")),
            experiments.start_horizon(HorizonAsked(depth=3, mass=0.8, merge=True)),
            experiments.start_calibration(valid_set("words", ["apple", "a pear", "pear"]), node=0),
        ):
            job.finish()
            experiments.keep(job)
        mixed(session, f"dial:{path}::{other}")
        beside(session, reader)
        nudging = session.start_nudging(NudgeSettings(max_tokens=10))
        nudging.finish()
        experiments.keep(nudging)
        shift = reader.start_shift(12)
        shift.finish()
        session.keep_shift(shift)
        PartnerSync(reader).finish()
        session.trace().save(folder / "full.json")
    return folder / "full.json"


def mixed(session: Session, form: str) -> None:
    """Keeps what a mixture gives after the same prompt: along its weight, and with a style in windows."""
    with open_model(form) as mixture:
        prompt = replace(session.prompt, styled=f"{session.prompt.text} Sure")
        other = Session(mixture, prompt, seed=5)
        asked = InjectionAsked(windows=((0, 2), (2, 4), (0, None)), samples=4, after=2)
        for job in (other.dial(DialAsked((0.0, 0.5, 1.0), 4, 4)), other.inject(asked)):
            stored = job.stored()
            assert stored is not None
            session.keep(stored)


def hostile_trace(trace: Path, folder: Path) -> Path:
    """The same trace with hostile text wherever a trace holds text."""
    document = json.loads(trace.read_text())
    for place, token in enumerate(document["tokens"].values()):
        text = HOSTILE[place % len(HOSTILE)]
        token |= {"text": text, "bytes": base64.b64encode(text.encode(errors="replace")).decode()}
    document["prompt"] |= {"text": " ".join(HOSTILE), "system": HOSTILE[0], "rendered": HOSTILE[1]}
    for model in (document["model"], document["partner"]["model"]):
        for name in ("name", "backend", "library", "dtype", "device", "note", "sha256"):
            model[name] = HOSTILE[len(name) % len(HOSTILE)] + HOSTILE[1]
    document["created"] = HOSTILE[1]
    document["marks"] = dict.fromkeys(HOSTILE, 2)
    for action in document["actions"]:
        action |= {"op": HOSTILE[0], "args": {HOSTILE[1]: HOSTILE[2]}}
    for place, measurement in enumerate(document["measurements"]):
        measurement["settings"] |= {HOSTILE[0]: HOSTILE[1]}
        _spoil(measurement["result"])
        if place == 0:
            measurement["kind"] = HOSTILE[2]
    path = folder / "hostile.json"
    path.write_text(json.dumps(document))
    return path


def _spoil(value: Any) -> None:
    """Replaces the texts in a result."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for name, each in list(pairs):
        if isinstance(each, (dict, list)):
            _spoil(each)
        elif isinstance(each, str) and name not in ("class", "author", "finish"):
            value[name] = HOSTILE[len(each) % len(HOSTILE)]
