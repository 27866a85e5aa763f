"""What is known of the words as a whole, how far it is, and the selected word in a sentence, in both models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from bftui.core.job import duration
from bftui.core.text import counted, safe
from bftui.results.response_words import gap, over_tokens, sentence, times
from bftui.ui.drawing.line_builder import fit
from bftui.ui.panes.curve_pane import wrapped
from bftui.ui.panes.pane import LinesPane
from bftui.workbench.keys import hint

if TYPE_CHECKING:
    from bftui.results.response_result import ResponseResult
    from bftui.ui.themes.theme_styles import Palette
    from bftui.ui.view import View
    from bftui.workbench.settings import ResponsePlan
    from bftui.workbench.words_shown import WordShown, WordsShown

_LABEL = 9
"""Cells of what a line is about."""
_TEXTS = 13
"""A text and its matched controls."""

Line = list[tuple[str, str]]


class ChosenWordPane(LinesPane):
    """Draws what `show_chosen` was given last."""

    NAME = "chosen"
    HEADING = "what that says"

    def __init__(self, palette: Palette, view: View) -> None:
        super().__init__(palette, view)
        self._given: (
            tuple[WordsShown | None, WordShown | None, str, ResponsePlan, int, float] | None
        ) = None

    def show_chosen(
        self,
        found: WordsShown | None,
        word: WordShown | None,
        reason: str,
        plan: ResponsePlan,
        words: int,
        speed: float | None,
    ) -> None:
        """Brings it up to date.

        Args:
            word: the selected one, or None with the reason why it is not measured.
            plan, words, speed: what would be measured, of how many words, and how many tokens come a second.
        """
        given = (found, word, reason, plan, words, speed or 0.0)
        if given != self._given:
            self._given = given
            self.renew()

    # Lines -----------------------------------------------------------------------------------------------------

    def make(self) -> list[Line]:
        if self._given is None:
            return []
        found, word, reason, *_ = self._given
        lines: list[Line] = []
        if found is None:
            lines += self._planned()
        else:
            lines += self._about("in short", _answer(self.now, found), "accent")
            told = _progress(found)
            lines += self._about("work", told, "forced" if found.running or found.paused else "dim")
            if reason:
                lines += self._about("word", f"it is not measured here: {safe(reason)}", "bad")
            elif word is not None:
                lines += self._word(found, word)
            if found.error:
                lines += self._about("partner", safe(found.error), "bad")
        return [*lines, [], *([("dim", each)] for each in wrapped(_NOTE, max(20, self.columns)))]

    def _about(self, what: str, text: str, role: str) -> Iterator[Line]:
        for place, each in enumerate(wrapped(text, max(20, self.columns - _LABEL))):
            yield [("dim", f"{'' if place else what:<{_LABEL}}"), (role, each)]

    def _planned(self) -> Iterator[Line]:
        assert self._given is not None
        _, _, _, plan, words, speed = self._given
        partner = self.now.partner
        two = "" if partner is None else f", in {safe(partner.model.info.name)} too"
        yield from self._about(
            "plan",
            f"{counted(words, 'word')} of the palette, each against 12 openings like it{two}: {plan.samples} samples "
            f"of up to {counted(plan.horizon, 'token')} after each text, no early end",
            "text",
        )
        takes = "how long it takes is known when some were drawn"
        if speed and partner is None:
            takes = f"at most {duration(words * _TEXTS * plan.samples * plan.horizon / speed)}"
        elif speed:
            takes = (
                f"at most {duration(words * _TEXTS * plan.samples * plan.horizon / speed)} in this model, and as much "
                "in the partner as its speed makes of it"
            )
        yield from self._about("work", hint(f"{{all_words}} begins · {takes}"), "forced")

    def _word(self, found: WordsShown, word: WordShown) -> Iterator[Line]:
        name = fit(self.now.text(word.ids), 24)
        told = _told(word.result, name, judged=found.judged)
        yield from self._about("here", told or f"nothing is drawn after “{name}” yet", "text")
        if word.result is not None:
            yield from self._about("", over_tokens(word.result), "dim")
            if warning := gap(word.result):
                yield from self._about("", warning, "bad")
        theirs = word.partner
        if theirs is None:
            return
        if theirs.why:
            yield from self._about("partner", f"it is not measured: {safe(theirs.why)}", "bad")
            return
        told = _told(theirs.result, name, judged=found.partner_judged)
        yield from self._about("partner", told or "nothing is drawn yet", "text")


def _told(result: ResponseResult | None, name: str, *, judged: bool) -> str:
    if result is None:
        return ""
    # What single looks say is told when the last one is done at every word.
    return sentence(result if judged else replace(result, verdict=None), name)


def _answer(view: View, found: WordsShown) -> str:
    """What all of them say together."""
    if not found.judged:
        return f"not judged yet: look {found.done} of {len(found.looks)} is done at every word"
    told = []
    for verdict, ranked in (
        ("narrows", found.ranked()),
        ("widens", tuple(reversed(found.ranked()))),
    ):
        such = [
            each for each in ranked if each.result is not None and each.result.verdict == verdict
        ]
        if such and such[0].result is not None and such[0].result.delta is not None:
            first = fit(view.text(such[0].ids), 24)
            told.append(
                f"“{first}” {verdict} most, ×{times(such[0].result.delta)}; {counted(len(such), 'word')} of "
                f"{len(found.words)} {'do' if len(such) > 1 else 'does'}"
            )
    if told:
        return " · ".join(told)
    return f"no word of {len(found.words)} narrows or widens what follows more than openings like it do"


def _progress(found: WordsShown) -> str:
    """What is being done and how long it takes at most, or what is left and how it goes on."""
    left = "" if found.left is None else duration(found.left)
    planned = len(found.looks)
    if found.running:
        share = f"{found.share:.0%} done"
        return (
            f"{safe(found.doing)}, {share}, at most {left} more"
            if left
            else f"{safe(found.doing)}, {share}"
        )
    if found.complete:
        samples, tokens = found.looks[-1], counted(found.horizon, "token")
        return f"measured: {samples} samples of up to {tokens} after each text"
    stands = f"look {found.done} of {planned} is done at every word"
    if not found.live:
        return stands
    more = f"about {left} more: " if left else ""
    return hint(f"{stands} · {more}{{all_words}} goes on")


_NOTE = (
    "The ratio is BF after the word over that after openings like it. “like texts” is where it lies for one such "
    "opening among others, “sampling” by the noise of sampling alone, both at the level of the look; ln P is that of "
    "the word, gap how far the openings' is from it, in nats. Holm's p is corrected for all words of the table; ~ is "
    "within the noise floor of the model. There is no verdict before the last look at every word."
)
