"""Two models on one text: each in a context of its own, and how the tokens of one become the other's.

Where the vocabularies are the same, a path is handed over as ids; where they differ, as text that the other's tokenizer
splits again. Which of the two it is, is found by looking at every token, never by a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bftui.core.errors import ModelError
from bftui.core.pair.distribution_shift import Author
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt, Rendered, Taken, Template
from bftui.model.templates import question_in

HandOver = Literal["ids", "text"]

_SAMPLE = "Sure! Here are 12 things, e.g. cafés:\n\n1. It's a test_case;  they've said “no”.\n"
"""What two tokenizers must split alike before ids are handed over: marks, digits, blanks and letters beyond ASCII."""

_WORD = 16
"""Tokens that a word has at most."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """What stands before the common text.

    Attributes:
        base, partner: the prompt as either model sees it.
        seam: whose text begins with a blank that the other's lacks: after `A:` a page goes on with ` Sure`, after its
            template a chat with `Sure`. None where both begin alike.
    """

    base: Rendered
    partner: Rendered
    seam: Author | None = None

    def turned(self, data: bytes, to: Author) -> bytes:
        """Return bytes that the text begins with for one model, as those that it begins with for the other, `to`."""
        if self.seam is None or not data:
            return data
        if self.seam != to:
            return data.removeprefix(b" ")
        return data if data[:1].isspace() else b" " + data


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
        """Two rendered prompts, after the model whose prompt is open was asked whether its text begins with a blank."""
        if _open(self.base, base) == _open(self.partner, partner):
            return Contexts(base, partner)
        if _open(self.partner, partner):
            bare = _begins_bare(self.partner, partner)
            return Contexts(base, partner, "base" if bare else None)
        bare = _begins_bare(self.base, base)
        return Contexts(base, partner, "partner" if bare else None)

    def partner_prompt(self, asked: Prompt, taken: Taken, template: Template) -> Prompt:
        """Return what the partner is asked with beside a prompt of the base.

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
        """Return the base's tokens after its prompt as the partner's; raises ModelError where that is not Unicode."""
        return self._moved(token_ids, contexts, "partner")

    def to_base(self, token_ids: Sequence[int], contexts: Contexts) -> list[int]:
        """Return the partner's tokens after its prompt as the base's; raises ModelError where that is not Unicode."""
        return self._moved(token_ids, contexts, "base")

    def at_seam(
        self, token_ids: Sequence[int], contexts: Contexts, to: Author
    ) -> tuple[int, list[int]]:
        """How many of one model's first tokens are others for the model `to` where ids are handed over, and which.

        With a blank more or less the first word may be split in another way.
        """
        source, target = self._models(to)
        if contexts.seam is None or not token_ids or not source.is_text(token_ids[0]):
            return 0, []
        data = source.token_bytes(token_ids[0])
        if contexts.turned(data, to) == data:
            return 0, []
        count = _first_word([source.token_bytes(i) for i in token_ids[:_WORD]])
        data = b"".join(map(source.token_bytes, token_ids[:count]))
        moved = target.tokenize(_text(contexts.turned(data, to)))
        while count > 1 and moved and moved[-1] == token_ids[count - 1]:
            count, moved = count - 1, moved[:-1]
        return count, moved

    def _models(self, to: Author) -> tuple[Model, Model]:
        """The model whose tokens are handed over, and the one that they are handed to."""
        return (self.base, self.partner) if to == "partner" else (self.partner, self.base)

    def _moved(self, token_ids: Sequence[int], contexts: Contexts, to: Author) -> list[int]:
        """Tokens of the other model as those of the model `to`."""
        source, target = self._models(to)
        ids = list(token_ids)
        if self.by == "ids":
            count, moved = self.at_seam(ids, contexts, to)
            return [*moved, *ids[count:]]
        ended = bool(ids) and ids[-1] in source.info.eog_ids
        data = b"".join(map(source.token_bytes, ids[:-1] if ended else ids))
        if ids and source.is_text(ids[0]):
            data = contexts.turned(data, to)
        moved = target.tokenize(_text(data))
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


def _begins_bare(model: Model, rendered: Rendered) -> bool:
    """Whether the most probable text after a prompt begins without a blank; an end of generation is not text."""
    best = model.client.best(rendered.token_ids, [])[0]
    token_id = best.token_id
    if best.eog:
        # A token is read from what stands before it, whichever it is.
        row = next(model.client.path_logits(rendered.token_ids, [token_id])).copy()
        row[[*model.info.eog_ids, *model.info.special_ids]] = -np.inf
        token_id = int(row.argmax())
    return not model.token_bytes(token_id)[:1].isspace()


def _first_word(tokens: Sequence[bytes]) -> int:
    """How many of a text's tokens hold its first word: those before one that begins with a blank or a sign.

    They end with a character where one of them does.
    """
    count = 1
    while count < len(tokens) and (tokens[count][:1].isalnum() or tokens[count][:1] >= b"\x80"):
        count += 1
    ends = (end for end in range(count, 0, -1) if _whole(b"".join(tokens[:end])))
    return next(ends, count)


def _whole(data: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        data.decode()
        return True
    return False


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
