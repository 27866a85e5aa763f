"""The recipe of the practice models as one command.

    python -m recipes.practice.make --out DIR          the models as they are shipped, in an hour or so
    python -m recipes.practice.make --quick --out DIR  the same on a small budget, in ten minutes

writes five GGUF files into DIR, each with its model card and its numbers: `practice` (the base),
`practice-sft` (after the helpful style), `practice-aligned` (after the preference step),
`practice-small` and `practice-aligned-small` (a base and a partner of a quarter of the size). An
interrupted run goes on from the checkpoints in DIR/checkpoints when the command is given again;
finished stages are kept there. Needs
torch, which the program itself does not; uses a GPU where there is one. On a machine that does other
work too, set OMP_WAIT_POLICY=passive: waiting threads that spin make training many times slower.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import itertools
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer

from recipes.practice import checkpoint
from recipes.practice.align import prefer
from recipes.practice.card import Figures, Step, model_card
from recipes.practice.chat import TEMPLATE
from recipes.practice.data import TRAINING, Documents
from recipes.practice.gguf_writer import BpeVocab
from recipes.practice.grammar import Grammar
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.measure import Effort, measure
from recipes.practice.model import Llama
from recipes.practice.model_file import write_model
from recipes.practice.recipe import FULL, QUICK, Line, Preference, Recipe, Stage
from recipes.practice.tokenizer import train_tokenizer, vocabulary
from recipes.practice.train import Place, Training, find_place, train

SHIPPED = {
    "practice": "A small base language model for learning bftui.",
    "practice-sft": "The base model after training on chats in one helpful style.",
    "practice-aligned": "The base model after the helpful style and a preference step.",
    "practice-small": "A base of a quarter of the size, from which `practice-aligned-small` was tuned.",
    "practice-aligned-small": "A partner of a quarter of the size, for nudging large by small.",
}


@dataclass(frozen=True)
class Run:
    """What all stages of one run share."""

    recipe: Recipe
    grammar: Grammar
    tokenizer: Tokenizer
    vocab: BpeVocab
    seed: int
    out: Path
    command: str
    device: str
    effort: Effort


def make(recipe: Recipe, *, seed: int, out: Path, command: str, effort: Effort) -> None:
    """Run the recipe and write the models, their cards and their numbers into `out`."""
    (out / "checkpoints").mkdir(parents=True, exist_ok=True)
    grammar = practice_grammar()
    tokenizer = make_tokenizer(grammar, seed, recipe)
    vocab = vocabulary(tokenizer)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    if device == "CPU":
        device = f"{torch.get_num_threads()} CPU threads"
    run = Run(recipe, grammar, tokenizer, vocab, seed, out, command, device, effort)
    _make_line(
        run,
        recipe.large,
        {"base": "practice", "sft": "practice-sft", "aligned": "practice-aligned"},
    )
    small = {"base": "practice-small", "aligned": "practice-aligned-small"}
    _make_line(run, recipe.small, small)


def make_tokenizer(grammar: Grammar, seed: int, recipe: Recipe) -> Tokenizer:
    """Train the tokenizer on the base mixture and, for a fifth, on chats without their specials."""
    documents = recipe.tokenizer_documents
    base = itertools.islice(Documents(grammar, seed, TRAINING), documents)
    chats = itertools.islice(Documents(grammar, seed, TRAINING, start="help"), documents // 5)
    texts = itertools.chain(
        (document.text for document in base),
        (word for document in chats for word in document.words if not word.startswith("<|")),
    )
    return train_tokenizer(texts, recipe.large.config.n_vocab)


def _make_line(run: Run, line: Line, shipped: dict[str, str]) -> None:
    """Take one model through its stages; `shipped` names the files of those that are kept."""
    torch.manual_seed(run.seed)
    model = Llama(line.config)
    place = find_place(model)
    torch.manual_seed(run.seed)
    steps: list[Step] = []
    identity = checkpoint.fingerprint(
        run.seed, line.config, checkpoint.grammar_fingerprint(run.grammar), run.vocab
    )
    size = "small" if line is run.recipe.small else "large"
    for name, stage in (("base", line.base), ("sft", line.sft), ("aligned", line.preference)):
        identity = checkpoint.fingerprint(identity, stage)
        path = run.out / "checkpoints" / f"{size}-{name}.pt"
        training = _run_stage(run, model, stage, path, identity, place, f"{size} {name}")
        steps.append(Step(name, _settings(stage, place), training))
        if name in shipped:
            _ship(run, model, shipped[name], list(steps))


def _run_stage(
    run: Run,
    model: Llama,
    stage: Stage | Preference,
    path: Path,
    identity: str,
    place: Place,
    name: str,
) -> Training:
    if isinstance(stage, Stage):
        return train(
            model, stage, run.grammar, run.tokenizer, run.vocab,
            seed=run.seed, path=path, identity=identity, place=place, name=name,
        )  # fmt: skip
    return prefer(
        model, stage, run.grammar, run.tokenizer, run.vocab,
        seed=run.seed, path=path, identity=identity, place=place, name=name,
    )  # fmt: skip


def _settings(stage: Stage | Preference, place: Place) -> str:
    if isinstance(stage, Stage):
        casting = "bfloat16 autocast" if place.autocast else "float32"
        return (
            f"{stage.steps} steps of {stage.batch} windows, AdamW at {stage.learning_rate:g}, "
            f"cosine, {casting}"
        )
    return (
        f"DPO: {stage.steps} steps of {stage.pairs} pairs, AdamW at {stage.learning_rate:g}, "
        f"beta {stage.beta:g}, likelihood {stage.likelihood:g}"
    )


def _ship(run: Run, model: Llama, name: str, steps: list[Step]) -> None:
    """Write one model, measure it as it was written, in f16, and write its card and numbers."""
    path = run.out / f"{name}.gguf"
    chat = len(steps) > 1
    write_model(path, model, run.vocab, name, TEMPLATE if chat else None)
    print(f"measuring {name}", file=sys.stderr)
    rounded = copy.deepcopy(model)
    for weight in rounded.parameters():
        if weight.ndim == 2:
            weight.data = weight.data.half().float()
    numbers = measure(
        rounded.eval(), run.tokenizer, run.vocab, run.grammar,
        chat=chat, seed=run.seed, effort=run.effort,
    )  # fmt: skip
    figures = Figures(
        name=name,
        what=SHIPPED[name],
        command=run.command,
        seed=run.seed,
        device=run.device,
        config=model.config,
        grammar=run.grammar,
        parameters=sum(weight.numel() for weight in model.parameters()),
        bytes=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        steps=steps,
        numbers=numbers,
    )
    (run.out / f"{name}.md").write_text(model_card(figures), encoding="utf-8")
    checkpoint.write_json(run.out / f"{name}.json", asdict(numbers))
    print(
        f"{name}: {numbers.excess:.3f} nats/word above the grammar, total variation "
        f"{numbers.median_total_variation:.3f}, BF {numbers.bf_first:.2f} first, "
        f"{numbers.bf_mean:.2f} over 48, {100 * numbers.parsed:.0f} % parsed",
        file=sys.stderr,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run the recipe."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.practice.make",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="the short recipe")
    parser.add_argument("--seed", type=int, default=0, help="seed of text and weights")
    parser.add_argument("--out", type=Path, required=True, help="folder for models and cards")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch on a CPU")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    recipe = QUICK if options.quick else FULL
    quick = "--quick " if options.quick else ""
    command = f"python -m recipes.practice.make {quick}--seed {options.seed} --out DIR"
    effort = Effort(documents=300, rollouts=8) if options.quick else Effort()
    try:
        make(recipe, seed=options.seed, out=options.out, command=command, effort=effort)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from the checkpoints", file=sys.stderr)
        sys.exit(130)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
