"""One pass over the partner's words writes what asking afresh writes, on any two models, and what was published."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.backends.client.client_protocol import TopToken
from bftui.core.errors import ModelError
from bftui.core.pair.nudging_rounds import NudgeSettings, Piece, Token, nudge
from bftui.measures.nudging.nudging_run import Nudging
from bftui.measures.nudging.nudging_runs import NudgedPrompt
from bftui.measures.nudging.nudging_summary import output
from bftui.measures.nudging.nudging_writers import BaseWriter, NudgingSite, PartnerWriter, ids_of
from bftui.model.loaded_model import Model, open_model
from bftui.model.model_pair import Pair
from bftui.model.prompt import Prompt

END = 1
TEXTS = [b" ", b"  ", b" a", b" ab", b"b", b"a b", b"\n", "é".encode(), b"\xc3", b"\xa9", b" a a"]
BYTES = [bytes([byte]) for byte in range(256)]
PROBS = (0.2, 0.39, 0.41, 0.7, 0.95)

tops = st.tuples(st.integers(0, 30), st.sampled_from(PROBS))


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:
    """A model that says something after each token, and something else after some pairs of them."""
    texts = draw(st.permutations(TEXTS)) if draw(st.booleans()) else TEXTS
    encoded = [base64.b64encode(each).decode() for each in dict.fromkeys([*texts, *BYTES])]
    # Rules name tokens by their text, which half a character has none of.
    named = ["<s>", "</s>", ":", *(each.decode() for each in texts if len(each) > 1 or each < b"~")]
    ends = draw(st.floats(0, 0.3))
    rules = {}
    for before in named:
        place, prob = draw(tops)
        # An end comes now and then.
        after = named[1] if draw(st.floats(0, 1)) < ends else named[place % len(named)]
        rules[json.dumps([before])] = {after: prob}
    for _ in range(draw(st.integers(0, 6))):
        pair = [named[draw(st.integers(2, len(named) - 1))] for _ in range(2)]
        place, prob = draw(tops)
        rules[json.dumps(pair)] = {named[place % len(named)]: prob}
    return {
        "tokens": ["<s>", "</s>", *({"bytes": each} for each in encoded)],
        "bos": 0,
        "eog": [END],
        "n_ctx": draw(st.sampled_from([12, 40, 80])),
        "rules": rules,
        "default": {},
    }


class Afresh(BaseWriter):
    """The base asked for a whole draft after each word, of which nothing is known before."""

    def __init__(self, setting: NudgingSite, limit: int) -> None:
        super().__init__(setting)
        self._limit = limit

    def draft(self, written: Sequence[Piece], limit: int) -> Generator[Token, None, None]:
        for best in self._model.client.greedy([*self._prefix, *ids_of(written)], limit):
            yield self._token(best)

    def openings(
        self, written: Sequence[Piece], offers: Sequence[tuple[int, ...]]
    ) -> Iterator[Token]:
        for offer in offers:
            yield next(self.draft([*written, Piece("partner", b"", offer)], self._limit))


class Forgetful(PartnerWriter):
    """The partner asked anew for every look-ahead."""

    def _best(self, prefix: list[int], limit: int) -> Iterator[TopToken]:
        return self._model.client.greedy(prefix, limit)


def outcome(base: Model, partner: Model, chosen: NudgeSettings, *, afresh: bool) -> Any:
    """What was written by whom, and why it ended; or the error."""
    pair = Pair(base, partner)
    asked = Prompt("Q:", template="raw")
    setting = NudgingSite(pair, pair.contexts(asked, asked))
    ours = Afresh(setting, chosen.draft) if afresh else BaseWriter(setting)
    theirs = Forgetful(setting) if afresh else PartnerWriter(setting)
    steps = nudge(ours, theirs, chosen)
    rounds = []
    try:
        while True:
            made = next(steps)
            if made is not None:
                rounds.append(made)
    except StopIteration as end:
        stop = end.value
    except ModelError as error:
        return str(error), rounds
    pieces = [piece for made in rounds for piece in made.pieces]
    assert len(ids_of(pieces)) <= base.info.n_ctx
    for piece in pieces:
        assert b"".join(map(base.token_bytes, piece.token_ids)) == piece.text
        assert END not in piece.token_ids
    return stop, [(made.draft, made.taken, made.pieces) for made in rounds]


@settings(deadline=None, max_examples=60)
@given(
    models(),
    models(),
    st.sampled_from([1, 2, 3, 5, 16]),
    st.sampled_from([0.0, 0.4, 1.0]),
    st.sampled_from([6, 30]),
)
def test_what_is_kept_of_drafts_changes_nothing(
    base: dict[str, Any], partner: dict[str, Any], draft: int, gamma: float, longest: int
) -> None:
    chosen = NudgeSettings(gamma, draft, longest, 20)
    with tempfile.TemporaryDirectory() as folder:
        forms = []
        for name, document in (("base", base), ("partner", partner)):
            path = Path(folder) / f"{name}.json"
            path.write_text(json.dumps(document))
            forms.append(f"table:{path}")
        with open_model(forms[0]) as one, open_model(forms[1]) as other:
            afresh = outcome(one, other, chosen, afresh=True)
            assert outcome(one, other, chosen, afresh=False) == afresh


# As published -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Speaker:
    """Says one thing after another, by the last word of the text; a writer over text alone, and a server's model."""

    rules: dict[str, tuple[str, float]]
    room: int = 10_000
    stops: tuple[bytes, ...] = ()

    def speak(self, text: str, limit: int) -> tuple[list[tuple[str, float]], bool]:
        """At most `limit` tokens with their probabilities, and whether the text then ends."""
        said: list[tuple[str, float]] = []
        while len(said) < limit:
            known = (rule for rule in self.rules if text.endswith(rule))
            token, prob = self.rules.get(max(known, key=len, default=""), ("", 1.0))
            if not token:
                return said, True
            said.append((token, prob))
            text += token
        return said, False

    def draft(self, written: Sequence[Piece], limit: int) -> Generator[Token, None, None]:
        text = b"".join(piece.text for piece in written).decode()
        said, ended = self.speak(text, limit)
        for token, prob in said:
            yield Token(0, token.encode(), prob)
        if ended:
            yield Token(0, b"", 1.0, ends=True)

    def spell(self, text: bytes) -> tuple[int, ...]:
        return tuple(text)

    def openings(
        self, written: Sequence[Piece], offers: Sequence[tuple[int, ...]]
    ) -> Iterator[Token]:
        for offer in offers:
            yield next(self.draft([*written, Piece("partner", bytes(offer), offer)], 1))


def published(
    base: Speaker, partner: Speaker, gamma: float, size: int, rounds: int
) -> tuple[str, list[tuple[str, str]]]:
    """The published algorithm as its description has it, on strings (Fei, Razeghi, Singh; arXiv 2410.09300)."""
    told: list[tuple[str, str]] = []
    last, again = "", 0

    def so_far() -> str:
        return "".join(text for _, text in told)

    for _ in range(rounds):
        wanted, ended = partner.speak(so_far(), size)
        text = "".join(token for token, _ in wanted)
        if ended:
            told += [("partner", text)] if text else []
            return "partner", told
        blanks = text[: len(text) - len(text.lstrip(" "))]
        words = text.lstrip(" ").split(" ")
        taken, count = None, 1
        for count in range(1, len(words)):
            head = blanks + " ".join(words[:count])
            said, _ = base.speak(so_far() + head, size)
            if said and ((" " + words[count]).startswith(said[0][0]) or said[0][1] >= gamma):
                taken = said
                break
        head = blanks + " ".join(words[:count])
        again = again + 1 if head == last else 0
        last = head
        if again == 3:
            return "repeat", told
        told += [("partner", head)]
        if taken is None:
            continue
        output, wrote, draft = so_far(), taken[0][0], taken[1:]
        while True:
            whole = "".join(token for token, _ in draft)
            if whole in wrote:
                break
            unsure = [place for place, (_, prob) in enumerate(draft) if prob < gamma]
            kept = "".join(token for token, _ in draft[: unsure[0] if unsure else None])
            if len(kept.split(" ")) > 5 and kept in output + wrote:
                break
            wrote += kept
            if unsure or len(wrote) > 400:
                break
            draft, _ = base.speak(output + wrote, size)
        told += [("base", wrote)]
    return "rounds", told


SAID = [" a", " b", " c d", "e", " f", "\n", " g h i"]


@st.composite
def speakers(draw: st.DrawFn) -> Speaker:
    token = st.sampled_from(SAID)
    rules = {
        each: (draw(st.sampled_from([*SAID, *SAID, ""])), draw(st.sampled_from(PROBS)))
        for each in SAID
    }
    for _ in range(draw(st.integers(0, 8))):
        rules[draw(token) + draw(token)] = draw(token), draw(st.sampled_from(PROBS))
    rules[""] = draw(token), draw(st.sampled_from(PROBS))
    return Speaker(rules)


@settings(deadline=None, max_examples=300)
@given(speakers(), speakers(), st.sampled_from([1, 2, 3, 8, 16]), st.sampled_from([0.3, 0.4, 0.9]))
def test_texts_are_those_of_the_published_algorithm(
    base: Speaker, partner: Speaker, size: int, gamma: float
) -> None:
    """Word for word and author for author; a base that is sure for ever is cut at another length."""
    stop, told = published(base, partner, gamma, size, 12)
    rounds, found = [], None
    steps = nudge(base, partner, NudgeSettings(gamma, size, 9_000, 12))
    try:
        while True:
            made = next(steps)
            rounds += [] if made is None else [made]
            if any(len(piece.text) > 300 for each in rounds for piece in each.pieces):
                return
    except StopIteration as end:
        found = end.value
    pieces = [(piece.author, piece.text.decode()) for made in rounds for piece in made.pieces]
    assert (found, pieces) == (stop, told)


def test_plain_splits_the_whole_text_anew_at_each_hand_over(tmp_path: Path) -> None:
    """The base writes ` a` and `b`, which its tokenizer writes as ` ab`: what comes after that differs."""
    rules = {
        json.dumps(["<s>"]): {" Sure": 0.9},
        json.dumps([" Sure"]): {" a": 0.9},
        json.dumps([" a"]): {"b": 0.9},
        json.dumps([" a", "b"]): {" one": 0.9},
        json.dumps([" ab"]): {" two": 0.9},
    }
    partner = {
        json.dumps([":"]): {" Sure": 0.9},
        json.dumps([" Sure"]): {" now": 0.9},
        json.dumps([" one"]): {"</s>": 0.9},
        json.dumps([" two"]): {"</s>": 0.9},
    }
    tokens = ["<s>", "</s>", ":", " Sure", " now", " a", "b", " ab", " one", " two"]
    encoded = [{"bytes": base64.b64encode(each).decode()} for each in BYTES]
    document = {"tokens": [*tokens, *encoded], "bos": 0, "eog": [1], "n_ctx": 64, "default": {}}
    forms = []
    for name, said in (("base", rules), ("partner", partner)):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({**document, "rules": said}))
        forms.append(f"table:{path}")
    found = {}
    with open_model(forms[0]) as one, open_model(forms[1]) as other:
        pair = Pair(one, other)
        asked = Prompt("Q:", template="raw")
        setting = NudgingSite(pair, pair.contexts(asked, asked))
        for plain in (False, True):
            job = Nudging(setting, NudgeSettings(draft=2, rounds=2), plain=plain)
            job.finish()
            found[plain] = job.text
            assert job.stored().settings.plain is plain
            split = output(pair, [NudgedPrompt("x", job)]).hand_over.split_anew
            assert split is plain
    assert found == {False: " Sure ab one", True: " Sure ab two"}
