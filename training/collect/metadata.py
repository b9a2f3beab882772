"""Copies of photos without what names people and places: EXIF, IPTC, XMP, comments."""

from __future__ import annotations

import io

from PIL import ExifTags, Image

# APP1 holds EXIF and XMP, APP13 IPTC, COM comments. Profiles (APP2) and Adobe's colour transform
# (APP14) belong to the pixels.
_NAMING = frozenset((0xE1, 0xED, 0xFE))


def without_metadata(data: bytes) -> bytes:
    """Leave out a JPEG's metadata but its orientation; the pixels stay as they are, bit for bit.

    Parameters
    ----------
    data
        A photo's file; of other formats than JPEG, and damaged, it comes back unchanged.
    """
    if data[:2] != b"\xff\xd8":
        return data
    kept = [data[:2]]
    orientation = _orientation(data)
    if orientation not in (None, 1):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        block = exif.tobytes()
        block = block if block.startswith(b"Exif\0\0") else b"Exif\0\0" + block
        kept.append(b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block)
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return data
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker == 0xDA:
            return b"".join([*kept, data[place:]])
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker not in _NAMING:
            kept.append(data[place:end])
        place = end
    return data


def _orientation(data: bytes) -> int | None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            found = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:
        return None
    return found if isinstance(found, int) and 1 <= found <= 8 else None
