"""The responses to all words of the style palette at the places of a session: begun, taken up, kept."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bftui.core.errors import BftuiError, Cancelled, UsageError
from bftui.core.job import Job
from bftui.measures.site import Site, close_site
from bftui.workbench.snapshot import Measured
from bftui.workbench.words_shown import PartnerShown, WordShown, WordsShown

if TYPE_CHECKING:
    from bftui.measures.response import Response
    from bftui.measures.response_series import ResponseSeries
    from bftui.measures.response_state import Setup
    from bftui.session.experiments import Experiments
    from bftui.session.partner.session_partner import Partner
    from bftui.session.session import Session
    from bftui.workbench.rollout_series import Place
    from bftui.workbench.settings import ResponsePlan

_HELD = 4
"""Places whose samples are held; those of older ones are in the trace."""


@dataclass(frozen=True, slots=True)
class AskedWords:
    """What is asked for at a place: another palette, plan or partner begins anew, from what was drawn before."""

    words: tuple[str, ...]
    plan: ResponsePlan
    partner: Partner | None


class WordsResponding:
    """The responses to all words at one place, while they run and while they wait.

    Attributes:
        asked: what they are of.
        series: what is measured.
        shown: how it is shown.
        published: when that was made, in seconds of the monotonic clock.
    """

    name = "response to all words"
    spent = False

    def __init__(
        self,
        asked: AskedWords,
        series: ResponseSeries,
        shown: WordsShown,
        partners: Sequence[int | None],
        site: Site | None,
    ) -> None:
        """`partners` says which of the partner's responses each word has; `site` is where the partner's text stands."""
        self.asked, self.series, self.shown = asked, series, shown
        self.published = 0.0
        self._partners, self._site = tuple(partners), site
        self._closed = False
        self._kept = {each: _known(each) for each in series.both}

    @property
    def job(self) -> Job:
        """What is advanced."""
        return self.series

    @property
    def told(self) -> str:
        """What it is, and how far."""
        planned = len(self.shown.looks)
        return f"{self.name}, {min(self.shown.done, planned)} of {planned} looks done"

    def take_up(self) -> None:
        """Goes on where it stood."""
        if self._closed:
            self.series.go_on()
            self._closed = False

    def close(self) -> None:
        """Gives back what it holds of the model; what was drawn stays."""
        if not self.series.done:
            self.series.close()
            self._closed = True

    def let_go(self) -> None:
        """Forgets what was drawn, which is in the trace, and the text that the partner holds."""
        self.series.close()
        if self._site is not None:
            # The partner may be gone by now.
            with suppress(BftuiError):
                close_site(self._site)

    def keep(self, experiments: Experiments) -> None:
        """Writes what is new of them into the trace and the journal."""
        self._keep(experiments, [each for each in self._kept if self._kept[each] != _known(each)])
        if self.series.done:
            # Holm's correction is over all of them.
            self._keep(experiments, self.series.both)

    def keep_looks(self, experiments: Experiments) -> None:
        """Writes down those at which a look was done since they were written last."""
        self._keep(
            experiments,
            [each for each, (_, looks) in self._kept.items() if looks != len(each.looks)],
        )

    def _keep(self, experiments: Experiments, of: Sequence[Response]) -> None:
        for each in of:
            self._kept[each] = _known(each)
        for stored in self.series.stored_each(of) if of else ():
            experiments.keep_response(stored)

    def publish(self, measured: Measured, *, running: bool) -> Measured:
        """All that is known with what this found by now."""
        self.shown = replace(self.shown.measured(self.series, self._partners), running=running)
        speed = measured.speed if self.series.speed is None else self.series.speed
        return replace(
            measured, words={**measured.words, self.shown.place: self.shown}, speed=speed
        )


def _known(response: Response) -> tuple[int, int]:
    return response.tokens, len(response.looks)


class WordResponses:
    """Those of one session whose samples are held, by their places."""

    def __init__(self) -> None:
        self._works: dict[Place, WordsResponding] = {}

    def begin(
        self, session: Session, node: int, words: tuple[str, ...], plan: ResponsePlan
    ) -> WordsResponding:
        """Begins them at a node, or takes up what is known of them there.

        Raises UsageError where none of the words can be measured, with the reason of the first one.
        """
        place = node, session.sampler_number
        asked = AskedWords(words, plan, session.partner)
        held = self._works.get(place)
        if held is not None and held.asked == asked and held.series.error is None:
            held.take_up()
            return held
        self.let_go(place, session)
        work = self._works[place] = begin_words(session, node, asked)
        while len(self._works) > _HELD:
            self.let_go(next(iter(self._works)), session)
        return work

    def others(self, work: object) -> list[WordsResponding]:
        """All of them but one."""
        return [each for each in self._works.values() if each is not work]

    def let_go(self, place: Place, session: Session | None) -> None:
        """Forgets the samples of one place, whose results stay."""
        work = self._works.pop(place, None)
        if work is None:
            return
        work.let_go()
        for each in work.series.responses:
            if session is not None and each in session.experiments.responses:
                session.experiments.responses.remove(each)

    def let_all_go(self, session: Session | None) -> None:
        """Forgets the samples of all places."""
        for place in list(self._works):
            self.let_go(place, session)


def begin_words(session: Session, node: int, asked: AskedWords) -> WordsResponding:
    """Begins the responses to all words at a node, in the partner too; what was drawn before is not drawn again.

    Raises UsageError where none of the words can be measured, with the reason of the first one.
    """
    from bftui.measures.response_series import ResponseSeries
    from bftui.workbench.responding import setup_of

    experiments, setup = session.experiments, replace(setup_of(asked.plan), early=False)
    jobs: dict[tuple[int, ...], Response] = {}
    texts: list[str] = []
    left_out: list[tuple[str, str]] = []
    for word in asked.words:
        text = session.model_tree.spaced(word, node)
        try:
            ids = tuple(session.model.tokenize(text))
            if ids in jobs:
                raise UsageError("the same text is listed already")
            jobs[ids] = experiments.start_response(ids=ids, node=node, setup=setup)
        except BftuiError as error:
            left_out.append((text, error.line()))
        else:
            texts.append(text)
    if not jobs:
        raise UsageError(f"no word of the palette can be measured here: {left_out[0][1]}")
    shown = WordsShown(
        node,
        session.sampler_number,
        setup.looks,
        setup.horizon,
        tuple(map(WordShown, jobs)),
        tuple(left_out),
    )
    site: Site | None = None
    theirs: list[Response] = []
    partners: list[int | None] = [None] * len(jobs)
    if asked.partner is not None:
        shown = replace(shown, partner=asked.partner.model.info.name)
        try:
            site = asked.partner.site(node)
        except Cancelled:
            raise
        except BftuiError as error:
            shown = replace(shown, error=error.line())
        else:
            shown, theirs, partners = _beside(session, shown, texts, site, setup)
    series = ResponseSeries(tuple(jobs.values()), partner=theirs)
    return WordsResponding(asked, series, shown, partners, site)


def _beside(
    session: Session, shown: WordsShown, texts: Sequence[str], site: Site, setup: Setup
) -> tuple[WordsShown, list[Response], list[int | None]]:
    """The same words in the partner: how they are shown, and which response each word has."""
    assert session.partner is not None
    jobs: list[Response] = []
    places: list[int | None] = []
    words: list[WordShown] = []
    for word, text in zip(shown.words, texts, strict=True):
        try:
            ids = session.partner.forced(shown.node, text)
            jobs.append(
                session.experiments.start_partner_response(site, shown.node, word.ids, ids, setup)
            )
        except BftuiError as error:
            places.append(None)
            words.append(replace(word, partner=PartnerShown(why=error.line())))
        else:
            places.append(len(jobs) - 1)
            words.append(replace(word, partner=PartnerShown()))
    return replace(shown, words=tuple(words)), jobs, places
