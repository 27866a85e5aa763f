"""Two precisions of one model as a dial: at its ends either file to the last digit, between them along the weight."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest

from bftui import Session, open_model
from bftui.measures.dial import DialAsked
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt
from tests.models import rewritten
from tests.real.conftest import Figure

pytestmark = pytest.mark.real

TEXT = "The river rises in the hills, and by the time it meets the town"


def walked(model: Model, **settings: float) -> tuple[list[int], list[float], list[float]]:
    """Tokens drawn after a text, H(P) along them, and H(P~) along rollouts from their end."""
    session = Session(model, Prompt(TEXT, template="raw"), seed=4, **settings)
    for _ in range(12):
        session.step()
    nodes = session.tree.path(session.cursor)
    ids = [session.tree.token_id(node) or 0 for node in nodes[1:]]
    entropies = [session.tree.node(node).next.entropy for node in nodes]
    drawn = session.rollouts(samples=6, horizon=8)
    return ids, entropies, [x for each in drawn.samples for x in each.entropy_truncated.tolist()]


def test_two_precisions_are_a_dial(smollm2_gguf: Path, tmp_path: Path, figure: Figure) -> None:
    f16 = gguf.GGMLQuantizationType.F16
    wide = rewritten(smollm2_gguf, tmp_path / "f16.gguf", matrices=f16)
    ends = []
    for path in (smollm2_gguf, wide):
        with open_model(path, ctx=512, threads=1) as model:
            ends.append(walked(model))
    with open_model(f"dial:{smollm2_gguf}::{wide}", ctx=512, threads=1) as dial:
        for weight, expected in enumerate(ends):
            found = walked(dial, weight=float(weight))
            assert found[:2] == expected[:2]
            if weight == 0:
                # The quantised file says how many rows are drawn together.
                assert found[2] == expected[2]
        session = Session(dial, Prompt(TEXT, template="raw"), seed=4)
        before = dial.client.evaluated()
        for weight in (-1.0, 0.0, 0.5, 2.0):
            session.set_sampler(weight=weight)
        assert dial.client.evaluated() == before
        points = session.dial(DialAsked((-1.0, 0.0, 0.5, 1.0, 2.0), 16, 24)).result().weights
    figure(
        "BF along a dial from SmolLM2's Q4_1 to its F16: "
        + "; ".join(f"w {each.weight:g} {each.bf:.2f} {each.ci}" for each in points)
    )
