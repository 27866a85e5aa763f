"""The threads of NumPy's products: held down inside a block and as before after it."""

import pytest

from bftui.backends.reference import blas


def test_threads_are_held_down_in_the_block_alone():
    known = blas._library()
    if known is None:
        pytest.skip("NumPy came without an OpenBLAS of its own")
    get, _ = known
    before = get()
    with blas.blas_threads(1):
        assert get() == 1
    assert get() == before
    with pytest.raises(ZeroDivisionError), blas.blas_threads(1):
        1 / 0  # noqa: B018
    with blas.blas_threads(0):
        assert get() == before
    assert get() == before
