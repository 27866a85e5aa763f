"""Prompts drawn on one or several models, for commands: each model is opened once, what is finished is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bftui.cli.shared.interrupt import Interruption
from bftui.cli.shared.opening import open_stoppable, to_file
from bftui.cli.shared.options import OpeningOptions
from bftui.cli.shared.pair_options import say_templates
from bftui.cli.shared.progress_bars import Bar
from bftui.core.errors import BftuiError, ModelError

if TYPE_CHECKING:
    from bftui.measures.bulk.bulk_measurement import (
        BulkMeasurement,
        Drawn,
        MeasureSettings,
        Samples,
    )
    from bftui.measures.bulk.sample_store import Store
    from bftui.model.prompt import Prompt
    from bftui.trace.prompts_file import PromptLine


@contextmanager
def store_beside(output: Path | None, settings: MeasureSettings) -> Iterator[Store[Samples]]:
    """What is finished, in a file beside the result; in memory alone where the result goes to no regular file.

    Raises UsageError, InputError, NotSaved.
    """
    from bftui.measures.bulk.sample_store import PartialFile, SamplePacking, Store

    if to_file(output) and (output.is_file() or not output.exists()):
        with PartialFile(output, settings.drawing(), SamplePacking()) as store:
            yield store
    else:
        yield Store()


class BulkRun:
    """All models one after the other, each opened once.

    Attributes:
        drawn: what was found, model by model.
        failed: why models could not be measured, or not to the end.
        finished: runs of one prompt under one setting that are finished.
    """

    def __init__(
        self,
        names: Sequence[str],
        shown: Sequence[str],
        lines: Sequence[PromptLine],
        settings: MeasureSettings,
        store: Store[Samples],
        interruption: Interruption,
        show: Bar,
    ) -> None:
        from bftui.model.model_forms import carries_template

        self.drawn: list[Drawn] = []
        self.failed: dict[str, ModelError] = {}
        self.finished = 0
        self._names, self._shown = names, shown
        self._lines, self._settings, self._store = lines, settings, store
        self._interruption, self._show = interruption, show
        chats = [carries_template(name) for name in names]
        self._beside_chat = len(names) > 1 and any(chats)
        if len(names) > 1:
            say_templates(
                show,
                [
                    (
                        name,
                        [
                            _template(line, settings.frame, chat, self._beside_chat)
                            for line in lines
                        ],
                    )
                    for name, chat in zip(shown, chats, strict=True)
                ],
            )
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
        from bftui.measures.bulk.bulk_measurement import BulkMeasurement

        name, before = self._names[place], self.finished
        own = opening.after(place)
        with open_stoppable(name, own, self._interruption, self._show) as opened:
            job = BulkMeasurement(
                opened,
                self._shown[place],
                self._lines,
                self._settings,
                self._store,
                beside_chat=self._beside_chat,
            )
            self.drawn.append(job.drawn)
            self._units = job.units * len(self._names)
            try:
                while job.advance():
                    self.finished = before + job.units_done
                    share = (place + job.share) / len(self._names)
                    self._show(share, self._doing(job), self._left(job, place))
                    self._interruption.check()
            finally:
                self.finished = before + job.units_done
                job.close()

    def _left(self, job: BulkMeasurement, place: int) -> float | None:
        """Seconds to the end of all models, which are taken to be as fast as this one."""
        units = job.units * (len(self._names) - place - job.share)
        return None if job.seconds_a_unit is None else job.seconds_a_unit * units

    def _doing(self, job: BulkMeasurement) -> str:
        from bftui.cli.shared.tables import clipped
        from bftui.core.text import safe

        name = f"{clipped(safe(job.drawn.facts['name']), 16)}: " if len(self._names) > 1 else ""
        return f"{name}{job.doing}"


def _template(line: PromptLine, frame: Prompt, chat: bool, compared: bool) -> str:
    """What a prompt is put into on a model that has a chat template or none."""
    from bftui.model.prompt import framed
    from bftui.model.templates import asking

    taken = asking(framed(line, frame), chat, compared).template
    return taken if taken != "auto" else "chat" if chat else "raw"
