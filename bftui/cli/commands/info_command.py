"""`bftui info`, `schema` and `keys`: what there is, without a session."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bftui.cli.shared import options as o
from bftui.cli.shared.interrupt import interruptible
from bftui.cli.shared.opening import Watched, emit, measured_noise, open_stoppable, to_file
from bftui.cli.shared.progress_bars import bar


@o.unfolded
def info(
    *,
    model: o.Model = "practice",
    opening: o.OpeningOptions,
    as_json: o.Json = False,
    output: o.AnyOutput = None,
) -> None:
    """Say what a model is, and how it would be run."""
    from bftui.core.text import json_text
    from bftui.results.codec import encode
    from bftui.results.model_info import InfoOutput

    opening.check_labels(1)
    with (
        interruptible() as interruption,
        bar(interruption) as show,
        open_stoppable(model, opening, interruption, show) as opened,
    ):
        stopped = measured_noise(opened, Watched(interruption, show))
        if stopped is not None:
            raise stopped
        facts = encode(InfoOutput(info=opened.info, noise=opened.noise))
    if to_file(output):
        from bftui.trace.document import refuse_model

        refuse_model(output, facts["source"])
    emit(json_text(facts) if as_json else _table(facts), output)


def _table(facts: dict[str, Any]) -> str:
    """The facts for people, one a line, with units."""
    from bftui.core.noise_floor import Noise
    from bftui.core.text import safe

    units = {
        "bytes": f"{facts['bytes'] / 2**20:.1f} MiB",
        "kv_bytes_per_token": f"{facts['kv_bytes_per_token'] / 1024:.1f} KiB",
        "parameters": f"{facts['parameters']:,}",
        "n_ctx": f"{facts['n_ctx']} of {facts['n_ctx_train'] or '?'} tokens",
        "chat_template": "yes" if facts["chat_template"] else "none",
        "parts": ", ".join(
            f"{part['name']} ({part['backend']}, {part['quantization']})"
            for part in facts.get("parts", ())
        ),
        "noise": None if facts["noise"] is None else Noise.of(facts["noise"]).sentence(),
    }
    hidden = {
        "n_ctx_train",
        "special_ids",
        "exact",
        "rewind",
        "max_fan_out",
        "fan_tokens",
        "shaped",
        "padded",
        "step_rows",
        "add_bos",
        "eos_id",
    }
    rows = {
        name.replace("_", " "): units.get(name, value)
        for name, value in facts.items()
        if name not in hidden and units.get(name, value) not in ("", None, [], {})
    }
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {safe(str(value))}" for name, value in rows.items())


def schema(
    command: Annotated[
        str | None,
        typer.Argument(
            metavar="[COMMAND]", help="A command whose --json is described in place of a trace."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The schema is always JSON; accepted for uniformity.")
    ] = False,
    output: o.AnyOutput = None,
) -> None:
    """Print the JSON Schema of a trace, or of what a command prints with --json."""
    from bftui.core.text import json_text
    from bftui.results.command_outputs import TRACES, output_schema
    from bftui.trace.schema import json_schema

    found = json_schema() if command is None or command in TRACES else output_schema(command)
    emit(json_text(found, indent=2), output)


def keys(as_json: o.Json = False, output: o.AnyOutput = None) -> None:
    """Print the workbench's keys, with those of config.toml, and the names that it knows actions by."""
    from bftui.core.text import json_text
    from bftui.results.codec import encode
    from bftui.results.listing_outputs import ListedKey
    from bftui.ui.actions.action_table import ACTIONS
    from bftui.ui.config_file import read_config
    from bftui.workbench.keys import use

    use(read_config().keymap)
    rows = [
        ListedKey(id=action.id, keys=action.shown(), name=action.name, description=action.told())
        for action in ACTIONS
    ]
    if as_json:
        emit(json_text(list(map(encode, rows))), output)
        return
    width, ids = max(len(row.keys) for row in rows), max(len(row.id) for row in rows)
    lines = (f"{row.keys or '–':<{width}}  {row.id:<{ids}}  {row.description}" for row in rows)
    emit("\n".join(lines), output)
