"""The trace: what a session writes is what the schema accepts and the reader gives back."""

import base64
import json
import math
import os
import stat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bftui.core.distribution import Distribution
from bftui.core.errors import InputError, UsageError
from bftui.core.sampler import Sampler
from bftui.core.tree import Source, Tree
from bftui.trace.document import NotSaved, Trace, read, refuse_model
from tests.schemas import validate

MODEL = {
    "name": "m",
    "backend": "table",
    "library": "bftui",
    "source": "m.json",
    "sha256": None,
    "tokenizer_sha256": None,
    "architecture": "table",
    "n_vocab": 5,
    "n_ctx": 16,
    "dtype": "float32",
    "kv": "f32",
    "device": "cpu",
    "threads": 1,
}
PROMPT = {
    "text": "é",
    "system": None,
    "messages": None,
    "template": "raw",
    "rendered": "é",
    "token_ids": [3],
    "scores": None,
}
SAMPLER = {"temperature": 1.0, "top_k": 0, "top_p": 0.9, "min_p": 0.0, "seed": 1}


def make_trace(token_bytes, shape, logits):
    """A trace of a tree: `shape` gives each node's parent as a share of the nodes before it."""
    distribution = Distribution(np.asarray(logits, np.float32), Sampler())
    following = distribution.summary()
    tree = Tree(len(logits))
    tree.add_root([3], following, sampler=0, elapsed_ms=1.5)
    for place, share in enumerate(shape):
        token = place % len(logits)
        tree.add(
            min(place, int(share * (place + 1))),
            distribution.score(token),
            Source.SAMPLED,
            None if token == 0 else following,
            sampler=0,
            draw=place,
            eog=token == 0,
        )
    last = len(tree) - 1
    head = {
        "format": "bftui-trace",
        "version": 1,
        "bftui": "0",
        "created": "2026-01-31T12:00:00Z",
        "model": MODEL,
        "prompt": PROMPT,
        "partner": None,
        "samplers": [SAMPLER],
    }
    tail = {
        "path": tree.path(last),
        "marks": {"a": last},
        "pruned": [],
        "actions": [{"at_ms": 0.0, "op": "step", "args": {}, "node": last}],
        "measurements": [],
        "prompts": [],
        "folded": [last],
        "draws": len(shape),
    }
    return Trace(head, tail, tree, len(tree), lambda i: token_bytes[i])


BYTES = [b"", b"\xff\xfe", "é€".encode(), b"</script>\x1b[31m", bytes(range(256))]
LOGITS = [0.0, 1.0, -2.0, 3.0, -math.inf]


@pytest.fixture
def document():
    return make_trace(BYTES, [0.0, 1.0, 0.5], LOGITS).as_dict()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=40), min_size=5, max_size=5),
    st.lists(st.floats(0, 1), max_size=30),
    st.lists(st.floats(-30, 30, width=32), min_size=5, max_size=5),
)
def test_what_is_written_is_valid_and_reads_back_equal(tmp_path_factory, tokens, shape, logits):
    trace = make_trace(tokens, shape, logits)
    path = tmp_path_factory.mktemp("trace") / "t.json"
    trace.save(path)
    written = json.loads(path.read_text("utf-8"))
    validate(written)
    back = read(path)
    assert back.model_dump(mode="json", by_alias=True) == written
    assert [node["parent"] for node in written["nodes"]] == [
        trace.tree.parent(n) for n in range(trace.count)
    ]
    for key, token in written["tokens"].items():
        assert base64.b64decode(token["bytes"]) == tokens[int(key)]
        assert token["text"].isprintable()


def test_the_numbers_of_a_node_are_those_of_its_distribution(document):
    p = np.exp(np.array(LOGITS) - np.logaddexp.reduce(LOGITS))
    kept = np.sort(p)[::-1][:2] / np.sort(p)[::-1][:2].sum()
    following = document["nodes"][0]["next"]
    entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
    assert following["entropy"] == pytest.approx(entropy, abs=1e-6)
    assert following["bf_full"] == pytest.approx(math.exp(entropy), rel=1e-6)
    assert following["kept"] == 2
    assert following["entropy_truncated"] == pytest.approx(-(kept * np.log(kept)).sum(), abs=1e-6)
    assert following["bf"] == pytest.approx(math.exp(following["entropy_truncated"]), abs=1e-6)
    assert following["hill2"] == pytest.approx(1 / (kept**2).sum(), abs=1e-6)
    assert following["top"]["ids"] == [3, 1, 0, 2], "a token of probability 0 is not a candidate"
    total = np.exp(following["top"]["logprobs"]).sum() + following["tail_mass"]
    assert total == pytest.approx(1, abs=1e-4)
    assert document["nodes"][0]["logprob"] is None
    assert document["nodes"][1]["next"] is None
    assert document["nodes"][1]["eog"] is True
    assert document["nodes"][2]["rank"] == 2
    assert document["nodes"][2]["logprob"] == pytest.approx(math.log(p[1]), abs=1e-6)


def test_a_chain_of_twenty_thousand_nodes_is_written_and_read(tmp_path):
    make_trace(BYTES, [1.0] * 20_000, LOGITS).save(tmp_path / "deep.json")
    back = read(tmp_path / "deep.json")
    assert len(back.nodes) == len(back.path) == 20_001


def test_unknown_fields_are_kept(document, tmp_path):
    document["from_the_future"] = {"a": [1]}
    document["nodes"][0]["attention"] = [0.5]
    (tmp_path / "t.json").write_text(json.dumps(document))
    back = read(tmp_path / "t.json").model_dump(mode="json", by_alias=True)
    assert back["from_the_future"] == {"a": [1]}
    assert back["nodes"][0]["attention"] == [0.5]


def test_a_trace_from_before_hill2_stays_without_it(document, tmp_path):
    for node in document["nodes"]:
        if node["next"] is not None:
            del node["next"]["hill2"]
    (tmp_path / "t.json").write_text(json.dumps(document))
    back = read(tmp_path / "t.json").model_dump(mode="json", by_alias=True)
    assert "hill2" not in back["nodes"][0]["next"]


def damaged(change):
    def damage(document):
        change(document)
        return json.dumps(document)

    return damage


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda d: "", "is not JSON"),
        (lambda d: json.dumps(d)[:-20], "is not JSON"),
        (lambda d: "[" * 100_000, "is not a trace"),
        (lambda d: '{"format":"bftui-trace","x":' + "[" * 100_000, "nested too deeply"),
        (lambda d: "[]", "is not a trace"),
        (damaged(lambda d: d.update(format="x")), "is not a trace"),
        (damaged(lambda d: d.update(version=3)), "trace version 3"),
        (damaged(lambda d: d.update(version="1")), "version"),
        (damaged(lambda d: d.pop("nodes")), "nodes: Field required"),
        (damaged(lambda d: d["nodes"][2].update(parent=3)), "node 2"),
        (damaged(lambda d: d["nodes"][2].update(parent=2)), "node 2"),
        (damaged(lambda d: d["nodes"][2].update(parent=None)), "node 2"),
        (damaged(lambda d: d["nodes"][1].update(sampler=9)), "there is no sampler 9"),
        (damaged(lambda d: d["nodes"][0]["next"].update(entropy=-1)), "nodes.0.next.entropy"),
        (damaged(lambda d: d["nodes"][0]["next"]["top"]["ids"].pop()), "3 ids but 4 logprobs"),
        (damaged(lambda d: d.update(path=[0, 3])), "node 3 does not follow 0"),
        (damaged(lambda d: d["marks"].update(a=99)), "there are only 4 nodes"),
        (damaged(lambda d: d["folded"].append(99)), "folded: there are only 4 nodes"),
    ],
)
def test_damage_is_named(document, tmp_path, damage, says):
    path = tmp_path / "t.json"
    path.write_text(damage(document))
    with pytest.raises(InputError) as raised:
        read(path)
    assert says in raised.value.line()
    assert str(path) in raised.value.line()
    assert "\n" not in raised.value.line()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "none.json")


def test_a_failed_save_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "t.json"
    path.write_text("old")
    trace = make_trace(BYTES, [1.0] * 3000, LOGITS)

    def explode(token_id):
        raise OSError(28, "No space left on device")

    broken = Trace(trace.head, trace.tail, trace.tree, trace.count, explode)
    with pytest.raises(NotSaved, match="No space left on device"):
        broken.save(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["t.json"]


def test_a_saved_trace_has_the_permissions_of_any_file(tmp_path):
    (tmp_path / "plain").touch()
    make_trace(BYTES, [], LOGITS).save(tmp_path / "t.json")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "t.json")}
    assert len(modes) == 1


def test_a_directory_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(NotSaved, match="No such file"):
        make_trace(BYTES, [], LOGITS).save(tmp_path / "none" / "t.json")


@pytest.mark.parametrize("name", ["config.json", "new.json", "linked.json"])
def test_nothing_is_written_into_a_models_directory(name, tmp_path):
    model, outside = tmp_path / "model", tmp_path / "linked.json"
    model.mkdir()
    (model / "config.json").write_text("{}")
    outside.symlink_to(model / "config.json")
    target = outside if name == "linked.json" else model / name
    with pytest.raises(UsageError):
        refuse_model(target, str(model))
    refuse_model(tmp_path / "trace.json", str(model))


def test_no_part_of_a_split_model_is_written_over(tmp_path):
    first, second = (tmp_path / f"m-0000{part}-of-00002.gguf" for part in (1, 2))
    first.write_bytes(b"GGUF")
    second.write_bytes(b"GGUF")
    with pytest.raises(UsageError):
        refuse_model(second, str(first))
