"""What is known of a session beside its tree, whole: frozen, made by the engine's thread, replaced when more is known.

Single results are in `measured_results.py` and `paired_results.py`, so that a first frame needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bftui.core.pair.distribution_shift import Author
    from bftui.workbench.measured_results import Looked, Place, Responded
    from bftui.workbench.paired_results import Draft, Nudged, Shifted
    from bftui.workbench.rollout_series import Rolled


@dataclass(frozen=True, slots=True)
class Running:
    """An experiment that runs: its name, and how much is done."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that was measured in a session so far; a new one replaces it whenever something is known.

    Attributes:
        version: grows with every one.
        running: what is being measured.
        looked, rolled: by place; of rollouts the latest there.
        responses: by the node of the forced text's last token.
    """

    version: int = 0
    running: tuple[Running, ...] = ()
    looked: Mapping[Place, Looked] = field(default_factory=dict)
    rolled: Mapping[Place, Rolled] = field(default_factory=dict)
    responses: Mapping[int, Responded] = field(default_factory=dict)


class Beside(StrEnum):
    """Whether there is a partner."""

    NONE = "none"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Paired:
    """Everything about the partner of a session; a new one replaces it whenever something is known.

    Attributes:
        version: grows with every one.
        state: whether there is a partner.
        name, short: what people call it, whole and without saying what kind of model it is; of one that is being
            opened its MODEL form.
        by, why: how text goes to it (`ids` or `text`), and why not as ids.
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
    by: str = ""
    why: str = ""
    template: str = ""
    seam: Author | None = None
    error: str = ""
    running: tuple[Running, ...] = ()
    shifted: Mapping[int, Shifted] = field(default_factory=dict)
    draft: Draft | None = None
    nudged: Nudged | None = None
    words: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether there is a partner that can be asked."""
        return self.state is Beside.READY
