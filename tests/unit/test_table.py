"""The table backend's own affairs; what every backend does is in tests/contract."""

import time

from bftui.session.model import open_model
from tests.tables import table


def test_a_long_text_is_split_in_time_that_grows_with_its_length(tmp_path):
    """A million bytes take about a second; to copy the rest after each token would take minutes."""
    with open_model(table(tmp_path / "t.json")) as model:
        began = time.process_time()
        ids = model.tokenize("é apple" * 125_000)
        assert time.process_time() - began < 30
    assert len(ids) == 3 * 125_000
