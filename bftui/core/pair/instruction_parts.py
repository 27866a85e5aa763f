"""An instruction in two parts: its content, which says what to write, and its style, which says how.

The text form of Local Prompt Adaptation (arXiv 2507.20094, which does it with the prompt of a picture): the content
alone and both parts together are two conditions of one model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bftui.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Instruction:
    """What to write and how.

    Attributes:
        content: what is asked for without the style.
        style: the part that says how; empty where another model brings the style.
        whole: both, as a model with the style reads them.
    """

    content: str
    style: str
    whole: str


def by_hand(content: str, style: str) -> Instruction:
    """Puts two parts together: the content, a blank unless one is there, the style. Raises UsageError for none."""
    if not content.strip():
        raise UsageError("there is no content", hint="say what is to be written")
    if not style.strip():
        raise UsageError("there is no style", hint="say how it is to be written")
    between = "" if content[-1].isspace() or style[0].isspace() else " "
    return Instruction(content, style, f"{content}{between}{style}")


def by_separator(text: str, separator: str) -> Instruction:
    """Splits a text at its one separator: content before it, style after it.

    Raises UsageError where it is not there exactly once, and where a part is empty.
    """
    parts = text.split(separator) if separator else [text]
    if len(parts) != 2:
        raise UsageError(
            f"the instruction has {len(parts) - 1} of {separator!r}, not 1",
            hint="write the content, the separator and the style",
        )
    return by_hand(parts[0].strip(), parts[1].strip())


_MANNER = re.compile(
    r"\b(?:style|tone|voice|manner|language|words?|sentences?|rhymes?|verse|dialect|accent|formal(?:ly)?|informal(?:ly)?"
    r"|polite(?:ly)?|concise(?:ly)?|brief(?:ly)?|short|cheerful(?:ly)?|friendly|funny|poetic(?:ally)?|simple|simply"
    r"|dramatic(?:ally)?|archaic|emojis?|like an?)\b",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r",?\s+(?=(?:"
    r"in (?:the|a|an) (?:\w+ ){0,3}(?:style|tone|voice|manner)\b"
    r"|in (?:short|simple|plain|rhyming|formal|archaic)\b"
    r"|like an? |as if "
    r"|using (?:only |no )?(?:\w+ )?(?:words|sentences|language|emojis)\b))",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def by_rule(text: str) -> Instruction:
    """Splits an instruction by a rule: sentences that name a manner are style, those before and between are content.

    The first sentence is content, but for its end from the first of these on: "in the … style, tone, voice, manner",
    "in short, simple, plain, rhyming, formal, archaic …", "like a …", "as if …", "using … words". A later sentence is
    style where it has a word for a manner, as style, tone, words, politely, short, "like a". The whole stays as it was
    written.

    Raises UsageError where that leaves a part empty.
    """
    first, *others = _SENTENCE.split(text.strip())
    content, style = [], []
    found = _TAIL.search(first)
    if found is None:
        content.append(first)
    else:
        end = first[-1] if first[-1] in ".!?" else ""
        content.append(first[: found.start()].rstrip() + end)
        style.append(first[found.end() :])
    for sentence in others:
        (style if _MANNER.search(sentence) else content).append(sentence)
    if not style:
        raise UsageError(
            "no part of the instruction says how it is to be written",
            "none of its sentences after the first names a manner",
            "give content and style apart",
        )
    return Instruction(" ".join(content), " ".join(style), text.strip())


def content_alone(content: str) -> Instruction:
    """Takes a content whose style another model brings. Raises UsageError for none."""
    if not content.strip():
        raise UsageError("there is no content", hint="say what is to be written")
    return Instruction(content, "", content)
