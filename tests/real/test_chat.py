"""Chat prompts of a real model: the tokens that `apply_chat_template` gives, on both runtimes."""

from __future__ import annotations

from typing import Any

import pytest

from bftui.model.prompt import Prompt
from tests.real import models
from tests.real.conftest import RUNTIMES, Opened

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def library() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(models.SMOLLM2.directory), local_files_only=True)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("system", [None, "Be brief.\n\nVery brief."])
@pytest.mark.parametrize("prefill", ["", "Sure, here is", "1. "])
def test_a_prompt_has_the_librarys_tokens(
    opened: Opened, library: Any, runtime: str, system: str | None, prefill: str
) -> None:
    text = "Name a fruit, e.g. a café's «pêche» 🍑."
    messages = [] if system is None else [{"role": "system", "content": system}]
    messages.append({"role": "user", "content": text})
    if prefill:
        messages.append({"role": "assistant", "content": prefill})
    expected = library.apply_chat_template(
        messages,
        add_generation_prompt=not prefill,
        continue_final_message=bool(prefill),
        return_dict=False,
    )
    model = opened(models.SMOLLM2, runtime)
    rendered = model.render(Prompt(text, system, "chat", prefill))
    assert list(rendered.token_ids) == list(expected)
