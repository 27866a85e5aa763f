"""A second model that reads along: what it says of each token, and that its failures leave the session alone."""

import json
import math
import os
import signal

import pytest

import bftui
from bftui.core.distribution import Distribution
from bftui.core.errors import BackendCrashed, ContextFull, ModelError, UsageError
from bftui.core.pair.distribution_shift import PartnerView, compare
from bftui.model.loaded_model import open_model
from bftui.model.prompt import Prompt
from bftui.session import commands as c
from bftui.session.partner.partner_sync import PartnerSync
from bftui.session.partner.session_partner import Partner
from bftui.session.session import Session
from bftui.trace.node_writer import PLACES
from bftui.trace.schema import json_schema
from tests.groups import one_process
from tests.schemas import validate
from tests.tables import BYTES, WORDS, table

pytestmark = one_process("partner")

ROUNDED = 10.0**-PLACES
LETTERS = ["<s>", "</s>", *({"bytes": byte} for byte in BYTES), " th", "e ", " fru", "it"]
BARE = {"default": {}, "rules": {}}


@pytest.fixture
def opened(tmp_path):
    """Opens tables with changes, in process or in one of their own; closes them."""
    models = []

    def one(*, worker=False, **changes):
        path = table(tmp_path / f"t{len(models)}.json", **changes)
        models.append(open_model(path, worker=worker))
        return models[-1]

    yield one
    for model in models:
        model.close()


@pytest.fixture(scope="module")
def practice():
    with (
        open_model("practice", backend="reference", threads=1) as base,
        open_model("practice-aligned", backend="reference", threads=1) as partner,
    ):
        yield base, partner


def caught_up(session: Session) -> Partner:
    assert session.partner is not None
    PartnerSync(session.partner).finish()
    return session.partner


def path(session: Session) -> list[int]:
    return session.tree.path(session.cursor)


def kinds(partner: Partner) -> list[str | None]:
    return [
        None if view is None or view.compared is None else view.compared.partner.kind
        for _, view in partner.along()
    ]


# What it says ------------------------------------------------------------------------------------------------------


def test_each_token_is_compared_as_the_two_distributions_before_it_say(practice):
    base, model = practice
    session = Session(base, Prompt("Name a fruit.", template="page"), seed=3, ignore_eos=True)
    partner = session.pair_with(model)
    for _ in range(8):
        session.step()
    assert partner.waiting() == 9
    caught_up(session)
    assert partner.waiting() == 0
    contexts = partner.contexts(0)
    assert (contexts.base.template, contexts.partner.template) == ("page", "chat")
    nodes, ids = path(session), []
    for place, node in enumerate(nodes):
        view = partner.view(node)
        prefixes = [[*side.token_ids, *ids] for side in (contexts.base, contexts.partner)]
        if place:
            token = session.tree.token_id(node)
            rows = [
                next(iter(side.client.path_logits(prefix, [token])))
                for side, prefix in zip(practice, prefixes, strict=True)
            ]
            expected = compare(*rows, token, token)
            found = view.compared
            assert (found.base.rank, found.partner.rank) == (
                expected.base.rank,
                expected.partner.rank,
            )
            for name in ("kl_partner_base", "kl_base_partner", "js"):
                assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=1e-4)
            assert found.partner.logprob == pytest.approx(expected.partner.logprob, abs=1e-4)
            assert found.base.logprob == pytest.approx(session.tree.logprob(node), abs=1e-4)
            ids.append(token)
        after = next(iter(model.client.path_logits([*contexts.partner.token_ids, *ids], [0])))
        assert view.next.entropy == pytest.approx(
            Distribution(after, session.sampler).entropy, abs=1e-4
        )
    assert partner.view(0).compared is None


def test_stepping_along_costs_a_token_a_step_and_gives_what_catching_up_gives(practice):
    base, model = practice
    walked = Session(base, Prompt("Name a fruit.", template="page"), seed=5, ignore_eos=True)
    partner = walked.pair_with(model)
    caught_up(walked)
    for _ in range(6):
        walked.step()
        before = base.client.evaluated(), model.client.evaluated()
        caught_up(walked)
        after = base.client.evaluated(), model.client.evaluated()
        assert (after[0] - before[0], after[1] - before[1]) == (0, 1)
    at_once = Session(base, Prompt("Name a fruit.", template="page"), seed=5, ignore_eos=True)
    other = at_once.pair_with(model)
    for _ in range(6):
        at_once.step()
    caught_up(at_once)
    for node in path(walked):
        one, two = partner.view(node), other.view(node)
        assert one.next.entropy == pytest.approx(two.next.entropy, abs=1e-4)
        if node:
            assert one.compared.partner.rank == two.compared.partner.rank
            assert one.compared.js == pytest.approx(two.compared.js, abs=1e-4)


def test_going_back_asks_for_no_more_than_the_candidates_there(opened):
    base, model = opened(), opened(**BARE)
    session = Session(base, "a", seed=1, ignore_eos=True)
    partner = session.pair_with(model)
    for _ in range(40):
        session.step()
    caught_up(session)
    assert partner.candidates(3, [2, 3]) is None, "only the last few are kept"
    session.goto(3)
    assert partner.waiting() == 1
    before = model.client.evaluated()
    caught_up(session)
    assert model.client.evaluated() - before == 1
    assert [each.rank for each in partner.candidates(3, [2, 3])] == [1, 1]
    session.goto(40)
    assert partner.waiting() == 0


def test_another_sampler_recomputes_what_comes_next_and_compares_nothing_again(opened):
    base, model = opened(), opened()
    session = Session(base, "a", seed=1, ignore_eos=True)
    partner = session.pair_with(model)
    for _ in range(5):
        session.step()
    caught_up(session)
    before = {node: partner.view(node) for node in path(session)}
    session.set_sampler(temperature=0.5)
    assert partner.waiting() == 6
    evaluated = base.client.evaluated()
    caught_up(session)
    assert base.client.evaluated() == evaluated
    for node, old in before.items():
        new = partner.view(node)
        assert new.compared == old.compared
        assert new.sampler == 1
        assert new.next.temperature == 0.5
        assert new.next.entropy == old.next.entropy


def test_after_an_end_nothing_comes_next(opened):
    session = Session(opened(), "a")
    partner = session.pair_with(opened(**BARE))
    session.force(ids=[4, 1])
    caught_up(session)
    view = partner.view(session.cursor)
    assert view.next is None
    assert view.compared.base.rank > 1
    assert partner.waiting() == 0


def test_shares_and_jumps_are_along_the_visible_path(opened):
    # The base likes " is" after " Here", which the partner does not know.
    session = Session(opened(), " Sure")
    default = {" red": 0.5, " a": 0.3, " is": 0.1}
    partner = session.pair_with(opened(rules={" Sure": {" Here": 0.97}}, default=default))
    session.force(" Here is a red")
    caught_up(session)
    # After " Here" the base likes " is" best, the partner " red".
    assert kinds(partner) == [None, "unshifted", "marginal", "marginal", "unshifted"]
    assert partner.view(2).compared.base.kind == "unshifted"
    found = partner.shares()
    assert (found.unshifted, found.marginal, found.shifted, found.n) == (0.5, 0.5, 0.0, 4)
    session.force(" Thank a you")
    caught_up(session)
    assert kinds(partner)[5:] == ["shifted", "marginal", "shifted"]


def test_the_partners_token_can_be_forced(opened):
    session = Session(opened(), " the")
    partner = session.pair_with(opened(default={" red": 0.9}, rules={}))
    with pytest.raises(UsageError, match="has not said anything"):
        partner.tokens_here()
    caught_up(session)
    ids = partner.tokens_here()
    assert [session.model.token_bytes(i) for i in ids] == [b" red"]
    session.force(ids=ids)
    caught_up(session)
    assert partner.view(session.cursor).compared.partner.rank == 1


def test_another_prompt_has_contexts_of_its_own(opened):
    session = Session(opened(), "one")
    partner = session.pair_with(opened())
    session.set_prompt("two")
    assert partner.contexts(1) is None
    caught_up(session)
    assert partner.contexts(1).partner.text == "<s>two"
    assert partner.view(1).compared is None
    document = session.trace().as_dict()
    assert document["prompts"][0]["partner"]["text"] == "two"
    assert document["partner"]["prompt"]["text"] == "one"


def test_a_trace_says_whose_text_begins_with_a_blank(opened):
    chat = {"chat_template": "{{ messages[-1]['content'] + '\\n' }}", "default": {"S": 0.9}}
    session = Session(opened(**chat, rules={}), Prompt("the", template="chat"))
    session.pair_with(opened(), "page")
    document = session.trace().as_dict()
    assert document["partner"]["prompt"]["seam"] == "partner"
    validate(document)
    raw = Session(opened(), "the")
    raw.pair_with(opened())
    assert "seam" not in raw.trace().as_dict()["partner"]["prompt"]
    assert "seam" in json_schema()["$defs"]["Prompt"]["properties"]


# Another vocabulary ------------------------------------------------------------------------------------------------


def test_another_vocabulary_is_compared_by_pieces_of_text(opened):
    session = Session(opened(), "Q")
    partner = session.pair_with(opened(tokens=LETTERS, **BARE))
    assert partner.pair.by == "text"
    session.force(" the fruit")
    caught_up(session)
    nodes = path(session)[1:]
    texts = [session.model.token_bytes(session.tree.token_id(node)) for node in nodes]
    assert texts == [b" the", b" fruit"]
    # " th" + "e " + "f" ...: no common place before the end.
    views = [partner.view(node) for node in nodes]
    assert [(view.place, view.tokens, view.last) for view in views] == [(0, 2, False), (1, 2, True)]
    assert views[0].compared == views[1].compared
    assert views[0].next is None
    assert views[1].next is not None
    assert views[0].compared.js is None
    width = len(LETTERS)
    ids = partner.model.tokenize(" the fruit")
    assert views[0].compared.partner.logprob == pytest.approx(-len(ids) * math.log(width), abs=1e-4)
    assert partner.shares().n == 1


def test_a_longer_text_that_is_split_in_another_way_is_compared_again(opened):
    session = Session(opened(), "Q")
    partner = session.pair_with(opened(tokens=LETTERS, **BARE))
    session.force(" the")
    caught_up(session)
    alone = partner.view(1)
    assert (alone.place, alone.tokens) == (0, 1)
    assert alone.compared.base.kind == "unshifted"
    session.force(" fruit")
    caught_up(session)
    assert (partner.view(1).place, partner.view(1).tokens) == (0, 2)
    session.back()
    caught_up(session)
    assert (partner.view(1).place, partner.view(1).tokens) == (0, 1)
    assert partner.view(1).compared == alone.compared
    assert partner.waiting() == 0


def test_half_a_character_waits_for_its_other_half(opened):
    session = Session(opened(), "Q")
    partner = session.pair_with(opened(tokens=LETTERS, **BARE))
    first, second = session.model.tokenize("é")
    session.force(ids=[first])
    caught_up(session)
    assert (partner.error, partner.view(1), partner.waiting()) == (None, None, 0)
    session.force(ids=[second])
    caught_up(session)
    assert [partner.view(node).tokens for node in (1, 2)] == [1, 1]


def test_candidates_are_looked_up_by_their_bytes(opened):
    session = Session(opened(), "Q")
    model = opened(tokens=LETTERS, default={" th": 0.9}, rules={})
    partner = session.pair_with(model)
    caught_up(session)
    the, letter = session.model.tokenize(" the")[0], session.model.tokenize("x")[0]
    found = partner.candidates(0, [the, letter, 1])
    assert found[0] is None
    assert found[1].rank > 1
    assert found[2] is not None, "an end is an end"
    assert partner.tokens_here() == tuple(session.model.tokenize(" th"))


CHAT = "{{ messages[-1]['content'] + '\\n' }}"


@pytest.mark.parametrize("tokens", [None, [*LETTERS, " Su", "re", " Sure"]])
def test_a_page_behind_an_aligned_model_reads_the_text_with_its_blank(opened, tokens):
    """Rank and text alike: the forced `Sure` is ` Sure` for it, among candidates and in the tree."""
    front = opened(default={"S": 0.9}, rules={}, chat_template=CHAT)
    session = Session(front, "the", template="chat")
    changes = {} if tokens is None else {"tokens": tokens}
    model = opened(**changes, default={" Sure": 0.5, "S": 0.2, "</s>": 0.1}, rules={})
    partner = session.pair_with(model, "page")
    assert partner.contexts(0).partner.text.endswith("A:")
    caught_up(session)
    # The front has no token `Sure`; its ` Sure` is the page's.
    word, letter = session.model.tokenize(" Sure")[0], session.model.tokenize("S")[0]
    found = partner.candidates(0, [word, letter])
    assert found[0].rank == 1
    assert found[1] is None, "no token of the page is ` S`"
    session.force("Sure")
    caught_up(session)
    view = partner.view(session.cursor)
    assert (view.compared.partner.rank, view.tokens) == (1, 4)
    assert view.compared.partner.prob == pytest.approx(0.5, abs=1e-6)
    there = view
    session.goto(0)
    assert partner.tokens_here() == tuple(session.model.tokenize("Sure"))
    # A letter at a time, each of them looked at: the word is written anew as it grows.
    for letter in session.model.tokenize("Sure"):
        session.force(ids=[letter])
        caught_up(session)
    view = partner.view(session.cursor)
    assert (view.place, view.tokens, view.compared) == (3, 4, there.compared)


def test_an_end_is_the_most_probable_end_by_text_too(opened):
    session = Session(opened(), "Q")
    other = [*LETTERS, "<stop>"]
    ends = [1, len(other) - 1]
    model = opened(tokens=other, eog=ends, default={"<stop>": 0.6, "</s>": 0.1}, rules={})
    partner = session.pair_with(model)
    assert partner.pair.by == "text"
    caught_up(session)
    assert partner.candidates(0, [1])[0].rank == 1
    session.force(ids=[1])
    caught_up(session)
    compared = partner.view(session.cursor).compared
    assert compared.partner.rank == 1
    assert compared.partner.prob == pytest.approx(0.6, abs=1e-6)


def test_a_control_token_of_another_vocabulary_is_nothing_to_force(opened):
    session = Session(opened(), "Q")
    partner = session.pair_with(opened(tokens=LETTERS, default={"<s>": 0.9}, rules={}))
    caught_up(session)
    with pytest.raises(UsageError, match="cannot be written"):
        partner.tokens_here()


@pytest.mark.parametrize("changes", [{"default": {" pear": 0.5, "</s>": 0.2}}, {"tokens": LETTERS}])
def test_the_whole_vocabulary_comes_in_the_partners_order(opened, changes):
    session = Session(opened(), "Q", top_k=7)
    model = opened(**{**BARE, **changes})
    partner = session.pair_with(model)
    assert partner.page(0, 10, 0) is None, "it has not read anything yet"
    caught_up(session)
    n_vocab = session.model.info.n_vocab
    pages = [partner.page(start, start + 100, 0) for start in range(0, n_vocab, 100)]
    assert {page.total for page in pages} == {n_vocab}
    rows = [row for page in pages for row in page.rows]
    own = session.model_tree.page(0, n_vocab).rows
    assert sorted(rows, key=lambda row: row.rank) == list(own)
    found = partner.candidates(0, [row.token_id for row in rows])
    ranks = [math.inf if each is None else each.rank for each in found]
    assert ranks == sorted(ranks)
    assert (math.inf in ranks) == (model.info.n_vocab != n_vocab)
    missing = [row.rank for row, each in zip(rows, found, strict=True) if each is None]
    assert missing == sorted(missing)


# What goes wrong ---------------------------------------------------------------------------------------------------


def test_a_full_context_ends_the_partner_there_and_not_the_session(opened):
    session = Session(opened(), "a", seed=1, ignore_eos=True)
    partner = session.pair_with(opened(n_ctx=8))
    for _ in range(10):
        session.step()
    caught_up(session)
    assert isinstance(partner.error, ContextFull)
    assert partner.waiting() == 0
    last = [node for node, view in partner.along() if view is not None][-1]
    assert 0 < last < session.cursor
    session.step()
    assert partner.waiting() > 0
    caught_up(session)
    assert isinstance(partner.error, ContextFull)
    session.goto(last)
    caught_up(session)
    assert partner.error is None


def test_a_prompt_that_does_not_fit_leaves_the_session_alone(opened):
    session = Session(opened(), "a" * 30)
    partner = session.pair_with(opened(n_ctx=8))
    caught_up(session)
    assert isinstance(partner.error, ContextFull)
    session.step()


def test_a_missing_template_is_refused_with_the_session_as_it_was(opened):
    journal = Lines()
    session = Session(opened(), "a", journal=journal)
    begun = list(journal)
    with pytest.raises(ModelError, match="has no chat template"):
        session.pair_with(opened(), "chat")
    assert session.partner is None
    assert list(journal) == begun
    session.step()


def test_a_template_that_fails_on_a_later_prompt_is_the_partners_error(opened):
    template = (
        "{% if 'two' in messages[-1]['content'] %}{{ raise_exception('no twos') }}{% endif %}"
        "{{ messages[-1]['content'] }}x"
    )
    session = Session(opened(), "one")
    partner = session.pair_with(opened(chat_template=template))
    session.set_prompt("two")
    caught_up(session)
    assert "no twos" in partner.error.line()
    session.step()
    session.goto(0)
    caught_up(session)
    assert partner.error is None


def test_one_failure_is_over_once_it_works_again(opened):
    session = Session(opened(), "a", seed=1, ignore_eos=True)
    partner = session.pair_with(opened(faults=[{"at": 2, "kind": "error"}]))
    caught_up(session)
    session.step()
    caught_up(session)
    assert "a fault is scripted here" in partner.error.line()
    assert partner.view(session.cursor) is None
    session.step()
    caught_up(session)
    assert partner.error is None
    assert all(view is not None for _, view in partner.along())


def test_a_partner_that_dies_in_the_middle_takes_nothing_along(opened):
    session = Session(opened(worker=True), "a", seed=1, ignore_eos=True)
    model = opened(worker=True)
    partner = session.pair_with(model)
    for _ in range(100):
        session.step()
    job = PartnerSync(partner)
    for _ in range(10):
        assert job.advance()
    os.kill(model.client.pid, signal.SIGKILL)
    job.finish()
    assert isinstance(partner.error, BackendCrashed)
    assert partner.view(5) is not None, "what was found stays"
    assert partner.waiting() == 0
    session.step()
    caught_up(session)
    assert isinstance(partner.error, BackendCrashed)
    document = session.trace().as_dict()
    assert document["nodes"][5]["partner"]["rank"] >= 1
    again = session.pair_with(opened(worker=True))
    caught_up(session)
    assert (again.error, again.waiting()) == (None, 0)
    assert again.view(session.cursor) is not None


def test_a_base_that_dies_while_reading_raises(opened):
    base = opened(worker=True)
    session = Session(base, "a", seed=1, ignore_eos=True)
    partner = session.pair_with(opened())
    for _ in range(100):
        session.step()
    os.kill(base.client.pid, signal.SIGKILL)
    with pytest.raises(BackendCrashed):
        caught_up(session)
    assert partner.error is None
    session.reload(opened(worker=True))
    caught_up(session)
    assert all(view is not None for _, view in partner.along())


def test_a_users_turn_is_where_the_partner_stops(opened):
    template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }};{% endfor %}A:"
    session = Session(opened(chat_template=template), "one", seed=2)
    partner = session.pair_with(opened(chat_template=template))
    session.force(" the")
    session.add_turn("two")
    session.force(" a")
    caught_up(session)
    assert "turn of the user" in partner.error.line()
    assert partner.view(1) is not None
    assert partner.view(session.cursor) is None


def test_the_sessions_own_model_is_no_partner(opened):
    session = Session(opened(), "a")
    with pytest.raises(UsageError, match="own model"):
        session.pair_with(session.model)


# Coming and going --------------------------------------------------------------------------------------------------


class Lines(list):
    def write(self, record):
        self.append(record)


def test_pairing_and_parting_are_written_down(opened):
    journal = Lines()
    session = Session(opened(), "a", journal=journal)
    model = opened()
    assert session.partner is None
    assert session.part() is None
    session.pair_with(model, "raw")
    assert session.part() is model
    assert session.partner is None
    partners = [record["partner"] for record in journal if "partner" in record]
    assert len(partners) == 3
    assert partners[0] is None
    assert partners[1]["model"]["name"] == "orchard"
    assert session.trace().as_dict()["partner"] is None


@pytest.mark.parametrize("changes", [{}, {"tokens": LETTERS}])
def test_a_trace_holds_what_the_partner_said(opened, tmp_path, changes):
    session = Session(opened(), "a", seed=1, ignore_eos=True)
    partner = session.pair_with(opened(**{**BARE, **changes}))
    session.force(" the fruit")
    caught_up(session)
    session.back(2)
    session.do(c.Step())
    file = tmp_path / "t.json"
    session.trace().save(file)
    document = json.loads(file.read_text())
    validate(document)
    read = bftui.read_trace(file)
    assert read.model_dump(mode="json", by_alias=True) == document
    assert document["partner"]["model"]["name"] == "orchard"
    root, the, _, sampled = (node["partner"] for node in document["nodes"])
    assert (root["rank"], root["class"]) == (None, None)
    assert root["next"]["entropy"] == pytest.approx(partner.view(0).next.entropy, abs=ROUNDED)
    view: PartnerView = partner.view(1)
    assert (the["rank"], the["class"]) == (view.compared.partner.rank, view.compared.partner.kind)
    assert the["logprob"] == pytest.approx(view.compared.partner.logprob, abs=ROUNDED)
    assert the["js"] == pytest.approx(view.compared.js, abs=ROUNDED)
    assert sampled is None, "it was not looked at"
    ids = {str(i) for i in root["next"]["top"]["ids"]}
    if changes:
        assert the["together"] == [0, 2]
        assert ids <= set(document["partner_tokens"])
    else:
        assert "together" not in the
        assert "partner_tokens" not in document
        assert ids <= set(document["tokens"])


def test_a_shift_of_the_partners_answer_is_kept_in_the_trace(opened):
    session = Session(opened(), "a")
    partner = session.pair_with(opened(default={" red": 0.9}, rules={" red": {"</s>": 0.9}}))
    job = partner.start_shift(max_tokens=8)
    job.finish()
    assert [each.text for each in job.positions] == [b" red", b"</s>"]
    session.keep_shift(job)
    kept = session.trace().as_dict()["measurements"][0]
    assert (kept["kind"], kept["node"]) == ("shift", 0)
    assert kept["result"]["ended"] == "eog"
    assert kept["result"]["positions"][0]["base_rank"] == 1
    given = partner.start_shift(answer=" the fruit")
    given.finish()
    assert [each.text for each in given.positions] == [b" the", b" fruit"]
    assert WORDS[0] == " the"
