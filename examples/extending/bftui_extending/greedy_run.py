"""A measurement: how far a model writes on by itself before it is unsure, each token being its most probable one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bftui.backends.client.client_protocol import TopToken
from bftui.core.job import Job
from bftui.measures.site import Site
from bftui.results.result_types import Rank, Share
from bftui.results.stored_result import StoredResult

KIND = "greedy-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedyRunSettings:
    """What was asked for: the P from which on a token is sure, and how many tokens are written at most."""

    sure: Share
    most: Rank


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedyRunResult:
    """What was found: the text, P of each token, and why it ends there."""

    text: str
    probs: tuple[Share, ...]
    stop: Literal["unsure", "end", "length"]


TYPES = (GreedyRunSettings, GreedyRunResult)
"""What the entry point names: how bftui reads this kind of measurement in a trace."""


class GreedyRun(Job):
    """One run, a token a piece; raises ModelError and Cancelled, and keeps what was found."""

    def __init__(self, site: Site, *, sure: float = 0.5, most: int = 64) -> None:
        self.settings = GreedyRunSettings(sure=sure, most=most)
        self.tokens: list[TopToken] = []
        self._site, self._stop = site, "length"
        super().__init__()

    @property
    def share(self) -> float:
        return 1.0 if self.done else len(self.tokens) / self.settings.most

    def _work(self) -> Iterator[None]:
        site = self._site
        for token in site.model.client.greedy(site.prefix, self.settings.most):
            if token.prob < self.settings.sure:
                self._stop = "unsure"
                return
            self.tokens.append(token)
            if token.eog:
                self._stop = "end"
            yield

    def stored(self) -> StoredResult:
        """Return what a trace, a journal and a report keep of it."""
        written = b"".join(self._site.model.token_bytes(each.token_id) for each in self.tokens)
        result = GreedyRunResult(
            text=written.decode(errors="replace"),
            probs=tuple(each.prob for each in self.tokens),
            stop=self._stop,
        )
        return StoredResult(KIND, self._site.node, self.settings, result)
