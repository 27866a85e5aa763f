"""One pass of a partner over what a session has written since the partner last looked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bftui.backends.protocol import F32
from bftui.core.distribution import Distribution
from bftui.core.errors import BftuiError, Cancelled, ContextFull
from bftui.core.job import Job
from bftui.core.pair.distribution_shift import Compared, PartnerView
from bftui.measures.shift.shift_reading import compared_in
from bftui.model.model_pair import Contexts
from bftui.model.token_alignment import Span, aligned
from bftui.session.partner.session_partner import Partner

T = TypeVar("T")

_FEW = 2
"""As many logits of the base are asked for by node, where they are mostly kept; more are read in one pass."""


@dataclass(frozen=True, slots=True)
class _Text:
    """The visible path as both models read it.

    Attributes:
        nodes: the root and a node for each token that can be handed over.
        base_ids, partner_ids: the tokens after either prompt.
        spans: the pieces that fit the partner's context.
        error: why these are not all of the path; None where they are.
    """

    contexts: Contexts
    nodes: Sequence[int]
    base_ids: Sequence[int]
    partner_ids: Sequence[int]
    spans: Sequence[Span]
    error: BftuiError | None


class _Stopped(Exception):
    """The partner failed."""

    def __init__(self, error: BftuiError) -> None:
        super().__init__(error)
        self.error = error


class PartnerSync(Job):
    """Fills `Partner.views` along the path that is visible when it begins, first node to last, in one pass.

    The partner's failures end it and are in `Partner.error`; Cancelled and failures of the base are raised.
    """

    def __init__(self, partner: Partner) -> None:
        self._partner = partner
        self._base, self._state = partner.base, partner.base.state
        self._sampler, self._number = self._state.sampler, self._state.view.sampler
        self._wanted = max(1, partner.waiting())
        self._found: list[int] = []
        super().__init__()

    @property
    def share(self) -> float:
        return min(1.0, len(self._found) / self._wanted)

    def _work(self) -> Iterator[None]:
        state = self._state
        self._sampler, self._number = state.sampler, state.view.sampler
        where = state.cursor, self._number
        error: BftuiError | None = None
        try:
            text = self._asked(self._text)
            yield from self._look(text)
            error = text.error
        except _Stopped as stopped:
            error = stopped.error
        finally:
            self._partner.write(self._found)
        if where == (state.cursor, state.view.sampler):
            self._partner.settled(error)

    def _asked(self, ask: Callable[[], T]) -> T:
        """What the partner answers; its failures are told apart from the base's."""
        try:
            return ask()
        except Cancelled:
            raise
        except BftuiError as error:
            raise _Stopped(error) from error

    # What is to be read ----------------------------------------------------------------------------------------

    def _text(self) -> _Text:
        tree, pair = self._state.tree, self._partner.pair
        nodes = tree.path(self._state.cursor)
        contexts = self._partner.prepare(nodes[0])
        nodes, error = self._partner.readable(nodes)
        ids = [i for node in nodes[1:] if (i := tree.token_id(node)) is not None]
        partner_ids = pair.to_partner(ids, contexts)
        spans = aligned(pair, contexts, ids, partner_ids, "base")
        room = self._partner.model.info.n_ctx - len(contexts.partner.token_ids)
        fitting = [span for span in spans if span.partner.stop <= room]
        if len(fitting) < len(spans):
            nodes = nodes[: fitting[-1].base.stop + 1 if fitting else 1]
            error = ContextFull(
                f"the partner's context of {self._partner.model.info.n_ctx} tokens is full",
                hint="go back, or open the partner with a larger context",
            )
        return _Text(contexts, nodes, ids, partner_ids, fitting, error)

    # Reading ---------------------------------------------------------------------------------------------------

    def _look(self, text: _Text) -> Iterator[None]:
        partner, nodes, root = self._partner, text.nodes, text.nodes[0]
        begin = not partner.current(root)
        stale = 0 if begin else self._first(text, self._current)
        # What was compared under another sampler stays: only the distributions of the partner are recomputed.
        new = self._first(text, self._same)
        spans = text.spans[stale:]
        if begin or spans:
            theirs = self._partner_rows(text, stale)
            row = self._asked(lambda: next(theirs))
            if begin:
                self._put(root, None, row)
                yield
            ours = self._base_rows(text, text.spans[new:])
            for index, span in enumerate(spans, start=stale):
                known = partner.views.get(nodes[span.base.stop])
                before, after = [row], None
                for _ in span.partner[1:]:
                    before.append(self._asked(lambda: next(theirs)))
                if index < new and known is not None:
                    compared = known.compared
                else:
                    compared = self._compared(text, span, [next(ours) for _ in span.base], before)
                after = self._asked(lambda: next(theirs, None))
                self._put_span(text, span, compared, after)
                row = row if after is None else after
                yield
        covered = text.spans[-1].base.stop if text.spans else 0
        for node in nodes[covered + 1 :]:
            # A blank that the partner does not read, or an end that it does not have.
            self._put(node, None, None)
        yield from self._last_row(text)

    def _first(self, text: _Text, done: Callable[[_Text, Span], bool]) -> int:
        """The first piece that is not done; how many there are where all are."""
        places = (index for index, span in enumerate(text.spans) if not done(text, span))
        return next(places, len(text.spans))

    def _same(self, text: _Text, span: Span) -> bool:
        """Whether this piece was compared before, split as it is now: a longer text may be split in another way."""
        for index, base in enumerate(span.base):
            known = self._partner.views.get(text.nodes[base + 1])
            if known is None or (known.place, known.tokens) != (index, len(span.base)):
                return False
            if not self._same_mixture(known.sampler):
                return False
        return self._partner.split.get(text.nodes[span.base.stop]) == _split(text, span)

    def _same_mixture(self, sampler: int) -> bool:
        """Whether both models' own distributions are those of another sampler; only a mixture's are of one."""
        if not (self._base.model.info.parts or self._partner.model.info.parts):
            return True
        return self._state.samplers[sampler].same_mixture(self._sampler)

    def _current(self, text: _Text, span: Span) -> bool:
        return self._same(text, span) and self._partner.current(text.nodes[span.base.stop])

    def _partner_rows(self, text: _Text, index: int) -> Iterator[F32]:
        """The partner's logits before each of its tokens from a piece on, and after the last one."""
        spans = text.spans[index:]
        start, stop = (spans[0].partner.start, spans[-1].partner.stop) if spans else (0, 0)
        last = text.nodes[spans[-1].base.stop if spans else 0]
        ids = list(text.partner_ids[start:stop])
        if self._state.tree.entropies(last) is not None:
            # A token is read from what stands before it: one more, whichever it is, gives what comes after the text.
            ids.append(text.contexts.partner.token_ids[-1])
        kept = self._partner.row(text.nodes[spans[0].base.start]) if spans else None
        if kept is not None:
            yield kept
            start, ids = start + 1, ids[1:]
        if ids:
            prefix = [*text.contexts.partner.token_ids, *text.partner_ids[:start]]
            yield from self._partner.model.client.path_logits(prefix, ids, self._sampler)

    def _base_rows(self, text: _Text, spans: Sequence[Span]) -> Iterator[F32]:
        """The base's logits before each of its tokens in these pieces."""
        if not spans:
            return
        client, start, stop = self._base.model.client, spans[0].base.start, spans[-1].base.stop
        if stop - start <= _FEW:
            for node in text.nodes[start:stop]:
                yield client.logits(self._base.number, node, self._sampler)
            return
        prefix = [*text.contexts.base.token_ids, *text.base_ids[:start]]
        yield from client.path_logits(prefix, text.base_ids[start:stop], self._sampler)

    def _last_row(self, text: _Text) -> Iterator[None]:
        """The logits after the last node that was read, where they are not kept any more."""
        last = text.spans[-1] if text.spans else None
        node = text.nodes[last.base.stop if last else 0]
        if self._partner.has_row(node):
            return
        ids = text.partner_ids[: last.partner.stop] if last else []
        prefix = [*text.contexts.partner.token_ids, *ids]
        rows = self._partner.model.client.path_logits(prefix, prefix[-1:], self._sampler)
        self._partner.keep_row(node, self._asked(lambda: next(rows)))
        yield

    # Keeping ---------------------------------------------------------------------------------------------------

    def _compared(
        self, text: _Text, span: Span, ours: Sequence[F32], theirs: Sequence[F32]
    ) -> Compared:
        base = [text.base_ids[i] for i in span.base]
        partner = [text.partner_ids[i] for i in span.partner]
        pair = self._partner.pair
        return self._asked(
            lambda: compared_in(
                pair.base, pair.partner, (ours, theirs), (base, partner), alike=span.alike
            )
        )

    def _put_span(
        self, text: _Text, span: Span, compared: Compared | None, after: F32 | None
    ) -> None:
        """Keeps a piece with all of its nodes; what comes after it, with the last one."""
        count = len(span.base)
        for index, base in enumerate(span.base):
            row = after if index == count - 1 else None
            self._put(text.nodes[base + 1], compared, row, index, count)
        self._partner.split[text.nodes[span.base.stop]] = _split(text, span)

    def _put(
        self,
        node: int,
        compared: Compared | None,
        row: F32 | None,
        index: int = 0,
        tokens: int = 1,
    ) -> None:
        following = None
        if row is not None and self._state.tree.entropies(node) is not None:
            # Penalties and bans are of the session's own text.
            now = self._sampler.for_other_tokens().at(self._state.tree.depth(node))
            following = self._asked(lambda: Distribution(row, now).summary())
            self._partner.keep_row(node, row)
        self._partner.views[node] = PartnerView(compared, following, self._number, index, tokens)
        self._found.append(node)


def _split(text: _Text, span: Span) -> tuple[int, ...]:
    return tuple(text.partner_ids[span.partner.start : span.partner.stop])
