"""The session: one model, one tree, one cursor.

Everything that is done goes through `do` with a frozen command, whoever asks: a key, a file of actions, a notebook. So
the same commands with the same seed give the same tree and the same numbers everywhere. A failed or cancelled command
leaves the session as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bftui.core.errors import UsageError
from bftui.core.job import Job
from bftui.core.pair.distribution_shift import PartnerView
from bftui.core.pair.nudging_rounds import NudgeSettings
from bftui.core.sampler import Sampler
from bftui.core.thinking import ThinkingParts
from bftui.core.tree import Node, Tree
from bftui.measures.lookahead import Lookahead
from bftui.measures.nudging.nudging_run import Nudging
from bftui.measures.response import Response
from bftui.measures.response_state import CONTROLS, HORIZON, LOOKS, Setup
from bftui.measures.rollouts import Rollouts
from bftui.measures.shift.shift_reading import Shift
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt, Rendered, Special, Template, as_prompt, checked_special
from bftui.model.token_names import checked_settings
from bftui.results.stored_result import StoredResult
from bftui.session import commands as c
from bftui.session.breakpoint_judge import Reached
from bftui.session.breakpoints import Breakpoint
from bftui.session.experiments import Experiments
from bftui.session.model_tree import ModelTree
from bftui.session.partner.session_partner import Partner
from bftui.session.path_thinking import read_path
from bftui.session.records.journal_player import JournalPlayer, same_partner
from bftui.session.records.session_log import Log, SessionLog, trace_of
from bftui.session.session_nudging import start_nudging
from bftui.session.session_state import SessionState
from bftui.session.session_steps import steps_until
from bftui.trace.document import Trace

if TYPE_CHECKING:
    from bftui.measures.calibration.calibration_runs import AnyCalibration, CalibrationAsked
    from bftui.measures.dial import Dial, DialAsked
    from bftui.measures.forks import Forks, ForksAsked
    from bftui.measures.injection import Injection, InjectionAsked
    from bftui.measures.tree_growth import Horizon, HorizonAsked

J = TypeVar("J", bound=Job)


class Session:
    """Steps, forces, goes back and branches on one model.

    Attributes:
        model_tree: the tree on its model: what measurements and the partner read.
        experiments: rollouts, look-ahead and responses, which measure and move nothing.
        partner: a second model that reads along; None where there is none.
    """

    def __init__(
        self,
        model: Model,
        prompt: str | Prompt = "",
        *,
        system: str | None = None,
        template: Template = "auto",
        prefill: str = "",
        template_args: Mapping[str, Any] | None = None,
        date: str | None = None,
        examples: Sequence[tuple[str, str]] | None = None,
        special: Special = "text",
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 0.9,
        min_p: float = 0.0,
        seed: int = 0,
        ignore_eos: bool = False,
        journal: Log | None = None,
        on_journal_failure: Callable[[str], None] = lambda reason: None,
        resumed: JournalPlayer | None = None,
        rendered: Rendered | None = None,
        beside_chat: bool = False,
        **others: Any,
    ) -> None:
        """Evaluates the prompt, or goes on where `resumed` stood; raises ModelError where model or template cannot.

        Args:
            on_journal_failure: is told why the journal cannot be written for now; the session goes on.
            resumed: the records of a session that goes on; they belong to this one from now on.
            rendered: the prompt as the model sees it, where that is known already.
            beside_chat: a partner with a chat template is to come, so that prompts of a model without one are pages of
                questions from the start.

        All others are those of `Prompt` and `Sampler`; tokens of `bias`, `banned` and `pinned` may be texts.
        """
        asked = as_prompt(prompt, system, template, prefill, template_args, date, examples, special)
        if resumed is None:
            settings = checked_settings(model, others)
            sampler = Sampler(temperature, top_k, top_p, min_p, seed, **settings)
            state = SessionState(Tree(model.info.n_vocab), [sampler])
        else:
            state = resumed.state
            if resumed.partner is not None:
                beside_chat = resumed.partner["prompt"]["template"] == "chat"
        self.model_tree = ModelTree(model, state, ignore_eos=ignore_eos, beside_chat=beside_chat)
        self.experiments = Experiments(self.model_tree, self.keep)
        self.partner: Partner | None = None
        self._log = SessionLog(journal, lambda i: self.model.token_bytes(i), on_journal_failure)
        self._seen: tuple[dict[str, Any] | None, dict[int, PartnerView]] = None, {}
        if resumed is None:
            self.model_tree.add_prompt(asked, rendered)
            self._log.begin(self._head(), state, ignore_eos)
            return
        self._log.resume(resumed)
        self.experiments.resume(resumed.measurements)
        self._seen = resumed.partner, resumed.views
        self.reload(model)

    # State -----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> SessionState:
        """Everything that the session holds, as data."""
        return self.model_tree.state

    @property
    def model(self) -> Model:
        """What runs."""
        return self.model_tree.model

    @property
    def tree(self) -> Tree:
        """Everything ever generated."""
        return self.state.tree

    @property
    def cursor(self) -> int:
        """The node where the session stands."""
        return self.state.cursor

    @property
    def node(self) -> Node:
        """The node at the cursor."""
        return self.tree.node(self.cursor)

    @property
    def marks(self) -> Mapping[str, int]:
        """The node of each name."""
        return self.state.view.marks

    @property
    def pruned(self) -> frozenset[int]:
        """Nodes that are hidden with what comes after them; none of them is on the path to the cursor."""
        return self.state.view.pruned

    @property
    def sampler(self) -> Sampler:
        """The sampler in force."""
        return self.state.sampler

    @property
    def sampler_number(self) -> int:
        """Which sampler is in force, as nodes and the trace count them."""
        return self.state.view.sampler

    @property
    def prompt(self) -> Prompt:
        """The prompt of the visible path, as it was asked for."""
        return self.state.prompts[self.state.root][0]

    @property
    def rendered(self) -> Rendered:
        """The prompt of the visible path as the model sees it."""
        return self.state.prompts[self.state.root][1]

    @property
    def ended(self) -> bool:
        """Whether the cursor stands on an end of generation, or of the answer: see `stop`."""
        return self.model_tree.ended

    def stop(self, node: int | None = None) -> str | None:
        """Finds the stop string that the answer reached with a node (default: the cursor); see `ModelTree.stop`."""
        return self.model_tree.stop(node)

    def text(self, node: int | None = None) -> str:
        """Returns what was generated below the prompt, up to a node (default: the cursor), without a stop string."""
        return self.model_tree.text(node)

    def thinking(self, node: int | None = None) -> ThinkingParts | None:
        """Returns BF, entropy and length of the thinking and the answer up to a node; None where nothing thinks."""
        return read_path(self.tree, self.model_tree.at(node), self.model.token_bytes).parts()

    # Doing -----------------------------------------------------------------------------------------------------

    def do(self, command: c.Command) -> int:
        """Carries out one command and returns the number of the node where the session then stands.

        After a change of sampler the numbers of the visible path wait for `recompute_stale`. Raises UsageError where
        the command makes no sense here, ModelError where the model fails, Cancelled where it was stopped; the session
        is then as it was.
        """
        state = self.state
        before, first_new, samplers = state.view, len(state.tree), len(state.samplers)
        try:
            command.apply(self.model_tree)
        except BaseException:
            state.view = before
            del state.samplers[samplers:]
            raise
        state.settle(command.op, before, undoable=command.undoable)
        self.model_tree.pair()
        self._log.add(command.op, command.args(), state, first_new)
        return state.cursor

    def recompute_stale(self, limit: int | None = None) -> int:
        """Recomputes numbers of the visible path that were computed under another sampler; how many nodes are left.

        The latest go first, at most `limit` of them, so that other work fits in between. Raises ModelError and
        Cancelled; what was recomputed before stays.
        """
        return self.model_tree.recompute_stale(limit, self._log.note_recomputed)

    def reload(self, model: Model) -> None:
        """Goes on with another process of the same model, after the old one died. Raises ModelError.

        Raises UsageError where the vocabularies differ: token ids would mean other tokens.
        """
        self.model_tree.reload(model)
        if self.partner is not None:
            self.partner.rebase(model)

    # The partner -----------------------------------------------------------------------------------------------

    def pair_with(self, model: Model, template: Template = "auto") -> Partner:
        """Has a second model read along, in place of the one that did; raises like `Partner`, with no change.

        The caller that opened a model closes it.
        """
        self.partner = Partner(self.model_tree, model, template, write=self._log.seen)
        self.model_tree.beside_chat = bool(model.info.chat_template)
        head = self.partner.head()
        if same_partner(self._seen[0], head):
            # What it said before the session was resumed.
            self.partner.views.update(self._seen[1])
        self._log.pair(head)
        return self.partner

    @property
    def partner_head(self) -> dict[str, Any] | None:
        """The partner and its prompt, as in the head of a trace; None where there is none."""
        return None if self.partner is None else self.partner.head()

    def part(self) -> Model | None:
        """Goes on without the partner; returns its model, which the caller closes."""
        model = None if self.partner is None else self.partner.model
        self.partner, self.model_tree.beside_chat = None, False
        self._log.pair(None)
        return model

    # Keeping ---------------------------------------------------------------------------------------------------

    def keep(self, measured: StoredResult, place: int | None = None) -> int:
        """Writes a measurement into the trace and the journal, at the end or in the place of one; returns its place."""
        return self._log.measure(measured, place)

    def keep_shift(self, shift: Shift) -> None:
        """Writes what the partner's answer was, and what the base says of it, into the trace and the journal."""
        stored = None if self.partner is None else self.partner.stored(shift)
        if stored is not None:
            self.keep(stored)

    def trace(self) -> Trace:
        """Makes a trace of the session as it is now, ready to be saved."""
        partner, roots = self.partner, self.tree.roots[1:]
        prompts = {} if partner is None else {root: partner.prompt_fields(root) for root in roots}
        seen = None if partner is None else partner.seen()
        done, token_bytes = (self._log.actions, self._log.measurements), self.model.token_bytes
        return trace_of(self._head(), self.state, done, token_bytes, prompts, seen)

    def _head(self) -> dict[str, Any]:
        return self._log.head(self.model, self.state, self.partner_head)

    # For notebooks: each leaves every number of the visible path as the sampler in force has it ------------------

    def _done(self, command: c.Command) -> Node:
        """Does it, and everything that the screen would do later in the background."""
        node = self.do(command)
        self.recompute_stale()
        return self.tree.node(node)

    def step(self) -> Node:
        """Samples one token. Raises UsageError where the text has ended, ModelError."""
        return self._done(c.Step())

    def greedy(self) -> Node:
        """Takes the most probable token, the smallest id of equals. Raises as `step`."""
        return self._done(c.Greedy())

    def step_until(
        self, *conditions: str, limit: int = 1000, greedy: bool = False
    ) -> Reached | None:
        """Steps until one of the conditions holds, as `entropy>2.5` or `fork`; None where the text or `limit` ends it.

        See `Breakpoint` for their forms; without any, those that are set in the session hold. Raises as `steps_until`.
        """
        asked = tuple(map(Breakpoint.parse, conditions)) or self.state.view.breakpoints
        on = self.model_tree
        steps = steps_until(on, self.partner, self.do, asked, limit, greedy=greedy)
        return next((reached for reached in steps if reached is not None), None)

    def force(
        self,
        text: str | None = None,
        *,
        ids: Sequence[int] | None = None,
        special: Special = "text",
    ) -> Node:
        """Appends text literally, or tokens by id; returns the last node. Raises UsageError, ModelError.

        `special` "tokens" has control tokens that are written in the text read as such.
        """
        if (text is None) == (ids is None):
            raise UsageError("force takes either a text or ids")
        if ids is not None:
            return self._done(c.ForceIds(tuple(map(int, ids))))
        return self._done(c.Force(str(text), checked_special(special)))

    def back(self, n: int = 1) -> Node:
        """Goes up to `n` tokens towards the prompt; the branch stays. Raises UsageError at the prompt."""
        return self._done(c.Back(n))

    def forward(self) -> Node:
        """Goes to the child that was last visited. Raises UsageError where there is none."""
        return self._done(c.Forward())

    def goto(self, node: int) -> Node:
        """Goes to any node; a pruned branch comes back with it. Raises UsageError for a node that does not exist."""
        return self._done(c.Goto(node))

    def mark(self, name: str) -> Node:
        """Names the place of the cursor; the same name again moves it here, and here again takes it away.

        Raises UsageError for a name of several lines, or of more than 40 characters.
        """
        return self._done(c.Mark(name))

    def fold(self, node: int) -> Node:
        """Hides what comes after a node on the screen, or shows it again. Raises UsageError where nothing comes."""
        return self._done(c.Fold(node))

    def prune(self, node: int) -> Node:
        """Hides a node and what comes after it; undo, or going there, brings it back. Raises UsageError."""
        return self._done(c.Prune(node))

    def undo(self) -> Node:
        """Takes back the last change of cursor, marks, folds, pruning or sampler. Raises UsageError for none."""
        return self._done(c.Undo())

    def redo(self) -> Node:
        """Does again what was undone. Raises UsageError for nothing."""
        return self._done(c.Redo())

    def open_rollout(self, node: int, ids: Sequence[int]) -> Node:
        """Makes a continuation that was drawn from a node a branch, and goes to its end. Raises UsageError."""
        return self._done(c.OpenRollout(node, tuple(map(int, ids))))

    def set_sampler(self, **settings: Any) -> Node:
        """Changes settings of `Sampler`, by name, and recomputes the numbers of the visible path.

        Tokens of `bias`, `banned` and `pinned` may be texts. Raises UsageError, ModelError.
        """
        return self._done(c.SetSampler(**checked_settings(self.model, settings)))

    def set_prompt(
        self,
        prompt: str | Prompt,
        *,
        system: str | None = None,
        template: Template = "auto",
        prefill: str = "",
        template_args: Mapping[str, Any] | None = None,
        date: str | None = None,
        examples: Sequence[tuple[str, str]] | None = None,
        special: Special = "text",
    ) -> Node:
        """Starts from another prompt: a new root, the old tree stays. Raises UsageError, ModelError."""
        asked = as_prompt(prompt, system, template, prefill, template_args, date, examples, special)
        return self._done(c.SetPrompt(asked))

    def add_turn(self, text: str) -> Node:
        """Ends the model's answer here and appends a user's turn, as the chat template writes it.

        Raises UsageError where the prompt has no turns, ModelError.
        """
        return self._done(c.AddTurn(text))

    def rollouts(
        self, samples: int = 32, horizon: int = 64, *, node: int | None = None
    ) -> Rollouts:
        """Draws continuations of a node (default: the cursor), counted on from those made there before.

        Each has up to `horizon` tokens. Raises UsageError, ModelError, Cancelled, as all that measures.
        """
        return self._finished(self.experiments.start_rollouts(samples, horizon, node))

    def resample(self, samples: int = 32, *, node: int | None = None) -> Rollouts:
        """Draws again from a node of a path, to compare with the path that goes on from there."""
        return self._finished(self.experiments.start_resampling(samples, node))

    def lookahead(self, k: int = 20, *, node: int | None = None, steps: int = 1) -> Lookahead:
        """Evaluates the distribution one step later (or `steps`, greedily) for each of the `k` best candidates."""
        return self._finished(self.experiments.start_lookahead(k, node, steps))

    def respond(
        self,
        text: str | None = None,
        *,
        ids: Sequence[int] | None = None,
        node: int | None = None,
        looks: Sequence[int] = LOOKS,
        horizon: int = HORIZON,
        controls: int = CONTROLS,
        others: bool = True,
        stop_after: int | None = None,
        special: Special = "text",
    ) -> Response:
        """Measures what forcing a text does to the branching factor, against matched controls and `others`.

        `looks` are the samples of each text at each planned look, of which `stop_after` are done at most. `special` as
        in `force`.
        """
        setup = Setup(tuple(looks), horizon, controls, others, stop_after=stop_after)
        return self._finished(
            self.experiments.start_response(text, ids=ids, node=node, setup=setup, special=special)
        )

    def calibrate(
        self,
        valid: str | Sequence[str],
        asked: CalibrationAsked | None = None,
        *,
        node: int | None = None,
    ) -> AnyCalibration:
        """Measures what comes after a node (default: the cursor) against a set of valid answers.

        `valid` names a set, as `us-states`, `regex:PATTERN` or a file, or lists the answers.
        """
        from bftui.core.valid.valid_sets import valid_set
        from bftui.trace.valid_files import parse_valid, read_answers

        found = (
            parse_valid(valid, read_answers) if isinstance(valid, str) else valid_set("list", valid)
        )
        return self._finished(self.experiments.start_calibration(found, asked, node))

    def forks(self, asked: ForksAsked | None = None, *, node: int | None = None) -> Forks:
        """Looks for the tokens of the path to a node (default: the cursor) where others lead to other outcomes."""
        return self._finished(self.experiments.start_forks(asked, node))

    def horizon(self, asked: HorizonAsked | None = None, *, node: int | None = None) -> Horizon:
        """Grows the tree of all continuations of a node (default: the cursor), the most probable first."""
        return self._finished(self.experiments.start_horizon(asked, node))

    def dial(self, asked: DialAsked | None = None, *, node: int | None = None) -> Dial:
        """Measures a mixture after a node (default: the cursor) at each of some weights."""
        return self._finished(self.experiments.start_dial(asked, node))

    def inject(self, asked: InjectionAsked | None = None) -> Injection:
        """Injects the style of the prompt for some positions after it, and says what that does to BF after them."""
        return self._finished(self.experiments.start_injection(asked))

    def nudge(self, settings: NudgeSettings | None = None) -> Nudging:
        """Goes on with the partner writing where the base is unsure; every round is one step for undo."""
        return self._finished(self.start_nudging(settings))

    def start_nudging(
        self, settings: NudgeSettings | None = None, *, measure: bool = True
    ) -> Nudging:
        """Begins to nudge at the cursor, as a job that does one round after another, each a command.

        Raises UsageError without a partner, where the text has ended, and after a further turn of the user.
        """
        return start_nudging(self.model_tree, self.partner, self.do, settings, measure=measure)

    def _finished(self, job: J) -> J:
        try:
            job.finish()
        finally:
            job.close()
        self.experiments.keep(job)
        return job
