"""The practice models on every local backend: the same shipped file, the same answers, the same entropies.

llama.cpp multiplies the 16-bit weights of the files in 16 bits. To be held against the others at float32 it reads a
copy of the file whose matrices are widened, which changes no weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import pytest

from bftui import practice
from bftui.backends.protocol import ModelInfo
from bftui.model.loaded_model import open_model
from bftui.session.session import Session
from recipes.practice.truth import PROBES
from tests.groups import TORCH, needs
from tests.models import rewritten

pytestmark = TORCH

needs("llama_cpp", "torch", "transformers")

ASKED = (PROBES[0], PROBES[2])
"""An open choice, and a long answer."""
TOKENS = 20
ENTROPY = 1e-5
"""Nats, where both compute in float32."""
ENTROPY_16 = 5e-3
"""Nats, where one of them multiplies in 16 bits."""


@dataclass(frozen=True)
class Answered:
    """What a model says of itself, and its greedy answers: all ids, and H(P) after the prompt and each token."""

    info: ModelInfo
    paths: list[tuple[int, ...]]
    entropies: np.ndarray[tuple[int], np.dtype[np.float64]]


def answered(model: str | Path, backend: str) -> Answered:
    """Greedy answers to the questions, through a session, as a person gets them."""
    paths, entropies = [], list[float]()
    with open_model(model, backend=backend, threads=1) as opened:
        chat = opened.info.chat_template is not None
        for probe in ASKED:
            session = Session(opened, probe.question if chat else probe.page)
            for _ in range(TOKENS):
                if not session.ended:
                    session.greedy()
            paths.append(tuple(session.tree.token_ids(session.cursor)))
            known = map(session.tree.entropies, session.tree.path(session.cursor))
            entropies += [each[0] for each in known if each is not None]
        return Answered(opened.info, paths, np.array(entropies))


def furthest(one: Answered, others: Sequence[Answered]) -> float:
    """The largest difference of entropies."""
    return max(float(np.abs(one.entropies - other.entropies).max()) for other in others)


@pytest.mark.parametrize("name", practice.NAMES)
def test_all_local_backends_run_the_same_file(name: str, tmp_path: Path) -> None:
    reference, llama, torch = (
        answered(name, backend) for backend in ("reference", "llama-cpp", "transformers")
    )
    wide = rewritten(
        practice.path(name), tmp_path / "wide.gguf", matrices=gguf.GGMLQuantizationType.F32
    )
    exact = answered(wide, "llama-cpp")

    assert reference.paths == llama.paths == torch.paths == exact.paths
    assert furthest(reference, [torch, exact]) <= ENTROPY
    assert furthest(reference, [llama]) <= ENTROPY_16
    # The paths are not an accident of a model that knows one answer: some choices are open.
    assert reference.entropies.max() > 0.5
    for each in (reference, llama, torch):
        assert (each.info.name, each.info.quantization) == (name, "F16")
        assert each.info.source == str(practice.path(name))
        assert each.info.sha256 == reference.info.sha256
        assert (each.info.chat_template is None) == (name in ("practice", "practice-small"))
