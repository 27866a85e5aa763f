"""What commands print with `--json` is what their results declare: by its JSON Schema, and read back by the codec."""

import json

import jsonschema
import pytest

from bftui.core.errors import UsageError
from bftui.results.codec import decode, encode
from bftui.results.command_outputs import output_schema, outputs
from tests.golden import steps
from tests.golden.making import CASES, FILES

KEPT = {
    name: case.line.split()[0]
    for name, case in CASES.items()
    if case.line.split()[0] in outputs() and not case.reads and steps.machine not in case.steps
}


@pytest.mark.parametrize("name", KEPT)
def test_a_golden_file_is_what_the_result_declares(name):
    command, found = KEPT[name], json.loads((FILES / name).read_text("utf-8"))
    schema = output_schema(command)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(found, schema)
    result = decode(outputs()[command], found)
    again = list(map(encode, result)) if isinstance(result, tuple) else encode(result)
    assert json.dumps(again) == json.dumps(found)


def test_every_result_has_a_golden_file():
    # A golden file holds nothing of the machine, of which a doctor tells.
    assert {*KEPT.values(), "doctor"} == set(outputs())


def test_a_command_without_a_typed_result_is_refused():
    with pytest.raises(UsageError, match="'run'"):
        output_schema("run")
