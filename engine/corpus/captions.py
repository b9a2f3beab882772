"""Captions of photos in a folder: a table, a file beside each photo, or within the photo itself."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from PIL import ExifTags, Image, ImageFile, IptcImagePlugin

from engine.errors import CorpusError
from engine.text.clean import repair_encoding

MAX_SIDECAR_BYTES: Final = 1 << 20

# Names of columns, lower case, the first that a table has being taken.
_PHOTO: Final = ("photo", "image", "file", "filename", "file_name", "path", "img", "фото", "файл")
_TEXT: Final = ("text", "caption", "description", "title", "comment", "подпись", "текст")
_TAGS: Final = ("tags", "keywords", "hashtags", "теги")
_REST: Final = {"date": ("date", "datetime", "created", "дата"), "url": ("url", "link", "ссылка")}

_IPTC_CAPTION, _IPTC_HEADLINE, _IPTC_TITLE = (2, 120), (2, 105), (2, 5)
_IPTC_KEYWORDS, _IPTC_BYLINE = (2, 25), (2, 80)
_XP: Final = {"title": 0x9C9B, "comment": 0x9C9C, "keywords": 0x9C9E, "subject": 0x9C9F}
# What cameras write into ImageDescription of their own accord.
_CAMERA: Final = re.compile(
    r"^(?:olympus digital camera|sony dsc|minolta digital camera|kodak digital.*|samsung.*"
    r"|dcim\\.*|default|untitled|image|photo|picture|screenshot|ascii\s*|exif_jpeg_.*|\W*)$",
    re.IGNORECASE,
)


@dataclass
class Caption:
    """What is known of a photo.

    Attributes
    ----------
    texts
        All captions, in order, each once.
    tags
        Keywords, or None if there are none to be had.
    date, url, author
        As found; the date in ISO 8601.
    """

    texts: list[str] = field(default_factory=list)
    tags: list[str] | None = None
    date: str | None = None
    url: str | None = None
    author: str | None = None

    def add(self, text: object) -> None:
        """Add a caption unless it is empty or there already."""
        plain = repair_encoding(text).strip() if isinstance(text, str) else ""
        if plain and plain not in self.texts:
            self.texts.append(plain)


def read_table(path: Path) -> dict[str, Caption]:
    """Read a table of captions: CSV, TSV (with a line of column names) or JSONL.

    Several rows for one photo are several captions of it.

    Returns
    -------
    dict
        The photo as the table names it, with ``/`` -> its caption.

    Raises
    ------
    CorpusError
        It cannot be read, or has no column of photos or of texts.
    """
    found: dict[str, Caption] = {}
    try:
        for row in _rows(path):
            name = _pick(row, _PHOTO)
            if not isinstance(name, str) or not name.strip():
                continue
            key = name.strip().replace("\\", "/").removeprefix("./")
            caption = found.setdefault(key, Caption())
            texts = _pick(row, _TEXT)
            for text in texts if isinstance(texts, list) else [texts]:
                caption.add(text)
            tags = _pick(row, _TAGS)
            if isinstance(tags, str):
                tags = [tag for tag in re.split(r"[;,\s]+", tags) if tag]
            if isinstance(tags, list):
                caption.tags = [str(tag).lstrip("#") for tag in tags]
            caption.date = _iso(_pick(row, _REST["date"])) or caption.date
            url = _pick(row, _REST["url"])
            caption.url = url if isinstance(url, str) and url else caption.url
    except (OSError, UnicodeError, csv.Error) as error:
        raise CorpusError(f"the captions {path} cannot be read: {error}") from error
    if not found:
        raise CorpusError(
            f"{path} names no photos: it needs a column {' or '.join(_PHOTO[:3])} and a column "
            f"{' or '.join(_TEXT[:3])}"
        )
    return found


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    text = path.read_bytes()
    lines = _decode(text).splitlines(keepends=True)
    if path.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise CorpusError(f"{path}, line {number}: not JSON ({error})") from error
            if not isinstance(row, dict):
                raise CorpusError(f"{path}, line {number}: a JSON object is expected")
            yield {str(key).lower(): value for key, value in row.items()}
        return
    head = "".join(lines[:1])
    counts = {mark: head.count(mark) for mark in "\t;,"}
    delimiter = max(counts, key=lambda mark: counts[mark]) if any(counts.values()) else ","
    for row in csv.DictReader(lines, delimiter=delimiter):
        yield {str(key or "").strip().lower(): value for key, value in row.items()}


def _decode(data: bytes) -> str:
    for encoding in ("utf-8-sig", "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1251"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("utf-8", "replace")


def _pick(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def read_sidecar(photo: Path) -> Caption | None:
    """Read ``name.txt`` or ``name.jpg.txt`` beside a photo; None if there is none."""
    for path in (photo.with_suffix(".txt"), photo.with_name(photo.name + ".txt")):
        try:
            if path.is_file() and path.stat().st_size <= MAX_SIDECAR_BYTES:
                caption = Caption()
                caption.add(_decode(path.read_bytes()))
                return caption
        except OSError:
            continue
    return None


def read_embedded(photo: Path) -> Caption | None:
    """Read what EXIF, IPTC and XMP within a photo say; None where the photo cannot be opened.

    A description that a camera writes by itself is passed over. Where it was taken is not read.
    """
    caption = Caption()
    try:
        with Image.open(photo) as image:
            _read_iptc(image, caption)
            _read_exif(image, caption)
            _read_xmp(image, caption)
    except Exception:
        # Whatever a decoder throws at a damaged file; the photo itself is judged elsewhere.
        return caption if caption.texts else None
    return caption


def _read_iptc(image: Image.Image, caption: Caption) -> None:
    info = IptcImagePlugin.getiptcinfo(image) if isinstance(image, ImageFile.ImageFile) else None

    def values(key: tuple[int, int]) -> list[str]:
        raw = (info or {}).get(key, [])
        return [_decode(item).strip() for item in (raw if isinstance(raw, list) else [raw])]

    for key in (_IPTC_CAPTION, _IPTC_HEADLINE, _IPTC_TITLE):
        for text in values(key):
            if not caption.texts:
                caption.add(text)
    if tags := [tag for tag in values(_IPTC_KEYWORDS) if tag]:
        caption.tags = tags
    caption.author = next(iter(values(_IPTC_BYLINE)), None)


def _read_exif(image: Image.Image, caption: Caption) -> None:
    exif = image.getexif()
    detail = exif.get_ifd(ExifTags.IFD.Exif)
    described = exif.get(ExifTags.Base.ImageDescription)
    comment = detail.get(ExifTags.Base.UserComment)
    candidates = [
        described,
        _windows(exif.get(_XP["title"])),
        _windows(exif.get(_XP["comment"])),
        _windows(exif.get(_XP["subject"])),
        _comment(comment),
    ]
    for text in candidates:
        if not caption.texts and isinstance(text, str) and not _CAMERA.match(text.strip("\0 ")):
            caption.add(_as_utf8(text.strip("\0 ")))
    keywords = _windows(exif.get(_XP["keywords"]))
    if keywords and caption.tags is None:
        caption.tags = [tag.strip() for tag in re.split("[;,]", keywords) if tag.strip()]
    taken = detail.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    caption.date = _iso(taken)
    artist = exif.get(ExifTags.Base.Artist)
    caption.author = caption.author or (artist.strip("\0 ") if isinstance(artist, str) else None)


def _read_xmp(image: Image.Image, caption: Caption) -> None:
    root = image.getxmp()
    described: Any = root.get("xmpmeta", {}).get("RDF", {}).get("Description", {})
    for part in described if isinstance(described, list) else [described]:
        for name in ("description", "title"):
            for text in _leaves(part.get(name)):
                if not caption.texts:
                    caption.add(text)
        tags = _leaves(part.get("subject"))
        if tags and caption.tags is None:
            caption.tags = tags


def _leaves(value: Any) -> list[str]:
    """Strings within an XMP container (Alt, Bag, Seq), whatever its depth."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            return _leaves(value["text"])
        return [leaf for key, item in value.items() if key != "lang" for leaf in _leaves(item)]
    return []


def _windows(value: object) -> str | None:
    """Text of an XP tag: UTF-16 as bytes or as a tuple of them."""
    if isinstance(value, tuple):
        value = bytes(value)
    return value.decode("utf-16-le", "replace").strip("\0 ") if isinstance(value, bytes) else None


def _comment(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes) or len(value) <= 8:
        return None
    code, rest = value[:8], value[8:]
    if code.startswith(b"UNICODE"):
        # The byte order is not told; the wrong one gives characters of far scripts.
        readings = [rest.decode(order, "replace") for order in ("utf-16-le", "utf-16-be")]
        near = [sum(char < "\u0530" for char in reading) for reading in readings]
        return readings[near[1] > near[0]].strip("\0 \ufeff")
    return _decode(rest).strip("\0 ") if code.startswith((b"ASCII", b"\0")) else None


def _as_utf8(text: str) -> str:
    """Undo Pillow's reading of an EXIF string as Latin-1 where it was UTF-8."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _iso(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    text = value.strip("\0 ")
    try:
        return datetime.strptime(text, "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return None
