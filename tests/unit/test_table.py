"""The table backend's own affairs; what every backend does is in tests/contract."""

import time

from bftui.model.loaded_model import open_model
from tests.tables import table


def test_a_long_text_is_split_in_time_that_grows_with_its_length(tmp_path):
    """Twice the text takes twice the time; to copy the rest after each token would take four times as long."""
    with open_model(table(tmp_path / "t.json")) as model:

        def seconds(repeats):
            began = time.process_time()
            assert len(model.tokenize("é apple" * repeats)) == 3 * repeats
            return time.process_time() - began

        seconds(1_000)
        # The least of some tries is the least disturbed.
        once, twice = (min(seconds(n) for _ in range(3)) for n in (12_500, 25_000))
    assert twice < 3 * once
