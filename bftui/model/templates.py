"""Prompts written as plain text for models without a chat template: a page of questions, and URIAL.

A base model goes on from a page the way its training text went on. `page` is the shortest such page; `urial` has the
structure that Lin et al. published (ICLR 2024, arXiv 2312.01552): an instruction, three constant examples, and the
query, with the fence of the answer left open. See `model.urial`.

What is constant comes first, so that the cache of a model that read one such prompt serves the next. An answer ends
where it reaches a stop string, though the model itself never says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bftui.model import urial
from bftui.model.prompt import STOPS, Prompt

_PAGE = re.compile(r"Q: ([^\n]+)\nA:")


LONGEST_STOP = max(len(stop.encode()) for stops in STOPS.values() for stop in stops)
"""Bytes of the longest of them."""


def written(prompt: Prompt) -> str:
    """Writes the text of a prompt whose template is `page` or `urial`, up to the beginning of the answer."""
    if prompt.template == "page":
        system = "" if prompt.system is None else f"{prompt.system}\n"
        return f"{system}Q: {prompt.text}\nA:{_begun(prompt.prefill)}"
    system = urial.SYSTEM if prompt.system is None else prompt.system
    shown = urial.EXAMPLES if prompt.examples is None else prompt.examples
    examples = "".join(f"{_asked(query)}{answer}\n```\n\n" for query, answer in shown)
    return f"# Instruction\n\n{system}\n\n{examples}{_asked(prompt.text)}{prompt.prefill}"


def turn(template: str, text: str, answer: str) -> str:
    """Writes what stands between an answer and the answer to the next question.

    Args:
        template: `page` or `urial`.
        text: the next question.
        answer: the answer so far; what of the turn it has written itself already is left out.
    """
    starts: tuple[int, ...] = (0,)
    if template == "page":
        whole = f"\nQ: {text}\nA:"
        given = len("\nQ: ")
    else:
        whole = f"\n```\n\n{_asked(text)}"
        # A fence may be closed at the end of a line, and the next query begun without closing it.
        starts = (0, 1, whole.index("# Query"))
        given = whole.index("# Query") + len("# Query:\n```\n")
    for start in starts:
        for end in range(given, start + 1, -1):
            if answer.endswith(whole[start:end]):
                return whole[end:]
    return whole[1:] if answer.endswith("\n") else whole


def question_in(text: str) -> str | None:
    """Finds the question of a text that is a page already, `Q: …⏎A:`; None for any other text."""
    found = _PAGE.fullmatch(text)
    return found[1] if found else None


def asking(prompt: Prompt, chat: bool, compared: bool = True) -> Prompt:
    """Gives a question the template that a model is asked it with, by the one rule of templates.

    `auto` is the chat template where the model carries one; else a page of questions where it is compared with a model
    that does, or always, as for shift and nudging; else the text as it is. A text that is a page already stays.

    Args:
        prompt: the question; another template than `auto` stays.
        chat: whether the model has a chat template.
        compared: whether another one, beside it in the same command, has one.
    """
    if prompt.template == "auto" and not chat and compared:
        is_page = question_in(prompt.text) is not None
        return replace(prompt, template="raw" if is_page else "page")
    return prompt


def stop_in(before: bytes, token: bytes, stops: Sequence[str]) -> str | None:
    """Finds the stop string that a token completes; None where it completes none.

    Args:
        before: the end of the answer before the token; more than `LONGEST_STOP` bytes of it change nothing.
        token: the token's bytes.
        stops: the stop strings to look for.
    """
    for stop in stops:
        data = stop.encode()
        tail = before[max(0, len(before) - len(data) + 1) :] if len(data) > 1 else b""
        if data in tail + token:
            return stop
    return None


def before_stop(tokens: Sequence[bytes], stops: Sequence[str]) -> int:
    """Counts the tokens of an answer that come before the first one that has a part of a stop string.

    All of them where the answer reaches none. For scoring or counting an answer that was generated past its end.
    """
    places = [
        (place, stop) for stop in stops if (place := b"".join(tokens).find(stop.encode())) >= 0
    ]
    if not places:
        return len(tokens)
    first = min(place for place, _ in places)
    end = 0
    for count, token in enumerate(tokens):
        end += len(token)
        if end > first:
            return count
    return len(tokens)


def _begun(prefill: str) -> str:
    """The beginning of a page's answer: one blank stands between the colon and a text."""
    return f" {prefill}" if prefill and not prefill[0].isspace() else prefill


def _asked(query: str) -> str:
    return f"# Query:\n```\n{query}\n```\n\n# Answer:\n```\n"
