"""A response in looks: what each says, that stopping and going on change nothing, and the same by other arithmetic."""

import json
import math
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bftui
from bftui.core.draws import prefix_key
from bftui.core.errors import UsageError
from bftui.measures.response import Response
from bftui.measures.response_state import Setup
from bftui.results.codec import decode, encode
from bftui.results.response_result import ResponseResult
from bftui.session.records.resume import read_saved, resume
from bftui.session.session import Session
from bftui.trace.journal import Journal
from tests.groups import STATISTICS, Later
from tests.schemas import validate
from tests.tables import even_table, table

stats = Later("scipy.stats")

BRIEF = Setup(looks=(2, 4, 6), horizon=6, others=False)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    with bftui.open_model(even_table(tmp_path_factory.mktemp("table") / "t.json")) as opened:
        yield opened


@pytest.fixture(scope="module")
def orchard(tmp_path_factory):
    with bftui.open_model(table(tmp_path_factory.mktemp("table") / "o.json")) as opened:
        yield opened


@pytest.fixture(scope="module")
def practice():
    with bftui.open_model("practice", backend="reference") as opened:
        yield opened


def on(model, prompt, **changes):
    return Session(model, prompt, **{"top_p": 1.0, **changes})


def started(session, text=" Sure", setup=BRIEF):
    return session.experiments.start_response(text, setup=setup)


# What looks say ------------------------------------------------------------------------------------------------


def test_a_text_that_leaves_no_choice_narrows_at_the_first_look(model):
    found = on(model, "", seed=1).respond(" Sure", looks=[4, 8], horizon=6)
    result = encode(found.result())
    assert (result["verdict"], result["reason"]) == ("narrows", None)
    assert [each["samples"] for each in result["looks"]] == [4]
    assert (result["samples"], result["horizon"]) == (4, 6)
    assert result["forced"]["bf"] == pytest.approx(1)
    assert result["forced"]["logprob"] == pytest.approx(math.log(1 / 16), abs=1e-6)
    kinds = {each["kind"]: each for each in result["controls"]}
    # This vocabulary cannot write the neutral openings.
    assert list(kinds) == ["matched", "free", "random", "top1"]
    assert len(kinds["matched"]["texts"]) == 12
    assert " Sure" not in kinds["matched"]["texts"]
    assert kinds["free"]["texts"] == [""]
    assert result["delta"] == pytest.approx(-math.log(kinds["matched"]["bf"]))
    assert result["delta_ci"][1] < 0
    assert "drawn" not in result


def test_a_text_like_any_other_has_no_effect_at_the_last_look(model):
    """Each word is followed by sixteen of the same chance, whichever it is."""
    found = on(model, " w3", seed=1).respond(" w5", looks=[2, 4], horizon=6, others=False)
    assert [each.verdict for each in found.looks] == ["undecided", "no effect"]
    assert found.result().verdict == "no effect"
    assert found.result().delta == pytest.approx(0, abs=1e-6)


def test_too_few_controls_give_no_verdict(model):
    found = on(model, " Half").respond(" w0", looks=[2], horizon=2, others=False)
    result = encode(found.result())
    assert (result["verdict"], len(result["controls"][0]["texts"])) == ("undecided", 1)
    assert "8 are needed" in result["reason"]
    asked = on(model, "").respond(" w0", looks=[2], horizon=2, controls=3, others=False)
    assert "only 3 matched controls were asked for" in asked.result().reason


def test_a_text_without_any_like_it_is_undecided(model):
    found = on(model, " w1").respond(" Sure", looks=[2], horizon=2, others=False)
    result = encode(found.result())
    assert result["forced"]["logprob"] is None
    assert (result["verdict"], result["delta"], result["match"]) == ("undecided", None, None)
    assert "about as improbable" in result["reason"]
    json.dumps(result, allow_nan=False)


def test_before_the_first_look_there_is_a_ratio_and_no_verdict(model):
    job = started(on(model, ""))
    with pytest.raises(UsageError, match="nothing is known"):
        job.result()
    while not job.measured or not job.result().by_horizon:
        assert job.stored() is None or job.measured
        job.advance()
    job.close()
    result = job.result()
    assert (result.verdict, result.delta, result.looks) == (None, None, ())
    (told,) = result.by_horizon[:1]
    assert (told.tokens, told.samples >= 1) == (4, True)
    assert told.ratio == pytest.approx(1 / 16, rel=0.5)
    assert result.forced.bf == pytest.approx(1)
    assert job.ratio == result.by_horizon[-1].ratio


def test_with_several_texts_no_look_ends_it_early(model):
    setup = Setup(looks=(2, 4), horizon=4, others=False, early=False)
    job = started(on(model, ""), setup=setup)
    job.finish()
    assert [each.verdict for each in job.looks] == ["narrows", "narrows"]


@pytest.mark.parametrize("count", [1, 2])
def test_stopping_after_a_look_gives_what_a_person_saw_who_stopped_there(orchard, count):
    session = Session(orchard, "Name", seed=3)
    stopped = session.respond(
        " red", looks=[2, 4, 6], horizon=6, others=False, stop_after=count
    ).result()
    job = started(session, " red")
    while len(job.looks) < count:
        job.advance()
    job.close()
    assert encode(job.result()) == encode(stopped)
    assert len(stopped.looks) == count
    assert stopped.reason == f"look {count} of 3: more samples can tell"
    # And the planned looks are what they would have been.
    job.go_on()
    job.finish()
    assert job.looks[:count] == list(stopped.looks)


def test_what_is_added_makes_estimates_and_no_verdict(orchard):
    job = started(Session(orchard, "Name", seed=3), " red")
    job.finish()
    before = job.result()
    assert (len(before.looks), before.extended) == (3, None)
    job.extend(9, 12)
    job.finish()
    after = job.result()
    assert (after.extended.samples, after.extended.horizon) == (9, 12)
    assert [each.tokens for each in after.by_horizon] == [4, 8, 12]
    for name in ("looks", "verdict", "delta", "delta_ci", "p", "noise_ci", "reason", "forced"):
        assert getattr(after, name) == getattr(before, name)
    # It draws what a longer one would have drawn.
    whole = started(Session(orchard, "Name", seed=3), " red", Setup((9,), 12, others=False))
    whole.finish()
    assert job.stored().result.drawn == whole.stored().result.drawn
    assert after.extended.delta == pytest.approx(whole.result().delta)


def test_other_kinds_of_controls_can_come_later(model):
    session = on(model, " w3")
    job = started(session, " w5")
    job.finish()
    assert [each.kind for each in job.result().controls] == ["matched"]
    job.widen()
    job.finish()
    whole = session.respond(" w5", looks=[2, 4, 6], horizon=6)
    assert encode(job.result()) == encode(whole.result())


# Texts of all kinds --------------------------------------------------------------------------------------------


def test_a_horizon_past_the_context_is_refused_and_says_what_fits(tmp_path):
    with bftui.open_model(table(tmp_path / "t.json", n_ctx=20, default={" a": 0.5})) as small:
        session = Session(small, " the")
        with pytest.raises(UsageError, match="past the end of the context") as refused:
            session.respond(" a", looks=[2], horizon=18)
        assert "room for 17" in refused.value.line()
        assert session.respond(" a", looks=[2], horizon=17, others=False).result().horizon == 17


def test_a_text_of_200_tokens_has_controls_of_its_length(orchard):
    ids = orchard.tokenize(" red" * 200)
    job = Session(orchard, "Name").experiments.start_response(
        ids=ids, setup=Setup((2,), 4, 8, others=False)
    )
    job.finish()
    texts = [each.token_ids for each in job.stored().result.drawn]
    # A table that ends one text in 25 tokens leaves none of 200.
    assert texts == [tuple(ids)]
    assert job.result().verdict == "undecided"


def test_long_controls_are_drawn_to_their_end(tmp_path):
    endless = table(tmp_path / "t.json", n_ctx=300, default={"</s>": 0.0, " a": 0.4, " red": 0.4})
    with bftui.open_model(endless) as opened:
        ids = opened.tokenize(" red" * 200)
        job = Session(opened, "Name").experiments.start_response(
            ids=ids, setup=Setup((2,), 4, 8, others=False)
        )
        job.finish()
        texts = [each.token_ids for each in job.stored().result.drawn]
    assert len(texts) == len(set(texts)) == 9
    assert {len(each) for each in texts} == {200}


def test_a_text_that_ends_itself_is_measured_up_to_its_end(tmp_path):
    ends = table(tmp_path / "t.json", rules={" Sure": {"</s>": 1.0}})
    with bftui.open_model(ends) as opened:
        found = Session(opened, "Name").respond(" Sure", looks=[2], horizon=8, others=False)
    assert (found.result().forced.ended, found.result().forced.bf) == (1.0, pytest.approx(1))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "either a text or ids"),
        ({"text": " a", "ids": [5]}, "either a text or ids"),
        ({"text": ""}, "no text to force"),
        ({"ids": [1]}, "ends the generation"),
        ({"text": " w1", "controls": 0}, "controls"),
        ({"text": " w1", "looks": []}, "do not grow"),
        ({"text": " w1", "looks": [4, 4]}, "do not grow"),
        ({"text": " w1", "looks": [12, 4]}, "do not grow"),
        ({"text": " w1", "looks": [4, 12], "stop_after": 3}, "stop-after"),
        ({"text": " w1", "horizon": 0}, "horizon"),
    ],
)
def test_responses_that_make_no_sense_are_refused(model, arguments, says):
    with pytest.raises(UsageError, match=says):
        on(model, "").respond(**arguments)


# Stopping and going on -----------------------------------------------------------------------------------------

PAUSES = st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=8)
WHOLE = Setup(looks=(2, 5), horizon=9, controls=8)


@settings(max_examples=25, deadline=None)
@given(PAUSES)
def test_stopped_anywhere_it_finds_the_same_bytes(orchard, pauses):
    """Stopped and taken up again in the same run, or read from what a trace keeps of it."""
    whole = started(Session(orchard, "Name", seed=3), " red", WHOLE)
    whole.finish()
    session = Session(orchard, "Name", seed=3)
    job = started(session, " red", WHOLE)
    for pieces, stored in pauses:
        for _ in range(pieces):
            job.advance()
        job.close()
        if stored and (kept := job.stored()) is not None:
            fields = json.loads(json.dumps(encode(kept.result)))
            job = resumed(session, job, decode(ResponseResult, fields))
        else:
            job.go_on()
    job.finish()
    assert json.dumps(encode(job.stored().result)) == json.dumps(encode(whole.stored().result))


def resumed(session, job, known):
    """The response that another run of the program goes on with."""
    site = session.model_tree.site(job.node)
    return Response(site, job.token_ids, job._neutral, job.setup, known)


def test_an_older_trace_that_kept_no_samples_is_measured_again(orchard):
    session = Session(orchard, "Name", seed=3)
    job = started(session, " red")
    job.finish()
    old = resumed(session, job, job.result())
    assert (old.state, old.measured) == (None, False)
    old.finish()
    assert encode(old.result()) == encode(job.result())


def test_what_is_left_is_what_each_continuation_may_still_draw(orchard):
    """Counted by hand after every step; the table ends texts early."""
    job = started(Session(orchard, "Name", seed=3), " red")
    while job.advance():
        if job.state is None:
            continue
        rows = [row for text in job.state.stored() for row in text.samples]
        drawn = sum(len(row.token_ids) for row in rows)
        open_ = sum(6 - len(row.token_ids) for row in rows if row.finish == "length")
        assert job.tokens == drawn
        assert job.to_draw() == (0 if job.decided else open_)


def test_what_is_left_only_falls(practice):
    job = Session(practice, "Q: Name a fruit.\nA:").experiments.start_response(
        " Sure",
        setup=Setup(looks=(2, 4), horizon=8, others=False),
    )
    job.rate = 500.0
    shares, lefts = [], []
    while job.advance():
        shares.append(job.share)
        lefts.append(job.left)
    assert shares == sorted(shares)
    assert lefts == sorted(lefts, reverse=True)
    assert (job.share, job.left) == (1.0, None)


# The trace -----------------------------------------------------------------------------------------------------


class Lines(list):
    """A journal in memory."""

    def write(self, record):
        self.append(record)


def test_a_response_is_in_the_trace_once(model):
    lines = Lines()
    session = Session(model, " w3", top_p=1.0, journal=lines)
    brief = {"looks": [2, 4], "horizon": 4}
    session.respond(" w5", others=False, **brief)
    session.lookahead(2)
    whole = session.respond(" w5", **brief)
    # What is asked for with less takes nothing from the trace.
    session.respond(" w5", others=False, **brief)
    session.respond(" w6", others=False, **brief)
    document = session.trace().as_dict()
    validate(document)
    kept = document["measurements"]
    assert [each["kind"] for each in kept] == ["response", "lookahead", "response"]
    assert kept[0]["result"] == encode(whole.stored().result)
    assert [line["place"] for line in lines if "measurement" in line] == [0, 1, 0, 0, 2]


def test_what_a_trace_holds_is_not_drawn_again(model):
    session = on(model, " w3")
    first = session.respond(" w5", looks=[2, 4], horizon=4, others=False)
    again = session.experiments.start_response(" w5", setup=Setup((2, 4), 4, others=False))
    assert (again.tokens, again.decided) == (first.tokens, True)
    again.finish()
    assert (again.seconds < 1, again.tokens) == (True, first.tokens)
    assert encode(again.result()) == encode(first.result())


# By other arithmetic -------------------------------------------------------------------------------------------


def kept_of(logits, top_p):
    """P~ at temperature 1 in float64, over all ids: softmax, then the nucleus with the token that crosses its mass."""
    x = np.asarray(logits, np.float64)
    p = np.exp(x - x.max())
    p /= p.sum()
    order = np.lexsort((np.arange(len(p)), -x))
    inside = int(np.searchsorted(np.cumsum(p[order]), top_p)) + 1
    truncated = np.zeros_like(p)
    truncated[order[:inside]] = p[order[:inside]]
    return truncated / truncated.sum()


def drawn_by_hand(logits_of, prefix, number, horizon, seed, top_p, ends):
    """One control continuation: (ids, entropies), its draws by Philox and each token by walking up the kept ids."""
    key = prefix_key(prefix)
    path, ids, entropies = list(prefix), [], []
    for t in range(horizon):
        truncated = kept_of(logits_of(path), top_p)
        positive = truncated[truncated > 0]
        counter = np.array([t, number, key, 0], np.uint64)
        u = np.random.Generator(np.random.Philox(key=[seed, 2], counter=counter)).random()
        above = np.cumsum(truncated) > u
        chosen = int(above.argmax()) if above.any() else int(truncated.nonzero()[0][-1])
        ids.append(chosen)
        entropies.append(float(-(positive * np.log(positive)).sum()))
        path.append(chosen)
        if chosen in ends:
            break
    return ids, entropies


@pytest.mark.parametrize("which", ["orchard", "practice"])
def test_the_tokens_after_the_forced_text_are_the_draws_of_the_contract(which, request):
    model = request.getfixturevalue(which)
    prompt, text = {"orchard": ("Name", " Sure"), "practice": ("Q: Name a fruit.\nA:", " Sure")}[
        which
    ]
    session = Session(model, prompt, seed=11, top_p=0.9)
    job = started(session, text, Setup((3,), 7, 8, others=False))
    job.finish()
    forced = job.stored().result.drawn[0]
    prefix = [*session.tree.token_ids(0), *job.token_ids]
    assert (forced.kind, forced.token_ids) == ("forced", job.token_ids)
    for number, sample in enumerate(forced.samples):
        ids, entropies = drawn_by_hand(
            model.client.backend.next_logits, prefix, number, 7, 11, 0.9, model.info.eog_ids
        )
        assert list(sample.token_ids) == ids
        assert list(sample.entropy) == pytest.approx(entropies, abs=1e-5)


def across(values, alpha):
    """Half the width of the interval of one more text, and the mean of those that there are."""
    scale = np.std(values, ddof=1) * math.sqrt(1 + 1 / len(values))
    return stats.t.ppf(1 - alpha / 2, len(values) - 1) * scale, float(np.mean(values))


def noise_of(rows, alpha):
    """Half the width of the interval by sampling alone; rows are the means of each text's samples."""
    count = len(rows) - 1
    parts = [np.var(rows[0], ddof=1) / len(rows[0])]
    parts += [np.var(row, ddof=1) / len(row) / count**2 for row in rows[1:]]
    return stats.t.ppf(1 - alpha / 2, len(rows[0]) - 1) * math.sqrt(sum(parts))


@STATISTICS
@pytest.mark.parametrize("which", ["orchard", "practice"])
def test_all_numbers_follow_from_what_was_drawn(which, request):
    model = request.getfixturevalue(which)
    prompt = {"orchard": "Name", "practice": "Q: Name a fruit.\nA:"}[which]
    job = started(
        Session(model, prompt, seed=5), " I", Setup((3, 6), 12, others=False, early=False)
    )
    job.finish()
    result = job.stored().result
    drawn = [[np.array(each.entropy) for each in text.samples] for text in result.drawn]
    assert [each.kind for each in result.drawn] == ["forced", *["matched"] * 12]
    assert len(result.looks) == 2
    for look, samples in zip(result.looks, (3, 6), strict=True):
        rows = [[float(each[:12].mean()) for each in text[:samples]] for text in drawn]
        logs = [float(np.mean(row)) for row in rows]
        half, middle = across(logs[1:], 0.05 / 2)
        delta = logs[0] - middle
        noise = noise_of(rows, 0.05 / 2)
        assert look.samples == samples
        assert look.delta == pytest.approx(delta)
        assert look.delta_ci == pytest.approx((delta - half, delta + half))
        assert look.noise_ci == pytest.approx((delta - noise, delta + noise))
    last = result.looks[-1]
    assert (result.delta, result.delta_ci, result.noise_ci) == (
        last.delta,
        last.delta_ci,
        last.noise_ci,
    )
    assert result.forced.bf == pytest.approx(math.exp(logs[0]))
    assert result.controls[0].bfs == pytest.approx([math.exp(each) for each in logs[1:]])
    assert [each.tokens for each in result.by_horizon] == [4, 8, 12]
    for told in result.by_horizon:
        rows = [[float(each[: told.tokens].mean()) for each in text] for text in drawn]
        delta = np.mean(rows[0]) - np.mean([np.mean(row) for row in rows[1:]])
        noise = noise_of(rows, 0.05)
        assert (told.samples, told.ratio) == (6, pytest.approx(math.exp(delta)))
        assert told.noise_ci == pytest.approx((math.exp(delta - noise), math.exp(delta + noise)))


@pytest.mark.parametrize("form", ["journal", "trace"])
@pytest.mark.parametrize("pieces", [11, 13, 16])
def test_a_session_that_is_resumed_goes_on_with_what_was_drawn(orchard, tmp_path, form, pieces):
    whole = started(Session(orchard, "Name", seed=3), " red")
    whole.finish()
    with closing(Journal(tmp_path / "sessions")) as journal:
        session = Session(orchard, "Name", seed=3, journal=journal)
        job = started(session, " red")
        for _ in range(pieces):
            job.advance()
        job.close()
        session.experiments.keep(job)
    path = journal.path
    if form == "trace":
        path = tmp_path / "trace.json"
        session.trace().save(path)
    again = started(resume(orchard, read_saved(path)), " red")
    assert (again.tokens, list(again.looks)) == (job.tokens, list(job.looks))
    assert 0 < again.tokens < whole.tokens
    again.finish()
    # A trace rounds to six decimals.
    for one, other in zip(again.stored().result.drawn, whole.stored().result.drawn, strict=True):
        assert [each.token_ids for each in one.samples] == [
            each.token_ids for each in other.samples
        ]
        assert [each.finish for each in one.samples] == [each.finish for each in other.samples]
        for mine, theirs in zip(one.samples, other.samples, strict=True):
            assert mine.entropy == pytest.approx(theirs.entropy, abs=1e-6)
    assert again.result().verdict == whole.result().verdict
    assert again.result().delta == pytest.approx(whole.result().delta, abs=1e-5)


@pytest.mark.parametrize("form", ["journal", "trace"])
@pytest.mark.parametrize("pieces", [0, 3])
def test_what_was_added_goes_on_to_what_was_asked_for_where_it_is_resumed(
    orchard, tmp_path, form, pieces
):
    whole = started(Session(orchard, "Name", seed=3), " red")
    whole.finish()
    whole.extend(9, 12)
    whole.finish()
    with closing(Journal(tmp_path / "sessions")) as journal:
        session = Session(orchard, "Name", seed=3, journal=journal)
        job = started(session, " red")
        job.finish()
        job.extend(9, 12)
        for _ in range(pieces):
            job.advance()
        job.close()
        session.experiments.keep(job)
    path = journal.path
    if form == "trace":
        path = tmp_path / "trace.json"
        session.trace().save(path)
    again = started(resume(orchard, read_saved(path)), " red")
    assert again.tokens == job.tokens < whole.tokens
    again.finish()
    found = again.result().extended
    assert (found.samples, found.horizon) == (9, 12)
    assert found.delta == pytest.approx(whole.result().extended.delta, abs=1e-5)
    assert again.tokens == whole.tokens


def test_a_trace_that_does_not_say_what_was_asked_for_is_read(orchard):
    job = started(Session(orchard, "Name", seed=3), " red")
    job.finish()
    job.extend(9, 12)
    job.finish()
    fields = encode(job.stored().result)
    assert fields.pop("asked") == [9, 12]
    older = decode(ResponseResult, fields)
    assert (older.asked, older.beyond) == (None, (9, 12))
    # And what is printed is what it was.
    assert "asked" not in encode(job.result())
