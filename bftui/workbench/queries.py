"""What the screen asks of the model and what came back, so that drawing never waits: asked once, kept for a while."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from bftui.core.errors import BackendCrashed, BftuiError, Cancelled

if TYPE_CHECKING:
    from bftui.backends.client.client_protocol import Page
    from bftui.core.sampler import Constraint, Sampler
    from bftui.model.prompt import Special
    from bftui.session.partner.session_partner import Partner

_KEPT = 32

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class PageKey:
    """Which rows of which distribution.

    Attributes:
        node, sampler: the distribution after a node under a sampler, by its number.
        start, stop: which rows.
        query: keeps the tokens whose label contains it.
        by: the partner in whose order they come; None for the model's own.
    """

    node: int
    sampler: int
    start: int
    stop: int
    query: str
    by: Partner | None = None


@dataclass(frozen=True, slots=True)
class PreviewKey:
    """The distribution after a node under another sampler."""

    node: int
    sampler: Sampler


@dataclass(frozen=True, slots=True)
class ValidKey:
    """Which place of which valid set, under which sampler: `loaded` and `number` are those of `ValidShown`."""

    loaded: int
    number: int
    sampler: int


SplitKey = tuple[str, "Special"]
"""A text to force, and how control tokens that are written in it are read."""


class Query(Generic[K, V]):
    """Questions of one kind. `ask` belongs to the screen's thread, answering to the loop's; a dict is between them.

    Attributes:
        answers: by question, the newest last.
    """

    def __init__(
        self,
        put: Callable[[Callable[[], None]], None],
        fetch: Callable[[K], V | None],
        instead: Callable[[BftuiError], V],
        *,
        latest: bool = False,
        quiet: bool = False,
    ) -> None:
        """`put` queues work for the loop's thread, where `fetch` answers; None is not an answer, and not kept.

        `instead` is kept where fetching fails, or the screen would ask again with every frame. With `latest` older
        questions that still wait are dropped; with `quiet` a failure is told by the answer alone.
        """
        self.answers: dict[K, V] = {}
        self._put, self._fetch, self._instead = put, fetch, instead
        self._latest_only, self._quiet = latest, quiet
        self._waiting: set[K] = set()
        self._latest: K | None = None

    def ask(self, key: K) -> V | None:
        """The answer, or None and it is fetched."""
        answer = self.answers.get(key)
        if answer is None and key not in self._waiting:
            self._waiting.add(key)
            self._latest = key
            self._put(lambda: self._answer(key))
        return answer

    def drop(self) -> None:
        """Forgets what waits."""
        self._waiting.clear()

    def forget(self) -> None:
        """Forgets every answer: they were another session's."""
        self._waiting.clear()
        self.answers.clear()

    def _answer(self, key: K) -> None:
        self._waiting.discard(key)
        if self._latest_only and key != self._latest:
            return
        try:
            answer = self._fetch(key)
        except Cancelled:
            # No answer: it is asked again where it is still shown.
            raise
        except BftuiError as error:
            self._keep(key, self._instead(error))
            if self._quiet and not isinstance(error, BackendCrashed):
                return
            raise
        if answer is not None:
            self._keep(key, answer)

    def _keep(self, key: K, answer: V) -> None:
        self.answers[key] = answer
        while len(self.answers) > _KEPT:
            del self.answers[next(iter(self.answers))]


def no_page(error: BftuiError) -> Page:
    """Stands for a page that could not be fetched."""
    from bftui.backends.client.client_protocol import Page

    return Page((), 0, 0)


def no_tokens(error: BftuiError) -> list[tuple[bytes, bool]]:
    """Stands for a text that could not be split."""
    return []


def checked_constraint(constraint: Constraint) -> str:
    """Say "" of a constraint that can be used. Raises UsageError, MissingDependency."""
    from bftui.backends.client.constraint_masks import check_constraint

    check_constraint(constraint)
    return ""
