"""Tokens of one vocabulary in another: meant is the token that the other's tokenizer writes."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from bftui.backends.client.client_protocol import ModelClient
from bftui.backends.shared.vocabulary import Vocabulary, byte_characters, vocabulary_sha256
from bftui.core.sampler import Sampler
from bftui.model.counterparts import NO_TOKEN, Counterparts, Spelling
from bftui.model.loaded_model import Model, open_model
from bftui.model.model_pair import Contexts, Pair
from bftui.model.prompt import Rendered
from bftui.session.partner.rank_order import partner_order
from bftui.session.records.recorded_model import info_of
from tests.tables import table

ALPHABET = "ab,. é漢"
END = "</s>"


@dataclass(frozen=True)
class Vocab:
    """A tokenizer of the library, the bytes of its tokens, and which of them are none of the text's."""

    tokenizer: Tokenizer
    pieces: Sequence[bytes]
    special: frozenset[int]


class Spelled:
    """A client that can only spell."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab
        self._vocabulary = Vocabulary(vocab.pieces, special_ids=vocab.special)
        fields = dict.fromkeys(("library", "source", "architecture", "dtype", "kv", "device"), "")
        known: dict[str, Any] = {
            **fields,
            "name": "spelled",
            "backend": "table",
            "n_vocab": len(vocab.pieces),
            "n_ctx": 64,
            "threads": 1,
            "sha256": None,
            "tokenizer_sha256": vocabulary_sha256(vocab.pieces),
        }
        self.info = info_of(known)
        object.__setattr__(self.info, "special_ids", vocab.special)
        object.__setattr__(self.info, "eog_ids", vocab.special)

    def token_bytes(self) -> list[bytes]:
        return list(self._vocab.pieces)

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        def literal(plain: str, special: bool) -> list[int]:
            ids: list[int] = self._vocab.tokenizer.encode(plain, add_special_tokens=False).ids
            return ids

        return self._vocabulary.tokenize(text, literal, special=special)


@st.composite
def vocabs(draw: st.DrawFn) -> Vocab:
    """BPE over bytes, or over characters with a token for each byte as SentencePiece has; with tokens added to it.

    Byte tokens stand before or behind the others, and some of what is added is there already under another id.
    """
    fallback = draw(st.booleans())
    if fallback:
        units = [draw(st.permutations(ALPHABET.replace(" ", "\u2581")))[:6], []]
        units[1] = [f"<0x{byte:02X}>" for byte in range(256)]
        tokens = [END, *(token for part in draw(st.permutations(units)) for token in part)]
        singles = units[0]
    else:
        characters = byte_characters()
        tokens = [END, *draw(st.permutations(sorted(characters)))]
        spelled = {byte: character for character, byte in characters.items()}
        singles = [spelled[byte] for byte in ALPHABET.encode()]
    merges: list[tuple[str, str]] = []
    parts = list(singles)
    for _ in range(draw(st.integers(0, 12))):
        pair = draw(st.sampled_from(parts)), draw(st.sampled_from(parts))
        joined = "".join(pair)
        if joined in tokens:
            continue
        tokens.append(joined)
        merges.append(pair)
        parts.append(joined)
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: i for i, token in enumerate(tokens)},
            merges=merges,
            byte_fallback=fallback,
            fuse_unk=False,
        )
    )
    if fallback:
        tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
        tokenizer.decoder = decoders.ByteFallback()
        pieces = [
            bytes([int(t[3:5], 16)])
            if len(t) == 6 and t.startswith("<0x")
            else t.replace("\u2581", " ").encode()
            for t in tokens
        ]
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        pieces = [END.encode(), *(bytes(characters[c] for c in t) for t in tokens[1:])]
    for text in draw(st.lists(st.text(ALPHABET, min_size=1, max_size=3), unique=True, max_size=3)):
        token = AddedToken(text, normalized=False)
        if fallback and text in tokens:
            # The library would give it the id that it has.
            continue
        tokenizer.add_tokens([token])
        if tokenizer.token_to_id(text) == len(pieces):
            pieces.append(text.encode())
    # Ids that nothing writes: a control token, and one of the file's that only has the bytes of another.
    control = len(pieces)
    pieces += [b",", draw(st.sampled_from(pieces[1:]))]
    return Vocab(tokenizer, pieces, frozenset((0, control)))


def spelled(vocab: Vocab) -> Model:
    return Model(cast(ModelClient, Spelled(vocab)))


@settings(max_examples=60, deadline=None)
@given(vocabs())
def test_a_token_stands_for_its_bytes_where_the_tokenizer_writes_it(vocab: Vocab) -> None:
    spelling = Spelling(spelled(vocab))
    for data in {*vocab.pieces, b"no token", b"\xff\xfe"}:
        ids = [
            i for i, piece in enumerate(vocab.pieces) if piece == data and i not in vocab.special
        ]
        found = spelling.token(data)
        assert found in ids or (found, ids) == (NO_TOKEN, [])
        try:
            text = data.decode()
        except UnicodeDecodeError:
            continue
        written = vocab.tokenizer.encode(text, add_special_tokens=False).ids
        if len(written) == 1 and written[0] in ids:
            assert found == written[0]


@settings(max_examples=40, deadline=None)
@given(vocabs(), vocabs(), st.sampled_from(["base", "partner", None]), st.integers(0, 2**32 - 1))
def test_each_token_of_a_pair_goes_where_its_text_goes(
    one: Vocab, other: Vocab, seam: Any, seed: int
) -> None:
    """Looked up is what the hand-over of the token alone gives; in the order the partner's best comes first."""
    base, partner = spelled(one), spelled(other)
    pair = Pair(base, partner)
    here = Rendered("x", (1,), None, "raw")
    contexts = Contexts(here, here, seam)
    counterparts = Counterparts(pair)
    rng = np.random.default_rng(seed)
    rows = [rng.normal(size=len(vocab.pieces)).astype(np.float32) for vocab in (one, other)]
    for place in (contexts, None):
        counterparts.prepare(place)
        known = counterparts.all(*rows, place)
        for token_id, piece in enumerate(one.pieces):
            own = counterparts.of(token_id, rows[1], place)
            assert own == known.own[token_id]
            if token_id in one.special:
                assert own == max(other.special, key=lambda end: rows[1][end])
                continue
            text = piece if place is None else contexts.turned(piece, "partner")
            if own != NO_TOKEN and pair.by == "text":
                assert other.pieces[own] == text
            try:
                moved = pair.to_partner([token_id], contexts if place else Contexts(here, here))
            except Exception:
                continue
            if len(moved) == 1:
                assert own == moved[0]
        order = partner_order(*rows, known, Sampler())
        meant = [i for i in order.token_ids.tolist() if known.meant[i] and known.own[i] >= 0]
        assert meant == order.token_ids.tolist()[: len(meant)]
        logits = [float(rows[1][known.own[i]]) for i in meant]
        assert logits == sorted(logits, reverse=True)
        # Each of the partner's tokens is meant once at most.
        assert len({int(known.own[i]) for i in meant}) == len(meant)
        assert sorted(order.token_ids.tolist()) == list(range(len(one.pieces)))


def test_the_byte_token_is_not_the_comma() -> None:
    """As in Gemma's vocabulary: `<0x2C>` has a smaller id than `,`."""
    tokens = [END, *(f"<0x{byte:02X}>" for byte in range(256)), *string.punctuation]
    tokenizer = Tokenizer(
        models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=[], byte_fallback=True)
    )
    pieces = [END.encode(), *(bytes([byte]) for byte in range(256))]
    pieces += [sign.encode() for sign in string.punctuation]
    model = spelled(Vocab(tokenizer, pieces, frozenset([0])))
    spelling = Spelling(model)
    assert spelling.token(b",") == tokens.index(",")
    assert spelling.token(b"\x00") == 1
    assert spelling.token(b"\xc3") == 1 + 0xC3
    assert spelling.token(END.encode()) == NO_TOKEN


def test_an_end_is_the_partners_most_probable_one(tmp_path: Path) -> None:
    with (
        open_model(table(tmp_path / "a.json", eog=[1, 5])) as base,
        open_model(table(tmp_path / "b.json", eog=[1, 4, 6])) as partner,
    ):
        counterparts = Counterparts(Pair(base, partner))
        counterparts.prepare(None)
        row = np.zeros(partner.info.n_vocab, dtype=np.float32)
        ours = np.zeros(base.info.n_vocab, dtype=np.float32)
        row[6], ours[5] = 2.0, 1.0
        assert [counterparts.of(end, row, None) for end in (1, 5)] == [6, 6]
        known = counterparts.all(ours, row, None)
        assert (known.meant[1], known.meant[5]) == (False, True)
