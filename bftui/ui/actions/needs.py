"""What actions need: conditions on `ActionFacts`, each with the sentence that says what is missing and what to do."""

from __future__ import annotations

from collections.abc import Callable

from bftui.ui.actions.action import ActionFacts, Reason

REPLAY = "this is a replay: there is no model to ask"
"""The reason of what a replay can never do."""


def unless(base: Reason, hinders: Callable[[ActionFacts], bool], sentence: str) -> Reason:
    """Makes the reason of `base`; where it has none and the facts hinder, the sentence."""

    def reason(facts: ActionFacts) -> str | None:
        return base(facts) or (sentence if hinders(facts) else None)

    return reason


def recorded(action: str, nothing: str, base: Reason) -> Reason:
    """Makes the reason of `base`; in a replay, whether the results of the action are known at this place.

    `nothing` begins the sentence where they are not: "no rollouts were".
    """

    def reason(facts: ActionFacts) -> str | None:
        if not facts.replay:
            return base(facts)
        known = action in facts.recorded
        elsewhere = f"{nothing} recorded at this place: {{next_measured}} goes to what was"
        return session(facts) or (None if known else elsewhere)

    return reason


def _again(facts: ActionFacts) -> str:
    """Says what can be done without a model."""
    return "{open} opens another" if facts.ends else "{reload} opens it again"


def model(facts: ActionFacts) -> str | None:
    """Needs a model, if only one that is still loading."""
    if facts.replay:
        return REPLAY
    if facts.failed:
        return f"there is no model: {_again(facts)}"
    return None


def session(facts: ActionFacts) -> str | None:
    """Needs a prompt that was read."""
    if facts.session:
        return None
    if facts.failed:
        return f"there is no model: {_again(facts)}"
    if facts.loading:
        return "the trace is still being read" if facts.replay else "the model is still loading"
    if facts.busy:
        return "the model is still reading the prompt"
    return "there is no prompt yet: {prompt} opens the editor"


def running(facts: ActionFacts) -> str | None:
    """Needs a session and its model, or a replay."""
    if (reason := session(facts)) is not None:
        return reason
    if facts.failed:
        why = f": {facts.failure}; " if facts.failure else ": "
        return f"the model stopped{why}{_again(facts)}"
    return "the model is still loading" if facts.loading else None


asking = unless(running, lambda facts: facts.replay, REPLAY)
"""Needs a model that answers."""

next_token = unless(
    asking,
    lambda facts: facts.ended or facts.stopped,
    "the text ends here: {back} goes back, or force a token to go on",
)
"""Needs a text that goes on."""
