"""What the unit tests share."""

import pytest

from bftui.model.loaded_model import open_model
from tests.tables import table


@pytest.fixture
def opened(tmp_path):
    """Opens tables with changes, and closes them."""
    models = []

    def one(**changes):
        models.append(open_model(table(tmp_path / f"t{len(models)}.json", **changes)))
        return models[-1]

    yield one
    for model in models:
        model.close()
