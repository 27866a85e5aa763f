"""The chat template of the aligned practice models, and the pieces that chats are made of.

A turn is its special, a space, the text and <|eot|>. The space makes the first word of an answer the
same token as after "A:" in the base model's pages, so that the two models can be compared there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|> {{ message['content'] | trim }}<|eot|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""Jinja source, as it stands in the GGUF files. It leaves the begin token to the tokenizer."""

_TURN = re.compile(r"<\|(system|user|assistant)\|> (.*?)<\|eot\|>", re.DOTALL)


def render(messages: Iterable[tuple[str, str]], *, answer: bool = True) -> str:
    """Write (role, text) turns as `TEMPLATE` does; `answer` opens the assistant's turn."""
    text = "".join(f"<|{role}|> {content.strip()}<|eot|>" for role, content in messages)
    return text + "<|assistant|>" * answer


def turns(text: str) -> list[tuple[str, str]]:
    """Read a rendered chat back as (role, text) turns."""
    return [(match[1], match[2]) for match in _TURN.finditer(text)]
