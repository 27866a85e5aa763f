"""Traces read piece by piece: the same strictness as the schema, whatever the file holds."""

import base64
import copy
import csv
import json
import math
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bftui.core.errors import InputError
from bftui.trace import schema
from bftui.trace.branch_names import branches, letters
from bftui.trace.diff.trace_comparison import compare
from bftui.trace.document import Trace, read
from bftui.trace.nodes import checked_node
from bftui.trace.reading import TraceFile
from bftui.trace.trace_table import COLUMNS, document, exported
from tests.report_traces import full_trace
from tests.schemas import node_fields
from tests.unit.test_trace import BYTES, LOGITS, make_trace


@pytest.fixture
def trace(tmp_path):
    make_trace(BYTES, [0.0, 1.0, 0.5, 0.7], LOGITS).save(tmp_path / "t.json")
    return tmp_path / "t.json"


def parts(file):
    """Everything in a trace file, as one document."""
    whole = file.outline.model_dump(mode="json", by_alias=True)
    return {
        **whole,
        "nodes": list(file.nodes()),
        "actions": list(file.actions()),
        "measurements": list(file.measurements()),
    }


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.binary(max_size=9), min_size=5, max_size=5),
    st.lists(st.floats(0, 1), max_size=30),
    st.lists(st.floats(-30, 30, width=32), min_size=5, max_size=5),
)
@example([bytes(range(256)), b"\xff", b"\xc3", b"", b'"\\'], [0.0, 1.0], [0.0] * 5)
def test_what_is_read_in_pieces_is_what_was_written(tmp_path_factory, tokens, shape, logits):
    path = tmp_path_factory.mktemp("t") / "t.json"
    made = make_trace(tokens, shape, logits)
    made.save(path)
    written = json.loads(path.read_text("utf-8"))
    file = TraceFile(path)
    assert parts(file) == written
    assert [file.token_bytes(int(i)) for i in written["tokens"]] == [
        tokens[int(i)] for i in written["tokens"]
    ]
    tree = file.tree()
    assert [node_fields(tree, n) for n in range(len(tree))] == written["nodes"]
    assert json.loads("".join(document(file))) == written


def test_a_chain_of_100000_nodes_is_read(tmp_path):
    make_trace(BYTES, [1.0] * 100_000, LOGITS).save(tmp_path / "deep.json")
    file = TraceFile(tmp_path / "deep.json")
    assert file.count == len(file.outline.path) == 100_001
    assert file.links.depths()[100_000] == 100_000


def test_what_is_read_takes_the_memory_of_its_links(tmp_path):
    make_trace(BYTES, [1.0] * 5_000, LOGITS).save(tmp_path / "long.json")
    tracemalloc.start()
    file = TraceFile(tmp_path / "long.json")
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept / file.count < 200
    assert most < 16 << 20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
NODE = make_trace(BYTES, [0.0, 1.0], LOGITS).as_dict()["nodes"][2]
PLACES = [
    (field,) for field in NODE
] + [("next", field) for field in NODE["next"]] + [
    ("next", "top", "ids"), ("next", "top", "logprobs"), ("next", "top", "ids", 0),
    ("next", "top", "logprobs", 0), ("drawn_under",), ("new",), ("next", "log_kept"),
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES), JSON | st.sampled_from([2**31, 1e308, -0.0, 0, 1, True, "sampled"]))
def test_no_node_passes_that_the_schema_refuses(place, value):
    node = copy.deepcopy(NODE)
    at = node
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    try:
        model = schema.TraceNode.model_validate(node)
    except ValidationError:
        with pytest.raises((ValidationError, ValueError)):
            checked_node(node)
        return
    try:
        found = checked_node(node)
    except ValueError:
        # Fields that nobody knows may hold what JSON cannot.
        assert place == ("new",)
        return
    assert found == model.model_dump(mode="json", by_alias=True)


def test_fields_may_come_in_any_order_and_with_blanks(trace, tmp_path):
    whole = json.loads(trace.read_text())
    turned = dict(reversed(whole.items()))
    (tmp_path / "o.json").write_text("\ufeff" + json.dumps(turned, indent=2))
    assert parts(TraceFile(tmp_path / "o.json")) == whole


def test_unknown_fields_survive_reading_and_writing(trace, tmp_path):
    whole = json.loads(trace.read_text())
    whole["later"] = {"deep": [1, {"é": None}]}
    whole["nodes"][1]["attention"] = [0.5, None]
    whole["model"]["licence"] = "MIT"
    whole["actions"][0]["by"] = "hand"
    (tmp_path / "n.json").write_text(json.dumps(whole))
    assert json.loads("".join(document(TraceFile(tmp_path / "n.json")))) == whole
    assert read(tmp_path / "n.json").model_dump(mode="json", by_alias=True) == whole


def test_an_older_trace_gets_what_it_lacks(trace, tmp_path):
    whole = json.loads(trace.read_text())
    for field in ("prompts", "folded", "draws"):
        del whole[field]
    for node in whole["nodes"]:
        if node["next"] is not None:
            del node["next"]["hill2"]
    (tmp_path / "old.json").write_text(json.dumps(whole))
    file = TraceFile(tmp_path / "old.json")
    assert (file.outline.prompts, file.outline.folded) == ([], [])
    assert file.outline.draws == 4, "no draw may come twice"
    assert math.isnan(file.tree().next(0).collision)


def test_candidates_beyond_the_tree_s_own_number_are_cut_there_only(trace, tmp_path):
    whole = json.loads(trace.read_text())
    whole["model"]["n_vocab"] = 100
    whole["tokens"] = {str(i): {"text": "x", "bytes": "eA=="} for i in range(100)}
    whole["nodes"][0]["next"]["top"] = {"ids": list(range(80)), "logprobs": [-5.0] * 80}
    (tmp_path / "n.json").write_text(json.dumps(whole))
    file = TraceFile(tmp_path / "n.json")
    assert len(next(file.nodes())["next"]["top"]["ids"]) == 80
    assert len(file.tree().next(0).top_ids) == 50


def places(value, at=()):
    """Where something stands in a document; of lists the first items."""
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value[:3])
    for key, inner in items:
        if isinstance(inner, dict | list):
            yield from places(inner, (*at, key))
        else:
            yield (*at, key)


def alike(document):
    """A document that was read, with every field that may be left out where it is null."""
    pair = [document, *([document["partner"]] if document.get("partner") else [])]
    for prompt in (*(each["prompt"] for each in pair), *document.get("prompts", [])):
        prompt.setdefault("scores", None)
    for node in document["nodes"]:
        node.setdefault("drawn_under", None)
        partner = node.setdefault("partner", None)
        for found in (node["next"], partner and partner["next"]):
            if found:
                found.setdefault("hill2", None)
    document.setdefault("partner", None)
    return document


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return json.loads(full_trace(tmp_path_factory.mktemp("full")).read_text("utf-8"))


ODD = st.sampled_from([
    None, True, 0, 1, -1, 7, 2**31, 2**63, 10**400, 0.5, -0.0, -1e-7, 1e30, -1e308, 1e308, "", "x",
    "0", "\x1b[31m\n", "=1", "AA==", "sampled", [], {}, [-1], [None], [10**400], {"a": 1},
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10_000), ODD | JSON), min_size=1, max_size=2), st.booleans()
)
def test_a_changed_trace_is_read_as_it_stands_or_refused_in_one_line(
    full, tmp_path_factory, changes, gone
):
    damaged = copy.deepcopy(full)
    for number, value in changes:
        known = list(places(damaged))
        place = known[number % len(known)]
        at = damaged
        for key in place[:-1]:
            at = at[key]
        if gone:
            del at[place[-1]]
        else:
            # A copy: the next change may be within it.
            at[place[-1]] = copy.deepcopy(value)
    path = tmp_path_factory.mktemp("d") / "d.json"
    path.write_text(json.dumps(damaged), encoding="utf-8", errors="surrogatepass")
    try:
        file = TraceFile(path)
        tree = file.tree()
        rows = "".join(exported(file, "csv"))
        found = compare(file, file)
    except InputError as error:
        line = error.line()
        assert "\n" not in line
        assert len(line) < 400
        assert str(path) in line
        return
    assert found.same
    assert rows.count("\n") == file.count + 1
    assert all(json.dumps(node_fields(tree, n), allow_nan=False) for n in range(len(tree)))
    written = json.loads("".join(document(file)))
    for field in ("prompts", "folded", "draws"):
        damaged.setdefault(field, written[field])
    assert alike(written) == alike(damaged)


def text_of(change):
    """The text of a document with a change in it."""

    def damage(whole):
        change(whole)
        return json.dumps(whole)

    return damage


def cut(share):
    return lambda whole: json.dumps(whole)[: int(share * len(json.dumps(whole)))]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        *[(cut(share / 20), "is not JSON") for share in range(1, 20)],
        (lambda w: json.dumps(w) + "x", "behind the end"),
        (lambda w: json.dumps(w).replace("{", '{"format":"bftui-trace",', 1), "comes twice"),
        (lambda w: json.dumps(w).replace('"nodes": [', '"nodes": [' + "[" * 10**6), "too deeply"),
        (text_of(lambda w: w.update(x=float("nan"))), "NaN is not a number"),
        (text_of(lambda w: w["nodes"][1].update(x=float("inf"))), "Infinity is not a number"),
        (lambda w: json.dumps(w).replace('"draws": 4', '"draws": 1e999'), "too large"),
        (lambda w: json.dumps(w).replace('"draws": 4', '"draws": ' + "9" * 5000), "digits"),
        (lambda w: json.dumps(w).replace('"draws": 4', '"draws": ' + "9" * 50), "draws"),
        (lambda w: json.dumps(w).replace('"rank": 2', '"rank": 1e3'), "rank"),
        (text_of(lambda w: w.update(x="\ud800")), "half a character"),
        (text_of(lambda w: w["actions"][0].update(op="\ud800", args={})), "half a character"),
        (text_of(lambda w: w["nodes"][2].update(token_id=99)), "99"),
        (text_of(lambda w: w["nodes"][2]["next"]["top"]["ids"].__setitem__(0, 99)), "99"),
        (text_of(lambda w: w["prompt"]["token_ids"].append(99)), "99"),
        (text_of(lambda w: w["tokens"].pop("3")), "tokens: 3 occurs"),
        (text_of(lambda w: w["tokens"]["3"].update(bytes="?")), "base64"),
        (text_of(lambda w: w["tokens"].update(x={"text": "", "bytes": ""})), "tokens"),
        (text_of(lambda w: w["nodes"][2].update(parent=2)), "parent 2"),
        (text_of(lambda w: w["nodes"][2].update(parent=3)), "parent 3"),
        (text_of(lambda w: w["nodes"].pop(2)), "stands at place"),
        (text_of(lambda w: w.update(nodes=[])), "nodes"),
        (text_of(lambda w: w.update(nodes={})), "not a list"),
        (text_of(lambda w: w.pop("actions")), "actions: Field required"),
        (text_of(lambda w: w["actions"][0].update(node=9)), "only 5 nodes"),
        (text_of(lambda w: w["actions"][0].update(at_ms="x")), "actions.0.at_ms"),
        (text_of(lambda w: w["model"].update(n_vocab=10**30)), "model.n_vocab"),
        (text_of(lambda w: w["model"].update(n_vocab="5")), "model.n_vocab"),
        (text_of(lambda w: w["samplers"][0].update(top_k=True)), "top_k"),
        (text_of(lambda w: w["nodes"][1].update(eog=1)), "nodes.1.eog"),
        (lambda w: b"\xff\xfe".decode("latin1"), "is not JSON"),
    ],
)
def test_bad_traces_are_one_clear_line(trace, damage, says):
    text = damage(json.loads(trace.read_text()))
    trace.write_text(text, errors="surrogatepass")
    for reading in (TraceFile, read):
        with pytest.raises(InputError) as raised:
            reading(trace)
        line = raised.value.line()
        assert says in line
        assert str(trace) in line
        assert "\n" not in line
        assert len(line) < 400


def test_bytes_that_are_no_text_are_named(trace):
    data = trace.read_bytes()
    trace.write_bytes(data[:300] + b"\xff" + data[300:])
    with pytest.raises(InputError, match=r"not UTF-8.*, at byte 300$"):
        TraceFile(trace)


def test_a_file_that_never_ends_is_not_read_to_its_end(trace, monkeypatch):
    monkeypatch.setattr("bftui.trace.stream.ITEM", 1 << 20)
    whole = json.loads(trace.read_text())
    whole["nodes"][1]["x"] = "a" * (8 << 20)
    trace.write_text(json.dumps(whole))
    with pytest.raises(InputError, match=r"nodes\.1: a value of more than 1 MiB"):
        TraceFile(trace)


def test_no_file_and_no_regular_file_are_named(tmp_path):
    for path in (tmp_path / "none", tmp_path, "/dev/zero"):
        with pytest.raises(InputError, match="cannot read"):
            TraceFile(path)


def test_exports_hold_every_node(trace):
    file = TraceFile(trace)
    rows = list(csv.DictReader("".join(exported(file, "csv")).splitlines(keepends=True)))
    lines = [json.loads(line) for line in "".join(exported(file, "jsonl")).splitlines()]
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(lines) == file.count
    for row, line, node in zip(rows, lines, file.nodes(), strict=True):
        assert int(row["id"]) == line["id"] == node["id"]
        assert line["depth"] == file.links.depths()[node["id"]]
        if node["next"] is None:
            assert row["bf"] == ""
            assert line["bf"] is line["top"] is None
        else:
            assert float(row["bf"]) == line["bf"] == node["next"]["bf"]
            assert line["top"] == node["next"]["top"]
        assert row["on_path"] == str(line["on_path"]).lower()
    assert rows[0]["text"] == file.outline.prompt.text


FORMULAS = [b"=1+1", b"+cmd|x", b"-2+3", b"@SUM(A1)", "＝1".encode()]


@pytest.mark.parametrize("spelled", [FORMULAS, [b"a,b", b'"', b"\n", b"\r\n\x00", b"\xff\xe2"]])
def test_no_cell_of_a_csv_is_a_formula_and_no_byte_is_lost(spelled, tmp_path):
    made = make_trace(spelled, [1.0] * 5, LOGITS)
    hostile = {**made.head["prompt"], "text": "=HYPERLINK(1)\nnext\x00"}
    replace(made, head={**made.head, "prompt": hostile}).save(tmp_path / "f.json")
    file = TraceFile(tmp_path / "f.json")
    text = "".join(exported(file, "csv"))
    assert text.replace("\n", "").isprintable()
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    assert [base64.b64decode(row["bytes"]) for row in rows[1:]] == spelled
    assert rows[0]["text"] == "'=HYPERLINK(1)⏎next␀"
    assert not any(row["text"].startswith(tuple("=+@＝")) for row in rows)
    lines = [json.loads(line) for line in "".join(exported(file, "jsonl")).split("\n")[:-1]]
    assert lines[0]["text"] == "=HYPERLINK(1)\nnext\x00"
    for line, node in zip(lines, file.nodes(), strict=True):
        after = node["next"] or {}
        own = {k: v for k, v in node.items() if k not in ("next", "partner")}
        assert {name: line[name] for name in (*after, *own)} == {**after, **own}


def test_exports_say_which_prompt_and_which_branch(tmp_path):
    file = TraceFile(full_trace(tmp_path))
    lines = [json.loads(line) for line in "".join(exported(file, "jsonl")).splitlines()]
    named = branches(file.links.parents)
    for line in lines:
        root = line["id"]
        while file.links.parents[root] >= 0:
            root = file.links.parents[root]
        assert file.links.roots[line["prompt"]] == root
        assert line["position"] == (line["depth"] - 1 if line["depth"] else None)
        number = named[line["id"]]
        assert line["branch"] == (letters(number) if number >= 0 else None)
    assert {line["prompt"] for line in lines} == set(range(len(file.links.roots)))
    for line in lines:
        sampler = file.samplers[line["sampler"]]
        assert (line["temperature"], line["top_p"]) == (sampler.temperature, sampler.top_p)
    assert {line["top_p"] for line in lines} == {0.9, 0.6}
    seen = [line for line in lines if line["partner_rank"] is not None]
    assert any(line["partner_next"] for line in seen), "what the partner said is there as well"


def test_a_trace_written_again_is_the_same_to_the_byte(tmp_path, trace):
    file = TraceFile(trace)
    head = {"format": "bftui-trace", "version": 1}
    whole = file.outline.model_dump(mode="json", by_alias=True)
    head.update({name: whole[name] for name in schema.Head.model_fields})
    tail = {name: whole[name] for name in ("path", "marks", "pruned")}
    tail["actions"] = list(file.actions())
    tail["measurements"] = list(file.measurements())
    tail.update({name: whole[name] for name in ("prompts", "folded", "draws")})
    tree = file.tree()
    Trace(head, tail, tree, len(tree), file.token_bytes).save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == trace.read_bytes()
