"""The trie of a valid set against brute force: who goes on from where, how many, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bftui.core.errors import UsageError
from bftui.core.valid.token_trie import Edge, token_trie

END, NEWLINE = 90, 91
WEST, VIRGINIA, MONTANA = 1, 2, 3

ANSWERS = st.sets(
    st.lists(st.integers(0, 3), min_size=1, max_size=5).map(tuple), min_size=1, max_size=30
)


def test_two_states_that_share_a_word_are_apart_where_they_begin_apart():
    trie = token_trie([(VIRGINIA,), (WEST, VIRGINIA), (MONTANA,)], [END])
    root = trie.nodes[0]
    assert trie.answers == 3
    assert [(edge.token_ids, edge.completions) for edge in root.edges] == [
        ((WEST,), 1),
        ((VIRGINIA,), 1),
        ((MONTANA,), 1),
    ]
    west = trie.nodes[root.edges[0].child]
    assert west.path == (WEST,)
    assert trie.nodes[west.edges[0].child].path == (WEST, VIRGINIA)


def test_an_answer_that_begins_another_ends_beside_it():
    trie = token_trie([(1, 2), (1,)], [END])
    node = trie.nodes[trie.nodes[0].edges[0].child]
    assert node.completions == 2
    assert node.edges == (Edge((2,), 1, 2), Edge((END,), 1, None))


def test_all_ends_are_one_way_on():
    trie = token_trie([(1,)], [NEWLINE, END, NEWLINE])
    assert trie.nodes[1].edges == (Edge((END, NEWLINE), 1, None),)


def test_tokens_that_begin_another_tokenisation_are_kept_apart_from_valid_ones():
    v, w = 4, 5
    trie = token_trie(
        [(VIRGINIA,), (WEST, VIRGINIA)],
        [END],
        others={(): (w, v, VIRGINIA, v), (WEST,): {v}, (VIRGINIA,): [END], (MONTANA,): (w,)},
    )
    assert {node.path: node.other_ids for node in trie.nodes} == {
        (): (v, w),
        (WEST,): (v,),
        (WEST, VIRGINIA): (),
        (VIRGINIA,): (),
    }


@pytest.mark.parametrize(
    ("answers", "ends", "said"),
    [
        ([], [END], "the set has no valid answers"),
        ([(1,)], [], "nothing ends a valid answer; name a terminator"),
        ([(1,), ()], [END], "a valid answer has no tokens"),
        ([(1, 2), (3,), (1, 2)], [END], "the valid answer of the tokens [1, 2] is there twice"),
        (
            [(1, END, 2)],
            [END],
            "the valid answer of the tokens [1, 90, 2] holds its own terminator",
        ),
    ],
)
def test_what_is_no_set_of_answers_is_refused(answers, ends, said):
    with pytest.raises(UsageError) as refused:
        token_trie(answers, ends)
    assert str(refused.value) == said


@given(ANSWERS, st.sets(st.integers(90, 95), min_size=1))
def test_every_node_counts_the_answers_that_begin_with_it(answers, ends):
    trie = token_trie(sorted(answers, reverse=True), sorted(ends))
    assert trie.answers == len(answers)
    prefixes = {answer[:length] for answer in answers for length in range(len(answer) + 1)}
    assert [node.path for node in trie.nodes] == sorted(prefixes)
    for node in trie.nodes:
        beginning = [each for each in answers if each[: len(node.path)] == node.path]
        assert node.completions == len(beginning)
        assert node.completions == sum(edge.completions for edge in node.edges)
        assert [edge.token_ids for edge in node.edges] == sorted(e.token_ids for e in node.edges)
        for edge in node.edges:
            if edge.child is None:
                assert edge.token_ids == tuple(sorted(ends))
                assert node.path in answers
                assert edge.completions == 1
            else:
                child = trie.nodes[edge.child]
                assert child.path == node.path + edge.token_ids
                assert child.completions == edge.completions


@given(ANSWERS)
def test_the_ends_of_the_trie_are_the_answers(answers):
    trie = token_trie(list(answers), [END])
    found, stack = set(), [(0, ())]
    while stack:
        number, path = stack.pop()
        for edge in trie.nodes[number].edges:
            if edge.child is None:
                found.add(path)
            else:
                stack.append((edge.child, path + edge.token_ids))
    assert found == answers
