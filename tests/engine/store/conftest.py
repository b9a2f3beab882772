"""A store of each kind, empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from engine.store import Store


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Iterator[Store]:
    with open_store() as opened:
        yield opened
