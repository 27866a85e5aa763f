"""The experiments of a session: rollouts, look-ahead, responses. None of them moves it or adds to its tree.

What `start_…` returns is a job: the workbench advances it piece by piece beside other work, `Session` does it at once.
A finished experiment is kept as a measurement of the session's trace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any

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
from bftui.model.prompt import Special
from bftui.results.codec import FieldError, decode, encode
from bftui.results.response_result import ResponseResult, ResponseSettings
from bftui.results.stored_result import StoredResult, Storing
from bftui.session.model_tree import ModelTree
from bftui.session.view_state import check_node


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
            if found["kind"] == "response":
                with suppress(FieldError, UsageError):
                    asked = decode(ResponseSettings, found["settings"])
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
        _, known = self._known(at, plan.settings(forced, site.sampler))
        found = Response(site, forced, self._neutral(at), plan, known, self.speed)
        self.responses.append(found)
        return found

    @property
    def speed(self) -> float | None:
        """Tokens a second that a response drew last; None before one did."""
        latest = (each.speed for each in reversed(self.responses))
        return next((speed for speed in latest if speed is not None), None)

    def _known(
        self, node: int, asked: ResponseSettings
    ) -> tuple[int | None, ResponseResult | None]:
        """Where the trace holds the response to what is asked, and what it holds."""
        place, fields = self._responded.get((node, asked), (None, None))
        with suppress(FieldError, UsageError):
            return place, None if fields is None else decode(ResponseResult, fields)
        return place, None

    def _neutral(self, node: int) -> list[tuple[int, ...]]:
        """The neutral openings as tokens, but for those that this vocabulary cannot write."""
        found = []
        for word in NEUTRAL:
            with suppress(ModelError):
                found.append(tuple(self._base.model.tokenize(self._base.spaced(word, node))))
        return found

    # Keeping ---------------------------------------------------------------------------------------------------

    def keep(self, job: Job) -> None:
        """Writes a finished experiment, or what there is of a stopped one, into the trace and the journal."""
        if isinstance(job, ResponseSeries):
            for each in job.stored_each():
                self._keep_response(each)
            return
        measured = job.stored() if isinstance(job, Storing) else None
        if measured is None or (isinstance(job, Nudging) and not job.rounds):
            return
        if isinstance(job, Response):
            self._keep_response(measured)
        else:
            self._keep(measured, None)

    def _keep_response(self, measured: StoredResult) -> None:
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
