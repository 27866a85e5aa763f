"""What the commands that list or write say with `--json`: models, sessions, themes, keys, settings, pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bftui.results.result_types import Count


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """One model; None where nothing is known.

    Attributes:
        model, kind: its MODEL form, and what its file is.
        name, title, architecture, stored: what it is called, what it calls itself, what it is, its weights' type.
        parameters, n_ctx_train, chat_template: how many, the context that it was trained with, whether it has one.
        bytes: of its files.
        backend, n_ctx: what would run it, and the context that it would get.
        needs, needs_weights, needs_context: bytes of memory, in all and of these.
        memory, fits: bytes that are free, and whether it would fit.
        problem: why it cannot be opened, or what there is to say of it.
    """

    model: str
    kind: str
    name: str | None
    title: str | None
    architecture: str | None
    stored: str | None
    parameters: int | None
    bytes: int | None
    n_ctx_train: int | None
    chat_template: bool | None
    backend: str | None
    n_ctx: int | None
    needs: int | None
    needs_weights: int | None
    needs_context: int | None
    memory: int | None
    fits: bool | None
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsOutput:
    """What `bftui models --json` says."""

    models: tuple[ListedModel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSession:
    """A session that was kept.

    Attributes:
        created, used: when it began and was used last, UTC; "" where that is not known.
        model, source: the model's name and file.
        nodes, prompt: of its tree.
        state: how it ended, or that it runs.
        bytes, path: of its journal.
    """

    created: str
    used: str
    model: str
    source: str
    nodes: Count
    prompt: str
    state: str
    bytes: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsOutput:
    """What `bftui sessions --json` says, last used first."""

    sessions: tuple[ListedSession, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTheme:
    """A theme, whether it is for dark terminals, and its file."""

    name: str
    dark: bool
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThemesOutput:
    """What `bftui themes --json` says."""

    themes: tuple[ListedTheme, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKey:
    """An action of the workbench: what a key map calls it, its keys, its name, and what it does."""

    id: str
    keys: str
    name: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigOutput:
    """What holds of the config file and its defaults: `path` is where it is looked for, `keys` go by action."""

    path: str
    exists: bool
    theme: str
    words: tuple[str, ...]
    response: str
    response_samples: int
    response_horizon: int
    response_seconds: float
    shading: str
    low_bandwidth: bool
    sampler: Mapping[str, Any]
    model: Mapping[str, Any]
    keys: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOutput:
    """The page that was written: its file and size, what of the trace is on it, the pictures, and what is left out."""

    report: str
    bytes: int
    nodes: Count
    tokens: Count
    measurements: Count
    pictures: tuple[str, ...]
    left_out: tuple[str, ...]
