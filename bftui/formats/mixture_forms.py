"""The MODEL forms of models that are mixed, `dial:BASE::ALIGNED` and its like, and what their parts make together.

Not for: opening the parts, each of which is a MODEL of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bftui.core.errors import ModelLoadError
from bftui.core.mixing import MIXINGS, Mixing
from bftui.formats.model_facts import TABLE, ModelFacts, SourceKind

SEPARATOR = "::"


def joined(mixing: str, models: Sequence[str]) -> str:
    """Return the MODEL form of a mixture of these: "dial:practice::practice-aligned"."""
    return f"{mixing}:{SEPARATOR.join(models)}"


def _by_parts(path: Path) -> ModelFacts:
    """Stands for headers that a mixture does not have."""
    raise ModelLoadError(f"cannot read {path}", "a mixture is read part by part")


def _kind(mixing: Mixing) -> SourceKind:
    name, title = mixing.name, joined(mixing.name, mixing.roles)
    return SourceKind(name, name, title, _by_parts, scheme=f"{name}:", roles=mixing.roles)


MIXTURES: tuple[SourceKind, ...] = tuple(map(_kind, MIXINGS.values()))


def parts_of(kind: SourceKind, path: str) -> tuple[str, ...]:
    """Return the MODEL forms in the path of a mixture.

    Raises ModelLoadError where one is missing, where there are too many, and for a mixture of mixtures.
    """
    parts = tuple(path.split(SEPARATOR))
    form = f"cannot open {kind.model(path)}"
    if any(part.startswith(tuple(each.scheme for each in MIXTURES)) for part in parts):
        raise ModelLoadError(form, "it mixes a mixture", "mix single models")
    if len(parts) != len(kind.roles) or not all(parts):
        named = {0: "none is", 1: "1 is"}.get(count := sum(map(bool, parts)), f"{count} are")
        reason = f"{kind.name} mixes {len(kind.roles)} models, and {named} named"
        raise ModelLoadError(form, reason, f"write {kind.title}")
    return parts


def mixture_kind(source: str) -> SourceKind | None:
    """Return the kind of mixture that a MODEL, or the source of an open one, is; None for one model."""
    return next((each for each in MIXTURES if source.startswith(each.scheme)), None)


def files_of(source: str) -> list[str]:
    """Return the paths in the source of an open model, those of its models where it is a mixture."""
    kind = mixture_kind(source)
    if kind is None:
        return [source]
    return [part.removeprefix(TABLE.scheme) for part in kind.path(source).split(SEPARATOR)]


def together(kind: SourceKind, parts: Sequence[ModelFacts]) -> ModelFacts:
    """Return what is known of a mixture before it is opened, by what is known of its parts."""
    trained = [each.trained for each in parts if each.trained]
    counts = [each.parameters for each in parts]
    return ModelFacts(
        name=joined(kind.name, [each.name for each in parts]),
        architecture=in_words(each.architecture for each in parts),
        bytes=sum(each.bytes for each in parts),
        stored=in_words(each.stored for each in parts),
        parameters=None if None in counts else sum(count or 0 for count in counts),
        trained=min(trained, default=None),
        chat_template=all(each.chat_template for each in parts),
        width=max(each.width for each in parts),
        parts=tuple(parts),
    )


def in_words(values: Iterable[str]) -> str:
    """Return what some models are, each word once: "Q4_1 + F16"."""
    return " + ".join(dict.fromkeys(filter(None, values)))
