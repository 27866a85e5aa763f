"""Nudging on the practice models: the cached variant against the plain one, and what it does to BF.

    python -m tests.benchmarks nudging

Prompts are requests that the grammar writes and no model was trained on, unlike each other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import bftui
from bftui.backends.registry import installed
from bftui.core.pair.nudging_rounds import NudgeSettings
from bftui.core.sampler import Sampler
from bftui.measures.nudging.nudging_run import Nudging
from bftui.measures.nudging.nudging_runs import NudgingRuns, PairedPrompt
from bftui.measures.nudging.nudging_summary import summary
from bftui.measures.nudging.nudging_writers import NudgingSite
from bftui.model.model_pair import Contexts, Pair
from bftui.model.prompt import Prompt
from bftui.model.templates import asking
from bftui.results.nudging_result import FactorOverPrompts
from recipes.practice.chat import turns
from recipes.practice.data import HELD_OUT, stream_seed
from recipes.practice.grammar_all import practice_grammar

PROMPTS, MAX_TOKENS = 200, 256


def main(count: int = PROMPTS) -> None:
    asked = requests(count)
    backend = "llama-cpp" if installed("llama-cpp") else "reference"
    print(f"{len(asked)} prompts, at most {MAX_TOKENS} tokens, {backend}")
    with bftui.open_model("practice", backend=backend) as base:
        for name in ("practice-aligned", "practice-aligned-small"):
            with bftui.open_model(name, backend=backend) as partner:
                pair = Pair(base, partner)
                print(f"\n{name}, handed over by {pair.by}")
                variants(pair, asked)
                factors(pair, asked)


def requests(count: int) -> list[str]:
    """Requests of held-out documents, each once."""
    grammar, seed = practice_grammar(), stream_seed(0, HELD_OUT)
    found: dict[str, None] = {}
    for index in range(100 * count):
        said = turns(grammar.document(seed, index, "help").text)
        found[next(text for role, text in said if role == "user")] = None
        if len(found) == count:
            break
    return list(found)


def question(text: str) -> PairedPrompt:
    return PairedPrompt(text, asking(Prompt(text), chat=False), Prompt(text))


@dataclass
class Cost:
    """What one variant took: seconds, and tokens that the base and the partner evaluated."""

    seconds: float = 0.0
    base: int = 0
    partner: int = 0


def variants(pair: Pair, asked: list[str]) -> None:
    """Both variants on each prompt, in turns."""
    costs = {False: Cost(), True: Cost()}
    same = 0
    for place, text in enumerate(asked):
        each = question(text)
        contexts = pair.contexts(each.base, each.partner)
        texts = set()
        # The one that goes second finds a warm cache: they take turns at it.
        for plain in (place % 2 == 0, place % 2 == 1):
            texts.add(timed(pair, contexts, costs[plain], plain=plain).token_ids)
        same += len(texts) == 1
    cached, plainly = costs[False], costs[True]
    print(f"  equal texts: {same} of {len(asked)}")
    for name, cost in (("cached", cached), ("plain", plainly)):
        print(
            f"  {name:8}{cost.seconds:8.1f} s   base {cost.base:7} tokens   partner {cost.partner:7} tokens"
        )
    print(f"  plain / cached: {plainly.seconds / cached.seconds:.2f}x the time")


def timed(pair: Pair, contexts: Contexts, cost: Cost, *, plain: bool) -> Nudging:
    """One text, and what it took."""
    # Nobody begins with the other's prompt in the cache.
    for model, prompt in ((pair.base, contexts.base), (pair.partner, contexts.partner)):
        model.client.best(prompt.token_ids, [])
    before = pair.base.client.evaluated(), pair.partner.client.evaluated()
    job = Nudging(
        NudgingSite(pair, contexts),
        NudgeSettings(max_tokens=MAX_TOKENS),
        plain=plain,
        measure=False,
    )
    start = time.perf_counter()
    job.finish()
    cost.seconds += time.perf_counter() - start
    cost.base += pair.base.client.evaluated() - before[0]
    cost.partner += pair.partner.client.evaluated() - before[1]
    return job


def factors(pair: Pair, asked: list[str]) -> None:
    """BF of the base alone, along nudged texts, and of the partner alone, over several gammas."""
    gammas = [NudgeSettings(gamma, max_tokens=MAX_TOKENS) for gamma in (0.4, 0.2, 0.6)]
    job = NudgingRuns(pair, [question(text) for text in asked], gammas, Sampler())
    job.finish()
    for place, settings in enumerate(gammas):
        found = summary([each.run for each in job.found if each.run.settings == settings])
        if not place:
            print(f"  BF base {_bf(found.bf_base)}   partner {_bf(found.bf_partner)}")
            ratio = found.ratio_aligned
            print(f"  base / partner {ratio.ratio:.2f} {_ci(ratio.ci)}")
        share, ratio = found.share_nudged, found.ratio
        print(
            f"  gamma {settings.gamma:g}: nudged {share.mean:.3f} {_ci(share.ci, 3)}   "
            f"BF {_bf(found.bf_nudged)}   base-written {_bf(found.bf_base_written)}   "
            f"base / nudged {ratio.ratio:.2f} {_ci(ratio.ci)}   {found.stops}"
        )


def _bf(found: FactorOverPrompts | None) -> str:
    assert found is not None
    return f"{found.bf:.3f} {_ci(found.ci, 3)}"


def _ci(ends: object, digits: int = 2) -> str:
    assert isinstance(ends, list)
    return f"[{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]"
