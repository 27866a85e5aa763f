"""MODEL forms of mixtures: what they mean, what they need, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bftui import practice
from bftui.backends.registry import needed, open_backend
from bftui.core.errors import ModelError, ModelLoadError, UsageError
from bftui.formats.mixture_forms import files_of
from bftui.formats.open_spec import OpenSpec
from bftui.model.loaded_model import PRACTICE_NOTE, open_model
from bftui.model.model_forms import carries_template, facts_of, has_scheme, paths_of, resolve
from tests.tables import even_table, table

PAIR = "dial:practice::practice-aligned"


def opened(spec: OpenSpec) -> None:
    open_backend(spec, lambda share, text: True).close()


def test_a_form_names_its_models() -> None:
    spec = resolve(PAIR)
    assert spec.backend == "mixture"
    files = [str(practice.path(name)) for name in ("practice", "practice-aligned")]
    assert list(spec.files) == files
    # What a trace keeps opens the same models again.
    assert spec.source == f"dial:{files[0]}::{files[1]}"
    assert resolve(spec.source) == spec
    assert files_of(spec.source) == files
    assert paths_of(PAIR) == ["practice", "practice-aligned"]
    assert has_scheme(PAIR)


def test_a_table_in_a_form_keeps_its_kind(tmp_path: Path) -> None:
    one = table(tmp_path / "one.json")
    spec = resolve(f"contrast:{one}::practice")
    assert spec.source == f"contrast:{one}::{practice.path()}"
    assert spec.parts[0].backend == "table"
    assert files_of(spec.source)[0] == str(tmp_path / "one.json")


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("dial:practice", "dial mixes 2 models, and 1 is named; write dial:BASE::ALIGNED"),
        ("dial:", "none is named"),
        ("dial:::practice", "1 is named"),
        ("dial:practice::practice::practice", "3 are named"),
        ("proxy:practice::practice-aligned", "write proxy:LARGE::ALIGNED::SMALLBASE"),
        ("contrast:dial:practice::practice-aligned::practice", "it mixes a mixture"),
        ("dial:practice::nowhere.gguf", "there is no model at nowhere.gguf"),
    ],
)
def test_a_form_that_names_no_mixture_is_one_line(form: str, says: str) -> None:
    with pytest.raises(ModelLoadError, match=r"cannot open|there is no") as error:
        resolve(form)
    assert says in error.value.line()
    assert error.value.exit_code == 3


def test_a_backend_is_that_of_each_model() -> None:
    spec = resolve(PAIR, "reference")
    assert spec.backend == "mixture"
    assert [part.backend for part in spec.parts] == ["reference", "reference"]
    assert resolve(PAIR, "mixture") == resolve(PAIR)
    with pytest.raises(UsageError, match="there is no backend"):
        resolve(PAIR, "nothing")


def test_models_of_two_vocabularies_are_refused(tmp_path: Path) -> None:
    one, other = table(tmp_path / "one.json"), even_table(tmp_path / "other.json")
    with pytest.raises(ModelError, match="orchard and orchard cannot be mixed") as error:
        opened(resolve(f"dial:{one}::{other}"))
    assert "their vocabularies have 272 and 21 tokens" in error.value.line()
    words = [*"abcdefgh", " the"]
    turned = [
        table(tmp_path / f"{n}.json", tokens=each, bos=None, eog=[], default={}, rules={})
        for n, each in enumerate((words, [*words[1:], words[0]]))
    ]
    with pytest.raises(ModelLoadError, match="differ from token 0 on"):
        opened(resolve(f"dial:{turned[0]}::{turned[1]}"))


def test_what_a_mixture_says_of_itself_is_what_its_models_say() -> None:
    models = [open_model(name) for name in ("practice", "practice-aligned")]
    base, aligned = (model.info for model in models)
    with open_model(PAIR) as mixture:
        info = mixture.info
    for model in models:
        model.close()
    assert info.name == PAIR
    assert (info.backend, info.architecture) == ("mixture", "dial")
    assert info.parameters == base.parameters + aligned.parameters
    assert info.bytes == base.bytes + aligned.bytes
    assert info.eog_ids == base.eog_ids | aligned.eog_ids
    assert info.tokenizer_sha256 == base.tokenizer_sha256
    assert info.sha256 not in (None, base.sha256, aligned.sha256)
    assert info.chat_template is None
    assert info.note == PRACTICE_NOTE
    assert [part.sha256 for part in info.parts] == [base.sha256, aligned.sha256]


def test_a_context_is_the_least_of_the_models(tmp_path: Path) -> None:
    parts = [table(tmp_path / f"{n}.json", n_ctx=n) for n in (40, 60)]
    with open_model(f"dial:{parts[1]}::{parts[0]}") as mixture:
        assert mixture.info.n_ctx == mixture.info.n_ctx_train == 40


def test_a_chat_template_is_had_where_all_models_have_one() -> None:
    assert not carries_template(PAIR)
    both = "dial:practice-sft::practice-aligned"
    assert carries_template(both)
    with open_model(both) as mixture, open_model("practice-sft") as first:
        assert mixture.info.chat_template == first.info.chat_template


def test_headers_and_need_are_the_sum_of_the_models() -> None:
    names = ("practice", "practice-aligned", "practice-aligned-small")
    form = f"proxy:{'::'.join(names)}"
    parts, whole = [facts_of(name) for name in names], facts_of(form)
    assert whole.bytes == sum(part.bytes for part in parts)
    assert whole.parameters == sum(part.parameters or 0 for part in parts)
    needs = [needed(part, resolve(name)) for part, name in zip(parts, names, strict=True)]
    need = needed(whole, resolve(form))
    assert need.total == sum(each.total for each in needs)
    assert need.backend == "mixture"
