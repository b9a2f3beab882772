"""Files of the local chat: kept on disk up to a bound, known by stable file_ids."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import mimetypes
import re
import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final, Literal

from PIL import Image, UnidentifiedImageError

from bot.local.errors import BadRequestError, TooLargeError
from bot.local.limits import (
    MAX_DOCUMENT_UPLOAD,
    MAX_PHOTO_RATIO,
    MAX_PHOTO_SIDES,
    MAX_PHOTO_UPLOAD,
    MAX_STORED_BYTES,
    PHOTO_SIDES,
)
from engine.errors import PhotoError, PhotoTooLargeError
from engine.photo import decode, size_of
from engine.pictures import to_photo

Kind = Literal["photo", "document"]

#: What a message may show; all but the first are stored as documents.
MEDIA: Final = ("photo", "document", "sticker", "animation", "video", "video_note")

_JPEG_QUALITY = 87
_THUMBNAIL_SIDE = 320
_ID_PREFIX = {"photo": "AgACAgIAAx", "document": "BQACAgIAAx", "thumbnail": "AAMCAgADGQ"}
_FOLDERS = {"photo": "photos", "document": "documents", "thumbnail": "thumbnails"}


@dataclass(slots=True)
class StoredFile:
    """One file on disk: one size of a photo, a document, or a document's thumbnail.

    Attributes
    ----------
    file_id, file_unique_id
        As the Bot API gives them; both depend on nothing but the bot and the content.
    role
        ``"photo"``, ``"document"`` or ``"thumbnail"``.
    size
        Bytes.
    width, height
        Pixels; 0 for what is no picture.
    """

    file_id: str
    file_unique_id: str
    role: str
    size: int
    suffix: str
    mime_type: str
    width: int = 0
    height: int = 0

    @property
    def file_path(self) -> str:
        """The path that ``getFile`` gives."""
        return f"{_FOLDERS[self.role]}/{self.file_unique_id}{self.suffix}"

    def photo_size(self) -> dict[str, Any]:
        """Return the Bot API's ``PhotoSize``."""
        return {
            "file_id": self.file_id,
            "file_unique_id": self.file_unique_id,
            "file_size": self.size,
            "width": self.width,
            "height": self.height,
        }


@dataclass(slots=True)
class Media:
    """What a message shows: all the sizes of a photo, or a document and its thumbnail.

    Attributes
    ----------
    files
        Photo: its sizes, smallest first. Document: the file, then its thumbnail if any.
    kept
        It never has to go for others.
    """

    kind: Kind
    name: str
    files: list[StoredFile] = field(default_factory=list)
    kept: bool = False

    @property
    def main(self) -> StoredFile:
        """The photo's largest size, or the document itself."""
        return self.files[-1] if self.kind == "photo" else self.files[0]

    def fields(self, kind: str = "document") -> dict[str, Any]:
        """Return the message's fields.

        Parameters
        ----------
        kind
            What a document was sent as, one of `MEDIA`.
        """
        if self.kind == "photo":
            return {"photo": [file.photo_size() for file in self.files]}
        main = self.main
        file: dict[str, Any] = {
            "file_id": main.file_id,
            "file_unique_id": main.file_unique_id,
            "file_size": main.size,
        }
        width = height = 512
        if len(self.files) > 1:
            file["thumbnail"] = self.files[1].photo_size()
            width, height = self.files[1].width, self.files[1].height
        named = {"file_name": self.name, "mime_type": main.mime_type}
        if kind == "sticker":
            moving = {
                "is_animated": main.suffix == ".tgs",
                "is_video": main.mime_type == "video/webm",
            }
            return {"sticker": {**file, "type": "regular", "width": 512, "height": 512, **moving}}
        if kind == "video_note":
            return {"video_note": {**file, "length": width, "duration": 1}}
        fields = {"document": {**file, **named}}
        if kind == "document":
            return fields
        moving_picture = {**file, **named, "width": width, "height": height, "duration": 1}
        # Telegram tells of an animation twice.
        return {kind: moving_picture, **(fields if kind == "animation" else {})}


class FileStore:
    """Photos and documents, on disk, oldest use first out.

    Parameters
    ----------
    folder
        Where the files lie. What an earlier run left there is known again, so that file_ids
        which a bot has stored stay valid.
    owner
        The bot's id: another bot gets other file_ids for the same content, as in Telegram.
    max_bytes
        Bound of all files together but those that are kept.
    """

    def __init__(self, folder: Path, owner: int, max_bytes: int = MAX_STORED_BYTES) -> None:
        self.folder = folder
        self._owner = owner
        self._max_bytes = max_bytes
        self._bytes = 0
        self._media: dict[str, Media] = {}
        # Those that may have to go, least recently used first.
        self._passing: OrderedDict[str, None] = OrderedDict()
        # Equal bytes are one file, which several media may share (a photo sent back, say).
        self._by_file_id: dict[str, dict[str, StoredFile]] = {}
        self._by_path: dict[str, str] = {}
        # Decoding is CPU work: few at once, or the loop would wait.
        self._decoders = asyncio.Semaphore(2)
        self._writing = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._load()

    async def add_photo(self, content: bytes, *, scaled: bool = False) -> Media:
        """Store a photo as Telegram does: re-encoded where needed, in several sizes.

        Parameters
        ----------
        scaled
            Take a larger one too, as a client does, which scales it before it is sent.

        Raises
        ------
        BadRequestError
            It is empty, over 10 MB, no picture, or of impossible dimensions.
        """
        if not content:
            raise BadRequestError("file must be non-empty")
        if len(content) > MAX_PHOTO_UPLOAD and not scaled:
            raise BadRequestError(
                f"file of size {len(content)} bytes is too big for a photo; "
                f"the maximum size is {MAX_PHOTO_UPLOAD} bytes"
            )
        known = self._known("photo", content, "")
        if known is not None:
            return known
        async with self._decoders:
            sizes = await asyncio.to_thread(_photo_sizes, content, scaled)
        media = Media("photo", "")
        parts = []
        for width, height, encoded in sizes:
            media.files.append(
                self._describe("photo", encoded, ".jpg", "image/jpeg", width, height)
            )
            parts.append(encoded)
        return await self._keep(_key("photo", content, ""), media, parts)

    async def add_document(
        self,
        content: bytes,
        name: str = "file",
        mime_type: str | None = None,
        preview: bytes | None = None,
    ) -> Media:
        """Store a file as it is; a picture gets a thumbnail, anything else that of `preview`.

        Raises
        ------
        BadRequestError
            It is empty.
        TooLargeError
            It is over 50 MB.
        """
        if not content:
            raise BadRequestError("file must be non-empty")
        if len(content) > MAX_DOCUMENT_UPLOAD:
            raise TooLargeError
        # A name from outside never becomes a path here; it is only shown.
        name = PurePath(name.replace("\\", "/")).name.replace("\x00", "")[:255] or "file"
        mime = mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        known = self._known("document", content, f"{name}\n{mime}")
        if known is not None:
            return known
        suffix = PurePath(name).suffix
        suffix = suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 9 else ""
        media = Media("document", name)
        media.files.append(self._describe("document", content, suffix, mime))
        parts = [content]
        async with self._decoders:
            thumbnail = await asyncio.to_thread(_thumbnail, preview or content)
        if thumbnail is not None:
            width, height, encoded = thumbnail
            media.files.append(
                self._describe("thumbnail", encoded, ".jpg", "image/jpeg", width, height)
            )
            parts.append(encoded)
        return await self._keep(_key("document", content, f"{name}\n{mime}"), media, parts)

    async def keep(self, media: Media) -> None:
        """Keep media for good: a bot's library shows a post by its file_id, however old it is."""
        if media.kept:
            return
        media.kept = True
        key = next(key for key in self._by_file_id[media.main.file_id] if self._media[key] is media)
        del self._passing[key]
        self._bytes -= sum(file.size for file in media.files)
        await asyncio.to_thread(self._note, key, media)

    def find(self, file_id: str) -> tuple[Media, StoredFile]:
        """Return the media and the file that a file_id stands for.

        Raises
        ------
        BadRequestError
            No such file, or it had to go for others.
        """
        sharers = self._by_file_id.get(file_id)
        if not sharers:
            raise BadRequestError("wrong file_id or the file is temporarily unavailable")
        key, file = next(reversed(sharers.items()))
        self._use(key)
        return self._media[key], file

    def media(self, file_id: str, kind: Kind) -> Media:
        """Return the media of a file_id that is to be sent again.

        Raises
        ------
        BadRequestError
            No such file, or it is of another kind.
        """
        if file_id not in self._by_file_id:
            raise BadRequestError(
                "wrong remote file identifier specified: Wrong string length"
                if len(file_id) < 20
                else "wrong file identifier/HTTP URL specified"
            )
        media, file = self.find(file_id)
        if media.kind != kind or file.role == "thumbnail":
            raise BadRequestError(
                f"can't use file of type {file.role.capitalize()} as {kind.capitalize()}"
            )
        return media

    def by_path(self, file_path: str) -> StoredFile | None:
        """Return the file of a path that ``getFile`` gave; None when there is none."""
        file_id = self._by_path.get(file_path)
        return None if file_id is None else self.find(file_id)[1]

    def location(self, file: StoredFile) -> Path:
        """Return where a file lies on disk."""
        return self.folder / f"{file.role}-{file.file_unique_id}"

    # ---------------------------------------------------------------------------------------

    def _describe(
        self, role: str, content: bytes, suffix: str, mime: str, width: int = 0, height: int = 0
    ) -> StoredFile:
        digest = hashlib.sha256(content).digest()
        unique = _base64(digest[:12])
        owned = hashlib.sha256(f"{self._owner}/{role}/{unique}/{mime}".encode()).digest()
        return StoredFile(
            _ID_PREFIX[role] + _base64(owned + digest[:12]),
            unique,
            role,
            len(content),
            suffix,
            mime,
            width,
            height,
        )

    def _known(self, kind: str, content: bytes, label: str) -> Media | None:
        key = _key(kind, content, label)
        self._use(key)
        return self._media.get(key)

    def _use(self, key: str) -> None:
        if key in self._passing:
            self._passing.move_to_end(key)

    async def _keep(self, key: str, media: Media, parts: list[bytes]) -> Media:
        if key in self._media:
            return self._media[key]
        await asyncio.to_thread(self._write, key, media, parts)
        if key in self._media:
            return self._media[key]
        self._register(key, media)
        while self._bytes > self._max_bytes and len(self._passing) > 1:
            oldest = next(iter(self._passing))
            self._forget(oldest, self._media[oldest])
        return media

    def _write(self, key: str, media: Media, parts: list[bytes]) -> None:
        for file, content in zip(media.files, parts, strict=True):
            self._put(self.location(file), content)
        self._note(key, media)

    def _note(self, key: str, media: Media) -> None:
        self._put(self.folder / f"{key}.json", json.dumps(asdict(media)))

    def _put(self, path: Path, content: bytes | str) -> None:
        # Equal bytes sent twice at a time are written to one path by two threads.
        with self._writing:
            # Not synced: what a loss of power cuts off is left out at the next start (`_load`).
            part = path.with_name(f"{path.name}.part")
            part.write_bytes(content if isinstance(content, bytes) else content.encode())
            part.replace(path)

    def _register(self, key: str, media: Media) -> None:
        self._media[key] = media
        if not media.kept:
            self._passing[key] = None
            self._bytes += sum(file.size for file in media.files)
        for file in media.files:
            self._by_file_id.setdefault(file.file_id, {})[key] = file
            self._by_path[file.file_path] = file.file_id

    def _forget(self, key: str, media: Media) -> None:
        del self._media[key], self._passing[key]
        (self.folder / f"{key}.json").unlink(missing_ok=True)
        self._bytes -= sum(file.size for file in media.files)
        for file in media.files:
            sharers = self._by_file_id[file.file_id]
            del sharers[key]
            if not sharers:
                del self._by_file_id[file.file_id]
                self._by_path.pop(file.file_path, None)
                self.location(file).unlink(missing_ok=True)

    def _load(self) -> None:
        notes = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in notes:
            media = _noted(path)
            # A file that was cut off, or a note that was damaged, counts as none.
            if media is not None and all(map(self._sound, media.files)):
                self._register(path.stem, media)

    def _sound(self, file: StoredFile) -> bool:
        try:
            return self.location(file).stat().st_size == file.size
        except OSError:
            return False


def _noted(path: Path) -> Media | None:
    try:
        note = json.loads(path.read_text())
        files = [StoredFile(**item) for item in note["files"]]
        texts = [text for file in files for text in (file.file_id, file.suffix, file.mime_type)]
        good = (
            note["kind"] in ("photo", "document")
            and all(isinstance(text, str) for text in [note["name"], *texts])
            and all(isinstance(n, int) for file in files for n in (file.width, file.height))
            and all(file.role in _FOLDERS for file in files)
            and all(re.fullmatch(r"[\w-]+", file.file_unique_id) for file in files)
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return (
        Media(note["kind"], note["name"], files, bool(note.get("kept"))) if good and files else None
    )


def _key(kind: str, content: bytes, label: str) -> str:
    digest = hashlib.sha256(content)
    digest.update(f"\x00{kind}\x00{label}".encode())
    return digest.hexdigest()[:32]


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _photo_sizes(content: bytes, scaled: bool) -> list[tuple[int, int, bytes]]:
    try:
        width, height = size_of(content)
        if width + height > MAX_PHOTO_SIDES or max(width, height) > MAX_PHOTO_RATIO * min(
            width, height
        ):
            raise BadRequestError("PHOTO_INVALID_DIMENSIONS")
        image = decode(content, size_hint=PHOTO_SIDES[-1])
    except PhotoTooLargeError:
        raise BadRequestError("PHOTO_INVALID_DIMENSIONS") from None
    except PhotoError as error:
        raise BadRequestError("IMAGE_PROCESS_FAILED") from error
    longest = max(image.size)
    sizes = []
    if longest <= PHOTO_SIDES[-1]:
        # Small enough already: a JPEG without EXIF is kept byte for byte.
        kept = content if _is_plain(content) else to_photo(image, _JPEG_QUALITY)
        sizes.append((*image.size, kept))
    for side in (side for side in reversed(PHOTO_SIDES) if side < longest):
        image.thumbnail((side, side))
        sizes.append((*image.size, to_photo(image, _JPEG_QUALITY)))
    return sizes[::-1]


def _is_plain(content: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as opened:
            return opened.mode == "RGB" and "exif" not in opened.info
    except UnidentifiedImageError:
        return False


def _thumbnail(content: bytes) -> tuple[int, int, bytes] | None:
    try:
        image = decode(content, size_hint=_THUMBNAIL_SIDE)
    except PhotoError:  # A document may be anything; one that is no picture has no thumbnail.
        return None
    image.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    return (*image.size, to_photo(image, _JPEG_QUALITY))
