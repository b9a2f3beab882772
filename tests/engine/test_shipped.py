from __future__ import annotations

import pytest

from engine.shipped import shipped


@pytest.mark.parametrize(
    "parts", [("adverts", "model.npz"), ("encoder-small", "encoder.tflite"), ("model",)]
)
def test_it_is_there(parts: tuple[str, ...]) -> None:
    assert shipped(*parts).exists()
