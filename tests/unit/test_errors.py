"""Errors: one line each, and the same after a trip through the worker's pipe."""

import pickle

import pytest

from bftui.core import errors

ALL = [
    cls
    for cls in vars(errors).values()
    if isinstance(cls, type) and issubclass(cls, errors.BftuiError)
]


@pytest.mark.parametrize("cls", ALL)
def test_an_error_survives_pickling(cls):
    error = cls("what", "why", "do this")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is cls
    assert (back.message, back.reason, back.hint) == ("what", "why", "do this")
    assert back.line() == str(error) == "what: why; do this"


@pytest.mark.parametrize("text", ["a\nb", "a\r\n\tb", " a   b "])
def test_an_error_is_one_line(text):
    assert errors.BftuiError(text, text, text).line() == "a b: a b; a b"


def test_exit_codes_of_the_contract():
    codes = {cls.__name__: cls.exit_code for cls in ALL}
    assert codes["BftuiError"] == 1
    assert codes["UsageError"] == 2
    assert {codes[name] for name in ("ModelLoadError", "BackendCrashed", "ContextFull")} == {3}
    assert codes["InputError"] == 4
    assert codes["DifferenceFound"] == 5
    assert codes["Cancelled"] == 130
