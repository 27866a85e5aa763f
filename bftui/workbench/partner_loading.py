"""Opens a partner in a thread of its own that lives no longer than that, so that the base stays usable."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from bftui.core.errors import BftuiError, ModelLoadError
from bftui.workbench.kill_process import watch
from bftui.workbench.settings import PartnerSettings

if TYPE_CHECKING:
    from bftui.model.loaded_model import Model


class Loading:
    """One model on its way.

    Attributes:
        wanted: what is opened.
        share, doing: how much is done, and what is being done.
        done: whether it ended; then `model` is there, or `error`.
    """

    def __init__(self, wanted: PartnerSettings, changed: Callable[[], None]) -> None:
        """`changed` is called from the thread whenever there is something new."""
        self.wanted = wanted
        self.share: float | None = None
        self.doing = ""
        self.done = False
        self.model: Model | None = None
        self.error: BftuiError | None = None
        self._changed = changed
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="partner", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def cancel(self) -> None:
        """Asks it to stop; it then ends with Cancelled, where it was not done already."""
        self._stop = True

    def abandon(self, seconds: float) -> None:
        """Stops it for good, waiting a little; nobody gets the model any more."""
        self._stop = True
        self._thread.join(seconds)
        if self.done and self.model is not None:
            self.model.close()
            self.model = None

    def _progress(self, share: float | None, text: str) -> bool:
        self.share, self.doing = share, text
        self._changed()
        return not self._stop

    def _run(self) -> None:
        from bftui.model.loaded_model import open_model

        wanted, model = self.wanted, None
        try:
            model = open_model(
                wanted.model,
                backend=wanted.backend,
                label=wanted.label,
                worker=True,
                progress=self._progress,
                **wanted.options,
            )
            # All bytes are fetched here, so that nobody waits for them later.
            model.token_bytes(0)
            watch(model, self._changed)
            self.model = model
        except BftuiError as error:
            self.error = error
        except Exception as error:
            # fd 2 is the log file while the screen is up.
            os.write(2, traceback.format_exc().encode())
            self.error = ModelLoadError("a fault of bftui", f"{type(error).__name__}: {error}")
        finally:
            if model is not None and (self._stop or self.error is not None):
                model.close()
                self.model = None
            self.done = True
            self._changed()
