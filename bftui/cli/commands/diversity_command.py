"""`bftui diversity`: how different a model's outputs are, over its stages, and which of them are correct."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.bulk_run import bulk_run, is_regular, store_beside
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import (
    Watched,
    check_files,
    deliver,
    finish,
    open_stoppable,
    stopped,
)
from bftui.cli.shared.progress_bars import bar
from bftui.core.errors import BftuiError, MissingDependency, ModelError, UsageError

if TYPE_CHECKING:
    from bftui.backends.client.text_client import TextClient
    from bftui.backends.text_models import Reads
    from bftui.measures.bulk.bulk_measurement import MeasureSettings
    from bftui.measures.bulk.sample_store import Store
    from bftui.measures.diversity.checkers import Checker, CheckSettings
    from bftui.measures.diversity.diversity_measurement import DiversitySettings
    from bftui.measures.diversity.instruments import Instruments
    from bftui.measures.diversity.output_numbers import ReadOutputs
    from bftui.measures.diversity.stage_texts import StageTexts
    from bftui.trace.generations_file import Generations
    from bftui.trace.prompts_file import PromptLine

_VOCABULARY = 50_000
_MOST_BYTES = 1 << 30
"""Bytes of a file of generations, which is held in memory as a whole."""


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What is correct."""

    check: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="An output is correct where this is found in it; with --exact or --numeric its first group is the "
            "answer.",
        ),
    ] = None
    exact: Annotated[
        bool,
        typer.Option(
            "--exact", help='An output is correct where it is the "answer" of its prompt.'
        ),
    ] = False
    numeric: Annotated[
        bool,
        typer.Option(
            "--numeric",
            help='An output is correct where its last number is that of the "answer" of its prompt.',
        ),
    ] = False
    check_command: Annotated[
        str | None,
        typer.Option(
            metavar="CMD",
            help="An output is correct where this program, which gets it on standard input, ends with status 0; "
            "without a shell, and without your environment.",
        ),
    ] = None
    check_seconds: Annotated[
        float, typer.Option(help="Seconds that checking one output may take.")
    ] = 10.0
    check_memory: Annotated[
        int, typer.Option(min=1, help="MiB that checking one output may take.")
    ] = 1024

    def settings(self) -> CheckSettings | None:
        """How outputs are checked; None where nothing says. Raises UsageError."""
        from bftui.measures.diversity.checkers import CheckSettings, Comparison

        if self.exact and self.numeric:
            raise UsageError("--exact and --numeric exclude each other")
        try:
            command = shlex.split(self.check_command or "")
        except ValueError as error:
            raise UsageError(f"--check-command cannot be split: {error}") from error
        for name, given in (("--check", self.check), ("--check-command", self.check_command)):
            if given is not None and not given.strip():
                raise UsageError(f"{name} is empty")
        compare: Comparison | None = "exact" if self.exact else "numeric" if self.numeric else None
        if not (self.check or compare or command):
            return None
        return CheckSettings(
            pattern=self.check or "",
            compare=compare,
            command=tuple(command),
            seconds=self.check_seconds,
            memory=self.check_memory,
        )


@dataclass(frozen=True, kw_only=True)
class ReaderOptions:
    """Models that read the outputs."""

    embedder: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Take the vectors of this model, a directory or a GGUF file, for the likeness of outputs; else it is "
            "that of their spelling.",
        ),
    ] = None
    entailment: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Measure with this classifier of entailment whether outputs follow from each other.",
        ),
    ] = None
    surprise: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Measure with this base model how much each output surprises it, given the others.",
        ),
    ] = None

    def opened(
        self, checker: Checker | None, opening: o.OpeningOptions, watched: Watched, stack: ExitStack
    ) -> Instruments:
        """Opens them, until the stack is left, beside a checker. Raises ModelError, Cancelled."""
        from bftui.measures.diversity.instruments import Instruments
        from bftui.measures.diversity.self_bleu import SelfBleu

        found = Instruments(checker=checker)
        try:
            found = replace(found, bleu=SelfBleu())
        except MissingDependency as error:
            watched.show.say(error.line())
        if self.embedder is not None:
            from bftui.measures.diversity.embedding import EmbeddingKernel

            vectors = _text_model(self.embedder, "vectors", opening, watched, stack)
            found = replace(found, kernel=EmbeddingKernel(vectors))
        if self.entailment is not None:
            from bftui.measures.diversity.entailment import EntailmentScores

            scores = _text_model(self.entailment, "entailment", opening, watched, stack)
            found = replace(found, entailment=EntailmentScores(scores))
        if self.surprise is not None:
            from bftui.measures.diversity.surprise import answer_surprise

            alone = replace(opening, label=None)
            base = stack.enter_context(
                open_stoppable(self.surprise, alone, watched.interruption, watched.show)
            )
            of_base = partial(answer_surprise, base)
            found = replace(found, surprise=of_base, surprise_name=base.name)
        return found


def _text_model(
    model: str, reads: Reads, opening: o.OpeningOptions, watched: Watched, stack: ExitStack
) -> TextClient:
    """A model that reads texts, whose work ctrl+c stops until the stack is left."""
    from bftui.measures.diversity.embedding import open_text_client

    client = stack.enter_context(
        open_text_client(model, reads, watched.show, threads=opening.threads, device=opening.device)
    )
    watched.interruption.stop.append(client.cancel)
    return client


@o.unfolded
def diversity(
    *,
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="practice, paths to GGUF files or Hugging Face directories, or table:FILE.json, in the order of "
            "their stages: falls are from the first to each other.",
        ),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            help='JSON Lines, {"id": "…", "prompt": "…"}, with an "answer" for --exact and --numeric; - is standard '
            "input."
        ),
    ] = None,
    generations: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Outputs that exist, in the place of models: of measure --keep-tokens, lm-eval's samples, "
            'lighteval\'s details, or lines {"id", "model", "texts"}; once for each file, in the order of stages.',
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Outputs of each prompt: K.")] = 16,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens of each output.")] = 256,
    checks: CheckOptions,
    strip_thinking: Annotated[
        bool, typer.Option("--strip-thinking", help="Take thinking blocks out of the outputs.")
    ] = False,
    until: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="End each output before this text, in which \\n is a line end; may be given several times.",
        ),
    ] = None,
    no_thinking: Annotated[
        bool,
        typer.Option(
            "--no-thinking", help="Sample each model also after an empty thinking block, beside it."
        ),
    ] = False,
    vocabulary: Annotated[
        int,
        typer.Option(
            min=0,
            help=f"V of EAD; 0 takes that of the first model, and {_VOCABULARY:,} for generations.",
        ),
    ] = 0,
    readers: ReaderOptions,
    output: o.Output = None,
    frame: o.Frame,
    sampling: o.Sampling,
    opening: o.OpeningOptions,
    as_json: o.Json = False,
) -> int:
    """Measure how different the outputs of each prompt are, of all and of the correct ones, over the stages of a model.

    With -o the same command goes on where sampling was stopped.
    """
    from bftui.core.text import counted
    from bftui.measures.bulk.sample_store import PartialFile
    from bftui.measures.diversity.checkers import Checker
    from bftui.trace.prompts_file import parse_prompts

    if generations and (models or no_thinking):
        raise UsageError(
            "--generations are outputs that exist: they need no models",
            hint="leave out MODEL and --no-thinking",
        )
    if prompts is None and not generations:
        raise UsageError("nothing says what to answer", hint="give --prompts or --generations")
    check = checks.settings()
    lines = None if prompts is None else parse_prompts(o.read_bytes(prompts), str(prompts))
    with ExitStack() as stack:
        interruption = stack.enter_context(interruptible())
        show = stack.enter_context(bar(interruption))
        watched = Watched(interruption, show)
        checker = None
        if check is not None:
            checker = stack.enter_context(Checker(check))
            interruption.stop.append(checker.cancel)
        if generations:
            check_files([], [output], [prompts, *generations])
            source: _Source = _existing(generations, lines, opening.label)
        else:
            from bftui.measures.bulk.bulk_measurement import MeasureSettings

            assert lines is not None
            settings = MeasureSettings(
                sampler=sampling.for_all(),
                samples=samples,
                max_tokens=max_tokens,
                frame=frame.around(""),
                think=no_thinking,
            )
            names = models or ["practice"]
            opening.check_labels(len(names))
            check_files([(name, opening.backend) for name in names], [output], [prompts])
            source = _sampled(names, lines, settings, opening, output, watched, stack)
        from bftui.measures.diversity.diversity_measurement import (
            DiversityMeasurement,
            DiversitySettings,
        )

        error = source.error
        if source.stages:
            asked = DiversitySettings(
                vocabulary or source.vocabulary,
                strip_thinking,
                tuple(each.replace("\\n", "\n") for each in until or ()),
                sampling.seed,
            )
            tools = readers.opened(checker, opening, watched, stack)
            reading = stack.enter_context(_reading(output, readers, check, asked))
            measured = DiversityMeasurement(source.stages, tools, asked, reading)
            ended = finish(measured, watched, lambda: measured.doing)
            if ended is not None:
                kept = source.kept
                if isinstance(reading, PartialFile) and measured.read:
                    what = counted(measured.read, "reading")
                    kept = f"{what} kept in {reading.path}: the same command goes on"
                raise stopped(ended, kept)
            from bftui.cli.reports.diversity_report import report
            from bftui.model.prompt import frame_fields
            from bftui.results.codec import encode
            from bftui.results.diversity_result import DiversitySampling

            how = None
            if not generations:
                how = DiversitySampling(
                    sampler=settings.sampler,
                    samples=samples,
                    max_tokens=max_tokens,
                    frame=frame_fields(settings.frame),
                )
            found = measured.output(source.failed, how)
            deliver(show, encode(found), report(found), as_json=as_json, output=output)
            source.done()
            if isinstance(reading, PartialFile):
                reading.remove()
    if error is not None:
        raise stopped(error, f"{source.kept} and shown" if source.stages else "")
    for failed in source.failed.values():
        raise stopped(failed, "the other models are measured" if source.stages else "")
    return 0


@contextmanager
def _reading(
    output: Path | None,
    readers: ReaderOptions,
    check: CheckSettings | None,
    settings: DiversitySettings,
) -> Iterator[Store[ReadOutputs]]:
    """What is read of outputs, in a file beside the result where models or a program read them, which takes long."""
    from bftui.measures.bulk.sample_store import Store
    from bftui.measures.diversity.output_packing import OutputPacking

    command = None if check is None else check.command
    if not (is_regular(output) and (any(asdict(readers).values()) or command)):
        yield Store()
        return
    made = {
        "readers": asdict(readers),
        "check": None if check is None else asdict(check),
        "settings": asdict(settings),
    }
    beside = output.with_name(f"{output.name}.reading")
    with store_beside(beside, made, OutputPacking()) as store:
        yield store


@dataclass(slots=True)
class _Source:
    """What is measured, and what became of getting it.

    Attributes:
        error, failed: what stopped all of it, and single models.
        kept: how far it came and where that is kept, for people.
        done: called once the result is written.
    """

    stages: list[StageTexts]
    vocabulary: int
    error: BftuiError | None
    failed: dict[str, ModelError]
    kept: str
    done: Callable[[], None]


def _existing(
    paths: Sequence[Path], lines: Sequence[PromptLine] | None, labels: Sequence[str] | None
) -> _Source:
    """Reads generations; raises InputError, UsageError."""
    from bftui.measures.diversity.stage_texts import of_generations
    from bftui.trace.generations_file import parse_generations
    from bftui.trace.stream import read_bounded

    found: list[tuple[Path, Generations]] = []
    for path in paths:
        data = read_bounded(path, _MOST_BYTES, hint="split it into several files", pipes=True)
        found += [(path, each) for each in parse_generations(data, str(path))]
    names = _names(found)
    given = list(labels or ())
    if len(given) > len(names):
        raise UsageError(f"--label names {len(given)} models of {len(names)}")
    names[: len(given)] = given
    stages = [
        of_generations(each, name, lines) for (_, each), name in zip(found, names, strict=True)
    ]
    return _Source(stages, _VOCABULARY, None, {}, "", lambda: None)


def _names(found: Sequence[tuple[Path, Generations]]) -> list[str]:
    """What the models are called: as their files say, else as the files are called, with the folder where two are."""
    stems = Counter(path.stem for path, each in found if not each.model)
    names = []
    for path, each in found:
        folder = f"{path.resolve().parent.name}/" if stems[path.stem] > 1 else ""
        names.append(each.model or f"{folder}{path.stem}")
    twice = Counter(names)
    return [
        f"{name} ({path.name})" if twice[name] > 1 else name
        for name, (path, _) in zip(names, found, strict=True)
    ]


def _sampled(
    names: Sequence[str],
    lines: Sequence[PromptLine],
    settings: MeasureSettings,
    opening: o.OpeningOptions,
    output: Path | None,
    watched: Watched,
    stack: ExitStack,
) -> _Source:
    """Samples all models; raises what stopped it where what is finished is kept in a file."""
    from bftui.measures.bulk.sample_store import PartialFile, SamplePacking
    from bftui.measures.diversity.stage_texts import of_drawn

    store = stack.enter_context(store_beside(output, settings.drawing(), SamplePacking()))
    shown = [opening.after(place).named or name for place, name in enumerate(names)]
    run, drawn = bulk_run(names, shown, lines, settings, store, watched)
    error = run.carry_out(opening)
    kept = run.kept if run.finished else ""
    if isinstance(store, PartialFile) and run.finished:
        kept = f"{run.kept} in {store.path}: the same command goes on"
        if error is not None:
            raise stopped(error, kept)
    return _Source(
        [stage for each in drawn for stage in of_drawn(each, lines)],
        drawn[0].n_vocab if drawn else _VOCABULARY,
        error,
        run.failed,
        kept,
        store.remove if isinstance(store, PartialFile) else lambda: None,
    )
