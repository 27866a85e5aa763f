"""The command line as programs see it: output, files, exit codes, one line for each failure."""

import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings

import jsonschema
import pytest

import bftui
from bftui import cli
from bftui.session.session import Session
from bftui.trace.schema import json_schema
from bftui.workbench import keys
from tests.command_line import apart, bftui_, fails, interrupted
from tests.tables import table
from tests.unit.test_session import same


@pytest.fixture
def orchard(tmp_path):
    return table(tmp_path / "orchard.json")


@pytest.mark.parametrize(
    "line",
    [
        "--version",
        "info {model} --json",
        "record {model} --prompt x --steps 3 --seed 5",
        "measure {model} --prompts - --samples 2 --max-tokens 3 --json",
        "run --plain {model} --ctx 0 --theme nothing",
        "record --bogus",
        "record --steps 0 -o .",
        "info table:none",
    ],
)
def test_a_process_of_its_own_says_the_same(orchard, line):
    """What all tests here rest on that run a command in theirs."""
    arguments = line.format(model=orchard).split()
    text = '{"id": "a", "prompt": "x"}\n'
    there, here = apart(*arguments, input=text), bftui_(*arguments, stdin=text)
    assert (here.returncode, here.stdout, here.stderr) == (
        *(there.returncode, there.stdout, there.stderr),
    )


def test_nothing_of_a_command_is_left_in_the_process_of_the_tests(tmp_path):
    (tmp_path / "bftui").mkdir()
    (tmp_path / "bftui" / "config.toml").write_text('[keys]\nstep = "Y"\n')

    def found():
        streams = (sys.stdin, sys.stdout, sys.stderr)
        own = (keys.in_force(), tempfile.gettempdir(), gc.get_threshold(), warnings.filters[:])
        return (dict(os.environ), os.getcwd(), sys.argv, *streams, *own)

    before = found()
    env = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    assert bftui_("keys", env=env, cwd=tmp_path).stdout.startswith("Y ")
    assert found() == before


def test_record_equals_the_python_interface(orchard, tmp_path):
    actions = tmp_path / "actions.json"
    script = [
        {"step": 3},
        {"force": " Sure"},
        {"greedy": 2},
        {"back": 3},
        {"force_ids": [5, 6]},
        {"goto": 2},
        {"step": 1},
    ]
    actions.write_text(json.dumps(script))
    out = tmp_path / "t.json"
    done = bftui_("record", orchard, "--prompt", "Name é", "--seed", 11, "--top-p", 0.8,
                  "--force", " Here", "--actions", actions, "--steps", 2, "-o", out)  # fmt: skip
    assert done.returncode == 0, done.stderr
    with bftui.open_model(orchard) as model:
        session = Session(model, "Name é", seed=11, top_p=0.8)
        session.force(" Here")
        for _ in range(3):
            session.step()
        session.force(" Sure")
        session.greedy()
        session.greedy()
        session.back(3)
        session.force(ids=[5, 6])
        session.goto(2)
        session.step()
        for _ in range(2):
            if not session.ended:
                session.step()
        expected = same(session.trace().as_dict())
    assert same(json.loads(out.read_text())) == expected
    assert same(bftui.read_trace(out).model_dump(mode="json", by_alias=True)) == expected


def test_record_json_is_one_document_that_holds_the_schema(orchard):
    done = bftui_("record", orchard, "--prompt", "x", "--steps", 4, "--json")
    schema = json.loads(bftui_("schema").stdout)
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema)
    assert done.stderr == ""
    assert len(document["nodes"]) <= 5


def test_record_stops_at_the_end_of_the_text_unless_told_not_to(tmp_path):
    ends = table(tmp_path / "t.json", default={"</s>": 1.0})
    document = json.loads(bftui_("record", ends, "--json").stdout)
    assert [node["eog"] for node in document["nodes"]] == [False, True]
    assert document["nodes"][-1]["next"] is None
    going_on = json.loads(bftui_("record", ends, "--json", "--ignore-eos", "--steps", 5).stdout)
    assert len(going_on["nodes"]) == 6
    assert going_on["nodes"][-1]["next"] is not None


def test_record_says_what_was_measured_and_how(orchard):
    done = bftui_("record", orchard, "--prompt", "x\x1b[31m", "--greedy", "--steps", 3)
    assert "exp of the mean H(P~)" in done.stdout
    assert "\x1b" not in done.stdout


def test_prompts_come_from_files_too(orchard, tmp_path):
    (tmp_path / "p.txt").write_bytes("é\n".encode())
    done = bftui_("record", orchard, "--prompt-file", tmp_path / "p.txt", "--steps", 0, "--json")
    assert json.loads(done.stdout)["prompt"]["text"] == "é\n"
    (tmp_path / "bad.txt").write_bytes(b"\xff")
    assert "not UTF-8" in fails(4, "record", orchard, "--prompt-file", tmp_path / "bad.txt")
    assert "No such file" in fails(4, "record", orchard, "--prompt-file", tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["record", "--quux"], "No such option: --quux. See `bftui --help`."),
        (["recrd"], "Did you mean 'record'? See `bftui --help`."),
        (["nothing"], "No such command 'nothing'. See `bftui --help`."),
        (["record", "a", "b"], "(b). See `bftui --help`."),
        (["record", "{model}", "--temperature", "0"], "use greedy"),
        (["record", "{model}", "--top-p", "1.5"], "top-p"),
        (["record", "{model}", "--steps", "-1"], "steps"),
        (["record", "{model}", "--backend", "none"], "no backend"),
        (["record", "{model}", "--prompt", "a", "--prompt-file", "b"], "exclude each other"),
        (["run", "{model}"], "needs a terminal"),
    ],
)
def test_wrong_usage_is_exit_code_2(orchard, arguments, says):
    assert says in fails(2, *(a.format(model=orchard) for a in arguments))


def test_models_that_cannot_be_run_are_exit_code_3(orchard, tmp_path):
    assert "does not exist" in fails(3, "record", tmp_path / "none.gguf")
    (tmp_path / "bad.json").write_text("[]")
    assert "is not a table" in fails(3, "record", f"table:{tmp_path / 'bad.json'}")
    bare = table(tmp_path / "bare.json", bos=None)
    assert "prompt is empty" in fails(3, "record", bare)
    assert "context of 256" in fails(3, "record", orchard, "--prompt", "x" * 500)
    assert "context of 8" in fails(3, "record", orchard, "--ctx", "8", "--prompt", "x" * 9)


ASKING = (
    "{% for m in messages %}[{{ m.role[0] }}:{{ m.content }}]{% endfor %}"
    "{% if messages[0].content == 'no' %}{{ raise_exception('not that') }}{% endif %}"
    "{% if add_generation_prompt %}[a:{% endif %}"
)


def test_record_takes_the_template_of_the_model(tmp_path):
    asking = table(tmp_path / "t.json", chat_template=ASKING)
    actions = write(tmp_path, [{"step": 2}, {"turn": "more"}])
    done = bftui_("record", asking, "--prompt", "hi", "--system", "be", "--prefill", " a",
                  "--actions", actions, "--seed", 3, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["prompt"]["rendered"] == "<s>[s:be][u:hi][a: a"
    with bftui.open_model(asking) as model:
        session = Session(model, "hi", system="be", prefill=" a", seed=3)
        session.step()
        session.step()
        session.add_turn("more")
        assert same(document) == same(session.trace().as_dict())
        assert session.text().endswith("][u:more][a:")
    raw = bftui_("record", asking, "--prompt", "hi", "--template", "raw", "--json", "--steps", 0)
    assert json.loads(raw.stdout)["prompt"]["rendered"] == "<s>hi"
    shown = bftui_("record", asking, "--prompt", "hi", "--steps", 1, "--greedy").stdout
    assert shown.startswith("<s>[u:hi][a:")


def test_templates_that_cannot_be_taken_are_one_line(orchard, tmp_path):
    assert "no chat template" in fails(3, "record", orchard, "--template", "chat")
    assert "do not fit the context" in fails(3, "record", orchard, "--template", "urial")
    assert "'urial'" in fails(2, "record", orchard, "--template", "poem")
    asking = table(tmp_path / "t.json", chat_template=ASKING)
    assert "not that" in fails(3, "record", asking, "--prompt", "no")
    broken = table(tmp_path / "b.json", chat_template="{% if")
    assert "TemplateSyntaxError" in fails(3, "record", broken)
    done = bftui_("record", orchard, "--actions", write(tmp_path, [{"turn": "x"}]))
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "no turns" in done.stderr


def write(folder, actions):
    path = folder / "actions.json"
    path.write_text(actions if isinstance(actions, str) else json.dumps(actions))
    return path


@pytest.mark.parametrize(
    ("actions", "says"),
    [
        ("{", "not JSON"),
        ({"step": 1}, "not a list"),
        ([{"step": 1}, {"jump": 2}], "action 1"),
        ([{"step": -1}], "action 0"),
        ([{"step": True}], "action 0"),
        ([{"force": ""}], "action 0"),
        ([{"force_ids": ["a"]}], "action 0"),
        ([{"step": 1, "back": 1}], "action 0"),
        ([3], "action 0"),
    ],
)
def test_a_bad_actions_file_is_exit_code_4(orchard, tmp_path, actions, says):
    assert says in fails(4, "record", orchard, "--actions", write(tmp_path, actions))


def test_a_full_disk_is_a_message(orchard):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    done = bftui_("record", orchard, "--steps", 1, "-o", "/dev/full")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No space left" in done.stderr


def test_an_interrupted_record_keeps_what_is_finished(tmp_path):
    slow = table(tmp_path / "t.json", step_ms=30, eog=[])
    out = tmp_path / "out.json"
    _, shown = interrupted(["record", slow, "--steps", 200, "-o", out], b" of 200")
    assert "interrupted: kept the" in shown.splitlines()[-1]
    nodes = bftui.read_trace(out).nodes
    assert 1 < len(nodes) < 200


def test_info_names_every_field_of_the_contract(orchard):
    facts = json.loads(bftui_("info", orchard, "--json").stdout)
    names = {"name", "backend", "architecture", "parameters", "n_vocab", "n_ctx_train",
             "quantization", "chat_template", "bytes", "kv_bytes_per_token"}  # fmt: skip
    assert names <= set(facts)
    assert "orchard" in bftui_("info", orchard).stdout


def test_the_schema_is_a_schema(tmp_path):
    done = bftui_("schema", "-o", tmp_path / "schema.json")
    assert done.stdout == ""
    jsonschema.Draft202012Validator.check_schema(json.loads((tmp_path / "schema.json").read_text()))
    of_shift = json.loads(bftui_("schema", "shift").stdout)
    jsonschema.Draft202012Validator.check_schema(of_shift)
    assert bftui_("schema", "record").stdout == bftui_("schema", "export").stdout
    assert json.loads(bftui_("schema", "record").stdout) == json_schema()
    assert {"answers", "positions"} <= set(of_shift["required"])
    assert "take one of calibrate, check, " in fails(2, "schema", "shfit")


def test_the_keys_are_printed(tmp_path):
    rows = json.loads(bftui_("keys", "--json").stdout)
    assert {"space", "enter", "q"} <= {key for row in rows for key in row["keys"].split()}
    text = bftui_("keys").stdout
    assert all(row["description"] in text for row in rows)


@pytest.mark.skipif(
    shutil.which("bash") is None, reason="asks bash for the code of a pipe's first program"
)
def test_a_closed_pipe_is_no_error():
    # More than a pipe holds, so that the program is still writing when its reader leaves.
    command = f"{sys.executable} -m bftui record --steps 200 --ignore-eos --json | head -c 10"
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_before_any_work_is_one_line(monkeypatch, capsys):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("bftui.cli.shared.options.PromptOptions.text", interrupted)
    assert cli.run(["record"]) == 130
    assert capsys.readouterr().err == "bftui: interrupted\n"


def test_debug_shows_the_traceback(tmp_path):
    done = bftui_("record", tmp_path / "none.gguf", "--debug")
    assert done.returncode == 3
    assert "Traceback" in done.stderr


def test_the_version_is_that_of_the_package():
    assert bftui_("--version").stdout == f"bftui {bftui.__version__}\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">/dev/full"])
def test_closed_and_full_streams_are_no_fault_of_ours(orchard, closed):
    for command in (f"info {orchard}", f"record {orchard} --steps 1", "keys"):
        done = subprocess.run(
            f"{sys.executable} -m bftui {command} {closed}",
            shell=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "fault of bftui" not in done.stderr
        assert "Traceback" not in done.stderr
        assert done.returncode == (1 if "full" in closed else 0)


def test_control_characters_never_reach_the_terminal(tmp_path):
    hostile = table(tmp_path / "t.json", name="x\x1b]0;owned\x07\nfake  row")
    done = bftui_("info", hostile)
    assert "\x1b" not in done.stdout
    assert "\nfake" not in done.stdout
    assert "\x1b" not in fails(3, "info", "table:no\x1b]0;x\x07")


@pytest.mark.parametrize(
    ("actions", "says"),
    [
        ([{"step": 1}, {"goto": 999}], "action 1 cannot be done"),
        ([{"force_ids": [10**6]}], "action 0 cannot be done"),
        ([{"back": 1}], "action 0 cannot be done"),
    ],
)
def test_an_action_that_cannot_be_done_is_named(orchard, tmp_path, actions, says):
    done = bftui_("record", orchard, "--actions", write(tmp_path, actions))
    assert done.returncode == 4
    assert says in done.stderr


def test_steps_of_an_actions_file_end_with_the_text(tmp_path):
    ends = table(tmp_path / "t.json", default={"</s>": 1.0})
    script = write(tmp_path, [{"step": 10**12}, {"back": 1}, {"force": " a"}])
    document = json.loads(bftui_("record", ends, "--actions", script, "--json").stdout)
    assert [action["op"] for action in document["actions"]] == ["step", "back", "force"]


@pytest.mark.parametrize(
    "changes",
    [
        {"tokens": 5},
        {"tokens": [1, 2]},
        {"tokens": [{}]},
        {"bos": 10**6},
        {"bos": True},
        {"eog": [-1]},
        {"eog": "x"},
        {"n_ctx": "x"},
        {"n_ctx": 0},
        {"rules": []},
        {"rules": {"[bad": {}}},
        {"rules": {" a": {" the": "x"}}},
        {"rules": {" a": {" the": float("nan")}}},
        {"default": {" a": -1}},
        {"faults": [{}]},
        {"faults": [{"at": 1, "kind": "x"}]},
        {"step_ms": "x"},
    ],
)
def test_a_damaged_table_is_exit_code_3(tmp_path, changes):
    assert "table" in fails(3, "record", table(tmp_path / "t.json", **changes))


def test_odd_paths_have_an_answer(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert "not a regular file" in fails(3, "info", tmp_path / "fifo")
    assert "does not exist" in fails(3, "info", "a" * 300 + ".gguf")
    os.symlink("loop", tmp_path / "loop")
    done = bftui_("record", "--steps", 0, "-o", tmp_path / "loop", "--backend", "reference")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    odd = tmp_path / "odd"
    odd.mkdir()
    name = os.path.join(os.fsencode(odd), b"bad\xff.json")
    table(odd / "t.json")
    os.rename(odd / "t.json", name)
    done = bftui_("record", "table:" + os.fsdecode(name), "--steps", 1, "--json")
    assert done.returncode == 0, done.stderr
    assert "bad\ufffd.json" in json.loads(done.stdout)["model"]["source"]


def test_one_token_is_one_token(orchard):
    for text, said in (("a", "\n1 token, not ended"), ("ab", "\n2 tokens, not ended")):
        asked = ("record", orchard, "--prompt", "Name", "--force", text, "--steps", 0)
        assert said in bftui_(*asked).stdout
