"""Measures the noise floor of a model: one fixed text, read token by token and in the other shapes in use.

It is read beside the session's path where the backend has a place for that; see `core.noise_floor` for what it means.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bftui.backends.client.text_reading import in_memory
from bftui.backends.protocol import F32, Backend, Logits, TokenDistribution
from bftui.core.batch import afresh, batches, most_scored, step
from bftui.core.errors import BftuiError, Displaced
from bftui.core.noise_floor import Noise, Quantity
from bftui.core.sampler import Sampler

TEXT = """\
The river rises in the hills above the town, and by the time it reaches the first bridge it is wide and slow. In 1874 \
there were 26 mills along its banks; today there are two, and only one of them still turns. "Where did the others go?" \
asked the boy. His grandmother put down her cup. "Some burned," she said, "some were sold, and one the water took in a \
single night." She counted on her fingers: the mill at Alder's Ford, the paper mill, the one with the red door. Prices \
had fallen, of course, from 3.50 to 1.20 a sack, and the railway brought flour from further away. Nobody had asked the \
miller, and so nobody knew that the wheel was broken."""
"""Plain prose with names, numbers and speech: it has sure tokens and unsure ones."""

_POSITIONS = 128
_BYTES = 64 << 20
"""Float32 logits that are kept at once: of every position of the text."""

_PASS = 64
"""Positions that are read in one pass: foreground work waits for no more of them."""

_TOGETHER = 16
"""Positions that are read among other rows: each costs as much as a batch of rollouts."""

_SIGNIFICANT = 4

_SAMPLER = Sampler(temperature=1.0, top_p=0.9, weight=2.0)
"""Of a dial no weight between -1 and 2 adds up more of its models' noise; one model has no weight."""


class Differences:
    """Gathers how far one reading of a text is from another, position by position."""

    def __init__(self) -> None:
        self._squares: dict[Quantity, float] = {}
        self._counts: dict[Quantity, int] = {}
        self._largest: dict[Quantity, float] = {}

    def add(self, quantity: Quantity, differences: NDArray[np.float64] | float) -> None:
        """Takes in some differences; those that are not finite say nothing and are left out."""
        found = np.atleast_1d(np.asarray(differences, dtype=np.float64))
        found = found[np.isfinite(found)]
        if not len(found):
            return
        squares = float(np.einsum("i,i->", found, found))
        self._squares[quantity] = self._squares.get(quantity, 0.0) + squares
        self._counts[quantity] = self._counts.get(quantity, 0) + len(found)
        largest = float(np.abs(found).max())
        self._largest[quantity] = max(self._largest.get(quantity, 0.0), largest)

    def noise(self, positions: int, rows: int) -> Noise:
        """Return what was gathered, to four significant digits."""

        def sd(quantity: Quantity) -> float:
            count = self._counts.get(quantity, 0)
            return _short(math.sqrt(self._squares[quantity] / count)) if count else 0.0

        def largest(quantity: Quantity) -> float:
            return _short(self._largest.get(quantity, 0.0))

        return Noise(
            positions,
            rows,
            logit_sd=sd("logit"),
            logit_max=largest("logit"),
            logprob_sd=sd("logprob"),
            logprob_max=largest("logprob"),
            entropy_sd=sd("entropy"),
            entropy_max=largest("entropy"),
            entropy_truncated_sd=sd("entropy_truncated"),
            entropy_truncated_max=largest("entropy_truncated"),
        )


def _short(value: float) -> float:
    return float(f"{value:.{_SIGNIFICANT}g}")


@dataclass(frozen=True, slots=True)
class _Read:
    """One distribution of the text: logits of shape (n_vocab,), and the numbers that are made of them, in nats."""

    logits: F32
    entropy: float
    entropy_truncated: float
    logprob: float


def noise(
    backend: Backend, turn: threading.RLock, check: Callable[[], None]
) -> Generator[float, None, Noise | None]:
    """Reads the text in every shape; yields the share that is done after each piece of the work.

    None for a model that computes nothing (a table), and for one whose context holds no text. `turn` is held during
    each piece; `check` raises Cancelled when the work is to stop.
    """
    info = backend.info
    most = min(_POSITIONS, info.n_ctx - 1, _BYTES // (4 * info.n_vocab))
    if not info.parameters or most < 2:
        return None
    with turn:
        ids = _token_ids(backend, most + 1)
    count = len(ids) - 1
    rows = max(1, min(info.batch_rows, info.max_continuations))
    together = min(_TOGETHER, count - 1)
    pieces, done = 2 * count - 1 + together, 0
    alone: list[_Read] = []
    for at in range(count):
        with turn:
            check()
            logits = backend.aside.next_logits(ids[: at + 1], [step(i) for i in range(at + 1)])
            alone.append(_read(backend, logits, ids[at + 1]))
        done += 1
        yield done / pieces
    found = Differences()
    for place, logits in _other_shapes(backend, turn, check, ids, rows, together):
        with turn:
            _compare(found, alone[place], _read(backend, logits, ids[place + 1]))
        done += 1
        yield done / pieces
    return found.noise(count, rows)


def _token_ids(backend: Backend, count: int) -> list[int]:
    """The beginning of the text; where the vocabulary cannot write it, ids all over the vocabulary."""
    info = backend.info
    start = [info.bos_id] if info.add_bos and info.bos_id is not None else []
    try:
        ids = [*start, *backend.tokenize(TEXT)][:count]
    except BftuiError:
        ids = []
    if len(ids) < 3:
        ids = [int(i) for i in np.linspace(0, info.n_vocab - 1, count)]
    return ids


def _other_shapes(
    backend: Backend,
    turn: threading.RLock,
    check: Callable[[], None],
    ids: Sequence[int],
    rows: int,
    together: int,
) -> Iterator[tuple[int, Logits]]:
    """The logits after ids[: place + 1], with the place: in the pass of a whole text, and among other rows."""
    count, aside = len(ids) - 1, backend.aside
    for first in range(1, count, _PASS):
        end = min(first + _PASS, count)
        passes = batches(first, end, most_scored(backend.info.n_vocab), scored=True)
        with turn:
            check()
            rest = aside.path_logits(ids[:first], ids[first:end], [*afresh(first), *passes])
            found = list(rest)
        yield from enumerate(found, first)
    place = count - together
    while place < count:
        with turn:
            context = aside.continuations(ids[:place], rows, afresh(place), count - place)
            batch = context.__enter__()
        try:
            while place < count:
                with turn:
                    check()
                    # The other rows read other parts of the text.
                    tokens = [ids[(place + row) % count] for row in range(rows)]
                    logits = batch.step(list(range(rows)), tokens)[0]
                yield place, logits
                place += 1
        except Displaced:
            # Other work took their room: they begin again where they were.
            continue
        finally:
            with turn:
                context.__exit__(None, None, None)


def _read(backend: Backend, logits: Logits, token_id: int) -> _Read:
    distribution: TokenDistribution = backend.distribution(logits, _SAMPLER)
    summary = distribution.summary()
    return _Read(
        in_memory(logits, _SAMPLER),
        summary.entropy,
        summary.entropy_truncated,
        distribution.score(token_id).logprob,
    )


def _compare(found: Differences, one: _Read, other: _Read) -> None:
    with np.errstate(invalid="ignore"):
        found.add("logit", np.subtract(one.logits, other.logits, dtype=np.float64))
    found.add("logprob", one.logprob - other.logprob)
    found.add("entropy", one.entropy - other.entropy)
    found.add("entropy_truncated", one.entropy_truncated - other.entropy_truncated)
