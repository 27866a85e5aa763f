"""A valid set as tokens of one model, where it stands: after a prompt.

Each answer has the tokens that the model's own tokenizer gives it there (arXiv 2605.11128 takes that for granted).
Tokens with which the same string would begin in another way are marked at each node: whether what follows them would be
the answer is not asked, so that their mass is an upper bound of one step.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bftui.core.errors import Unwritable, UsageError
from bftui.core.text import counted
from bftui.core.valid.token_trie import TokenTrie, token_trie
from bftui.core.valid.valid_sets import LIMIT, ValidSet
from bftui.model.loaded_model import Model
from bftui.results.calibration_result import CaseOf, Lead

_TAIL = 4
"""Tokens of the prompt that an answer is tokenised after: none depends on what is further away."""


@dataclass(frozen=True, slots=True)
class AnswerPath:
    """One way to write a valid answer.

    Attributes:
        text: as it stands after the prompt, a leading blank included.
        answer: the number of the valid answer in its set, from 0.
        token_ids: its tokens, the terminator left out: the path of its last node in the trie.
    """

    text: str
    answer: int
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CompiledSet:
    """A valid set as a trie of tokens.

    Attributes:
        trie: N of a node counts paths, so that two ways to write an answer are two.
        paths: in the order of the trie's ends, from its first node on.
        ends: the ids that end an answer.
        blank: whether a blank was put before answers; None for both.
        notes: what people should know, in words.
    """

    trie: TokenTrie
    paths: tuple[AnswerPath, ...] = field(repr=False)
    ends: tuple[int, ...]
    blank: bool | None
    notes: tuple[str, ...]


def compile_valid(
    model: Model,
    prompt_ids: Sequence[int],
    valid_set: ValidSet,
    *,
    end: Sequence[str] = (),
    lead: Lead = "auto",
    case: CaseOf = "given",
    lines: bool = False,
    others: bool = True,
) -> CompiledSet:
    """Makes the trie of a valid set after a prompt.

    Args:
        prompt_ids: the prompt's tokens.
        end: the texts that end an answer, each one token, or a control token as it is written; none for the model's
            ends of generation.
        lead: whether a blank stands before each answer. `auto` puts one where the prompt ends in a character that is
            not a blank; after a control token, as at the end of most chat templates, none. An answer that begins with a
            blank stays as it is.
        case: `any` also takes answers in lower case, in upper case and with a capital.
        lines: whether a line end, too, ends an answer where `end` names nothing.
        others: whether tokens of other tokenisations are marked.

    Raises UsageError for more than LIMIT ways to write the answers, for an answer that holds its own terminator, and
    for a terminator that is not one token; Unwritable for an answer that the vocabulary cannot write.
    """
    place = _Place(model, prompt_ids)
    blank = leading_blank(lead, place.ends_in)
    spelled = _spelled(valid_set.all(), blank, case)
    if len(spelled) > LIMIT:
        raise UsageError(
            f"{valid_set.name} can be written in {len(spelled):,} ways",
            f"{LIMIT:,} at most are walked one by one",
            "leave out cases or blanks",
        )
    _check_ends(spelled, end)
    ends = end_ids(model, end)
    if lines and not end and (line := _line_end(model)) is not None:
        end, ends = ("\n",), (line, *ends)
    found = {text: place.tokens(text) for text in spelled}
    paths = [AnswerPath(text, spelled[text], ids) for text, (ids, _) in found.items()]
    words = {text: i for text, i in zip(end, ends, strict=False) if model.is_text(i)}
    marked = _others(model, paths, [text.encode() for text in words]) if others else None
    notes = [*valid_set.notes, *_said(valid_set, spelled, blank, lead, place)]
    notes += _seldom("the prompt's end", [text for text, (_, joined) in found.items() if joined])
    for word, token_id in words.items():
        whole = {path: place.tokens(path.text + word)[0] for path in paths}
        joined = [path.text for path in paths if whole[path] != (*path.token_ids, token_id)]
        notes += _seldom(repr(word), joined)
    trie = token_trie([path.token_ids for path in paths], ends, marked)
    in_order = tuple(sorted(paths, key=lambda path: path.token_ids))
    return CompiledSet(trie, in_order, ends, blank, tuple(notes))


def leading_blank(lead: Lead, ends_in: str) -> bool | None:
    """Says whether a blank stands before answers; None for with and without. `ends_in` as of `last_character`."""
    if lead == "auto":
        return bool(ends_in) and not ends_in.isspace()
    return {"blank": True, "none": False, "both": None}[lead]


def last_character(model: Model, prompt_ids: Sequence[int]) -> str:
    """Returns the character that a prompt ends in; "" after a control token and of no text."""
    return _written(model, _tail(model, prompt_ids)).decode(errors="replace")[-1:]


def _tail(model: Model, prompt_ids: Sequence[int]) -> list[int]:
    """The last tokens of a prompt, as far back as they are text."""
    tail: list[int] = []
    for token_id in reversed(prompt_ids[-_TAIL:]):
        if not model.is_text(token_id):
            break
        tail.insert(0, token_id)
    return tail


def _written(model: Model, token_ids: Sequence[int]) -> bytes:
    return b"".join(map(model.token_bytes, token_ids))


def _spelled(answers: Sequence[str], blank: bool | None, case: CaseOf) -> dict[str, int]:
    """Every text that counts, with the number of its answer; what two answers would share is the first one's.

    An answer as it is given goes before what is made of another one.
    """
    found: dict[str, int] = {}
    given = [(answer, number) for number, answer in enumerate(answers)]
    made = [
        (changed, number)
        for answer, number in given
        for changed in (answer.lower(), answer.upper(), answer[:1].upper() + answer[1:])
    ]
    for text, number in [*given, *(made if case == "any" else [])]:
        for before in _before(text, blank):
            found.setdefault(before + text, number)
    return found


def _before(text: str, blank: bool | None) -> Sequence[str]:
    if text[:1].isspace() or blank is False:
        return ("",)
    return (" ",) if blank else ("", " ")


def _check_ends(spelled: dict[str, int], end: Sequence[str]) -> None:
    for text in spelled:
        held = next((each for each in end if each and each in text), None)
        if held is not None:
            raise UsageError(
                f"the answer {text!r} holds the terminator {held!r}", "it would end there"
            )


def end_ids(model: Model, end: Sequence[str]) -> tuple[int, ...]:
    """Returns the ids that end an answer, in the order of `end`; see `compile_valid`. Raises UsageError."""
    if not end:
        if not model.info.eog_ids:
            raise UsageError(
                f"{model.name} has no end of generation", hint="name a terminator: --end"
            )
        return tuple(sorted(model.info.eog_ids))
    found = []
    for text in end:
        ids = model.tokenize(text)
        if len(ids) != 1:
            ids = model.tokenize(text, "tokens")
        if len(ids) != 1:
            raise UsageError(
                f"the terminator {text!r} is {counted(len(ids), 'token')}",
                hint="name one that is one",
            )
        found += ids
    return tuple(found)


def _line_end(model: Model) -> int | None:
    """The token of a line end; None where it is not one token."""
    try:
        ids = model.tokenize("\n")
    except Unwritable:
        return None
    return ids[0] if len(ids) == 1 else None


class _Place:
    """Where answers stand: the end of a prompt, and how the tokenizer goes on from there.

    Attributes:
        ends_in: the prompt's last character; "" after a control token and of no text.
    """

    def __init__(self, model: Model, prompt_ids: Sequence[int]) -> None:
        self._model = model
        tail = _tail(model, prompt_ids)
        self.ends_in = last_character(model, prompt_ids)
        # A tail that begins inside a character, or that is tokenised otherwise by itself, tells nothing.
        self._text, self._ids = next(self._tails(tail), ("", ()))

    def _tails(self, tail: Sequence[int]) -> Iterator[tuple[str, tuple[int, ...]]]:
        for start in range(len(tail)):
            ids = tuple(tail[start:])
            try:
                text = _written(self._model, ids).decode()
            except UnicodeDecodeError:
                continue
            if tuple(self._model.tokenize(text)) == ids:
                yield text, ids

    def tokens(self, text: str) -> tuple[tuple[int, ...], bool]:
        """The tokens of a text here, and whether the tokenizer would join its beginning to the prompt's end.

        The prompt's own tokens stay. Raises Unwritable that names the text.
        """
        try:
            whole = tuple(self._model.tokenize(self._text + text))
            size = len(self._ids)
            if whole[:size] == self._ids:
                return whole[size:], False
            return tuple(self._model.tokenize(text)), True
        except Unwritable as error:
            raise Unwritable(f"the answer {text!r} has no tokens", error.line()) from error


def _seldom(beside: str, joined: Sequence[str]) -> Iterator[str]:
    """What people should know of answers whose border to what is beside them is inside a token."""
    if joined:
        yield (
            f"{counted(len(joined), 'answer')} ({joined[0]!r}) and {beside} would share a token: the model seldom saw"
            " them apart"
        )


def _others(
    model: Model, paths: Sequence[AnswerPath], ends: Sequence[bytes]
) -> dict[tuple[int, ...], set[int]]:
    """The tokens that begin what is left of an answer with its terminator in any way, by the path of the node.

    What is left is a matter of bytes: an answer whose own tokens do not come through a node can go on from there, too.
    """
    tokens = model.token_texts
    whole = sorted(path.text.encode() + end for path in paths for end in ends or (b"",))
    found: dict[tuple[int, ...], set[int]] = {
        path.token_ids[:place]: set() for path in paths for place in range(len(path.token_ids) + 1)
    }
    for path, ids in found.items():
        here = _written(model, path)
        for at in range(bisect_left(whole, here), len(whole)):
            if not whole[at].startswith(here):
                break
            left = whole[at][len(here) :]
            ids.update(tokens.beginning(left))
            if ends:
                ids.update(tokens.past(left))
    return found


def _said(
    valid_set: ValidSet, spelled: dict[str, int], blank: bool | None, lead: Lead, place: _Place
) -> Iterator[str]:
    if blank is None:
        yield "answers count with a blank before them and without"
    elif lead == "auto":
        why = f"the prompt ends in {place.ends_in!r}" if place.ends_in else "no text stands before"
        yield f"answers begin {'with' if blank else 'without'} a blank: {why}"
    if len(spelled) > valid_set.count:
        yield (
            f"{len(spelled):,} ways to write {counted(valid_set.count, 'answer')}: each counts as a valid answer of"
            " its own"
        )
