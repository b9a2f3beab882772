"""The picture of a message, whatever it was sent as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from telegram import Document, ExternalReplyInfo, Message

from engine.corpus.posts import is_photo_name

#: Types that say nothing of what a file is.
_UNTYPED: Final = ("", "application/octet-stream", "binary/octet-stream", "application/x-unknown")


#: How file_ids begin by which no photo is sent: of stills, videos, documents, stickers, animations
#: and round videos. (The first byte is the kind of the file; others are tried.)
_NO_PHOTO: Final = ("AAM", "BA", "BQ", "CA", "Cg", "DQ")


def sendable(file_id: str | None) -> str | None:
    """The file_id, if a photo may be sent by it; None for a file, or the still of a video."""
    return None if file_id is None or file_id.startswith(_NO_PHOTO) else file_id


@dataclass(frozen=True, slots=True)
class File:
    """A photo at Telegram.

    Attributes
    ----------
    id
        Its file_id.
    size
        Bytes, where Telegram tells them.
    media
        What it is a still of: ``"video"``, ``"animation"``, ``"sticker"`` ...; None: a photo.
    """

    id: str
    size: int | None
    media: str | None = None


def file_of(message: Message | ExternalReplyInfo | None) -> File | None:
    """Return the picture of a message: its photo, a file that may be one, or a still of a video."""
    if message is None:
        return None
    if message.photo:
        largest = message.photo[-1]
        return File(largest.file_id, largest.file_size)
    sticker = message.sticker
    if sticker is not None and not (sticker.is_animated or sticker.is_video):
        return File(sticker.file_id, sticker.file_size, "sticker")
    document = message.document
    if document is not None and message.animation is None and may_be_picture(document):
        return File(document.file_id, document.file_size)
    stills = {
        "animation": message.animation,
        "video": message.video,
        "round video": message.video_note,
        "sticker": sticker,
        "document": document,
    }
    for media, moving in stills.items():
        # Telegram makes a still of what moves; it has the size of a small photo.
        if moving is not None and moving.thumbnail is not None:
            return File(moving.thumbnail.file_id, moving.thumbnail.file_size, media)
    return None


def may_be_picture(document: Document) -> bool:
    """Whether a file may be a picture, by its type or its name; or where neither says anything."""
    kind, name = document.mime_type or "", document.file_name or ""
    untold = kind in _UNTYPED and "." not in name
    return kind.startswith("image/") or is_photo_name(name) or untold
