"""A session as one on a mixture whose first model is its own: the same tree, numbers and draws, at weight 0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bftui.model.loaded_model import Model
from bftui.session.records.resume import Saved, read_saved
from bftui.session.session import Session
from bftui.trace.header import model_fields, version_of


def in_mixture(session: Session, model: Model, folder: Path) -> Saved:
    """Return the session as if it had been made on the mixture, to be resumed on it; written into `folder`.

    At weight 0 a mixture is its first model to the last digit, so that nothing is evaluated again. Raises InputError,
    UsageError.
    """
    document = session.trace().as_dict()
    document["model"] = model_fields(model.info)
    document["version"] = version_of(model.info.source, ())
    document["samplers"] = [_unmixed(each) for each in document["samplers"]]
    for measurement in document["measurements"]:
        measurement["settings"] = _unmixed(measurement["settings"])
    path = folder / "session.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return read_saved(path)


def _unmixed(settings: Any) -> Any:
    """Settings with weight 0 wherever a sampler stands in them."""
    if isinstance(settings, list):
        return [_unmixed(each) for each in settings]
    if not isinstance(settings, dict):
        return settings
    found = {name: _unmixed(value) for name, value in settings.items()}
    return {**found, "weight": 0.0} if "temperature" in found else found
