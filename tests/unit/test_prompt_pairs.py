"""Which prompt the later models of a mixture read, and in which batches."""

from bftui.backends.mixture.prompt_pairs import PromptPairs
from bftui.core.batch import AFRESH, CHUNK, Batch, afresh, batches, step

A, B = [1, 2, 3], [1, 2, 7, 8, 9]


def paired():
    pairs = PromptPairs()
    pairs.pair(A, B)
    return pairs


def test_a_text_stands_behind_the_other_prompt():
    assert paired().behind([*A, 4, 5]) == ([*B, 4, 5], None)
    assert paired().behind(A) == (B, None)


def test_other_prefixes_stay_as_they_are():
    for prefix in ([1, 2], [1, 2, 4, 5], [9]):
        assert paired().behind(prefix) == (prefix, None)


def test_of_prompts_that_begin_alike_the_longest_is_meant_and_a_pair_can_be_taken_back():
    pairs = paired()
    pairs.pair([*A, 4], [6])
    assert pairs.behind([*A, 4, 5])[0] == [6, 5]
    assert pairs.behind([*A, 5])[0] == [*B, 5]
    pairs.pair(A, A)
    assert pairs.behind([*A, 5])[0] == [*A, 5]


def test_a_path_read_step_by_step_is_read_so_behind_the_other_prompt():
    known = [*batches(0, 3, CHUNK), step(3), *batches(4, 7, CHUNK, scored=True)]
    ids, moved = paired().behind([*A, 4, 5, 6, 7], known)
    assert ids == [*B, 4, 5, 6, 7]
    assert moved == [*batches(0, 5, AFRESH), step(5), *batches(6, 9, CHUNK, scored=True)]


def test_what_is_read_afresh_is_read_afresh_behind_the_other_prompt():
    long = [*range(10, 90)]
    known = afresh(3 + len(long))
    ids, moved = paired().behind([*A, *long], known)
    assert len(ids) == len(moved) == 5 + len(long)
    # The batch in which the prompt ends reads the rest of it too; what comes then is the same tokens together.
    assert moved[:34] == batches(0, 34, AFRESH)
    assert moved[34:] == [Batch(b.start + 2, b.rows, b.scored) for b in known[32:]]


def test_a_last_batch_may_go_on_past_the_prefix():
    known = [Batch(0, 32)] * 4
    ids, moved = paired().behind([*A, 4], known)
    assert len(moved) == len(ids) == 6
    assert moved == batches(0, 34, AFRESH)[:6]


def test_a_shorter_prompt_is_read_as_well():
    pairs = PromptPairs()
    pairs.pair(B, A)
    ids, moved = pairs.behind([*B, 4], [*batches(0, 5, CHUNK), step(5)])
    assert ids == [*A, 4]
    assert moved == [*batches(0, 3, AFRESH), step(3)]
