"""The noise floors of the open models, measured once each while nobody waits for anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bftui.core.errors import BackendCrashed, BftuiError

if TYPE_CHECKING:
    from bftui.core.job import Job
    from bftui.model.loaded_model import Model
    from bftui.session.session import Session
    from bftui.workbench.snapshot import Notice


class Floors:
    """Measures the noise floor of each open model once, while nobody waits for anything."""

    def __init__(self) -> None:
        self._job: tuple[Model, Job] | None = None

    def waiting(self, session: Session | None) -> bool:
        """Whether there is a piece to be done for the models of this session."""
        if session is None:
            return False
        models = [session.model]
        if session.partner is not None:
            models.append(session.partner.model)
        if self._job is not None:
            if self._job[0] in models:
                return True
            self._job[1].close()
            self._job = None
        model = next((each for each in models if each.floor.missing), None)
        if model is not None:
            self._job = model, model.floor.job()
        return model is not None

    def advance(self) -> tuple[bool, Notice | None]:
        """Does one piece; whether a floor is known now. What fails is not tried again. Raises BackendCrashed."""
        job, self._job = self._job, None
        if job is None:
            return False, None
        try:
            if job[1].advance():
                self._job = job
                return False, None
        except BackendCrashed:
            raise
        except BftuiError:
            # Stopped, or a model that cannot be read so: it goes on without a floor.
            return False, None
        return True, None
