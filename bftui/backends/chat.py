"""Chat templates: a conversation as the text and control tokens that a model was trained on.

The template is the model's own and a program of a stranger: it runs in a process of its own (`chat_child`), with
limits of time, memory and output. What people typed stays text: where it spells a control token, or a part of one at
its edges, stand-ins take the place of a character while the template runs, so that only what the template itself
writes becomes one.
Not for: turning text into ids; that is the tokenizer's.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from bftui.backends.vocabulary import Words
from bftui.core.errors import InputError, TemplateError

Message = Mapping[str, str]
"""`role` (system, user or assistant) and `content`."""

SECONDS = 5
_STARTUP_S = 15
_MEMORY = 512 << 20
_OUTPUT = 2_000_000
_SOURCE = 1_000_000
_RAW = "take the prompt without it: --template raw"
_CHILD = Path(__file__).with_name("chat_child.py")

# Unicode promises that the first never stand for a character; the second are for a text that holds all of those.
_STAND_INS = (range(0xFDD0, 0xFDF0), range(0xF0000, 0xFFFFE))


class ChatTemplate:
    """One model's template and the control tokens that it may write.

    Args:
        source: the Jinja source.
        tokens: the written forms that the template may ask for: `bos_token`, `eos_token`.
        control: the written form of each control token, and its id.
    """

    def __init__(
        self, source: str, tokens: Mapping[str, str], control: Mapping[bytes, int]
    ) -> None:
        self._source = source
        self._tokens = dict(tokens)
        self._words = Words(dict(control))
        self._spellings = [text for piece in control if (text := piece.decode("utf-8", "replace"))]

    def opening(self, messages: Sequence[Message], prefill: str) -> list[str | int]:
        """The whole prompt, up to where the answer goes on after `prefill`: runs of plain text and ids, in order.

        Raises TemplateError where the template does not give one, InputError for text that is no Unicode.
        """
        hidden = _StandIns(self._spellings, [*_contents(messages), prefill])
        if not prefill:
            text = self._render(hidden.messages(messages), generation=True)
        else:
            # The template sees a mark in place of the words, so that none of them can be trimmed or rewritten.
            begun = [*hidden.messages(messages), {"role": "assistant", "content": hidden.mark}]
            before, _ = self._parted(begun, hidden.mark, generation=False)
            text = before + hidden.hide(prefill)
        return self._pieces(text, hidden)

    def turn(self, messages: Sequence[Message], text: str) -> list[str | int]:
        """What stands between the end of the last answer and the beginning of the next, with a user's turn in it.

        `messages` end with the user's turn that the last answer was to. Raises like `opening`.
        """
        hidden = _StandIns(self._spellings, [*_contents(messages), text])
        whole = [
            *hidden.messages(messages),
            {"role": "assistant", "content": hidden.mark},
            {"role": "user", "content": hidden.hide(text)},
        ]
        _, after = self._parted(whole, hidden.mark, generation=True)
        return self._pieces(after, hidden)

    def _parted(self, messages: list[Message], mark: str, *, generation: bool) -> tuple[str, str]:
        """What is written before and after the last answer, whose content is the mark."""
        before, found, after = self._render(messages, generation=generation).rpartition(mark)
        if not found:
            raise TemplateError(
                "the model's chat template leaves the answer out",
                "there is no place to go on inside it",
                _RAW,
            )
        return before, after

    def _pieces(self, text: str, hidden: _StandIns) -> list[str | int]:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise TemplateError(
                "the model's chat template failed", "it writes half a character", _RAW
            ) from error
        return [
            part if isinstance(part, int) else hidden.show(part)
            for part in self._words.split(text)
            if part != ""
        ]

    def _render(self, messages: Sequence[Message], *, generation: bool) -> str:
        variables = {
            "messages": [dict(message) for message in messages],
            "add_generation_prompt": generation,
            "tools": None,
            "documents": None,
            **self._tokens,
        }
        return render(self._source, variables)


def render(source: str, variables: Mapping[str, Any]) -> str:
    """Renders a template in a process of its own; raises TemplateError in one line of the template's or of ours."""
    if len(source) > _SOURCE:
        raise _failed(f"it is {len(source):,} characters long")
    request = {
        "template": source,
        "variables": variables,
        "limit": _OUTPUT,
        "memory": _MEMORY,
        "seconds": SECONDS,
    }
    try:
        # -P: a file in the working folder must not stand in for a library.
        done = subprocess.run(
            [sys.executable, "-P", str(_CHILD)],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS + _STARTUP_S,
            start_new_session=True,
            check=False,
        )
    except OSError as error:
        raise _failed(f"its process cannot start ({error.strerror or error})") from error
    except subprocess.TimeoutExpired:
        raise _failed(f"it did not end within {SECONDS} s") from None
    if done.returncode != 0:
        # An alarm is the child's own limit.
        slow = done.returncode == -getattr(signal, "SIGALRM", 0)
        raise _failed(f"it did not end within {SECONDS} s" if slow else "it ended its process")
    reply: dict[str, str] = json.loads(done.stdout)
    if "refused" in reply:
        raise TemplateError("the model's chat template refused the prompt", reply["refused"], _RAW)
    if "failed" in reply:
        raise _failed(reply["failed"])
    return reply["text"]


def _failed(reason: str) -> TemplateError:
    return TemplateError("the model's chat template failed", reason, _RAW)


def _contents(messages: Iterable[Message]) -> list[str]:
    return [message["content"] for message in messages]


class _StandIns:
    """Keeps text that people typed from becoming control tokens.

    Attributes:
        mark: a character that stands in none of the texts.
    """

    def __init__(self, spellings: Sequence[str], texts: Sequence[str]) -> None:
        used = "".join(texts)
        try:
            used.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                "the text is not valid Unicode", "it holds half a character"
            ) from error
        self._free = (c for c in map(chr, chain(*_STAND_INS)) if c not in used)
        self._spellings = spellings
        self.mark = next(self._free)
        self._hidden: dict[str, str] = {}

    def hide(self, text: str) -> str:
        """The text, with stand-ins where it spells a control token, by itself or with what may stand beside it."""
        characters = list(text)
        for spelling in self._spellings:
            for at in _touched(text, spelling):
                character = text[at]
                if character not in self._hidden:
                    self._hidden[character] = next(self._free)
                characters[at] = self._hidden[character]
        return "".join(characters)

    def show(self, text: str) -> str:
        """The text as it was typed."""
        return text.translate({ord(hidden): shown for shown, hidden in self._hidden.items()})

    def messages(self, messages: Iterable[Message]) -> list[Message]:
        """The same conversation with its contents hidden."""
        return [{**message, "content": self.hide(message["content"])} for message in messages]


def _touched(text: str, spelling: str) -> Iterator[int]:
    """The places in a text that must change so that it takes no part in a spelling, whatever stands around it."""
    at = text.find(spelling)
    while at >= 0:
        yield at
        at = text.find(spelling, at + 1)
    said = text.strip()
    if not said:
        return
    start = len(text) - len(text.lstrip())
    if said in spelling:
        yield start
    for size in range(1, len(spelling)):
        if said.startswith(spelling[size:]):
            yield start
        if said.endswith(spelling[:size]):
            yield start + len(said) - size
