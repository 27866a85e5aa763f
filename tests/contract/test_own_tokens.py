"""A prompt has the ids that its model's own tokenizer gives it, and a forced text has its bytes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.core.errors import ModelError
from tests.groups import TORCH, Later, needs
from tests.texts import SAMPLES
from tests.tokenizers_of_all_kinds import KINDS, texts, write

if TYPE_CHECKING:
    from bftui.backends.transformers.hf_tokenizer import HfTokenizer

needs("transformers")
transformers: Any = Later("transformers")
hf_tokenizer: Any = Later("bftui.backends.transformers.hf_tokenizer")

pytestmark = TORCH


@dataclass(frozen=True)
class Read:
    """A directory's tokenizer as we read it, and as its library does."""

    ours: HfTokenizer
    library: Any

    def prompt(self, *parts: str | int, special: bool = False) -> list[int]:
        return self.ours.vocabulary.prompt(parts, self.ours.text, special=special)

    def literal(self, text: str, *, special: bool = False) -> list[int]:
        return self.ours.vocabulary.tokenize(text, self.ours.text.literal, special=special)

    def own(self, text: str, *, special: bool = False) -> list[int]:
        """What the library gives, without what it frames a text with."""
        ids: list[int] = self.library(
            text, add_special_tokens=False, split_special_tokens=not special
        )["input_ids"]
        return ids

    def written(self, ids: list[int]) -> bytes:
        return b"".join(map(self.ours.vocabulary.token_bytes, ids))

    def named(self, name: str) -> int:
        return int(self.library.convert_tokens_to_ids(name))


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Read]:
    folder = tmp_path_factory.mktemp("tokenizers")
    found: dict[str, Read] = {}

    def get(name: str) -> Read:
        if name not in found:
            path = folder / name.replace(" ", "-")
            n_vocab = write(path, name)
            library = transformers.AutoTokenizer.from_pretrained(path)
            found[name] = Read(hf_tokenizer.read_tokenizer(path, n_vocab), library)
        return found[name]

    return get


ANY = st.one_of(
    st.text(max_size=30),
    st.text("theriv bd'.,0\n\u00e9\u0301\u2581", max_size=40),
    st.lists(
        st.sampled_from(
            [
                *("<|user|>", "<|end|>", "<|assistant|>", "<s>", "</s>", "<unk>", "<go>"),
                *("<tool>", "<word>", "<left>", "<|", "|>", "s>", "<", "e\u0301", "A", "131", "41"),
                *(" ", "  ", "\n", "the river", "\u2581", "\U00100000", "\U0001f600"),
            ]
        ),
        max_size=12,
    ).map("".join),
)


def _check(read: Read, text: str) -> None:
    """Everything that is promised of one text."""
    special = read.ours.vocabulary.special_ids
    own = read.own(text)
    unknown = read.library.unk_token_id
    ours = read.prompt(text)
    if special.isdisjoint(set(own) - {unknown}):
        assert ours == own
    assert special.isdisjoint(set(ours) - {unknown})
    assert read.prompt(text, special=True) == read.own(text, special=True)
    # A vocabulary without bytes cannot write everything.
    lossy = (ModelError,) if len(read.ours.vocabulary.byte_ids) < 256 else ()
    for literally in (False, True):
        with suppress(*lossy):
            ids = read.literal(text, special=literally)
            assert read.written(ids) == text.encode()
            assert literally or special.isdisjoint(ids)


@pytest.mark.parametrize("name", KINDS)
def test_texts(read: Callable[[str], Read], name: str) -> None:
    for text in (*texts(), *(sample.text for sample in SAMPLES)):
        _check(read(name), text)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(text=ANY)
def test_any_text(read: Callable[[str], Read], name: str, text: str) -> None:
    _check(read(name), text)


def test_a_text_begins_with_the_space_that_the_tokenizer_puts_there(
    read: Callable[[str], Read],
) -> None:
    for name, text, first in [
        ("sentencepiece, legacy", "The river", " The"),
        ("sentencepiece, first word", "The river", " The"),
        ("sentencepiece, no space", "The river", "The"),
        ("unigram", "return the value", " return"),
        ("byte level, space", "The river", " The"),
        ("byte level", "The river", "The"),
    ]:
        model = read(name)
        ids = model.prompt(text)
        assert model.written(ids).decode() == first + text[len(first.strip()) :]
        assert model.written(model.literal(text)) == text.encode()


def test_what_is_put_before_a_text_is_known_and_what_ends_it_is_left_out(
    read: Callable[[str], Read],
) -> None:
    two, both = read("two start tokens"), read("start and end")
    assert two.ours.start_ids == (two.named("<s>"), two.named("<go>"))
    assert not two.ours.add_bos
    assert (both.ours.start_ids, both.ours.add_bos) == ((), True)
    assert both.library("a")["input_ids"] == [both.named("<s>"), *both.own("a"), both.named("</s>")]


def test_blanks_beside_a_token_are_swallowed_as_the_library_does_it(
    read: Callable[[str], Read],
) -> None:
    for name in ("rstrip", "rstrip, legacy"):
        model = read(name)
        user, end, assistant = map(model.named, ("<|user|>", "<|end|>", "<|assistant|>"))
        parts = [user, "\nThe river", end, "\n", assistant, "\n"]
        ids = model.prompt(*parts)
        assert ids == model.own("<|user|>\nThe river<|end|>\n<|assistant|>\n", special=True)
        assert ids[-2:] == [end, assistant]
        hostile = model.prompt(user, "\nThe <|end|>", end, "\n", assistant, "\n")
        assert hostile[-2:] == [end, assistant]
        assert hostile.count(end) == 1
        assert hostile[: len(model.own("<|user|>\nThe", special=True))] == model.own(
            "<|user|>\nThe", special=True
        )


def test_the_leftmost_of_overlapping_tokens_is_taken_and_of_those_the_longest(
    read: Callable[[str], Read],
) -> None:
    model = read("overlapping")
    ids = model.prompt("1314151")
    assert [model.written([i]) for i in ids] == [b"131", b"415", b"1"]
    assert model.literal("1314151") == ids


def test_a_normaliser_tears_no_words_but_those_that_it_changes(read: Callable[[str], Read]) -> None:
    words = "the river and the bridge for the boats and the water for the town and the mill"
    for name in ("byte level, nfc", "byte level, nfkc", "byte level, lower case"):
        model = read(name)
        text = f"{words} cafe\u0301" if name != "byte level, lower case" else f"{words} Cafe"
        assert model.prompt(text) == model.own(text)
        kept = model.own(words)
        assert model.literal(text)[: len(kept)] == kept


def test_a_space_is_put_before_a_text_once(read: Callable[[str], Read]) -> None:
    """What the library puts after control tokens too is its own affair; a text that goes on gets none."""
    model = read("sentencepiece, legacy")
    end = model.named("</s>")
    own = model.own("The river</s>The bridge", special=True)
    assert model.prompt("The river", end, "The bridge") == own
    vocabulary, text = model.ours.vocabulary, model.ours.text
    assert vocabulary.prompt(["The river", end], text, begins=False) == [
        *model.literal("The river"),
        end,
    ]
    assert vocabulary.prompt([end, "The bridge"], text, begins=False) == own[-3:]


PARTS = st.lists(
    st.one_of(ANY, st.sampled_from(["<s>", "</s>", "<|user|>", "<|end|>"])), max_size=6
)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(texts=PARTS, control=st.lists(st.integers(0, 4), max_size=6))
def test_no_words_become_a_control_token(
    read: Callable[[str], Read], name: str, texts: list[str], control: list[int]
) -> None:
    model = read(name)
    unknown = model.library.unk_token_id
    known = sorted(model.ours.vocabulary.special_ids - {unknown})
    if not known:
        return
    ids = [known[i % len(known)] for i in control]
    parts: list[str | int] = []
    for text, token_id in zip(texts, ids, strict=False):
        parts += [text, token_id]
    found = model.prompt(*parts)
    wanted = [part for part in parts if isinstance(part, int)]
    special = model.ours.vocabulary.special_ids - {unknown}
    if name != "single word":
        assert [i for i in found if i in special] == wanted
    # Inside a word a token that is a word of its own is none.
    waiting = iter(wanted)
    assert all(i in waiting for i in found if i in special)
    assert model.written(found).count(b"\xf4") <= "".join(texts).encode().count(b"\xf4")
