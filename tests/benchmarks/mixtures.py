"""Mixtures of models: equality at the ends, the formula, what a step costs, BF along the weight.

    python -m tests.benchmarks mixtures

On the practice models, and where it is on this machine on SmolLM2 in two precisions: its Q4_1 file and the same as F16.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import gguf
import numpy as np

import bftui
from bftui.core.mixing import MIXINGS
from bftui.core.sampler import Sampler
from bftui.measures.dial import DialAsked
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt
from tests.models import rewritten
from tests.real.models import SMOLLM2

QUESTION = "Q: Name a fruit.\nA:"
PLAIN = "The river rises in the hills, and by the time it meets the town"
WEIGHTS = (-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0)
STEPS = 40


def main() -> None:
    pair = ("practice", "practice-aligned")
    ends(pair, QUESTION)
    formula("proxy", ("practice", "practice-aligned-small", "practice-small"), QUESTION)
    formula("contrast", ("practice", "practice-small"), QUESTION)
    cost(pair, QUESTION)
    curve(f"dial:{pair[0]}::{pair[1]}", QUESTION)
    curve("proxy:practice::practice-aligned-small::practice-small", QUESTION)
    if SMOLLM2.gguf.is_file():
        with tempfile.TemporaryDirectory() as folder:
            f16 = gguf.GGMLQuantizationType.F16
            wide = rewritten(SMOLLM2.gguf, Path(folder) / "f16.gguf", matrices=f16)
            files = (str(SMOLLM2.gguf), str(wide))
            ends(files, PLAIN)
            cost(files, PLAIN)
            curve(f"dial:{files[0]}::{files[1]}", PLAIN)


def walked(model: Model, text: str, weight: float) -> tuple[np.ndarray, list[float], list[int]]:
    """Logits, H(P) and tokens along a text that is drawn, and the tokens of rollouts from its end."""
    session = bftui.Session(model, Prompt(text, template="raw"), seed=4, weight=weight)
    for _ in range(STEPS):
        if session.step().eog:
            session.back(1)
            break
    nodes = session.tree.path(session.cursor)
    at = session.model_tree.number
    rows = [model.client.logits(at, node, session.sampler) for node in nodes]
    ids = [session.tree.token_id(node) or 0 for node in nodes]
    drawn = session.rollouts(samples=8, horizon=16).samples
    return (
        np.stack(rows).astype(np.float64),
        [session.tree.node(node).next.entropy for node in nodes],
        [*ids, *(i for each in drawn for i in each.token_ids)],
    )


def ends(files: tuple[str, str], text: str) -> None:
    """How far the ends of a dial are from the models."""
    with bftui.open_model(f"dial:{files[0]}::{files[1]}", threads=1) as dial:
        print(f"\n{dial.info.name}, {STEPS} tokens and 8 rollouts of 16")
        for weight, path in enumerate(files):
            with bftui.open_model(path, threads=1) as model:
                alone, mixed = walked(model, text, 0.0), walked(dial, text, float(weight))
                logits = np.abs(alone[0] - mixed[0]).max()
                entropy = np.abs(np.subtract(alone[1], mixed[1])).max()
                other = sum(a != b for a, b in zip(alone[2], mixed[2], strict=True))
                print(
                    f"  w {weight}: logits differ by {logits}, H(P) by {entropy} nats, "
                    f"{other} of {len(alone[2])} draws"
                )


def formula(name: str, files: tuple[str, ...], text: str) -> None:
    """How far a mixture is from its formula, computed in float64 from models that are opened by themselves."""
    form, mixing, worst = f"{name}:{'::'.join(files)}", MIXINGS[name], 0.0
    with bftui.open_model(form, threads=1) as mixture:
        ids = list(mixture.render(Prompt(text, template="raw")).token_ids)
        rows = []
        for path in files:
            with bftui.open_model(path, threads=1) as model:
                found = list(model.client.path_logits(ids[:1], ids[1:]))
                rows.append(np.stack(found).astype(np.float64))
        for weight in WEIGHTS:
            sampler = Sampler(weight=weight)
            own = list(mixture.client.path_logits(ids[:1], ids[1:], sampler))
            terms = zip(mixing.coefficients(weight), rows, strict=True)
            expected = sum(c * each for c, each in terms if c)
            worst = max(worst, float(np.abs(np.stack(own) - expected).max()))
    print(f"\n{form}: {mixing.formula}\n  largest difference over {len(WEIGHTS)} weights: {worst}")


def cost(files: tuple[str, str], text: str) -> None:
    """What a step takes beside the steps of both models, and what another weight takes."""
    seconds = []
    for form in (*files, f"dial:{files[0]}::{files[1]}"):
        with bftui.open_model(form, threads=1) as model:
            session = bftui.Session(model, Prompt(text, template="raw"), seed=1, ignore_eos=True)
            taken = []
            for _ in range(STEPS):
                start = time.perf_counter()
                session.step()
                taken.append(time.perf_counter() - start)
            seconds.append(statistics.median(taken))
            if len(seconds) == 3:
                before = model.client.evaluated()
                start = time.perf_counter()
                session.set_sampler(weight=0.3)
                again = time.perf_counter() - start
                evaluated = model.client.evaluated() - before
    one, other, both = (1e3 * each for each in seconds)
    print(
        f"\na step takes {both:.2f} ms, of its models {one:.2f} and {other:.2f}: {both / (one + other):.2f} of both; "
        f"another weight for {STEPS} nodes {1e3 * again:.1f} ms, {evaluated} tokens evaluated"
    )


def curve(form: str, text: str) -> None:
    """BF along the weight."""
    with bftui.open_model(form, threads=1) as model:
        session = bftui.Session(model, Prompt(text, template="raw"))
        start = time.perf_counter()
        points = session.dial(DialAsked(WEIGHTS, 32, 32)).result().weights
        print(f"\n{model.info.name}: BF of 32 × 32, {time.perf_counter() - start:.0f} s")
    for each in points:
        low, high = each.ci or (each.bf, each.bf)
        print(
            f"  w {each.weight:>5g}  {each.bf:6.2f} [{low:.2f}, {high:.2f}]  H {each.entropy:.3f}"
        )


if __name__ == "__main__":
    main()
