"""A trace held against a model: every node once, few passes, and drift as small as the backends promise."""

from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bftui
from bftui.session.records.trace_check import COARSE, FINE, Checking, branches, tolerance_for
from bftui.session.session import Session
from bftui.trace.reading import TraceFile
from tests.families import family_directory, family_gguf
from tests.groups import TORCH
from tests.tables import table

pytestmark = TORCH

WAYS = {"reference": "bpe", "llama-cpp": "bpe", "transformers": "bpe"}
LIBRARIES = {"llama-cpp": "llama_cpp", "transformers": "torch"}


@given(st.lists(st.floats(0, 1), max_size=40))
def test_every_node_is_in_one_slice_of_a_path(shares):
    parents = array("i", [-1])
    for place, share in enumerate(shares):
        parents.append(-1 if share > 0.95 else min(place, int(share * (place + 1))))
    found = list(branches(parents))
    assert sorted(node for branch in found for node in branch) == list(range(len(parents)))
    seen = {-1}
    for branch in found:
        assert parents[branch[0]] in seen, "what comes before it was evaluated"
        assert all(parents[b] == a for a, b in pairwise(branch))
        seen.update(branch)
    leaves = set(range(len(parents))) - set(parents)
    assert {branch[-1] for branch in found} == leaves, "one slice a branch"


def opened(backend, folder):
    if backend in LIBRARIES:
        pytest.importorskip(LIBRARIES[backend])
    if backend == "transformers":
        source = folder / "directory"
        if not source.exists():
            family_directory(source, "bpe")
    else:
        source = folder / "model.gguf"
        if not source.exists():
            family_gguf(source, "bpe")
    return bftui.open_model(str(source), backend=backend, threads=1, dtype="auto")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.mark.parametrize("made", WAYS)
def test_float32_traces_hold_on_their_backend_and_on_others(made, folder, tmp_path, monkeypatch):
    # No other test has measured the noise floor of these models.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with opened(made, folder) as model:
        session = Session(model, "The river rises", seed=2, ignore_eos=True)
        for _ in range(20):
            session.step()
        for back in (15, 5):
            session.back(back)
            session.force(" the bridge")
            for _ in range(8):
                session.step()
        session.set_sampler(temperature=0.5)
        session.trace().save(tmp_path / "t.json")
    file = TraceFile(tmp_path / "t.json")
    for other in WAYS:
        with opened(other, folder) as model:
            before = model.client.evaluated()
            job = Checking(model, file, FINE)
            job.finish()
            passes = len(list(branches(file.links.parents)))
            length = file.count + len(file.outline.prompt.token_ids)
            assert model.client.evaluated() - before <= length + 2 * passes
        recorded = file.outline.model.model_dump(mode="json")
        assert tolerance_for(recorded, model.info) == (FINE if made == other else COARSE)
        assert job.checked == file.count
        assert job.entropy.most <= (1e-5 if made == other else 1e-4)
        assert job.logprob.most <= 1e-4
        assert not job.different or made != other


def test_ends_that_were_forced_past_are_compared_where_anything_was_said(tmp_path):
    with bftui.open_model(table(tmp_path / "m.json", default={"</s>": 0.5, " a": 0.5})) as model:
        session = Session(model, "x", seed=1)
        session.force(ids=[3])
        session.force(ids=[1])
        assert session.ended
        session.force(" the")
        session.goto(0)
        session.force(ids=[1])
        session.set_prompt("another")
        session.greedy()
        session.trace().save(tmp_path / "t.json")
        job = Checking(model, TraceFile(tmp_path / "t.json"), FINE)
        job.finish()
    assert job.checked == len(session.tree)
    assert not job.different
    assert job.entropy.count == sum(
        session.tree.entropies(n) is not None for n in range(job.checked)
    )
    assert job.logprob.count == job.checked - 2


def test_long_branches_are_checked_in_pieces_with_the_same_result(tmp_path, monkeypatch):
    with bftui.open_model(table(tmp_path / "m.json", eog=[])) as model:
        session = Session(model, "x", seed=1)
        for _ in range(30):
            session.step()
        session.trace().save(tmp_path / "t.json")
        results = []
        for size in (512, 7, 1):
            monkeypatch.setattr("bftui.session.records.trace_check._PIECE", size)
            job = Checking(model, TraceFile(tmp_path / "t.json"), FINE)
            shares = []
            while job.advance():
                shares.append(job.share)
            results.append(job.result())
            assert shares == sorted(shares)
    assert results[0] == results[1] == results[2]
