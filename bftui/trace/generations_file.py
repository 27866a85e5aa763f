"""Generations that exist: the texts that models wrote for prompts, as several programs keep them.

`bftui measure --keep-tokens` (its result), lm-eval's samples (`--log_samples`, JSON Lines), lighteval's details
(`--save-details`, Parquet or JSON Lines), and plain lines `{"id", "model", "texts"}`. Data in, data out.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bftui.core.errors import InputError, MissingDependency
from bftui.trace.prompts_file import check_unicode, json_lines

_PLAIN = 'write one {"id": "…", "model": "…", "texts": ["…", …]} a line'
_MEASURED = "measure again with --keep-tokens"


@dataclass(frozen=True, slots=True)
class GeneratedTexts:
    """What one model wrote for one prompt.

    Attributes:
        id: the prompt's name, the same for all models.
        texts: the outputs; of one model all prompts have as many.
        cut: whether each of them ended at a limit; None where the file does not say.
        prompt: what was asked; None where the file does not say.
        answer: the right answer; None where the file has none.
    """

    id: str
    texts: tuple[str, ...]
    cut: tuple[bool, ...] | None = None
    prompt: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Generations:
    """What one model wrote.

    Attributes:
        model: its name; "" where the file does not say.
        prompts: in the order of the file.
        form: the program whose file it is.
    """

    model: str
    prompts: tuple[GeneratedTexts, ...]
    form: str

    @property
    def k(self) -> int:
        """How many outputs each prompt has."""
        return len(self.prompts[0].texts)


def parse_generations(data: bytes, name: str) -> tuple[Generations, ...]:
    """Reads a file of generations, whichever of the forms it has; a file may hold several models.

    Args:
        data: the file's bytes.
        name: what errors call the file.

    Raises InputError that names the place, for a file of another form, without ids, without texts, or with another
    number of texts for some prompts; MissingDependency for Parquet without pyarrow.
    """
    found: dict[str, dict[str, GeneratedTexts]] = {}
    form = ""
    for where, form, model, each in _read(data, name):
        prompts = found.setdefault(model, {})
        if each.id in prompts:
            if form == _LM_EVAL and prompts[each.id].texts == each.texts:
                # It writes a line for each of a task's filters, with the same texts.
                continue
            of = f" of {model}" if model else ""
            raise InputError(f"{where} has the id {each.id!r}{of} again")
        prompts[each.id] = each
        first = next(iter(prompts.values()))
        if len(each.texts) != len(first.texts):
            raise InputError(
                f"{where} has {len(each.texts)} texts",
                f"prompt {first.id!r} has {len(first.texts)}, and diversity depends on their number",
                "give all prompts of a model the same number",
            )
    if not found:
        raise InputError(f"{name} holds no generations", hint=_PLAIN)
    return tuple(
        Generations(model, tuple(prompts.values()), form) for model, prompts in found.items()
    )


_Entry = tuple[str, str, str, GeneratedTexts]
"""Where it stands, the form of its file, the model, and the texts of one prompt."""

_OURS, _LM_EVAL, _LIGHTEVAL, _LINES = "bftui measure", "lm-eval", "lighteval", "plain"


def _read(data: bytes, name: str) -> Iterator[_Entry]:
    if data.startswith(b"PAR1"):
        for number, row in enumerate(_parquet(data, name), start=1):
            yield from _entry(row, f"{name}: row {number}")
        return
    whole: Any = None
    with suppress(ValueError, RecursionError):
        whole = json.loads(data)
    if isinstance(whole, dict) and "models" in whole:
        yield from _measured(whole, name)
        return
    for number, fields in json_lines(data, name, _PLAIN):
        yield from _entry(fields, f"{name}: line {number}")


def _entry(fields: Any, where: str) -> Iterator[_Entry]:
    """What a line or row holds, by the fields that its form alone has."""
    if not isinstance(fields, dict):
        raise InputError(f"{where} is not an object", hint=_PLAIN)
    for marks, form, read in _FORMS:
        if any(mark in fields for mark in marks):
            yield where, form, *read(fields, where)
            return
    raise InputError(
        f"{where} is not a generation",
        f"it has the fields {', '.join(sorted(fields)[:6]) or 'of nothing'}",
        f"of lm-eval, lighteval and bftui the files are known; else {_PLAIN}",
    )


def _plain(fields: Mapping[str, Any], where: str) -> tuple[str, GeneratedTexts]:
    model = fields.get("model", "")
    if not isinstance(model, str):
        raise InputError(f'{where}: "model" is not a text', hint=_PLAIN)
    return model, GeneratedTexts(
        _id(fields, "id", where),
        _texts(fields["texts"], where, "texts"),
        prompt=_text(fields.get("prompt")),
        answer=_text(fields.get("answer")),
    )


def _lm_eval(fields: Mapping[str, Any], where: str) -> tuple[str, GeneratedTexts]:
    """Reads `resps`: for each request of a document the outputs, one for each of the task's `repeats`."""
    outputs: list[Any] = []
    for request in _items(fields["resps"]):
        outputs += _items(request) if isinstance(request, list) else [request]
    if not outputs or not all(isinstance(each, str) for each in outputs):
        raise InputError(
            f"{where} has no text in its resps",
            "the task compares likelihoods",
            "give samples of a task that generates",
        )
    return "", GeneratedTexts(
        _id(fields, "doc_id", where),
        _texts(outputs, where, "resps"),
        prompt=_argument(fields.get("arguments")),
        answer=_text(fields.get("target")),
    )


def _argument(arguments: Any) -> str | None:
    """The prompt: the first argument of the first request, which two versions write in two ways."""
    if isinstance(arguments, dict):
        arguments = list(arguments.values())
    first = arguments[0] if isinstance(arguments, list) and arguments else None
    if isinstance(first, dict):
        first = list(first.values())
    return _text(first[0]) if isinstance(first, list) and first else None


def _lighteval(fields: Mapping[str, Any], where: str) -> tuple[str, GeneratedTexts]:
    response, doc = fields["model_response"], fields.get("doc")
    if not isinstance(response, dict) or "text" not in response or not isinstance(doc, dict):
        raise InputError(
            f"{where} has no text of a model", hint="run lighteval with --save-details"
        )
    text = response["text"]
    return "", GeneratedTexts(
        _id(doc, "id", where),
        _texts([text] if isinstance(text, str) else text, where, "text"),
        prompt=_text(doc.get("query")),
        answer=_gold(doc),
    )


def _gold(doc: Mapping[str, Any]) -> str | None:
    """The right choice; None where several are."""
    place, choices = doc.get("gold_index"), doc.get("choices")
    if isinstance(place, list) and len(place) == 1:
        place = place[0]
    if isinstance(choices, list) and type(place) is int and 0 <= place < len(choices):
        return _text(choices[place])
    return None


def _old_lighteval(fields: Mapping[str, Any], where: str) -> tuple[str, GeneratedTexts]:
    raise InputError(
        f"{where} has no id",
        "older versions of lighteval wrote none, so that prompts cannot be matched",
        f"evaluate with a newer one, or {_PLAIN}",
    )


def _measured(document: Mapping[str, Any], name: str) -> Iterator[_Entry]:
    """Reads a result of `bftui measure`."""
    models = document["models"]
    try:
        for model in models:
            for prompt in model["prompts"]:
                where = f"{name}: prompt {prompt['id']!r} of {model['model']}"
                samples = prompt["samples"]
                if not all("text" in sample for sample in samples):
                    raise InputError(f"{where} has no texts", hint=_MEASURED)
                texts = _texts([sample["text"] for sample in samples], where, "text")
                cut = tuple(sample["finish"] != "eog" for sample in samples)
                yield where, _OURS, str(model["model"]), GeneratedTexts(prompt["id"], texts, cut)
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{name} is not a result of bftui measure", str(error), _MEASURED
        ) from error


_FORMS: tuple[
    tuple[tuple[str, ...], str, Callable[[Mapping[str, Any], str], tuple[str, GeneratedTexts]]], ...
] = (
    (("texts",), _LINES, _plain),
    (("resps",), _LM_EVAL, _lm_eval),
    (("model_response",), _LIGHTEVAL, _lighteval),
    (("predictions",), _LIGHTEVAL, _old_lighteval),
)
"""The fields that each form is known by, its name, and how it is read."""


def _parquet(data: bytes, name: str) -> list[Any]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependency(
            f"{name} is a Parquet file",
            "pyarrow is not installed",
            "pip install pyarrow, or write the file as JSON Lines",
        ) from error
    try:
        rows: list[Any] = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    except (OSError, ValueError) as error:
        raise InputError(f"{name} is not a Parquet file that can be read", str(error)) from error
    return rows


def _id(fields: Mapping[str, Any], field: str, where: str) -> str:
    value = fields.get(field)
    if type(value) is int:
        return str(value)
    if not isinstance(value, str) or not value:
        raise InputError(f'{where} has no "{field}"', "prompts are matched by their ids", _PLAIN)
    check_unicode(value, where, field)
    return value


def _texts(values: Any, where: str, field: str) -> tuple[str, ...]:
    items = _items(values)
    if not items or not all(isinstance(each, str) for each in items):
        raise InputError(f'{where}: "{field}" is not a list of texts', hint=_PLAIN)
    # Half of a character, as JSON can write it, is nothing that a tokenizer or an embedder takes.
    return tuple(each.encode(errors="replace").decode() for each in items)


def _items(values: Any) -> Sequence[Any]:
    return values if isinstance(values, list) else ()


def _text(value: Any) -> str | None:
    """A text or a number as text; None for anything else."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode() or None
    return str(value) if type(value) in (int, float) else None
