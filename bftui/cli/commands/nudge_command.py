"""`bftui nudge`: a text by two models, the second of which writes where the first is unsure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import Watched, check_files, deliver, finish, open_stoppable, stopped
from bftui.cli.shared.pair_options import asked_of_both, prompt_lines, say_templates_of
from bftui.cli.shared.progress_bars import bar
from bftui.core.errors import BftuiError, UsageError

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.measures.nudging.nudging_runs import NudgedPrompt, PairedPrompt
    from bftui.model.model_pair import Pair
    from bftui.model.prompt import Template
    from bftui.session.session import Session


@o.unfolded
def nudge(
    *,
    base: Annotated[
        str, typer.Argument(metavar="BASE", help="The model that writes where it is sure.")
    ] = "practice",
    aligned: Annotated[
        str,
        typer.Option("--with", metavar="MODEL", help="The model that writes where BASE is unsure."),
    ] = "practice-aligned",
    prompts: Annotated[
        Path | None,
        typer.Option(help='JSON Lines, {"id": "…", "prompt": "…"}; - is standard input.'),
    ] = None,
    gamma: Annotated[
        float,
        typer.Option(help="BASE is unsure where its most probable token is less probable."),
    ] = 0.4,
    gammas: Annotated[
        str | None, typer.Option(help="Compare several, as 0.1,0.2,0.4; in place of --gamma.")
    ] = None,
    max_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens of BASE from which on no round begins.")
    ] = 256,
    draft: Annotated[
        int,
        typer.Option(
            min=1,
            help="Tokens that a model is asked for at once; an aligned model that ends within them writes "
            "all that is left.",
        ),
    ] = 16,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of a text.")] = 150,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="As published: split the whole text again at each hand-over, where BASE else keeps its own tokens, "
            "and ask it for a draft after each word; slower.",
        ),
    ] = False,
    trace: Annotated[
        Path | None, typer.Option(help="Write the texts as a trace, token by token.")
    ] = None,
    output: o.Output = None,
    question: o.PromptOptions,
    partner: o.PartnerOptions,
    sampling: o.Sampling,
    opening: o.OpeningOptions,
    as_json: o.Json = False,
) -> int:
    """Write with two models: the aligned one nudges the base where the base is unsure.

    The algorithm of Fei, Razeghi and Singh (ACL 2025, arXiv 2410.09300). Both take their most probable tokens; the
    sampling options say what the branching factors are of.
    """
    from bftui.core.pair.nudging_rounds import NudgeSettings

    chosen = [gamma] if gammas is None else _gammas(gammas)
    schedule = sampling.scheduled()
    windows = () if schedule is None else schedule.gammas
    settings = [NudgeSettings(each, draft, max_tokens, rounds, windows) for each in chosen]
    sampling.checked(nudging=True)
    lines = prompt_lines(question, prompts)
    opening.check_labels(2)
    second = partner.opening(opening)
    models = [(base, opening.backend), (aligned, second.backend)]
    check_files(models, [output, trace], [prompts, question.prompt_file])
    with ExitStack() as stack:
        interruption = stack.enter_context(interruptible())
        show = stack.enter_context(bar(interruption))
        first_model = stack.enter_context(open_stoppable(base, opening, interruption, show))
        second_model = stack.enter_context(open_stoppable(aligned, second, interruption, show))

        from bftui.measures.nudging.nudging_runs import NudgingRuns
        from bftui.model.model_pair import Pair

        frame = question.frame.around("")
        pair, sampler = Pair(first_model, second_model), sampling.on(first_model, nudging=True)
        asked = [asked_of_both(line, frame, partner.partner_template, pair) for line in lines]
        job = NudgingRuns(pair, asked, settings, sampler, plain=plain)
        say_templates_of(show, pair, asked)
        error = finish(job, Watched(interruption, show), lambda: job.doing)
        kept = ""
        if job.found:
            from bftui.cli.reports.nudge_report import report
            from bftui.measures.nudging import nudging_summary
            from bftui.results.codec import encode

            found = nudging_summary.output(pair, job.found)
            note = first_model.info.note or second_model.info.note
            told = report(found)
            deliver(show, encode(found), told, as_json=as_json, output=output, note=note)
            kept = f"{len(job.found)} of {job.units} texts are kept"
            if trace is not None:
                # Only now: it evaluates again, and a model that failed fails once more.
                traced = _Traced(pair, partner.partner_template, sampler)
                failed = traced.write(trace, job.found, {each.id: each for each in asked})
                if failed is not None:
                    has = f"the trace has {traced.count} of them"
                    kept += f", {has}" if traced.count else ", no trace is written"
                    error = error or failed
    if error is not None:
        raise stopped(error, kept)
    return 0


def _gammas(text: str) -> list[float]:
    """The values of --gammas, each once; raises UsageError."""
    words = list(filter(None, re.split(r"[,\s]+", text)))
    try:
        return list(dict.fromkeys(map(float, words))) or [float(text)]
    except ValueError:
        raise UsageError(
            f"--gammas does not understand {text!r}", hint="write 0.1,0.2,0.4"
        ) from None


class _Traced:
    """A session on the base that is told what was written, so that the trace has its tokens and numbers.

    Attributes:
        count: the texts that the written trace has, each whole and measured.
    """

    def __init__(self, pair: Pair, template: Template, sampler: Sampler) -> None:
        self.count = 0
        self._pair, self._template, self._sampler = pair, template, sampler
        self._session: Session | None = None
        self._roots: dict[str, int] = {}

    def write(
        self, path: Path, found: Sequence[NudgedPrompt], questions: dict[str, PairedPrompt]
    ) -> BftuiError | None:
        """Writes the trace of some texts, each below its prompt: a prompt is a root, another gamma another branch.

        Where a model fails, with the texts before that; the error, if there was one.
        """
        failed: BftuiError | None = None
        added = 0
        try:
            for each in found:
                self._add(each, questions[each.id])
                added += 1
        except BftuiError as error:
            failed = error
        if self._session is None or not added:
            return failed
        try:
            for model in (self._pair.base, self._pair.partner):
                model.floor.measure()
            self._session.trace().save(path)
        except BftuiError as error:
            return failed or error
        self.count = added
        return failed

    def _add(self, found: NudgedPrompt, question: PairedPrompt) -> None:
        from bftui.session import commands as c
        from bftui.session.partner.partner_sync import PartnerSync

        session = self._at(question)
        root = session.cursor
        for made in found.run.rounds:
            if made.pieces:
                session.do(c.Nudge(made.pieces))
        if session.partner is not None:
            PartnerSync(session.partner).finish()
        session.keep(found.run.stored(root))

    def _at(self, question: PairedPrompt) -> Session:
        """The session, at the prompt."""
        from bftui.session import commands as c
        from bftui.session.session import Session

        if self._session is None:
            self._session = Session(self._pair.base, question.base, **self._sampler.settings())
            self._session.pair_with(self._pair.partner, self._template)
        elif question.id in self._roots:
            self._session.do(c.Goto(self._roots[question.id]))
        else:
            self._session.do(c.SetPrompt(question.base))
        self._roots.setdefault(question.id, self._session.cursor)
        return self._session
