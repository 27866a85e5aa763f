"""Everything that anybody asks of a backend before a model is open, in one frozen description.

Nothing here imports a library of models. Another package adds a backend by an entry point of the group `bftui.backends`
that names a `BackendSpec`; the backend is then listed, described, checked by `bftui doctor`, completed and chosen like
those of bftui.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, cast

from bftui.formats.context_plan import default_context
from bftui.formats.model_facts import ModelFacts, Need, SourceKind
from bftui.formats.open_spec import OpenSpec, Progress

if TYPE_CHECKING:
    from bftui.backends.protocol import Backend

Opener = Callable[[OpenSpec, Progress], "Backend"]
"""What a backend's module offers as `open_model`: opens a model, blocks, raises errors of `core.errors`."""

Prober = Callable[[], tuple[str, list[str]]]
"""What a backend's module may offer as `probe`: name and version of its library, and its devices, the best first."""


def needs_as_stored(facts: ModelFacts, spec: OpenSpec) -> Need:
    """Estimate the memory of a model whose weights stay as they are stored, with keys and values in 16 bits."""
    n_ctx = spec.n_ctx or default_context(facts.trained or 0)
    context = 2 * n_ctx * facts.shape.kv_numbers
    return Need(facts.bytes, context, n_ctx, spec.backend, "16 bits" if context else "", False)


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """One backend, as far as it is known without its libraries.

    Attributes:
        name: as `--backend` has it.
        opens: the kinds of files, folders and addresses that it opens.
        module: what is imported late; it offers `open_model` (see `Opener`) and may offer `probe` (see `Prober`).
        opener: stands for the module's `open_model` where nothing is imported late.
        needs: estimates the memory that a model takes; arithmetic, without a library.
        preference: `auto` takes the installed backend of the highest number that opens a kind; the first of equals.
        libraries: what must be importable.
        extra: the extra of bftui that brings them.
        requirements: what pip is told to install for them, where no extra of bftui brings them.
        gpu_installs: by GPU ("cuda", "mps"), the command that builds or installs for it; `{pip}` is pip's own.
        chooses_dtype: whether `--dtype` changes the numbers, so that a trace's model is opened again with its own.
        library: what is said of the backend where it has no library to ask.
        problem: why it cannot be used although it is installed, or "".
    """

    name: str
    opens: tuple[SourceKind, ...] = ()
    module: str = ""
    opener: Opener | None = None
    needs: Callable[[ModelFacts, OpenSpec], Need] = needs_as_stored
    preference: int = 0
    libraries: tuple[str, ...] = ()
    extra: str | None = None
    requirements: tuple[str, ...] = ()
    gpu_installs: Mapping[str, str] = field(default_factory=dict)
    chooses_dtype: bool = False
    library: str = "part of bftui"
    problem: str = ""

    @property
    def install(self) -> str:
        """The command that brings the libraries, for a shell."""
        wanted = (f"bftui[{self.extra}]",) if self.extra else self.requirements or self.libraries
        return " ".join(["pip install", *(f"'{each}'" for each in wanted)])

    def can_open(self, kind: SourceKind) -> bool:
        """Whether it opens models of this kind."""
        return any(each.name == kind.name for each in self.opens)

    def load_opener(self) -> Opener:
        """Import what opens models; raises what the import raises."""
        return self.opener or cast(Opener, import_module(self.module).open_model)

    def load_probe(self) -> Prober:
        """Import what says which library and which devices there are; raises what the import raises."""

        def without_library() -> tuple[str, list[str]]:
            return self.library, ["cpu"]

        module = import_module(self.module) if self.module else None
        return getattr(module, "probe", without_library)
