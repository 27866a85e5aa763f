"""Prompts drawn on one or several models, for commands: each model is opened once, what is finished is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, TypeVar

from bftui.cli.shared.opening import Watched, open_stoppable, to_file
from bftui.cli.shared.options import OpeningOptions
from bftui.cli.shared.pair_options import say_templates
from bftui.core.errors import BftuiError, ModelError

if TYPE_CHECKING:
    from bftui.measures.bulk.bulk_measurement import (
        BulkMeasurement,
        Drawn,
        MeasureSettings,
        Samples,
    )
    from bftui.measures.bulk.sample_store import Packing, Store
    from bftui.model.loaded_model import Model
    from bftui.model.prompt import Prompt
    from bftui.trace.prompts_file import PromptLine


V = TypeVar("V")


@contextmanager
def store_beside(
    output: Path | None, settings: dict[str, Any], packing: Packing[V]
) -> Iterator[Store[V]]:
    """What is finished, in a file beside the result; in memory alone where the result goes to no regular file.

    `settings` are those that a file which is there already must have. Raises UsageError, InputError, NotSaved.
    """
    from bftui.measures.bulk.sample_store import PartialFile, Store

    if is_regular(output):
        with PartialFile(output, settings, packing) as store:
            yield store
    else:
        yield Store()


def is_regular(output: Path | None) -> TypeGuard[Path]:
    """Whether a result goes to a regular file, which another one can stand beside."""
    return to_file(output) and (output.is_file() or not output.exists())


class ModelJob(Protocol):
    """What is measured on one model: so many units of work, of which some are done."""

    @property
    def units(self) -> int: ...
    @property
    def units_done(self) -> int: ...
    @property
    def doing(self) -> str: ...
    @property
    def share(self) -> float: ...
    @property
    def seconds_a_unit(self) -> float | None: ...
    def advance(self) -> bool: ...
    def close(self) -> None: ...


class EachModel:
    """Several models one after the other, each opened once for one job.

    Attributes:
        failed: why models could not be measured, or not to the end.
        finished: units of work that are finished, of all models.
    """

    def __init__(
        self,
        names: Sequence[str],
        shown: Sequence[str],
        watched: Watched,
        begin: Callable[[Model, int], ModelJob],
    ) -> None:
        """`begin` makes the job of an open model, whose place is given."""
        self.failed: dict[str, ModelError] = {}
        self.finished = 0
        self._names, self._shown = names, shown
        self._watched, self._begin = watched, begin
        self._units = 0

    @property
    def kept(self) -> str:
        """How far it came, for people."""
        return f"{self.finished} of {self._units} measurements are kept"

    def carry_out(self, opening: OpeningOptions) -> BftuiError | None:
        """Measures everything that can be; the error that stopped it, if one did.

        One of several models that fails does not stop the others.
        """
        try:
            for place, name in enumerate(self._shown):
                try:
                    self._measure(place, opening)
                except ModelError as error:
                    if len(self._names) == 1:
                        return error
                    self.failed[name] = error
        except BftuiError as error:
            return error
        return None

    def _measure(self, place: int, opening: OpeningOptions) -> None:
        name, before, watched = self._names[place], self.finished, self._watched
        own = opening.after(place)
        with open_stoppable(name, own, watched.interruption, watched.show) as opened:
            job = self._begin(opened, place)
            self._units = job.units * len(self._names)
            try:
                while job.advance():
                    self.finished = before + job.units_done
                    share = (place + job.share) / len(self._names)
                    watched.show(share, self._doing(job, place), self._left(job, place))
                    watched.interruption.check()
            finally:
                self.finished = before + job.units_done
                job.close()

    def _left(self, job: ModelJob, place: int) -> float | None:
        """Seconds to the end of all models, which are taken to be as fast as this one."""
        units = job.units * (len(self._names) - place - job.share)
        return None if job.seconds_a_unit is None else job.seconds_a_unit * units

    def _doing(self, job: ModelJob, place: int) -> str:
        from bftui.cli.shared.tables import clipped
        from bftui.core.text import safe

        name = f"{clipped(safe(self._shown[place]), 16)}: " if len(self._names) > 1 else ""
        return f"{name}{job.doing}"


def bulk_run(
    names: Sequence[str],
    shown: Sequence[str],
    lines: Sequence[PromptLine],
    settings: MeasureSettings,
    store: Store[Samples],
    watched: Watched,
) -> tuple[EachModel, list[Drawn]]:
    """Prompts to be drawn on several models, and where what is drawn will be found, model by model.

    Says what the prompts of each model are put into, where there are several models.
    """
    from bftui.measures.bulk.bulk_measurement import BulkMeasurement
    from bftui.model.model_forms import carries_template

    chats = [carries_template(name) for name in names]
    beside_chat = len(names) > 1 and any(chats)
    if len(names) > 1:
        taken = [
            [_template(line, settings.frame, chat, beside_chat) for line in lines] for chat in chats
        ]
        say_templates(watched.show, list(zip(shown, taken, strict=True)))
    drawn: list[Drawn] = []

    def begin(model: Model, place: int) -> BulkMeasurement:
        job = BulkMeasurement(model, shown[place], lines, settings, store, beside_chat=beside_chat)
        drawn.append(job.drawn)
        return job

    return EachModel(names, shown, watched, begin), drawn


def _template(line: PromptLine, frame: Prompt, chat: bool, compared: bool) -> str:
    """What a prompt is put into on a model that has a chat template or none."""
    from bftui.model.prompt import framed
    from bftui.model.templates import asking

    taken = asking(framed(line, frame), chat, compared).template
    return taken if taken != "auto" else "chat" if chat else "raw"
