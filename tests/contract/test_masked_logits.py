"""Models with logits of -inf, or far below all others, on most tokens; and models that look ahead beside such masks."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bftui.backends.registry import open_backend
from bftui.core.errors import UnsupportedModel
from bftui.formats.open_spec import OpenSpec
from bftui.model.loaded_model import open_model
from bftui.session.session import Session
from tests.contract.conftest import as_numpy, quiet
from tests.family_tokenizers import write_tokenizer
from tests.groups import TORCH, Later, needs
from tests.models import bpe_vocab

pytestmark = TORCH

needs("torch", "transformers")
torch: Any = Later("torch")
transformers: Any = Later("transformers")

_KEPT = range(260, 300)
"""Tokens that can occur."""

MASKS = {
    "none": 0.0,
    "-inf": -math.inf,
    "the least float32": float(np.finfo(np.float32).min),
    "-1e9": -1e9,
    "-10000": -1e4,
}


def _directory(path: Path, kind: str, mask: float) -> Path:
    """A tiny model whose output bias masks most tokens: `phi` reads from left to right, `bert` does not."""
    vocabulary = bpe_vocab()
    sizes: dict[str, Any] = {
        "vocab_size": len(vocabulary.tokens),
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "max_position_embeddings": 512,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": None,
    }
    make = {"phi": transformers.PhiConfig, "bert": transformers.BertConfig}[kind]
    config = make(**sizes)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.25)
        bias = model.get_output_embeddings().bias
        bias.fill_(mask)
        bias[list(_KEPT)] = 0.0
    model.save_pretrained(path)
    write_tokenizer(path, vocabulary, add_bos=True, pre="gpt-2", n_ctx=512)
    return path


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", MASKS)
def test_a_mask_on_most_tokens_is_no_reason_to_refuse(
    name: str, dtype: Any, tmp_path: Path
) -> None:
    path = _directory(tmp_path / "model", "phi", MASKS[name])
    backend: Any = open_backend(
        OpenSpec(str(path), "transformers", dtype=dtype, threads=1, device="cpu"), quiet
    )
    try:
        assert backend.info.rewind == "any"
        assert not backend.by_one
        row = as_numpy(backend.next_logits([5, 6, 7]))
    finally:
        backend.close()
    assert int(row.argmax()) in (_KEPT if MASKS[name] else range(len(row)))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", MASKS)
def test_a_model_that_looks_ahead_is_refused_beside_any_mask(
    name: str, dtype: Any, tmp_path: Path
) -> None:
    path = _directory(tmp_path / "model", "bert", MASKS[name])
    spec = OpenSpec(str(path), "transformers", dtype=dtype, threads=1, device="cpu")
    with pytest.raises(UnsupportedModel) as caught:
        open_backend(spec, quiet).close()
    assert caught.value.reason == "it does not read from left to right"


def test_a_session_goes_on_beside_tokens_that_cannot_occur(tmp_path: Path) -> None:
    path = _directory(tmp_path / "model", "phi", -math.inf)
    with open_model(str(path), threads=1, device="cpu") as model:
        session = Session(model, prompt="The river", top_p=1.0, seed=3)
        for _ in range(3):
            session.step()
        node = session.force(ids=[5])
        assert node.logprob == -math.inf
        assert node.rank == 1 + len(_KEPT)
        assert 0 < node.next.entropy <= math.log(len(_KEPT))
        session.lookahead(k=4)
        session.rollouts(samples=2, horizon=4)
        file = tmp_path / "trace.json"
        session.trace().save(file)
    document = json.loads(file.read_text(), parse_constant=pytest.fail)
    assert document["nodes"][-1]["logprob"] is None
