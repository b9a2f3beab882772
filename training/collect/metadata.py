"""Copies of photos without what names people and places: EXIF, IPTC, XMP, comments, serial numbers.

The pixels stay as they are, bit for bit; of the metadata only the orientation and the colour
profile are kept.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from typing import Final

from PIL import ExifTags, Image

from engine.errors import PhotoError
from engine.photo import decode, format_of, open_photo
from engine.pictures import to_photo

# Of a JPEG's segments: JFIF (APP0), a colour profile (APP2), Adobe's colour transform (APP14).
_JPEG_KEPT: Final = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_JPEG_APPS: Final = range(0xE0, 0xF0)
_JPEG_COMMENT: Final = 0xFE
_JPEG_MARKER: Final = re.compile(rb"\xff[\x01-\xfe]")

_PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = frozenset(
    (
        *(b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT"),
        *(b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs", b"cICP"),
    )
)
_WEBP_KEPT: Final = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04

_NO_EXIF: Final = bytes(4) + b"II*\0\x08\0\0\0" + bytes(6)
_CONTAINERS: Final = {b"meta": 4, b"iinf": 0, b"iprp": 0}


def without_metadata(data: bytes) -> bytes:
    """Leave out a photo's metadata.

    Parameters
    ----------
    data
        A photo's file. Of one that is too damaged to be followed the pixels alone are kept, as a
        JPEG, and nothing where none can be read: whatever it tells beside them stays behind.
    """
    ways = {
        "JPEG": _jpeg,
        "PNG": _png,
        "WEBP": _webp,
        "GIF": _gif,
        "BMP": lambda data: data[: int.from_bytes(data[2:6], "little") or None],
        "TIFF": _tiff,
        "HEIF": _heif,
        "AVIF": _heif,
    }
    way = ways.get(format_of(data[:32]) or "")
    try:
        return way(data) if way else _pixels(data)
    except (ValueError, IndexError, PhotoError, OSError, zlib.error):
        return _pixels(data)


def _pixels(data: bytes) -> bytes:
    try:
        return to_photo(decode(data), 95)
    except PhotoError:
        return b""


def _orientation(data: bytes) -> bytes:
    """An EXIF block that holds the photo's orientation alone; empty where it is upright."""
    try:
        with open_photo(data) as image:
            found = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        return b""
    if not isinstance(found, int) or not 2 <= found <= 8:
        return b""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = found
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _jpeg(data: bytes) -> bytes:
    kept = [data[:2]]
    if exif := _orientation(data):
        block = b"Exif\0\0" + exif
        kept.append(b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block)
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            # Decoders pass over what stands between segments.
            following = _JPEG_MARKER.search(data, place)
            if following is None:
                break
            place = following.start()
            continue
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker == 0xDA:
            # Behind the end there may be another photo, or a film, with all that it tells.
            end = re.compile(b"\xff\xd9").search(data, place)
            return b"".join([*kept, data[place : end.end() if end else len(data)]])
        end_of_segment = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        head = _JPEG_KEPT.get(marker)
        named = marker in _JPEG_APPS and not (head and data.startswith(head, place + 4))
        if not named and marker != _JPEG_COMMENT:
            kept.append(data[place:end_of_segment])
        place = end_of_segment
    raise PhotoError("the photo has no pixels")


def _png(data: bytes) -> bytes:
    kept, place = [_PNG_HEAD], len(_PNG_HEAD)
    exif = _orientation(data)
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        name = data[place + 4 : place + 8]
        if name in _PNG_KEPT:
            kept.append(data[place:end])
        if name == b"IHDR" and exif:
            body = b"eXIf" + exif
            kept.append(len(exif).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big"))
        place = end
        if name == b"IEND":
            break
    return b"".join(kept)


def _webp(data: bytes) -> bytes:
    kept, place = [], 12
    exif = _orientation(data)
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        end = place + 8 + size + size % 2
        chunk = data[place:end]
        if name == b"VP8X" and len(chunk) > 8:
            flags = chunk[8] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if exif else 0)
            chunk = chunk[:8] + bytes([flags]) + chunk[9:]
        if name in _WEBP_KEPT:
            kept.append(chunk)
        place = end
    if exif:
        kept.append(b"EXIF" + len(exif).to_bytes(4, "little") + exif + bytes(len(exif) % 2))
    body = b"WEBP" + b"".join(kept)
    # One that is cut off must not look whole with a new length.
    length = len(body).to_bytes(4, "little") if place <= len(data) + 1 else data[4:8]
    return b"RIFF" + length + body


def _gif(data: bytes) -> bytes:
    """All but comments and what applications have written, such as XMP; loops stay."""
    place = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    kept = [data[:place]]
    while data[place] != 0x3B:
        start = place
        if data[place] == 0x21:
            label, place = data[place + 1], place + 2
            named = data[place + 1 : place + 12]
            keep = label == 0xF9 or (label == 0xFF and named in (b"NETSCAPE2.0", b"ANIMEXTS1.0"))
        elif data[place] == 0x2C:
            flags = data[place + 9]
            place += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
            keep = True
        else:
            raise ValueError("not a block of a GIF")
        while data[place]:
            place += 1 + data[place]
        place += 1
        if keep:
            kept.append(data[start:place])
    return b"".join([*kept, b";"])


def _tiff(data: bytes) -> bytes:
    """The first page, written anew: a TIFF's tags are scattered over the file."""
    with open_photo(data) as image:
        image.load()
        profile = image.info.get("icc_profile")
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        plain = image.copy()
    plain.info = {}
    out = io.BytesIO()
    plain.save(
        out,
        "TIFF",
        compression="tiff_adobe_deflate",
        icc_profile=profile,
        tiffinfo={int(ExifTags.Base.Orientation): orientation},
    )
    return out.getvalue()


def _heif(data: bytes) -> bytes:
    """The same file, its metadata overwritten: everything else is found by its place."""
    blank = bytearray(data)
    named, places = set(), {}
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"infe" and data[start] >= 2:
            width = 2 if data[start] == 2 else 4
            item = int.from_bytes(data[start + 4 : start + 4 + width], "big")
            if data[start + 6 + width : start + 10 + width] in (b"Exif", b"mime", b"uri "):
                named.add(item)
        elif kind == b"iloc":
            places = _item_places(data[start:end])
        elif kind in (b"uuid", b"udta"):
            blank[start:end] = bytes(end - start)
    for item in named:
        for start, length in places.get(item, ()):
            end = min(start + length, len(blank))
            blank[start:end] = (_NO_EXIF if end - start >= len(_NO_EXIF) else b"").ljust(
                end - start, b"\0"
            )
    return bytes(blank)


def _boxes(data: bytes, place: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Boxes of an ISO base media file: kind, and where the content begins and ends."""
    while place + 8 <= end:
        size, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        start = place + 8
        if size == 1:
            size, start = int.from_bytes(data[place + 8 : place + 16], "big"), place + 16
        stop = end if size == 0 else min(place + size, end)
        if stop < start:
            raise ValueError("not a box")
        yield kind, start, stop
        if kind in _CONTAINERS:
            skip = _CONTAINERS[kind]
            if kind == b"iinf":
                skip = 6 if data[start] == 0 else 8
            yield from _boxes(data, start + skip, stop)
        place = stop


def _item_places(box: bytes) -> dict[int, list[tuple[int, int]]]:
    """Where the items of an ``iloc`` box lie in the file: number -> offsets and lengths."""
    version = box[0]
    sizes = box[4] >> 4, box[4] & 15, box[5] >> 4, box[5] & 15 if version else 0
    offset_size, length_size, base_size, index_size = sizes
    place = 6

    def number(width: int) -> int:
        nonlocal place
        place += width
        return int.from_bytes(box[place - width : place], "big")

    found: dict[int, list[tuple[int, int]]] = {}
    for _ in range(number(2 if version < 2 else 4)):
        item = number(2 if version < 2 else 4)
        method = number(2) & 15 if version else 0
        number(2)
        base = number(base_size)
        extents = []
        for _ in range(number(2)):
            number(index_size)
            extents.append((base + number(offset_size), number(length_size)))
        if method == 0:
            found[item] = extents
        if place > len(box):
            raise ValueError("not a list of places")
    return found
