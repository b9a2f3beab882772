"""Callback data: what a button says to the bot when it is pressed.

A button refers to a stored question by its number, so it fits Telegram's 64
bytes and goes on working after a restart. Anyone can send any callback data:
what is read here is checked again against the store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

CALLBACK_BYTES: Final = 64

Action = Literal[
    "page", "explain", "post", "like", "up", "down", "again",
    "example", "topics", "topic", "language", "keep",
]  # fmt: skip

_LETTERS: Final[dict[str, tuple[Action, int]]] = {
    # letter: action, how many numbers follow
    "m": ("page", 2),  # question, offset
    "e": ("explain", 2),  # question, offset of the page that is left
    "p": ("post", 2),  # question (0: none), post
    "l": ("like", 2),  # question (0: none), post
    "u": ("up", 2),  # question, post
    "d": ("down", 2),  # question, post
    "a": ("again", 1),  # question
    "x": ("example", 1),  # index of the example
    "t": ("topics", 1),  # first topic of the page
    "o": ("topic", 2),  # topic, offset
    "g": ("language", 1),  # index of the language
    "k": ("keep", 1),  # number of what was left out
}
_BY_ACTION: Final = {action: (letter, count) for letter, (action, count) in _LETTERS.items()}
_FORM: Final = re.compile(r"([a-z])((?::(?:0|[1-9][0-9]{0,18}))*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Press:
    """A button's meaning: what to do, and the numbers that it is about."""

    action: Action
    numbers: tuple[int, ...]


def encode(action: Action, *numbers: int) -> str:
    """Write callback data, at most 64 bytes."""
    letter, count = _BY_ACTION[action]
    assert len(numbers) == count
    data = ":".join((letter, *map(str, numbers)))
    assert len(data) <= CALLBACK_BYTES
    return data


def decode(data: object) -> Press | None:
    """Read callback data; None for anything that `encode` does not write."""
    match = _FORM.fullmatch(data) if isinstance(data, str) and len(data) <= CALLBACK_BYTES else None
    if match is None or match[1] not in _LETTERS:
        return None
    action, count = _LETTERS[match[1]]
    numbers = tuple(int(number) for number in match[2].split(":")[1:])
    if len(numbers) != count or any(number >= 2**63 for number in numbers):
        return None
    return Press(action, numbers)
