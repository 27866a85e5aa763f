"""The prompt editor and the user's turn: fields, templates, the exact tokens, and errors that lose nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input, TextArea

from bftui.model.prompt import Prompt
from bftui.session import commands
from bftui.ui.screens.prompt_screen import PAGES, PromptScreen
from bftui.ui.screens.turn_screen import TurnScreen
from bftui.workbench.settings import QUESTIONS, PartnerSettings
from bftui.workbench.workbench import Workbench
from recipes.practice.truth import PROBES
from tests.ui.driver import END, PROMPT, Driver, lines, table, workbench

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}" + END + "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
REFUSING = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system text, please') }}{% endif %}"
    "{{ messages[0]['content'] }}A:"
)


@pytest.fixture
def chatty(tmp_path: Path) -> str:
    return table(tmp_path / "chat.json", chat_template=TEMPLATE)


def area(w: Driver, name: str) -> TextArea:
    return w.app.screen.query_one(f"#{name}", TextArea)


async def test_a_prompt_with_all_its_fields(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("i")
        area(w, "system").text = "Hello"
        area(w, "text").text = "Q: fruit\nA:"
        w.app.screen.query_one("#prefill", Input).value = " Sure"
        await w.pilot.pause()
        await w.settled()
        assert "no template: takes raw" in w.screen()
        shown = w.screen()
        await w.press("ctrl+s")
        assert w.session.prompt == Prompt("Q: fruit\nA:", "Hello", "auto", " Sure")
        ids = w.session.tree.prompt_ids(w.session.cursor)
        assert f"{len(ids)} tokens · raw" in shown
        assert "ids " + " ".join(map(str, ids)) in shown
        assert "Hello⏎" in shown
        await w.press("i")
        assert area(w, "system").text == "Hello"
        assert w.app.screen.query_one("#prefill", Input).value == " Sure"


async def test_rows_of_prompts_begin_with_what_was_asked(tmp_path: Path) -> None:
    """A template that writes a system text of its own before every prompt would make them all look alike."""
    before = "<|system|>You are a fruit and answer as one." + END
    chatty = table(tmp_path / "chat.json", chat_template=before + TEMPLATE)
    async with workbench(chatty, prompt=None, size=(80, 24)) as w:
        for asked in ("Name a fig.", "Name a pear."):
            w.workbench.set_prompt(Prompt(asked))
            await w.settled()
        await w.press("escape")
        rows = lines(w.bench.tree_pane)
        assert "…Name·a·fig." in rows[1]
        assert "…Name·a·pear." in rows[2]
        # A search looks at all of it.
        await w.press("/")
        await w.type("as one")
        assert "2 rows" in w.screen()


async def test_tokens_wait_for_a_model_that_works(tmp_path: Path) -> None:
    async with workbench(table(tmp_path / "slow.json", step_ms=1500, eog=[])) as w:
        await w.press_only("space", "i")
        await w.pilot.pause()
        assert "the tokens are shown when the model is free" in w.screen()
        assert "when the model is open" not in w.screen()
        await w.settled()
        assert "tokens · raw" in w.screen()
        await w.press("escape")


async def test_the_template_is_chosen(chatty: str) -> None:
    async with workbench(chatty) as w:
        assert "float32 chat" in lines(w.bench.status)[0]
        await w.press("i")
        assert "takes chat here" in w.screen()
        assert "tokens · chat" in w.screen()
        assert f"Name·a·fruit.⏎A:{END}" in w.screen().replace("│ ", "").replace(" │\n", "") or (
            END in w.screen()
        )
        await w.press("ctrl+t")
        assert "▸raw" in w.screen()
        assert "tokens · raw" in w.screen()
        await w.press("ctrl+s")
        assert w.session.prompt == Prompt(PROMPT, template="raw")
        assert "float32 chat" not in lines(w.bench.status)[0]


async def test_the_choice_has_keys_of_its_own(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("i", "tab", "tab", "right", "right")
        assert "▸chat" in w.screen()
        assert "has no chat template" in w.screen()
        await w.press("ctrl+s")
        assert isinstance(w.app.screen, PromptScreen)
        await w.press("left", "ctrl+s")
        assert w.session.prompt.template == "raw"


async def test_a_template_that_refuses_says_so_in_place(tmp_path: Path) -> None:
    async with workbench(table(tmp_path / "no.json", chat_template=REFUSING)) as w:
        await w.press("i")
        area(w, "system").text = "Hello"
        await w.pilot.pause()
        await w.settled()
        assert "no system text, please" in w.screen()
        await w.press("ctrl+s")
        assert isinstance(w.app.screen, PromptScreen)
        assert area(w, "system").text == "Hello"
        assert len(w.session.tree.roots) == 1


async def test_a_prompt_that_is_refused_is_still_there(tmp_path: Path) -> None:
    async with workbench(table(tmp_path / "tiny.json", n_ctx=16)) as w:
        await w.press("i")
        area(w, "text").text = "Sure" * 40
        await w.press("ctrl+s")
        assert "do not fit the context" in w.notice
        assert w.session.prompt.text == PROMPT
        await w.press("i")
        assert area(w, "text").text == "Sure" * 40
        area(w, "text").text = "A:"
        await w.press("ctrl+s", "i")
        assert area(w, "text").text == "A:"


async def test_the_frame_of_the_command_line_is_offered(fruit: str) -> None:
    frame = Prompt(system="Hello", template="raw", prefill=" Sure")
    async with workbench(fruit, prompt=None, frame=frame) as w:
        assert area(w, "system").text == "Hello"
        assert "▸raw" in w.screen()


async def test_before_the_model_is_open_the_editor_says_so(tmp_path: Path) -> None:
    slow = table(tmp_path / "slow.json", load_ms=60_000)
    async with workbench(slow, prompt=None, ready=False) as w:
        await w.until(lambda: isinstance(w.app.screen, PromptScreen))
        await w.press_only("A")
        await w.until(lambda: "the tokens are shown when the model is open" in w.screen())


async def test_what_is_typed_before_the_editor_stands_goes_into_it(fruit: str) -> None:
    async with workbench(fruit) as w:
        w.bench.act("prompt")
        # The editor is there, but nothing of it has the focus yet.
        assert isinstance(w.app.screen, PromptScreen)
        assert w.app.focused is None
        await w.press_only("A")
        await w.until(lambda: area(w, "text").text == f"{PROMPT}A")
        await w.type(" fig")
        assert area(w, "text").text == f"{PROMPT}A fig"


async def test_examples_are_pages_for_a_model_without_turns(fruit: str) -> None:
    async with workbench(fruit, prompt=None) as w:
        await w.until(lambda: "Q:·Name·a·fruit.⏎A:" in w.screen())
        await w.press("enter")
        assert w.session.prompt == Prompt("Name a fruit.", template="page")
        assert w.session.rendered.text == "Q: Name a fruit.\nA:"
        assert "float32 page" in lines(w.bench.status)[0]


async def test_examples_are_pages_in_a_raw_prompt_too(fruit: str) -> None:
    async with workbench(fruit, prompt=None, frame=Prompt(template="raw")) as w:
        await w.press("enter")
        assert w.session.prompt == Prompt("Q: Name a fruit.\nA:", template="raw")


async def test_examples_are_questions_where_a_template_goes_around_them(chatty: str) -> None:
    async with workbench(chatty, prompt=None) as w:
        await w.until(lambda: "Tell·me·a·story." in w.screen())
        assert "Q:" not in w.screen()
        await w.press("ctrl+t")
        assert "▸raw" in w.screen()
        assert "Q:·Tell·me·a·story.⏎A:" in w.screen()
        await w.press("shift+tab", "left", "tab")
        assert "▸auto" in w.screen()
        await w.press("down", "down", "enter")
        assert w.session.prompt == Prompt("Tell me a story.")
        assert w.session.text(0) == ""
        assert w.session.rendered.text == f"<|user|>Tell me a story.{END}<|assistant|>"


async def test_an_example_that_is_chosen_early_waits_for_the_model(
    chatty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Workbench.start
    # Held back, however long the keys take.
    monkeypatch.setattr(Workbench, "start", lambda _: None)
    async with workbench(chatty, prompt=None, ready=False) as w:
        await w.until(lambda: isinstance(w.app.screen, PromptScreen) and bool(w.app.focused))
        await w.press_only("enter")
        await w.until(lambda: "starts as soon as the model is open" in w.screen())
        start(w.workbench)
        await w.until(lambda: w.workbench.now.session is not None)
        assert w.session.prompt.text == "Name a fruit."


async def test_the_examples_are_the_first_probes_of_the_practice_models() -> None:
    first = PROBES[: len(QUESTIONS)]
    assert [probe.question for probe in first] == list(QUESTIONS)
    assert [probe.page for probe in first] == list(PAGES)


async def test_a_user_turn(chatty: str) -> None:
    async with workbench(chatty) as w:
        await w.press("1")
        path = w.bench.strip.heading().rpartition(" · ")[2]
        await w.press("I")
        assert isinstance(w.app.screen, TurnScreen)
        await w.type("I like a fig")
        await w.press("ctrl+s")
        text = w.session.text()
        assert text.startswith(" Sure")
        assert text.endswith("<|user|>I like a fig<|end|><|assistant|>")
        assert w.session.node.source == "prompt"
        # A turn is given, and no part of the branching factor along the path.
        assert w.bench.strip.heading().rpartition(" · ")[2] == path
        assert path.startswith("path ")


async def test_an_answer_ends_where_the_page_goes_on_and_a_turn_takes_it_up(fruit: str) -> None:
    async with workbench(fruit) as w:
        w.workbench.set_prompt(Prompt("fruit", template="page"))
        await w.settled()
        w.workbench.send(commands.Force(" apple\nQ:"))
        await w.settled()
        assert w.session.ended
        nodes = len(w.session.tree)
        await w.press("space")
        assert "the text ends here" in w.notice
        assert len(w.session.tree) == nodes
        # What may come after it can still be measured.
        await w.press("a")
        await w.measured()
        assert w.bench.view is not None
        assert w.bench.view.looked is not None
        await w.press("I")
        await w.type("a fig")
        await w.press("ctrl+s")
        assert b"".join(w.session.model_tree.path_bytes()) == b"Q: fruit\nA: apple\nQ: a fig\nA:"
        await w.press("space")
        assert w.session.node.source == "sampled"


async def test_playing_stops_where_the_page_goes_on(tmp_path: Path) -> None:
    after = {"A:": "\n", "\n": "Q:", "Q:": "a"}
    rules = {json.dumps([token]): {following: 1.0} for token, following in after.items()}
    async with workbench(table(tmp_path / "page.json", rules=rules)) as w:
        w.workbench.set_prompt(Prompt("fruit", template="page"))
        await w.settled()
        w.workbench.play(True)
        await w.until(lambda: not w.workbench.now.playing)
        await w.settled()
        assert w.notice == "the text ends here"
        assert w.tokens == ["\n", "Q:"]
        assert w.session.text() == ""


async def test_a_turn_without_a_template_is_refused_before_it_is_typed(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("I")
        assert w.notice == "this prompt is raw, without turns: i asks again, with a template"
        assert w.app.screen is w.bench


async def test_a_hostile_prompt_in_the_editor(tmp_path: Path) -> None:
    model = table(tmp_path / "hostile.json", tokens=["\x1b", "\u202e"])
    async with workbench(model, prompt="[/b]\x1b[31m\u202e[red]") as w:
        await w.press("i")
        assert "[/b]␛[31m‹202E›[red]" in w.screen()
        assert not set(w.screen()) & set("\x1b\u202e")


async def test_control_tokens_are_read_where_that_is_switched_on(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("i")
        area(w, "text").text = f"a{END}"
        await w.pilot.pause()
        await w.settled()
        assert "^o special: text" in w.screen()
        await w.press("ctrl+o")
        await w.settled()
        assert "^o special: tokens" in w.screen()
        await w.press("ctrl+s")
        await w.settled()
        assert w.session.prompt.special == "tokens"
        end = w.session.model.info.eos_id
        assert w.session.tree.prompt_ids(w.session.cursor)[-1] == end
        await w.press("i")
        assert "^o special: tokens" in w.screen()


async def test_a_text_to_force_is_read_as_is_switched(fruit: str) -> None:
    async with workbench(fruit) as w:
        await w.press("f", *"!", "ctrl+o")
        w.app.screen.query_one(Input).value = f"!{END}"
        await w.pilot.pause()
        await w.settled()
        assert "^o special: tokens" in w.screen()
        assert f"2 tokens, 1 of them control: ! {END}" in w.screen()
        await w.press("enter")
        await w.settled()
        assert w.session.ended
        await w.press("f")
        assert "^o special: tokens" in w.screen()


@pytest.mark.parametrize("key", ["f", "i"])
async def test_all_lines_of_a_paste_are_kept(fruit: str, key: str) -> None:
    async with workbench(fruit) as w:
        await w.press(key)
        field = w.app.screen.query_one(Input)
        field.focus()
        await w.pilot.pause()
        field.post_message(events.Paste("Here is\r\na fig\rI like"))
        await w.pilot.pause()
        assert field.value == "Here is\na fig\nI like"
        assert "Here is⏎a fig⏎I like" in w.screen()
        await w.press("enter")
        await w.settled()
        if key == "f":
            assert w.session.text().endswith("Here is\na fig\nI like")
        else:
            assert w.session.prompt.prefill == "Here is\na fig\nI like"


USERS = "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}A:"
FIRST = "{{ messages[0].content }}{% for m in messages[1:2] %}{{ m.content }}{% endfor %}A:"


async def test_a_system_text_that_would_be_lost_says_so_in_place(tmp_path: Path) -> None:
    async with workbench(table(tmp_path / "users.json", chat_template=USERS)) as w:
        await w.press("i")
        area(w, "system").text = "Hello"
        await w.pilot.pause()
        await w.settled()
        assert "the system text would be lost" in w.screen()
        await w.press("ctrl+s")
        assert isinstance(w.app.screen, PromptScreen)
        area(w, "system").text = ""
        await w.pilot.pause()
        await w.settled()
        await w.press("ctrl+s")
        assert w.session.rendered.template == "chat"


async def test_a_turn_that_would_be_lost_says_so_and_changes_nothing(tmp_path: Path) -> None:
    async with workbench(table(tmp_path / "first.json", chat_template=FIRST)) as w:
        await w.press("g")
        nodes = len(w.session.tree)
        w.workbench.send(commands.AddTurn("fruit"))
        await w.settled()
        assert "the turn would be lost" in w.notice
        assert len(w.session.tree) == nodes


async def test_a_base_beside_a_chat_is_asked_on_a_page(fruit: str, tmp_path: Path) -> None:
    chat = table(tmp_path / "chat.json", chat_template=TEMPLATE)
    async with workbench(fruit, prompt="fruit", partner=PartnerSettings(chat)) as w:
        assert w.session.rendered.template == "page"
        await w.press("i")
        assert "no template: takes page" in w.screen()
        area(w, "text").text = PROMPT
        await w.pilot.pause()
        await w.settled()
        assert "no template: takes raw" in w.screen()
        await w.press("escape")
        w.workbench.set_prompt(Prompt("an apple"))
        await w.settled()
        assert w.session.rendered.text == "Q: an apple\nA:"


async def test_words_of_the_palette_show_the_space_that_goes_before_them(fruit: str) -> None:
    async with workbench(fruit) as w:

        def names() -> list[str]:
            return [command.title for command in w.app.get_system_commands(w.app.screen)]

        assert "force ·Sure" in names()
        await w.press("1")
        await w.settled()
        assert w.session.text() == " Sure"
        w.session.force("\n")
        assert "force Sure" in names()
