"""Every screen in a real terminal, opened and left with keys, in a large one and in the smallest."""

import pytest

SCREENS = (
    # keys that open it, what must be on it, keys that leave it
    (("?",), ("Sample one token",), ("esc",)),
    (("t",), ("temperature", "top-p", "min-p"), ("esc",)),
    (("K",), ("nats", "exp"), ("esc",)),
    (("i",), ("prompt", "template"), ("esc",)),
    (("f",), ("force", "enter"), ("esc",)),
    (("o",), ("practice-aligned",), ("esc",)),
    (("T",), ("high-contrast", "colour-blind"), ("esc",)),
    (("\x1bOQ",), ("low bandwidth", "kept in"), ("esc",)),
    (("e",), ("trace.json",), ("esc",)),
    (("ctrl+p",), ("Search",), ("esc",)),
    (("/",), ("search",), ("esc",)),
    (("m",), ("mark",), ("esc",)),
    (("r",), ("rollouts", "continuations", "95 %"), ("esc",)),
    (("s",), ("shift", "the answer ends by itself"), ("esc",)),
    (("b",), ("nudge", "the partner:"), ("esc",)),
    (("c",), ("compare", "BF since"), ("esc",)),
    (("O",), ("partner",), ("esc",)),
)


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids="{0[0]}x{0[1]}".format)
def test_every_screen_opens_and_is_left(start, size):
    terminal = start(
        *("practice", "--partner", "practice-aligned", "--backend", "reference"),
        *("--partner-backend", "reference", "--template", "page", "--response", "off"),
        *("--prompt", "Name a fruit.", "--seed", 9),
        size=size,
    )
    terminal.wait("⇄", "is the partner", "ready", seconds=120)
    terminal.press("space", "space", "left", "left", "1")
    terminal.wait("▲·Sure▮", "4 nodes", "ready")
    home = terminal.screen.display[-1]
    for keys, texts, leaving in SCREENS:
        terminal.press(*keys)
        terminal.wait(*texts, seconds=120)
        terminal.press(*leaving)
        terminal.wait_for(
            lambda: terminal.screen.display[-1] == home, what=f"the way back from {keys}"
        )
        terminal.wait("▲·Sure▮")
    terminal.press("q")
    assert terminal.leave() == 0
    assert terminal.restored()
