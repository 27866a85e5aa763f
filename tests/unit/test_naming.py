"""Branches are called the same in tables as on the screen."""

from hypothesis import given
from hypothesis import strategies as st

from bftui.trace.branch_names import branches, letters
from bftui.ui.drawing.tree_rows import TreeRows
from tests.ui.test_tree_rows import Links


@given(st.lists(st.floats(0, 1), max_size=60))
def test_branches_have_the_numbers_that_the_workbench_gives_them(shares):
    parents = [-1]
    for place, share in enumerate(shares):
        parents.append(-1 if share > 0.95 else min(place, int(share * (place + 1))))
    rows = TreeRows(Links([None if parent < 0 else parent for parent in parents]))
    named = [rows.letter(rows.run_of(node)) for node in range(len(parents))]
    assert branches(parents).tolist() == [-1 if name is None else name for name in named]


def test_a_path_without_a_fork_has_no_letter():
    assert set(branches([-1, *range(100_000)])) == {-1}


def test_letters_go_on_after_z():
    assert [letters(number) for number in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
