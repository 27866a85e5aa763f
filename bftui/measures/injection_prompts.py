"""Instructions as the two conditions read them: rendered, and whether the style is in the prompt or in the model."""

from __future__ import annotations

from dataclasses import replace

from bftui.core.pair.instruction_parts import Instruction
from bftui.measures.injection import InjectionPrompt
from bftui.model.loaded_model import Model
from bftui.model.prompt import Prompt, Rendered
from bftui.results.injection_result import InjectedPrompt


def asked_prompt(prompt: Prompt, rendered: Rendered) -> InjectionPrompt:
    """Take the conditions of a prompt of a session: with its style, or alike for both models."""
    style = prompt.styled.removeprefix(prompt.text).strip() if prompt.styled else ""
    told = InjectedPrompt(id="prompt", content=prompt.text, style=style, whole=prompt.styled)
    return InjectionPrompt(told, rendered.token_ids, rendered.styled_ids or rendered.token_ids)


def rendered_instruction(
    model: Model, instruction: Instruction, frame: Prompt, name: str = "instruction"
) -> InjectionPrompt:
    """Render both conditions of an instruction in a frame; without a style both are the content. Raises as `render`."""
    content, both = (
        model.render(replace(frame, text=text)).token_ids
        for text in (instruction.content, instruction.whole)
    )
    told = InjectedPrompt(
        id=name,
        content=instruction.content,
        style=instruction.style,
        whole=instruction.whole if instruction.style else "",
    )
    return InjectionPrompt(told, content, both)
