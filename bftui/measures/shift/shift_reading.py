"""Token distribution shift: one model's answer, read by another in one teacher-forced pass (arXiv 2312.01552)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

from bftui.backends.client.client_protocol import PLAIN
from bftui.backends.protocol import F32
from bftui.core.errors import ContextFull, ModelError, UsageError
from bftui.core.job import Job
from bftui.core.pair.distribution_shift import Author, Compared, compare, standings, together
from bftui.core.pair.shift_summary import Position, Shares, shares
from bftui.core.sampler import Sampler
from bftui.core.text import counted
from bftui.model.counterparts import most_probable_end
from bftui.model.loaded_model import Model
from bftui.model.model_pair import Contexts, Pair
from bftui.model.prompt import Rendered
from bftui.model.templates import LONGEST_STOP, before_stop, stop_in
from bftui.model.token_alignment import Span, aligned, whole
from bftui.results.shift_result import (
    WHOSE,
    ClassShares,
    Ended,
    ShiftAnswer,
    ShiftContext,
    ShiftContexts,
    ShiftPosition,
    ShiftResult,
    ShiftSettings,
)
from bftui.results.stored_result import StoredResult


@dataclass(frozen=True, slots=True)
class PairSide:
    """One model, its prompt, and the text after it as its tokens."""

    model: Model
    rendered: Rendered
    token_ids: Sequence[int]
    sampler: Sampler

    def room(self, stop: int) -> bool:
        """Says whether tokens up to this place can be read: the last one is read from what stands before it."""
        return len(self.rendered.token_ids) + stop - 1 <= self.model.info.n_ctx

    def rows(self, stop: int) -> Iterator[F32]:
        """Yields the logits that each token up to this place is read from, each of shape (n_vocab,)."""
        ids = self.token_ids[:stop]
        return self.model.client.path_logits(self.rendered.token_ids, ids, self.sampler)


def read_both(base: PairSide, partner: PairSide, spans: Sequence[Span]) -> Iterator[Compared]:
    """Yields the pieces of a text in both models, in order; the passes of both go on together, a piece at a time."""
    ours, theirs = base.rows(spans[-1].base.stop), partner.rows(spans[-1].partner.stop)
    at = [0, 0]
    for span in spans:
        # What belongs to no piece is read over.
        rows = [
            list(islice(side, place.start - before, place.stop - before))
            for side, place, before in zip(
                (ours, theirs), (span.base, span.partner), at, strict=True
            )
        ]
        at = [span.base.stop, span.partner.stop]
        ids = (
            [base.token_ids[i] for i in span.base],
            [partner.token_ids[i] for i in span.partner],
        )
        yield compared_in(base.model, partner.model, rows, ids, alike=span.alike)
    for side in (ours, theirs):
        # A pass that was read to its end need not be stopped.
        next(side, None)


def compared_in(
    base: Model,
    partner: Model,
    rows: Sequence[Sequence[F32]],
    ids: Sequence[Sequence[int]],
    *,
    alike: bool,
) -> Compared:
    """Compares one piece of a text in both models.

    An end of generation is an end, whichever token says it: each model's is its own most probable one, and where these
    are two different tokens, as with a base that ends pages and a partner that ends turns, no divergence is given.

    Args:
        rows: the logits that each token of the base, and of the partner, is read from.
        ids: the piece as tokens of the base, and of the partner.
        alike: whether both are the same single token.
    """
    models = (base, partner)
    if all(len(side) == 1 for side in ids) and any(
        side[0] in model.info.eog_ids for side, model in zip(ids, models, strict=True)
    ):
        ids = [
            [most_probable_end(model, row[0], side[0])]
            for model, row, side in zip(models, rows, ids, strict=True)
        ]
    if alike:
        return compare(rows[0][0], rows[1][0], ids[0][0], ids[1][0])
    ours, theirs = (
        [standings(row, [i])[0] for row, i in zip(*side, strict=True)]
        for side in zip(rows, ids, strict=True)
    )
    return together(ours, theirs)


class Shift(Job):
    """One answer of one model, scored by the other.

    Attributes:
        author: who wrote it, or whose tokens it was given as.
        answer: its tokens, as the author's; those past the end of what both contexts hold are left out.
        ended: why it is not longer; None while it is written.
        positions: what is scored by now.
    """

    def __init__(
        self,
        pair: Pair,
        contexts: Contexts,
        *,
        author: Author = "partner",
        token_ids: Sequence[int] | None = None,
        max_tokens: int = 256,
        sampler: Sampler = PLAIN,
    ) -> None:
        """Takes an answer as the author's tokens, or has the author write its greedy one of at most `max_tokens`.

        `sampler` has the weight of a model that is a mixture.

        Raises UsageError for an answer without tokens, and for less than one token to write.
        """
        if token_ids is not None and not token_ids:
            raise UsageError("there is no answer to score")
        if max_tokens < 1:
            raise UsageError(f"{max_tokens} tokens are too few", hint="take 1 or more")
        self.pair, self.contexts, self.author = pair, contexts, author
        self.answer: tuple[int, ...] = tuple(token_ids or ())
        self.ended: Ended | None = None if token_ids is None else "given"
        self.max_tokens, self.sampler = max_tokens, sampler
        self.positions: list[Position] = []
        self._spans = 0
        self._measuring = False
        super().__init__()

    @property
    def share(self) -> float:
        if not self._spans:
            return 0.5 * min(1.0, len(self.answer) / self.max_tokens)
        return 0.5 + 0.5 * len(self.positions) / self._spans

    @property
    def doing(self) -> str:
        """What it does now, for people."""
        if not self._spans:
            return f"writing the answer, {counted(len(self.answer), 'token')}"
        if self._measuring:
            return "measuring the noise floor"
        return f"reading the answer, {len(self.positions)} of {self._spans}"

    def shares(self) -> Shares | None:
        """Returns the shares of the classes by now; None for nothing."""
        return shares([each.kind for each in self.positions])

    def settings(self) -> ShiftSettings:
        """Says what was asked for."""
        return ShiftSettings(text=WHOSE[self.author], max_tokens=self.max_tokens)

    def result(self) -> ShiftResult:
        """Says what was found so far."""
        return ShiftResult(
            answer=self.whole_answer(), positions=tuple(map(ShiftPosition.of, self.positions))
        )

    def whole_answer(self) -> ShiftAnswer:
        """Says of the answer what is not of a single position."""
        model, _ = self._author()
        contexts = self.contexts
        return ShiftAnswer(
            text=b"".join(map(model.token_bytes, self.answer)).decode(errors="replace"),
            token_ids=self.answer,
            ended=self.ended,
            shares=ClassShares.of(self.shares()),
            within_noise=self.within_noise,
            contexts=ShiftContexts(
                base=_context(contexts.base),
                aligned=_context(contexts.partner),
                seam=contexts.seam is not None,
            ),
        )

    def stored(self, root: int) -> StoredResult | None:
        """Returns what a trace keeps at the prompt `root`; None where nothing was compared."""
        if not self.positions:
            return None
        return StoredResult("shift", root, self.settings(), self.result())

    def _work(self) -> Iterator[None]:
        if self.ended is None:
            yield from self._write()
        base, partner, spans = self._sides()
        own = self._own(base, partner)
        self._spans = len(spans)
        yield from self._look_for_noise()
        self._settle()
        for span, compared in zip(spans, read_both(base, partner, spans), strict=True):
            place = span.base if self.author == "base" else span.partner
            ids = tuple(own.token_ids[place.start : place.stop])
            text = b"".join(map(own.model.token_bytes, ids))
            found = Position(place.start, text, ids, self.author, compared)
            self.positions.append(replace(found, within_noise=self._within_noise(found)))
            yield

    @property
    def scorer(self) -> Model:
        """The model that reads what the other wrote."""
        return self.pair.partner if self.author == "base" else self.pair.base

    @property
    def within_noise(self) -> int:
        """How many of the positions have a class within the noise floor of the scorer."""
        return sum(each.within_noise for each in self.positions)

    def _look_for_noise(self) -> Iterator[None]:
        """Measures the noise floor of the scorer where nobody did; a model that cannot be read so has none."""
        if self.scorer.floor.missing:
            self._measuring = True
            with suppress(ModelError):
                yield from self.scorer.floor.job().piecemeal()
            self._measuring = False

    def _within_noise(self, found: Position) -> bool:
        """Says whether a class is as unsure as the floor: by the gap to the next class, or by its author.

        A greedy answer was written token by token: where one is not the best of this pass, the pass is as far off.
        """
        if self.ended != "given" and found.written.rank > 1:
            return True
        noise = self.scorer.noise
        return noise is not None and found.scored.unsettled(2 * noise.logit_sd)

    def _own(self, base: PairSide, partner: PairSide) -> PairSide:
        """Returns the author's side."""
        return base if self.author == "base" else partner

    def _write(self) -> Iterator[None]:
        """Writes the author's greedy answer, up to a stop string of its template."""
        model, rendered = self._author()
        tokens: list[bytes] = []
        tail, stopped = b"", False
        taken = model.client.greedy(rendered.token_ids, self.max_tokens, self.sampler)
        for best in taken:
            self.answer += (best.token_id,)
            token = model.token_bytes(best.token_id)
            stopped = stop_in(tail, token, rendered.stops) is not None
            tail = (tail + token)[-LONGEST_STOP:]
            tokens.append(token)
            yield
            if best.eog or stopped:
                break
        if stopped:
            self.answer = self.answer[: before_stop(tokens, rendered.stops)]
            self.ended = "stop"
        elif self.answer and self.answer[-1] in model.info.eog_ids:
            self.ended = "eog"
        else:
            self.ended = "length" if len(self.answer) == self.max_tokens else "context"

    def _author(self) -> tuple[Model, Rendered]:
        if self.author == "base":
            return self.pair.base, self.contexts.base
        return self.pair.partner, self.contexts.partner

    def _sides(self) -> tuple[PairSide, PairSide, list[Span]]:
        """Returns both models with the answer, and its pieces that fit the contexts of both."""
        if not self.answer:
            raise UsageError("the answer is empty", hint="nothing can be compared")
        model, _ = self._author()
        if self.ended in ("length", "context") and self.pair.by == "text":
            self.answer = self.answer[: whole([model.token_bytes(i) for i in self.answer])]
        if self.author == "base":
            base_ids: Sequence[int] = self.answer
            partner_ids: Sequence[int] = self.pair.to_partner(self.answer, self.contexts)
        else:
            base_ids, partner_ids = self.pair.to_base(self.answer, self.contexts), self.answer
        base = PairSide(self.pair.base, self.contexts.base, base_ids, self.sampler)
        partner = PairSide(self.pair.partner, self.contexts.partner, partner_ids, self.sampler)
        spans = aligned(self.pair, self.contexts, base_ids, partner_ids, self.author)
        fitting = [
            each for each in spans if base.room(each.base.stop) and partner.room(each.partner.stop)
        ]
        if spans and not fitting:
            tight = partner if base.room(spans[0].base.stop) else base
            raise ContextFull(
                f"the prompt leaves no room for an answer in {tight.model.name}",
                f"it has {len(tight.rendered.token_ids)} tokens, the context {tight.model.info.n_ctx}",
                "give a shorter prompt, or open the models with a larger --ctx",
            )
        if not fitting:
            raise UsageError("the answer is empty", hint="nothing can be compared")
        if len(fitting) < len(spans):
            own = fitting[-1].base if self.author == "base" else fitting[-1].partner
            self.answer, self.ended = self.answer[: own.stop], "context"
        return base, partner, fitting

    def _settle(self) -> None:
        """Has two models in one context read it alike, whatever their caches hold: rounding depends on what is read
        in one go, and a model compared with itself differs by nothing."""
        ids = self.contexts.base.token_ids
        if ids == self.contexts.partner.token_ids and self.pair.by == "ids":
            for model in (self.pair.base, self.pair.partner):
                model.client.best(ids[:1], [])


def _context(rendered: Rendered) -> ShiftContext:
    return ShiftContext(
        template=rendered.template, rendered=rendered.text, tokens=len(rendered.token_ids)
    )
