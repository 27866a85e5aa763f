"""Nudging with two models: one run as a job, and runs inside a session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from bftui.core.bf.estimate import estimate
from bftui.core.bf.samples import Finish, Sample
from bftui.core.job import Job
from bftui.core.pair.nudging_rounds import (
    NudgeSettings,
    Piece,
    Round,
    nudge,
    without_repeats,
)
from bftui.core.text import counted
from bftui.measures.nudging.nudging_writers import (
    BaseWriter,
    NudgingSite,
    PartnerWriter,
    PlainBaseWriter,
    PlainPartnerWriter,
    ids_of,
)
from bftui.measures.sample_reading import places, read
from bftui.model.loaded_model import Model
from bftui.model.templates import LONGEST_STOP, before_stop, stop_in
from bftui.results.nudging_result import (
    Ending,
    NudgingPiece,
    NudgingResult,
    NudgingSettings,
    TakenRounds,
)
from bftui.results.stored_result import StoredResult


@dataclass(frozen=True, slots=True)
class Alone:
    """What each model writes by itself, taking the most probable token: what a nudged text is held against."""

    base: Sample
    partner: Sample


class Nudging(Job):
    """One nudged text, and the branching factor along it.

    Attributes:
        site, settings, plain: where and how.
        node: where it began in the tree of a session; 0 without one.
        rounds: the finished ones.
        stop: why it ended; None while it is written.
        doing: what is done now, for people.
        nudged: what the base says along the text; None before it was measured, and of an empty text.
        alone: what each model writes alone, of at most as many tokens; None before.
    """

    def __init__(
        self,
        site: NudgingSite,
        settings: NudgeSettings | None = None,
        *,
        plain: bool = False,
        measure: bool = True,
        alone: Alone | None = None,
        node: int = 0,
        write: Callable[[Round], bool] = lambda made: True,
    ) -> None:
        """Evaluates nothing before the first `advance`.

        Args:
            plain: as published, with a draft of the base after every word, and the whole text split again at each
                hand-over; else the base is asked in one pass, nothing is made twice, and its own tokens stay.
            measure: say what the branching factors are, when the text is written.
            alone: what is known of the models alone from another run with the same prompt and length.
            write: takes each round; False where it had no place, which ends the text.
        """
        self.site, self.settings, self.node = site, settings or NudgeSettings(), node
        self.rounds: list[Round] = []
        self.stop: Ending | None = None
        self.doing = ""
        self.nudged: Sample | None = None
        self.alone = alone
        self.plain, self._measure, self._write = plain, measure, write
        self._read = 0
        super().__init__()

    # What there is ---------------------------------------------------------------------------------------------

    @property
    def share(self) -> float:
        if self.done:
            return 1.0
        writing = min(1.0, self.tokens / self.settings.max_tokens)
        if not self._measure:
            return writing
        return 0.6 * (writing if self.stop is None else 1.0) + 0.2 * self._read

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Everything that was written, in order."""
        return tuple(piece for made in self.rounds for piece in made.pieces)

    @property
    def token_ids(self) -> tuple[int, ...]:
        """All tokens, in the base's vocabulary."""
        return tuple(ids_of(self.pieces))

    @property
    def tokens(self) -> int:
        """How many there are."""
        return sum(len(piece.token_ids) for piece in self.pieces)

    @property
    def tokens_nudged(self) -> int:
        """How many of them the partner wrote."""
        return sum(len(piece.token_ids) for piece in self.pieces if piece.author == "partner")

    @property
    def share_nudged(self) -> float | None:
        """Their share of all; None of an empty text."""
        return self.tokens_nudged / self.tokens if self.tokens else None

    @property
    def text(self) -> str:
        """What was written, without an ending that says the same again; the pieces hold all of it."""
        data = b"".join(piece.text for piece in self.pieces)
        return without_repeats(data.decode(errors="replace"))

    @property
    def base_written(self) -> Sample | None:
        """The tokens of `nudged` that the base wrote; None where there are none."""
        if self.nudged is None:
            return None
        return places(
            self.nudged, [piece.author == "base" for piece in self.pieces for _ in piece.token_ids]
        )

    @property
    def bf_nudged(self) -> float | None:
        """BF of the base along the nudged text: exp of the mean H(P~) of its positions (arXiv 2506.17871)."""
        return bf_of(self.nudged)

    @property
    def bf_base_written(self) -> float | None:
        """The same over the positions of tokens that the base wrote."""
        return bf_of(self.base_written)

    @property
    def bf_base(self) -> float | None:
        """BF of the base along the text that it writes alone, taking the most probable token."""
        return bf_of(None if self.alone is None else self.alone.base)

    @property
    def bf_partner(self) -> float | None:
        """BF of the partner along the text that it writes alone."""
        return bf_of(None if self.alone is None else self.alone.partner)

    def result(self) -> NudgingResult:
        """Says what was found so far."""
        taken = Counter(made.taken or "none" for made in self.rounds)
        return NudgingResult(
            text=self.text,
            share_nudged=self.share_nudged,
            stop=self.stop,
            rounds=len(self.rounds),
            bf_base=self.bf_base,
            bf_nudged=self.bf_nudged,
            bf_base_written=self.bf_base_written,
            bf_partner=self.bf_partner,
            tokens=self.tokens,
            tokens_nudged=self.tokens_nudged,
            gamma=self.settings.gamma,
            taken=TakenRounds(agrees=taken["agrees"], sure=taken["sure"], none=taken["none"]),
            pieces=tuple(
                NudgingPiece(author=piece.author, text=piece.text, token_ids=piece.token_ids)
                for piece in self.pieces
            ),
        )

    def stored(self, node: int | None = None) -> StoredResult:
        """Returns what a trace keeps at the node where the text began (default: `node`)."""
        at = self.node if node is None else node
        asked = NudgingSettings(settings=self.settings, plain=self.plain)
        return StoredResult("nudging", at, asked, self.result())

    # The work --------------------------------------------------------------------------------------------------

    def _work(self) -> Iterator[None]:
        base, partner = BaseWriter(self.site), PartnerWriter(self.site)
        if self.plain:
            base = PlainBaseWriter(self.site, self.settings.draft)
            partner = PlainPartnerWriter(self.site)
        steps = nudge(base, partner, self.settings)
        while self.stop is None:
            self.doing = f"round {len(self.rounds) + 1}, {counted(self.tokens, 'token')}"
            try:
                made = next(steps)
            except StopIteration as end:
                self.stop = end.value
                break
            if made is not None:
                if made.pieces and not self._write(made):
                    self.stop = "moved"
                    break
                self.rounds.append(made)
            yield
        if self._measure:
            self.doing = "measuring"
            yield from self._measuring()
        self.doing = ""

    def _measuring(self) -> Iterator[None]:
        site = self.site
        if self.token_ids:
            finish: Finish = "eog" if self.stop == "partner" else "length"
            self.nudged = yield from read(
                site.pair.base, site.prefix, self.token_ids, site.sampler, finish=finish
            )
        self._read += 1
        if self.alone is None:
            base, partner = site.pair.base, site.pair.partner
            stops = site.contexts.base.stops, site.contexts.partner.stops
            first = yield from self._alone(base, site.prefix, stops[0])
            self._read += 1
            second = yield from self._alone(partner, site.partner_prefix(), stops[1])
            self.alone = Alone(first, second)

    def _alone(
        self, model: Model, prefix: Sequence[int], stops: Sequence[str]
    ) -> Generator[None, None, Sample]:
        """Writes the text that a model writes by itself, and reads what the model says along it."""
        limit = self.settings.max_tokens
        ids, said = list[int](), list[bytes]()
        finish: Finish = "context"
        for best in model.client.greedy(prefix, limit, self.site.sampler):
            ids.append(best.token_id)
            text = model.token_bytes(best.token_id)
            if best.eog:
                finish = "eog"
            elif stop_in(b"".join(said[-LONGEST_STOP:]), text, stops):
                said.append(text)
                # At least one position is measured, whatever was written there.
                del ids[max(1, before_stop(said, stops)) :]
                finish = "eog"
                break
            elif len(ids) == limit:
                finish = "length"
            said.append(text)
            if len(ids) % self.settings.draft == 0:
                yield
        return (yield from read(model, prefix, ids, self.site.sampler, finish=finish))


def bf_of(sample: Sample | None) -> float | None:
    """Returns the branching factor of one text; None of none."""
    return None if sample is None else estimate([sample], "entropy").bf
