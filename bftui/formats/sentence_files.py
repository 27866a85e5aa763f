"""What a directory says of how its model makes one vector of a text: the files of sentence-transformers.

`modules.json` names the parts in their order; each has a folder of its own. Read without any library.
Not for: the weights, which are those of the first part.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bftui.core.errors import ModelLoadError, UnsupportedModel
from bftui.formats.safetensors_file import AGAIN

Pooling = Literal["mean", "cls", "last", "max"]

_POOLINGS: dict[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_max_tokens": "max",
    "mean": "mean",
    "cls": "cls",
    "lasttoken": "last",
    "max": "max",
}
"""The settings of a pooling part that can be done here; the short ones are the values of `pooling_mode`."""

_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class SentenceLayout:
    """How a text becomes a vector.

    Attributes:
        folder: where config, weights and tokenizer of the transformer lie.
        pooling: what of the last layer's states, one for each token, is taken.
        normalize: whether vectors are brought to length 1.
        max_tokens: the longest text, in tokens; None where nothing is said.
        lower: whether letters are made small before.
        before: what is written before a text, as the model was trained.
        declared: whether the directory says so; else it is any model, of which the mean is taken.
    """

    folder: Path
    pooling: Pooling = "mean"
    normalize: bool = False
    max_tokens: int | None = None
    lower: bool = False
    before: str = ""
    declared: bool = False


def sentence_layout(path: Path) -> SentenceLayout:
    """Reads what a directory says; a directory without `modules.json` is any model.

    Raises ModelLoadError for files of no sense, UnsupportedModel for a part or a pooling that is not built here.
    """
    parts = path / "modules.json"
    if not parts.is_file():
        return SentenceLayout(path)
    listed = _json(parts)
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ModelLoadError(f"cannot read {parts}", "it is not a list of parts", AGAIN)
    folder, pooling, normalize = path, None, False
    for number, each in enumerate(listed):
        kind = str(each.get("type", "")).rpartition(".")[2]
        name = str(each.get("path", ""))
        if name and Path(name).name != name:
            raise ModelLoadError(
                f"cannot read {parts}", f"its part {name[:60]} lies elsewhere", AGAIN
            )
        if kind == "Transformer" and number == 0:
            folder = path / name
        elif kind == "Pooling" and pooling is None:
            pooling = _pooling(path / name / "config.json")
        elif kind == "Normalize":
            normalize = True
        else:
            raise UnsupportedModel(
                f"cannot use {path} for vectors of texts",
                f"its part {kind[:40] or number} is not one that bftui builds",
                "take a model of a transformer, a pooling and a normalisation",
            )
    if pooling is None:
        raise ModelLoadError(f"cannot read {parts}", "it names no pooling", AGAIN)
    said = _object(folder / "sentence_bert_config.json")
    longest = said.get("max_seq_length")
    return SentenceLayout(
        folder=folder,
        pooling=pooling,
        normalize=normalize,
        max_tokens=longest if type(longest) is int and longest > 0 else None,
        lower=said.get("do_lower_case") is True,
        before=_before(_object(path / "config_sentence_transformers.json")),
        declared=True,
    )


def _pooling(file: Path) -> Pooling:
    settings = _object(file)
    chosen = [
        name for name, on in settings.items() if name.startswith("pooling_mode_") and on is True
    ]
    if not chosen and isinstance(settings.get("pooling_mode"), str):
        chosen = [settings["pooling_mode"]]
    if len(chosen) != 1 or chosen[0] not in _POOLINGS:
        raise UnsupportedModel(
            f"cannot use {file.parent.parent} for vectors of texts",
            f"its pooling is {' and '.join(chosen)[:80] or 'not named'}",
            "take a model that takes the mean, the first, the last or the largest",
        )
    return _POOLINGS[chosen[0]]


def _before(settings: dict[str, Any]) -> str:
    """What is written before a text unless somebody asks for something else."""
    prompts, name = settings.get("prompts"), settings.get("default_prompt_name")
    found = prompts.get(name) if isinstance(prompts, dict) and isinstance(name, str) else None
    return found if isinstance(found, str) else ""


def _object(file: Path) -> dict[str, Any]:
    """An object of a file; empty where there is none."""
    if not file.is_file():
        return {}
    found = _json(file)
    if not isinstance(found, dict):
        raise ModelLoadError(f"cannot read {file}", "it is not an object", AGAIN)
    return found


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes()[:_BYTES])
    except (OSError, ValueError, RecursionError) as error:
        raise ModelLoadError(f"cannot read {file}", "it is not JSON", AGAIN) from error
