"""A loaded model as a session and a notebook see it: `open_model` and `Model`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import get_args

from bftui import practice
from bftui.backends.chat.chat_template import ChatTemplate, Told, Written
from bftui.backends.chat.typed_words import Message
from bftui.backends.client.client_protocol import ModelClient
from bftui.backends.client.inference_engine import InferenceEngine
from bftui.backends.client.worker_client import WorkerClient
from bftui.backends.protocol import ModelInfo
from bftui.backends.registry import open_backend
from bftui.core.errors import LostText, ModelError, Unwritable, UsageError
from bftui.core.noise_floor import Noise
from bftui.formats.open_spec import Device, Dtype, Kv, Progress
from bftui.model.model_forms import PRACTICE, resolve
from bftui.model.noise_cache import Floor
from bftui.model.prompt import Prompt, Rendered, Special, Taken, checked_special
from bftui.model.templates import asking, written
from bftui.model.token_texts import TokenTexts
from bftui.results.model_info import ModelPart

PRACTICE_NOTE = "a practice model: results on it show how the tool works, not how the world is"

MAX_THREADS = 512
"""Beyond it libraries abort instead of refusing."""


class Model:
    """One loaded model; closes with its context manager.

    Attributes:
        client: answers what is asked of the model.
        floor: its noise floor, and how that is measured.
    """

    def __init__(self, client: ModelClient, label: str = "") -> None:
        """A model that is called `label` in the place of its file's name, where there is one."""
        self.client = client
        self._label = label
        self.floor = Floor(client)

    @property
    def noise(self) -> Noise | None:
        """How far its numbers move with the shape of a batch; None where nobody has measured it yet."""
        return self.floor.noise

    @property
    def name(self) -> str:
        """What people call it; of a practice model it says that it is one."""
        name = self.info.name
        if not self.is_practice:
            return name
        return f"{name} model" if name in practice.NAMES else f"{name} (a practice model)"

    @property
    def is_practice(self) -> bool:
        """Whether this is a model of the package: it shows how the tool works, not how the world is."""
        return self.info.note == PRACTICE_NOTE

    @property
    def mixes(self) -> int:
        """How many models it mixes; 0 for one that is not a mixture."""
        return len(self.info.parts)

    @cached_property
    def info(self) -> ModelInfo:
        """What the model says of itself; `note` says of a practice model that it is one."""
        info = self.client.info
        note = PRACTICE_NOTE if _is_shipped(info) else info.note
        return replace(info, name=self._label or info.name, note=note)

    @cached_property
    def _bytes(self) -> list[bytes]:
        return self.client.token_bytes()

    def tokenize(self, text: str, special: Special = "text") -> list[int]:
        """Ids of text that goes on inside another: their bytes joined are its UTF-8, nothing is put before or after.

        `special` "tokens" has control tokens that are written in it read as such.
        """
        return self.client.tokenize(text, checked_special(special) == "tokens")

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes of one token; a control token's written form, b"" for padding ids."""
        if not 0 <= token_id < len(self._bytes):
            raise IndexError(f"token {token_id} is not in the vocabulary of {len(self._bytes)}")
        return self._bytes[token_id]

    @cached_property
    def token_texts(self) -> TokenTexts:
        """Its tokens that are text, found by their bytes."""
        return TokenTexts((i, piece) for i, piece in enumerate(self._bytes) if self.is_text(i))

    def is_text(self, token_id: int) -> bool:
        """Whether a token is text: neither a control token nor an end of generation."""
        return token_id not in self.info.special_ids and token_id not in self.info.eog_ids

    @cached_property
    def _chat(self) -> ChatTemplate | None:
        info = self.info
        if not info.chat_template:
            return None
        named = {"bos_token": info.bos_id, "eos_token": info.eos_id}
        return ChatTemplate(
            info.chat_template,
            {
                name: self.token_bytes(token_id).decode(errors="replace")
                for name, token_id in named.items()
                if token_id is not None
            }
            | dict(info.template_tokens),
            {self.token_bytes(i): i for i in sorted(info.special_ids, reverse=True)},
        )

    def render(self, prompt: Prompt) -> Rendered:
        """Return a prompt as the model sees it, with the start token once where the model wants one.

        Raises LostText that names what of the prompt does not come out of the chat template, TemplateError where that
        fails or refuses, ModelError for `chat` on a model without a template and for a prompt without tokens,
        InputError for text that is not Unicode, UsageError for a style on a model that mixes none.
        """
        found = self._rendered(prompt)
        if not prompt.styled:
            return found
        if not self.mixes:
            raise UsageError(
                f"{self.info.name} has no second condition that a style could be for",
                hint="open one model twice, as dial:MODEL::MODEL",
            )
        other = self._rendered(replace(prompt, text=prompt.styled, styled=""))
        return replace(found, styled_ids=other.token_ids)

    def _rendered(self, prompt: Prompt) -> Rendered:
        """Renders a prompt without its style."""
        if self.info.mixes_chat:
            # As where they are compared: all of them read one text.
            prompt = asking(prompt, chat=False)
        chat = self._chat if prompt.template in ("auto", "chat") else None
        if prompt.template == "chat" and chat is None:
            raise ModelError(
                f"{self.info.name} has no chat template",
                hint="take the prompt as it is: --template raw",
            )
        messages: tuple[Message, ...] | None = None
        opened: Written | None = None
        taken: Taken = "raw" if chat is None else "chat"
        if prompt.template == "page" or prompt.template == "urial":
            taken = prompt.template
            parts: list[str | int] = [written(prompt)]
        elif chat is None:
            system = "" if prompt.system is None else f"{prompt.system}\n"
            parts = [system + prompt.text + prompt.prefill]
        else:
            messages = _messages(prompt)
            opened = chat.opening(messages, prompt.prefill, _told(prompt))
            parts = opened.pieces
            if prompt.prefill:
                messages = (*messages, {"role": "assistant", "content": prompt.prefill})
        ids = self.client.tokenize_prompt(parts, prompt.special == "tokens")
        start = list(self.info.start)
        if ids[: len(start)] != start:
            ids = [*start, *ids]
        if not ids:
            raise ModelError(
                "the prompt is empty and this model has no start token",
                hint="give a prompt of at least one character",
            )
        text = b"".join(map(self.token_bytes, ids)).decode(errors="replace")
        notes = self._unwritten(prompt)
        if prompt.text.endswith(("\n", "\r")):
            # An editor adds it to a file unasked, and the model's next step is another one after it.
            notes += ("the prompt ends in a line end, which is part of it",)
        unknown = prompt.template_args if opened is None else opened.unknown
        who = f"the template {taken}" if opened is None else f"{self.info.name}'s chat template"
        notes += tuple(f"{who} asks for no {name}" for name in unknown)
        day = None if opened is None else opened.date
        return Rendered(text, tuple(ids), messages, taken, day, notes)

    def _unwritten(self, prompt: Prompt) -> tuple[str, ...]:
        """What people should know of characters that this vocabulary cannot write: its tokenizer leaves them out.

        Raises LostText where that is all of the prompt.
        """
        lost = self._unwritable(prompt.text + (prompt.system or "") + prompt.prefill)
        if not lost:
            return ()
        shown = ", ".join(f"U+{ord(character):04X}" for character in lost[:5])
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        if prompt.text and set(prompt.text) <= set(lost):
            raise LostText(
                "the prompt would be lost",
                f"the vocabulary of {self.info.name} cannot write {shown}{more}",
                "write it with other characters",
            )
        reads = f"the vocabulary of {self.info.name} cannot write {shown}{more}"
        return (f"{reads}: the model reads the prompt without them",)

    def _unwritable(self, text: str) -> list[str]:
        """The characters of a text that no tokens write."""
        try:
            self.tokenize(text)
        except Unwritable:
            return [c for c in sorted(set(text)) if self._fails(c)]
        return []

    def _fails(self, text: str) -> bool:
        with suppress(Unwritable):
            self.tokenize(text)
            return False
        return True

    def turn_ids(
        self, messages: Sequence[Message], text: str, prompt: Prompt | None = None
    ) -> list[int]:
        """Return what the chat template writes between the end of an answer and the next one's beginning.

        Args:
            messages: the conversation up to the user's turn that the answer was to.
            text: the user's turn that comes now.
            prompt: the conversation's first, which says what the template is told.

        Raises TemplateError like `render`, UsageError on a model without a template.
        """
        if self._chat is None:
            raise UsageError(f"{self.info.name} has no chat template", hint="force a text instead")
        told = Told() if prompt is None else _told(prompt)
        return self.client.tokenize_prompt(
            self._chat.turn(messages, text, told).pieces, begins=False
        )

    def close(self) -> None:
        """Frees the model; may be called twice."""
        self.client.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _told(prompt: Prompt) -> Told:
    """What a chat template is told beside the conversation."""
    return Told(prompt.template_args, prompt.date)


def _messages(prompt: Prompt) -> tuple[Message, ...]:
    """What a chat template is given of a prompt, but for the answer's beginning."""
    user = {"role": "user", "content": prompt.text}
    if prompt.system is None:
        return (user,)
    return ({"role": "system", "content": prompt.system}, user)


def open_model(
    model: str | os.PathLike[str] = PRACTICE,
    *,
    backend: str = "auto",
    ctx: int = 0,
    threads: int = 0,
    gpu_layers: int = -1,
    device: Device = "auto",
    dtype: Dtype = "auto",
    kv: Kv = "auto",
    label: str = "",
    worker: bool = False,
    progress: Progress = lambda share, text: True,
) -> Model:
    """Opens any MODEL form; blocks until it is loaded.

    Args:
        model: `practice`, a path to a GGUF file or to a Hugging Face directory, `table:FILE.json`, or a mixture of such
            models: `dial:BASE::ALIGNED`, `proxy:LARGE::ALIGNED::SMALLBASE`, `contrast:EXPERT::AMATEUR`.
        backend: `auto`, or a name of the registry.
        ctx: logical limit of the context in tokens; 0 takes the model's own, at most 4096.
        threads: compute threads; 0 takes the physical cores.
        gpu_layers: layers on the GPU; -1 takes all.
        device, dtype, kv: where to compute, and in which types; see `OpenSpec`.
        label: what to call it on screens, in tables, traces and exports, in the place of its file's name.
        worker: host the model in a child process, whose crash is then an error and not the end of this one.
        progress: called while loading with (share or None, text); returning False cancels.

    Raises ModelError where the model cannot be loaded, UsageError for an unknown backend, Cancelled.
    """
    for name, value, allowed in (
        ("device", device, get_args(Device)),
        ("dtype", dtype, get_args(Dtype)),
        ("kv", kv, get_args(Kv)),
    ):
        if value not in allowed:
            raise UsageError(f"there is no {name} {value!r}", hint=f"choose {', '.join(allowed)}")
    for name, number, low, high in (
        ("ctx", ctx, 0, 2**31 - 1),
        ("threads", threads, 0, MAX_THREADS),
        ("gpu_layers", gpu_layers, -1, 2**31 - 1),
    ):
        if type(number) is not int or not low <= number <= high:
            raise UsageError(f"{name} {number!r} is not a whole number in [{low}, {high}]")
    spec = replace(
        resolve(os.fspath(model), backend),
        n_ctx=ctx,
        threads=threads,
        gpu_layers=gpu_layers,
        device=device,
        dtype=dtype,
        kv=kv,
    )
    client: ModelClient = (
        WorkerClient(spec, progress) if worker else InferenceEngine(open_backend(spec, progress))
    )
    return Model(client, label)


def _is_shipped(info: ModelInfo | ModelPart) -> bool:
    """Whether a model is one of the package, or a copy of one under another name; a mixture where one of its is."""
    if isinstance(info, ModelInfo) and info.parts:
        return any(map(_is_shipped, info.parts))
    return any(
        info.source == str(path)
        or (
            path.is_file()
            and path.stat().st_size == info.bytes
            and hashlib.sha256(path.read_bytes()).hexdigest() == info.sha256
        )
        for path in map(practice.path, practice.NAMES)
    )
