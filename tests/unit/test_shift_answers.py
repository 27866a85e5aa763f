"""One model's answer read by the other: what is written, how far it is read, and what the document says of it."""

import base64
import json
import math

import pytest

from bftui.core.errors import BackendCrashed, ContextFull, ModelError, UsageError
from bftui.core.noise_floor import Noise
from bftui.measures.nudging.nudging_runs import PairedPrompt
from bftui.measures.shift.shift_reading import Shift
from bftui.measures.shift.shift_runs import Answered, ShiftRuns, output
from bftui.model.loaded_model import open_model
from bftui.model.model_pair import Pair
from bftui.model.noise_cache import Recorded
from bftui.model.prompt import Prompt
from bftui.results.codec import encode
from tests.tables import BYTES, WORDS, table

LETTERS = ["<s>", "</s>", *({"bytes": byte} for byte in BYTES), " th", "it"]

ALIGNED = {
    "default": {"</s>": 0.9},
    "rules": {"x": {" Sure": 0.9}, " Sure": {" Here": 0.9}, " Here": {" red": 0.9}},
}
"""Answers " Sure Here red" to "x", and ends. The base puts " red" after " Here" at rank 3 of few."""

BASE = {
    "default": {"</s>": 0.5, " red": 0.2},
    "rules": {
        "x": {" the": 0.4, " a": 0.3, " I": 0.1, " Sure": 0.05},
        " Sure": {" Here": 0.97},
        " Here": {" is": 0.5, " a": 0.3, " red": 0.1},
    },
}


@pytest.fixture
def pair(tmp_path):
    """Opens two tables with changes of the partner's; closes them."""
    models = []

    def open_(base=None, partner=None, *, worker=False):
        for changes in ({**BASE, **(base or {})}, {**ALIGNED, **(partner or {})}):
            path = table(tmp_path / f"t{len(models)}.json", **changes)
            models.append(open_model(path, worker=worker))
        return Pair(models[-2], models[-1])

    yield open_
    for model in models:
        model.close()


def document(*asked):
    return encode(output(*asked))


def read(pair, **asked):
    job = Shift(pair, pair.contexts(Prompt("x"), Prompt("x")), **asked)
    job.finish()
    return job


def test_the_aligned_answer_is_looked_up_in_the_base(pair):
    job = read(pair())
    assert [(each.text, each.compared.base.rank, each.kind) for each in job.positions] == [
        (b" Sure", 4, "shifted"),
        (b" Here", 1, "unshifted"),
        (b" red", 3, "marginal"),
        (b"</s>", 1, "unshifted"),
    ]
    assert [each.position for each in job.positions] == [0, 1, 2, 3]
    assert [each.compared.partner.rank for each in job.positions] == [1, 1, 1, 1]
    assert job.positions[0].compared.base.prob == pytest.approx(0.05, abs=1e-6)
    assert (job.ended, job.share) == ("eog", 1.0)
    found = job.shares()
    assert (found.unshifted, found.marginal, found.shifted) == (0.5, 0.25, 0.25)


def test_an_end_is_an_end_whichever_token_says_it(pair):
    """The base ends with </s>, and puts the partner's <s> at the end of its ranking."""
    both = {"eog": [0, 1]}
    ends = {"rules": {**ALIGNED["rules"], " red": {"<s>": 0.9}}, **both}
    last = read(pair(both, ends)).positions[-1]
    assert (last.text, last.compared.base.rank, last.kind) == (b"<s>", 1, "unshifted")
    assert last.compared.kl_partner_base is None
    own = read(pair({**ends, "default": ALIGNED["default"]}, ends)).positions[-1]
    assert (own.compared.base.rank, own.compared.kl_partner_base) == (1, 0.0)


def test_the_bases_answer_is_looked_up_in_the_aligned_model(pair):
    job = read(pair(), author="base")
    assert [(each.text, each.compared.base.rank, each.kind) for each in job.positions] == [
        (b" the", 1, "marginal"),
        (b"</s>", 1, "unshifted"),
    ]


def test_an_answer_ends_at_the_limit_or_is_given(pair):
    both = pair()
    cut = read(both, max_tokens=2)
    assert (cut.ended, len(cut.positions)) == ("length", 2)
    ids = both.partner.tokenize(" Here red")
    given = read(both, token_ids=ids)
    assert (given.ended, [each.text for each in given.positions]) == ("given", [b" Here", b" red"])
    for wrong in ({"token_ids": []}, {"max_tokens": 0}):
        with pytest.raises(UsageError):
            read(both, **wrong)


def test_an_answer_ends_before_a_stop_string_of_its_template(pair):
    rules = {":": {" red": 0.9}, " red": {"\n": 0.9}, "\n": {"Q": 0.9}, "Q": {":": 0.5}}
    both = pair({"rules": rules, "default": {}})
    contexts = both.contexts(Prompt("x", template="page"), Prompt("x", template="page"))
    job = Shift(both, contexts, author="base")
    job.finish()
    assert (job.ended, [each.text for each in job.positions]) == ("stop", [b" red"])


@pytest.mark.parametrize("tight", ["base", "partner"])
def test_an_answer_is_read_as_far_as_both_contexts_go(pair, tight):
    # "<s>x" and two tokens more; the token after them is still read.
    job = read(pair(**{tight: {"n_ctx": 4}}))
    assert (job.ended, len(job.positions), len(job.answer)) == ("context", 3, 3)
    both = pair(**{tight: {"n_ctx": 1}})
    with pytest.raises(ContextFull):
        read(both)


def test_a_prompt_without_room_names_the_model(pair):
    both = pair({"n_ctx": 1, "name": "narrow"})
    with pytest.raises(ContextFull, match="narrow"):
        read(both)


def test_another_vocabulary_is_read_as_text(pair):
    both = pair({"tokens": LETTERS, "default": {}, "rules": {}})
    job = read(both)
    assert both.by == "text"
    assert [each.text for each in job.positions] == [b" Sure", b" Here", b" red", b"</s>"]
    assert all(each.compared.js is None for each in job.positions)
    assert job.positions[0].kind == "unshifted", "all tokens of that base are equally good"
    found = document(both, [Answered("a", job)], "partner")
    assert (found["hand_over"]["by"], found["positions"][0]["js"]) == ("text", None)


def test_a_greedy_answer_that_ends_in_half_a_character_loses_it(pair):
    half = base64.b64encode("é".encode()[:1]).decode()
    # After " red" all tokens are equally good, and the first one is half a character.
    partner = {
        "tokens": [{"bytes": half}, "<s>", "</s>", *WORDS, *({"bytes": byte} for byte in BYTES)],
        "bos": 1,
        "eog": [2],
        "rules": {"x": {" red": 0.9}},
        "default": {},
    }
    job = read(pair(partner=partner), max_tokens=2)
    assert job.pair.by == "text"
    assert (job.ended, [each.text for each in job.positions]) == ("length", [b" red"])


# Many prompts ------------------------------------------------------------------------------------------------------


def questions(*names):
    return [PairedPrompt(name, Prompt("x"), Prompt("x")) for name in names]


def test_the_document_has_the_fields_of_the_contract(pair):
    both = pair()
    job = ShiftRuns(
        both, questions("a", "b"), author="partner", max_tokens=8, answers={"b": " red"}
    )
    job.finish()
    assert job.share == 1.0
    found = document(both, job.found, "partner")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["unshifted"] + found["marginal"] + found["shifted"] == pytest.approx(1)
    assert found["n"] == len(found["positions"]) == 5
    assert {"prompt", "position", "text", "base_rank", "base_prob", "kl_aligned_base",
            "kl_base_aligned", "js"} <= set(found["positions"][0])  # fmt: skip
    assert [each["prompt"] for each in found["positions"]] == ["a"] * 4 + ["b"]
    assert found["most_shifted"] == [{"text": " Sure", "count": 1}, {"text": " red", "count": 1}]
    assert [each["ended"] for each in found["answers"]] == ["eog", "given"]
    assert [mean["n"] for mean in found["by_position"]] == [2, 1, 1, 1]
    assert found["by_position"][0]["shifted"] == 1.0
    assert found["intervals"]["shifted"][0] <= found["shifted"] <= found["intervals"]["shifted"][1]
    assert found["models"]["base"]["name"] == found["models"]["aligned"]["name"] == "orchard"
    assert found["text"] == "aligned"


def test_what_has_no_probability_is_null_and_no_infinity(pair):
    both = pair({"rules": {"x": {" the": 1.0}}, "default": {}})
    found = document(both, [Answered("a", read(both, max_tokens=1))], "partner")
    position = found["positions"][0]
    assert (position["base_prob"], position["kl_aligned_base"]) == (0.0, None)
    assert position["js"] > 0.6
    json.dumps(found, allow_nan=False)


def test_a_failure_names_the_prompt_and_what_is_finished_stays(pair):
    # One look for the seam, then answers of the partner alone count.
    both = pair(partner={"faults": [{"at": 9, "kind": "error"}]})
    job = ShiftRuns(both, questions("a", "b", "c"), author="partner", max_tokens=8)
    with pytest.raises(ModelError, match=r"\(prompt [bc]\)"):
        job.finish()
    assert [each.id for each in job.found] in (["a"], ["a", "b"])
    assert all(each.shift.done for each in job.found)


def test_a_model_that_dies_in_the_middle_keeps_what_is_finished(pair):
    both = pair(partner={"faults": [{"at": 9, "kind": "crash"}]}, worker=True)
    job = ShiftRuns(both, questions("a", "b", "c"), author="partner", max_tokens=8)
    with pytest.raises(BackendCrashed):
        job.finish()
    assert job.found
    assert document(both, job.found, "partner")["n"] == 4 * len(job.found)


# The noise floor ---------------------------------------------------------------------------------------------------


def floor(logit_sd: float) -> Recorded:
    return Recorded(Noise(64, 32, logit_sd, 3 * logit_sd, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))


def test_a_class_nearer_to_another_than_the_floor_says_so_and_stays(pair):
    """In the base " red" is third after " Here": .1 beside the .3 of " a", and far above all others."""
    both = pair()
    assert [each.within_noise for each in read(both).positions] == [False] * 4
    # The class of a token changes where its logit moves by ln 3 and by ln 5; those of the others by more.
    gap = math.log(0.5 / 0.1)
    for share, within in ((0.45, False), (0.55, True)):
        both.base.floor = floor(share * gap)
        both.partner.floor = floor(100.0)
        job = read(both)
        assert job.positions[2].kind == "marginal"
        assert job.positions[2].within_noise is within
        assert job.within_noise == sum(each.within_noise for each in job.positions)
        found = document(both, [Answered("x", job)], "partner")
        assert found["within_noise"] == job.within_noise == found["answers"][0]["within_noise"]
        assert [each["within_noise"] for each in found["positions"]] == [
            each.within_noise for each in job.positions
        ]
        assert found["marginal"] == 0.25, "the classes stay"


def test_a_greedy_token_that_is_not_the_best_of_its_own_pass_is_within_the_floor(pair):
    both = pair()
    greedy = read(both)
    other = greedy.answer[:1] + tuple(both.partner.tokenize(" a")) + greedy.answer[2:]
    written = Shift(both, greedy.contexts)
    # As if the library had said something else while the answer was written.
    written.answer, written.ended = other, "eog"
    written.finish()
    assert [each.within_noise for each in written.positions] == [False, True, True, False]
    given = read(both, token_ids=other)
    assert not any(each.within_noise for each in given.positions), "that is what was given"
