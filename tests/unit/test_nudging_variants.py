"""One pass over the partner's words writes what the published algorithm writes, on any two models."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.core.errors import ModelError
from bftui.core.nudging import NudgeSettings
from bftui.session.model import Model, open_model
from bftui.session.nudging import Nudging
from bftui.session.nudging_writers import Setting
from bftui.session.pair import Pair
from bftui.session.prompt import Prompt

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


def outcome(base: Model, partner: Model, chosen: NudgeSettings, *, plain: bool) -> Any:
    """What was written by whom, and why it ended; or the error."""
    pair = Pair(base, partner)
    asked = Prompt("Q:", template="raw")
    job = Nudging(Setting(pair, pair.contexts(asked, asked)), chosen, plain=plain, measure=False)
    try:
        job.finish()
    except ModelError as error:
        return str(error), job.pieces
    assert job.tokens <= base.info.n_ctx
    for piece in job.pieces:
        assert b"".join(map(base.token_bytes, piece.token_ids)) == piece.text
        assert END not in piece.token_ids
    return job.stop, job.text, [(made.draft, made.taken, made.pieces) for made in job.rounds]


@settings(deadline=None, max_examples=60)
@given(
    models(),
    models(),
    st.sampled_from([1, 2, 3, 5, 16]),
    st.sampled_from([0.0, 0.4, 1.0]),
    st.sampled_from([6, 30]),
)
def test_both_variants_write_the_same(
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
            plain = outcome(one, other, chosen, plain=True)
            assert outcome(one, other, chosen, plain=False) == plain
