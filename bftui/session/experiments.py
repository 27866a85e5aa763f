"""The experiments of a session: rollouts, look-ahead, responses. None of them moves it or adds to its tree.

What `start_…` returns is a job: the workbench advances it piece by piece beside other work, `Session` does it at once.
A finished experiment is kept as a measurement of the session's trace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bftui.backends.client.client_protocol import StepResult
from bftui.core.bf.estimate import Sample
from bftui.core.distribution import NextToken
from bftui.core.draws import prefix_key
from bftui.core.errors import ModelError, UsageError
from bftui.core.job import Job
from bftui.core.tree import Source
from bftui.measures.lookahead import MOST_CANDIDATES, MOST_STEPS, Lookahead
from bftui.measures.nudging.nudging_run import Nudging
from bftui.measures.response import NEUTRAL, Response
from bftui.measures.response_series import ResponseSeries
from bftui.measures.response_state import Setup
from bftui.measures.rollouts import Rollouts, check_size
from bftui.measures.sample_reading import sample_of
from bftui.measures.site import Site
from bftui.model.prompt import Special
from bftui.results.codec import FieldError, decode, encode
from bftui.results.response_result import (
    PartnerResponseResult,
    PartnerResponseSettings,
    ResponseResult,
    ResponseSettings,
)
from bftui.results.stored_result import StoredResult, Storing, kinds
from bftui.session.model_tree import ModelTree
from bftui.session.view_state import check_node

if TYPE_CHECKING:
    from bftui.core.horizon import HorizonTree
    from bftui.core.valid.valid_sets import Valid
    from bftui.measures.bulk.sample_store import Store
    from bftui.measures.calibration.calibration import Readings
    from bftui.measures.calibration.calibration_runs import AnyCalibration, CalibrationAsked
    from bftui.measures.dial import Dial, DialAsked
    from bftui.measures.forks import Forks, ForksAsked
    from bftui.measures.injection import Injection, InjectionAsked
    from bftui.measures.tree_growth import Horizon, HorizonAsked


class Experiments:
    """What was measured in one session, and how more is.

    Attributes:
        rollouts, responses: the finished and the running ones, the newest last.
    """

    def __init__(self, base: ModelTree, keep: Callable[[StoredResult, int | None], int]) -> None:
        """`keep` writes a measurement into the trace, at the end or in the place of one, and returns its place."""
        self.rollouts: list[Rollouts] = []
        self.responses: list[Response] = []
        self._base, self._keep = base, keep
        self._made: Counter[int] = Counter()
        self._looked: dict[tuple[int, int, int], dict[int, NextToken | None]] = {}
        # Where the trace holds the response to what was asked, and what it holds.
        self._responded: dict[Hashable, tuple[int, Mapping[str, Any]]] = {}

    def resume(self, measurements: Sequence[Mapping[str, Any]]) -> None:
        """Takes in what a session measured that is resumed, so that nothing is drawn again."""
        for place, found in enumerate(measurements):
            if found["kind"] in ("response", "partner_response"):
                with suppress(FieldError, UsageError):
                    asked: Hashable = decode(kinds()[found["kind"]][0], found["settings"])
                    self._responded[found["node"], asked] = place, found["result"]
                continue
            settings = found["settings"]
            made = [settings.get(name) for name in ("first", "samples")]
            if found["kind"] in ("rollouts", "resampling") and all(type(n) is int for n in made):
                key = prefix_key(self._base.state.tree.token_ids(found["node"]))
                self._made[key] = max(self._made[key], sum(made))

    # Rollouts --------------------------------------------------------------------------------------------------

    def start_rollouts(self, samples: int, horizon: int, node: int | None = None) -> Rollouts:
        """Begins continuations of a node (default: the cursor), counted on from those made there before."""
        return self._roll(samples, horizon, node, None)

    def start_resampling(self, samples: int, node: int | None = None) -> Rollouts:
        """Begins continuations of a node, as long as the path that goes on from it, to compare with that path.

        The path is the one along the children last visited. Raises UsageError where nothing goes on.
        """
        at = self._at(node)
        original = self.onward(at)
        if original is None:
            raise UsageError(
                "no text goes on from here", hint="go back to a place on a path, then sample again"
            )
        return self._roll(samples, original.length, at, original)

    def _roll(
        self, samples: int, horizon: int, node: int | None, original: Sample | None
    ) -> Rollouts:
        site = self._base.site(self._at(node))
        key = prefix_key(site.prefix)
        found = Rollouts(
            site,
            samples=samples,
            horizon=horizon,
            first=self._made[key],
            original=original,
        )
        self._made[key] += samples
        self.rollouts.append(found)
        return found

    def onward(self, node: int) -> Sample | None:
        """Reads the path that goes on from a node along the children last visited; None where there is none.

        Its tokens count as chosen unless each of them was sampled: then no likelihood estimate comes from them.
        """
        base, after = self._base, list[int]()
        state, at = base.state, node
        tree = state.tree
        while tree.entropies(at) is not None and (child := tree.last_visited(at)) is not None:
            after.append(child)
            at = child
        before = base.preview(state.sampler, node)
        if not after or before is None:
            return None
        # The path may have been made under another sampler than the one in force.
        open_end = tree.entropies(after[-1]) is not None
        found = base.model.client.rescore(base.number, after, state.sampler, open_end)
        steps = [each for each in found if isinstance(each, StepResult)]
        return sample_of(
            before,
            steps,
            base.model.token_bytes,
            finish="eog" if steps[-1].eog else "length",
            chosen=any(tree.source(each) is not Source.SAMPLED for each in after),
        )

    # Look-ahead ------------------------------------------------------------------------------------------------

    def start_lookahead(self, k: int, node: int | None = None, steps: int = 1) -> Lookahead:
        """Begins to evaluate what follows each of the `k` best candidates and `steps` - 1 greedy tokens after it."""
        check_size("candidates", k, MOST_CANDIDATES)
        check_size("steps", steps, MOST_STEPS)
        base, at = self._base, self._at(node)
        before = base.preview(base.state.sampler, at)
        assert before is not None
        return Lookahead(
            base.site(at),
            before,
            base.page(0, k, node=at).rows,
            self._looked.setdefault((at, base.state.view.sampler, steps), {}),
            steps,
        )

    def looked(self, node: int, steps: int = 1) -> dict[int, NextToken | None]:
        """Returns the distributions after a node's candidates that are known, by token id."""
        return self._looked.get((node, self._base.state.view.sampler, steps), {})

    # Response --------------------------------------------------------------------------------------------------

    def start_response(
        self,
        text: str | None = None,
        *,
        ids: Sequence[int] | None = None,
        node: int | None = None,
        setup: Setup | None = None,
        special: Special = "text",
    ) -> Response:
        """Begins to measure what forcing a text after a node (default: the cursor) does to BF, against controls."""
        base, at = self._base, self._at(node)
        if (text is None) == (ids is None):
            raise UsageError("a response needs either a text or ids")
        model = base.model
        forced = tuple(ids) if ids is not None else tuple(model.tokenize(str(text), special))
        if not forced:
            raise UsageError("there is no text to force")
        base.check_ends(forced)
        if forced[-1] in model.info.eog_ids:
            raise UsageError("the forced text ends the generation", hint="nothing comes after it")
        site, plan = base.site(at), setup or Setup()
        plan.check()
        known = self._known(at, plan.settings(forced, site.sampler))
        found = Response(site, forced, self._neutral(at), plan, known, self.speed)
        self.responses.append(found)
        return found

    def start_partner_response(
        self, site: Site, node: int, base_ids: Sequence[int], ids: Sequence[int], setup: Setup
    ) -> Response:
        """Begins to measure what a text does to a partner, at the same place and against its own controls.

        Args:
            site: where the partner's text stands.
            node: the place in this session.
            base_ids, ids: the text in the tokens of this session, and in the partner's.

        Raises UsageError for a text that the partner's generation would not go on after.
        """
        info, forced = site.model.info, tuple(ids)
        if not forced or any(each in info.eog_ids for each in forced):
            raise UsageError("nothing comes after the text in the partner")
        asked = PartnerResponseSettings(
            base_token_ids=tuple(base_ids),
            model=info.name,
            sha256=info.sha256,
            prefix=f"{prefix_key(site.prefix):016x}",
            asked=setup.settings(forced, site.sampler),
        )

        def stored(found: StoredResult) -> StoredResult:
            result = PartnerResponseResult(response=found.result)
            return StoredResult("partner_response", node, asked, result)

        known = self._known(node, asked)
        # Its controls of other kinds are not measured.
        return Response(site, forced, (), setup, known, stored_as=stored)

    @property
    def speed(self) -> float | None:
        """Tokens a second that a response drew last; None before one did."""
        latest = (each.speed for each in reversed(self.responses))
        return next((speed for speed in latest if speed is not None), None)

    def _known(
        self, node: int, asked: ResponseSettings | PartnerResponseSettings
    ) -> ResponseResult | None:
        """What the trace holds of the response to what is asked, or of the same one that ends earlier or later."""
        found = self._held(node, asked)
        if found is not None:
            return found
        own = asked if isinstance(asked, ResponseSettings) else asked.asked
        other = replace(own, early=not own.early)
        found = self._held(
            node, other if isinstance(asked, ResponseSettings) else replace(asked, asked=other)
        )
        if found is None or any(
            len(sample.token_ids) > own.horizon for text in found.drawn for sample in text.samples
        ):
            return None
        # The same draws, to be judged anew.
        return replace(found, looks=(), extended=None, asked=None)

    def _held(
        self, node: int, asked: ResponseSettings | PartnerResponseSettings
    ) -> ResponseResult | None:
        """What the trace holds of the response to what is asked."""
        _, fields = self._responded.get((node, asked), (None, None))
        if fields is None:
            return None
        with suppress(FieldError, UsageError):
            if isinstance(asked, ResponseSettings):
                return decode(ResponseResult, fields)
            return decode(PartnerResponseResult, fields).response
        return None

    def _neutral(self, node: int) -> list[tuple[int, ...]]:
        """The neutral openings as tokens, but for those that this vocabulary cannot write."""
        found = []
        for word in NEUTRAL:
            with suppress(ModelError):
                found.append(tuple(self._base.model.tokenize(self._base.spaced(word, node))))
        return found

    # Forks -----------------------------------------------------------------------------------------------------

    def start_forks(self, asked: ForksAsked | None = None, node: int | None = None) -> Forks:
        """Begins to look for forking tokens of the path from its prompt to a node (default: the cursor).

        Raises UsageError for a path without tokens, and for sizes that make no sense.
        """
        from bftui.measures.forks import Forks, ForksAsked, PathStep

        base = self._base
        tree, steps = base.state.tree, list[PathStep]()
        path = tree.path(base.at(node))
        for at, after in pairwise(path):
            before, token_id = base.preview(base.state.sampler, at), tree.token_id(after)
            assert before is not None
            assert token_id is not None
            steps.append(PathStep(base.site(at), before, token_id))
        return Forks(path[0], steps, asked or ForksAsked(), base.state.stops)

    # Horizon ---------------------------------------------------------------------------------------------------

    def start_horizon(
        self,
        asked: HorizonAsked | None = None,
        node: int | None = None,
        known: HorizonTree | None = None,
    ) -> Horizon:
        """Begins to grow the tree of all continuations of a node (default: the cursor), the most probable first.

        `known` is a tree of the same depth that grew there under the same sampler: it grows on. Raises UsageError,
        ContextFull.
        """
        from bftui.measures.tree_growth import Horizon, HorizonAsked

        base, at = self._base, self._at(node)
        tree = base.state.tree
        prompt = len(tree.prompt_ids(tree.root(at)))
        return Horizon(base.site(at), asked or HorizonAsked(), prompt=prompt, tree=known)

    # Dial ------------------------------------------------------------------------------------------------------

    def start_dial(self, asked: DialAsked | None = None, node: int | None = None) -> Dial:
        """Begins to measure a mixture after a node (default: the cursor) at each of some weights.

        Raises UsageError for one model alone, and for what cannot be asked.
        """
        from bftui.measures.dial import Dial, DialAsked

        return Dial(self._base.site(self._at(node)), asked or DialAsked())

    # Injected style --------------------------------------------------------------------------------------------

    def start_injection(self, asked: InjectionAsked | None = None) -> Injection:
        """Begins to inject the style of the visible path's prompt for some positions after it.

        The style is that of the prompt, or of the second model where the prompt has none. Raises UsageError for a model
        that mixes no two conditions, ContextFull where the texts have no room.
        """
        from bftui.measures.injection import Injection, InjectionAsked
        from bftui.measures.injection_prompts import asked_prompt

        base = self._base
        prompt = asked_prompt(*base.state.prompts[base.state.root])
        wanted, sampler = asked or InjectionAsked(), base.state.sampler
        return Injection(base.model, [prompt], wanted, sampler, node=base.state.root)

    # Calibration -----------------------------------------------------------------------------------------------

    def start_calibration(
        self,
        valid: Valid,
        asked: CalibrationAsked | None = None,
        node: int | None = None,
        store: Store[Readings] | None = None,
    ) -> AnyCalibration:
        """Begins to measure what comes after a node (default: the cursor) against a set of valid answers.

        P~ is made with the sampler in force, whatever `asked` says of it. `store` has what was read before of the same
        set at this place. Raises UsageError, ModelError.
        """
        from bftui.measures.calibration.calibration_runs import CalibrationAsked, start_calibration

        base, at = self._base, self._at(node)
        site = base.site(at)
        wanted = CalibrationAsked(site.sampler) if asked is None else asked
        _, rendered = base.state.prompts[base.state.tree.root(at)]
        lines = rendered.template != "chat"
        asked = replace(wanted, sampler=site.sampler)
        return start_calibration(site, valid, asked, lines=lines, store=store)

    # Keeping ---------------------------------------------------------------------------------------------------

    def keep(self, job: Job) -> None:
        """Writes a finished experiment, or what there is of a stopped one, into the trace and the journal."""
        if isinstance(job, ResponseSeries):
            for each in job.stored_each():
                self.keep_response(each)
            return
        measured = job.stored() if isinstance(job, Storing) else None
        if measured is None or (isinstance(job, Nudging) and not job.rounds):
            return
        if isinstance(job, Response):
            self.keep_response(measured)
        else:
            self._keep(measured, None)

    def keep_response(self, measured: StoredResult) -> None:
        """Writes what is known of a response, of this model or of a partner."""
        # With more samples or kinds of controls it is the same measurement, and takes the place of the shorter one.
        asked = measured.node, measured.settings
        place, _ = self._responded.get(asked, (None, {}))
        self._responded[asked] = self._keep(measured, place), encode(measured.result)

    def _at(self, node: int | None) -> int:
        """The node; raises UsageError where there is none, or nothing can come after it."""
        tree, at = self._base.state.tree, self._base.at(node)
        check_node(tree, at)
        if tree.entropies(at) is None:
            raise UsageError("the text ends here", hint="go back")
        return at
