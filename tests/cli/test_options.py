"""Groups of options: a command takes a group as one value, and shows what is in it."""

from typing import get_args

import pytest
import typer
from typer.main import get_command

from bftui.cli.shared import options as o
from bftui.core.errors import UsageError


def given(command, *arguments):
    """What a command returns for a command line."""
    app = typer.Typer(rich_markup_mode=None)
    app.command()(command)
    return get_command(app).main(args=list(arguments), standalone_mode=False)


@o.unfolded
def asks(*, model: o.Model = "practice", options: o.SessionOptions, as_json: o.Json = False):
    return model, options, as_json


def names(command):
    app = typer.Typer(add_completion=False)
    app.command()(command)
    return [each.name for each in get_command(app).params]


def test_the_options_of_a_group_stand_in_its_place():
    asked = ["prompt", "prompt_file", "system", "template", "prefill"]
    prompt = [*asked, "template_arg", "date", "examples", "special"]
    sampler = ["temperature", "top_k", "top_p", "min_p", "seed"]
    opening = ["backend", "ctx", "threads", "gpu_layers", "device", "dtype", "kv", "label"]
    assert names(asks) == ["model", *prompt, *sampler, *opening, "as_json"]


def test_a_command_gets_its_groups_with_the_values_that_were_given():
    line = "m.gguf --prompt Q: --system S --top-k 3 --seed 5 --backend reference --ctx 64 --json"
    model, options, as_json = given(asks, *line.split())
    assert (model, as_json) == ("m.gguf", True)
    start = options.settled()
    assert (start.prompt.text, start.prompt.system) == ("Q:", "S")
    assert (start.sampler.top_k, start.sampler.top_p, start.sampler.seed) == (3, 0.9, 5)
    assert start.opening == o.OpeningOptions(backend="reference", ctx=64)


def test_what_opens_a_model_is_what_open_model_takes():
    from inspect import signature

    from bftui.model.loaded_model import open_model

    taken = signature(open_model, eval_str=True).parameters
    opening = o.OpeningOptions()
    for name, value in {"backend": opening.backend, **opening.keywords()}.items():
        assert taken[name].default == value
    for name in ("device", "dtype", "kv"):
        choices, *_ = get_args(
            signature(o.OpeningOptions, eval_str=True).parameters[name].annotation
        )
        assert get_args(choices) == get_args(taken[name].annotation)


def test_the_help_names_every_backend_of_ours():
    from inspect import signature

    from bftui.backends.builtin_backends import BUILTIN

    asked = signature(o.OpeningOptions, eval_str=True).parameters["backend"].annotation
    _, option = get_args(asked)
    assert option.help == f"auto, or one of {', '.join(BUILTIN)}."


def test_a_prompt_is_a_text_or_a_file_and_never_both(tmp_path):
    path = tmp_path / "prompt.txt"
    path.write_text("Q: Name a fruit.\nA:")

    def question(**given):
        return o.PromptOptions(frame=o.Frame(), **given)

    assert question().text() is None
    assert question(prompt="").text() == ""
    assert question(prompt_file=path).text() == "Q: Name a fruit.\nA:"
    with pytest.raises(UsageError, match="exclude each other"):
        question(prompt="Q:", prompt_file=path).text()
