from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.buttons import CALLBACK_BYTES, decode, encode

numbers = st.integers(0, 2**62)


@given(numbers, numbers)
def test_round_trip(query: int, key: int) -> None:
    for action in ("like", "up", "down", "page"):
        data = encode(action, query, key)  # type: ignore[arg-type]
        assert len(data.encode()) <= CALLBACK_BYTES
        press = decode(data)
        assert press is not None
        assert (press.action, press.numbers) == (action, (query, key))


@pytest.mark.parametrize(
    "data",
    [
        None, 5, "", "m", "m:", "m:1", "m:1:2:3", "m:01:2", "m:-1:2", "m:1:2 ", "z:1", "e:x",
        "e:９", "e:9223372036854775808", "e:1\n", "l:1:2;DROP TABLE posts", "e:" + "9" * 70,
    ],
)  # fmt: skip
def test_anything_else_is_refused(data: object) -> None:
    assert decode(data) is None


@given(st.text(max_size=80))
def test_never_raises(data: str) -> None:
    press = decode(data)
    if press is not None:
        assert encode(press.action, *press.numbers) == data
