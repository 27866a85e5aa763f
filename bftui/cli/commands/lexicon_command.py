"""`bftui lexicon`: what the answers of a model begin with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import Watched, check_files, deliver, finish, open_stoppable, stopped
from bftui.cli.shared.progress_bars import bar
from bftui.core.errors import UsageError

if TYPE_CHECKING:
    from bftui.measures.style_lexicon import Harvest
    from bftui.results.lexicon_result import LexiconOutput


@o.unfolded
def lexicon(
    *,
    model: o.Model = "practice-aligned",
    prompts: Annotated[
        Path, typer.Option(help='JSON Lines, {"id": "…", "prompt": "…"}; - is standard input.')
    ],
    samples: Annotated[
        str,
        typer.Option(
            metavar="<greedy|int>",
            help="greedy takes one answer of each prompt, M samples M of them.",
        ),
    ] = "greedy",
    length: Annotated[int, typer.Option(min=1, max=20, help="Tokens of the longest prefix.")] = 5,
    count: Annotated[
        int, typer.Option(min=1, help="Answers that a prefix must begin to be listed.")
    ] = 2,
    output: o.Output = None,
    frame: o.Frame,
    sampling: o.Sampling,
    opening: o.OpeningOptions,
    as_json: o.Json = False,
) -> int:
    """List the prefixes that a model's own answers have in common: words for the style palette."""
    from bftui.measures.nudging.nudging_runs import rendered_under
    from bftui.measures.style_lexicon import Harvest
    from bftui.model.prompt import framed
    from bftui.trace.prompts_file import parse_prompts

    size = _samples(samples)
    sampling.checked()
    lines = parse_prompts(o.read_bytes(prompts), str(prompts))
    asked = [framed(line, frame.around("")) for line in lines]
    opening.check_labels(1)
    check_files([(model, opening.backend)], [output], [prompts])
    with interruptible() as interruption, bar(interruption) as show:
        with open_stoppable(model, opening, interruption, show) as opened:
            for line, prompt in zip(lines, asked, strict=True):
                rendered_under(line.id, prompt, opened)
            job = Harvest(opened, asked, samples=size, length=length, sampler=sampling.on(opened))
            error = finish(job, Watched(interruption, show), lambda: job.doing)
            found, note = _output(job, opened.info.name, size, length, count), opened.info.note
        if job.answers:
            from bftui.results.codec import encode

            deliver(show, encode(found), _report(found), as_json=as_json, output=output, note=note)
    if error is not None:
        count_of = len(job.answers)
        counted = "1 answer is counted" if count_of == 1 else f"{count_of} answers are counted"
        raise stopped(error, counted if job.answers else "")
    return 0


def _samples(value: str) -> int:
    """How many samples of each prompt; 0 for the greedy answer. Raises UsageError."""
    if value == "greedy":
        return 0
    if not value.isascii() or not value.isdigit() or int(value) == 0:
        raise UsageError(f"--samples {value!r} is neither greedy nor a number from 1 on")
    return int(value)


def _output(job: Harvest, model: str, samples: int, length: int, count: int) -> LexiconOutput:
    from bftui.measures.style_lexicon import is_published, offered
    from bftui.results.lexicon_result import LexiconOutput, LexiconPrefix

    prefixes = job.prefixes(count)
    return LexiconOutput(
        model=model,
        answers=len(job.answers),
        samples=samples or "greedy",
        length=length,
        count=count,
        prefixes=tuple(
            LexiconPrefix(
                text=prefix.text,
                token_ids=prefix.token_ids,
                count=prefix.count,
                share=prefix.share,
                published=is_published(prefix.text),
            )
            for prefix in prefixes
        ),
        words=offered(prefixes),
    )


def _report(found: LexiconOutput) -> str:
    """The prefixes for people; safe to print."""
    from bftui.cli.shared.tables import aligned, paragraph
    from bftui.core.text import label, safe

    how = "greedy" if found.samples == "greedy" else "sampled"
    answers, begin = ("answer", "begins") if found.answers == 1 else ("answers", "begin")
    title = f"{found.answers} {how} {answers} of {safe(found.model)} {begin} with"
    if not found.prefixes:
        return f"{title}: no prefix {found.count} times; --count 1 lists all"
    rows = [["", "tokens", "answers", "share", "published"]]
    rows += [
        [
            label(each.text),
            str(len(each.token_ids)),
            str(each.count),
            f"{each.share:.0%}",
            "yes" if each.published else "",
        ]
        for each in found.prefixes
    ]
    parts = [f"{title}\n{aligned(rows, '<>>><', first=40)}"]
    if found.words:
        words = "".join(f"  {json.dumps(word, ensure_ascii=False)},\n" for word in found.words)
        shown = "\n".join(map(safe, f"words = [\n{words}]".split("\n")))
        parts.append(f"As the palette of the workbench, in config.toml:\n{shown}")
    parts.append(
        paragraph(
            "published: its first word is among the tokens that alignment shifts most (Lin et al., arXiv 2312.01552)."
        )
    )
    return "\n\n".join(parts)
