"""Parts of samples that are measured apart: a thinking block and what comes after it, and both sides of outside text.

A token counts by the text before it: inside of a block where that has opened one and not closed it, after where it has
closed one. So the tokens that close a block are inside, being chosen there, and those that open it are neither.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bftui.core.bf.samples import Finish, Sample
from bftui.core.draws import Purpose, prefix_key, uniform

TokenBytes = Callable[[int], bytes]

OPEN, CLOSE = b"<think>", b"</think>"

EMPTY_BLOCK = "<think>\n\n</think>\n\n"
"""What an answer begins with that has not thought."""

CLOSING = "\n</think>\n\n"
"""What is left of it where a prompt that is not a conversation ends inside of a block."""


def without_thought(prefill: str) -> str:
    """Returns the beginning of an answer with an empty block first, in the place of one that it begins with."""
    rest = prefill.lstrip()
    if rest.startswith(OPEN.decode()):
        prefill = rest.partition(CLOSE.decode())[2].lstrip("\n")
    return EMPTY_BLOCK + prefill


def opens_block(prompt: bytes) -> bool:
    """Says whether a prompt ends inside of a block: some chat templates open it themselves."""
    return prompt.rfind(OPEN) > prompt.rfind(CLOSE)


def segments(
    samples: Sequence[Sample], token_bytes: TokenBytes, *, opened: bool
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Returns the parts of samples inside of their first block and after it; samples without such a part are left out.

    `opened`: the prompt opened the block already.
    """
    inside, after = list[Sample](), list[Sample]()
    for sample in samples:
        start, end = _bounds(sample, token_bytes, opened=opened)
        inside += part(sample, start, end, token_bytes)
        after += part(sample, end, sample.length, token_bytes)
    return tuple(inside), tuple(after)


def _bounds(sample: Sample, token_bytes: TokenBytes, *, opened: bool) -> tuple[int, int]:
    """Finds the first token inside and the first one after; the sample's length where there is none."""
    start = 0 if opened else sample.length
    text = b""
    for place, token_id in enumerate(sample.token_ids, start=1):
        text += token_bytes(token_id)
        if not opened and OPEN in text:
            opened, start = True, place
            text = text.split(OPEN, 1)[1]
        if opened and CLOSE in text:
            return start, place
        # A tag may be written in several tokens; no more than its beginning can stand before this one.
        text = text[-len(CLOSE) + 1 :]
    return start, sample.length


def part(sample: Sample, start: int, end: int, token_bytes: TokenBytes) -> list[Sample]:
    """Cuts out tokens `start` to `end` of a sample; nothing where there are none.

    What something comes after has the finish `eog`: it ended by itself.
    """
    if start >= end:
        return []
    finish: Finish = "eog" if end < sample.length else sample.finish
    ids = sample.token_ids[start:end]
    text = ids[:-1] if end == sample.length and finish == "eog" else ids
    return [
        Sample(
            token_ids=ids,
            entropy=sample.entropy[start:end],
            entropy_truncated=sample.entropy_truncated[start:end],
            logprob_truncated=sample.logprob_truncated[start:end],
            logprob=sample.logprob[start:end],
            n_bytes=sum(len(token_bytes(i)) for i in text),
            finish=finish,
        )
    ]


def text_of(sample: Sample, token_bytes: TokenBytes) -> str:
    """Returns what a sample says, without an end of generation; bytes that are not UTF-8 are replaced."""
    ids = sample.token_ids[:-1] if sample.finish == "eog" else sample.token_ids
    return b"".join(map(token_bytes, ids)).decode(errors="replace")


def random_tokens(
    allowed: Sequence[int], count: int, prefix: Sequence[int], seed: int, number: int
) -> tuple[int, ...]:
    """As many of the allowed tokens, each drawn evenly; `number` is that of the sample which they are put into.

    The draws are those of a control at the prefix.
    """
    key = prefix_key(prefix)
    return tuple(
        allowed[int(uniform(seed, Purpose.CONTROL, t, number, key) * len(allowed))]
        for t in range(count)
    )
