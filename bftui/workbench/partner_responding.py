"""The partner's response to a forced text, beside that of the session's own model."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from bftui.core.errors import BftuiError
from bftui.core.job import Job
from bftui.measures.site import Site, close_site
from bftui.workbench.snapshot import Measured
from bftui.workbench.words_shown import PartnerShown

if TYPE_CHECKING:
    from bftui.measures.response import Response
    from bftui.measures.response_series import ResponseSeries
    from bftui.session.experiments import Experiments
    from bftui.session.partner.session_partner import Partner
    from bftui.session.session import Session
    from bftui.workbench.rollout_series import Place


class PartnerResponding:
    """The same text at the same place of the partner's own text, while it is measured.

    Attributes:
        series: what is measured: the partner's response alone, so that its failures stay its own.
        published: when it was shown last, in seconds of the monotonic clock.
    """

    name = "response in the partner"
    spent = False

    def __init__(
        self, place: Place, series: ResponseSeries, site: Site, shown: PartnerShown
    ) -> None:
        self.published = 0.0
        self._place, self.series, self._site, self._shown = place, series, site, shown
        self._kept = self._known

    @property
    def job(self) -> Job:
        """What is advanced."""
        return self.series

    @property
    def told(self) -> str:
        """What it is, and how far."""
        return f"{self.name}, {self.series.doing or 'before its first token'}"

    @property
    def _response(self) -> Response:
        return self.series.partner[0]

    @property
    def _known(self) -> tuple[int, int]:
        return self._response.tokens, len(self._response.looks)

    def close(self) -> None:
        """Ends it; what was drawn is kept, and it begins from there when somebody asks again."""
        self.series.close()
        # The partner may be gone by now.
        with suppress(BftuiError):
            close_site(self._site)

    def keep(self, experiments: Experiments) -> None:
        """Writes what is new of it into the trace and the journal."""
        if self._known != self._kept:
            self._kept = self._known
            experiments.keep(self._response)

    def keep_looks(self, experiments: Experiments) -> None:
        """Writes it down where a look was done since it was written last."""
        if self._known[1] != self._kept[1]:
            self.keep(experiments)

    def publish(self, measured: Measured, *, running: bool) -> Measured:
        """All that is known with what this found by now."""
        response, error = self._response, self.series.error
        shown = replace(
            self._shown,
            result=response.result() if response.measured else None,
            positions=response.positions,
            why="" if error is None else error.line(),
            complete=self.series.done and error is None,
        )
        return replace(measured, beside={**measured.beside, self._place: shown})


def begin_beside(
    session: Session, partner: Partner, response: Response, place: Place
) -> PartnerResponding | PartnerShown:
    """Begins what a response of the session is in the partner; how it is shown where the partner cannot be asked.

    What was drawn before is not drawn again.
    """
    from bftui.measures.response_series import ResponseSeries

    node, ids = response.node, response.token_ids
    shown = PartnerShown(model=partner.model.info.name)
    text = b"".join(map(session.model.token_bytes, ids))
    site: Site | None = None
    try:
        site = partner.site(node)
        theirs = session.experiments.start_partner_response(
            site,
            node,
            ids,
            partner.forced(node, text.decode()),
            replace(response.setup, others=False),
        )
    except (BftuiError, UnicodeDecodeError) as error:
        if site is not None:
            close_site(site)
        why = error.line() if isinstance(error, BftuiError) else "it is half a character"
        return replace(shown, why=why)
    return PartnerResponding(place, ResponseSeries((), partner=[theirs]), site, shown)
