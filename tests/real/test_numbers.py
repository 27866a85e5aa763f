"""Every number of every node is what the definitions make of the library's own logits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from bftui import Session
from bftui.core.sampler import Sampler
from bftui.core.tree import Node
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt, Template
from tests.real.conftest import RUNTIMES, Figure, Opened
from tests.real.definitions import Numbers, numbers
from tests.real.models import MODELS, SMOLLM2, RealModel
from tests.real.reading import F32, LlamaCppReader, Reader, TransformersReader, pieces

pytestmark = pytest.mark.real

STEPS = 60

SAMPLERS = (
    Sampler(temperature=1.0, top_p=0.9, seed=1),
    Sampler(temperature=0.7, top_k=40, top_p=1.0, min_p=0.05, seed=2),
)

FOLLOWING = (
    "entropy",
    "entropy_truncated",
    "bf",
    "bf_full",
    "kept",
    "varentropy",
    "hill2",
    "tail_mass",
)
"""Numbers of the distribution after a node."""

OWN = ("rank", "logprob", "logprob_truncated")
"""Numbers of a node's own token."""

TOLERANCE = 1e-5
"""Largest difference in nats, and relative for numbers that are none."""


@contextmanager
def reader(real: RealModel, runtime: str) -> Iterator[Reader]:
    llama_cpp = runtime == "llama-cpp"
    found = LlamaCppReader(real.gguf) if llama_cpp else TransformersReader(real.directory)
    try:
        yield found
    finally:
        found.close()


def templates(real: RealModel) -> tuple[Template, ...]:
    return ("chat", "page", "raw") if real is SMOLLM2 else ("page", "raw")


def difference(name: str, ours: float | None, right: float | None) -> float:
    """How far a number is from the right one: in nats where it is in nats, else as a share."""
    if ours is None or right is None:
        return 0.0 if ours is right else math.inf
    if name in ("kept", "rank"):
        return 0.0 if ours == right else math.inf
    scale = max(1.0, abs(right)) if name in ("bf", "bf_full", "hill2", "varentropy") else 1.0
    return abs(ours - right) / scale


def path_of(
    model: Model, template: Template, sampler: Sampler
) -> tuple[Sequence[int], list[Node], list[F32]]:
    """The prompt's ids of a session, its nodes after STEPS tokens, and the logits that it read after each."""
    # What another session has left in the cache would be taken over, in the shape that it was read in.
    model.client.best([STEPS], [])
    session = Session(
        model,
        Prompt("Name a fruit, and say how it grows.", template=template),
        temperature=sampler.temperature,
        top_k=sampler.top_k,
        top_p=sampler.top_p,
        min_p=sampler.min_p,
        seed=sampler.seed,
        ignore_eos=True,
    )
    logits = [model.client.logits(session.model_tree.number, session.cursor)]
    for _ in range(STEPS):
        session.step()
        logits.append(model.client.logits(session.model_tree.number, session.cursor))
    path = [session.tree.node(number) for number in session.tree.path(session.cursor)]
    return session.tree.prompt_ids(path[0].id), path, logits


def differences(
    path: Sequence[Node], right: Sequence[Numbers], logits: Sequence[F32]
) -> Iterator[tuple[str, float]]:
    """Each number of each node beside the right one."""
    for place, (node, after) in enumerate(zip(path, right, strict=True)):
        assert node.next is not None
        for name in FOLLOWING:
            yield name, difference(name, getattr(node.next, name), getattr(after, name))
        if place == 0:
            continue
        before, token_id = right[place - 1], node.token_id
        assert token_id is not None
        kept = before.truncated[token_id]
        own = {
            "rank": before.rank(logits[place - 1], token_id),
            "logprob": float(np.log(before.p[token_id])),
            "logprob_truncated": float(np.log(kept)) if kept > 0 else None,
        }
        for name in OWN:
            yield name, difference(name, getattr(node, name), own[name])


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("real", MODELS, ids=lambda real: real.name)
def test_numbers_are_those_of_the_definitions(
    opened: Opened, figure: Figure, real: RealModel, runtime: str
) -> None:
    worst: dict[str, float] = {}
    apart = nodes = 0
    furthest = 0.0
    with reader(real, runtime) as library:
        for template in templates(real):
            for sampler in SAMPLERS:
                prompt, path, ours = path_of(opened(real, runtime), template, sampler)
                sampled = [node.token_id for node in path[1:] if node.token_id is not None]
                theirs = library.rows(pieces(prompt, sampled))[-len(path) :]
                gaps = [float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True)]
                furthest = max(furthest, *gaps)
                apart += sum(gap > 0 for gap in gaps)
                nodes += len(path)
                right = [numbers(row, sampler) for row in theirs]
                for name, gap in differences(path, right, theirs):
                    worst[name] = max(worst.get(name, 0.0), gap)
    told = ", ".join(f"{name} {gap:.1e}" for name, gap in worst.items())
    figure(
        f"numbers, {real.name} on {runtime}, {nodes} nodes: largest difference {max(worst.values()):.1e} "
        f"({told}); logits differ at {apart}, by {furthest:.1e} at most"
    )
    assert apart == 0
    assert max(worst.values()) <= TOLERANCE
