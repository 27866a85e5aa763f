"""A day's work with keys only: two models, a chat, branches, another cut, undo, a saved trace."""

import json

import pytest

import bftui
from bftui.core.sampler import Sampler
from bftui.model.prompt import Prompt
from bftui.session.session import Session
from tests.families import family_directory, family_gguf
from tests.groups import TORCH
from tests.templates import CHATML
from tests.unit.test_session import same


@TORCH
def test_a_day_with_keys_only(start, tmp_path):
    pytest.importorskip("transformers")
    first = family_gguf(tmp_path / "small.gguf", "bpe")
    second = family_directory(tmp_path / "chat", "bpe", chat_template=CHATML)
    with bftui.open_model(str(second), backend="transformers") as model:
        model.floor.measure()
    trace = tmp_path / "day.json"
    terminal = start(first, "--prompt", "the river", "--seed", 5, "--response", "off")
    terminal.wait("ready", "1 node ")
    terminal.press("space", "g")
    terminal.wait("3 nodes", "2 tokens")

    terminal.press("o")
    terminal.wait("open a model")
    terminal.wait(f"{tmp_path.name}/")
    terminal.press("ctrl+u")
    terminal.wait_for(lambda: f"{tmp_path.name}/" not in terminal.text)
    terminal.press(str(second))
    terminal.wait(str(second))
    terminal.press("enter")
    terminal.wait("ready", "1 node ", "<|user|>assistant", seconds=90)

    terminal.press("i")
    terminal.wait("system text", "tokens · chat")
    terminal.press(" and a boat", "shift+tab", "Say little.")
    terminal.wait("<|user|>system⏎", "Say·little.<|end|>", "the·river·and·a·boat")
    terminal.press("ctrl+s")
    terminal.wait("2 nodes", "0 tokens")
    terminal.press("space", "space", "space")
    terminal.wait("5 nodes", "3 tokens")
    terminal.press("1")
    terminal.wait("▲·Sure▮", "9 nodes")

    terminal.press("/")
    terminal.wait("search the vocabulary")
    terminal.press("boy")
    terminal.wait("1 token with boy", "·boy")
    terminal.press("enter", "enter")
    terminal.wait("▲·Sure▲·boy▮", "10 nodes")

    terminal.press("left", "left", "g")
    terminal.wait("11 nodes", "A ", "B ")
    terminal.press("t")
    terminal.wait("temperature and truncation")
    terminal.press("0.7", "down", "down", "0.8")
    terminal.wait("T 0.7")
    terminal.press("enter")
    terminal.wait("T 0.7  top-p .80  seed 5", "ready")
    terminal.press("u")
    terminal.wait("T 1.0  top-p .90  seed 5", "undone: sampler")

    terminal.press("I")
    terminal.wait("user turn")
    terminal.press("And the boat?")
    terminal.wait("And the boat?")
    terminal.press("ctrl+s")
    terminal.wait("And·the·boat?<|end|>", "assistant⏎")
    terminal.press("e")
    terminal.wait("save the trace to")
    terminal.press(str(trace), "enter")
    terminal.wait("saved", "day.json")
    terminal.press("q")
    assert terminal.leave() == 0
    assert terminal.restored()

    document = json.loads(trace.read_text())
    ops = [action["op"] for action in document["actions"]]
    drawn = ["prompt", "step", "step", "step", "force", "force_ids", "back", "back", "greedy"]
    assert ops == [*drawn, "sampler", "undo", "turn"]

    with bftui.open_model(str(second), backend="transformers") as model:
        session = Session(model, "the river", seed=5)
        session.set_prompt(Prompt("the river and a boat", system="Say little."))
        for _ in range(3):
            session.step()
        session.force(session.model_tree.spaced("Sure"))
        boy = next(i for i in range(model.info.n_vocab) if model.token_bytes(i) == b" boy")
        session.force(ids=[boy])
        session.back(1)
        session.back(1)
        session.greedy()
        session.set_sampler(temperature=0.7, top_p=0.8)
        session.recompute_stale()
        session.undo()
        session.recompute_stale()
        session.add_turn("And the boat?")
        assert session.sampler == Sampler(seed=5)
        assert same(session.trace().as_dict()) == same(document)
