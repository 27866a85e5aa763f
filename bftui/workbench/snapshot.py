"""What a front end reads of the workbench: one frozen snapshot, replaced as a whole whenever something changes.

Single results are shown by `rollout_series.py`, `response_shown.py`, `words_shown.py` and `paired_results.py`, so that
a first frame needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bftui.core.errors import BftuiError
    from bftui.core.pair.distribution_shift import Author
    from bftui.model.loaded_model import Model
    from bftui.model.prompt import Prompt
    from bftui.results.lookahead_result import LookaheadResult
    from bftui.session.session import Session
    from bftui.trace.journal import Journal
    from bftui.workbench.dial_shown import DialShown
    from bftui.workbench.grown_shown import GrownShown
    from bftui.workbench.paired_results import Draft, NudgingShown, ShiftShown
    from bftui.workbench.response_shown import ResponseShown
    from bftui.workbench.rollout_series import Place, Rolled
    from bftui.workbench.settings import ResponsePlan
    from bftui.workbench.valid_shown import ValidShown
    from bftui.workbench.words_shown import PartnerShown, WordsShown


GROWN_TREE = "tree"
"""What people call a tree of continuations that grows."""


class Status(StrEnum):
    """The state in the words of the status line."""

    LOADING = "loading"
    READY = "ready"
    REPLAY = "replay"
    BUSY = "busy"
    FAILED = "failed"


class Tone(StrEnum):
    """How a notice is meant."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell a person, in one line; `error` is what failed, where something did."""

    text: str
    tone: Tone = Tone.INFO
    error: BftuiError | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """An experiment that runs: its name, and how much is done."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that was measured in a session so far.

    Attributes:
        version: grows with every one.
        running: what is being measured.
        looked, rolled, words: by place; of rollouts the latest there.
        responses, beside: by place, which is here the node of the forced text's last token; those of the partner.
        grown: trees of continuations, by place.
        dials: of a mixture, the latest one of each node.
        valid: the valid set that is loaded.
        speed: tokens a second that a response drew last; None before one did.
    """

    version: int = 0
    running: tuple[Running, ...] = ()
    looked: Mapping[Place, LookaheadResult] = field(default_factory=dict)
    rolled: Mapping[Place, Rolled] = field(default_factory=dict)
    responses: Mapping[Place, ResponseShown] = field(default_factory=dict)
    beside: Mapping[Place, PartnerShown] = field(default_factory=dict)
    words: Mapping[Place, WordsShown] = field(default_factory=dict)
    grown: Mapping[Place, GrownShown] = field(default_factory=dict)
    dials: Mapping[int, DialShown] = field(default_factory=dict)
    valid: ValidShown | None = None
    speed: float | None = None


class Beside(StrEnum):
    """Whether there is a partner."""

    NONE = "none"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Paired:
    """Everything about the partner of a session.

    Attributes:
        version: grows with every one.
        state: whether there is a partner.
        name, short: what people call it, whole and without saying what kind of model it is; of one that is being
            opened its MODEL form.
        hand_over, why_text: how text goes to it (`ids` or `text`), and why not as ids.
        template, seam: how its prompt is written, and whose answer begins with a blank that the other's lacks.
        error: why it cannot go on here, or could not be opened; "" where it can.
        running: what is being done with it.
        shifted: texts that were read, by the prompt they answer and by author.
        draft: what it would write next, where somebody asked.
        nudged: the text that both wrote last.
        words: how its answers begin, for the style palette.
    """

    version: int = 0
    state: Beside = Beside.NONE
    name: str = ""
    short: str = ""
    hand_over: str = ""
    why_text: str = ""
    template: str = ""
    seam: Author | None = None
    error: str = ""
    running: tuple[Running, ...] = ()
    shifted: Mapping[int, ShiftShown] = field(default_factory=dict)
    draft: Draft | None = None
    nudged: NudgingShown | None = None
    words: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether there is a partner that can be asked."""
        return self.state is Beside.READY


@dataclass(frozen=True, slots=True)
class Farewell:
    """What is said of a session that is left; `kept`: whether it is anywhere."""

    text: str
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The workbench at one moment. The session in it goes on: its tree only ever grows.

    Attributes:
        source, loading: the MODEL form of what runs, and of what is being opened.
        prompt, refused: the latest prompt that was asked for; the one that could not be taken.
        automatic: whether a forced text is measured without being asked for.
        plan: how the next response is measured.
        rate: the index of the pace in `Workbench.rates`.
        status: the state; while it is loading, `progress` is the share that is done, and `activity` says what is done.
        failure: how the process of a model that was open ended; "" otherwise.
        ends: whether the model's process ended twice at the same thing: opening it again would not help.
        session, model, journal: as soon as they are there; only the loop writes to them.
        playing: whether it steps by itself.
        played: of a replay, how many actions were done again and how many there are; None where a model runs.
        left: nodes of the visible path whose numbers wait to be recomputed under the sampler in force.
        kept: what is to be said of the sessions that ended before this one.
        measured, paired: what is known beside the tree.
    """

    source: str
    loading: str
    prompt: Prompt | None
    automatic: bool
    plan: ResponsePlan
    rate: int
    status: Status = Status.LOADING
    progress: float | None = None
    activity: str = ""
    failure: str = ""
    ends: bool = False
    session: Session | None = None
    model: Model | None = None
    journal: Journal | None = None
    playing: bool = False
    played: tuple[int, int] | None = None
    refused: Prompt | None = None
    left: int = 0
    kept: tuple[Farewell, ...] = ()
    measured: Measured = field(default_factory=Measured)
    paired: Paired = field(default_factory=Paired)
