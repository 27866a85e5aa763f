"""What headers say of a model is what the backend says once it is open, and what it needs is what it is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bftui.backends.registry import installed, needed
from bftui.formats.context_plan import planned
from bftui.formats.model_facts import DIRECTORY, GGUF, read
from bftui.model.loaded_model import open_model
from bftui.model.prompt import Prompt
from recipes.practice.gguf_writer import SpmVocab
from tests import families
from tests.contract.conftest import CASES, case_of
from tests.families import family_directory, family_gguf
from tests.groups import TORCH

FAMILIES = [name for name in CASES if name != "table"]


@pytest.mark.parametrize("name", FAMILIES)
def test_headers_and_backends_agree(name: str, family_file: Callable[[str, str], Path]) -> None:
    case = case_of(name, family_file)
    kind = DIRECTORY if case.spec.backend == "transformers" else GGUF
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
        assert plan.cells == info.n_ctx + info.continuation_tokens
        assert (plan.rows, plan.batch_rows) == (info.max_continuations, info.batch_rows)
        assert (need.weights, need.context) == (info.bytes, plan.bytes)
    else:
        assert need.weights == pytest.approx(4 * info.parameters, rel=0.1)
        assert need.context == info.n_ctx * info.kv_bytes_per_token


def test_a_chat_template_is_seen(tmp_path: Path) -> None:
    template = "{{ messages[0].content }}"
    file = family_gguf(tmp_path / "qwen.gguf", "qwen", chat_template=template)
    directory = family_directory(tmp_path / "qwen", "qwen", chat_template=template)
    assert read(GGUF, str(file)).chat_template
    assert read(DIRECTORY, str(directory)).chat_template


PLACES: dict[str, tuple[dict[str, Any], str | None]] = {
    "a file of its own": ({"chat_template.jinja": "A{{ messages[0].content }}"}, "A"),
    "the tokenizer's config": ({"tokenizer_config.json": "A{{ messages[0].content }}"}, "A"),
    "the processor's file": ({"chat_template.json": "A{{ messages[0].content }}"}, "A"),
    "a list with a default": (
        {
            "tokenizer_config.json": [
                {"name": "tool_use", "template": "B{{ messages[0].content }}"},
                {"name": "default", "template": "A{{ messages[0].content }}"},
            ]
        },
        "A",
    ),
    "a list without a default": (
        {
            "tokenizer_config.json": [
                {"name": "rag", "template": "A{{ messages[0].content }}"},
                {"name": "tool_use", "template": "B{{ messages[0].content }}"},
            ]
        },
        None,
    ),
    "a list of one": (
        {"tokenizer_config.json": [{"name": "rag", "template": "A{{ messages[0].content }}"}]},
        "A",
    ),
    "a file before a config": (
        {
            "chat_template.jinja": "A{{ messages[0].content }}",
            "tokenizer_config.json": "B{{ messages[0].content }}",
            "additional_chat_templates/rag.jinja": "C{{ messages[0].content }}",
        },
        "A",
    ),
    "files without a default": (
        {
            "additional_chat_templates/rag.jinja": "A{{ messages[0].content }}",
            "additional_chat_templates/tool_use.jinja": "B{{ messages[0].content }}",
        },
        None,
    ),
    "an empty file": ({"chat_template.jinja": ""}, None),
    "nothing": ({}, None),
}


@TORCH
@pytest.mark.parametrize("place", PLACES)
def test_wherever_a_directory_keeps_its_template_facts_and_opening_agree(
    tmp_path: Path, place: str
) -> None:
    pytest.importorskip("transformers")
    files, begins = PLACES[place]
    path = family_directory(tmp_path / "qwen", "qwen")
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(exist_ok=True)
        if file.suffix == ".jinja":
            file.write_text(content)
            continue
        config = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**config, "chat_template": content}))
    assert read(DIRECTORY, str(path)).chat_template == (begins is not None)
    with open_model(path, backend="transformers", threads=1) as model:
        taken = model.render(Prompt("hi"))
        assert (taken.template == "chat") == (begins is not None)
        assert taken.text.endswith("hi" if begins is None else f"{begins}hi")


@TORCH
def test_all_special_tokens_are_there_for_the_template(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    names = ("bos", "eos", "unk", "pad", "sep", "cls", "mask")
    template = "{{ messages[0].content }}|" + "|".join(f"{{{{ {name}_token }}}}" for name in names)
    path = family_directory(
        tmp_path / "qwen", "qwen", chat_template=f"{template}|{{{{ sot_token }}}}"
    )
    config = json.loads((path / "tokenizer_config.json").read_text())
    words = {f"{name}_token": f"<{name}>" for name in ("pad", "sep", "cls", "mask", "sot")}
    (path / "tokenizer_config.json").write_text(json.dumps({**config, **words}))
    loaded = transformers.AutoTokenizer.from_pretrained(str(path), local_files_only=True)
    asked = [{"role": "user", "content": "hi"}]
    expected = loaded.apply_chat_template(asked, tokenize=False)
    assert "<pad>|<sep>|<cls>|<mask>|<sot>" in expected
    with open_model(path, backend="transformers", threads=1) as model:
        text = model.render(Prompt("hi")).text
        assert text[text.index("hi|") :] == expected


def test_a_file_names_its_special_tokens_too(tmp_path: Path) -> None:
    vocabulary = families.FAMILIES["spm"].vocabulary
    assert isinstance(vocabulary, SpmVocab)
    template = "{{ messages[0].content }}|{{ unk_token }}|{{ bos_token }}|{{ eos_token }}"
    path = family_gguf(tmp_path / "spm.gguf", "spm", chat_template=template)
    ids = vocabulary.unknown, vocabulary.bos, vocabulary.eos
    named = "|".join(vocabulary.tokens[i] for i in ids)
    for backend in ("reference", "llama-cpp", "transformers"):
        if installed(backend):
            with open_model(path, backend=backend, threads=1) as model:
                # Some tokenizers put a blank after each of them.
                text = model.render(Prompt("hi")).text.replace(" ", "")
                assert text.endswith(f"hi|{named}"), backend
