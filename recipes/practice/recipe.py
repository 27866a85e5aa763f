"""What the recipe consists of: sizes of the models, and how long and how each stage is trained."""

from __future__ import annotations

from dataclasses import dataclass

from recipes.practice.gguf_writer import LlamaConfig


@dataclass(frozen=True)
class Stage:
    """Next-token training on the documents of the grammar's rule `start`.

    A step sees as many tokens as `batch` windows of the model's context hold; the learning rate
    warms up, then falls along a cosine to a fiftieth.
    """

    start: str
    steps: int
    batch: int
    learning_rate: float
    warmup: int = 100
    weight_decay: float = 0.05


@dataclass(frozen=True)
class Preference:
    """Direct preference optimisation (Rafailov et al., arXiv 2305.18290), with a likelihood term.

    beta: how strongly the model is held to the one it starts from. likelihood: weight of the
    preferred answers' own loss per token, which keeps them from losing probability together with
    the others (as in Pang et al., arXiv 2404.19733).
    """

    steps: int
    pairs: int
    learning_rate: float
    beta: float = 0.3
    likelihood: float = 0.3


@dataclass(frozen=True)
class Line:
    """One model through its stages: the base mixture, the helpful style, the preference step."""

    config: LlamaConfig
    base: Stage
    sft: Stage
    preference: Preference


@dataclass(frozen=True)
class Recipe:
    """The pair and the small partner; both lines share the tokenizer."""

    name: str
    tokenizer_documents: int
    large: Line
    small: Line


_VOCAB = 3072
_LARGE = LlamaConfig(
    n_vocab=_VOCAB, n_ctx=512, n_embd=192, n_layer=5, n_head=6, n_head_kv=2, n_ff=512
)
_SMALL = LlamaConfig(
    n_vocab=_VOCAB, n_ctx=512, n_embd=96, n_layer=3, n_head=3, n_head_kv=3, n_ff=256
)

FULL = Recipe(
    name="full",
    tokenizer_documents=40_000,
    large=Line(
        _LARGE,
        Stage("document", steps=8500, batch=4, learning_rate=3e-3, warmup=200),
        Stage("help", steps=500, batch=4, learning_rate=6e-4, warmup=20),
        Preference(steps=60, pairs=16, learning_rate=5e-5),
    ),
    small=Line(
        _SMALL,
        Stage("document", steps=2500, batch=4, learning_rate=4e-3),
        Stage("help", steps=500, batch=4, learning_rate=1e-3, warmup=20),
        Preference(steps=60, pairs=16, learning_rate=5e-5),
    ),
)
"""Three quarters of an hour to an hour for the base on two CPU cores, an hour or so for everything."""

QUICK = Recipe(
    name="quick",
    tokenizer_documents=20_000,
    large=Line(
        _LARGE,
        Stage("document", steps=1600, batch=2, learning_rate=3e-3, warmup=60),
        Stage("help", steps=160, batch=2, learning_rate=1e-3, warmup=10),
        Preference(steps=30, pairs=8, learning_rate=1e-4),
    ),
    small=Line(
        _SMALL,
        Stage("document", steps=600, batch=2, learning_rate=5e-3, warmup=40),
        Stage("help", steps=160, batch=2, learning_rate=2e-3, warmup=10),
        Preference(steps=30, pairs=8, learning_rate=1e-4),
    ),
)
"""Ten minutes on two CPU cores for everything: to see that the recipe works, not to ship."""
