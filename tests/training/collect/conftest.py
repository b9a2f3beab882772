from __future__ import annotations

import pytest

from tests.training.collect.helpers import Collect


@pytest.fixture
def collect() -> Collect:
    return Collect()
