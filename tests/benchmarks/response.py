"""Whether the response to a forced text says what is true: false alarms, power, and coverage of its intervals.

    python -m tests.benchmarks response [same|power|coverage|practice] [--size N] [--keep FILE] [--model MODEL]

- `same` forces texts of one to three tokens that the practice base, or MODEL, wrote itself: of 400 at most 29 should
  narrow or widen.
- `power` forces a text of table models whose factor is known by construction, 40 seeds each.
- `coverage` holds the ratio over 3 and 4 tokens against every continuation, on random tables: of 1,000 intervals 930
  to 970 should hold the truth.
- `practice` does the same over 3 tokens on the practice base. Means over 3 tokens take few values there, and often
  lopsided ones: samples drawn from the enumerated distributions themselves are held in 904 of 1,000 with 4 of them, in
  935 with 12 and in 944 with 32.

Without `--size` each part is a sample of it that takes a minute or less. A run goes on with what FILE keeps.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import bftui
from bftui import practice
from bftui.backends.protocol import Backend
from bftui.backends.registry import open_backend
from bftui.core.bf.looks import FEWEST, by_horizon
from bftui.core.sampler import Sampler
from bftui.formats.open_spec import OpenSpec
from bftui.measures.response import Response
from bftui.measures.response_state import LOOKS, Setup
from bftui.session.session import Session
from bftui.workbench.settings import QUESTIONS
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.truth import PROBES
from recipes.practice.words import split_words
from tests.benchmarks.response_tables import FORCED, PROMPT, effect_table, expected, random_table

Found = dict[str, Any]
"""One measurement, as a line of the file that keeps them."""

Truth = Callable[[tuple[int, ...], int], float]
"""ln BF over so many tokens after a path, nats."""

FACTORS, SPREADS, SEEDS = (0.5, 0.7, 0.9), (0.05, 0.1, 0.2, 0.3), 40
"""True factors, standard deviations of the controls' ln BF in nats, and seeds of each."""

EXACT = (3, 4)
"""Tokens over which every continuation is enumerated."""

PRACTICE = "practice"

HORIZON = 32
TABLE_SEEDS = 20
"""Seeds of one random table."""


class Kept:
    """What was measured, by its name; in a file where one is given."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        lines = path.read_text("utf-8").splitlines() if path is not None and path.exists() else ()
        self._found: dict[str, Found] = dict(map(json.loads, lines))

    def of(self, name: str, measure: Callable[[], Found]) -> Found:
        """What is known under a name; it is measured where nothing is."""
        if name not in self._found:
            found = self._found[name] = measure()
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([name, found]) + "\n")
        return self._found[name]


# The model's own texts ---------------------------------------------------------------------------------------------


def same(size: int, kept: Kept, name: str = PRACTICE) -> None:
    """Prints how often texts that a model wrote itself are said to narrow or widen."""
    judged, left = list[Found](), Counter[str]()
    backend = "reference" if name == PRACTICE else "auto"
    with bftui.open_model(name, backend=backend, threads=1) as model:
        number = 0
        while len(judged) < size:
            known_as = "same" if name == PRACTICE else f"same {Path(name).name}"
            found = kept.of(f"{known_as} {number}", partial(_own, model, number))
            number += 1
            if found.get("ended"):
                left["ended before"] += 1
            elif found["controls"] < FEWEST:
                left[f"fewer than {FEWEST} controls"] += 1
            else:
                judged.append(found)
    told = [found for found in judged if found["verdict"] in ("narrows", "widens")]
    print(f"own texts of 1 to 3 tokens, {Path(name).name}; left out: {dict(left)}")
    print(f"  narrow or widen: {_share(len(told), size)} (budget 29 of 400)")
    print(f"  {dict(Counter(found['verdict'] for found in judged))}")
    print(f"  found at {dict(Counter(found['looks'][-1][0] for found in told))} samples")
    for length in (1, 2, 3):
        some = [found for found in judged if len(found["ids"]) == length]
        print(f"  texts of {length}: {_share(sum(found in told for found in some), len(some))}")
    spreads = [statistics.stdev(map(math.log, found["bfs"])) for found in judged]
    within = [statistics.fmean(found["sds"]) for found in judged]
    for label, values in (("the controls' ln BF", spreads), ("a text's samples", within)):
        quarters = statistics.quantiles(values, n=4) if size > 1 else values * 3
        print(
            f"  standard deviation of {label}: {', '.join(f'{q:.2f}' for q in quarters)} (quartiles)"
        )


def _own(model: bftui.Model, number: int) -> Found:
    """The response to a text that the model wrote itself, with other seeds than those of its controls."""
    practised = model.is_practice
    prompt = _prompt(number) if practised else QUESTIONS[number % len(QUESTIONS)]
    # On the practice base the prompts differ; elsewhere the place within an answer does.
    before = 0 if practised else 5 * (number // len(QUESTIONS) % 4)
    writer = Session(model, prompt, seed=1_000_000 + number)
    ids = list[int]()
    for _ in range(before + 1 + number // 2 % 3):
        node = writer.step()
        if node.eog or node.token_id is None:
            return {"ended": True}
        ids.append(node.token_id)
    session = Session(model, prompt, seed=number)
    if before:
        session.force(ids=ids[:before])
    forced = ids[before:]
    return {"prompt": prompt, "ids": forced} | _told(session.respond(ids=forced, others=False))


def _prompt(number: int) -> str:
    """A question, or the beginning of a document of the grammar, by turns."""
    if number % 2:
        return PROBES[number // 2 % len(PROBES)].page
    words = split_words(practice_grammar().document(77, number).text)
    return "".join(words[: max(1, len(words) * (1 + number // 2 % 7) // 8)])


def _told(response: Response) -> Found:
    result = response.result()
    assert response.state is not None
    means = response.state.means(result.samples, result.horizon)
    return {
        "controls": result.matched,
        "verdict": result.verdict,
        "reason": result.reason,
        "looks": [[each.samples, each.delta, each.p, each.noise_ci] for each in result.looks],
        "bf": result.forced.bf,
        "bfs": list(result.controls[0].bfs) if result.controls else [],
        "sds": [statistics.stdev(each) for each in means],
    }


# Effects that are known --------------------------------------------------------------------------------------------


def power(size: int, kept: Kept) -> None:
    """Prints how often an effect is found, by its size and by how far the controls lie from each other."""
    looks = ", ".join(map(str, LOOKS))
    print(f"an effect over {HORIZON} tokens is found by looks of {looks} samples, of {size} seeds")
    for spread in SPREADS:
        for factor in FACTORS:
            found = [
                kept.of(
                    f"power {factor} {spread} {seed}",
                    partial(_effect, factor, spread, seed),
                )
                for seed in range(size)
            ]
            by = [
                sum(f["verdict"] == "narrows" and f["looks"][-1][0] <= look for f in found)
                for look in LOOKS
            ]
            ratio = math.exp(statistics.fmean(f["looks"][-1][1] for f in found))
            wrong = sum(f["verdict"] == "widens" for f in found)
            print(
                f"  controls ±{spread:.2f} nats, x{factor}: {'  '.join(_share(n, size) for n in by)}"
                f"   found ratio {ratio:.2f}" + (f"; WIDENS {wrong}" if wrong else "")
            )


def _effect(factor: float, spread: float, seed: int) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        form = effect_table(Path(folder, "effect.json"), seed, factor, spread, HORIZON)
        with bftui.open_model(form, threads=1) as model:
            session = Session(model, PROMPT, seed=seed, top_p=1.0)
            return _told(session.respond(FORCED, others=False, horizon=HORIZON))


# Intervals against every continuation ------------------------------------------------------------------------------


def coverage(size: int, kept: Kept) -> None:
    """Prints how often the interval of a ratio holds the ratio of infinitely many samples, on random tables."""
    print("random tables: intervals that hold the ratio by every continuation")
    _covered([kept.of(f"table {n}", partial(_in_table, n)) for n in range(size)])


def covered_practice(size: int, kept: Kept) -> None:
    """Prints the same of the practice base after questions, with a token that it wrote itself."""
    spec = OpenSpec(str(practice.path("practice")), "reference", n_ctx=256, threads=1)
    backend = open_backend(spec, lambda *_: True)
    truth = _truth(backend)
    with bftui.open_model("practice", backend="reference", threads=1) as model:

        def measured(number: int) -> Found:
            prompt = PROBES[number % len(PROBES)].page
            node = Session(model, prompt, seed=1_000_000 + number).step()
            if node.eog or node.token_id is None:
                return {}
            session = Session(model, prompt, seed=number)
            return _intervals(session, [node.token_id], EXACT[:1], truth)

        print("the practice base: intervals that hold the ratio by every continuation")
        _covered([kept.of(f"practice {n}", partial(measured, n)) for n in range(size)])


def _covered(found: Sequence[Found]) -> None:
    for tokens in EXACT:
        for samples in LOOKS:
            told = [each[name] for each in found if (name := f"{tokens} {samples}") in each]
            below = sum(high < truth - _EQUAL for truth, _, high in told)
            above = sum(low > truth + _EQUAL for truth, low, _ in told)
            if told:
                print(
                    f"  {tokens} tokens, {samples:2} samples: "
                    f"{_share(len(told) - below - above, len(told))}, too low {below}, too high {above}"
                )


_EQUAL = 1e-5
"""Nats within which a ratio is the same: logits are float32."""


def _in_table(number: int) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        form = random_table(Path(folder, "random.json"), number // TABLE_SEEDS)
        backend = open_backend(OpenSpec(form.removeprefix("table:"), "table"), lambda *_: True)
        with bftui.open_model(form, threads=1) as model:
            session = Session(model, PROMPT, seed=number)
            return _intervals(session, model.tokenize(FORCED), EXACT, _truth(backend))


def _truth(backend: Backend) -> Truth:
    """Gives ln BF over the first tokens after a path; remembers what it gave."""
    return cache(lambda path, tokens: expected(backend, Sampler(), path, tokens))


def _intervals(
    session: Session,
    ids: Sequence[int],
    exact: Sequence[int],
    truth: Truth,
) -> Found:
    """For each number of tokens and of samples: ln of the true ratio, and the ends of its interval."""
    setup = Setup(horizon=exact[-1], others=False, early=False)
    response = session.experiments.start_response(ids=ids, setup=setup)
    response.finish()
    state = response.state
    assert state is not None
    prefix = session.tree.token_ids(response.node)
    found: Found = {}
    for tokens in exact:
        one, *others = (truth((*prefix, *text), tokens) for text in state.drawn.texts)
        for samples in setup.looks:
            grown = state.drawn.grown(samples)
            told = by_horizon(grown[0], grown[1:], tokens)[-1]
            assert told.noise_ci is not None
            found[f"{tokens} {samples}"] = [
                one - statistics.fmean(others),
                *map(math.log, told.noise_ci),
            ]
    assert response.result().by_horizon[-1] == told
    return found


def _share(count: int, of: int) -> str:
    """A share with its 95 % interval (Clopper and Pearson)."""
    from scipy.stats import binomtest

    if not of:
        return "0 of 0"
    ci = binomtest(count, of).proportion_ci()
    return f"{count} of {of} [{ci.low:.3f}, {ci.high:.3f}]"


PARTS: dict[str, tuple[Callable[[int, Kept], None], int]] = {
    "same": (same, 12),
    "power": (power, 3),
    "coverage": (coverage, 40),
    "practice": (covered_practice, 5),
}
"""Each part, with the size that it has where nobody says one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--size", type=int)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--model", default=PRACTICE, help="whose own texts `same` forces")
    options = parser.parse_args()
    for name in options.parts:
        part, size = PARTS[name]
        if part is same:
            part = partial(same, name=options.model)
        print(f"\n{name}", flush=True)
        part(options.size or size, Kept(options.keep))


if __name__ == "__main__":
    main()
