"""The same work has the same shape on pretrained models: traces are checked, samples and texts come again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bftui.model.loaded_model import Model
from bftui.session.records.resume import read_saved, resume
from bftui.session.records.trace_check import FINE, Checking
from bftui.session.session import Session
from bftui.trace.reading import TraceFile
from tests.real.conftest import Figure, Opened
from tests.real.models import GEMMA, SMOLLM2, RealModel

pytestmark = pytest.mark.real

MODELS = pytest.mark.parametrize("real", [SMOLLM2, GEMMA], ids=lambda real: real.name)
LONG = (
    "The mill had 26 workers in 1874, and nobody on the quay could say where the captain was. " * 16
)


def checked(model: Model, path: Path, *, fast: bool = False) -> Checking:
    job = Checking(model, TraceFile(path), fast=fast)
    while job.advance():
        pass
    return job


def stepped(session: Session, count: int, how: str = "step") -> None:
    """As many steps as there are before the text ends."""
    for _ in range(count):
        if not session.ended:
            getattr(session, how)()


def numbers(rollouts: Any) -> list[Any]:
    return [
        (each.token_ids, each.entropy.tolist(), each.logprob.tolist()) for each in rollouts.samples
    ]


def ahead(found: Any) -> dict[int, float | None]:
    return {each.row.token_id: each.after and each.after.entropy for each in found.candidates}


@MODELS
def test_a_session_is_checked_to_the_last_digit(
    opened: Opened, real: RealModel, tmp_path: Path, figure: Figure
) -> None:
    """Steps, forces, branches out of the middle of one, a prompt of over 256 tokens, and going on after a resume."""
    model, path = opened(real, "llama-cpp"), tmp_path / "t.json"
    session = Session(model, "Name a fruit.", seed=11)
    stepped(session, 12)
    session.force(" Sure, here is what I think of it")
    middle = session.cursor - 4
    session.back(3)
    stepped(session, 4, "greedy")
    session.goto(middle)
    session.rollouts(samples=3, horizon=4)
    session.set_prompt(LONG)
    assert len(session.tree.token_ids(session.cursor)) > 256
    stepped(session, 4)
    session.trace().save(path)
    session = resume(model, read_saved(path))
    session.goto(middle)
    stepped(session, 6)
    session.force(" and then")
    session.trace().save(path)
    job, fast = checked(model, path), checked(model, path, fast=True)
    assert job.tolerance == FINE
    assert not job.different
    assert not fast.alike
    figure(
        f"{real.name}: {job.checked} nodes checked as they were made: H(P) off by {job.entropy.most:.1e} nats at most, "
        f"ln P by {job.logprob.most:.1e}; in chunks {fast.entropy.most:.1e} and {fast.logprob.most:.1e}"
    )


@MODELS
def test_samples_of_one_seed_come_again(opened: Opened, real: RealModel) -> None:
    """Whatever the number asked for, in one go or in two, and however a person came there."""
    model = opened(real, "llama-cpp")
    found = {}
    for count in (2, 8, 40):
        session = Session(model, "Name a fruit.", seed=3)
        found[count] = numbers(session.rollouts(samples=count, horizon=8))
    session = Session(model, "Name a fruit.", seed=3)
    parts = [numbers(session.rollouts(samples=count, horizon=8)) for count in (2, 6)]
    assert found[2] == found[8][:2]
    assert found[8] == found[40][:8]
    assert parts[0] + parts[1] == found[8]


@MODELS
def test_measurements_do_not_depend_on_the_way_there(opened: Opened, real: RealModel) -> None:
    model = opened(real, "llama-cpp")
    walked, forced = (Session(model, "The mill by the river", seed=3, template="raw") for _ in "ab")
    stepped(walked, 6, "greedy")
    begun = len(walked.tree.prompt_ids(0))
    forced.force(ids=walked.tree.token_ids(walked.cursor)[begun:])
    assert numbers(walked.rollouts(samples=3, horizon=8)) == numbers(
        forced.rollouts(samples=3, horizon=8)
    )
    many, few = ahead(walked.lookahead(k=20)), ahead(forced.lookahead(k=5))
    assert few.items() <= many.items()
    results = [
        session.respond(" Sure", looks=[2], horizon=4, controls=3, others=False)
        for session in (walked, forced)
    ]
    assert results[0].result() == results[1].result()


@MODELS
def test_a_text_is_read_alike_whatever_was_read_before(opened: Opened, real: RealModel) -> None:
    """So a model that is held against itself is not shifted at all."""
    model = opened(real, "llama-cpp")
    client, ids = model.client, model.tokenize(LONG)
    prompt, answer = ids[:40], ids[40:120]
    first = list(client.path_logits(prompt, answer))
    list(client.path_logits(ids[:10], ids[10:90]))
    list(client.greedy(ids[:60], 3))
    again = list(client.path_logits(prompt, answer))
    assert max(float(np.abs(a - b).max()) for a, b in zip(first, again, strict=True)) == 0.0
