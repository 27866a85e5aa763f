"""Groups of options: a command takes a group as one value, and shows what is in it."""

from dataclasses import fields
from typing import get_args

import pytest
import typer
from typer.main import get_command

from bftui.cli.command_table import command
from bftui.cli.shared import options as o
from bftui.cli.shared.sampling_options import MIXING, STEERING, TRUNCATION
from bftui.core.errors import UsageError
from bftui.core.sampler import Sampler


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
    sampler = [each.name for each in fields(o.Sampling)]
    opening = ["backend", "ctx", "threads", "gpu_layers", "device", "dtype", "kv", "label"]
    assert names(asks) == ["model", *prompt, *sampler, "style", *opening, "as_json"]


def test_a_command_gets_its_groups_with_the_values_that_were_given():
    line = "m.gguf --prompt Q: --system S --top-k 3 --seed 5 --backend reference --ctx 64 --json"
    model, options, as_json = given(asks, *line.split())
    assert (model, as_json) == ("m.gguf", True)
    start = options.settled()
    assert (start.prompt.text, start.prompt.system) == ("Q:", "S")
    assert (start.sampler.top_k, start.sampler.top_p, start.sampler.seed) == (3, 0.9, 5)
    assert start.opening == o.OpeningOptions(backend="reference", ctx=64)


def test_every_setting_of_a_sampler_is_an_option():
    usual = Sampler().settings()
    assert o.Sampling().settings() == {
        name: value for name, value in usual.items() if name != "windows"
    }
    line = (
        "--top-n-sigma 1.5 --typical-p 0.9 --epsilon 0.01 --eta 0.02 --xtc-probability 0.5 --xtc-threshold 0.2 "
        "--repetition-penalty 1.1 --frequency-penalty 0.3 --presence-penalty -0.4 --penalty-window 64 "
        "--dry-multiplier 0.8 --dry-base 2 --dry-length 3 --dry-window 128 --weight 0.5 --plausibility 0.1 "
        "--bias 4=-1.5 --bias 5=2 --ban 6 --ban 7 --pin 8"
    )
    _, options, _ = given(asks, *line.split())
    found = options.settled()
    assert found.texts == {}
    assert found.sampler == Sampler(
        top_n_sigma=1.5,
        typical_p=0.9,
        epsilon=0.01,
        eta=0.02,
        xtc_probability=0.5,
        xtc_threshold=0.2,
        repetition_penalty=1.1,
        frequency_penalty=0.3,
        presence_penalty=-0.4,
        penalty_window=64,
        dry_multiplier=0.8,
        dry_base=2.0,
        dry_length=3,
        dry_window=128,
        weight=0.5,
        plausibility=0.1,
        bias=((4, -1.5), (5, 2.0)),
        banned=(6, 7),
        pinned=(8,),
    )


def test_tokens_that_are_named_by_their_text_wait_for_a_model():
    _, options, _ = given(asks, "--ban", " Sure", "--ban", "4", "--bias", "text:7=2")
    found = options.settled()
    assert (found.sampler.banned, found.sampler.bias) == ((4,), ())
    assert found.texts == {"banned": (" Sure", 4), "bias": (("7", 2.0),)}
    with pytest.raises(UsageError, match="models may split a text into other tokens"):
        options.sampling.for_all()


def test_options_that_belong_together_stand_together_in_the_help(capsys):
    app = command(["record", "--help"])
    app.main(args=["record", "--help"], standalone_mode=False)
    first, *groups = capsys.readouterr().out.split("\n\n")[-4:]
    assert "--temperature" in first
    assert [each.splitlines()[0] for each in groups] == [
        f"{TRUNCATION}:",
        f"{STEERING}:",
        f"{MIXING}:",
    ]
    assert "--top-n-sigma" not in first
    for group, option in zip(groups, ("--eta", "--dry-base", "--weight"), strict=True):
        assert option in group


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
