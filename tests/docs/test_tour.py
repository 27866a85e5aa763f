"""The recorded tour: it plays, and what it shows is what the program shows."""

import json

import pyte

from bftui.ui.actions.action_table import ACTIONS
from screenshots.tour import CAPTION_ROWS, CAST, SCENES, SIZE


def test_the_tour_plays_scene_by_scene():
    header, *events = (json.loads(line) for line in CAST.read_text(encoding="utf-8").splitlines())
    assert header["version"] == 2
    assert (header["width"], header["height"]) == (SIZE[0], SIZE[1] + CAPTION_ROWS)
    times = [at for at, _, _ in events]
    assert times == sorted(times)
    assert times[-1] < 120

    screen = pyte.Screen(header["width"], header["height"])
    stream = pyte.Stream(screen)
    scenes = list(SCENES)
    showing = None
    for _, kind, text in events:
        assert kind == "o"
        if scenes and scenes[0].caption in text:
            if showing is not None:
                assert all(sign in "\n".join(screen.display) for sign in showing.until)
            showing = scenes.pop(0)
        stream.feed(text)
    assert not scenes


def test_its_keys_are_the_workbenchs():
    usual = {key for action in ACTIONS for key in action.keys}
    pressed = {key for scene in SCENES for key in scene.keys}
    assert pressed - {"esc"} <= usual
