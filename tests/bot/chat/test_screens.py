"""When a file_id is given up."""

from __future__ import annotations

import pytest
from telegram.error import BadRequest

from bot.chat.screens import wrong_file
from bot.telegram.pictures import sendable


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("Wrong file identifier/HTTP URL specified", True),
        ("Wrong remote file identifier specified: wrong string length", True),
        ("FILE_REFERENCE_EXPIRED", True),
        ("Wrong file_id or the file is temporarily unavailable", False),
        ("Can't use file of type Document as Photo", False),
        ("IMAGE_PROCESS_FAILED", False),
        ("Message is not modified", False),
    ],
)
def test_only_what_is_clearly_wrong_is_dropped(said: str, wrong: bool) -> None:
    assert wrong_file(BadRequest(said)) is wrong


def test_photos_are_sent_by_the_file_ids_of_photos() -> None:
    """As Telegram writes them: of a photo, then of a still, a file, a sticker, a new kind."""
    photo = "AgACAgIAAxkBAAIBZ2"
    assert sendable(photo) == photo
    for other in ("AAMCAgADGQEAAgFn", "BQACAgIAAxkBAAIB", "CAACAgIAAxkBAAIB", None):
        assert sendable(other) is None
    assert sendable("ZZACAgIAAxkBAAIB") == "ZZACAgIAAxkBAAIB"
