"""Photos of one album come as single messages: collect them until no more come."""

from __future__ import annotations

from telegram import Update

ALBUM_MAX = 10
#: Albums being collected at a time; beyond, a photo is taken on its own.
OPEN_MAX = 1000


class Albums:
    """Albums that are still coming in, by chat and Telegram's id of the album."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, str], list[Update]] = {}

    def add(self, update: Update) -> bool | None:
        """Take a photo of an album.

        Returns
        -------
        bool or None
            True for the first one of its album, False for another one, None
            where it could not be taken.
        """
        message = update.message
        assert message is not None
        assert message.media_group_id is not None
        key = (message.chat_id, message.media_group_id)
        first = key not in self._open
        if first and len(self._open) >= OPEN_MAX:
            return None
        photos = self._open.setdefault(key, [])
        if len(photos) < ALBUM_MAX:
            photos.append(update)
        return first

    def size(self, chat: int, album: str) -> int:
        """How many photos of it are here so far."""
        return len(self._open.get((chat, album), ()))

    def take(self, chat: int, album: str) -> list[Update]:
        """All photos of an album, in order; it is closed then."""
        photos = self._open.pop((chat, album), [])
        return sorted(photos, key=lambda update: update.message.message_id if update.message else 0)

    def open(self) -> list[tuple[int, str]]:
        """Albums that are still collected."""
        return list(self._open)
