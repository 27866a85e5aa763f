"""Reports of traces: what is in them, that nothing in a trace is markup, and that any size stays readable."""

import hashlib
import json
import math
import re
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

import bftui
from bftui import cli
from bftui.core.distribution import Distribution
from bftui.core.sampler import Sampler
from bftui.core.tree import Source, Tree
from bftui.session import commands as c
from bftui.trace.document import Trace
from bftui.trace.reading import TraceFile
from bftui.trace.report import branch_rows as b
from bftui.trace.report import content
from bftui.trace.report.palette import DARK, LIGHT
from bftui.trace.report.sections import measurement_sections, pair_sections
from tests.groups import Later, needs, one_process
from tests.report_traces import HOSTILE, full_trace, hostile_trace
from tests.tables import table
from tests.unit.test_trace import BYTES, LOGITS, MODEL, PROMPT, SAMPLER, make_trace

pytestmark = one_process("report")

needs("matplotlib")
figures = Later("matplotlib.figure")
axes = Later("bftui.trace.report.figures.axes")
html_page = Later("bftui.trace.report.html_page")


def inline(picture):
    return axes.inline(picture)


def page(report, version):
    return html_page.page(report, version)


def report_of(file):
    return html_page.report_of(file)


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.attributes, self._in = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]

    def handle_data(self, data):
        if self.tags[-1:] not in (["style"], ["script"]):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def trace(folder):
    return full_trace(folder)


@pytest.fixture(scope="module")
def short(trace, folder):
    """The same without most of its measurements: pictures take their time."""
    fields = document(trace)
    fields["measurements"] = fields["measurements"][:1]
    path = folder / "short.json"
    path.write_text(json.dumps(fields))
    return path


@pytest.fixture(scope="module")
def report(trace):
    return report_of(TraceFile(trace))


@pytest.fixture(scope="module")
def html(report):
    return page(report, "1.2.3")


@pytest.fixture(scope="module")
def drawn(report):
    """Each picture with what it is on a page: drawing one takes its time."""
    return [(picture, inline(picture)) for picture in report.pictures()]


def document(trace):
    return json.loads(trace.read_text())


def changed(trace, tmp_path, change):
    fields = document(trace)
    change(fields)
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(fields))
    return report_of(TraceFile(path))


def long_trace(tmp_path, nodes, *, fork=0):
    """A path of many tokens, with a short branch after every `fork` of them."""
    logits = np.array([0.0, 1.0, 2.0, 0.5, 0.2], np.float32)
    distribution = Distribution(logits, Sampler())
    scored, following = distribution.score(2), distribution.summary()
    tree = Tree(len(logits))
    tree.add_root([3], following, sampler=0, elapsed_ms=1.0)
    last = 0
    while len(tree) < nodes:
        last = tree.add(last, scored, Source.SAMPLED, following, sampler=0, draw=len(tree))
        if fork and last % fork == 1:
            tree.add(last, scored, Source.FORCED, following, sampler=0)
    head = {
        "format": "bftui-trace", "version": 1, "bftui": "0", "created": "2026-01-31T12:00:00Z",
        "model": MODEL, "prompt": PROMPT, "partner": None, "samplers": [SAMPLER],
    }  # fmt: skip
    tail = {
        "path": tree.path(last), "marks": {}, "pruned": [], "actions": [], "measurements": [],
        "prompts": [], "folded": [], "draws": nodes,
    }  # fmt: skip
    path = tmp_path / "long.json"
    Trace(head, tail, tree, len(tree), lambda i: b" t" if i else b"\n").save(path)
    return path


# What stands in it -------------------------------------------------------------------------------------------------


def test_the_page_tells_prompt_settings_models_and_definitions(html, trace):
    fields, text = document(trace), Page(html).text
    assert "Name a fruit:⏎ please" in text
    for said in ("orchard", "other", "temperature 1", "top-p 0.6", "seed 9", "1.2.3", "full.json"):
        assert said in text
    assert fields["model"]["sha256"] in text
    assert "arXiv 2506.17871" in text
    assert "arXiv 2312.01552" in text


def test_where_a_model_lay_is_not_told(html, folder):
    assert str(folder) not in html


def test_every_token_of_the_path_is_shaded_and_says_what_else_might_have_stood_there(report, trace):
    nodes = {node["id"]: node for node in document(trace)["nodes"]}
    path = document(trace)["path"]
    assert [token.position for token in report.content.tokens] == list(range(len(path) - 1))
    for token, node, parent in zip(report.content.tokens, path[1:], path, strict=False):
        before = nodes[parent]["next"]
        assert token.shade == min(7, int(before["entropy"] / 4 * 8))
        assert token.source == nodes[node]["source"]
        said = token.said.split("\n")
        assert f"H {before['entropy']:.2f} nats, BF {before['bf']:.2f}" in token.said
        rows = [line for line in said if re.match(r"[ ►]{1,2} ?\d", line)]
        assert len(rows) == min(8, len(before["top"]["ids"]))
        logprobs = before["top"]["logprobs"][:8]
        assert [line.split()[-3] for line in rows] == [f"{math.exp(p):.4f}" for p in logprobs]
        # P~ is P over its sum over the kept tokens at temperature 1.
        kept = min(before["kept"], 8)
        assert [line.split()[-2] == "–" for line in rows] == [n >= kept for n in range(len(rows))]


def test_bf_along_the_path_is_that_of_the_definition(report, trace):
    nodes = {node["id"]: node for node in document(trace)["nodes"]}
    path = document(trace)["path"]
    mean = np.mean([nodes[node]["next"]["entropy_truncated"] for node in path[:-1]])
    found = report.content.path
    assert found.factor(found.entropy_truncated) == pytest.approx(math.exp(mean))


def test_a_turn_of_the_user_does_not_count_along_the_path(trace, tmp_path):
    def said(fields):
        for node in fields["nodes"]:
            if node["id"] == fields["path"][2]:
                node["source"] = "prompt"

    found = changed(trace, tmp_path, said).content.path
    left = np.delete(found.entropy_truncated[:-1], 1)
    assert found.factor(found.entropy_truncated) == pytest.approx(math.exp(left.mean()))


def test_chosen_tokens_are_listed_with_bf_before_and_after(report):
    path = report.content.path
    places = sorted(path.places("forced") + path.places("nudged"))
    assert [each.position for each in report.content.chosen] == places
    assert path.places("forced")
    for each in report.content.chosen:
        before, after = np.exp(path.entropy_truncated[each.position : each.position + 2])
        assert (each.bf_before, each.bf_after) == pytest.approx((before, after))


def test_the_partner_is_read_at_the_same_places(report, trace):
    nodes = {node["id"]: node for node in document(trace)["nodes"]}
    for place, node in enumerate(document(trace)["path"]):
        view = nodes[node]["partner"]
        assert report.content.path.partner[place] == pytest.approx(
            view["next"]["entropy_truncated"]
        )
        if place:
            assert report.content.path.classes[place - 1] == view["class"]


def test_the_tree_has_a_row_for_each_run_without_a_branch(report, trace):
    fields = document(trace)
    rows = report.branches.rows
    nodes = sorted(node for row in rows for node in row.nodes)
    assert nodes == list(range(len(fields["nodes"])))
    children = [node["parent"] for node in fields["nodes"]]
    for row in rows:
        assert all(children.count(node) == 1 for node in row.nodes[:-1])
        assert row.on_path == (row.nodes[0] in fields["path"])
    marked = next(row for row in rows if row.marks)
    assert fields["marks"]["m"] in marked.nodes
    assert marked.marks == ("m",)
    assert report.branches.count == len(rows) - 1


def test_every_kind_of_measurement_has_numbers_a_picture_and_a_definition(report, html, trace):
    kinds = {each["kind"] for each in document(trace)["measurements"]}
    assert kinds == set(measurement_sections.KINDS)
    assert len(report.measurements) == len(document(trace)["measurements"])
    for section in report.measurements:
        assert section.picture is not None
        assert section.definition is not None
        assert section.said in Page(html).text
    response = next(each for each in document(trace)["measurements"] if each["kind"] == "response")
    section = next(each for each in report.measurements if each.title.startswith("Response"))
    assert response["result"]["verdict"] in section.said
    assert f"{response['result']['forced']['bf']:.2f}" in section.table.rows[0]
    (looks,) = section.further
    assert [row[1] for row in looks.rows] == [str(n) for n in (4, 8)][: len(looks.rows)]
    assert [row[-1] for row in looks.rows] == [
        each["verdict"] for each in response["result"]["looks"]
    ]
    for row in looks.rows:
        assert row[3] in Page(html).text


def test_a_measurement_of_another_kind_or_shape_is_told_as_it_is(trace, tmp_path):
    settings = {each["kind"]: each["settings"] for each in document(trace)["measurements"]}
    results = [{}, {"bf": "x"}, {"bf": 1e999 and 2.0, "samples": []}, {"forced": None}]

    def spoil(fields):
        fields["measurements"] = [
            {"kind": kind, "node": 0, "settings": settings.get(kind, {}), "result": result}
            for kind in (*measurement_sections.KINDS, "other")
            for result in results
        ]

    report = changed(trace, tmp_path, spoil)
    assert len(report.measurements) == measurement_sections.MOST
    count = len(results) * (len(measurement_sections.KINDS) + 1)
    assert report.measured_count == count
    assert all(section.picture is None and section.notes for section in report.measurements)
    assert str(count) in page(report, "1")
    assert report.left_out() == [f"{count - measurement_sections.MOST} measurements are not shown"]


def test_a_fork_leaves_the_line_where_the_path_goes_on(trace, tmp_path):
    report = report_of(TraceFile(long_trace(tmp_path, 60, fork=5)))
    rows = [row for row in report.branches.rows if not row.is_prompt]
    on_path = [row for row in rows if row.on_path]
    assert {row.level for row in on_path} == {1}
    assert [row.goes_on for row in on_path] == [False, *[True] * (len(on_path) - 1)]
    for row in rows:
        if not row.on_path:
            assert (row.level, row.goes_on) == (2, False)
    html = page(report, "1")
    assert html.count('<i class="dim">… </i>') == len(on_path) - 1


def test_how_it_was_made_can_be_done_again(html, trace):
    text = Page(html).text
    assert hashlib.sha256(trace.read_bytes()).hexdigest() in text
    assert "bftui check full.json" in text
    assert "bftui record MODEL --like full.json -o again.json" in text


def test_the_nudged_text_says_how_sure_the_base_was_and_who_wrote(trace, report):
    fields = document(trace)
    nodes = {node["id"]: node for node in fields["nodes"]}
    found = next(each for each in fields["measurements"] if each["kind"] == "nudging")
    ids = [token for piece in found["result"]["pieces"] for token in piece["token_ids"]]
    sure = pair_sections.best_along(report.content, found["node"], ids)
    at = found["node"]
    for token, value in zip(ids, sure, strict=True):
        assert value == pytest.approx(math.exp(nodes[at]["next"]["top"]["logprobs"][0]))
        at = next(
            node["id"]
            for node in fields["nodes"]
            if node["parent"] == at and node["token_id"] == token and node["source"] != "sampled"
        )
    section = next(each for each in report.measurements if each.title == "Nudging")
    nudged = found["result"]["tokens_nudged"]
    assert f"the {nudged} that the partner wrote" in section.picture.caption
    assert "gamma, 0.4" in section.picture.caption


def test_a_nudged_text_that_is_not_in_the_tree_has_no_picture(trace, tmp_path):
    def elsewhere(fields):
        for each in fields["measurements"]:
            if each["kind"] == "nudging":
                for piece in each["result"]["pieces"]:
                    piece["token_ids"] = []

    report = changed(trace, tmp_path, elsewhere)
    section = next(each for each in report.measurements if each.title == "Nudging")
    assert section.picture is None
    assert section.table is not None


def test_who_wrote_what_is_drawn_without_a_measurement_too(trace, tmp_path):
    def written(fields):
        fields["measurements"] = []
        for node in fields["nodes"]:
            if node["id"] in fields["path"][2:4]:
                node["source"] = "nudged"

    report = changed(trace, tmp_path, written)
    assert report.nudge is not None
    assert "gamma" not in report.nudge.caption
    assert "Who wrote what" in page(report, "1")


@pytest.mark.parametrize("ink", [LIGHT, DARK])
def test_text_can_be_read_on_every_shade(ink):
    def light(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear)) + 0.05

    def contrast(one, other):
        low, high = sorted((light(one), light(other)))
        return high / low

    for shade in ink.ramp[:4]:
        assert contrast(ink.text, shade) >= 4.5
    for shade in ink.ramp[4:]:
        assert contrast(ink.ramp_text, shade) >= 4.5
    for colour in (ink.text, ink.dim, ink.accent, ink.forced, ink.good, ink.bad):
        assert contrast(colour, ink.background) >= 4.5


# Pictures ----------------------------------------------------------------------------------------------------------


def test_a_picture_is_the_same_every_time_and_loads_nothing(drawn):
    for picture, svg in drawn:
        assert svg == inline(picture)
        assert not re.search(r'(href|src)="(?!#)', svg)
        root = ElementTree.fromstring(svg)
        assert root.get("aria-label") == picture.caption
        ids = [each.get("id") for each in root.iter() if each.get("id")]
        assert all(name.startswith(f"{picture.name}-") for name in ids)
        for used in re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', svg):
            assert "".join(used) in ids


def test_an_inline_picture_has_the_colours_of_the_page_only(drawn, html):
    for _, svg in drawn:
        assert not re.findall(r"(?:fill|stroke): ?(#\w+)", svg)
    used = set(re.findall(r"var\(--([\w-]+)\)", html))
    assert used <= set(LIGHT.roles())
    assert set(LIGHT.roles()) == set(DARK.roles())
    assert len(set(LIGHT.roles().values())) == len(LIGHT.roles())


@pytest.mark.parametrize("ink", [LIGHT, DARK])
def test_a_picture_file_stands_alone(report, ink):
    picture = report.path
    drawn = axes.rendered(picture, ink, "svg").decode()
    assert "var(" not in drawn
    assert ink.accent in drawn
    assert "<text" not in drawn
    assert axes.rendered(picture, ink, "png").startswith(b"\x89PNG")
    assert axes.rendered(picture, ink, "svg").decode() == drawn
    ElementTree.fromstring(drawn)


def test_a_page_is_the_same_for_the_same_trace(short):
    first, second = (page(report_of(TraceFile(short)), "1") for _ in range(2))
    assert first == second


def test_every_figure_has_a_number_and_its_name(report, html):
    count = len(list(report.pictures()))
    found = re.findall(r"<b>Figure (\d+)\.</b>", html)
    assert [int(each) for each in found] == list(range(1, count + 1))
    assert re.findall(r'data-name="([^"]*)"', html) == [each.name for each in report.pictures()]


# Hostile -----------------------------------------------------------------------------------------------------------


def test_text_of_a_trace_is_never_markup(trace, tmp_path, html):
    hostile = page(report_of(TraceFile(hostile_trace(trace, tmp_path))), "1")
    found, plain = Page(hostile), Page(html)
    assert found.tags.count("script") == 1
    assert not {"img", "h1"} & set(found.tags[found.tags.index("main") :])
    assert set(found.tags) <= set(plain.tags)
    names = {(tag, name) for tag, name, _ in found.attributes}
    assert names <= {(tag, name) for tag, name, _ in plain.attributes}
    assert not any(name.startswith("on") for _, name in names)
    assert HOSTILE[0] in found.text
    assert "{{ 7 * 7 }}" in found.text
    assert not set(hostile) & {"\x00", "\x1b", "\u202e", "\u200b"}


def test_the_policy_of_the_page_allows_its_own_script_only(html):
    policy = next(
        value for tag, name, value in Page(html).attributes if name == "content" and "src" in value
    )
    assert policy.startswith("default-src 'none';")
    assert re.search(r"script-src 'sha256-[\w+/]{43}='", policy)
    assert "://" not in re.sub(r"http://www\.w3\.org/(2000/svg|1999/xlink)", "", html)


# Size and edges ----------------------------------------------------------------------------------------------------


def test_a_long_path_is_cut_and_says_so(tmp_path):
    report = report_of(TraceFile(long_trace(tmp_path, 12_000)))
    html = page(report, "1")
    assert len(html) < 4e6
    assert len(report.content.tokens) == content.FIRST_TOKENS + content.LAST_TOKENS
    assert "7,999 tokens are not written out" in html
    assert "7,999 tokens of the path are not written out" in report.left_out()
    assert "each point of the line is the mean" in html


def test_of_many_branches_those_of_the_path_and_marked_ones_stay(tmp_path):
    report = report_of(TraceFile(long_trace(tmp_path, 3_000, fork=5)))
    rows = report.branches.rows
    assert len(rows) == b.ROWS
    assert report.branches.count > 900
    assert sum(row.on_path for row in rows) == b.ROWS // 2
    assert [row.nodes[0] for row in rows] == sorted(row.nodes[0] for row in rows)
    assert "branches are not shown" in " ".join(report.left_out())
    page(report, "1")


def test_a_session_without_a_token_has_a_report(trace, tmp_path):
    def empty(fields):
        fields["nodes"] = fields["nodes"][:1]
        fields |= {"path": [0], "marks": {}, "actions": [], "measurements": [], "partner": None}
        fields["nodes"][0]["partner"] = None

    report = changed(trace, tmp_path, empty)
    assert "Nothing was written after the prompt." in page(report, "1")
    assert [picture.name for picture in report.pictures()] == ["path"]


def test_the_prompt_is_the_one_of_the_visible_path(tmp_path):
    with bftui.open_model(table(tmp_path / "t.json")) as model:
        session = bftui.Session(model, "First", seed=5)
        session.do(c.Step())
        session.do(c.SetPrompt(c.Prompt("Second")))
        session.do(c.Force(" Sure"))
        session.trace().save(tmp_path / "two.json")
    report = report_of(TraceFile(tmp_path / "two.json"))
    html = page(report, "1")
    assert "<pre>Second</pre>" in html
    assert [row.text for row in report.branches.rows if row.is_prompt] == ["First", "Second"]
    assert report.branches.count == 2
    assert report.content.path.labels == ("·Sure",)


@pytest.mark.parametrize("tokens", [BYTES, [bytes(range(256)), b"\xff", b"\xc3", b"", b'"\\']])
def test_tokens_of_any_bytes_have_a_report(tokens, tmp_path):
    make_trace(tokens, [0.0, 1.0, 1.0, 1.0, 0.5, 0.7, 1.0], LOGITS).save(tmp_path / "t.json")
    report = report_of(TraceFile(tmp_path / "t.json"))
    assert all(token.text for token in report.content.tokens)
    ElementTree.fromstring(inline(report.path))
    page(report, "1")


def test_numbers_at_the_edge_of_what_a_trace_may_hold_are_drawn(trace, tmp_path):
    def widen(fields):
        for place, node in enumerate(fields["nodes"]):
            if node["next"] is not None:
                huge = 22.0 * (place % 2)
                node["next"] |= {"entropy": huge, "entropy_truncated": huge}
            node["logprob"] = None

    report = changed(trace, tmp_path, widen)
    assert "<svg" in page(report, "1")


RESPONSES = {
    "stopped before the first look": {
        "delta": None, "delta_ci": None, "p": None, "verdict": None, "reason": None, "looks": [],
        "by_horizon": [], "noise_ci": None,
    },
    "of an older trace": {
        "verdict": "undecided", "reason": None, "looks": None, "by_horizon": None, "noise_ci": None,
        "match": None, "drawn": None,
    },
    "without anything like it": {"match": None, "controls": [], "delta": None, "delta_ci": None},
    "at the edge": {
        "delta": 1e9, "delta_ci": [-1e9, 1e9],
        "by_horizon": [
            {"tokens": 4, "samples": 1, "ratio": 1e-300, "noise_ci": None},
            {"tokens": 8, "samples": 1, "ratio": 1.0, "noise_ci": [1e-300, 1e300]},
            {"tokens": 16, "samples": 1, "ratio": -1.0, "noise_ci": [-2.0, -3.0]},
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize("changes", RESPONSES.values(), ids=RESPONSES)
def test_a_response_is_told_whatever_is_known_of_it(trace, tmp_path, changes):
    def spoil(fields):
        fields["measurements"] = [
            each for each in fields["measurements"] if each["kind"] == "response"
        ]
        result = fields["measurements"][0]["result"]
        for name, value in changes.items():
            if value is None and name in ("looks", "by_horizon", "drawn", "match"):
                del result[name]
            else:
                result[name] = value

    report = changed(trace, tmp_path, spoil)
    (section,) = report.measurements
    assert "after “·Sure” BF is " in section.said
    assert not any("cannot be drawn" in note for note in section.notes)
    assert "<svg" in page(report, "1")


# The command -------------------------------------------------------------------------------------------------------


def ran(capsys, *arguments):
    code = cli.run([*map(str, arguments)])
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return code, printed.out, printed.err


def test_the_command_writes_the_page_and_its_pictures(short, tmp_path, capsys):
    target, folder = tmp_path / "r.html", tmp_path / "new" / "pictures"
    code, out, err = ran(capsys, "report", short, "-o", target, "--pictures", folder, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert target.read_text("utf-8").startswith("<!doctype html>")
    assert told["bytes"] == target.stat().st_size
    assert sorted(told["pictures"]) == sorted(str(path) for path in folder.iterdir())
    names = {path.name for path in folder.iterdir()}
    assert {"path.svg", "path.png", "tree.svg", "path-shift.png", "1-lookahead.svg"} <= names


def test_a_theme_can_be_held(short, tmp_path, capsys):
    target = tmp_path / "r.html"
    assert ran(capsys, "report", short, "-o", target, "--dark")[0] == 0
    assert '<html lang="en" data-theme="dark">' in target.read_text("utf-8")
    code, _, err = ran(capsys, "report", short, "-o", target, "--dark", "--light")
    assert (code, err.count("\n")) == (2, 1)


def test_what_cannot_be_done_is_one_line(short, tmp_path, capsys):
    before = short.read_bytes()
    for code, *arguments in (
        (2, short, "-o", short),
        (2, short),
        (4, tmp_path / "none.json", "-o", tmp_path / "r.html"),
        (1, short, "-o", tmp_path),
        (1, short, "-o", tmp_path / "r.html", "--pictures", short),
    ):
        found, out, err = ran(capsys, "report", *arguments)
        assert (found, out, err.count("\n")) == (code, "", 1), err
    assert short.read_bytes() == before
    assert not (tmp_path / "r.html").exists()


def test_without_the_plotting_library_the_line_says_how_to_get_it(
    trace, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = ran(capsys, "report", trace, "-o", tmp_path / "r.html")
    assert (code, err.count("\n")) == (3, 1)
    assert "pip install 'bftui[report]'" in err
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    ("low", "high"), [(38, 64), (1, 1.5), (0.94, 2.0), (95, 205), (9, 12), (1, 60), (1, 1e9)]
)
def test_an_axis_has_a_few_ticks_wherever_it_lies(low, high):
    plot = figures.Figure().add_subplot()
    axes.factor_axis(plot, low, high)
    bottom, top = plot.get_ylim()
    ticks = [tick for tick in plot.get_yticks() if bottom <= tick <= top]
    assert 3 <= len(ticks) <= 13


def steps(folder, *commands):
    """The report of a session that did this."""
    with bftui.open_model(table(folder / "t.json")) as model:
        session = bftui.Session(model, "Name a fruit:", seed=5, ignore_eos=True)
        for command in commands:
            session.do(command)
        session.trace().save(folder / "t.trace")
    return report_of(TraceFile(folder / "t.trace"))


SET = c.SetSampler(temperature=0.3, top_p=0.5)


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ((c.Step(), c.Step(), SET, c.Undo()), "temperature 1 · top-p 0.9 · seed 5"),
        # Set, and nothing made under it: the numbers are still the others.
        ((c.Step(), SET), "temperature 1 · top-p 0.9 · seed 5"),
        ((c.Step(), c.SetSampler(seed=9)), "temperature 1 · top-p 0.9 · seed 5"),
        ((c.Step(), c.SetSampler(seed=9), c.Step()), "temperature 1 · top-p 0.9 · seed 9"),
        (
            (c.Step(), SET, c.Step()),
            "temperature 0.3 · top-p 0.5 (earlier on the path temperature 1 · top-p 0.9) · seed 5",
        ),
    ],
)
def test_the_header_names_the_sampler_of_the_numbers(tmp_path, commands, said):
    found = Page(page(steps(tmp_path, *commands), "1"))
    assert said in found.text
    assert ("exp of mean H(P~), of several samplers" in found.text) == ("earlier" in said)


def test_rows_of_another_sampler_are_marked(tmp_path):
    report = steps(tmp_path, c.Step(), c.Step(), c.Goto(0), SET, c.Step(), c.Step())
    shown = {row.on_path: row.apart for row in report.branches.rows if not row.is_prompt}
    # Both begin at the prompt, whose numbers were made first.
    assert shown == {True: True, False: True}
    text = Page(page(report, "1")).text
    assert "* numbers of another sampler than at the end of the visible path" in text
    assert "another sampler than" not in Page(page(steps(tmp_path, c.Step()), "1")).text
