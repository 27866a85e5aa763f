"""The commands of the plain workbench: a line each, under the names of the screen's actions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bftui.cli.plain import plain_sampler
from bftui.cli.plain import plain_sentences as tell
from bftui.cli.plain.plain_sentences import say
from bftui.core.errors import UsageError
from bftui.core.text import did_you_mean, label, safe
from bftui.session import commands as c
from bftui.workbench import jumps

if TYPE_CHECKING:
    from bftui.cli.plain.plain_session import Plain
    from bftui.cli.reports.response_report import ReportedResponse
    from bftui.measures.response import Response
    from bftui.measures.response_series import ResponseSeries
    from bftui.model.loaded_model import Model
    from bftui.results.response_result import ResponseResult

_MOST_STEPS = 100_000


class Left(Exception):
    """`quit` was said."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One command.

    Attributes:
        name: as it is typed.
        takes: what may come after it.
        does: one sentence.
        run: what does it, with what came after it.
        also: other names.
        alone: whether it needs no session.
    """

    name: str
    takes: str
    does: str
    run: Callable[[Plain, str], None]
    also: tuple[str, ...] = ()
    alone: bool = False


def _count(rest: str, usual: int, most: int) -> int:
    text = rest.strip()
    if not text:
        return usual
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:12]) <= most:
        raise UsageError(f"'{safe(text[:40])}' is not a whole number from 1 to {most}")
    return int(text)


def _text(rest: str) -> str:
    """What comes after a command: as it is, or a JSON text for blanks, line ends and everything else."""
    if rest.strip().startswith('"'):
        try:
            found = json.loads(rest)
        except ValueError as error:
            raise UsageError("this is not JSON text", str(error), 'write it as " Sure"') from None
        if isinstance(found, str) and found:
            return found
    if not rest:
        raise UsageError("there is no text")
    return rest


def _style(plain: Plain, rest: str) -> None:
    words = plain.settings.words
    if not rest.strip():
        for place, word in enumerate(words):
            say(f"{place + 1}. {safe(word)}")
        return
    text = _text(rest).strip()
    if text.isascii() and text.isdigit():
        text = words[_count(text, 1, len(words)) - 1]
    plain.command(c.Force(plain.live.model_tree.spaced(text)))


def _go(plain: Plain, rest: str) -> None:
    target, session = rest.strip(), plain.live
    if target in session.marks:
        plain.command(c.Goto(session.marks[target]))
    elif target.isascii() and target.isdigit():
        plain.command(c.Goto(int(target[:12])))
    else:
        raise UsageError(
            f"'{safe(target[:40])}' is neither a node nor a mark", hint="tree lists them"
        )


def _prune(plain: Plain, rest: str) -> None:
    session = plain.live
    node = session.cursor if not rest.strip() else _count(rest, 0, len(session.tree) - 1)
    plain.command(c.Prune(node))


def _mark(plain: Plain, rest: str) -> None:
    session = plain.live
    if not rest.strip():
        for name, node in session.marks.items():
            say(f"{safe(name)}: node {node}")
        if not session.marks:
            say("nothing is marked yet: mark NAME marks this place")
        return
    name = rest.strip()
    session.mark(name)
    say(f"{safe(name)} is node {session.cursor}." if name in session.marks else "The mark is gone.")


def _breakpoints(plain: Plain, rest: str) -> None:
    from bftui.session.breakpoints import changed_by

    session = plain.live
    if rest.strip():
        known = [each.written for each in session.state.view.breakpoints]
        session.do(c.SetBreakpoints(changed_by(known, rest)[0]))
    written = ", ".join(each.written for each in session.state.view.breakpoints)
    say(f"sample N stops at {safe(written)}." if written else "There are no breakpoints.")


def _constraint(plain: Plain, rest: str) -> None:
    from bftui.model.constraint_file import typed_constraint

    session = plain.live
    if rest.strip():
        found = typed_constraint(_text(rest))
        depth = session.tree.depth(session.cursor)
        session.set_sampler(constraint=replace(found, start=depth) if found else found)
    say(tell.constraint(session.sampler.constraint))
    say(tell.place(session))


def _schedule(plain: Plain, rest: str) -> None:
    from bftui.core.schedule import Schedule
    from bftui.trace.schedule_file import typed_schedule

    session = plain.live
    if rest.strip():
        session.set_sampler(**typed_schedule(rest).settings())
    lines = "; ".join(Schedule.of(session.sampler).lines())
    say(f"Windows: {lines}." if lines else "There are no windows.")
    say(tell.place(session))


def _candidates(plain: Plain, rest: str) -> None:
    count, _, query = rest.strip().partition(" ")
    if plain.live.tree.next(plain.live.cursor) is None:
        raise UsageError("the text ends here", hint="back goes back")
    for line in tell.candidates(plain.live, _count(count, 10, 1000), _text(query) if query else ""):
        say(line)


def _tree(plain: Plain, rest: str) -> None:
    for line in tell.tree_rows(plain.live):
        say(line)


def _all_text(plain: Plain, rest: str) -> None:
    from bftui.cli.commands.record_command import summary

    say(summary(plain.live))


def _rollouts(plain: Plain, rest: str, *, again: bool = False) -> None:
    session = plain.live
    first, _, second = rest.strip().partition(" ")
    samples = _count(first, 32, 10_000)
    if again:
        job = session.experiments.start_resampling(samples)
    else:
        job = session.experiments.start_rollouts(samples, _count(second, 64, 100_000))
    plain.measure(job, "rollouts")
    if job.samples:
        for line in tell.rollouts(job, session):
            say(line)


def _look_ahead(plain: Plain, rest: str) -> None:
    from bftui.cli.commands.lookahead_command import table

    session = plain.live
    job = session.experiments.start_lookahead(_count(rest, 10, 1000))
    plain.measure(job, "look-ahead")
    if job.candidates:
        say(table(job.result(), 1, session.model))


def _response(plain: Plain, rest: str) -> None:
    from bftui.cli.reports.response_report import report, report_beside
    from bftui.workbench.partner_responding import PartnerResponding, begin_beside

    session, tree = plain.live, plain.live.tree
    if rest.strip():
        job = session.experiments.start_response(_text(rest))
    else:
        forced = jumps.forced_text(session, tree.path(session.cursor))
        if forced is None:
            raise UsageError(
                "no text was forced on this path", hint="response TEXT measures a text"
            )
        job = session.experiments.start_response(
            ids=jumps.ids_between(tree, *forced), node=forced[0]
        )
    plain.measure(job, "measuring the response")
    if not job.measured:
        return
    say(report(_reported(session.model, [job], [job.result()])))
    partner = session.partner
    if partner is None or not job.done:
        return
    beside = begin_beside(session, partner, job, (job.node, session.sampler_number))
    if not isinstance(beside, PartnerResponding):
        say(f"It is not measured in {safe(beside.model)}: {safe(beside.why)}")
        return
    try:
        plain.measure(beside.series, "measuring the response in the partner")
    finally:
        beside.close()
    if told := _reported_beside(partner.model, beside.series):
        say(report_beside(partner.model.info.name, told))


def _all_words(plain: Plain, rest: str) -> None:
    from bftui.cli.reports.response_report import report, report_beside
    from bftui.workbench.words_responding import AskedWords, begin_words

    session, partner = plain.live, plain.live.partner
    asked = AskedWords(plain.settings.words, plain.settings.plan, partner)
    work = begin_words(session, session.cursor, asked)
    for text, why in work.shown.left_out:
        say(f"{label(text.encode())} is left out: {safe(why)}")
    if work.shown.error:
        say(f"It is not measured in {safe(work.shown.partner)}: {safe(work.shown.error)}")
    for word in work.shown.words:
        if word.partner is not None and word.partner.why:
            text = label(b"".join(map(session.model.token_bytes, word.ids)))
            say(f"{text} is left out in {safe(work.shown.partner)}: {safe(word.partner.why)}")
    try:
        plain.measure(work.series, "measuring the responses")
    finally:
        work.let_go()
    series = work.series
    if told := _reported(session.model, series.responses, series.results()):
        say(report(told))
    if partner is not None and (told := _reported_beside(partner.model, series)):
        say(report_beside(partner.model.info.name, told))


def _reported(
    model: Model, jobs: Sequence[Response], results: Sequence[ResponseResult | None]
) -> list[ReportedResponse]:
    """Responses as they are printed, but for those of which nothing is known."""
    from bftui.cli.commands.respond_command import printed, reported

    return [
        reported(job, printed(job, found, model), model)
        for job, found in zip(jobs, results, strict=True)
        if found is not None
    ]


def _reported_beside(model: Model, series: ResponseSeries) -> list[ReportedResponse]:
    """Those of the partner; says what stopped them, if anything did."""
    if series.error is not None:
        say(f"{safe(model.info.name)}: {safe(series.error.line())}")
    return _reported(model, series.partner, series.results(partner=True))


def _valid(plain: Plain, rest: str) -> None:
    from bftui.cli.reports.calibrate_report import report
    from bftui.measures.calibration.calibration_runs import CalibrationAsked
    from bftui.results.calibration_result import CalibrateOutputs, ModelCalibration
    from bftui.trace.header import model_fields
    from bftui.trace.valid_files import parse_valid, read_answers
    from bftui.workbench.valid_shown import AskedSet

    session, asked = plain.live, AskedSet.of(_text(rest.strip()))
    valid = parse_valid(asked.name, read_answers)
    job = session.experiments.start_calibration(
        valid, CalibrationAsked(session.sampler, end=asked.end)
    )
    plain.measure(job, "reading the valid set")
    if not job.done:
        return
    model = session.model
    found = ModelCalibration(
        model=model.info.source,
        facts=model_fields(model.info, model.noise),
        prompt=session.text(),
        template=session.rendered.template,
        result=job.result(),
    )
    say(report(CalibrateOutputs(settings=job.settings(), models=(found,))))


def _grow(plain: Plain, rest: str) -> None:
    from bftui.cli.reports.horizon_report import report
    from bftui.measures.tree_growth import HorizonAsked
    from bftui.results.horizon_result import ModelHorizon
    from bftui.trace.header import model_fields

    session, model = plain.live, plain.live.model
    job = session.experiments.start_horizon(HorizonAsked(depth=_count(rest, 6, 256)))
    plain.measure(job, "growing the tree")
    if len(job.tree):
        found = ModelHorizon(
            model=model.info.source,
            facts=model_fields(model.info, model.noise),
            template=session.rendered.template,
            result=job.result(),
        )
        say(report([found]))


def _prompt(plain: Plain, rest: str) -> None:
    plain.workbench.set_prompt(replace(plain.settings.frame, text=_text(rest)))
    plain.work()
    say(tell.place(plain.live))


def _open_partner(plain: Plain, rest: str) -> None:
    from bftui.workbench.settings import PartnerSettings

    if rest.strip() in ("", "none"):
        plain.workbench.part()
        plain.work(aloud=False)
        say("There is no partner.")
        return
    plain.pair(PartnerSettings(rest.strip(), options=plain.settings.options))
    plain.moved(plain.live.cursor)


def _shift(plain: Plain, rest: str) -> None:
    partner, session = plain.partner, plain.live
    job = partner.start_shift(_count(rest, 256, 100_000))
    error = plain.advance(job, "reading the partner's answer")
    session.keep_shift(job)
    for line in tell.shift(job, session.model.info.name, partner.model.info.name):
        say(line)
    if error is not None:
        raise error


def _nudge(plain: Plain, rest: str) -> None:
    from bftui.core.pair.nudging_rounds import NudgeSettings

    _ = plain.partner
    start = plain.live.cursor
    settings = NudgeSettings(max_tokens=_count(rest, 64, 100_000))
    job = plain.live.start_nudging(settings)
    plain.measure(job, "nudging")
    if job.share_nudged is not None:
        say(f"{job.tokens} tokens, {job.share_nudged:.0%} of them by the partner.")
    if warning := job.result().warning:
        say(safe(warning))
    plain.moved(start)


def _save(plain: Plain, rest: str) -> None:
    written = rest.strip()
    target = Path(os.path.expanduser(written)) if written else plain.settings.trace
    if target is None:
        raise UsageError("there is no file to write", hint="save FILE")
    plain.live.model.floor.measure()
    plain.workbench.export(target)
    plain.work()


def _explain(plain: Plain, rest: str) -> None:
    from bftui.ui.explain import explain_items
    from bftui.ui.view import View

    view = View(plain.live)
    parent = view.tree.parent(view.cursor)
    items = explain_items.distribution(view)
    if parent is not None:
        items = [
            *explain_items.token(view, view.tree.node(view.cursor), view.tree.next(parent)),
            *items,
        ]
    for item in (*items, *explain_items.curve(view)):
        formula = f" {item.formula}." if item.formula else ""
        source = f" Source: {item.source}." if item.source else ""
        say(f"{safe(item.name)}: {safe(item.value)}.{formula} {safe(item.text)}{source}")


def _help(plain: Plain, rest: str) -> None:
    wanted = rest.strip().lower()
    words = [NAMES[wanted]] if wanted in NAMES else WORDS
    for word in words:
        also = f" Also {', '.join(word.also)}." if word.also else ""
        say(f"{' '.join(filter(None, (word.name, word.takes)))}: {word.does}{also}")
    if words is WORDS:
        say('TEXT is taken as it is, or as a JSON text: force " Sure". # begins a comment.')


def _reload(plain: Plain, rest: str) -> None:
    plain.workbench.reload()
    plain.work()


def _quit(plain: Plain, rest: str) -> None:
    raise Left


WORDS = (
    Verb("sample", "[N]", "Sample a token, or N.", lambda p, rest: p.step(_count(rest, 1, _MOST_STEPS), greedy=False),
         ("step",)),
    Verb("greedy", "[N]", "Take the most probable token, N times.",
         lambda p, rest: p.step(_count(rest, 1, _MOST_STEPS), greedy=True)),
    Verb("force", "TEXT", "Append a text of your own, literally.",
         lambda p, rest: p.command(c.Force(_text(rest), p.settings.frame.special))),
    Verb("style", "[N|WORD]", "Force a word of the style palette, with the space it needs; alone: list them.",
         _style, ("word",)),
    Verb("back", "[N]", "Go back a token, or N; the branch stays.",
         lambda p, rest: p.command(c.Back(_count(rest, 1, 2**31)))),
    Verb("on", "", "Go on along the branch last visited.", lambda p, rest: p.command(c.Forward()),
         ("forward",)),
    Verb("go", "NODE|MARK", "Go to a node or a mark.", _go, ("goto",)),
    Verb("undo", "", "Take back the last change; tokens never vanish.", lambda p, rest: p.command(c.Undo())),
    Verb("redo", "", "Do again what was undone.", lambda p, rest: p.command(c.Redo())),
    Verb("mark", "[NAME]", "Name this place; the same name here takes it away; alone: list them.", _mark,
         ("marks",)),
    Verb("constraint", "[EXPRESSION|FILE|none]",
         "What the text must be from here on: a regular expression, or a file with a JSON schema or a Lark grammar.",
         _constraint),
    Verb("schedule", "[WINDOWS|FILE.toml|none]",
         "Have other settings hold at some positions, as 0 8 temperature=2; 8 end top_p=0.5; alone: list them.",
         _schedule, ("windows",)),
    Verb("breakpoints", "[CONDITION|none]",
         "Have sample N stop where this holds, as entropy>2.5; the same again takes it away; alone: list them.",
         _breakpoints, ("break",)),
    Verb("prune", "[NODE]", "Hide a node and all after it; undo brings it back.", _prune),
    Verb("where", "", "Say where the session stands.", lambda p, rest: p.moved(p.live.cursor)),
    Verb("text", "", "Say the whole text, and BF along it.", _all_text),
    Verb("tree", "", "List the branches.", _tree),
    Verb("candidates", "[N] [TEXT]", "List the N best candidates, or those with this text in them.", _candidates),
    Verb("explain", "", "Say what the numbers here mean.", _explain),
    Verb("sampler", "[NAME VALUE]...", "Change temperature, truncation, penalties, seed; say what each rule keeps.",
         plain_sampler.change),
    Verb("ban", "TOKEN", "Never draw a token, or draw it again; TOKEN is its text or id.",
         lambda p, rest: plain_sampler.turn(p, "banned", _text(rest))),
    Verb("pin", "TOKEN", "Have no rule remove a token, or rules remove it again.",
         lambda p, rest: plain_sampler.turn(p, "pinned", _text(rest))),
    Verb("bias", "TOKEN=VALUE", "Add this to the logit of a token; 0 takes the bias away.",
         lambda p, rest: plain_sampler.bias(p, _text(rest))),
    Verb("look-ahead", "[N]", "BF after each of the N best candidates.", _look_ahead, ("lookahead",)),
    Verb("rollouts", "[N [TOKENS]]", "Draw N continuations: BF with its interval.", _rollouts),
    Verb("resample", "[N]", "Sample again from here, against the path that goes on.",
         lambda p, rest: _rollouts(p, rest, again=True)),
    Verb("response", "[TEXT]", "What the forced text, or this one, does to BF, against controls.", _response),
    Verb("all-words", "", "Which word of the style palette narrows most here, against controls.", _all_words),
    Verb("valid", "SET [--end TEXT]", "What the model does to a set of valid answers from here.", _valid,
         ("calibrate",)),
    Verb("grow", "[TOKENS]", "All continuations of so many tokens as a tree: its BF, with bounds, and the best texts.",
         _grow),
    Verb("partner", "MODEL|none", "Open a second model beside this one, or take it away.", _open_partner),
    Verb("shift", "[TOKENS]", "The partner's answer in this model's eyes.", _shift),
    Verb("nudge", "[TOKENS]", "The partner writes where this model is unsure.", _nudge),
    Verb("prompt", "TEXT", "Begin with another prompt; the old tree stays.", _prompt, alone=True),
    Verb("turn", "TEXT", "Add a user turn.", lambda p, rest: p.command(c.AddTurn(_text(rest)))),
    Verb("save", "[FILE]", "Save the trace.", _save, ("export",)),
    Verb("reload", "", "Open the model again, after it ended; the session stays.", _reload, alone=True),
    Verb("help", "[COMMAND]", "List the commands.", _help, ("?",), alone=True),
    Verb("quit", "", "Quit; the session is kept.", _quit, ("exit", "q"), alone=True),
)  # fmt: skip

NAMES = {name: word for word in WORDS for name in (word.name, *word.also)}


def do(plain: Plain, line: str) -> None:
    """Carries out one line. Raises UsageError for what is not a command, `Left`, and what the command raises."""
    name, _, rest = line.rstrip("\r\n").lstrip().partition(" ")
    if not name or name.startswith("#"):
        return
    word = NAMES.get(name.lower().replace("_", "-"))
    if word is None:
        hint = did_you_mean(name.lower(), NAMES, "help lists the commands")
        raise UsageError(f"there is no command '{safe(name[:40])}'", hint=hint)
    if not word.alone:
        _ = plain.live
    word.run(plain, rest)
