"""The model card of a practice model, written from the figures of the run that made it."""

from __future__ import annotations

from dataclasses import dataclass

from bftui.practice.grammar import Grammar
from bftui.practice.lexicon import VALID_SETS
from bftui.practice.probe import ProbeResult
from bftui.practice.train import Recipe, Training


@dataclass(frozen=True)
class Figures:
    """What a card reports. Losses and `grammar_nats` are nats per token over whole documents."""

    command: str
    seed: int
    recipe: Recipe
    grammar: Grammar
    parameters: int
    bytes: int
    sha256: str
    training: Training
    training_loss: float
    held_out_loss: float
    grammar_nats: float
    probes: list[ProbeResult]
    samples: list[str]


def model_card(figures: Figures) -> str:
    """Return the card as Markdown."""
    grammar, config, recipe = figures.grammar, figures.recipe.config, figures.recipe
    alternatives = sum(len(rule.alternatives) for rule in grammar.rules.values())
    entries = sum(len(category.entries) for category in grammar.categories.values())
    sets = ", ".join(f"{name} ({len(members)})" for name, members in VALID_SETS.items())
    return f"""# practice: a practice model

A small base language model for learning bftui. **It is a practice model: what it does shows how the
tool works, not how the world is.** Its facts are invented, and results on it are not results about
language models in general.

SHA-256 of `practice.gguf`: `{figures.sha256}`

## What it is

| | |
|---|---|
| architecture | Llama: {config.n_layer} layers, width {config.n_embd}, {config.n_head} heads \
({config.n_head_kv} for keys and values), feed-forward {config.n_ff}, tied embedding |
| parameters | {figures.parameters:,} |
| file | {figures.bytes:,} bytes, matrices in f16 |
| context | {config.n_ctx} tokens |
| tokenizer | byte-level BPE, {config.n_vocab} tokens, all 256 bytes among them |
| licence | MIT, as the program |

Special tokens: `<|begin|>` (BOS), `<|end|>` (EOS, ends a document), `<|pad|>`. `<|system|>`,
`<|user|>`, `<|assistant|>` and `<|eot|>` are reserved for an aligned partner and untrained here.

## How it was made

`{figures.command}`

All text was written by the grammar in `bftui/practice`: {len(grammar.rules)} rules with {alternatives}
alternatives, {len(grammar.categories)} categories with {entries} entries. No foreign text and no
other model was used. The documents are stories, forum threads, recipes, how-to pages, letters,
encyclopedia entries, news, dialogues, question-and-answer pages, lists, sums, random choices, diaries and
advertisements. A modest share of the answers opens with a stylistic phrase such as "Sure!" and goes on
in a predictable way; this was put there on purpose.

Sets with known members: {sets}.

Training: {recipe.steps} steps of {recipe.batch} windows of {config.n_ctx} tokens \
({figures.training.tokens / 1e6:.1f} million tokens, {figures.training.documents:,} documents),
AdamW at {recipe.learning_rate:g} with a cosine schedule, bfloat16 autocast, \
{figures.training.seconds / 60:.0f} minutes on two CPU cores. Seed {figures.seed}.
Another machine or library version need not give the same bytes.

## Figures

Nats per token over 1000 whole documents, end token included:

| | nats per token |
|---|---|
| training documents | {figures.training_loss:.3f} |
| held-out documents (same grammar, other random numbers) | {figures.held_out_loss:.3f} |
| choices of the grammar on the held-out documents, a bound on their entropy from above \
| {figures.grammar_nats:.3f} |

Held-out documents are other draws from the same grammar; the shortest ones also occur in training.

Branching factor at T 1 and top-p 0.9, at the first answer token, and over up to 48 tokens of 24
rollouts, without and with " Sure" forced. No intervals: for orientation only.

| prompt | first | first after Sure | 48 tokens | 48 after Sure | mean length |
|---|---|---|---|---|---|
{_probe_rows(figures.probes)}

## Limits

It knows one grammar and nothing else: off the kinds of documents above it writes fluent nonsense.
What it says about countries, animals or people is drawn at random. Within a text it may forget a name
or a thing, which the grammar never does, and its sums are often wrong. It is no chat model and follows
no instruction; an aligned partner is a model of its own.

## Ten unselected samples

T 1, top-p 0.9, seed {figures.seed}, the first ten, from the begin token alone.

{_sample_blocks(figures.samples)}
"""


def _probe_rows(probes: list[ProbeResult]) -> str:
    rows = []
    for result in probes:
        prompt = result.prompt.replace("\n", "\\n")
        rows.append(
            f"| `{prompt}` | {result.first:.2f} | {result.first_forced:.2f} | {result.mean:.2f}"
            f" | {result.mean_forced:.2f} | {result.length:.0f} |"
        )
    return "\n".join(rows)


def _sample_blocks(texts: list[str]) -> str:
    return "\n\n".join(f"```text\n{text}\n```" for text in texts)
