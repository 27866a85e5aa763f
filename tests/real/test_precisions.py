"""The same weights in two precisions: a quantised file in llama.cpp, and the same widened in transformers.

llama.cpp rounds activations to 8 bits where weights are quantised, so that more than float noise lies between them.
"""

from __future__ import annotations

import numpy as np
import pytest

from bftui import Session
from bftui.model.loaded_model import Model
from tests.models import sentences
from tests.real.conftest import Figure, Opened
from tests.real.models import MODELS, RealModel

pytestmark = pytest.mark.real


def read(model: Model, token_ids: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """H(P) after each token but the last, and ln P of the token that follows there; nats."""
    session = Session(model, "The", template="raw")
    session.force(ids=token_ids)
    nodes = [session.tree.node(number) for number in session.tree.path(session.cursor)]
    entropies = [node.next.entropy for node in nodes[:-1] if node.next is not None]
    return np.array(entropies), np.array([node.logprob for node in nodes[1:]], dtype=float)


@pytest.mark.parametrize("real", MODELS, ids=lambda real: real.name)
def test_a_quantised_file_is_near_its_widened_weights(
    opened: Opened, figure: Figure, real: RealModel
) -> None:
    file, directory = opened(real, "llama-cpp"), opened(real, "transformers")
    ids = file.tokenize(" ".join(sentences()))
    told = []
    for name, a, b in zip(("H(P)", "ln P"), read(file, ids), read(directory, ids), strict=True):
        gap = a - b
        told.append(
            f"{name} mean {gap.mean():+.4f}, sd {gap.std():.4f}, largest {np.abs(gap).max():.4f}"
        )
        # Nothing but rounding is between them: no bias, and the two rise and fall together.
        assert abs(gap.mean()) < 0.02
        assert np.corrcoef(a, b)[0, 1] > 0.99
    figure(
        f"llama.cpp less transformers on the widened weights, {real.name}, {len(ids)} positions, nats: "
        + "; ".join(told)
    )
