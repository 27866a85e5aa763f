"""Prompts files: what they may hold, and what is said of those that are wrong."""

import pytest

from bftui.core.errors import InputError
from bftui.trace.prompts_file import PromptLine, parse_prompts


def test_each_line_is_a_prompt():
    data = (
        b'\xef\xbb\xbf{"id": "a", "prompt": "x", "system": "be brief", "answer": "y"}\r\n'
        b'\n{"id": "b", "prompt": "\xe2\x80\xa8", "system": null}\n'
        b'{"prompt": "", "id": "c", "valid": ["x", "y"]}\n'
        b'{"prompt": "", "id": "d", "valid": "us-states"}'
    )
    assert parse_prompts(data, "p") == (
        PromptLine("a", "x", "be brief", "y"),
        PromptLine("b", "\u2028"),
        PromptLine("c", "", valid=("x", "y")),
        PromptLine("d", "", valid="us-states"),
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "p holds no prompts"),
        (b"\n  \n", "p holds no prompts"),
        (b'{"id": "a", "prompt": "x"}\n{"id": ', "p: line 2 is not JSON"),
        (b'{"id": "a", "prompt": "x"}\n\n"text"', "p: line 3 is not an object"),
        (b"[" * 10_000, "p: line 1 is not JSON"),
        (b'{"id": "a"}', 'p: line 1 has no "prompt"'),
        (b'{"prompt": "a"}', 'p: line 1 has no "id"'),
        (b'{"id": 1, "prompt": "a"}', 'p: line 1: "id" is not a text'),
        (b'{"id": "a", "prompt": ["a"]}', 'p: line 1: "prompt" is not a text'),
        (b'{"id": "a", "prompt": "x", "system": 5}', 'p: line 1: "system" is not a text'),
        (b'{"id": "a", "prompt": "x", "answer": []}', 'p: line 1: "answer" is not a text'),
        (b'{"id": "a", "prompt": "x", "valid": [1]}', 'p: line 1: "valid" is neither a list'),
        (b'{"id": "a", "prompt": "x", "valid": ["\\ud800"]}', 'p: line 1: "valid" is not Unicode'),
        (
            b'{"id": "a", "prompt": "x"}\n{"id": "b", "prompt": "x", "answer": ""}',
            'p: line 2: "answer" is empty',
        ),
        (
            b'{"id": "a", "prompt": "x", "more": ' + b"9" * 5000 + b"}",
            "p: line 1 is not JSON: a number is too long; write one",
        ),
        (b'{"id": "a", "prompt": "\\ud800"}', 'p: line 1: "prompt" is not Unicode'),
        (b'{"id": "a", "prompt": "\xff"}', "p: line 1 is not UTF-8"),
        (
            b'{"id": "a", "prompt": "x"}\n{"id": "b", "prompt": "x"}\n{"id": "a", "prompt": "y"}',
            "p: line 3 has the id 'a' again: line 1 has it too",
        ),
    ],
)
def test_a_wrong_line_is_named(data, says):
    with pytest.raises(InputError) as raised:
        parse_prompts(data, "p")
    assert raised.value.line().startswith(says)
    assert raised.value.exit_code == 4
