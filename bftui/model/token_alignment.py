"""Which tokens of one model stand beside which of another's, in one text that a pair reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bftui.core.pair.distribution_shift import Author, spans
from bftui.model.loaded_model import Model
from bftui.model.model_pair import Contexts, Pair


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the text, as places among the tokens of either model.

    Attributes:
        base, partner: the places; none of the two is empty.
        alike: whether both are the same single token, so that whole distributions can be compared.
    """

    base: range
    partner: range
    alike: bool


def aligned(
    pair: Pair,
    contexts: Contexts,
    base_ids: Sequence[int],
    partner_ids: Sequence[int],
    author: Author,
) -> list[Span]:
    """Return the pieces of a text after its contexts; a blank that only one of the models reads belongs to none.

    Args:
        base_ids, partner_ids: the text as either model's tokens; one came from the other by the pair.
        author: whose tokens were there first.
    """
    if pair.by == "text":
        return _by_text(pair, contexts, base_ids, partner_ids)
    # Only tokens at the seam can have become others.
    if author == "base":
        rest = len(base_ids) - pair.at_seam(base_ids, contexts, "partner")[0]
    else:
        rest = len(partner_ids) - pair.at_seam(partner_ids, contexts, "base")[0]
    heads = len(base_ids) - rest, len(partner_ids) - rest
    found = [Span(range(heads[0]), range(heads[1]), False)] if any(heads) else []
    for i in range(rest):
        found.append(Span(_one(heads[0] + i), _one(heads[1] + i), True))
    if any(heads) and not all(heads):
        # Only a blank: what follows it is read together with it.
        first = found[:2]
        joined = Span(range(first[-1].base.stop), range(first[-1].partner.stop), False)
        found[:2] = [joined] if joined.base and joined.partner else []
    return found


def _one(place: int) -> range:
    return range(place, place + 1)


def _by_text(
    pair: Pair, contexts: Contexts, base_ids: Sequence[int], partner_ids: Sequence[int]
) -> list[Span]:
    base, base_end = _said(pair.base, base_ids)
    partner, partner_end = _said(pair.partner, partner_ids)
    if contexts.seam is not None and b"".join(base) != b"".join(partner):
        blanked = base if contexts.seam == "base" else partner
        first = next(place for place, data in enumerate(blanked) if data)
        blanked[first] = blanked[first].removeprefix(b" ")
    found = [Span(*places, alike=False) for places in spans(base, partner)]
    if base_end and partner_end:
        found.append(Span(_one(len(base)), _one(len(partner)), False))
    return found


def _said(model: Model, token_ids: Sequence[int]) -> tuple[list[bytes], bool]:
    """The bytes of each token before an end of generation, and whether there is one."""
    ended = bool(token_ids) and token_ids[-1] in model.info.eog_ids
    said = token_ids[:-1] if ended else token_ids
    return [model.token_bytes(i) for i in said], ended


def whole(tokens: Sequence[bytes]) -> int:
    """Return how many of a text's tokens can be handed over: those up to the last one that ends with a character.

    All of them where a byte in the middle begins no character: that is not half a character, and not text.
    """
    data = b"".join(tokens)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        if error.end < len(data) or "unexpected end" not in error.reason:
            return len(tokens)
        size = 0
        for count, token in enumerate(tokens):
            size += len(token)
            if size > error.start:
                return count
    return len(tokens)
