"""What headers say of a model is what the backend says once it is open, and what it needs is what it is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bftui.backends.context_plan import planned
from bftui.backends.facts import Kind, needed, read
from tests.contract.conftest import CASES, case_of
from tests.families import family_directory, family_gguf

FAMILIES = [name for name in CASES if name != "table"]


@pytest.mark.parametrize("name", FAMILIES)
def test_headers_and_backends_agree(name: str, family_file: Callable[[str, str], Path]) -> None:
    case = case_of(name, family_file)
    kind: Kind = "directory" if case.spec.backend == "transformers" else "gguf"
    facts = read(kind, case.spec.source)
    backend = case.open()
    info = backend.info
    backend.close()
    assert facts.architecture == info.architecture
    assert facts.stored == info.quantization
    assert facts.parameters == info.parameters
    assert facts.trained == info.n_ctx_train
    assert facts.bytes == info.bytes
    assert facts.chat_template == bool(info.chat_template)
    need = needed(facts, case.spec)
    assert need.backend == info.backend
    assert (need.n_ctx, need.precision) == (info.n_ctx, info.kv)
    if info.backend == "llama-cpp":
        plan = planned(case.spec, facts.shape)
        assert plan.kv_bytes_per_token == info.kv_bytes_per_token
        assert plan.cells == info.n_ctx + info.fan_tokens
        assert (plan.rows, plan.batch_rows) == (info.max_fan_out, info.batch_rows)
        assert (need.weights, need.context) == (info.bytes, plan.bytes)
    else:
        assert need.weights == pytest.approx(4 * info.parameters, rel=0.1)
        assert need.context == info.n_ctx * info.kv_bytes_per_token


def test_a_chat_template_is_seen(tmp_path: Path) -> None:
    template = "{{ messages[0].content }}"
    file = family_gguf(tmp_path / "qwen.gguf", "qwen", chat_template=template)
    directory = family_directory(tmp_path / "qwen", "qwen", chat_template=template)
    assert read("gguf", str(file)).chat_template
    assert read("directory", str(directory)).chat_template
