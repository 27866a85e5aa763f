"""What the workbench is started with. Imports nothing heavy, so that the command line can build it before a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from bftui.measures.style_lexicon import WORDS
from bftui.model.prompt import Prompt
from bftui.workbench.keys import Keymap

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.model.prompt import Template
    from bftui.session.records.resume import Saved
    from bftui.session.records.trace_replay import Replay

T = TypeVar("T", int, float)

QUESTIONS = (
    "Name a fruit.",
    "Name an animal.",
    "Tell me a story.",
    "What is your favourite colour?",
    "How are you?",
)
"""What an empty start offers to ask: as it is where a template goes around it, else as a page to be gone on with."""


LONGEST_S = 2.0
"""Longer pauses of a person are not waited for in a replay, in seconds."""


SAMPLES = (8, 16, 32, 50, 64, 100, 200, 500)
HORIZONS = (1, 2, 5, 10, 20, 32, 64, 128, 256, 512, 1024)


@dataclass(slots=True)
class RolloutSize:
    """How many continuations are drawn next, and how many tokens each may have."""

    samples: int = 32
    horizon: int = 64

    def step(self, by: int) -> None:
        """Takes more or fewer continuations."""
        self.samples = _stepped(SAMPLES, self.samples, by)

    def stretch(self, by: int) -> None:
        """Takes longer or shorter ones."""
        self.horizon = _stepped(HORIZONS, self.horizon, by)


DEPTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 64)
MASSES = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
LEASTS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)


@dataclass(slots=True)
class TreeSize:
    """How far the next tree grows.

    Attributes:
        depth: tokens of its longest texts.
        mass: the share of the mass that they are to hold.
        least: the least probability of a path that is read.
        most: nodes that it may have.
    """

    depth: int = 6
    mass: float = 0.95
    least: float = 0.0
    most: int = 10_000

    def deepen(self, by: int) -> None:
        """Takes longer or shorter texts."""
        self.depth = _stepped(DEPTHS, self.depth, by)

    def hold(self, by: int) -> None:
        """Takes a larger share or a smaller one."""
        self.mass = _stepped(MASSES, self.mass, by)

    def reach(self, by: int) -> None:
        """Takes less probable paths or only more probable ones."""
        self.least = _stepped(LEASTS, self.least, -by)


@dataclass(frozen=True, slots=True)
class ResponsePlan:
    """How a response is measured that begins.

    Attributes:
        samples: continuations of each text at the last look.
        horizon: tokens that each may have.
        seconds: what a response that nobody asked for may take before it waits to be asked.
    """

    samples: int = 32
    horizon: int = 32
    seconds: float = 10.0

    def step(self, by: int) -> ResponsePlan:
        """Takes more or fewer continuations."""
        return replace(self, samples=_stepped(SAMPLES, self.samples, by))

    def stretch(self, by: int) -> ResponsePlan:
        """Takes longer or shorter ones."""
        return replace(self, horizon=_stepped(HORIZONS, self.horizon, by))


def _stepped(values: tuple[T, ...], value: T, by: int) -> T:
    """The next larger or smaller of some values; the value itself where there is none."""
    if by > 0:
        return next((each for each in values if each > value), value)
    return next((each for each in reversed(values) if each < value), value)


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How a model is opened.

    Attributes:
        model: any MODEL form of the command line.
        backend: `auto`, or a name of the backends' registry.
        options: fields of `OpenSpec` for `open_model`.
        label: what the model is called; "" takes the name of its file.
    """

    model: str
    backend: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True, slots=True)
class PartnerSettings(ModelSettings):
    """A second model beside the session's; `template` is how its prompt is written."""

    template: Template = "auto"


@dataclass(frozen=True)
class WorkbenchSettings:
    """How to start.

    Attributes:
        model, backend, options, label: as those of `ModelSettings`. A model that is opened later has its own name.
        prompt: the first prompt; None opens the prompt editor.
        frame: the system text, template and beginning of the answer of prompts that are typed.
        sampler: the first sampler; None takes the session's defaults.
        texts: its settings that name tokens by their text; they go before those of `sampler`.
        trace: where the trace is written on quit and on export; None asks on export.
        theme: a theme's name; None or `auto` takes what suits the terminal.
        state_dir: says where journals go, when the first is written; None writes none.
        words: the style palette under the keys 1 to 9.
        partner: the model that is opened beside the first one; None opens none.
        response: `auto` measures every forced text against controls; `off` waits to be asked.
        plan: how.
        shading: what the text is shaded by at first.
        low_bandwidth: draws more seldom.
        keymap: which keys do what; None takes the usual ones.
        config: says where the config file is, to which the settings screen writes; None writes none.
        resumed: the session that is resumed, with its own prompt and samplers; None begins a new one.
        replay: a trace that is shown in the place of a model; None opens the model.
        pace: actions a second at which a replay plays; 0 is as fast as possible, below 0 as it was recorded.
    """

    model: str = "practice"
    backend: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    prompt: Prompt | None = None
    frame: Prompt = field(default_factory=Prompt)
    sampler: Sampler | None = None
    texts: Mapping[str, Any] = field(default_factory=dict)
    trace: Path | None = None
    theme: str | None = None
    state_dir: Callable[[], Path] | None = None
    words: tuple[str, ...] = WORDS
    partner: PartnerSettings | None = None
    response: Literal["auto", "off"] = "auto"
    plan: ResponsePlan = field(default_factory=ResponsePlan)
    shading: str = "entropy"
    low_bandwidth: bool = False
    keymap: Keymap | None = None
    config: Callable[[], Path] | None = None
    resumed: Saved | None = None
    replay: Replay | None = None
    pace: float = -1.0

    def drawing(self) -> dict[str, Any]:
        """Returns the settings of the first sampler by name, in which tokens may be named by their text."""
        return {**self.sampler.settings(), **self.texts} if self.sampler else {}
