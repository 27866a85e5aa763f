"""Two models on one text: each in a context of its own, and how the tokens of one become the other's.

Where the vocabularies are the same, a path is handed over as ids; where they differ, as text that the other's tokenizer
splits anew. Which of the two it is, is found by looking at every token, never by a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from bftui.core.errors import ModelError
from bftui.session.model import Model
from bftui.session.prompt import Prompt, Rendered, Taken, Template
from bftui.session.templates import question_in

HandOver = Literal["ids", "text"]

_SAMPLE = "Sure! Here are 12 things, e.g. cafés:\n\n1. It's a test_case;  they've said “no”.\n"
"""What two tokenizers must split alike before ids are handed over: marks, digits, blanks and letters beyond ASCII."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """What stands before the common text.

    Attributes:
        base, partner: the prompt as either model sees it.
        seam: whether the base's text begins with a blank that the partner's lacks, as after `A:` and after a
            template's line end.
    """

    base: Rendered
    partner: Rendered
    seam: bool


class Pair:
    """A base and a partner.

    Attributes:
        base, partner: the models.
        by: how text is handed over.
        why: why it is not handed over as ids; "" where it is.
    """

    def __init__(self, base: Model, partner: Model) -> None:
        self.base, self.partner = base, partner
        self.why = _difference(base, partner)
        self.by: HandOver = "text" if self.why else "ids"

    def contexts(self, asked: Prompt, partner: Prompt) -> Contexts:
        """Renders the prompts of both; raises like `Model.render`."""
        return self.join(self.base.render(asked), self.partner.render(partner))

    def join(self, base: Rendered, partner: Rendered) -> Contexts:
        """Two rendered prompts, after the partner was asked whether its answers begin with a blank."""
        seam = False
        if not _open(self.base, base) and _open(self.partner, partner):
            best = self.partner.host.best(partner.token_ids, [])[0]
            first = b"" if best.eog else self.partner.token_bytes(best.token_id)
            seam = bool(first) and not first[:1].isspace()
        return Contexts(base, partner, seam)

    def partner_prompt(self, asked: Prompt, taken: Taken, template: Template) -> Prompt:
        """What the partner is asked with beside a prompt of the base.

        Args:
            asked: the base's prompt.
            taken: the way that the base's was taken.
            template: the partner's; `auto` is the chat template where the partner has one, unless the base has one too
                and does without. Without it the partner's prompt is taken as the base's, or as a page of questions
                where that is a chat. Of a raw prompt that is a page, a partner that chats is asked the question.
        """
        if template == "auto":
            declined = bool(self.base.info.chat_template) and taken != "chat"
            if self.partner.info.chat_template and not declined:
                template = "chat"
            else:
                template = "page" if taken == "chat" else taken
        if template == "chat" and taken == "raw":
            asked = replace(asked, text=question_in(asked.text) or asked.text)
        return replace(asked, template=template)

    def to_partner(self, token_ids: Sequence[int], contexts: Contexts) -> list[int]:
        """The base's tokens after its prompt as the partner's; raises ModelError for text that is no Unicode."""
        ids = list(token_ids)
        if contexts.seam and ids:
            first = self.base.token_bytes(ids[0])
            if first[:1] == b" ":
                return self._moved(self.base, self.partner, ids, first[1:])
        return self._moved(self.base, self.partner, ids, None)

    def to_base(self, token_ids: Sequence[int], contexts: Contexts) -> list[int]:
        """The partner's tokens after its prompt as the base's; raises ModelError for text that is no Unicode."""
        ids = list(token_ids)
        if contexts.seam and ids:
            first = self.partner.token_bytes(ids[0])
            ends = ids[0] in self.partner.info.special_ids
            if not ends and not first[:1].isspace():
                return self._moved(self.partner, self.base, ids, b" " + first)
        return self._moved(self.partner, self.base, ids, None)

    def _moved(
        self, source: Model, target: Model, ids: list[int], first: bytes | None
    ) -> list[int]:
        """Tokens of one model as those of the other, where `first` stands instead of the first one's bytes."""
        if self.by == "ids":
            if first is None:
                return ids
            return [*target.tokenize(_text(first)), *ids[1:]]
        ended = bool(ids) and ids[-1] in source.info.eog_ids
        said = ids[:-1] if ended else ids
        data = [source.token_bytes(i) for i in said]
        if first is not None and data:
            data[0] = first
        moved = target.tokenize(_text(b"".join(data)))
        end = (
            target.info.eos_id
            if target.info.eos_id is not None
            else min(target.info.eog_ids, default=None)
        )
        return [*moved, end] if ended and end is not None else moved


def _open(model: Model, rendered: Rendered) -> bool:
    """Whether a text begins after this prompt: it ends in a blank or a control token."""
    last = rendered.token_ids[-1]
    return last in model.info.special_ids or model.token_bytes(last)[-1:].isspace()


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ModelError(
            "the text cannot be handed to a model with another vocabulary",
            f"byte {error.start} begins no character",
            "go on until the character is whole, or go back",
        ) from error


def _difference(a: Model, b: Model) -> str:
    """What keeps the ids of two models from meaning the same; "" where nothing does."""
    if a.info.tokenizer_sha256 is None or a.info.tokenizer_sha256 != b.info.tokenizer_sha256:
        shorter = min(a.info.n_vocab, b.info.n_vocab)
        for token_id in range(max(a.info.n_vocab, b.info.n_vocab)):
            ours, theirs = (
                model.token_bytes(token_id) if token_id < model.info.n_vocab else b""
                for model in (a, b)
            )
            if ours != theirs:
                longer = "" if token_id < shorter else ", which only one of them has"
                return f"the vocabularies differ from token {token_id} on{longer}"
    if _split(a) != _split(b):
        return "the tokenizers split text in different ways"
    return ""


def _split(model: Model) -> list[int] | None:
    """The tokens of the sample; None where the vocabulary cannot write it."""
    with suppress(ModelError):
        return model.tokenize(_SAMPLE)
    return None
