"""What bftui asks of this backend before a model is open. Imports nothing that opens models."""

from __future__ import annotations

from pathlib import Path

from bftui.backends.backend_spec import BackendSpec
from bftui.formats.model_facts import ModelFacts, Need, SourceKind
from bftui.formats.open_spec import OpenSpec

N_CTX = 4096
_TABLE_BYTES = 257 * 257 * 4


def facts(path: Path) -> ModelFacts:
    """Describe a text file as a model, without counting anything."""
    return ModelFacts(path.stem, "bigram", path.stat().st_size, parameters=257 * 257, trained=N_CTX)


def needs(facts: ModelFacts, spec: OpenSpec) -> Need:
    """Say the memory of the table of counts; a context takes none."""
    return Need(_TABLE_BYTES, 0, spec.n_ctx or N_CTX, "bigram", "", False)


BIGRAM = SourceKind("bigram", "BIGRAM", "text to count byte bigrams in", facts, scheme="bigram:")

SPEC = BackendSpec("bigram", (BIGRAM,), "bftui_extending.bigram_backend", needs=needs)
