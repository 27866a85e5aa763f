"""The question that a named valid set answers, for those who ask none of their own."""

from __future__ import annotations

from collections.abc import Mapping

from bftui.core.valid.valid_sets import Valid

_ALONE = "Answer with it alone."

_QUESTIONS: Mapping[str, str] = {
    "coin": "Toss a fair coin. Answer with Heads or Tails alone.",
    "yes-no": "Answer with Yes or No alone, each as often.",
    "weekdays": f"Name a random day of the week. {_ALONE}",
    "months": f"Name a random month. {_ALONE}",
    "colours": f"Name a random colour. {_ALONE}",
    "fruit": f"Name a random fruit. {_ALONE}",
    "us-states": f"Name a random US state. {_ALONE}",
    "countries": f"Name a random country. {_ALONE}",
    "elements": f"Name a random chemical element. {_ALONE}",
}

_TOTAL = {"sum": " whose sum is {}", "max-sum": " whose sum is at most {}"}


def question_of(valid: Valid) -> str | None:
    """Returns the question of a named set; None for a list, a file and a regular expression."""
    name, _, argument = valid.name.partition(":")
    size, _, rest = argument.partition(":")
    kind, _, value = rest.partition("=")
    if name == "digits":
        if size == "1":
            return f"Write a random digit from 0 to 9. {_ALONE}"
        total = _TOTAL.get(kind, "").format(value)
        return f"Write {size} random digits from 0 to 9{total}, with commas and no blanks between. {_ALONE}"
    if name == "pin":
        return f"Write a random number of {size} digits; it may begin with 0. {_ALONE}"
    if name == "range":
        # A first - is a sign.
        span = argument[:1] + argument[1:].replace("-", " to ", 1)
        return f"Write a random whole number from {span}. {_ALONE}"
    return _QUESTIONS.get(valid.name)
