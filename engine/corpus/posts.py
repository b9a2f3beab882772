"""A post as a source has it, and what of a source could not be taken."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine.photo import MAX_BYTES

PHOTO_SUFFIXES: Final = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic")
)

_PHOTO_ENDINGS: Final = PHOTO_SUFFIXES | frozenset(
    (".jpe", ".jfif", ".pjpeg", ".jpg_large", ".heif", ".dng", ".mpo", ".jp2", ".psd")
)

MAX_PHOTO_BYTES: Final = MAX_BYTES

_DEVICE: Final = re.compile(r"con|prn|aux|nul|com\d|lpt\d")
"""No file of Windows may have such a name, whatever its ending."""

NAMED: Final = 5
"""So many examples of each reason are named."""

REASONS: Final[Mapping[str, str]] = {
    "excluded": "photos that the export does not include",
    "oversize": "photos over the export's size limit",
    "unavailable": "photos that Telegram did not give out",
    "thumbnail": "videos and stickers without a thumbnail",
    "missing": "photos missing on the disk",
    "outside": "photos outside of the export",
    "large": "photos that are too large",
    "empty_file": "empty files",
    "unnamed": "photos of the table that are not in the folder",
    "empty": "without photo or text",
    "number": "without a number",
    "damaged": "damaged messages",
    "damaged_file": "damaged photos",
    "raw": "raw photos of cameras",
    "other_picture": "pictures of kinds that are not read",
    "no_photo": "other files",
    "small_copies": "folders of small copies or of what was deleted",
    "private": "private talks",
    "other": "other chats",
}
"""Why something was not taken: a key that does not change, and plain English."""


@dataclass(frozen=True, slots=True)
class SourcePost:
    """A post as an export, a folder or a corpus has it.

    Attributes
    ----------
    record
        The fields of a line of ``posts.jsonl``; one that is None is not there. ``photo`` is the
        place that the photo gets in a corpus (see `photo_name`). Names and numbers of people are
        hidden.
    file
        Where the photo is now; None for a post without one. It need not be there any more when
        the next post is asked for.
    without_file
        The post has a photo that is not there: one that was collected before is as good as ever.
    alone
        It is a post even so; False for a part of an album whose words another part has.
    """

    record: dict[str, Any]
    file: Path | None
    without_file: bool = False
    alone: bool = True

    @property
    def shown_text(self) -> str:
        """What a reader sees: of several texts the first in each language."""
        texts = self.record.get("texts") or {}
        return self.record.get("text") or "\n".join(many[0] for many in texts.values() if many)


@dataclass
class SourceReport:
    """What a source held; complete as soon as its last post was yielded.

    Attributes
    ----------
    read
        What was looked at, by kind: ``messages``, ``chats``, ``photos``, ``posts``.
    captions
        Of a folder: where the photos' captions come from.
    skipped
        Reason (a key of `REASONS`, or the words of a table or of `read_corpus`) -> how many.
    examples
        Reason -> the names of the first few.
    broken
        Why the source ended before its end, or None.
    notes
        Sentences about what was lost, the weightiest first.
    hints
        Sentences about what could be better.
    covered
        What was read to the end: beginning of ids -> the first and the last number behind it, or
        None for all. A post of these that was not yielded is no longer in the source.
    place, size
        How far the reader has come, and how far it goes: bytes of a file, or photos.
    """

    read: Counter[str] = field(default_factory=Counter)
    captions: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    broken: str | None = None
    notes: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    covered: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    place: int = 0
    size: int = 0

    def skip(self, reason: str, name: object = "") -> None:
        """Count what was not taken, and remember the first few names."""
        self.skipped[reason] += 1
        named = self.examples.setdefault(reason, [])
        if name and len(named) < NAMED:
            named.append(str(name))

    def losses(self) -> list[str]:
        """What a person should know, in sentences: first that the source ended too early."""
        early = [f"it ended too early: {self.broken}; what stood before is kept"]
        return [*(early if self.broken else []), *self.notes]

    def __str__(self) -> str:
        text = ", ".join(
            f"{count:,} {kind if count != 1 else kind[:-1]}" for kind, count in self.read.items()
        )
        text = text or "nothing"
        if self.captions:
            text += "; captions: " + ", ".join(
                f"{origin} {count:,}" for origin, count in self.captions.most_common()
            )
        if self.skipped:
            text += "; left out: " + ", ".join(
                f"{REASONS.get(reason, reason)} {count:,}"
                for reason, count in self.skipped.most_common()
            )
        return "\n".join([text, *self.hints])


def is_photo_name(name: str) -> bool:
    """Whether a name ends as those of photos do; what a file holds tells `engine.photo`."""
    return name.strip().lower().endswith(tuple(_PHOTO_ENDINGS))


def photo_name(*parts: object, suffix: str) -> str:
    """Path of a photo below the corpus, from parts that name it.

    Each part becomes a folder or file name of small letters, digits, ``-`` and ``_``; one that has
    anything else is told apart by a hash, so that no file system takes two names for one.
    """
    names = []
    for part in map(str, parts):
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in part)
        if plain != part or plain != plain.lower() or len(part) > 60 or _DEVICE.fullmatch(part):
            digest = hashlib.blake2b(part.encode("utf-8", "surrogatepass"), digest_size=6)
            plain = f"{plain[:40]}-{digest.hexdigest()}"
        names.append(plain)
    return "/".join(["photos", *names]) + _photo_suffix(suffix)


def file_place(name: str, inside: str, suffix: str) -> str:
    """Path of a photo below the corpus, by its path in the folder that it comes from.

    Parameters
    ----------
    name
        Of the folder.
    inside
        The path; names that differ in their ending alone have places of their own.
    suffix
        The ending that fits what the file holds.
    """
    stem = inside.removesuffix(_photo_suffix(suffix))
    return photo_name(name, stem if stem != inside else f"{inside}.", suffix=suffix)


def _photo_suffix(suffix: str) -> str:
    return suffix.lower() if suffix.lower() in PHOTO_SUFFIXES else ".jpg"
