"""The options that say how tokens are drawn: temperature, truncation, what changes logits, mixtures of models."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bftui.core.errors import UsageError
from bftui.model.token_names import (
    TOKEN_SETTINGS,
    checked_settings,
    typed_bias,
    typed_rule,
    typed_token,
    without_texts,
)

if TYPE_CHECKING:
    from bftui.core.sampler import Constraint, Sampler
    from bftui.core.schedule import Schedule
    from bftui.model.loaded_model import Model

TRUNCATION = "Further truncation rules; what all of them keep is kept"
STEERING = (
    "Changes to logits before the temperature; entropy, ln P and ranks stay those of the model"
)
MIXING = "Mixtures of models"

_TOKEN = "TOKEN is an id, or a text that is one token; text:7 is the text 7."


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How tokens are drawn."""

    temperature: Annotated[float, typer.Option(help="Temperature of P~; above 0.")] = 1.0
    top_k: Annotated[int, typer.Option(help="Keep the K best tokens; 0 keeps all.")] = 0
    top_p: Annotated[
        float, typer.Option(help="Keep the best tokens that hold this mass; 1 keeps all.")
    ] = 0.9
    min_p: Annotated[
        float,
        typer.Option(help="Keep tokens of at least this share of the best one's probability."),
    ] = 0.0
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0
    schedule: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="Other settings in windows of positions after the prompt: [[windows]] with from, to and weight, "
            "temperature, top_p, …; nudge: gamma, too.",
        ),
    ] = None
    top_n_sigma: Annotated[
        float,
        typer.Option(
            rich_help_panel=TRUNCATION,
            help="Keep logits at most this many standard deviations below the best; 0 keeps all.",
        ),
    ] = 0.0
    typical_p: Annotated[
        float,
        typer.Option(
            rich_help_panel=TRUNCATION,
            help="Keep the tokens whose surprisal is nearest to the entropy and that hold this mass; 1 keeps all.",
        ),
    ] = 1.0
    epsilon: Annotated[
        float,
        typer.Option(
            rich_help_panel=TRUNCATION,
            help="Keep tokens of at least this probability; 0 keeps all.",
        ),
    ] = 0.0
    eta: Annotated[
        float,
        typer.Option(
            rich_help_panel=TRUNCATION,
            help="Keep tokens of at least this probability, and less likely ones where the entropy is high; "
            "0 keeps all.",
        ),
    ] = 0.0
    xtc_probability: Annotated[
        float,
        typer.Option(
            rich_help_panel=TRUNCATION,
            help="XTC: how often all tokens of at least --xtc-threshold but the least likely of them are left out; "
            "P~ is the mixture.",
        ),
    ] = 0.0
    xtc_threshold: Annotated[
        float, typer.Option(rich_help_panel=TRUNCATION, help="XTC: from which probability on.")
    ] = 0.1
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            rich_help_panel=TRUNCATION,
            help="A rule of another package; may be given several times.",
        ),
    ] = None
    pin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOKEN",
            rich_help_panel=TRUNCATION,
            help=f"No rule removes this token; may be given several times. {_TOKEN}",
        ),
    ] = None
    bias: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOKEN=VALUE",
            rich_help_panel=STEERING,
            help="Add this to the logit of a token; may be given several times.",
        ),
    ] = None
    ban: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOKEN",
            rich_help_panel=STEERING,
            help="Never draw this token; may be given several times.",
        ),
    ] = None
    constraint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=STEERING,
            help="What the text must be: a regular expression (.regex, .txt), a JSON schema (.json) or a Lark "
            "grammar (.lark). It may end where that is whole, and goes on only with tokens that can lead there.",
        ),
    ] = None
    repetition_penalty: Annotated[
        float,
        typer.Option(
            rich_help_panel=STEERING,
            help="Divide logits above 0 of tokens that came before by this, and multiply those below; 1 is off.",
        ),
    ] = 1.0
    frequency_penalty: Annotated[
        float,
        typer.Option(
            rich_help_panel=STEERING,
            help="Take this from a logit for each time that the token is in the text after the prompt.",
        ),
    ] = 0.0
    presence_penalty: Annotated[
        float,
        typer.Option(
            rich_help_panel=STEERING,
            help="Take this from the logits of all tokens of the text after the prompt.",
        ),
    ] = 0.0
    penalty_window: Annotated[
        int,
        typer.Option(
            rich_help_panel=STEERING,
            help="How many of the latest tokens these three penalties look at; 0 takes all.",
        ),
    ] = 0
    dry_multiplier: Annotated[
        float,
        typer.Option(
            rich_help_panel=STEERING,
            help="DRY: take multiplier * base ** (n - length) from a token that repeats what followed the same n "
            "tokens before; 0 is off.",
        ),
    ] = 0.0
    dry_base: Annotated[
        float, typer.Option(rich_help_panel=STEERING, help="DRY: how fast it grows.")
    ] = 1.75
    dry_length: Annotated[
        int, typer.Option(rich_help_panel=STEERING, help="DRY: from how many tokens on.")
    ] = 2
    dry_window: Annotated[
        int,
        typer.Option(
            rich_help_panel=STEERING,
            help="DRY: how many of the latest tokens it looks at; 0 takes all.",
        ),
    ] = 0
    weight: Annotated[
        float,
        typer.Option(
            rich_help_panel=MIXING,
            help="Weight of a mixture, dial:BASE::ALIGNED and its like: 0 is its first model, 1 of a dial the second.",
        ),
    ] = 1.0
    plausibility: Annotated[
        float,
        typer.Option(
            rich_help_panel=MIXING,
            help="Of a mixture: leave out what has less than this share of its expert's largest probability.",
        ),
    ] = 0.0

    def settings(self, *, nudging: bool = False) -> dict[str, Any]:
        """The settings of a `Sampler`, in which tokens may be named by their text. Reads constraint and schedule.

        Raises UsageError, also for a schedule with gammas where nothing is `nudging`; InputError and MissingDependency
        for a file that cannot be read.
        """
        found = asdict(self)
        found["constraint"] = self._read()
        del found["schedule"]
        if (schedule := self.scheduled()) is not None:
            if schedule.gammas and not nudging:
                raise UsageError(
                    f"{self.schedule} has a gamma, which is of nudging",
                    hint="`bftui nudge --schedule` takes it",
                )
            found |= schedule.settings()
        found["added"] = tuple(map(typed_rule, found.pop("rule") or ()))
        found["bias"] = tuple(map(typed_bias, found.pop("bias") or ()))
        found["banned"] = tuple(map(typed_token, found.pop("ban") or ()))
        found["pinned"] = tuple(map(typed_token, found.pop("pin") or ()))
        return found

    def scheduled(self) -> Schedule | None:
        """The schedule of the options. Raises InputError."""
        if self.schedule is None:
            return None
        from bftui.trace.schedule_file import read_schedule

        return read_schedule(self.schedule)

    def _read(self) -> Constraint:
        from bftui.core.sampler import FREE

        if self.constraint is None:
            return FREE
        from bftui.model.constraint_file import read_constraint

        return read_constraint(self.constraint)

    def checked(self, *, nudging: bool = False) -> Sampler:
        """The sampler of the options, as far as that is known before a model is open. Raises as `settings`.

        Tokens that are named by their text are in `texts`.
        """
        from bftui.core.sampler import Sampler

        return Sampler(**without_texts(self.settings(nudging=nudging)))

    def texts(self) -> dict[str, Any]:
        """The settings that name tokens by their text, for `with_token_ids`. Raises UsageError."""
        settings = self.settings()
        known = without_texts(settings)
        return {name: settings[name] for name in TOKEN_SETTINGS if settings[name] != known[name]}

    def on(self, model: Model, *, nudging: bool = False) -> Sampler:
        """The sampler of the options for a model. Raises UsageError where a text is not one of its tokens."""
        from bftui.core.sampler import Sampler

        return Sampler(**checked_settings(model, self.settings(nudging=nudging)))

    def for_all(self) -> Sampler:
        """The sampler of the options for whatever model. Raises UsageError for tokens that are named by their text."""
        if self.texts():
            raise UsageError(
                "models may split a text into other tokens",
                hint="here --bias, --ban and --pin take ids",
            )
        return self.checked()
