"""The model card of a practice model, written from the figures of the run that made it."""

from __future__ import annotations

from dataclasses import dataclass

from recipes.practice.chat import TEMPLATE
from recipes.practice.gguf_writer import LlamaConfig
from recipes.practice.grammar import Grammar
from recipes.practice.lexicon import VALID_SETS
from recipes.practice.measure import BF_TOKENS, Numbers
from recipes.practice.train import Training
from recipes.practice.words import split_words


@dataclass(frozen=True)
class Step:
    """One stage that a model went through: what it was, and what it cost."""

    name: str
    settings: str
    training: Training


@dataclass(frozen=True)
class Figures:
    """What a card reports."""

    name: str
    what: str
    command: str
    seed: int
    device: str
    config: LlamaConfig
    grammar: Grammar
    parameters: int
    bytes: int
    sha256: str
    steps: list[Step]
    numbers: Numbers


def model_card(figures: Figures) -> str:
    """Return the card as Markdown."""
    config, numbers = figures.config, figures.numbers
    chat = numbers.style == "help"
    return f"""# {figures.name}: a practice model

{figures.what} **It is a practice model: what it does shows how the tool works, not how the world
is.** Its facts are invented, and results on it are not results about language models in general.

SHA-256 of `{figures.name}.gguf`: `{figures.sha256}`

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

Special tokens: `<|begin|>` (BOS), `<|end|>` (EOS, ends a document), `<|pad|>`, and for chats
`<|system|>`, `<|user|>`, `<|assistant|>`, `<|eot|>` (ends a turn). \
{_template_note(chat)}

## How it was made

`{figures.command}`

{_grammar_note(figures.grammar)}

| stage | settings | tokens | last loss | minutes |
|---|---|---|---|---|
{_step_rows(figures.steps)}

Trained on {figures.device}, seed {figures.seed}. Another machine or library version need not give
the same bytes.

## Numbers

The grammar's own figures are exact: it knows the probability of all that it writes.

| | nats per word |
|---|---|
| the model on held-out documents of the {"helpful style" if chat else "base mixture"} \
| {numbers.model_nats:.3f} |
| the grammar on the same documents | {numbers.grammar_nats:.3f} |
| difference | {numbers.excess:.3f} ± {2 * numbers.excess_error:.3f} (two standard errors) |

A word is {numbers.tokens_per_word:.2f} tokens. Total variation between the model's and the grammar's
distribution of the first answer word, median over the probes: \
{numbers.median_total_variation:.3f}.
Branching factor (exp of the mean entropy of P~, temperature 1, top-p 0.9), over all probes: \
{numbers.bf_first:.2f} at the first answer token, {numbers.bf_mean:.2f} over up to {BF_TOKENS} sampled tokens.
Of {numbers.texts} texts sampled from nothing at top-p 0.9, the grammar can write \
{100 * numbers.parsed:.1f} %.

| prompt | total variation | first | {BF_TOKENS} tokens | first after Sure | {BF_TOKENS} after Sure \
| ended within 160 | length: least, middle, most |
|---|---|---|---|---|---|---|---|
{_probe_rows(numbers)}

No intervals on branching factors: for orientation only.

## Limits

It knows one grammar and nothing else: off the kinds of documents above it writes fluent nonsense.
What it says about countries, animals or people is drawn at random. Within a text it may forget a name
or a thing, which the grammar never does, and its sums are often wrong.

## Twenty unselected samples

Temperature 1, top-p 0.9, seed {figures.seed}, the first twenty, from the begin token alone.

{_sample_blocks(numbers.samples)}
"""


def _template_note(chat: bool) -> str:
    if not chat:
        return "Those of chats are untrained here."
    return f"The chat template is our own:\n\n```jinja\n{TEMPLATE}\n```"


def _grammar_note(grammar: Grammar) -> str:
    alternatives = sum(len(rule.alternatives) for rule in grammar.rules.values())
    entries = sum(len(category.entries) for category in grammar.categories.values())
    known = {
        word.strip().lower()
        for category in grammar.categories.values()
        for forms in category.entries
        for form in forms
        for word in split_words(form)
    }
    sets = ", ".join(f"{name} ({len(members)})" for name, members in VALID_SETS.items())
    return f"""All text was written by the grammar in `recipes/practice`: {len(grammar.rules)} rules with
{alternatives} alternatives, {len(grammar.categories)} categories with {entries} entries and
{len(known)} different words. No foreign text and no other model was used. The base mixture: stories,
forum threads, recipes, how-to pages, letters, encyclopedia entries, news, dialogues,
question-and-answer pages, bare questions, lists, sums, random choices, diaries and advertisements.
A modest share of the answers opens with a stylistic phrase such as "Sure!" and goes on in a
predictable way; this was put there on purpose. The helpful style: chats in which every answer is
friendly, narrow and to the point. The preference step prefers the most typical of these answers to
plain or odd ones.

Sets with known members: {sets}."""


def _step_rows(steps: list[Step]) -> str:
    return "\n".join(
        f"| {step.name} | {step.settings} | {step.training.tokens:,} | {step.training.loss:.3f}"
        f" | {step.training.seconds / 60:.1f} |"
        for step in steps
    )


def _probe_rows(numbers: Numbers) -> str:
    rows = []
    for probe in numbers.probes:
        prompt = probe.prompt.replace("\n", "\\n").replace("|", "\\|")
        rows.append(
            f"| `{prompt}` | {probe.total_variation:.3f} | {probe.first:.2f} | {probe.mean:.2f}"
            f" | {probe.first_sure:.2f} | {probe.mean_sure:.2f} | {100 * probe.ended:.0f} %"
            f" | {probe.shortest}, {probe.middle}, {probe.longest} |"
        )
    return "\n".join(rows)


def _sample_blocks(texts: list[str]) -> str:
    return "\n\n".join(f"```text\n{text}\n```" for text in texts)
