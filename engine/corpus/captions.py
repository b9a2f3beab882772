"""Captions of photos in a folder: a table, a file beside each photo, or within the photo itself."""

from __future__ import annotations

import codecs
import contextlib
import csv
import email.utils
import json
import math
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from defusedxml import ElementTree
from PIL import ExifTags, Image, ImageFile, IptcImagePlugin

from engine.corpus.posts import is_photo_name
from engine.errors import CorpusError, PhotoError
from engine.photo import open_photo
from engine.text.clean import repair_encoding

MAX_SIDECAR_BYTES: Final = 1 << 20
MAX_TABLE_BYTES: Final = 1 << 30

# Names of columns, as `_plain` makes them, the first that a table has being taken.
_PHOTO: Final = (
    *("photo", "image", "file", "filename", "file name", "image name", "photo name", "path"),
    *("file path", "filepath", "image path", "img", "picture", "pic", "image file", "name"),
    *("фото", "фотография", "файл", "имя файла", "название файла", "изображение", "картинка"),
    *("снимок", "путь", "путь к файлу", "имя"),
)
_TEXT: Final = (
    *("text", "caption", "captions", "description", "alt text", "title", "comment", "alt"),
    *("sentence", "caption str"),
    *("подпись", "подписи", "текст", "описание", "заголовок", "название", "комментарий"),
)
_TAGS: Final = (
    *("tags", "keywords", "hashtags", "tag", "теги", "тэги", "хештеги", "хэштеги"),
    "ключевые слова",
)
_DATE: Final = ("date", "datetime", "date taken", "created", "time", "дата", "дата съемки")
_URL: Final = ("url", "link", "ссылка", "адрес")

_TOKEN_LINE: Final = re.compile(r"(.+?)#\d+\s+(.*)")
_NAMED_LINE: Final = re.compile(
    r"(.+?\.(?:jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|heic|heif|avif))(?:\s*[:;=|\t]|\s+[-–—]?)\s+(.*)",
    re.IGNORECASE,
)
_SEP_LINE: Final = re.compile(r"\"?sep=(.)\"?[;,]*", re.IGNORECASE)
_SEPARATORS: Final = "\t;,|"
_HEADINGS: Final = 5
"""So many rows may stand before the names of the columns."""
_SAMPLE: Final = 1 << 16
_ENCODINGS: Final = ("cp1251", "cp1252", "koi8-r", "cp866", "mac-cyrillic")
_TABLE_KINDS: Final = "a CSV, TSV, JSON, JSONL or .xlsx file"
# What some files begin with that are no tables, and what they are.
_NO_TABLES: Final = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls): save it as .xlsx or CSV"),
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "a document of a word processor (.rtf)"),
    (b"SQLite format 3", "a database"),
)

_IPTC_CAPTION, _IPTC_HEADLINE, _IPTC_TITLE = (2, 120), (2, 105), (2, 5)
_IPTC_KEYWORDS, _IPTC_BYLINE = (2, 25), (2, 80)
_XP: Final = {"title": 0x9C9B, "comment": 0x9C9C, "keywords": 0x9C9E, "subject": 0x9C9F}
_XMP_TEXTS: Final = ("description", "title")

# What cameras and apps write into a description of their own accord.
_CAMERA: Final = re.compile(
    r"""(?: .*\bdigital\ (?:still\ )?camera .* | sony\ dsc | lead\ technologies .*
      | samsung .* | kodak .* | konica .* | minolta .* | nokia .* | hellomoto | applemark
      # Phones of Huawei and Honor: how it was taken, such as cof, oznor, fznorHDR, dav_soft.
      | _?(?:cof|dav|mde|ptr|hdr|sdr|btf|bty|bsh|rbt|edf|nfl|vty|cuva|burst|rhdr|mtf|ptf|hdrpl
         |nor|oznor|fznor|mtnor|qrf|dst|nightscene|portrait|wide|default)(?:wo|lr|pl|hdr[a-z]?)?
         (?:_[a-z0-9]+)*
      | (?:oz|fz|mt|bt)[a-z]{3,6} (?:_[a-z0-9]+)*
      | my\ beautiful\ picture | my\ picture | exif[_ ]jpeg .* | jpeg[_ ]encoded .* | ascii
      | dcim\\.* | [a-z]:\\.* | maker:.* | charset=.* | fbmd[0-9a-f]+ | hasselblad .*
      | (?:created|made|processed|edited|captured|generated|taken|shot|filmed|scanned|optimized
         |compressed|saved|exported)\ (?:with|by|using|in|on|for) \b .*
      | file\ (?:written|source) .* | adobe\ photoshop .* | photoshop .* | gd-jpeg .* | lavc.*
      | optimized\ by .* | intel\(r\)\ .* | snapseed .* | vsco .* | picasa .* | instagram | facebook
      | whats\ ?app .* | telegram | image\ description | description | caption | title | comment
      | picture\ saved\ with\ settings .* | filter:\ .* | <?kenox .* | hisilicon .* | \{.*\}
      | \[.*\] | oplus_.* | dcim/.* | [\w-]+:\ ?-?[\d.]+;.* | сделано\ (?:с\ помощью|на)\ .*
      | none | null | n/?a | undefined | unknown | untitled .* | без\ (?:имени|названия) | default
      | image | photo | picture | screen\ ?shot .* | снимок\ экрана .* | camera | camera\ roll
      | (?:img|dsc[nf]?|dscf|pict?|p|mvi?|vid|pxl|photo|image|scan|screenshot|dji|gopr|imag|wp)
        [-_ ]?\d[\d_\-. ()a-z]* | [\d\W_]*
    )""",
    re.IGNORECASE | re.VERBOSE,
)

_MONTHS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        *("jan|янв", "feb|фев", "mar|мар", "apr|апр", "may|ма[йя]", "jun|июн", "jul|июл"),
        *("aug|авг", "sep|сен", "oct|окт", "nov|ноя", "dec|дек"),
    )
)
_TIME: Final = (
    r"(?:[ T,]+(?:at |в )?(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?\s*([ap]m)?)?\s*(?:г\.?)?"
)
_NUMBERED: Final = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})" + _TIME, re.IGNORECASE)
_WRITTEN: Final = re.compile(
    r"(?:[^\W\d]{2,}\.?, )?"
    r"(?:(\d{1,2})(?:st|nd|rd|th)?[ -]([^\W\d]{3,})|([^\W\d]{3,}) (\d{1,2})(?:st|nd|rd|th)?)"
    r"\.?,?[ -](\d{4}|\d{2})(?: ?г\.?(?:ода)?)?" + _TIME,
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
        Keywords, or None if there are none.
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
    """Read a table of captions, whatever its form.

    CSV (with any of the usual separators and encodings, with or without a line of names), JSONL,
    JSON (a list of objects; names with their captions; COCO), Flickr's token files, Excel. Several
    rows for one photo are several captions of it.

    Returns
    -------
    dict
        The photo as the table names it, with ``/`` -> its caption.

    Raises
    ------
    CorpusError
        It cannot be read, or names no photos; says what it is instead.
    """
    found: dict[str, Caption] = {}
    try:
        rows = list(_rows(path))
    except (OSError, UnicodeError, csv.Error) as error:
        raise CorpusError(f"the captions {path} cannot be read: {error}") from error
    month_first = _month_first(_pick(row, _DATE) for row in rows)
    for row in rows:
        name = _pick(row, _PHOTO)
        if not isinstance(name, str) or not name.strip():
            continue
        key = name.strip().replace("\\", "/").removeprefix("./")
        caption = found.setdefault(key, Caption())
        texts = _pick(row, _TEXT)
        for text in texts if isinstance(texts, list) else [texts]:
            number = isinstance(text, int | float) and math.isfinite(text)
            caption.add(str(text) if number else text)
        tags = _split_tags(_pick(row, _TAGS))
        caption.tags = tags if tags is not None else caption.tags
        caption.date = _iso(_pick(row, _DATE), month_first=month_first) or caption.date
        url = _pick(row, _URL)
        caption.url = url if isinstance(url, str) and url else caption.url
    if not any(caption.texts or caption.tags for caption in found.values()):
        names = sorted({name for row in rows[:20] for name in row if name})[:8]
        has = f"its columns are {', '.join(names)}" if names else "it is empty"
        raise CorpusError(
            f"{path} names no photos with captions ({has}): it needs a column "
            f"{' or '.join(_PHOTO[:3])} and a column {' or '.join(_TEXT[:3])}"
        )
    return found


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.is_dir() or path.stat().st_size > MAX_TABLE_BYTES:
        raise CorpusError(f"the captions {path} are no file that can be read: give {_TABLE_KINDS}")
    data = path.read_bytes()
    if data[:4] == b"PK\x03\x04":
        return _named(_sheet(path))
    for head, what in _NO_TABLES:
        if data.startswith(head):
            raise CorpusError(f"the captions {path} are {what}; what is read is {_TABLE_KINDS}")
    text = decode_text(data)
    if "\0" in text:
        raise CorpusError(f"the captions {path} are no text; what is read is {_TABLE_KINDS}")
    lines = _lines(text)
    start = text.lstrip()[:1]
    if start in ("[", "{") or path.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        return _json_rows(path, text, lines)
    for form in (_TOKEN_LINE, _NAMED_LINE):
        matches = [form.fullmatch(line.strip()) for line in lines if line.strip()]
        if matches and all(matches):
            return ({"photo": one[1], "text": one[2]} for one in matches if one)
    return _named(_cells(lines))


def _lines(text: str) -> list[str]:
    r"""Lines with their ends, which are ``\n`` and ``\r\n`` alone, or an old Mac's ``\r``."""
    if "\n" not in text:
        text = text.replace("\r", "\n")
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _cells(lines: list[str]) -> Iterator[Sequence[object]]:
    """Cells of a text's lines; the separator is named by Excel's first line, or guessed."""
    if lines and (named := _SEP_LINE.fullmatch(lines[0].strip("\r\n"))):
        delimiter, lines = named[1], lines[1:]
    else:
        # Not what is quoted: the first column may be a sentence.
        plain = (re.sub(r'"[^"]*"', "", line) for line in lines[:100])
        head = next((line for line in plain if set(line) & set(_SEPARATORS)), "")
        counts = {mark: head.count(mark) for mark in _SEPARATORS}
        delimiter = max(counts, key=lambda mark: counts[mark]) if any(counts.values()) else ","
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error:
        # A quotation mark that is never closed would swallow the rest of the table.
        balanced = sum(line.count('"') for line in lines) % 2 == 0
        rows = list(
            csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
            if balanced
            else ([cell.strip().strip('"') for cell in line.split(delimiter)] for line in lines)
        )
    yield from (row for row in rows if any(cell.strip() for cell in row))


def _sheet(path: Path) -> Iterator[Sequence[object]]:
    """Cells of an Excel workbook's first sheet that has any."""
    # Imported here: few have such a table.
    import openpyxl

    try:
        with path.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            for sheet in book.worksheets:
                rows = [list(row) for row in sheet.iter_rows(values_only=True) if any(row)]
                if rows:
                    yield from rows
                    return
    except (OSError, ValueError, KeyError, TypeError, SyntaxError, zipfile.BadZipFile) as error:
        raise CorpusError(
            f"the captions {path} look like an Excel workbook, but cannot be read ({error}): save "
            "them once more as .xlsx or CSV"
        ) from error


def _named(rows: Iterable[Sequence[object]]) -> Iterator[Mapping[str, Any]]:
    """Rows of cells by names: of the first row, or where that has none, by what stands in them."""
    table = list(rows)
    if not table:
        return
    # Above the names of the columns there may be a title.
    heads = (n for n, row in enumerate(table[:_HEADINGS]) if {*map(_plain, row)} & {*_PHOTO})
    table = table[next(heads, 0) :]
    names = [_plain(cell) for cell in table[0]]
    sample = table[:50]
    column = next((names.index(name) for name in _PHOTO if name in names), None)
    headed = column is not None
    if column is None:
        # Without a line of names the first row is a photo as the others are.
        column = _photo_column(sample)
        headed = column is None or not is_photo_name(str(table[0][column]))
        names = names if headed else [""] * len(names)
    if column is not None:
        names[column] = "photo"
        if not any(name in _TEXT for name in names) and len(names) > 1:
            names[_text_column(sample[headed:], column, len(names))] = "text"
    for row in table[headed:]:
        yield {
            name: cell.strip() if isinstance(cell, str) else cell
            for name, cell in zip(names, row, strict=False)
            if name
        }


def _photo_column(rows: Sequence[Sequence[object]]) -> int | None:
    """The column in which file names of photos stand, in most rows."""
    counts = [
        sum(is_photo_name(str(row[column])) for row in rows if column < len(row))
        for column in range(max(map(len, rows)))
    ]
    best = max(range(len(counts)), key=counts.__getitem__, default=None)
    return best if best is not None and counts[best] * 2 >= len(rows) else None


def _text_column(rows: Sequence[Sequence[object]], photo: int, width: int) -> int:
    """The column of the longest texts beside that of the photos."""
    lengths = [sum(len(str(row[c] or "")) for row in rows if c < len(row)) for c in range(width)]
    lengths[photo] = -1
    return lengths.index(max(lengths))


def _json_rows(path: Path, text: str, lines: list[str]) -> Iterator[Mapping[str, Any]]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, list):
        rows: Iterable[Any] = whole
    elif isinstance(whole, dict):
        rows = _json_object(whole)
    else:
        rows = (
            _json_line(path, number, line) for number, line in enumerate(lines, 1) if line.strip()
        )
    for row in rows:
        if isinstance(row, list | tuple) and len(row) > 1:
            row = {"photo": row[0], "text": row[1]}
        if not isinstance(row, dict):
            raise CorpusError(f"{path}: JSON objects of a photo and its text are expected")
        yield {_plain(key): value for key, value in row.items()}


def _json_line(path: Path, number: int, line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path}, line {number}: not JSON ({error})") from error


def _json_object(whole: Mapping[str, Any]) -> Iterable[Any]:
    """Rows of one object: of COCO and Karpathy's splits, columns, one row, rows in a field."""
    if isinstance(whole.get("images"), list):
        return _coco(whole["images"], whole.get("annotations") or [])
    columns = {_plain(key): value for key, value in whole.items()}
    photos = _pick(columns, _PHOTO)
    if isinstance(photos, list | dict):
        cells = [v.values() if isinstance(v, dict) else v for v in columns.values()]
        lists = [c for c in cells if not isinstance(c, str | int | float | None)]
        return [dict(zip(columns, row, strict=False)) for row in zip(*lists, strict=False)]
    if photos is not None:
        return [whole]
    if isinstance(rows := whole.get("data"), list) and isinstance(whole.get("columns"), list):
        return [dict(zip(whole["columns"], row, strict=False)) for row in rows]
    for value in whole.values():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return value
    return _by_name(whole)


def _coco(images: list[Any], notes: list[Any]) -> Iterator[Mapping[str, Any]]:
    names: dict[str, Any] = {}
    for image in (one for one in images if isinstance(one, dict)):
        name = image.get("file_name") or image.get("filename")
        names[str(image.get("id"))] = name
        sentences = image.get("sentences") or []
        yield from ({"photo": name, "text": one.get("raw")} for one in sentences)
    for note in (one for one in notes if isinstance(one, dict)):
        if isinstance(name := names.get(str(note.get("image_id"))), str):
            yield {"photo": name, "text": note.get("caption")}


def _by_name(whole: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Names of photos with their captions."""
    for key, value in whole.items():
        if isinstance(value, dict):
            yield {**value, "photo": key}
        elif isinstance(value, str | list):
            yield {"photo": key, "text": value}


def _plain(name: object) -> str:
    text = unicodedata.normalize("NFKC", str(name or "")).casefold().replace("ё", "е")
    return re.sub(r"[\s_\-.:]+", " ", text).strip()


def decode_text(data: bytes) -> str:
    """Text of a file: Unicode, or of the encodings of Russian and Western systems the likeliest."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if b"\0" in data[:4] and data[:2] != b"\0\0":
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    sample = data[:_SAMPLE]
    best = max(_ENCODINGS, key=lambda name: _likeness(sample.decode(name, "replace")))
    # A file put together of several may have lines of both kinds.
    lines = []
    for line in data.removeprefix(codecs.BOM_UTF8).split(b"\n"):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            lines.append(line.decode(best, "replace"))
    return "\n".join(lines)


def _likeness(text: str) -> int:
    """How much a text looks like words: each in one alphabet, no capitals behind small letters."""
    russian = len(re.findall(r"[а-яё]", text, re.IGNORECASE))
    western = len(re.findall(r"(?<=[a-z])[ß-ÿ]|[ß-ÿÀ-Þ](?=[a-z])", text, re.IGNORECASE))
    known = len(re.findall(r"[\x00-\x7f\s«»„“”‘’…–—№°©]", text))
    mixed = len(re.findall(r"[а-яё][A-ZА-ЯЁ]|[a-z][а-яёА-ЯЁ]|[а-яёА-ЯЁ][a-z]", text))
    return russian + western - (len(text) - russian - western - known) - 3 * mixed


def _pick(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _split_tags(tags: object) -> list[str] | None:
    """Tags of one cell; a tag may have blanks where other marks stand between tags."""
    if isinstance(tags, str) and tags[:1] == "[":
        with contextlib.suppress(ValueError):
            tags = json.loads(tags)
    if isinstance(tags, str):
        if '"' in tags:
            parts = re.findall(r'(?:^|(?<=[\s;,|]))"[^"]+"|[^\s;,|"]+', tags)
        elif re.search(r"[;,|\n]", tags):
            parts = re.split(r"[;,|\n]+", tags)
        else:
            parts = tags.split("#") if "#" in tags else tags.split()
        tags = parts
    if not isinstance(tags, list):
        return None
    return [tag for each in tags if (tag := str(each).strip(' "').lstrip("#").strip())]


class TableCaptions:
    """Captions by the name of the photo: its path in the folder, or the file's name alone.

    Tables come from other computers: names differ from the files' in letter case, in the form of
    accents, by percent signs of addresses, by the folders before them, or lack the ending.
    """

    def __init__(self, captions: Mapping[str, Caption]) -> None:
        self._captions = captions
        self._unused = set(captions)
        # From the strictest to the loosest way to compare; what is ambiguous counts for none.
        self._ways: list[tuple[Callable[[str], str], dict[str, str]]] = []
        for way in (_same, _like, _name, _stem):
            keys: dict[str, list[str]] = {}
            for key in captions:
                keys.setdefault(way(key), []).append(key)
            self._ways.append((way, {way(k): k for k in captions if len(keys[way(k)]) == 1}))

    def get(self, inside: str) -> Caption | None:
        """Caption of the photo at a path in the folder."""
        for way, keys in self._ways:
            key = keys.get(way(inside))
            if key is not None:
                self._unused.discard(key)
                return self._captions[key]
        return None

    def unused(self) -> list[str]:
        """Photos of the table that were not asked for."""
        return sorted(self._unused)


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _like(name: str) -> str:
    plain = name.partition("?")[0] if "://" in name else name
    return unicodedata.normalize("NFC", unquote(plain)).casefold()


def _name(name: str) -> str:
    return _like(name).rpartition("/")[2]


def _stem(name: str) -> str:
    plain = _like(name)
    return plain.rpartition(".")[0] if is_photo_name(plain) else plain


def read_sidecar(photo: Path, beside: Mapping[str, Path]) -> Caption | None:
    """Read what lies beside a photo: a text, an XMP file, Google Takeout's JSON.

    Parameters
    ----------
    photo
        The photo.
    beside
        The files of its folder by their names in lower case.

    Returns
    -------
    Caption or None
        Texts of the first of these files that has any, and what else they tell.
    """
    found: Caption | None = None
    for name, read in _sidecars(photo):
        path = beside.get(name)
        try:
            if path is None or path.stat().st_size > MAX_SIDECAR_BYTES:
                continue
            caption = read(path.read_bytes())
        except (OSError, ValueError, RecursionError, ElementTree.ParseError):
            continue
        if found is None:
            found = caption
        else:
            found.texts = found.texts or caption.texts
            found.tags = caption.tags if found.tags is None else found.tags
            found.date = found.date or caption.date
            found.author = found.author or caption.author
    return found


def _sidecars(photo: Path) -> Iterator[tuple[str, Callable[[bytes], Caption]]]:
    name, stem = photo.name.casefold(), photo.stem.casefold()
    for ending in (".txt", ".caption", ".md"):
        for base in (stem, name):
            yield base + ending, _read_text
    for base in (stem, name):
        yield base + ".xmp", _read_xmp_file
    # Takeout cuts its names off at 51 characters, and counts copies behind the ending:
    # "IMG(1).jpg" has "IMG.jpg(1).json" or "IMG.jpg.supplemental-metadata(1).json".
    numbered = re.search(r"\(\d+\)\Z", stem)
    copy = numbered[0] if numbered else ""
    plain = stem.removesuffix(copy)
    # What was edited there has the metadata of the original.
    for one in dict.fromkeys((plain, re.sub(r"-[^\W\d_]+$", "", plain))):
        base = one + photo.suffix.casefold()
        whole = f"{base}.supplemental-metadata"
        for long in (base, whole, base[:46], *(whole[:n] for n in range(46, len(base), -1))):
            yield f"{long}{copy}.json", _read_json
    yield f"{stem}.json", _read_json
    # Instaloader has one text for all photos of a post.
    if part := re.fullmatch(r"(.*_utc)_\d+", stem):
        yield f"{part[1]}.txt", _read_text


def _read_text(data: bytes) -> Caption:
    caption = Caption()
    caption.add(decode_text(data))
    return caption


def _read_json(data: bytes) -> Caption:
    """Google Takeout's metadata, or fields of the names that tables have."""
    note = json.loads(decode_text(data))
    caption = Caption()
    if not isinstance(note, dict):
        return caption
    if "photoTakenTime" in note or "imageViews" in note:
        caption.add(note.get("description"))
        taken = note.get("photoTakenTime")
        seconds = taken.get("timestamp") if isinstance(taken, dict) else None
        caption.date = _iso(str(seconds or ""))
    else:
        row = {_plain(key): value for key, value in note.items()}
        caption.add(_pick(row, _TEXT))
        caption.tags, caption.date = _split_tags(_pick(row, _TAGS)), _iso(_pick(row, _DATE))
    return caption


def _read_xmp_file(data: bytes) -> Caption:
    caption = Caption()
    root = ElementTree.fromstring(data)
    for part in root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"):
        for element in part:
            name = element.tag.rpartition("}")[2]
            texts = [text.strip() for text in element.itertext() if text.strip()]
            if name in _XMP_TEXTS and not caption.texts and texts:
                caption.add(texts[0])
            elif name == "subject" and caption.tags is None:
                caption.tags = texts
            elif name == "creator" and texts:
                caption.author = texts[0]
    return caption


def read_embedded(photo: Path) -> Caption | None:
    """Read what EXIF, IPTC and XMP within a photo say; None where the photo cannot be opened.

    A description that a camera or an app writes by itself is passed over. Where it was taken is
    not read.
    """
    caption = Caption()
    try:
        with open_photo(photo) as image:
            _read_iptc(image, caption)
            _read_exif(image, caption)
            _read_xmp(image, caption)
            _read_notes(image, caption)
            if image.format == "PNG":
                # Its notes are left out where it is decoded: damaged ones spoil nothing there.
                with Image.open(photo, formats=("PNG",)) as whole:
                    _read_xmp(whole, caption)
                    _read_notes(whole, caption)
    except PhotoError:
        return None
    except Exception:
        # Whatever a decoder throws at damaged metadata; the photo itself is judged elsewhere.
        return caption
    return caption


def _read_iptc(image: Image.Image, caption: Caption) -> None:
    info = IptcImagePlugin.getiptcinfo(image) if isinstance(image, ImageFile.ImageFile) else None

    def values(key: tuple[int, int]) -> list[str]:
        raw = (info or {}).get(key, [])
        return [decode_text(item).strip() for item in (raw if isinstance(raw, list) else [raw])]

    for key in (_IPTC_CAPTION, _IPTC_HEADLINE, _IPTC_TITLE):
        for text in values(key):
            if not caption.texts and not _CAMERA.fullmatch(text):
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
        _bytes_text(described),
        _windows(exif.get(_XP["title"])),
        _windows(exif.get(_XP["comment"])),
        _windows(exif.get(_XP["subject"])),
        _comment(comment),
    ]
    for text in candidates:
        plain = _as_typed(text.strip("\0 \r\n\t")) if isinstance(text, str) else ""
        if plain and not caption.texts and not _CAMERA.fullmatch(plain):
            caption.add(plain)
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
        for name in _XMP_TEXTS:
            for text in _leaves(part.get(name)):
                if not caption.texts and not _CAMERA.fullmatch(text.strip()):
                    caption.add(text)
        tags = _leaves(part.get("subject"))
        if tags and caption.tags is None:
            caption.tags = tags


def _read_notes(image: Image.Image, caption: Caption) -> None:
    """Texts of a PNG, comments of a JPEG or a GIF."""
    for name in ("Description", "Title", "Comment", "comment"):
        text = _bytes_text(image.info.get(name))
        plain = text.strip("\0 \r\n\t") if isinstance(text, str) else ""
        if plain and not caption.texts and not _CAMERA.fullmatch(plain):
            caption.add(plain)


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
    return decode_text(rest).strip("\0 ") if code.startswith((b"ASCII", b"\0")) else None


def _bytes_text(value: object) -> object:
    return decode_text(value) if isinstance(value, bytes) else value


def _as_typed(text: str) -> str:
    """Undo Pillow's reading of an EXIF string as Latin-1 where it was UTF-8 or Russian cp1251."""
    try:
        data = text.encode("latin-1")
    except UnicodeError:
        return text
    try:
        return data.decode("utf-8")
    except UnicodeError:
        pass
    # No language of Latin-1 has words of such letters alone.
    if re.search(r"[\xa8\xb8\xc0-\xff]{4}", text):
        return data.decode("cp1251", "replace")
    return text


def _iso(value: object, *, month_first: bool = False) -> str | None:
    """A date as people, cameras and programs write it, in ISO 8601; None where it is none."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(int(value))
    if not isinstance(value, str):
        return None
    text = value.strip("\0 ")
    if re.fullmatch(r"\d{9,10}|\d{13}", text):
        return datetime.fromtimestamp(int(text[:10]), UTC).isoformat()
    try:
        return datetime.strptime(text, "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        pass
    if match := _NUMBERED.fullmatch(text):
        first, second, third = (int(part) for part in match.groups()[:3])
        if len(match[1]) == 4:
            day, month, year = third, second, first
        else:
            day, month = (second, first) if month_first and "/" in text else (first, second)
            year = third
        return _moment(year, month, day, match.groups()[3:])
    if match := _WRITTEN.fullmatch(text):
        word = (match[2] or match[3]).casefold()
        month = next((n for n, name in enumerate(_MONTHS, 1) if name.match(word)), 0)
        return _moment(int(match[5]), month, int(match[1] or match[4]), match.groups()[5:])
    try:
        # As e-mail and C write it, with the weekday before it.
        return email.utils.parsedate_to_datetime(text).isoformat()
    except (ValueError, TypeError, IndexError):
        return None


def _moment(year: int, month: int, day: int, time: Sequence[str | None]) -> str | None:
    year += 2000 if year < 70 else 1900 if year < 100 else 0
    hour, minute, second = (int(part or 0) for part in time[:3])
    if half := time[3]:
        hour = hour % 12 + 12 * (half.casefold() == "pm")
    try:
        return datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:
        return None


def _month_first(dates: Iterable[object]) -> bool:
    """Whether a column's dates with slashes have the month first, as in the United States."""
    matches = [_NUMBERED.fullmatch(str(date).strip()) for date in dates if date]
    pairs = [(int(one[1]), int(one[2])) for one in matches if one and "/" in one[0]]
    return any(second > 12 >= first for first, second in pairs)
