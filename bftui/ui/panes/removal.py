"""Which truncation rule removes which candidate at the cursor, and where in the list each rule begins and ends."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bftui.workbench.queries import PreviewKey, Query
from bftui.workbench.wording import short, truncation

if TYPE_CHECKING:
    from bftui.core.kept_tokens import RuleEffect
    from bftui.core.sampler import Sampler
    from bftui.ui.view import View


_SHORT = {"top_n_sigma": "nσ", "typical": "typ.", "epsilon": "eps.", "constraint": "form"}


@dataclass(frozen=True, slots=True)
class ShownCandidate:
    """One row's numbers.

    Attributes:
        total: the probability down to it, None where that is not known.
        kept: whether P~ is above 0.
        truncated: P~; None where it is 0, or not known.
        removed_by: names of the rules that remove it; None where they are to be found by its place.
    """

    token_id: int
    rank: int
    p: float
    total: float | None
    kept: bool
    truncated: float | None = None
    removed_by: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Border:
    """A line above the candidate at a place, from 0; `last` is the one where what all rules keep ends."""

    place: int
    text: str
    last: bool


class Removal:
    """What is known of it for one view.

    Attributes:
        borders: in the order of their places.
    """

    def __init__(
        self, effects: Query[PreviewKey, tuple[RuleEffect, ...]], playing: Callable[[], bool]
    ) -> None:
        """`effects` are asked for where one number does not tell what each rule keeps.

        Not while it is `playing`: they take an order of the whole vocabulary, and the next token is about to come.
        """
        self._query, self.playing = effects, playing
        self._effects: Sequence[RuleEffect] = ()
        self._sampler: Sampler | None = None
        self.borders: Sequence[Border] = ()

    def state(self, view: View | None) -> Hashable:
        """What it follows from beside the view."""
        if view is None or self._sampler is None:
            return None
        return self._query.answers.get(_key(view)), self.playing()

    def sync(self, view: View) -> None:
        """Takes in where the view stands."""
        following = view.next
        self._sampler, self._effects, self.borders = view.sampler_at(view.cursor), (), ()
        if following is None:
            return
        sampler, simple = self._sampler, following.top_truncated is None
        if not sampler.steers:
            from bftui.core.truncation import active_rules

            if len(active_rules(sampler)) > 1 or sampler.xtc_probability or not simple:
                find = self._query.answers.get if self.playing() else self._query.ask
                self._effects = find(_key(view)) or ()
        elif not simple:
            # The order of the rows is not that of the logits that rules look at.
            return
        if self._effects:
            self.borders = _borders(self._effects, sampler)
        elif simple and following.kept < following.n_vocab:
            text = f"{truncation(sampler)} keeps {following.kept:,}"
            self.borders = [Border(following.kept, text, last=True)]

    def names(self, found: ShownCandidate) -> tuple[str, ...] | None:
        """The rules that remove a candidate, by name; None where that is not known."""
        if found.kept:
            return ()
        if found.removed_by is not None:
            return found.removed_by
        sampler = self._sampler
        if sampler is None or found.token_id in sampler.banned:
            return None if sampler is None else ("steering",)
        place = found.rank - 1
        names = tuple(e.name for e in self._effects if not e.start <= place < e.stop)
        if names or sampler.steers:
            return names or None
        from bftui.core.truncation import active_rules

        rules = active_rules(sampler)
        return (rules[0][0].name,) if len(rules) == 1 else None

    def short(self, found: ShownCandidate) -> str:
        """The first of them in a few letters."""
        names = self.names(found)
        return (_SHORT.get(names[0]) or called(names[0])) if names else "–"


def called(name: str) -> str:
    """What people call what removes a token: a rule, a ban or the constraint."""
    if name in ("steering", "constraint"):
        return "ban" if name == "steering" else name
    from bftui.core.truncation import rule_named

    return rule_named(name).called


def _key(view: View) -> PreviewKey:
    return PreviewKey(view.cursor, view.sampler_of(view.cursor))


def _borders(effects: Sequence[RuleEffect], sampler: Sampler) -> list[Border]:
    """Lines where rules begin and end; those at one place share one."""
    begins: dict[int, list[str]] = {}
    ends: dict[int, dict[int, list[str]]] = {}
    for each in effects:
        name = called(each.name)
        value = f"{each.value:.0f}" if each.name == "top_k" else short(each.value)
        if each.start:
            begins.setdefault(each.start, []).append(_begins(each.name, sampler))
        if each.name != "xtc":
            ends.setdefault(each.stop, {}).setdefault(each.kept, []).append(f"{name} {value}")
    end = min(each.stop for each in effects)
    found = []
    for place in sorted({*begins, *ends}):
        told = list(begins.get(place, ()))
        for kept, names in ends.get(place, {}).items():
            keep = "keeps" if len(names) == 1 else "keep"
            told.append(f"{' · '.join(names)} {keep} {kept:,}")
        found.append(Border(place, " · ".join(told), place == end))
    return found


def _begins(name: str, sampler: Sampler) -> str:
    """What stands where a rule begins that leaves out the best tokens."""
    if name != "xtc":
        return f"{called(name)} begins"
    share = sampler.xtc_probability
    how = "" if share == 1 else f" {short(share)} of the time"
    return f"XTC leaves out what is above{how}"
