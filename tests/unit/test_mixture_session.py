"""A session on a mixture: at its ends either model to the last digit, between them nothing is evaluated again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bftui
from bftui.core.distribution import Distribution, NextToken
from bftui.core.errors import NonFiniteLogits
from bftui.core.mixed_logits import mixed
from bftui.core.mixing import MIXINGS
from bftui.core.sampler import Sampler
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt
from bftui.session import commands as c
from bftui.session.partner.partner_sync import PartnerSync
from bftui.session.records.open_trace import trace_file
from bftui.session.records.replicate import Replication
from bftui.session.records.resume import opening_of, read_saved, resume
from bftui.session.records.trace_check import Checking
from bftui.session.session import Session
from bftui.trace.journal import Journal
from bftui.trace.reading import TraceFile
from tests.tables import CHOICES, WORDS, table

PAIR = ("practice", "practice-aligned")
DIAL = f"dial:{PAIR[0]}::{PAIR[1]}"
PROMPT = "Q: Name a fruit.\nA:"


@pytest.fixture(scope="module")
def pair() -> Iterator[list[Model]]:
    models = [bftui.open_model(name) for name in PAIR]
    yield models
    for model in models:
        model.close()


@pytest.fixture(scope="module")
def dial() -> Iterator[Model]:
    with bftui.open_model(DIAL) as model:
        yield model


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Model]:
    """A dial of two tables: of the second one another word is usual."""
    usual = [
        table(tmp_path / f"{n}.json", default={**dict.fromkeys(WORDS, 0.05), word: 0.25})
        for n, word in enumerate((" apple", " pear"))
    ]
    with bftui.open_model(f"dial:{usual[0]}::{usual[1]}") as model:
        yield model


def done(model: Model, **settings: Any) -> dict[str, Any]:
    """Everything that a session measures, as a trace keeps it."""
    session = Session(model, Prompt(PROMPT, template="raw"), seed=3, **settings)
    for _ in range(6):
        session.step()
    session.back(3)
    session.force(" Sure")
    session.greedy()
    session.lookahead(k=6)
    session.rollouts(samples=6, horizon=8)
    session.back(2)
    session.respond(" Sure", looks=(2,), horizon=4)
    document: dict[str, Any] = json.loads("".join(session.trace().chunks()))
    return {name: document[name] for name in ("nodes", "measurements", "path")}


def numbers(following: NextToken) -> tuple[Any, ...]:
    """What is said of a distribution."""
    candidates = following.top_ids.tolist(), following.top_logprobs.tolist()
    return following.entropy, following.entropy_truncated, following.kept, *candidates


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """Without what says when, and under which weight."""
    text = json.dumps(found)
    document: dict[str, Any] = json.loads(
        text,
        object_pairs_hook=lambda pairs: {
            name: value
            for name, value in pairs
            if name not in ("elapsed_ms", "weight", "evaluated", "read")
        },
    )
    return document


@pytest.mark.parametrize("end", [0, 1])
def test_at_its_ends_a_dial_is_either_model(pair: list[Model], dial: Model, end: int) -> None:
    assert plain(done(dial, weight=float(end))) == plain(done(pair[end]))


def test_between_its_ends_it_is_the_formula(dial: Model) -> None:
    session = Session(dial, Prompt(PROMPT, template="raw"), top_p=1.0)
    at = session.model_tree.number, 0
    rows = np.stack([dial.client.logits(*at, Sampler(weight=end)) for end in (0.0, 1.0)])
    assert rows.dtype == np.float32
    for weight in (-1.0, 0.3, 2.0):
        expected = mixed(rows, MIXINGS["dial"], weight)
        assert np.array_equal(dial.client.logits(*at, Sampler(weight=weight)), expected)
        session.set_sampler(weight=weight)
        own = Distribution(expected, session.sampler).summary()
        assert numbers(session.node.next) == numbers(own)


def test_another_weight_evaluates_nothing_again(dial: Model) -> None:
    session = Session(dial, PROMPT, template="raw", seed=1)
    for _ in range(8):
        session.step()
    before, entropies = dial.client.evaluated(), []
    for weight in (-1.0, 0.0, 0.5, 1.0, 2.0, 10.0):
        session.set_sampler(weight=weight)
        session.recompute_stale()
        entropies.append(session.node.next.entropy)
        assert session.model_tree.preview(session.sampler, session.cursor) is not None
    assert dial.client.evaluated() == before
    assert len(set(entropies)) == len(entropies)


def test_the_draws_of_rollouts_follow_the_weight(tables: Model) -> None:
    found = {}
    for weight in (0.0, 1.0, 3.0):
        session = Session(tables, " the", top_p=1.0, weight=weight)
        drawn = session.rollouts(samples=24, horizon=4)
        pears = WORDS.index(" pear") + 2
        found[weight] = sum(ids.count(pears) for ids in (s.token_ids for s in drawn.samples))
    assert found[0.0] < found[1.0] < found[3.0]


def test_a_valid_set_is_read_at_the_weight(pair: list[Model], dial: Model) -> None:
    def validity(model: Model, **settings: Any) -> float:
        session = Session(model, Prompt(PROMPT, template="raw"), **settings)
        return float(session.calibrate(["apple", "pear", "banana"]).result().validity)

    assert validity(dial, weight=0.0) == validity(pair[0])
    assert validity(dial, weight=1.0) == validity(pair[1])


def test_a_trace_of_a_mixture_can_be_opened_checked_and_made_again(
    dial: Model, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "kept")
    session = Session(dial, PROMPT, template="raw", seed=5, journal=journal)
    for command in (
        c.Step(),
        c.Step(),
        c.SetSampler(weight=0.25),
        c.Step(),
        c.Force(" Sure"),
        c.Back(2),
        c.SetSampler(weight=-1.0),
        c.Step(),
        c.Step(),
    ):
        session.do(command)
        session.recompute_stale()
    session.trace().save(tmp_path / "t.json")
    file = TraceFile(tmp_path / "t.json")
    assert file.outline.version == 2
    recorded = file.outline.model.model_dump(mode="json")
    assert recorded["source"].startswith("dial:")
    assert recorded["backend"] == "mixture"
    opening = opening_of(recorded)
    with bftui.open_model(opening.model, backend=opening.backend, **opening.keywords) as again:
        assert again.info.sha256 == recorded["sha256"]
        job = Checking(again, file)
        job.finish()
        assert not job.different
        assert max(job.entropy.most, job.logprob.most) <= 1e-5
        journal.close()
        saved = read_saved(journal.path)
        resumed = resume(again, saved)
        replica = Session(again, Prompt(PROMPT, template="raw"), seed=5)
        for _ in Replication(replica, file).actions():
            replica.recompute_stale()
        assert numbers(replica.tree.node(session.cursor).next) == numbers(session.node.next)
        kept = resumed.tree.node(session.cursor).next
        # A journal rounds to six decimals.
        assert kept.entropy == pytest.approx(session.node.next.entropy, abs=1e-6)
        assert kept.top_ids.tolist() == session.node.next.top_ids.tolist()
    # What the journal says of a weight that came later is what the trace says.
    # Beside it stand tokens of candidates that another weight did away with.
    assert list(trace_file(journal.path).nodes()) == list(file.nodes())


def test_a_trace_of_default_weight_is_of_version_2(tables: Model, tmp_path: Path) -> None:
    Session(tables, " the").trace().save(tmp_path / "t.json")
    file = TraceFile(tmp_path / "t.json")
    assert file.outline.version == 2
    recorded = file.outline.model.model_dump(mode="json")
    with bftui.open_model(opening_of(recorded).model) as again:
        assert again.info.sha256 == tables.info.sha256


def test_practice_models_that_are_elsewhere_are_those_of_this_installation() -> None:
    model = {
        "source": "dial:/gone/practice.gguf::/gone/practice-aligned.gguf",
        "backend": "mixture",
        "name": "x",
        "n_ctx": 512,
        "dtype": "float16",
        "kv": "f32",
    }
    assert opening_of(model).model == DIAL


def test_a_partner_is_compared_with_the_mixture(pair: list[Model], dial: Model) -> None:
    session = Session(dial, PROMPT, template="raw", weight=1.0)
    for _ in range(3):
        session.step()
    partner = session.pair_with(pair[1], "raw")
    PartnerSync(partner).finish()
    node = session.cursor
    assert partner.views[node].compared.js == pytest.approx(0.0, abs=1e-9)
    session.set_sampler(weight=0.0)
    session.recompute_stale()
    PartnerSync(partner).finish()
    assert partner.views[node].compared.js > 0.01


def test_a_weight_without_a_distribution_leaves_the_session_as_it_was(tmp_path: Path) -> None:
    whole = {"tokens": ["<s>", "</s>", *CHOICES], "rules": {}}
    some = table(tmp_path / "some.json", default={" w0": 0.5, " w1": 0.5}, **whole)
    every = table(tmp_path / "all.json", default=dict.fromkeys(CHOICES, 1 / 16), **whole)
    with bftui.open_model(f"contrast:{every}::{some}") as model:
        session = Session(model, "", weight=0.0)
        before = numbers(session.node.next)
        with pytest.raises(NonFiniteLogits, match="has no distribution at weight 1"):
            session.model_tree.preview(Sampler(weight=1.0), 0)
        assert numbers(session.node.next) == before
        session.step()


def test_a_dial_of_a_base_and_its_partner_is_asked_as_they_are_compared() -> None:
    """Both read the page that `shift` and `nudge` give a base model: neither is asked as it never was."""
    with bftui.open_model("dial:practice::practice-aligned") as dial, bftui.open_model() as base:
        asked = Prompt("Name a fruit.")
        found = dial.render(asked)
        assert found.template == "page"
        assert found.token_ids == base.render(replace(asked, template="page")).token_ids
        assert dial.render(replace(asked, template="raw")).template == "raw"


def test_proxy_tuning_is_its_formula_on_the_practice_models() -> None:
    names = ("practice", "practice-aligned-small", "practice-small")
    with bftui.open_model(f"proxy:{'::'.join(names)}") as proxy:
        ids = proxy.render(Prompt(PROMPT, template="raw")).token_ids
        rows = []
        for name in names:
            with bftui.open_model(name) as model:
                rows.append(np.stack(list(model.client.path_logits(ids[:1], ids[1:]))))
        large, aligned, small = (each.astype(np.float64) for each in rows)
        for weight in (-1.0, 0.0, 0.7, 1.0, 2.0):
            found = list(proxy.client.path_logits(ids[:1], ids[1:], Sampler(weight=weight)))
            expected = large + weight * (aligned - small)
            assert np.abs(np.stack(found) - expected).max() < 1e-12
