"""The noise floor of an open model: looked up where it was measured before, measured once, and remembered.

It is kept in the user's cache by everything that it depends on: the weights, the library and how they are run.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from bftui.backends.client.client_protocol import ModelClient
from bftui.backends.protocol import ModelInfo
from bftui.core.errors import ModelError
from bftui.core.job import Job
from bftui.core.noise_floor import Noise
from bftui.trace.document import replacing
from bftui.trace.user_folders import user_folder

_FORM = 1
"""Counts up when the text or the shapes change."""


class Floor:
    """What is known of the noise floor of one model."""

    def __init__(self, client: ModelClient) -> None:
        self._client = client
        self._looked = self._tried = False
        self._noise: Noise | None = None

    @property
    def noise(self) -> Noise | None:
        """The floor, where it is known; the first look goes to the disk."""
        if not self._looked:
            self._looked = True
            self._noise = _kept(self._client.info) if self._client.info.parameters else None
        return self._noise

    @property
    def missing(self) -> bool:
        """Whether measuring it could still tell more."""
        return not self._tried and self._client.info.parameters > 0 and self.noise is None

    def job(self) -> Job:
        """Measures it, piece by piece."""
        self._tried = True
        return _Measuring(self._client, self._found)

    def measure(self) -> None:
        """Measures it where it is not known. Raises Cancelled; a model that cannot be read so has no floor."""
        if self.missing:
            with suppress(ModelError):
                self.job().finish()

    def _found(self, noise: Noise | None) -> None:
        self._noise = noise
        if noise is not None:
            _keep(self._client.info, noise)


class Recorded(Floor):
    """The floor as a trace has it."""

    def __init__(self, noise: Noise | None) -> None:
        self._looked = self._tried = True
        self._noise = noise


class _Measuring(Job):
    def __init__(self, client: ModelClient, found: Callable[[Noise | None], None]) -> None:
        self._client, self._found = client, found
        self._share = 0.0
        super().__init__()

    @property
    def share(self) -> float:
        return self._share

    def _work(self) -> Iterator[None]:
        pieces = self._client.noise()
        while True:
            try:
                self._share = next(pieces)
            except StopIteration as end:
                self._found(end.value)
                return
            yield


def _file(info: ModelInfo) -> Path | None:
    """Where the floor is kept; None for a model that cannot be told from others."""
    if info.sha256 is None:
        return None
    settings = (
        _FORM,
        info.sha256,
        info.backend,
        info.library,
        info.device,
        info.dtype,
        info.kv,
        info.threads,
        info.batch_rows,
        platform.machine(),
    )
    name = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:32]
    return user_folder("cache") / "noise" / f"{name}.json"


def _kept(info: ModelInfo) -> Noise | None:
    file = _file(info)
    if file is None:
        return None
    try:
        return Noise.of(json.loads(file.read_bytes()))
    except (OSError, ValueError, AttributeError, RecursionError):
        # Not there, or damaged: it is measured again.
        return None


def _keep(info: ModelInfo, noise: Noise) -> None:
    """Writes it down; where that cannot be, it is measured again another day."""
    file = _file(info)
    if file is None:
        return
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as written:
            written.write(json.dumps(noise.as_dict()))
