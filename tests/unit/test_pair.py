"""A pair hands text over: as ids where the vocabularies are one, else as text; and minds the blank at the seam."""

import pytest

from bftui.core.errors import ModelError
from bftui.model.loaded_model import open_model
from bftui.model.model_pair import Contexts, Pair
from bftui.model.prompt import Prompt, Rendered
from bftui.model.token_alignment import Span, aligned, whole
from tests.tables import BYTES, WORDS, table


@pytest.fixture
def opened(tmp_path):
    """Opens tables with changes; closes them."""
    models = []

    def one(**changes):
        model = open_model(table(tmp_path / f"t{len(models)}.json", **changes))
        models.append(model)
        return model

    yield one
    for model in models:
        model.close()


LETTERS = ["<s>", "</s>", *({"bytes": byte} for byte in BYTES)]
PAIRS = [" th", "e ", " f", "ru", "it"]
BARE = {"default": {}, "rules": {}}


def context(model, text, template="raw"):
    return Rendered(text, tuple(model.tokenize(text)), None, template)


def unseamed(pair, text="x"):
    return Contexts(context(pair.base, text), context(pair.partner, text))


def seamed(pair):
    """After `A:` for the base, after a line end for the partner."""
    return Contexts(context(pair.base, "A:"), context(pair.partner, "x\n"), "base")


def test_the_same_vocabulary_is_handed_over_as_ids(opened):
    pair = Pair(opened(), opened(**BARE))
    assert (pair.by, pair.why) == ("ids", "")
    ids = [5, 6, 200, 1]
    assert pair.to_partner(ids, unseamed(pair)) == ids == pair.to_base(ids, unseamed(pair))


def test_padding_ids_are_no_other_vocabulary_and_a_token_more_is(opened):
    tokens = ["<s>", "</s>", *WORDS, *({"bytes": byte} for byte in BYTES)]
    empty = [{"bytes": ""}] * 3
    assert Pair(opened(), opened(tokens=[*tokens, *empty], **BARE)).by == "ids"
    more = Pair(opened(), opened(tokens=[*tokens, " zebra"], **BARE))
    assert more.by == "text"
    assert f"from token {len(tokens)} on, which only one of them has" in more.why


def test_one_other_token_is_another_vocabulary(opened):
    tokens = ["<s>", "</s>", *WORDS, *({"bytes": byte} for byte in BYTES)]
    swapped = [*tokens]
    swapped[4], swapped[5] = swapped[5], swapped[4]
    pair = Pair(opened(), opened(tokens=swapped, **BARE))
    assert pair.by == "text"
    assert "differ from token 4 on" in pair.why
    text = " the fruit is red"
    ids = pair.to_partner(pair.base.tokenize(text), unseamed(pair))
    assert b"".join(map(pair.partner.token_bytes, ids)) == text.encode()


def test_another_vocabulary_gets_text_and_its_own_end(opened):
    pair = Pair(opened(), opened(tokens=[*LETTERS, *PAIRS], eog=[0], bos=1, **BARE))
    ids = [*pair.base.tokenize(" the fruit"), 1]
    moved = pair.to_partner(ids, unseamed(pair))
    assert moved[-1] == 0
    assert moved[:-1] == pair.partner.tokenize(" the fruit")
    assert pair.to_base(moved, unseamed(pair)) == ids


def test_half_a_character_waits_for_its_other_half(opened):
    pair = Pair(opened(), opened(tokens=[*LETTERS, *PAIRS], **BARE))
    ids = pair.base.tokenize("é")
    assert len(ids) == 2
    with pytest.raises(ModelError, match="no character"):
        pair.to_partner(ids[:1], unseamed(pair))
    assert pair.to_base(pair.to_partner(ids, unseamed(pair)), unseamed(pair)) == ids


@pytest.mark.parametrize(
    ("tokens", "count"),
    [
        ([], 0),
        ([b"a", "é".encode()], 2),
        ([b"a", b"\xc3"], 1),
        ([b"a", b"\xe2", b"\x82"], 1),
        ([b"a\xe2\x82"], 0),
        ([b"a", b"\xe2", b"\x82", b"\xac", b"\xf0\x9f"], 4),
        ([b"\xff", b"a"], 2),
    ],
)
def test_whole_leaves_half_a_character_at_the_end_out(tokens, count):
    assert whole(tokens) == count


# The seam ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [None, [*LETTERS, *PAIRS]])
def test_the_blank_at_the_seam_is_the_bases_alone(opened, tokens):
    changes = BARE if tokens is None else {"tokens": tokens, **BARE}
    pair = Pair(opened(), opened(**changes))
    base, partner = pair.base, pair.partner
    ids = base.tokenize(" Sure I")
    moved = pair.to_partner(ids, seamed(pair))
    assert b"".join(map(partner.token_bytes, moved)) == b"Sure I"
    back = pair.to_base(moved, seamed(pair))
    assert b"".join(map(base.token_bytes, back)) == b" Sure I"
    without = base.tokenize("Sure")
    assert b"".join(map(partner.token_bytes, pair.to_partner(without, seamed(pair)))) == b"Sure"
    assert pair.to_partner([], seamed(pair)) == pair.to_base([], seamed(pair)) == []


def test_the_partner_says_whether_there_is_a_seam(opened):
    template = "{{ messages[-1]['content'] + '\\n' }}"
    asked = Prompt("the")
    for first, bare in (("S", True), (" Sure", False), ("\n", False), ("</s>", False)):
        partner = opened(default={first: 0.9}, rules={}, chat_template=template)
        pair = Pair(opened(), partner)
        assert pair.contexts(asked, Prompt("the", template="chat")).seam == (
            "base" if bare else None
        )
    raw = pair.contexts(asked, Prompt("the", template="raw"))
    assert raw.seam is None, "both texts end in a letter"


@pytest.mark.parametrize("tokens", [None, [*LETTERS, *PAIRS]])
def test_the_blank_at_the_seam_may_be_the_partners_alone(opened, tokens):
    """An aligned model in front, and a page behind it."""
    pair = Pair(opened(), opened(**({} if tokens is None else {"tokens": tokens}), **BARE))
    base, partner = pair.base, pair.partner
    page = Contexts(context(base, "x\n"), context(partner, "A:"), "partner")
    ids = base.tokenize("Sure I")
    moved = pair.to_partner(ids, page)
    assert b"".join(map(partner.token_bytes, moved)) == b" Sure I"
    assert pair.to_base(moved, page) == ids
    for text in (" Sure", "\nSure"):
        there = pair.to_partner(base.tokenize(text), page)
        assert b"".join(map(partner.token_bytes, there)) == text.encode()
    line = partner.tokenize("\nSure")
    assert b"".join(map(base.token_bytes, pair.to_base(line, page))) == b"\nSure"
    assert pair.to_partner([1], page) == [1] == pair.to_base([1], page), "an end has no blank"
    spans = aligned(pair, page, ids, moved, "base")
    assert [i for span in spans for i in span.base] == list(range(len(ids)))
    assert [i for span in spans for i in span.partner] == list(range(len(moved)))
    assert not spans[0].alike


def test_a_character_in_several_tokens_goes_over_the_seam_as_a_whole(opened):
    pair = Pair(opened(), opened(**BARE))
    assert pair.by == "ids"
    page = Contexts(context(pair.base, "x\n"), context(pair.partner, "A:"), "partner")
    ids = pair.base.tokenize("😀 I")
    assert len(ids) == 5
    moved = pair.to_partner(ids, page)
    assert moved == pair.partner.tokenize(" 😀 I")
    assert sides(aligned(pair, page, ids, moved, "base")) == [
        ((0,), (0, 1), False),
        *(((place,), (place + 1,), True) for place in range(1, 5)),
    ]
    with pytest.raises(ModelError, match="no character"):
        pair.to_partner(ids[:2], page)


def test_a_first_word_of_several_tokens_is_written_anew(opened):
    """` fruit` is one token and `fruit` is five: neither page nor chat would write ` f` and `ruit`."""
    pair = Pair(opened(), opened(**BARE))
    page = Contexts(context(pair.base, "x\n"), context(pair.partner, "A:"), "partner")
    ids = pair.base.tokenize("fruit, apple")
    moved = pair.to_partner(ids, page)
    assert moved == pair.partner.tokenize(" fruit, apple")
    assert sides(aligned(pair, page, ids, moved, "base"))[:2] == [
        ((0, 1, 2, 3, 4), (0,), False),
        ((5,), (1,), True),
    ]
    assert pair.to_base(moved, page) == ids
    assert sides(aligned(pair, page, ids, moved, "partner"))[0] == ((0, 1, 2, 3, 4), (0,), False)


def test_whose_blank_it_is_depends_on_which_prompt_is_open(opened):
    chat = {"chat_template": "{{ messages[-1]['content'] + '\\n' }}", "default": {"S": 0.9}}
    page, asked = Prompt("the", template="page"), Prompt("the", template="chat")
    pair = Pair(opened(**chat, rules={}), opened())
    assert pair.contexts(asked, page).seam == "partner"
    back = Pair(opened(), opened(**chat, rules={}))
    assert back.contexts(page, asked).seam == "base"
    assert back.contexts(page, page).seam is None


# Side by side ------------------------------------------------------------------------------------------------------


def sides(found: list[Span]):
    return [(tuple(span.base), tuple(span.partner), span.alike) for span in found]


def test_ids_stand_side_by_side_one_by_one(opened):
    pair = Pair(opened(), opened(**BARE))
    ids = [5, 6, 1]
    found = aligned(pair, unseamed(pair), ids, ids, "base")
    assert sides(found) == [((0,), (0,), True), ((1,), (1,), True), ((2,), (2,), True)]
    assert aligned(pair, unseamed(pair), [], [], "base") == []


def test_the_token_at_the_seam_is_not_alike(opened):
    pair = Pair(opened(), opened(**BARE))
    base = pair.base.tokenize(" Sure I")
    partner = pair.to_partner(base, seamed(pair))
    found = sides(aligned(pair, seamed(pair), base, partner, "base"))
    assert found == [((0,), (0, 1, 2, 3), False), ((1,), (4,), True)]
    assert pair.to_base(partner, seamed(pair)) == base
    assert sides(aligned(pair, seamed(pair), base, partner, "partner")) == found


def test_a_lone_blank_at_the_seam_joins_what_follows(opened):
    pair = Pair(opened(), opened(**BARE))
    blank, letter = pair.base.tokenize(" "), pair.base.tokenize("S")
    partner = pair.to_partner([*blank, *letter], seamed(pair))
    assert sides(aligned(pair, seamed(pair), [*blank, *letter], partner, "base")) == [
        ((0, 1), (0,), False)
    ]
    assert aligned(pair, seamed(pair), blank, pair.to_partner(blank, seamed(pair)), "base") == []


def test_other_tokens_stand_side_by_side_as_pieces_of_text(opened):
    pair = Pair(opened(), opened(tokens=[*LETTERS, *PAIRS], **BARE))
    base = [*pair.base.tokenize(" the fruit"), 1]
    partner = pair.to_partner(base, unseamed(pair))
    found = aligned(pair, unseamed(pair), base, partner, "base")
    assert not any(span.alike for span in found)
    for span in found[:-1]:
        ours = b"".join(pair.base.token_bytes(base[i]) for i in span.base)
        theirs = b"".join(pair.partner.token_bytes(partner[i]) for i in span.partner)
        assert ours == theirs
    assert sides(found[-1:]) == [((len(base) - 1,), (len(partner) - 1,), False)]
    at_seam = pair.to_partner(base, seamed(pair))
    first = aligned(pair, seamed(pair), base, at_seam, "base")[0]
    assert b"".join(pair.partner.token_bytes(at_seam[i]) for i in first.partner)[:1] == b"t"


def test_an_end_that_the_other_does_not_have_stands_alone(opened):
    pair = Pair(opened(), opened(tokens=[*LETTERS, *PAIRS], eog=[], **BARE))
    base = [*pair.base.tokenize(" the"), 1]
    found = aligned(pair, unseamed(pair), base, pair.to_partner(base, unseamed(pair)), "base")
    assert sides(found)[-1][0] == (0,)


CHAT = "{{ messages[-1]['content'] }}|"


@pytest.mark.parametrize(
    ("base_chat", "partner_chat", "base_template", "wanted"),
    [
        (False, True, "auto", "chat"),
        (False, True, "raw", "chat"),
        (False, True, "urial", "chat"),
        (False, False, "auto", "raw"),
        (False, False, "page", "page"),
        (True, True, "auto", "chat"),
        (True, True, "raw", "raw"),
        (True, False, "auto", "page"),
        (True, False, "urial", "urial"),
    ],
)
def test_the_partner_is_asked_as_fits_it(opened, base_chat, partner_chat, base_template, wanted):
    base, partner = (
        opened(**({"chat_template": CHAT} if chat else {})) for chat in (base_chat, partner_chat)
    )
    pair, asked = Pair(base, partner), Prompt("x", template=base_template)
    taken = base.render(asked).template
    assert pair.partner_prompt(asked, taken, "auto").template == wanted
    assert partner.render(pair.partner_prompt(asked, taken, "auto")).template == wanted
    assert pair.partner_prompt(asked, taken, "raw").template == "raw"
