"""The house: what an import brings in, circles, names that occur twice. import-linter keeps the arrows."""

import subprocess
import sys

import pytest

from tests.tools import house

HEAVY = ("torch", "transformers", "llama_cpp", "gguf", "tokenizers")


def imported(code):
    """The top-level modules that are loaded after running `code` in a fresh interpreter."""
    script = f"{code}\nimport sys; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split("\n")[-2].split())


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import bftui", ("numpy", "textual", "rich", "typer", "pydantic", *HEAVY)),
        ("from bftui.cli import run; run(['--help'])", ("numpy", "textual", *HEAVY)),
        ("from bftui.cli import run; run(['record', '--help'])", ("numpy", "textual", *HEAVY)),
        (
            "import bftui.session.session, bftui.backends.client.worker_client",
            ("textual", "rich", *HEAVY),
        ),
        ("import bftui.workbench.loop, bftui.cli.plain.plain_loop", ("textual", *HEAVY)),
        ("import bftui.ui.app", ("numpy", "pydantic", *HEAVY)),
        ("import bftui.core.tree, bftui.core.text", ("textual", "rich", "pydantic", *HEAVY)),
        ("import bftui.trace.document, bftui.trace.journal", ("textual", "pydantic", *HEAVY)),
        (
            "from bftui.ui.actions.action_table import key_table; key_table()",
            ("textual", "numpy", *HEAVY),
        ),
    ],
)
def test_an_import_brings_nothing_heavy(code, absent):
    assert not imported(code) & set(absent)


def test_the_first_frame_waits_for_nothing_that_the_loop_runs():
    code = "import sys, bftui.cli.commands.run_command, bftui.ui.config_file, bftui.ui.app; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    later = (
        "workbench.loop",
        "workbench.measuring",
        "workbench.pairing",
        "workbench.session_slot",
        "workbench.response_shown",
        "workbench.rollout_series",
        "results.codec",
        "trace.journal",
    )
    assert not set(done.stdout.split()) & {f"bftui.{name}" for name in later}


def test_the_names_of_the_python_interface_are_there():
    import bftui

    for name in bftui.__all__:
        assert getattr(bftui, name)
    with pytest.raises(AttributeError):
        bftui.nothing  # noqa: B018


def test_no_modules_import_each_other_in_a_circle():
    """Imports for types alone count, too: what a reader must know first has to come first."""
    assert house.cycles(house.modules()) == []


def test_no_two_files_and_no_two_public_classes_share_a_name():
    found = house.modules()
    assert house.doubled_stems(found) == {}
    assert house.doubled_classes(found) == {}
