"""The generated parts of the README: `python -m tests.docs.readme` writes them, a test compares them.

A part stands between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import typer

import bftui
from bftui.cli.command_table import command as parser
from bftui.cli.shared import options as o
from bftui.core import definitions
from bftui.core.text import counted
from bftui.measures.calibration.calibration_runs import CalibrationAsked
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.truth import CLOSED, Truth, entropy
from tests.command_line import bftui_
from tests.real import palette_responses

_CALIBRATED = ("practice", "practice-aligned")

_OF_TYPER = {"install_completion", "show_completion", "help"}

README = Path(__file__).resolve().parents[2] / "README.md"


def parts() -> dict[str, str]:
    """Each generated part by its name."""
    return {
        "words": _words(),
        "help": _console("bftui --help"),
        "options": _options(),
        "shared": _shared(),
        "keys": _keys(),
        "pairs": _pairs(),
        "dial": _dial(),
        "practice": _practice(),
        "stages": _stages(),
        "palette": palette_responses.table(),
        "closed": _closed(),
        "horizon": _horizon(),
    }


def _words() -> str:
    """The glossary: what each number is, and how the JSON calls it."""
    rows = []
    for word in definitions.GLOSSARY:
        source = f" ({word.source})" if word.source else ""
        fields = f"`{word.fields}`" if word.fields else ""
        cells = word.name, f"`{word.formula}`<br>{word.text}{source}", fields
        # A bar would end a cell, also inside code.
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(["| word | what it is | in the JSON |", "|---|---|---|", *rows])


def _closed() -> str:
    """What the grammar of the practice models says of closed questions, and what the models make of them."""
    truth = Truth(practice_grammar())
    rows = ["| document | valid answers | worth, in truth | " + " | ".join(_CALIBRATED) + " |"]
    rows.append("|---|---|---|" + "---|" * len(_CALIBRATED))
    with ExitStack() as stack:
        opened = [stack.enter_context(bftui.open_model(name)) for name in _CALIBRATED]
        for prompt, _ in CLOSED:
            answers = truth.answers(prompt, 3)
            worth = math.exp(entropy(answers))
            cells = [f"`{prompt}`", str(len(answers)), f"{worth:.1f}"]
            for model in opened:
                session = bftui.Session(model, bftui.Prompt(prompt, template="raw"))
                asked = CalibrationAsked(session.sampler, frontier=False)
                found = session.calibrate([each.strip() for each in answers], asked).result()
                assert found.order is not None
                order = found.order.oracle_recall
                cells.append(
                    f"{found.effective:.1f}, valid {found.validity:.0%}, order {order:.2f}"
                )
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _horizon() -> str:
    """The trees of base and aligned practice model after some questions."""
    rows = ["| question | model | tree BF, 5 tokens | half of the mass | 80 % | 95 % |"]
    rows.append("|---|---|---|---|---|---|")
    for question in ("Name a fruit.", "Tell me a story.", "What is a good name for a cat?"):
        asked = ["--prompt", question, "--depth", "5", "--mass", "0.97", "--json"]
        done = bftui_("horizon", *_CALIBRATED, *asked)
        done.check_returncode()
        for model in json.loads(done.stdout)["models"]:
            last = model["depths"][-1]
            bounds = [f"{last[name]:.1f}" for name in ("bf_low", "bf_high")]
            cells = [question, model["model"], " to ".join(dict.fromkeys(bounds))]
            for share, texts in model["texts_for_mass"].items():
                bound = "≥ " if model["texts_for_mass_high"][share] is None else ""
                # A fifth decimal of a logit may move the third digit.
                digits = 2 - len(str(texts))
                cells.append(f"{bound}{counted(round(texts, min(0, digits)), 'text')}")
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _console(command: str) -> str:
    env = {**os.environ, "COLUMNS": "96", "TERM": "dumb"}
    done = bftui_(*command.split()[1:], env=env)
    done.check_returncode()
    lines = (line.rstrip() for line in done.stdout.strip().splitlines())
    return "```console\n$ " + command + "\n" + "\n".join(lines) + "\n```"


def _options() -> str:
    """What each command takes beside its shared options."""
    shared = {parameter.name for parameter in _shared_parameters()}
    lines = []
    for name, command in _commands().items():
        own = [each for each in command.params if each.name not in shared]
        arguments = "".join(f" {each.human_readable_name}" for each in own if _is_argument(each))
        options = [each for each in own if not _is_argument(each)]
        lines.append(f"**`bftui {name}{arguments}`** {command.help.split(chr(10) * 2)[0]}")
        lines += ["", *_table(options), ""] if options else [""]
    return "\n".join(lines).strip()


def _shared() -> str:
    return "\n".join(_table(_shared_parameters()))


def _table(options: Sequence[Any]) -> list[str]:
    rows = (
        f"| `{_usage(option)}` | {option.help.replace('|', chr(92) + '|')} |" for option in options
    )
    return ["| option | |", "|---|---|", *rows]


def _usage(option: Any) -> str:
    """The option with its default, where that says anything."""
    default = option.default
    shown = "" if option.is_flag or default in (None, "", "auto") or callable(default) else default
    choices = getattr(option.type, "choices", None)
    value = "\\|".join(choices) if choices else shown
    return " ".join(filter(None, (", ".join(option.opts), str(value))))


def _shared_parameters() -> list[Any]:
    """The options of a session with a partner, and of a result, as Typer makes them."""

    def command(
        output: o.Output = None,
        *,
        session: o.SessionOptions,
        partner: o.PartnerOptions,
        as_json: o.Json = False,
    ) -> None:
        """Takes every shared option."""

    app = typer.Typer()
    app.command()(o.unfolded(command))
    single = typer.main.get_command(app)
    return [each for each in single.params if each.name not in _OF_TYPER]


def _commands() -> dict[str, Any]:
    group: Any = parser()
    commands: dict[str, Any] = group.commands
    return commands


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _keys() -> str:
    from bftui.ui.actions.action_table import key_table

    rows = [
        f"| {' '.join(f'`{key}`' for key in keys.split())} | {name} | {description} |"
        for keys, name, description in key_table()
    ]
    return "\n".join(["| key | action | |", "|---|---|---|", *rows])


def _practice() -> str:
    """The numbers that the recipe measured, from the files beside the weights."""
    from bftui import practice

    rows = [
        "| model | nats a word | above the grammar | total variation "
        "| BF, first token | BF, 48 tokens | written by the grammar |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in practice.NAMES:
        found = json.loads(practice.path(name).with_suffix(".json").read_text("utf-8"))
        rows.append(
            f"| `{name}` | {found['model_nats']:.2f} "
            f"| {found['excess']:.3f} ± {2 * found['excess_error']:.3f} "
            f"| {found['median_total_variation']:.3f} | {found['bf_first']:.1f} "
            f"| {found['bf_mean']:.2f} | {100 * found['parsed']:.0f} % |"
        )
    return "\n".join(rows)


def _pairs() -> str:
    """What the base and its partners say of the example questions."""
    rows = [
        "| partner | unshifted | shifted | of the first tokens | nudged | BF base | BF nudged | BF partner "
        "| base / nudged |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    asked = ["--prompts", "examples/questions.jsonl", "--json"]
    asked += ["--backend", "reference", "--partner-backend", "reference"]
    for partner in ("practice-aligned", "practice-aligned-small"):
        shift = _json("shift", "practice", partner, *asked)
        summary = _json("nudge", "practice", "--with", partner, *asked)["summary"]
        first = [each["class"] for each in shift["positions"] if each["position"] == 0]
        found = [
            f"`{partner}`",
            *(_share(shift[kind], shift["intervals"][kind]) for kind in ("unshifted", "shifted")),
            f"{first.count('shifted')} of {len(first)} shifted",
            _share(summary["share_nudged"]["mean"], summary["share_nudged"]["ci"]),
            *(_factor(summary[name], "bf") for name in ("bf_base", "bf_nudged", "bf_partner")),
            _factor(summary["ratio"], "ratio"),
        ]
        rows.append(f"| {' | '.join(found)} |")
    return "\n".join(rows)


_MIXTURES = (
    "dial:practice::practice-aligned",
    "proxy:practice::practice-aligned-small::practice-small",
    "contrast:practice::practice-small",
)


def _dial() -> str:
    """BF of mixtures of the practice models along their weight, and H(P) of the next token."""
    asked = ("--prompt", "Q: Name a fruit.\nA:", "--backend", "reference", "--json")
    found = [_json("dial", each, *asked)["weights"] for each in _MIXTURES]
    rows = [
        f"| w | {' | '.join(f'`{each}`' for each in _MIXTURES)} |",
        "|---|" + "---|" * len(_MIXTURES),
    ]
    for points in zip(*found, strict=True):
        cells = (f"{_factor(each, 'bf')}, H {each['entropy']:.2f}" for each in points)
        rows.append(f"| {points[0]['weight']:g} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _stages() -> str:
    """Where the diversity of answers to sums goes, over the stages of the practice pair."""
    found = _json(
        *("diversity", "practice", "practice-sft", "practice-aligned", "--backend", "reference"),
        *("--prompts", "examples/sums.jsonl", "--samples", "64", "--max-tokens", "48"),
        *("--until", "\\n", "--check", "([0-9]+)", "--exact", "--json"),
    )
    rows = [
        "| stage | distinct answers of 64 | EAD | Vendi | mean distance | of correct outputs | correct "
        "| of the fall left among correct ones |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for model in found["models"]:
        fall = model["decomposition"]
        share = "" if fall is None else _share(fall["residual_share"], fall["residual_share_ci"])
        numbers = [
            *(_number(model, name) for name in ("distinct", "ead", "vendi", "distance")),
            _number(model["correct"], "distance"),
            f"{100 * model['pass_at_k'][0]['value']:.0f} %",
        ]
        rows.append(f"| `{model['model']}` | {' | '.join(numbers)} | {share} |")
    return "\n".join(rows)


def _number(found: dict[str, Any], name: str) -> str:
    low, high = found[f"{name}_ci"]
    return f"{found[name]:.2f} [{low:.2f}, {high:.2f}]"


def _share(value: float, ci: Sequence[float]) -> str:
    return f"{100 * value:.0f} % [{100 * ci[0]:.0f}, {100 * ci[1]:.0f}]"


def _factor(found: dict[str, Any], name: str) -> str:
    low, high = found["ci"]
    return f"{found[name]:.2f} [{low:.2f}, {high:.2f}]"


def _json(*arguments: str) -> Any:
    done = bftui_(*arguments, cwd=README.parent)
    done.check_returncode()
    return json.loads(done.stdout)


def generated(text: str) -> str:
    """The README with its generated parts made anew; raises ValueError for a part without its marks."""
    return filled(text, parts())


def filled(text: str, found: Mapping[str, str]) -> str:
    """The README with these parts in their places; raises ValueError for a part without its marks."""
    for name, part in found.items():
        block = f"<!-- {name} -->\n{part}\n<!-- /{name} -->"
        pattern = re.compile(rf"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
        text, count = pattern.subn(lambda match, block=block: block, text)
        if count != 1:
            raise ValueError(f"the README has {count} parts named {name}")
    return text


def main() -> None:
    README.write_text(generated(README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
