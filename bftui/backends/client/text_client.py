"""A model that reads whole texts, in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import cast

from bftui.backends.client.worker_client import WorkerClient
from bftui.backends.text_models import TextModelInfo, TextRows, TextSpec
from bftui.formats.open_spec import Progress


class TextClient:
    """Implements `TextModel` through a child process; closes with its context manager.

    Raises BackendCrashed from every call once the child died.
    """

    def __init__(self, spec: TextSpec, progress: Progress) -> None:
        """Starts the child and opens the model; blocks. A progress that returns False cancels."""
        self._worker = WorkerClient(spec, progress)

    @property
    def info(self) -> TextModelInfo:
        """What is known of the model."""
        return cast(TextModelInfo, self._worker.opened)

    def read(self, inputs: Sequence[tuple[str, ...]]) -> TextRows:
        """Read inputs, each a text or a pair of them; see `TextEngine.read`."""
        return cast(TextRows, self._worker.call("read", (list(inputs),), {}))

    def cancel(self) -> None:
        """Stop what is running now."""
        self._worker.cancel()

    def close(self) -> None:
        """End the child; may be called twice."""
        self._worker.close()

    def __enter__(self) -> TextClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
