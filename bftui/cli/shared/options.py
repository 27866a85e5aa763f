"""The options that commands share, under the names of every command line of the project.

What belongs together is a frozen dataclass, whose fields are options or such groups again. A command takes a group as
one parameter, and `unfolded` shows it to Typer as the options of the group, in their place.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from bftui.cli.shared.sampling_options import MIXING
from bftui.cli.shared.sampling_options import Sampling as Sampling
from bftui.core.errors import InputError, UsageError
from bftui.formats.open_spec import Device, Dtype, Kv
from bftui.model.prompt import Template

if TYPE_CHECKING:
    from bftui.core.sampler import Sampler
    from bftui.model.loaded_model import Model as Loaded
    from bftui.model.prompt import Prompt, Rendered

T = TypeVar("T")

MODEL_HELP = (
    "practice, a path to a GGUF file or to a Hugging Face directory, table:FILE.json, or a mixture such as "
    "dial:BASE::ALIGNED."
)
Model = Annotated[
    str,
    typer.Argument(
        metavar="[MODEL]",
        help=MODEL_HELP,
        show_default=True,
    ),
]
ModelOrNone = Annotated[
    str | None, typer.Argument(metavar="[MODEL]", help=f"{MODEL_HELP} [default: practice]")
]
"""None: the practice model, or that of a session that is resumed."""
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write the result here, as JSON.")
]
AnyOutput = Annotated[Path | None, typer.Option("-o", "--output", help="Write the result here.")]
Theme = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="One of `bftui themes`; auto takes what suits the terminal [default: auto].",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def backend_names(incomplete: str) -> list[str]:
    """Return what a shell completes a --backend with."""
    from bftui.backends.registry import names

    return [name for name in ("auto", *names()) if name.startswith(incomplete)]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What a prompt is put into."""

    system: Annotated[
        str | None, typer.Option(help="System text: what the model is told before the prompt.")
    ] = None
    template: Annotated[
        Template,
        typer.Option(
            help="raw takes the prompt as it is, chat puts it into the model's chat template; "
            "auto takes chat where the model has one, else page where it is compared with a model that has "
            "one (shift and nudge: always), else raw. For models without one, page writes a question "
            "and answer page, and urial puts three examples before the question."
        ),
    ] = "auto"
    prefill: Annotated[
        str, typer.Option(help="How the answer begins; the model goes on from there.")
    ] = ""
    template_arg: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=JSON",
            help="Tell the chat template something, as enable_thinking=false; may be given several times.",
        ),
    ] = None
    date: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM-DD", help="The day that a chat template is told [default: today]."
        ),
    ] = None
    examples: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='Examples for urial in place of its own: JSON Lines, {"prompt": "…", "answer": "…"}.',
        ),
    ] = None
    special: Annotated[
        Literal["text", "tokens"],
        typer.Option(
            help="Control tokens that are written in a prompt or in a forced text, such as <|im_end|>: text reads "
            "them as any other text, tokens as control tokens."
        ),
    ] = "text"

    def around(self, text: str) -> Prompt:
        """The prompt with this text. Reads the examples; raises UsageError, InputError."""
        from bftui.model.prompt import as_prompt

        return as_prompt(
            text,
            self.system,
            self.template,
            self.prefill,
            _template_args(self.template_arg or ()),
            self.date,
            self._shown(),
            self.special,
        )

    def _shown(self) -> tuple[tuple[str, str], ...] | None:
        """The examples of the file; None where there is none."""
        if self.examples is None:
            return None
        if self.template != "urial":
            raise UsageError("--examples is for --template urial", hint="give both")
        from bftui.trace.prompts_file import parse_examples

        return parse_examples(read_bytes(self.examples), str(self.examples))


@dataclass(frozen=True, kw_only=True)
class PromptOptions:
    """One prompt: its text and its frame."""

    prompt: Annotated[str | None, typer.Option(help="The prompt.")] = None
    prompt_file: Annotated[
        Path | None, typer.Option(help="Read the prompt from a file; - is standard input.")
    ] = None
    frame: Frame

    def text(self) -> str | None:
        """The text of the two options; None where neither is given. Raises UsageError, InputError.

        A file's byte order mark is not a text; a line end at its end is.
        """
        if self.prompt is not None and self.prompt_file is not None:
            raise UsageError("--prompt and --prompt-file exclude each other")
        if self.prompt_file is None:
            return self.prompt
        data = read_bytes(self.prompt_file)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{self.prompt_file} is not UTF-8", str(error)) from error


@dataclass(frozen=True, kw_only=True)
class OpeningOptions:
    """How a model is opened."""

    backend: Annotated[
        str,
        typer.Option(
            help="auto, or one of reference, llama-cpp, transformers, table, mixture.",
            autocompletion=backend_names,
        ),
    ] = "auto"
    ctx: Annotated[
        int,
        typer.Option(min=0, help="Context in tokens; 0 takes the model's own, at most 4096."),
    ] = 0
    threads: Annotated[
        int, typer.Option(min=0, max=512, help="Compute threads; 0 takes the physical cores.")
    ] = 0
    gpu_layers: Annotated[int, typer.Option(min=-1, help="Layers on the GPU; -1 takes all.")] = -1
    device: Annotated[Device, typer.Option(help="Where to compute.")] = "auto"
    dtype: Annotated[
        Dtype,
        typer.Option(help="Type of the weights."),
    ] = "auto"
    kv: Annotated[
        Kv,
        typer.Option(
            help="Type of the KV cache; auto takes f32 up to 4 GiB (transformers: that of the weights)."
        ),
    ] = "auto"

    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="What to call the model on screens, in tables, traces and exports; once for each model, in order "
            "[default: the name of its file or directory].",
        ),
    ] = None

    def keywords(self) -> dict[str, Any]:
        """How any model is opened: the keywords of `open_model` beside the backend and the label."""
        keywords = asdict(self)
        del keywords["backend"], keywords["label"]
        return keywords

    @property
    def named(self) -> str:
        """What the first model is called; "" takes the name of its file."""
        return (self.label or [""])[0]

    def after(self, place: int) -> OpeningOptions:
        """How the models after the first `place` ones are opened."""
        return replace(self, label=(self.label or [])[place:] or None)

    def check_labels(self, models: int) -> None:
        """Raises UsageError for more labels than models, and for an empty one."""
        labels = self.label or []
        if len(labels) > models:
            raise UsageError(
                f"--label names {len(labels)} models of {models}",
                hint="give one for each model, in their order",
            )
        if not all(label.strip() for label in labels):
            raise UsageError("--label needs a text")


@dataclass(frozen=True, kw_only=True)
class PartnerOptions:
    """What the second model of a pair has to itself; everything else is as for the first."""

    partner_backend: Annotated[
        str,
        typer.Option(
            help="Backend of the second model; as --backend.", autocompletion=backend_names
        ),
    ] = "auto"
    partner_template: Annotated[
        Template,
        typer.Option(help="Template of the second model; as --template."),
    ] = "auto"
    partner_kv: Annotated[
        Kv,
        typer.Option(help="Type of the second model's KV cache; as --kv."),
    ] = "auto"

    def opening(self, first: OpeningOptions) -> OpeningOptions:
        """How the second model is opened beside the first."""
        return replace(first.after(1), backend=self.partner_backend, kv=self.partner_kv)


@dataclass(frozen=True)
class SecondModel:
    """A second model beside that of a session: its MODEL form, how it is opened, and its template."""

    model: str
    opening: OpeningOptions
    template: Template


@dataclass(frozen=True)
class SessionStart:
    """What a session on a model starts from, beside the model.

    Attributes:
        read: the file that the prompt came from.
        rendered: the prompt as a model sees it, where that is known; None where it is to be rendered.
        texts: settings of the sampler that name tokens by their text; they go before those of `sampler`.
    """

    prompt: Prompt
    sampler: Sampler
    opening: OpeningOptions
    read: Path | None = None
    rendered: Callable[[Loaded], Rendered | None] = lambda model: None
    texts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """The options of a command that has one session on a model."""

    question: PromptOptions
    sampling: Sampling
    style: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=MIXING,
            help="How it is to be written, where MODEL is dial:MODEL::MODEL: the second one reads the prompt, a blank "
            "and this, and --weight and --schedule say where it counts.",
        ),
    ] = None
    opening: OpeningOptions

    def settled(self) -> SessionStart:
        """What the options stand for; reads the prompt's file. Raises UsageError, InputError."""
        sampler = self.sampling.checked()
        prompt = self.question.frame.around(self.question.text() or "")
        if self.style is not None:
            from bftui.core.pair.instruction_parts import by_hand

            prompt = replace(prompt, styled=by_hand(prompt.text, self.style).whole)
        read = self.question.prompt_file
        return SessionStart(prompt, sampler, self.opening, read, texts=self.sampling.texts())


MOST_BYTES = 64 << 20
"""Bytes of prompts that are read: they are held in memory as a whole."""


def _template_args(given: Sequence[str]) -> dict[str, Any]:
    """What --template-arg says, by name; the last of one name holds. Raises UsageError."""
    found: dict[str, Any] = {}
    for each in given:
        name, equals, value = each.partition("=")
        try:
            if not equals:
                raise ValueError
            found[name] = json.loads(value)
        except (ValueError, RecursionError):
            raise UsageError(
                f"--template-arg does not understand {each!r}",
                hint="write NAME=JSON, as enable_thinking=false or effort='\"low\"'",
            ) from None
    return found


def read_bytes(path: Path) -> bytes:
    """A file of prompts; - is standard input, and a pipe will do. Raises InputError, also above `MOST_BYTES`."""
    from bftui.trace.stream import read_bounded

    return read_bounded(path, MOST_BYTES, hint="split it into several files", pipes=True)


def unfolded(command: Callable[..., T]) -> Callable[..., T]:
    """A command as Typer can read it: the options of its groups stand where the groups stand in its signature."""

    @wraps(command)
    def with_groups(**values: Any) -> T:
        return _call(command, values)

    with_groups.__signature__ = inspect.Signature(list(_options(command)))  # type: ignore[attr-defined]
    return with_groups


def _options(taker: Callable[..., object]) -> Iterator[inspect.Parameter]:
    """The parameters of a command or of a group, in order, with groups replaced by what is in them."""
    for parameter, group in _parameters(taker):
        if group is None:
            yield parameter
        else:
            yield from _options(group)


def _call(taker: Callable[..., T], values: dict[str, Any]) -> T:
    """Calls a command, or makes a group, with its share of the values; groups in it are made first."""
    chosen: dict[str, Any] = {}
    for parameter, group in _parameters(taker):
        name = parameter.name
        chosen[name] = values[name] if group is None else _call(group, values)
    return taker(**chosen)


@cache
def _parameters(taker: Callable[..., object]) -> tuple[tuple[inspect.Parameter, type | None], ...]:
    """The parameters of a command or of a group, each with the group that it takes, if it takes one."""
    found = []
    for parameter in inspect.signature(taker, eval_str=True).parameters.values():
        kind = parameter.annotation
        group = kind if isinstance(kind, type) and is_dataclass(kind) else None
        found.append((parameter, group))
    return tuple(found)
