"""A place for one model: opened here or in a thread of its own, stopped, killed, opened again.

The session's model and its partner stand in one such slot each.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

from bftui.core.errors import BftuiError, Cancelled, ModelLoadError
from bftui.workbench.settings import ModelSettings

if TYPE_CHECKING:
    from bftui.core.errors import BackendCrashed
    from bftui.model.loaded_model import Model

Told = Callable[[float | None, str], None]
"""Told how much of the opening is done, in [0, 1] or None where nobody knows, and what is being done."""


class Loading:
    """One model on its way.

    Attributes:
        wanted: what is opened.
        progress, activity: how much is done, in [0, 1], and what is being done.
        model: the model, once it is there; only where a thread of its own opens it.
    """

    def __init__(
        self,
        wanted: ModelSettings,
        told: Told,
        ended: Callable[[], None],
        halted: Callable[[], bool],
    ) -> None:
        """`told` is called while it goes on, `ended` when the model's process ends by itself; from any thread.

        The model refuses calls while `halted` says so.
        """
        self.wanted = wanted
        self.progress: float | None = None
        self.activity = ""
        self.model: Future[Model] = Future()
        self._told, self._ended, self._halted = told, ended, halted
        self._stop = False

    def open(self) -> Model:
        """Opens it at once. Raises ModelError, and Cancelled where it was stopped."""
        from bftui.model.loaded_model import open_model

        wanted = self.wanted
        model = open_model(
            wanted.model,
            backend=wanted.backend,
            label=wanted.label,
            worker=True,
            progress=self._progress,
            **wanted.options,
        )
        # All bytes are fetched here, so that drawing or saving a token never waits for the model.
        model.token_bytes(0)
        watch(model, self._ended, self._halted)
        return model

    def start(self, done: Callable[[], None]) -> None:
        """Opens it in a thread of its own, which lives no longer than that and calls `done` at its end."""
        threading.Thread(target=self._run, args=(done,), name="partner", daemon=True).start()

    def cancel(self) -> None:
        """Asks it to stop; it then ends with Cancelled, where it was not done already."""
        self._stop = True

    def abandon(self, seconds: float) -> None:
        """Stops it for good, waiting a little; nobody gets the model any more."""
        self._stop = True
        with suppress(BftuiError, TimeoutError):
            self.model.result(seconds).close()

    def _progress(self, share: float | None, text: str) -> bool:
        self.progress, self.activity = share, text
        self._told(share, text)
        return not self._stop

    def _run(self, done: Callable[[], None]) -> None:
        try:
            model = self.open()
            if self._stop:
                model.close()
                raise Cancelled("stopped")
            self.model.set_result(model)
        except BftuiError as error:
            self.model.set_exception(error)
        except Exception as error:
            # fd 2 is the log file while the screen is up.
            os.write(2, traceback.format_exc().encode())
            told = ModelLoadError("a fault of bftui", f"{type(error).__name__}: {error}")
            self.model.set_exception(told)
        done()


class ModelSlot:
    """One model, what opens it, and how it ends. Used by the loop's thread; `cancel`, `interrupt` and `kill` by any.

    Attributes:
        wanted: what was asked to stand here last; None where nothing was.
        model: what stands here.
        coming: a model that is open and about to take its place.
        loading: a model on its way.
    """

    def __init__(
        self,
        wanted: ModelSettings | None,
        told: Told,
        ended: Callable[[], None],
        halted: Callable[[], bool] = lambda: False,
    ) -> None:
        """`told`, `ended` and `halted` are those of `Loading`."""
        self.wanted = wanted
        self.model: Model | None = None
        self.coming: Model | None = None
        self.loading: Loading | None = None
        self._told, self._ended, self._halted = told, ended, halted
        self._stop = False

    @property
    def stopped(self) -> bool:
        """Whether opening was stopped since a model was expected."""
        return self._stop

    @property
    def chats(self) -> bool:
        """Whether the model that is to come, or stands here, has a chat template: see `templates.asking`."""
        from bftui.model.model_forms import carries_template

        if self.wanted is not None and (self.model is None or self.loading is not None):
            return carries_template(self.wanted.model)
        return self.model is not None and bool(self.model.info.chat_template)

    @property
    def crash(self) -> BackendCrashed | None:
        """What the model raises whose process ended by itself; None for one that lives."""
        from bftui.backends.client.worker_client import WorkerClient

        client = None if self.model is None else self.model.client
        return client.crash if isinstance(client, WorkerClient) else None

    # Opening ---------------------------------------------------------------------------------------------------

    def expect(self) -> None:
        """Says that a model is to be opened: `cancel` stops it from now on."""
        self._stop = False

    def load(self, wanted: ModelSettings) -> Model:
        """Opens a model for this place; the one that stands here stays. Raises ModelError, Cancelled."""
        self.loading = loading = Loading(wanted, self._told, self._ended, self._halted)
        if self._stop:
            loading.cancel()
        try:
            return loading.open()
        finally:
            self.loading = None

    def begin(self, wanted: ModelSettings, done: Callable[[], None]) -> None:
        """Begins to open a model in a thread of its own, in place of one on its way; `take` gives it afterwards."""
        self.abandon(0.0)
        self.wanted = wanted
        self.loading = loading = Loading(wanted, self._told, self._ended, self._halted)
        loading.start(done)

    @property
    def arrived(self) -> bool:
        """Whether what was begun is done, or failed."""
        return self.loading is not None and self.loading.model.done()

    def take(self) -> Model:
        """What was begun, which is then on its way no more. Raises ModelError, Cancelled."""
        assert self.loading is not None
        loading, self.loading = self.loading, None
        return loading.model.result()

    # Ending ----------------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stops the opening of a model."""
        self._stop = True
        if self.loading is not None:
            self.loading.cancel()
        if self.coming is not None:
            self.coming.client.cancel()

    def interrupt(self) -> None:
        """Has the model stop what it does."""
        if self.model is not None:
            self.model.client.cancel()

    def kill(self) -> None:
        """Ends the process of a model that does not answer; what waits for it raises BackendCrashed."""
        for model in (self.model, self.coming):
            if model is not None:
                kill(model)

    def abandon(self, seconds: float) -> None:
        """Stops what is on its way for good, waiting a little."""
        if self.loading is not None:
            self.loading.abandon(seconds)
            self.loading = None

    def close(self, seconds: float = 0.0) -> None:
        """Ends the model and what is on its way, waiting a little for that."""
        self.abandon(seconds)
        model, self.model = self.model, None
        if model is not None:
            model.close()


def kill(model: Model) -> None:
    """Ends the process of a model, if it has one."""
    pid = getattr(model.client, "pid", None)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def watch(model: Model, ended: Callable[[], None], halted: Callable[[], bool]) -> None:
    """Tells a model's process what to call when it ends by itself, and when to refuse calls; see `WorkerClient`."""
    from bftui.backends.client.worker_client import WorkerClient

    if isinstance(model.client, WorkerClient):
        model.client.watch(ended, halted)
