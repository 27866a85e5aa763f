"""The writers of `core.pair.nudging_rounds` over two models.

The base reads its prompt and the tokens that are written; the partner reads its own prompt and the same text. What is
written is not split again for the base, so that the cache of either model serves the next look-ahead. The plain writers
are as published: they split the whole text again at each hand-over, and so may write another one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

from bftui.backends.client.client_protocol import TopToken
from bftui.core.pair.distribution_shift import Author
from bftui.core.pair.nudging_rounds import Piece, Token
from bftui.core.sampler import Sampler
from bftui.model.loaded_model import Model
from bftui.model.model_pair import Contexts, Pair
from bftui.model.token_alignment import whole


@dataclass(frozen=True, slots=True)
class NudgingSite:
    """Where a text is nudged.

    Attributes:
        pair, contexts: the models and what each of them is asked.
        begun: tokens that stand after the base's prompt already, in its vocabulary.
        sampler: whose P~ the branching factors are of; it chooses no token, but has the weight of a mixture.
    """

    pair: Pair
    contexts: Contexts
    begun: tuple[int, ...] = ()
    sampler: Sampler = field(default_factory=Sampler)

    @property
    def prefix(self) -> tuple[int, ...]:
        """What the base reads before anything is written."""
        return self.contexts.base.token_ids + self.begun

    def partner_prefix(self, written: Sequence[int] = ()) -> list[int]:
        """Returns what the partner reads before it goes on after these tokens of the base."""
        ids = self.pair.to_partner([*self.begun, *written], self.contexts)
        return [*self.contexts.partner.token_ids, *ids]

    def split_again(self, written: Sequence[int], to: Author) -> list[int]:
        """Returns what a model reads before it goes on after these tokens of the base, its text split again."""
        base = self.pair.base
        ids = [*self.begun, *written]
        tokens = [base.token_bytes(i) for i in ids]
        # A piece that is still written may end inside a character.
        count = whole(tokens)
        text = b"".join(tokens[:count])
        if to == "base":
            return [*self.contexts.base.token_ids, *_split(base, text), *ids[count:]]
        turned = self.contexts.turned(text, "partner")
        return [*self.contexts.partner.token_ids, *_split(self.pair.partner, turned)]


def _split(model: Model, text: bytes) -> list[int]:
    return model.tokenize(text.decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class _Known:
    """What is most probable after some tokens and after the last ones of them: `rows[-1]` comes after all of them."""

    ids: list[int]
    rows: tuple[TopToken, ...]

    def at(self, ids: list[int]) -> TopToken | None:
        """Returns what is most probable after these tokens; None where that is not known."""
        rest = self.after(ids)
        return rest[0] if rest else None

    def after(self, ids: list[int]) -> tuple[TopToken, ...]:
        """Returns the rows from that after these tokens on; none where they are others."""
        place = len(ids) - (len(self.ids) - len(self.rows) + 1)
        if place < 0 or self.ids[: len(ids)] != ids:
            return ()
        return self.rows[place:]


class PartnerWriter:
    """The partner; implements `core.pair.nudging_rounds.Writer`.

    What it wanted to say is kept for where the base says it too.
    """

    def __init__(self, site: NudgingSite) -> None:
        self._site, self._model = site, site.pair.partner
        self._wanted = _Known([], ())

    def draft(self, written: Sequence[Piece], limit: int) -> Generator[Token, None, None]:
        """Yields its most probable tokens as the base's text, which may begin with a blank more or less."""
        site, special = self._site, self._model.info.special_ids
        ids = ids_of(written)
        first = not ids and not site.begun
        for best in self._best(self._prefix(ids), limit):
            hidden = best.eog or best.token_id in special
            text = b"" if hidden else self._model.token_bytes(best.token_id)
            if first and text:
                text, first = site.contexts.turned(text, "base"), False
            yield Token(best.token_id, text, best.prob, best.eog)

    def _prefix(self, ids: list[int]) -> list[int]:
        return self._site.partner_prefix(ids)

    def _best(self, prefix: list[int], limit: int) -> Iterator[TopToken]:
        said = self._wanted.after(prefix)[:limit]
        yield from said
        going = [*prefix, *(best.token_id for best in said)]
        if len(said) == limit or (said and (said[-1].eog or len(going) > self._model.info.n_ctx)):
            return
        asked, sampler = limit - len(said), self._site.sampler
        said += tuple(self._model.client.greedy(going, asked, sampler))
        whole = [*prefix, *(best.token_id for best in said[:-1])]
        self._wanted = _Known(whole, said)
        yield from said[len(going) - len(prefix) :]


class PlainPartnerWriter(PartnerWriter):
    """The partner as it was published: nothing is kept for the next look-ahead, and the text is split again."""

    def _prefix(self, ids: list[int]) -> list[int]:
        return self._site.split_again(ids, "partner")

    def _best(self, prefix: list[int], limit: int) -> Iterator[TopToken]:
        return self._model.client.greedy(prefix, limit, self._site.sampler)


class BaseWriter:
    """The base; implements `core.pair.nudging_rounds.Base`.

    One pass over the partner's words tells where it takes over.

    And how it goes on, as far as it says the same.
    """

    def __init__(self, site: NudgingSite) -> None:
        self._model, self._prefix, self._sampler = site.pair.base, site.prefix, site.sampler
        self.room = self._model.info.n_ctx - len(self._prefix)
        self.stops = tuple(stop.encode() for stop in site.contexts.base.stops)
        self._read = _Known([], ())

    def spell(self, text: bytes) -> tuple[int, ...]:
        """Tokenises a text by itself."""
        return tuple(self._model.tokenize(text.decode()))

    def draft(self, written: Sequence[Piece], limit: int) -> Generator[Token, None, None]:
        """Yields its most probable tokens, one at a time, as they are asked for."""
        ids = ids_of(written)
        for done in range(limit):
            best = self._read.at(ids)
            if best is None:
                going = [*self._prefix, *ids]
                for after in self._model.client.greedy(going, limit - done, self._sampler):
                    yield self._token(after)
                return
            yield self._token(best)
            if best.eog:
                return
            ids.append(best.token_id)

    def openings(
        self, written: Sequence[Piece], offers: Sequence[tuple[int, ...]]
    ) -> Iterator[Token]:
        """Yields its most probable token after each offer."""
        if not offers:
            return
        ids, longest = ids_of(written), offers[-1]
        rows = self._model.client.best([*self._prefix, *ids], longest, self._sampler)
        self._read = _Known([*ids, *longest], tuple(rows))
        for offer in offers:
            best = self._read.at([*ids, *offer])
            if best is None:
                # A tokenizer may split words otherwise where more of them follow.
                whole = [*self._prefix, *ids, *offer]
                best = self._model.client.best(whole, [], self._sampler)[0]
            yield self._token(best)

    def _token(self, best: TopToken) -> Token:
        # A control token is not text: the base says nothing there.
        ends = best.eog or best.token_id in self._model.info.special_ids
        text = b"" if ends else self._model.token_bytes(best.token_id)
        return Token(best.token_id, text, best.prob, ends)


class PlainBaseWriter(BaseWriter):
    """The base as it was published: a whole draft after each of the partner's words, after text that is split again."""

    def __init__(self, site: NudgingSite, limit: int) -> None:
        """Takes the number of tokens of a draft as `limit`."""
        super().__init__(site)
        self._site, self._limit = site, limit
        self._latest: tuple[list[int], list[Token]] = [], []

    def draft(self, written: Sequence[Piece], limit: int) -> Generator[Token, None, None]:
        """Yields a whole draft, or the one that has just been made there."""
        prefix = self._site.split_again(ids_of(written), "base")
        if self._latest[0] != prefix or not self._latest[1]:
            drafted = self._model.client.greedy(prefix, limit, self._sampler)
            self._latest = prefix, [self._token(best) for best in drafted]
        yield from self._latest[1][:limit]

    def openings(
        self, written: Sequence[Piece], offers: Sequence[tuple[int, ...]]
    ) -> Iterator[Token]:
        """Yields the first token of a draft after each offer, made when it is asked for."""
        for offer in offers:
            yield next(self.draft([*written, Piece("partner", b"", offer)], self._limit))


def ids_of(pieces: Sequence[Piece]) -> list[int]:
    """Returns all tokens of some pieces, in the base's vocabulary."""
    return [token_id for piece in pieces for token_id in piece.token_ids]
