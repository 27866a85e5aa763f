"""Nudging against traces worked out by hand, on scripted models: every branch of the algorithm."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bftui.core.errors import UsageError
from bftui.core.pair.nudging_rounds import (
    NudgeSettings,
    Piece,
    Token,
    handed_over,
    nudge,
    whole,
    without_repeats,
)
from bftui.core.schedule import GammaWindow
from bftui.measures.nudging.nudging_run import Nudging
from bftui.measures.nudging.nudging_summary import summary
from bftui.measures.nudging.nudging_writers import NudgingSite
from bftui.model.loaded_model import open_model
from bftui.model.model_pair import Pair
from bftui.model.prompt import Prompt
from bftui.results.nudging_result import TakenRounds
from tests.tables import BYTES

WORDS = [" Sure", " here", " we", " go", " now", " then", " one", " two", " six", " end"]
END = "</s>"
SURE, UNSURE = 0.9, 0.3
Rules = Mapping[str, Mapping[str, float]]


def says(*tokens: str, prob: float = SURE) -> dict[str, dict[str, float]]:
    """Rules by which each token is followed by the next one."""
    return {json.dumps([before]): {after: prob} for before, after in pairwise(tokens)}


def model(path: Path, rules: Rules, **changes: Any) -> str:
    document = {
        "tokens": ["<s>", END, *WORDS, "Q:", *({"bytes": byte} for byte in BYTES)],
        "bos": 0,
        "eog": [1],
        "n_ctx": 256,
        # Where nothing is scripted, " end" leads, and nobody is sure of it.
        "default": {" end": 0.1},
        "rules": rules,
        **changes,
    }
    path.write_text(json.dumps(document))
    return f"table:{path}"


@contextmanager
def paired(
    tmp_path: Path,
    base: Rules,
    partner: Rules,
    *,
    base_changes: Mapping[str, Any] | None = None,
    partner_changes: Mapping[str, Any] | None = None,
) -> Iterator[NudgingSite]:
    with (
        open_model(model(tmp_path / "base.json", base, **(base_changes or {}))) as one,
        open_model(model(tmp_path / "partner.json", partner, **(partner_changes or {}))) as other,
    ):
        pair = Pair(one, other)
        asked = Prompt("Q:", template="raw")
        yield NudgingSite(pair, pair.contexts(asked, asked))


def run(setting: NudgingSite, *, plain: bool = False, **settings: Any) -> Nudging:
    job = Nudging(setting, NudgeSettings(**settings), plain=plain)
    job.finish()
    return job


def written(job: Nudging) -> list[tuple[str, str]]:
    return [(piece.author, piece.text.decode()) for piece in job.pieces]


@pytest.fixture(params=["cached", "plain"])
def plain(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "plain")


def test_the_base_takes_over_where_it_agrees_with_the_next_word(
    tmp_path: Path, plain: bool
) -> None:
    base = says(" Sure", " here", prob=UNSURE) | says(" here", " we", " go")
    partner = says("Q:", " Sure", " here", " now", END) | says(" go", " then", END)
    with paired(tmp_path, base, partner) as setting:
        # The partner's first look-ahead comes to an end; a shorter one does not.
        job = run(setting, plain=plain, draft=3)
    assert written(job) == [("partner", " Sure"), ("base", " here we go"), ("partner", " then")]
    assert [made.taken for made in job.rounds] == ["agrees", None]
    assert job.stop == "partner"
    assert job.rounds[0].draft == b" Sure here now"


@pytest.mark.parametrize(("gamma", "taken"), [(0.5, "sure"), (0.51, None)])
def test_gamma_is_compared_strictly(
    tmp_path: Path, plain: bool, gamma: float, taken: str | None
) -> None:
    base = says(" Sure", " one", prob=0.5)
    partner = says("Q:", " Sure", " here", " now", " then", END) | says(" one", END)
    with paired(tmp_path, base, partner) as setting:
        job = run(setting, plain=plain, draft=3, gamma=gamma)
    assert job.rounds[0].taken == taken
    first = [("partner", " Sure"), ("base", " one")] if taken else [("partner", " Sure here")]
    assert written(job)[: len(first)] == first


def test_the_first_word_is_always_the_partners(tmp_path: Path, plain: bool) -> None:
    base = says("Q:", " one", " two", " six")
    partner = says("Q:", " Sure", " here", " now") | says(" end", END)
    with paired(tmp_path, base, partner) as setting:
        job = run(setting, plain=plain, draft=2, rounds=1)
    assert written(job)[0] == ("partner", " Sure")


def test_a_reply_of_one_word_is_accepted_and_the_base_not_asked(
    tmp_path: Path, plain: bool
) -> None:
    base = says(" Sure", " one", " two")
    partner = says("Q:", " Sure", " here") | says(" here", END)
    with paired(tmp_path, base, partner) as setting:
        job = run(setting, plain=plain, draft=1)
    assert written(job) == [("partner", " Sure"), ("partner", " here")]
    assert job.stop == "partner"


def test_where_nobody_takes_over_the_last_word_waits(tmp_path: Path, plain: bool) -> None:
    partner = says("Q:", " Sure", " here", " we", " go") | says(" we", " go", " now", END)
    with paired(tmp_path, {}, partner) as setting:
        job = run(setting, plain=plain, draft=3)
    assert written(job) == [("partner", " Sure here"), ("partner", " we go"), ("partner", " now")]
    assert [made.taken for made in job.rounds] == [None, None, None]


def test_several_blanks_are_no_words(tmp_path: Path, plain: bool) -> None:
    base = says(" here", " go") | says(" go", " end", prob=0.2)
    partner = (
        says("Q:", " ") | says(" Sure", " ") | says(" here", " now", " then") | says(" go", END)
    )
    partner |= {
        json.dumps(["Q:", " "]): {" Sure": SURE},
        json.dumps([" Sure", " "]): {" ": SURE},
        json.dumps([" Sure", " ", " "]): {" here": SURE},
    }
    with paired(tmp_path, base, partner) as setting:
        job = run(setting, plain=plain, draft=6)
    # The base is asked before the blanks between two words, which come with the second one.
    assert written(job) == [("partner", "  Sure   here"), ("base", " go")]
    assert job.rounds[0].draft == b"  Sure   here now"


def test_the_same_words_again_and_again_are_not_written_a_fourth_time(
    tmp_path: Path, plain: bool
) -> None:
    partner = says("Q:", " one", " two") | says(" one", " one") | says(" two", " two")
    with paired(tmp_path, {}, says("Q:", " one", " one") | partner) as setting:
        job = run(setting, plain=plain, draft=1)
    assert written(job) == [("partner", " one")] * 3
    assert job.stop == "repeat"


def test_other_words_in_between_begin_the_count_anew(tmp_path: Path, plain: bool) -> None:
    rules = {
        json.dumps(["Q:"]): {" one": SURE},
        json.dumps([" one"]): {" one": SURE},
        json.dumps(["Q:", " one", " one"]): {" two": SURE},
        json.dumps([" two"]): {" one": SURE},
        json.dumps([" two", " one", " one"]): {END: SURE},
    }
    with paired(tmp_path, {}, rules) as setting:
        job = run(setting, plain=plain, draft=1)
    assert "".join(text for _, text in written(job)) == " one one two one one"
    assert job.stop == "partner"


def test_the_end_of_the_base_is_no_end_and_takes_nothing_over(tmp_path: Path, plain: bool) -> None:
    # After " Sure" the base would end; after " here" it goes on, and ends again.
    base = says(" Sure", END) | says(" here", " we", END)
    partner = says("Q:", " Sure", " here", " now", " then", END) | says(" we", " go", END)
    with paired(tmp_path, base, partner) as setting:
        job = run(setting, plain=plain, draft=4)
    assert written(job) == [("partner", " Sure here"), ("base", " we"), ("partner", " go")]
    assert job.stop == "partner"
    assert job.nudged is not None
    assert 1 not in job.token_ids


def test_the_partner_ends_the_text_with_all_that_it_wanted_to_say(
    tmp_path: Path, plain: bool
) -> None:
    base = says(" Sure", " one", " two")
    with paired(tmp_path, base, says("Q:", " Sure", " here", " now", END)) as setting:
        job = run(setting, plain=plain)
    assert written(job) == [("partner", " Sure here now")]
    assert (job.stop, len(job.rounds), job.share_nudged) == ("partner", 1, 1.0)


def test_a_partner_that_has_nothing_to_say_leaves_an_empty_text(
    tmp_path: Path, plain: bool
) -> None:
    with paired(tmp_path, {}, says("Q:", END)) as setting:
        job = run(setting, plain=plain)
    assert written(job) == []
    assert (job.text, job.share_nudged, job.bf_nudged) == ("", None, None)
    assert (job.stop, job.bf_base is None) == ("partner", False)


def test_a_base_that_stays_sure_is_asked_again_up_to_the_length(
    tmp_path: Path, plain: bool
) -> None:
    base = says(" Sure", " one", " two", " six", " go", " we", " then")
    partner = says("Q:", " Sure", " here", " now")
    with paired(tmp_path, base, partner) as setting:
        short = run(setting, plain=plain, draft=2, max_tokens=5)
        free = run(setting, plain=plain, draft=2, rounds=1)
    # Drafts of two tokens: no further one is asked for at five tokens, and then no round begins.
    assert written(short) == [("partner", " Sure"), ("base", " one two six go")]
    assert short.stop == "length"
    assert written(free) == [("partner", " Sure"), ("base", " one two six go we then")]
    assert free.stop == "rounds"


def test_a_chunk_that_the_base_has_just_written_ends_its_turn(tmp_path: Path, plain: bool) -> None:
    base = says(" Sure", " one", " two", " one")
    partner = says("Q:", " Sure", " here", " now") | says(" two", END)
    with paired(tmp_path, base, partner) as setting:
        job = run(setting, plain=plain, draft=2)
    assert written(job) == [("partner", " Sure"), ("base", " one two")]


def test_a_long_chunk_is_not_written_twice_in_a_text(tmp_path: Path, plain: bool) -> None:
    loop = [" one", " two", " six", " go", " we", " then"]
    base = says(" Sure", *loop) | says(" now", *loop)
    partner = says("Q:", " Sure", " here", " Sure") | says(" then", " now", " end")
    partner |= {json.dumps([" then", " now"]): {" here": SURE}}
    with paired(tmp_path, base, partner) as setting:
        long = run(setting, plain=plain, draft=6, rounds=2)
    with paired(
        tmp_path, says(" Sure", *loop[:5]) | says(" now", *loop[:5]), partner | says(" we", " now")
    ) as setting:
        short = run(setting, plain=plain, draft=6, rounds=2)
    # The base took over both times; the second time only the token with which it did stays. The rest of the loop are
    # five words behind a blank, which counts as one; the rest of the shorter one are four.
    assert [made.taken for made in long.rounds] == ["sure", "sure"]
    assert written(long)[1:] == [("base", "".join(loop)), ("partner", " now"), ("base", " one")]
    assert written(short)[3:] == [("base", "".join(loop[:5]))]


def test_rounds_are_counted(tmp_path: Path, plain: bool) -> None:
    rules = says("Q:", " one", " two", " one")
    with paired(tmp_path, {}, rules) as setting:
        job = run(setting, plain=plain, draft=1, rounds=5)
    assert (job.stop, len(job.rounds)) == ("rounds", 5)


@pytest.mark.parametrize("small", ["base", "partner"])
def test_a_full_context_ends_the_text_with_what_fits(
    tmp_path: Path, plain: bool, small: str
) -> None:
    rules = says("Q:", " one", " two", " one")
    changes = {f"{small}_changes": {"n_ctx": 8}}
    with paired(tmp_path, {}, rules, **changes) as setting:  # type: ignore[arg-type]
        job = run(setting, plain=plain, draft=1)
    assert job.stop == "context"
    assert 5 <= job.tokens <= 7
    assert job.bf_nudged is not None


@pytest.mark.parametrize("small", ["base", "partner"])
def test_a_draft_is_no_longer_than_what_is_left_of_a_context(
    tmp_path: Path, plain: bool, small: str
) -> None:
    """The words of a whole draft would not fit: those that do are written."""
    rules = says("Q:", *WORDS)
    changes = {f"{small}_changes": {"n_ctx": 8}}
    with paired(tmp_path, {}, rules, **changes) as setting:  # type: ignore[arg-type]
        job = run(setting, plain=plain, draft=16)
        found = summary([job])
    assert found.bf_base is not None
    assert job.stop == "context"
    assert 5 <= job.tokens <= 7
    assert job.pieces[0].text.startswith(b" Sure here we")
    assert found.bf_base.bf == job.bf_base


def test_what_models_write_alone_counts_where_nothing_is_nudged(tmp_path: Path) -> None:
    with paired(tmp_path, says("Q:", " one"), {'["Q:"]': {END: SURE}}) as setting:
        job = run(setting)
        found = summary([job])
    assert found.bf_base is not None
    assert (job.tokens, found.bf_nudged, found.ratio) == (0, None, None)
    assert found.bf_base.bf == job.bf_base
    assert found.bf_partner is not None
    assert found.bf_partner.bf == job.bf_partner


def test_the_base_stops_before_it_asks_itself_the_next_question(
    tmp_path: Path, plain: bool
) -> None:
    base = says(" Sure", " one", "\n", "Q:", " two")
    partner = says("A:", " Sure", " here", " now") | says(" one", " then", END)
    tokens = ["<s>", END, *WORDS, "Q:", "A:", "\n", *({"bytes": byte} for byte in BYTES)]
    changes = {"tokens": tokens}
    with paired(tmp_path, base, partner, base_changes=changes, partner_changes=changes) as setting:
        pair, asked = setting.pair, Prompt("which", template="page")
        page = NudgingSite(pair, pair.contexts(asked, asked))
        job = run(page, plain=plain, draft=3)
    assert written(job) == [("partner", " Sure"), ("base", " one"), ("partner", " then")]


class Script:
    """A writer whose tokens, and how sure it is of them, are written down after each text."""

    room, stops = 100, ()

    def __init__(self, said: Mapping[bytes, Sequence[tuple[bytes, float]]]) -> None:
        self.said = said

    def draft(self, written: Sequence[Piece], limit: int) -> Generator[Token, None, None]:
        text = b"".join(piece.text for piece in written)
        for place, (data, prob) in enumerate(self.said.get(text, [(b"", 1.0)])[:limit]):
            yield Token(place, data, prob, ends=not data)

    def spell(self, text: bytes) -> tuple[int, ...]:
        return tuple(text)

    def openings(
        self, written: Sequence[Piece], offers: Sequence[tuple[int, ...]]
    ) -> Iterator[Token]:
        for offer in offers:
            yield next(self.draft([*written, Piece("partner", bytes(offer), offer)], 1))


def told(base: Script, partner: Script, **settings: Any) -> list[tuple[str, str]]:
    """Who wrote what."""
    steps = nudge(base, partner, NudgeSettings(**settings))
    pieces = (piece for made in steps if made is not None for piece in made.pieces)
    return [(piece.author, piece.text.decode()) for piece in pieces]


SURELY = {
    b"": [(b" Sure", 1.0), (b" here", 1.0), (b" now", 1.0)],
}
"""What a partner begins with: the base may take over after the first word."""


def test_the_token_that_took_over_stays_where_the_rest_says_the_same() -> None:
    """The draft without its first token is what is looked for in the text."""
    words = [b" one", b" two", b" six", b" go", b" we", b" then"]
    base = Script(
        {
            b" Sure": [(word, SURE) for word in words],
            b" Sure one two six go we then": [(b"", 1.0)],
            b" Sure one two six go we then now": [
                (b" Sure", SURE),
                *((w, SURE) for w in words[:5]),
            ],
            # Were its first token part of what is looked for, this was new, and all of it written.
        }
    )
    partner = Script(
        SURELY
        | {
            b" Sure one two six go we then": [(b" now", 1.0), (b" end", 1.0)],
            b" Sure one two six go we then now Sure": [(b"", 1.0)],
        }
    )
    assert told(base, partner, draft=6) == [
        ("partner", " Sure"),
        ("base", " one two six go we then"),
        ("partner", " now"),
        ("base", " Sure"),
    ]


def test_a_short_rest_that_says_the_same_leaves_the_token_that_took_over() -> None:
    """` one one`: its rest ` one` is in what was just written, which is the first token."""
    base = Script({b" Sure": [(b" one", SURE), (b" one", SURE)]})
    partner = Script(SURELY | {b" Sure one": [(b"", 1.0)]})
    assert told(base, partner, draft=2) == [("partner", " Sure"), ("base", " one")]


def test_a_kept_part_may_say_what_was_just_written_where_its_draft_does_not() -> None:
    """The whole draft is looked for, with what the base is not sure of."""
    base = Script(
        {
            b" Sure": [(b" one", SURE), (b" two", SURE)],
            b" Sure one two": [(b" one", SURE), (b" six", UNSURE)],
        }
    )
    partner = Script(SURELY | {b" Sure one two one": [(b"", 1.0)]})
    assert told(base, partner, draft=2) == [("partner", " Sure"), ("base", " one two one")]
    same = Script(
        {
            b" Sure": [(b" one", SURE), (b" two", SURE)],
            b" Sure one two": [(b" one", SURE), (b" two", UNSURE)],
        }
    )
    partner = Script(SURELY | {b" Sure one two": [(b"", 1.0)]})
    assert told(same, partner, draft=2) == [("partner", " Sure"), ("base", " one two")]


def test_another_gamma_holds_at_some_positions() -> None:
    """The base is as sure of each token as of any other; here a token's position is its first byte."""
    base = Script(
        {
            b" Sure": [(b" one", SURE), (b" two", SURE), (b" six", SURE)],
            b" Sure one two": [(b" six", SURE)],
            b" Sure one two six": [(b" go", UNSURE)],
        }
    )
    partner = Script(SURELY | {b" Sure one": [(b"", 1.0)], b" Sure one two six": [(b"", 1.0)]})
    whole_run = [("partner", " Sure"), ("base", " one two six")]
    assert told(base, partner, draft=3) == whole_run
    late = (GammaWindow(100, None, 1.0),)
    assert told(base, partner, draft=3, windows=late) == whole_run
    # The token that takes over is the base's own choice; those after it must be sure.
    stricter = (GammaWindow(6, None, 1.0),)
    assert told(base, partner, draft=3, windows=stricter) == [
        ("partner", " Sure"),
        ("base", " one"),
    ]
    never = (GammaWindow(0, None, 1.0),)
    assert told(base, partner, draft=3, windows=never)[0][0] == "partner"
    assert told(base, partner, draft=3, gamma=1.0) == told(base, partner, draft=3, windows=never)


def test_no_piece_ends_inside_a_character() -> None:
    """Both write é as two tokens, and a look-ahead and a run end between them."""
    base = Script(
        {b" a": [(b"\xc3", 0.9), (b"\xa9", 0.3)], b" a b": [(b"\xc3", 0.9), (b"\xa9", 0.9)]}
    )
    partner = Script(
        {
            b"": [(b" a", 1.0), (b" \xc3", 1.0)],
            b" a": [(b" b", 1.0), (b" c", 1.0)],
            " a bé".encode(): [(b" \xff", 1.0), (b"\xc3", 1.0), (b"", 1.0)],
        }
    )
    steps = nudge(base, partner, NudgeSettings(draft=2))
    rounds = [made for made in steps if made is not None]
    texts = [[piece.text for piece in made.pieces] for made in rounds]
    # A byte that begins no character is handed over as the sign for that.
    assert texts == [[b" a"], [b" b", "é".encode()], [" \ufffd".encode()], []]


def test_half_characters_at_the_end_are_seen() -> None:
    assert whole("é".encode()[:1]) == b""
    assert whole(b" x" + "é".encode()) == b" x" + "é".encode()
    assert whole("😀".encode()[:3]) == b""
    assert whole(b"\xff") == b"\xff"


def test_texts_go_between_vocabularies(tmp_path: Path, plain: bool) -> None:
    """The partner's tokens stand in another order and are other words; the text is what passes."""
    base = says(" Sure", " here", prob=UNSURE) | says(" here", " we", " go")
    others = ["Q:", " Su", "re", " here", " now", " go", " then", END]
    partner = says("Q:", " Su", "re", " here", " now") | says(" go", " then", END)
    changes = {
        "tokens": ["<s>", *others, *({"bytes": byte} for byte in BYTES)],
        "eog": [8],
        "default": {},
    }
    with paired(tmp_path, base, partner, partner_changes=changes) as setting:
        assert setting.pair.by == "text"
        job = run(setting, plain=plain, draft=4)
    assert written(job) == [("partner", " Sure"), ("base", " here we go"), ("partner", " then")]


def test_what_stands_there_already_is_gone_on_from(tmp_path: Path, plain: bool) -> None:
    base, partner = (
        says(" here", " we", END),
        says(" Sure", " here", " now", " go") | says(" we", END),
    )
    with paired(tmp_path, base, partner) as setting:
        begun = tuple(setting.pair.base.tokenize(" Sure"))
        on = NudgingSite(setting.pair, setting.contexts, begun)
        job = run(on, plain=plain, draft=3)
    assert written(job) == [("partner", " here"), ("base", " we")]


def test_the_branching_factors_are_means_of_the_bases_entropies(tmp_path: Path) -> None:
    base = says(" Sure", " here", prob=UNSURE) | says(" here", " we", " go")
    partner = says("Q:", " Sure", " here", " now") | says(" go", " then", END)
    with paired(tmp_path, base, partner) as setting:
        job = run(setting, draft=3)
        client = setting.pair.base.client
        entropies, path = [], list(setting.contexts.base.token_ids)
        for token_id in job.token_ids:
            following, _ = client.add_prompt(-99, 0, path, setting.sampler)
            entropies.append(following.entropy_truncated)
            path.append(token_id)
        client.release_tree(-99)
    assert job.nudged is not None
    assert job.base_written is not None
    assert list(job.nudged.entropy_truncated) == pytest.approx(entropies, abs=1e-6)
    assert list(job.base_written.entropy_truncated) == pytest.approx(entropies[1:4], abs=1e-6)
    assert job.nudged.chosen
    found = job.result()
    assert found.share_nudged == pytest.approx(2 / 5)
    assert "20 %" in found.warning
    assert found.taken == TakenRounds(agrees=1, sure=0, none=1)


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in (
        {"gamma": -0.1},
        {"gamma": 1.1},
        {"gamma": float("nan")},
        {"draft": 0},
        {"max_tokens": 0},
        {"rounds": True},
    ):
        with pytest.raises(UsageError):
            NudgeSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("draft", "places", "rest"),
    [
        (b" Sure", [], b" Sure"),
        (b"", [], b""),
        (b"   ", [], b"   "),
        (b"Sure ", [], b"Sure"),
        (b" a b", [(b" a", b" b")], b" a"),
        (b" a b ", [(b" a", b" b")], b" a b"),
        (b"  a  b c", [(b"  a", b" b"), (b"  a  b", b" c")], b"  a  b"),
        (b"a\n\n1. b", [(b"a\n\n1.", b" b")], b"a\n\n1."),
    ],
)
def test_words_stand_between_single_blanks(
    draft: bytes, places: Sequence[tuple[bytes, bytes]], rest: bytes
) -> None:
    assert handed_over(draft) == (list(places), rest)


def test_repeated_endings_are_left_out_of_the_text() -> None:
    part = "This sentence has thirty letters or more. "
    assert without_repeats("Hm. " + part * 3) == "Hm. " + part
    assert without_repeats("no no no no") == "no no no no"
    assert without_repeats(part + "x" + part) == part + "x" + part
    assert without_repeats("x" * 61) == "x" * 31
    assert without_repeats("") == ""
