"""What all tests share: nothing is written into the cache of whoever runs them, chat templates are rendered in the
process of the test, and garbage is looked for seldom."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from platformdirs import user_cache_path

from tests.real.models import FOLDER, folder
from tests.rendering import rendered

# What is large, and made once for all runs, stays where it is.
os.environ.setdefault(FOLDER, str(folder()))
os.environ.setdefault("MPLCONFIGDIR", str(user_cache_path("matplotlib")))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def _templates_here() -> Iterator[None]:
    with rendered(apart=False):
        yield


def pytest_collection_finish() -> None:
    """Has garbage looked for as seldom as the program does, and never in what was imported: it stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
