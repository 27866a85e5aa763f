"""Two prompts of one model, windows by position, and what injected style does, against the models by themselves."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import bftui
from bftui.core.distribution import Distribution
from bftui.core.errors import ContextFull, UsageError
from bftui.core.pair.injection_numbers import by_position, conditions
from bftui.core.pair.instruction_parts import by_hand, content_alone
from bftui.core.sampler import Sampler, SamplerWindow
from bftui.measures.bulk.sample_store import PartialFile, Store
from bftui.measures.injection import (
    DrawnPacking,
    Injection,
    InjectionAsked,
    parse_positions,
    positions,
)
from bftui.measures.injection_prompts import asked_prompt, rendered_instruction
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt
from bftui.results.codec import decode, encode
from bftui.results.injection_result import InjectionResult
from bftui.results.injection_words import sentence
from bftui.session import commands as c
from bftui.session.records.replicate import Replication, prompt_of, seen_by
from bftui.session.records.resume import read_saved, resume
from bftui.session.records.trace_check import Checking
from bftui.session.session import Session
from bftui.trace.journal import Journal
from bftui.trace.reading import TraceFile
from tests.tables import WORDS, table

A, B = "Q: Name a fruit.\nA:", "Q: Tell me a story.\nA: No.\nQ: Name a fruit.\nA:"
STYLED = Prompt(A, template="raw", styled=B)
SMALL = InjectionAsked(windows=((0, 2), (2, 4), (0, None)), samples=5, after=3)


@pytest.fixture(scope="module")
def one() -> Iterator[Model]:
    with bftui.open_model("practice") as model:
        yield model


@pytest.fixture(scope="module")
def twice() -> Iterator[Model]:
    with bftui.open_model("dial:practice::practice") as model:
        yield model


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[tuple[str, Model]]:
    """A dial of two tables: of the second one another word is usual."""
    usual = [
        table(tmp_path / f"{n}.json", default={**dict.fromkeys(WORDS, 0.05), word: 0.25})
        for n, word in enumerate((" apple", " pear"))
    ]
    form = f"dial:{usual[0]}::{usual[1]}"
    with bftui.open_model(form) as model:
        yield form, model


def numbers(session: Session) -> list[tuple[float, ...]]:
    """H(P), H(P~) and ln P~ of the second candidate after each node of the path."""
    found = []
    for node in session.tree.path(session.cursor):
        following = session.tree.next(node)
        assert following is not None
        found.append((following.entropy, following.entropy_truncated, *following.top_logprobs[:5]))
    return found


TEXT = " Apple. It is teal and goes"


@pytest.mark.parametrize(("weight", "prompt"), [(0.0, A), (1.0, B)])
def test_at_the_ends_it_is_the_model_after_either_prompt_to_the_bit(one, twice, weight, prompt):
    alone = Session(one, Prompt(prompt, template="raw"))
    mixed = Session(twice, STYLED, weight=weight)
    for session in (alone, mixed):
        session.force(TEXT)
    assert numbers(mixed) == numbers(alone)
    assert mixed.rendered.token_ids == tuple(one.render(Prompt(A, template="raw")).token_ids)
    assert mixed.rendered.styled_ids == tuple(one.render(Prompt(B, template="raw")).token_ids)


def test_steps_at_weight_0_are_those_of_the_content_alone(one, twice):
    alone, mixed = Session(one, Prompt(A, template="raw")), Session(twice, STYLED, weight=0.0)
    for session in (alone, mixed):
        for _ in range(8):
            session.step()
    assert mixed.tree.token_ids(mixed.cursor) == alone.tree.token_ids(alone.cursor)


def test_a_window_holds_at_its_positions_and_nowhere_else(one, twice):
    ends = []
    for prompt in (A, B):
        session = Session(one, Prompt(prompt, template="raw"))
        session.force(TEXT)
        ends.append(numbers(session))
    windows = (SamplerWindow(2, 4, (("weight", 1.0),)),)
    mixed = Session(twice, STYLED, weight=0.0, windows=windows)
    mixed.force(TEXT)
    content, style = ends
    # The distribution after a node is that of the token at the next position: after the prompt it is position 0.
    expected = [style[n] if 2 <= n < 4 else content[n] for n in range(len(content))]
    assert numbers(mixed) == expected
    mixed.set_sampler(windows=())
    assert numbers(mixed) == content


def test_between_the_ends_logits_are_mixed(one, twice):
    session = Session(twice, STYLED, weight=0.3, top_p=1.0)
    rows = []
    for prompt in (A, B):
        alone = Session(one, Prompt(prompt, template="raw"))
        rows.append(alone.model.client.logits(alone.model_tree.number, 0).astype(np.float64))
    expected = Distribution(rows[0] + 0.3 * (rows[1] - rows[0]), Sampler(top_p=1.0)).summary()
    found = session.tree.next(0)
    assert found.entropy == pytest.approx(expected.entropy, abs=1e-12)
    assert found.top_ids.tolist() == expected.top_ids.tolist()
    assert found.top_logprobs == pytest.approx(expected.top_logprobs, abs=1e-12)


def test_another_prompt_of_the_same_content_has_its_own_style_and_undo_brings_the_first_back(twice):
    session = Session(twice, STYLED, weight=1.0)
    first = session.tree.next(0).entropy
    session.set_prompt(Prompt(A, template="raw", styled=A + " Sure!"))
    assert session.tree.next(session.cursor).entropy != first
    other = session.cursor
    session.do(c.Goto(0))
    session.step()
    assert session.model_tree.preview(session.sampler, 0).entropy == first
    session.do(c.Goto(other))
    session.undo()
    session.force(" Sure")
    again = Session(twice, STYLED, weight=1.0)
    again.goto(0)
    again.step()
    again.force(" Sure")
    assert numbers(session) == numbers(again)


def test_a_style_needs_a_second_model(one):
    with pytest.raises(UsageError, match="no second condition"):
        Session(one, STYLED)
    session = Session(one, Prompt(A, template="raw"))
    with pytest.raises(UsageError, match="mixes no two conditions"):
        session.inject(SMALL)


def test_what_is_drawn_is_what_the_models_say_by_themselves(tables):
    form, model = tables
    session = Session(model, Prompt(" I like", template="raw"), seed=4)
    job = session.inject(SMALL)
    models = [bftui.open_model(name) for name in form.removeprefix("dial:").split("::")]
    for window in (None, *SMALL.windows):
        weight = 0.0 if window is None else 1.0
        (texts,) = job.texts(window, weight)
        for text in texts:
            ids, prefix = text.token_ids, session.rendered.token_ids
            rows = zip(
                *(list(each.client.path_logits(prefix, ids)) for each in models), strict=True
            )
            for place, (a, b) in enumerate(rows):
                inside = window is not None and (
                    window[0] <= place and (window[1] is None or place < window[1])
                )
                own = Distribution(b if inside else a, session.sampler).summary()
                assert text.numbers.entropy[place] == pytest.approx(
                    own.entropy_truncated, abs=1e-12
                )
                seen = conditions(a, b, ids[place])
                assert text.numbers.content[place] == pytest.approx(seen.content, abs=1e-12)
                assert text.numbers.style[place] == pytest.approx(seen.style, abs=1e-12)
                assert text.numbers.kl[place] == pytest.approx(seen.kl, abs=1e-12)
    for each in models:
        each.close()


def test_texts_are_those_of_the_content_alone_up_to_their_window(twice):
    job = Session(twice, STYLED, seed=2).inject(SMALL)
    (plain,), (late,) = job.texts(None), job.texts((2, 4), 1.0)
    for before, after in zip(plain, late, strict=True):
        assert before.token_ids[:2] == after.token_ids[:2]
        assert before.numbers.entropy[:2] == pytest.approx(after.numbers.entropy[:2], abs=1e-12)
        assert len(after.token_ids) <= 7


def test_texts_of_the_content_alone_are_the_rollouts_of_its_model(one, twice):
    job = Session(twice, STYLED, seed=2).inject(SMALL)
    rolled = Session(one, Prompt(A, template="raw"), seed=2).rollouts(samples=5, horizon=7)
    (plain,) = job.texts(None)
    assert [each.token_ids for each in plain] == [each.token_ids for each in rolled.samples]
    for each, sample in zip(plain, rolled.samples, strict=True):
        assert each.numbers.entropy == pytest.approx(sample.entropy_truncated, abs=1e-9)


def test_the_result_is_judged_after_each_window_and_read_again(twice):
    job = Session(twice, STYLED, seed=2).inject(SMALL)
    found = job.result()
    assert [(w.start, w.stop, w.judged) for w in found.windows] == [
        (0, 2, (2, 5)),
        (2, 4, (4, 7)),
        (0, None, (0, 7)),
    ]
    assert [(each.first, each.second) for each in found.contrasts] == [((0, 2), (2, 4))]
    first, second = found.windows[:2]
    assert found.contrasts[0].delta == pytest.approx(first.delta - second.delta)
    assert first.delta == pytest.approx(math.log(first.found.bf / first.plain.bf))
    (texts,) = job.texts((0, 2), 1.0)
    places = by_position([[each.numbers for each in texts]])
    assert [each.bf for each in places] == [each.bf for each in first.positions]
    assert "style injected early at 0-2" in sentence(found)
    fields = json.loads(json.dumps(encode(found)))
    assert {"from", "to", "weight", "bf", "ci", "style", "content", "kl"} <= fields["windows"][
        0
    ].keys()
    assert decode(InjectionResult, fields) == found


def test_several_instructions_are_each_told_too(tables):
    _, model = tables
    prompts = [
        rendered_instruction(model, content_alone(text), Prompt(template="raw"), text)
        for text in (" I like", " a red")
    ]
    job = Injection(model, prompts, SMALL, Sampler(seed=1))
    job.finish()
    found = job.result()
    assert [each.id for each in found.prompts] == [" I like", " a red"]
    deltas = [each.windows[0].delta for each in found.prompts]
    assert found.windows[0].delta == pytest.approx(sum(deltas) / 2)
    assert job.units == job.units_done == 8


def test_it_goes_on_from_what_was_kept_to_the_same_numbers(twice, tmp_path):
    prompts = [asked_prompt(STYLED, twice.render(STYLED))]
    whole = Injection(twice, prompts, SMALL, Sampler(seed=3))
    whole.finish()
    with PartialFile(tmp_path / "r.json", {}, DrawnPacking()) as store:
        begun = Injection(twice, prompts, SMALL, Sampler(seed=3), store)
        while begun.units_done < 2:
            begun.advance()
        begun.close()
        assert [(w.start, w.stop) for w in begun.result().windows] == [(0, 2)]
    with PartialFile(tmp_path / "r.json", {}, DrawnPacking()) as store:
        evaluated = twice.client.evaluated()
        again = Injection(twice, prompts, SMALL, Sampler(seed=3), store)
        again.advance()
        assert again.units_done == 2
        assert twice.client.evaluated() - evaluated < 60
        again.finish()
    assert again.result() == whole.result()


def test_what_cannot_be_asked_is_refused(twice):
    for wrong in (
        {"windows": ()},
        {"windows": ((0, 4), (0, 4))},
        {"windows": ((4, 4),)},
        {"weights": (1.0, 1.0)},
        {"weights": (99.0,)},
        {"samples": 0},
        {"after": 0},
    ):
        with pytest.raises(UsageError):
            InjectionAsked(**wrong)
    with pytest.raises(ContextFull, match="do not fit the context"):
        Session(twice, STYLED).inject(InjectionAsked(windows=((0, 500),)))
    with pytest.raises(UsageError, match="there is no instruction"):
        Injection(twice, [], SMALL, Sampler(), Store())


def test_windows_are_written_as_they_are_read():
    found = parse_positions("0-8, 8-16,0-")
    assert found == ((0, 8), (8, 16), (0, None))
    assert [positions(each) for each in found] == ["0-8", "8-16", "0-"]
    for text in ("", "8", "a-b", "-8", "0-8,", "0–8"):
        with pytest.raises(UsageError, match="not a window"):
            parse_positions(text)


def test_the_style_is_that_of_the_prompt(twice):
    asked = asked_prompt(STYLED, twice.render(STYLED))
    assert asked.both != asked.content
    whole = by_hand("Name a fruit.", "Be brief.")
    told = rendered_instruction(twice, whole, Prompt(template="raw")).told
    assert (told.content, told.style, told.whole) == ("Name a fruit.", "Be brief.", whole.whole)


def test_a_trace_keeps_the_style_and_is_checked_and_made_again(twice, tmp_path):
    windows = (SamplerWindow(1, 3, (("temperature", 0.5), ("weight", 1.0))),)
    journal = Journal(tmp_path / "kept")
    session = Session(twice, STYLED, seed=5, weight=0.0, windows=windows, journal=journal)
    for _ in range(5):
        session.step()
    session.inject(SMALL)
    session.trace().save(tmp_path / "t.json")
    document = session.trace().as_dict()
    assert document["version"] == 2
    assert document["prompt"]["styled"] == B
    assert set(map(str, document["prompt"]["styled_ids"])) <= document["tokens"].keys()
    trace = TraceFile(tmp_path / "t.json")
    checking = Checking(twice, trace)
    checking.finish()
    assert not checking.different
    assert max(checking.entropy.most, checking.logprob.most) <= 1e-5
    prompt = prompt_of(trace)
    assert prompt == STYLED
    again = Session(twice, prompt, rendered=seen_by(twice, trace, 0))
    again.set_sampler(**trace.samplers[0].settings())
    for _ in Replication(again, trace).actions():
        again.recompute_stale()
    assert again.tree.token_ids(again.cursor) == session.tree.token_ids(session.cursor)
    assert numbers(again) == numbers(session)
    journal.close()
    resumed = resume(twice, read_saved(journal.path))
    for each in (resumed, session):
        each.greedy()
    assert numbers(resumed)[-1] == numbers(session)[-1]
