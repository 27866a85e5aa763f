"""The numbers of practice models against the truth of their grammar.

    python -m recipes.practice.measure FILE.gguf...

prints one JSON document. A model with a chat template is held against the helpful style (`help`),
one without against the base mixture (`document`). Nats are of the untempered distribution; branching
factors are exp of the entropy of P~, the distribution at temperature 1 cut at top-p 0.9.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from bftui.core.sampler import Sampler
from recipes.practice.data import HELD_OUT, Documents, encode
from recipes.practice.gguf_writer import CONTROL, BpeVocab
from recipes.practice.grammar import Grammar
from recipes.practice.grammar_all import practice_grammar
from recipes.practice.model import Llama
from recipes.practice.model_file import read_model
from recipes.practice.sampling import Sample, sample
from recipes.practice.scoring import document_nats, word_chances
from recipes.practice.tokenizer import from_vocabulary
from recipes.practice.truth import PROBES, Probe, Truth, entropy, total_variation

BF_TOKENS, ANSWER_TOKENS = 48, 160


@dataclass(frozen=True)
class Effort:
    """How much is measured: held-out documents, probes, rollouts a probe, sampled texts, and how long
    these may get, in tokens.
    """

    documents: int = 1000
    probes: int = len(PROBES)
    rollouts: int = 24
    texts: int = 200
    text_tokens: int = 480


@dataclass(frozen=True)
class ProbeNumbers:
    """One probe prompt.

    total_variation: between the model's and the grammar's distribution of the first answer word.
    first, mean: BF at the first answer token, and over up to 48 tokens of the rollouts.
    first_sure, mean_sure: the same with " Sure" forced. true_first: exp of the grammar's entropy of
    the first word, not cut. ended: share of rollouts that ended within 160 tokens; shortest, middle,
    longest: their lengths in tokens.
    """

    prompt: str
    total_variation: float
    first: float
    mean: float
    first_sure: float
    mean_sure: float
    true_first: float
    ended: float
    shortest: int
    middle: int
    longest: int


@dataclass(frozen=True)
class Numbers:
    """What is reported of one model.

    model_nats, grammar_nats: per word over held-out documents, each document's end counted as a
    word. excess: their difference, with its standard error over documents. tokens_per_word: of the
    same documents. bf_first, bf_mean: exp of the mean over the probes of their entropies. parsed:
    share of `texts` samples from nothing that the grammar can write. samples: the first twenty.
    """

    style: str
    model_nats: float
    grammar_nats: float
    excess: float
    excess_error: float
    tokens_per_word: float
    median_total_variation: float
    bf_first: float
    bf_mean: float
    probes: list[ProbeNumbers]
    texts: int
    parsed: float
    samples: list[str]


def measure(
    model: Llama,
    tokenizer: Tokenizer,
    vocab: BpeVocab,
    grammar: Grammar,
    *,
    chat: bool,
    seed: int = 0,
    effort: Effort | None = None,
) -> Numbers:
    """Measure one model; `chat` says which style it is held against."""
    effort = effort or Effort()
    style = "help" if chat else "document"
    truth = Truth(grammar, style)
    stream = Documents(grammar, seed, HELD_OUT, start=style)
    texts = [next(stream).text for _ in range(effort.documents)]
    rows = [encode(tokenizer, vocab, text) for text in texts]
    found = document_nats(model, vocab, rows)
    true = np.array([truth.nats(text) for text in texts])
    words = np.array([len(truth.words(text)) for text in texts])
    excess = float((found - true).sum() / words.sum())
    spread = (found - true) - excess * words
    error = float(np.sqrt((spread**2).sum()) / words.sum())
    probes = [
        _probe(model, tokenizer, vocab, truth, probe, chat, effort.rollouts)
        for probe in PROBES[: effort.probes]
    ]
    drawn = sample(
        model,
        [vocab.bos],
        Sampler(seed=seed),
        count=effort.texts,
        limit=effort.text_tokens,
        ends={vocab.eos},
    )
    written = [decode(tokenizer, vocab, one.ids) for one in drawn]
    parsed = [truth.parses(text, whole=one.ended) for text, one in zip(written, drawn, strict=True)]
    return Numbers(
        style=style,
        model_nats=float(found.sum() / words.sum()),
        grammar_nats=float(true.sum() / words.sum()),
        excess=excess,
        excess_error=error,
        tokens_per_word=sum(len(row) + 1 for row in rows) / float(words.sum()),
        median_total_variation=float(np.median([probe.total_variation for probe in probes])),
        bf_first=float(np.exp(np.mean([np.log(probe.first) for probe in probes]))),
        bf_mean=float(np.exp(np.mean([np.log(probe.mean) for probe in probes]))),
        probes=probes,
        texts=effort.texts,
        parsed=float(np.mean(parsed)),
        samples=written[:20],
    )


def decode(tokenizer: Tokenizer, vocab: BpeVocab, ids: Sequence[int]) -> str:
    """Write ids as text, specials of a chat spelled out, without begin, end and padding."""
    text, plain = "", list[int]()
    silent = {vocab.bos, vocab.eos, vocab.pad}
    for token in [*ids, vocab.eos]:
        if vocab.types[token] == CONTROL:
            text += tokenizer.decode(plain)
            plain = []
            text += "" if token in silent else vocab.tokens[token]
        else:
            plain.append(token)
    return text


def _probe(
    model: Llama,
    tokenizer: Tokenizer,
    vocab: BpeVocab,
    truth: Truth,
    probe: Probe,
    chat: bool,
    count: int,
) -> ProbeNumbers:
    prompt = probe.chat if chat else probe.page
    chances = truth.next_words(prompt)
    prefix = [vocab.bos, *encode(tokenizer, vocab, prompt)]
    model_chances = word_chances(model, tokenizer, vocab, prefix, list(chances))
    ends = {vocab.eos, vocab.eot} if vocab.eot is not None else {vocab.eos}

    def rollouts(after: list[int], limit: int) -> list[Sample]:
        return sample(model, after, Sampler(), count=count, limit=limit, ends=ends)

    free = rollouts(prefix, ANSWER_TOKENS)
    sure = rollouts(prefix + encode(tokenizer, vocab, " Sure"), BF_TOKENS)
    lengths = [len(one.ids) for one in free]
    return ProbeNumbers(
        prompt=prompt,
        total_variation=total_variation(chances, model_chances),
        first=float(np.exp(free[0].entropies[0])),
        mean=_mean_bf(free),
        first_sure=float(np.exp(sure[0].entropies[0])),
        mean_sure=_mean_bf(sure),
        true_first=float(np.exp(entropy(chances))),
        ended=float(np.mean([one.ended for one in free])),
        shortest=min(lengths),
        middle=int(np.median(lengths)),
        longest=max(lengths),
    )


def _mean_bf(samples: Sequence[Sample]) -> float:
    return float(np.exp(np.mean([np.mean(one.entropies[:BF_TOKENS]) for one in samples])))


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure each file, print JSON."""
    parser = argparse.ArgumentParser(prog="python -m recipes.practice.measure", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.gguf")
    parser.add_argument("--seed", type=int, default=0, help="seed of the held-out documents")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    found = {}
    for path in options.files:
        print(f"measuring {path.name}", file=sys.stderr)
        model, vocab, template = read_model(path)
        numbers = measure(
            model,
            from_vocabulary(vocab),
            vocab,
            practice_grammar(),
            chat=template is not None,
            seed=options.seed,
        )
        found[path.stem] = asdict(numbers)
    print(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
