"""The recipe of the practice models as one command.

    python -m bftui.practice.make --quick --seed 0 --out DIR

writes DIR/practice.gguf and its model card DIR/practice.md. An interrupted run goes on from the
checkpoint in DIR when the command is given again. Needs torch, which the program itself does not.
On a machine that does other work too, set OMP_WAIT_POLICY=passive: waiting threads that spin make
training many times slower there.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from bftui.practice.card import Figures, model_card
from bftui.practice.data import HELD_OUT, TRAINING, Documents
from bftui.practice.gguf_writer import write_llama_gguf
from bftui.practice.grammar_all import practice_grammar
from bftui.practice.probe import PROBES, probe, samples
from bftui.practice.tokenizer import train_tokenizer, vocabulary
from bftui.practice.train import QUICK, Recipe, mean_loss, train

_EVALUATED = 1000


def make(recipe: Recipe, *, seed: int, out: Path, threads: int, command: str) -> None:
    """Run the recipe and write the model and its card into `out`."""
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    grammar = practice_grammar()
    first = itertools.islice(Documents(grammar, seed, TRAINING), recipe.tokenizer_documents)
    tokenizer = train_tokenizer((document.text for document in first), recipe.config.n_vocab)
    vocab = vocabulary(tokenizer)
    model, training = train(
        recipe, grammar, tokenizer, vocab, seed=seed, checkpoint=out / "checkpoint.pt"
    )
    path = out / "practice.gguf"
    # What is shipped is f16, so the figures are taken on the rounded weights.
    model.half().float()
    write_llama_gguf(
        path,
        config=recipe.config,
        tensors={name: weight.detach().numpy() for name, weight in model.named_parameters()},
        tokenizer=vocab,
        dtype="f16",
        name="practice",
        licence="mit",
        description="Practice model: shows how the tool works, not how the world is",
    )
    print("measuring", file=sys.stderr)

    def loss(stream: int) -> tuple[float, float]:
        chosen = itertools.islice(Documents(grammar, seed, stream), _EVALUATED)
        return mean_loss(model, tokenizer, vocab, chosen)

    training_loss, _ = loss(TRAINING)
    held_out_loss, grammar_nats = loss(HELD_OUT)
    figures = Figures(
        command=command,
        seed=seed,
        recipe=recipe,
        grammar=grammar,
        parameters=sum(weight.numel() for weight in model.parameters()),
        bytes=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        training=training,
        training_loss=training_loss,
        held_out_loss=held_out_loss,
        grammar_nats=grammar_nats,
        probes=[probe(model, tokenizer, vocab, prompt) for prompt in PROBES],
        samples=samples(model, tokenizer, vocab, count=10, seed=seed),
    )
    (out / "practice.md").write_text(model_card(figures), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run the recipe."""
    parser = argparse.ArgumentParser(prog="python -m bftui.practice.make", description=__doc__)
    parser.add_argument("--quick", action="store_true", required=True, help="the short recipe")
    parser.add_argument("--seed", type=int, default=0, help="seed of text and weights")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model and its card")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    options = parser.parse_args(arguments)
    command = f"python -m bftui.practice.make --quick --seed {options.seed} --out DIR"
    make(QUICK, seed=options.seed, out=options.out, threads=options.threads, command=command)


if __name__ == "__main__":
    main()
