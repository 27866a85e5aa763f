"""`bftui sessions`: the sessions that were kept."""

from __future__ import annotations

from bftui.cli.shared import options as o
from bftui.cli.shared.opening import emit


def sessions(as_json: o.Json = False, output: o.AnyOutput = None) -> None:
    """List the sessions that were kept, last used first: `bftui run --resume-from FILE` goes on with one."""
    from bftui.trace.document import refuse_inputs
    from bftui.trace.journal import default_directory
    from bftui.trace.journals import Kept, listed

    directory = default_directory()
    found = listed(directory)
    refuse_inputs(output, *(each.path for each in found))
    from bftui.core.text import counted, json_text, safe

    if as_json:
        from bftui.results.codec import encode
        from bftui.results.listing_outputs import SessionsOutput

        sessions = SessionsOutput(sessions=tuple(each.listed() for each in found))
        emit(json_text(encode(sessions)), output)
        return
    if not found:
        emit(safe(f"no sessions are kept in {directory}"), output)
        return

    def row(kept: Kept) -> str:
        from bftui.cli.shared.tables import clipped

        began, used = (
            when.replace("T", " ").removesuffix("Z") for when in (kept.created, kept.used)
        )
        what = f"{kept.state}  {counted(kept.nodes, 'node')}  {clipped(safe(kept.model), 30)}"
        prompt = clipped(safe(kept.prompt), 76)
        return f"{used or '–':<19}  {what}\n    began {began or '–'} UTC\n    {prompt}\n    {safe(str(kept.path))}"

    emit("\n".join(map(row, found)), output)
