"""Two models with keys only: where they differ, the partner's token forced, a nudged text, all of it in the trace."""

import json


def test_shift_force_nudge_quit(start, tmp_path):
    trace = tmp_path / "pair.json"
    terminal = start(
        *("practice", "--partner", "practice-aligned", "--backend", "reference"),
        *("--partner-backend", "reference", "--template", "page", "--response", "off"),
        *("--prompt", "Name a fruit.", "--seed", 4, "--trace", trace),
    )
    terminal.wait("⇄ practice-aligned", "= unshifted", seconds=120)
    terminal.press("s")
    terminal.wait("shifted", "the answer ends by itself", seconds=120)
    terminal.press("enter")
    terminal.wait("ready", "▲·Sure▮")
    terminal.press("b")
    terminal.wait("the partner:", seconds=60)
    terminal.press("p")
    terminal.wait("by the partner", "BF", "nudged", "alone", seconds=120)
    terminal.press("esc")
    terminal.wait("◇", "candidates")
    terminal.press("q")
    assert terminal.leave() == 0
    assert terminal.restored()

    document = json.loads(trace.read_text())
    assert document["partner"]["model"]["name"] == "practice-aligned"
    assert document["partner"]["prompt"]["template"] == "chat"
    assert {each["kind"] for each in document["measurements"]} == {"shift", "nudging"}
    sources = {document["nodes"][number]["source"] for number in document["path"]}
    assert {"forced", "nudged"} <= sources
    read = [document["nodes"][number]["partner"] for number in document["path"][1:]]
    assert all(each["class"] in ("unshifted", "marginal", "shifted") for each in read)
