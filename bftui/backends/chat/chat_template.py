"""Chat templates: a conversation as the text and control tokens that a model was trained on.

The template is the model's own and a program of a stranger: it runs in a process of its own (`chat_sandbox`), with
limits of time, memory and output. What people typed stays text: where it spells a control token, or a part of one at
its edges, stand-ins take the place of a character while the template runs, so that only what the template itself
writes becomes one. And it reaches the model: content is offered as a text or in parts, as the template wants it, and
words that come out in neither way are refused by name.
Not for: turning text into ids; that is the tokenizer's.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bftui.backends.chat.chat_renderer import RAW, Replies, render
from bftui.backends.chat.typed_words import Message, Said, StandIns, strings
from bftui.backends.protocol import common_prefix
from bftui.backends.shared.vocabulary import Words
from bftui.core.errors import BftuiError, LostText, TemplateError

_OTHER = "take another template: --template page, urial or raw"

_DAYS = {"date_string": "%d %b %Y", "current_date": "%Y-%m-%d", "today": "%Y-%m-%d"}
"""Variables that templates read the day from, each in the form that they write it in themselves."""

_BLOCK = re.compile(
    r"(?P<open><(?P<tag>\w[\w:.-]*)>|\[(?P<mark>[A-Z_]+)\])\s*(?:</(?P=tag)>|\[/(?P=mark)\])?\s*\Z"
)
"""A thinking block without a thought at the end of a text: opened, or opened and closed."""

Roles = frozenset[str]


@dataclass(frozen=True, slots=True)
class Told:
    """What a template is told beside the conversation.

    Attributes:
        arguments: variables by name, as JSON has them.
        date: the day that it is, YYYY-MM-DD; None for today.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    date: str | None = None

    @property
    def day(self) -> str:
        """The day, YYYY-MM-DD."""
        return self.date or datetime.date.today().isoformat()

    def variables(self) -> dict[str, Any]:
        """Return the arguments, and the day where one was named: a template that is not told takes one of its own."""
        if self.date is None:
            return dict(self.arguments)
        day = datetime.date.fromisoformat(self.date)
        return {name: day.strftime(form) for name, form in _DAYS.items()} | dict(self.arguments)


@dataclass(frozen=True, slots=True)
class Written:
    """What a template wrote.

    Attributes:
        pieces: runs of plain text and ids of control tokens, in order.
        date: the day that it was told, YYYY-MM-DD; None where it did not ask and none was named.
        unknown: arguments that it never looks at.
    """

    pieces: list[str | int]
    date: str | None
    unknown: tuple[str, ...]


class ChatTemplate:
    """One model's template and the control tokens that it may write.

    Args:
        source: the Jinja source.
        tokens: the special tokens that the template may ask for by name: `bos_token`, `eos_token` and more.
        control: the written form of each control token, and its id.
    """

    def __init__(
        self, source: str, tokens: Mapping[str, Any], control: Mapping[bytes, int]
    ) -> None:
        self._source = source
        self._tokens = dict(tokens)
        self._words = Words(dict(control))
        self._spellings = [text for piece in control if (text := piece.decode("utf-8", "replace"))]
        # The roles whose content the template wanted in parts the last time.
        self._parts: Roles = frozenset()

    def opening(
        self, messages: Sequence[Message], prefill: str, told: Told | None = None
    ) -> Written:
        """Return the whole prompt, up to where the answer goes on after `prefill`.

        An answer is begun as the library's `continue_final_message` begins it, but to the byte, and a thinking block
        that it begins with takes the place of an empty one that the template writes.

        Raises LostText that names what of system text, prompt and prefill does not come out, TemplateError where the
        template fails or refuses, InputError for text that is not Unicode.
        """
        told = told or Told()
        hidden = StandIns(
            self._spellings, [*_contents(messages), prefill, *strings(told.arguments)]
        )
        said = [hidden.said(_NAMES.get(each["role"], "turn"), each["content"]) for each in messages]
        plain = hidden.messages(messages)
        probe: list[Message] = [
            {**each, "content": words.probe} for each, words in zip(messages, said, strict=True)
        ]
        mark = hidden.mark
        if not prefill:

            def lost(texts: Sequence[str]) -> list[str]:
                return [each.name for each in said if not _comes_out(each, texts[0], texts[-1])]

            texts, found = self._written([(plain, True), (probe, True)], told, hidden, lost)
            return self._read(texts[0], hidden, told, found)

        begun = hidden.hide(prefill)

        def answer(content: str) -> list[Message]:
            return [{"role": "assistant", "content": content}]

        def lost_of_begun(texts: Sequence[str]) -> list[str]:
            names = [each.name for each in said if not _comes_out(each, texts[1], texts[-1])]
            out = all(mark in text for text in texts[:2])
            return names if out else [*names, "beginning of the answer"]

        texts, found = self._written(
            [
                ([*plain, *answer(begun + mark)], False),
                ([*plain, *answer(mark)], False),
                ([*probe, *answer(mark)], False),
            ],
            told,
            hidden,
            lost_of_begun,
        )
        whole, bare = (text.rpartition(mark)[0] for text in texts[:2])
        # Where the template rewrites the words, what it writes before an answer is theirs, the words stay as typed.
        before = whole.removesuffix(begun) if whole.endswith(begun) else bare
        return self._read(_joined(before, begun, prefill), hidden, told, found)

    def turn(self, messages: Sequence[Message], text: str, told: Told | None = None) -> Written:
        """Return what stands between the last answer's end and the next one's beginning, with a user's turn in it.

        `messages` end with the user's turn that the last answer was to. Raises like `opening`.
        """
        told = told or Told()
        hidden = StandIns(self._spellings, [*_contents(messages), text, *strings(told.arguments)])
        said, mark = hidden.said("turn", text), hidden.mark

        def whole(content: str) -> list[Message]:
            return [
                *hidden.messages(messages),
                {"role": "assistant", "content": mark},
                {"role": "user", "content": content},
            ]

        def lost(texts: Sequence[str]) -> list[str]:
            if mark not in texts[0]:
                return ["answer before the turn"]
            after = [each.rpartition(mark)[2] for each in (texts[0], texts[-1])]
            return [] if _comes_out(said, *after) else ["turn"]

        conversations = [(whole(said.hidden), True), (whole(said.probe), True)]
        texts, found = self._written(conversations, told, hidden, lost)
        return self._read(texts[0].rpartition(mark)[2], hidden, told, found)

    def _written(
        self,
        conversations: Sequence[tuple[Sequence[Message], bool]],
        told: Told,
        hidden: StandIns,
        lost: Callable[[Sequence[str]], list[str]],
    ) -> tuple[list[str], Replies]:
        """What the template writes of some conversations, with content in the shape that it wants.

        Args:
            conversations: messages and whether the answer is to be opened after them; the last is a probe, which may
                fail: its text is then "".
            lost: what of the words does not come out, by these texts.
        """
        roles = sorted({message["role"] for message in conversations[0][0]})
        failed: BftuiError | None = None
        missed: list[str] = []
        for shape in _shapes(frozenset(roles), self._parts):
            shaped = [(_shaped(messages, shape), opens) for messages, opens in conversations]
            found = self._replies(shaped, told, hidden)
            *texts, probe = found.texts
            error = next((each for each in texts if isinstance(each, BftuiError)), None)
            if error is not None:
                failed = failed or error
                continue
            known = [*map(str, texts), probe if isinstance(probe, str) else ""]
            names = lost(known)
            if not names:
                self._parts = shape
                return known, found
            missed = names if not missed or len(names) < len(missed) else missed
        if missed:
            what = " and the ".join(missed)
            out = "it does" if len(missed) == 1 else "they do"
            reason = f"{out} not come out of the model's chat template"
            raise LostText(f"the {what} would be lost", reason, _OTHER)
        assert failed is not None
        if "system" in roles and not isinstance(failed, LostText):
            self._blame_system(conversations[0], told, hidden, failed)
        raise failed

    def _blame_system(
        self,
        conversation: tuple[Sequence[Message], bool],
        told: Told,
        hidden: StandIns,
        failed: BftuiError,
    ) -> None:
        """Raises LostText where the system text is what the template fails on."""
        messages, opens = conversation
        rest = [each for each in messages if each["role"] != "system"]
        if isinstance(self._replies([(rest, opens)], told, hidden).texts[0], str):
            message = "the model's chat template takes no system text"
            raise LostText(message, failed.reason, _OTHER) from failed

    def _replies(
        self, conversations: Sequence[tuple[Sequence[Any], bool]], told: Told, hidden: StandIns
    ) -> Replies:
        common = {
            "tools": None,
            "documents": None,
            **self._tokens,
            **{name: hidden.value(each) for name, each in told.variables().items()},
        }
        variables = [
            {**common, "messages": list(messages), "add_generation_prompt": opens}
            for messages, opens in conversations
        ]
        return render(self._source, variables, told.day)

    def _read(self, text: str, hidden: StandIns, told: Told, found: Replies) -> Written:
        """What was written, as pieces."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise TemplateError(
                "the model's chat template failed", "it writes half a character", RAW
            ) from error
        pieces = [
            part if isinstance(part, int) else hidden.show(part)
            for part in self._words.split(text)
            if part != ""
        ]
        day = told.day if found.dated or told.date is not None else None
        return Written(pieces, day, tuple(sorted(set(told.arguments) - found.asks)))


_NAMES = {"system": "system text", "user": "prompt"}
"""What people call the content of a message."""


def _comes_out(said: Said, text: str, probe: str) -> bool:
    """Whether words come out in a text, and in the place of themselves: some other word may read like them."""
    if not said.hidden.strip():
        return True
    return said.in_text(text) and (not probe or said.probe in probe)


def _joined(before: str, begun: str, prefill: str) -> str:
    """What a template writes before an answer, and the answer's beginning.

    A block that the beginning opens again is not opened twice; the letters that both have are the template's, which may
    write control tokens. `begun` is `prefill` with stand-ins, letter by letter.
    """
    block = _BLOCK.search(before)
    if block is None or not prefill.lstrip().startswith(block["open"]):
        return before + begun
    shared = common_prefix(block[0], prefill)
    return before[: block.start() + shared] + begun[shared:]


def _shapes(roles: Roles, first: Roles) -> Iterator[Roles]:
    """The roles whose content is given in parts, in the order of trying: `first`, none, all, and what is between."""
    every = [
        frozenset(some)
        for size in range(1, len(roles))
        for some in itertools.combinations(sorted(roles), size)
    ]
    yield from dict.fromkeys([first & roles, frozenset(), roles, *every])


def _shaped(messages: Sequence[Message], parts: Roles) -> list[Mapping[str, Any]]:
    """The conversation with the content of these roles in parts."""
    return [
        {**each, "content": [{"type": "text", "text": each["content"]}]}
        if each["role"] in parts
        else dict(each)
        for each in messages
    ]


def _contents(messages: Iterable[Message]) -> list[str]:
    return [message["content"] for message in messages]
