"""ARCHITECTURE.md names files that are there, rooms in the order in which import-linter holds them."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text("utf-8")


def test_every_file_and_folder_that_is_named_exists():
    named = set(re.findall(r"`([\w/.*]+(?:\.py|\.toml|/))`", TEXT)) - {"config.toml"}
    real = {name for name in named if "NAME" not in name}
    assert len(real) > 40
    # Where the line says the room, the name alone is enough.
    found = {name: [*ROOT.glob(name), *(ROOT / "bftui").glob(f"**/{name}")] for name in real}
    assert [name for name, paths in sorted(found.items()) if not paths] == []


def test_the_table_has_the_rooms_in_the_order_of_their_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = re.findall(r"^\| `(\w+)/` \|", TEXT, re.MULTILINE)
    assert [room for room in rooms if room != "practice"] == layers[::-1]
