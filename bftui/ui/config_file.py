"""The config file: what a person wants of the workbench every time. TOML, read before the first frame: nothing heavy.

`OPTIONS` is the one list of what the file may say: reading, the commented default and the settings screen go by it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from bftui.core.errors import InputError, UsageError
from bftui.core.sampler import NUMBERS, Sampler
from bftui.core.text import did_you_mean, safe
from bftui.formats.open_spec import Device, Dtype, Kv
from bftui.measures.style_lexicon import MOST_WORDS, WORDS
from bftui.model.token_names import typed_bias, typed_rule, typed_token
from bftui.trace.stream import read_bounded
from bftui.trace.user_folders import user_folder
from bftui.ui.actions.action_table import ACTIONS, USUAL
from bftui.workbench.keys import Keymap, shown
from bftui.workbench.settings import HORIZONS, SAMPLES, ResponsePlan

SHADINGS = ("entropy", "surprisal", "author", "nudge", "none")
"""What the text may be shaded by from the start: all but `shift`, which needs a partner."""

_MOST_BYTES = 1 << 20

_PLAN = ResponsePlan()


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says; every key has a default.

    Attributes:
        words: the style palette under the keys 1 to 9.
        theme: a theme's name; None takes what suits the terminal.
        response: whether forced texts are measured without being asked for.
        response_samples, response_horizon: samples of each text at the last look, and tokens of each sample.
        response_seconds: what a response that nobody asked for may take before it waits to be asked.
        shading: what the text is shaded by.
        low_bandwidth: whether the screen is drawn more seldom.
        sampler: the sampling options that the file gives, as the fields of `cli.shared.sampling_options.Sampling`.
        model: how models are opened, as the fields of `cli.shared.options.OpeningOptions` that the file gives.
        keymap: which keys do what.
    """

    words: tuple[str, ...] = WORDS
    theme: str | None = None
    response: Literal["auto", "off"] = "auto"
    response_samples: int = _PLAN.samples
    response_horizon: int = _PLAN.horizon
    response_seconds: float = _PLAN.seconds
    shading: str = "entropy"
    low_bandwidth: bool = False
    sampler: Mapping[str, Any] = field(default_factory=_nothing)
    model: Mapping[str, Any] = field(default_factory=_nothing)
    keymap: Keymap = USUAL


def checked_words(words: Any, name: str) -> tuple[str, ...]:
    """The words of a palette, without the blanks around them; raises UsageError, which calls them `name`."""
    form = "give one to nine texts, such as Sure and Of course"
    if not isinstance(words, Sequence) or isinstance(words, str):
        raise UsageError(f"{name} is not a list", hint=form)
    if not 1 <= len(words) <= MOST_WORDS:
        raise UsageError(f"{name} has {len(words)} entries", hint=form)
    for word in words:
        if not isinstance(word, str) or not word.strip():
            raise UsageError(f"{name}: {word!r} is not a word", hint=form)
    return tuple(word.strip() for word in words)


def _one_of(*choices: str) -> Callable[[Any, str], Any]:
    def check(value: Any, name: str) -> str:
        if not isinstance(value, str) or value not in choices:
            hint = did_you_mean(str(value), choices, f"choose one of {', '.join(choices)}")
            raise UsageError(f"{name} cannot be {_quoted(value)}", hint=hint)
        return value

    return check


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise UsageError(f"{name} is not a text", hint='write it as "dark"')
    return value


def _truth(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{name} is neither true nor false")
    return value


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{name} is not a number")
    return value


def _seconds(value: Any, name: str) -> float:
    if _number(value, name) <= 0:
        raise UsageError(f"{name} is not above 0")
    return float(value)


def _whole(least: int, most: int) -> Callable[[Any, str], Any]:
    def check(value: Any, name: str) -> int:
        if type(value) is not int or not least <= value <= most:
            raise UsageError(f"{name} is not a whole number from {least} to {most}")
        return value

    return check


def _texts(read: Callable[[str], object]) -> Callable[[Any, str], Any]:
    def check(value: Any, name: str) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise UsageError(f"{name} is not a list of texts")
        try:
            for each in value:
                read(each)
        except UsageError as error:
            raise UsageError(f"{name}: {error.message}", error.reason, error.hint) from error
        return value

    return check


def _quoted(value: Any) -> str:
    return safe(repr(value))[:60]


@dataclass(frozen=True, slots=True)
class Option:
    """One key of the file.

    Attributes:
        section: its table, "" for none.
        name: the key.
        default: what holds where the file says nothing, as TOML writes it.
        check: (value, name) -> the value, or UsageError.
        help: a line for the commented default.
    """

    section: str
    name: str
    default: Any
    check: Callable[[Any, str], Any]
    help: str


OPTIONS: tuple[Option, ...] = (
    Option(
        "", "theme", "auto", _text, "A theme of `bftui themes`, or auto: what suits the terminal."
    ),
    Option("", "words", list(WORDS), checked_words, "Words of the style palette, one to nine."),
    Option(
        "",
        "response",
        "auto",
        _one_of("auto", "off"),
        "auto measures a forced text against texts like it; off waits for a key.",
    ),
    Option(
        "",
        "response_samples",
        _PLAN.samples,
        _whole(2, SAMPLES[-1]),
        "Of a response: continuations of each text at the last look.",
    ),
    Option(
        "",
        "response_horizon",
        _PLAN.horizon,
        _whole(1, HORIZONS[-1]),
        "Of a response: tokens of each continuation.",
    ),
    Option(
        "",
        "response_seconds",
        _PLAN.seconds,
        _seconds,
        "What a response that nobody asked for may take; then a key has it go on.",
    ),
    Option("", "shading", "entropy", _one_of(*SHADINGS), f"The text: {', '.join(SHADINGS)}."),
    Option(
        "",
        "low_bandwidth",
        False,
        _truth,
        "Spare a slow line: as --low-bandwidth.",
    ),
    Option("sampler", "temperature", 1.0, _number, "Temperature of P~; above 0."),
    Option("sampler", "top_k", 0, _whole(0, 2**31), "Keep the K best tokens; 0 keeps all."),
    Option("sampler", "top_p", 0.9, _number, "Keep the best that hold this mass; 1 keeps all."),
    Option(
        "sampler", "min_p", 0.0, _number, "Keep tokens of at least this share of the best one's."
    ),
    Option("sampler", "seed", 0, _whole(0, 2**64 - 1), "Seed of every draw."),
    *(
        Option("sampler", name, NUMBERS[name].off, _whole(0, 2**31), told)
        if NUMBERS[name].whole
        else Option("sampler", name, NUMBERS[name].off, _number, told)
        for name, told in (
            (
                "top_n_sigma",
                "Keep logits this many standard deviations below the best; 0 keeps all.",
            ),
            (
                "typical_p",
                "Keep surprisals nearest to the entropy that hold this mass; 1 keeps all.",
            ),
            ("epsilon", "Keep tokens of at least this probability; 0 keeps all."),
            ("eta", "As epsilon, and less where the entropy is high; 0 keeps all."),
            ("xtc_probability", "How often XTC leaves out the likeliest tokens; 0 is off."),
            ("xtc_threshold", "XTC: from which probability on."),
            ("repetition_penalty", "Of tokens that came before; 1 is off."),
            ("frequency_penalty", "Of tokens of the text, for each time; 0 is off."),
            ("presence_penalty", "Of tokens of the text, once; 0 is off."),
            ("penalty_window", "How many of the latest tokens these look at; 0 takes all."),
            ("dry_multiplier", "DRY, of sequences that repeat; 0 is off."),
            ("dry_base", "DRY: how fast it grows."),
            ("dry_length", "DRY: from how many tokens on."),
            ("dry_window", "DRY: how many of the latest tokens it looks at; 0 takes all."),
            ("weight", "Of a mixture of models: 0 is its first model, 1 of a dial its second."),
            (
                "plausibility",
                "Of a mixture: the least share of the expert's largest P; 0 is off.",
            ),
        )
    ),
    Option("sampler", "rule", [], _texts(typed_rule), "As --rule, a list."),
    Option("sampler", "bias", [], _texts(typed_bias), 'As --bias, a list such as [" Sure=2"].'),
    Option("sampler", "ban", [], _texts(typed_token), "As --ban, a list."),
    Option("sampler", "pin", [], _texts(typed_token), "As --pin, a list."),
    Option("model", "backend", "auto", _text, "As --backend."),
    Option("model", "ctx", 0, _whole(0, 2**31), "Context in tokens; 0 takes the model's own."),
    Option("model", "threads", 0, _whole(0, 512), "Compute threads; 0 takes the physical cores."),
    Option("model", "gpu_layers", -1, _whole(-1, 2**31), "Layers on the GPU; -1 takes all."),
    Option("model", "device", "auto", _one_of(*get_args(Device)), "As --device."),
    Option("model", "dtype", "auto", _one_of(*get_args(Dtype)), "As --dtype."),
    Option("model", "kv", "auto", _one_of(*get_args(Kv)), "As --kv."),
)
SECTIONS = ("sampler", "model", "keys")


def config_path() -> Path:
    """Where the file is looked for; it need not be there."""
    return user_folder("config") / "config.toml"


def read_config(path: Path | None = None) -> Config:
    """The config file (default: the one of this person), or the defaults where there is none.

    Raises InputError for a file that cannot be read, is not TOML, or holds an unknown key or a wrong value.
    """
    path = config_path() if path is None else path
    text = read_text(path)
    return Config() if text is None else config_of(text, path)


def read_text(path: Path) -> str | None:
    """The file as it is; None where there is none. Raises InputError."""
    try:
        return read_bounded(path, _MOST_BYTES).decode("utf-8-sig")
    except InputError as error:
        # A home that is not a directory holds none.
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return None
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8", str(error)) from error


def config_of(text: str, path: Path) -> Config:
    """What the text of a file says. Raises InputError, which names `path`."""
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not TOML", str(error)) from error
    try:
        return _checked(found)
    except UsageError as error:
        raise InputError(f"{path}: {error.message}", error.reason, error.hint) from error


def _checked(found: Mapping[str, Any]) -> Config:
    tables: dict[str, Mapping[str, Any]] = {}
    for section in SECTIONS:
        tables[section] = found.get(section, {})
        if not isinstance(tables[section], dict):
            raise UsageError(f"{section} is not a table", hint=f"write it as [{section}]")
    tables[""] = {key: value for key, value in found.items() if key not in SECTIONS}
    values: dict[str, dict[str, Any]] = {"": {}, "sampler": {}, "model": {}}
    for section, its in values.items():
        known = {option.name: option for option in OPTIONS if option.section == section}
        of = f"[{section}] " if section else ""
        for key, value in tables[section].items():
            if key not in known:
                names = [*known, *(() if section else SECTIONS)]
                hint = did_you_mean(key, names)
                raise UsageError(f"{of}there is no key {_quoted(key)}", hint=hint)
            its[key] = known[key].check(value, f"{of}{key}")
    Sampler(**{name: each for name, each in values["sampler"].items() if name in NUMBERS})
    top = values[""]
    if top.get("theme") == "auto":
        del top["theme"]
    try:
        keymap = USUAL.with_keys(tables["keys"])
    except UsageError as error:
        raise UsageError(f"[keys] {error.message}", error.reason, error.hint) from error
    return Config(
        **top,
        sampler=MappingProxyType(values["sampler"]),
        model=MappingProxyType(values["model"]),
        keymap=keymap,
    )


# Writing ----------------------------------------------------------------------------------------------------------


def default_text() -> str:
    """A complete file in which every line is a comment: what holds where nothing is said."""
    lines = [
        "# What `bftui run` begins with. Take the # of a line away to change it; what is typed on the",
        "# command line goes before this file.",
        "",
    ]
    for section in ("", *SECTIONS[:-1]):
        if section:
            lines += [f"[{section}]"]
        for option in OPTIONS:
            if option.section == section:
                lines += [f"# {option.help}", f"#{option.name} = {toml(option.default)}"]
                lines += [] if section else [""]
        lines += [""] if section else []
    lines += [
        "[keys]",
        "# A key, or a list of them, by the name of the action; [] takes its keys away. Keys are",
        "# characters, names (space, enter, tab, f2, pageup, left), and ctrl+x, alt+x, shift+left.",
    ]
    for action in ACTIONS:
        if action.id not in ("escape", "interrupt"):
            keys = [shown(key) for key in action.keys]
            lines.append(f"#{action.id} = {toml(keys[0] if len(keys) == 1 else keys)}")
    return "\n".join(lines) + "\n"


def toml(value: Any) -> str:
    """A text, number, truth or list of texts as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # TOML's escapes are those of JSON; it wants DEL escaped too.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Sequence):
        return f"[{', '.join(map(toml, value))}]"
    return repr(value)
