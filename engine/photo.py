"""From the bytes of any common photo to RGB pixels, safely.

The bytes come from strangers. So: the size is read from the header and checked before anything
is decoded, only formats of photographs are tried, what a decoder throws (whatever it is) becomes
a `PhotoError`, and no text of an error names a file.
"""

from __future__ import annotations

import re
import threading
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from engine.errors import PhotoError, PhotoTooLargeError

MAX_PIXELS: Final = 50_000_000
"""Pixels of the largest photo that is decoded.

While it is decoded each takes 4 bytes (JPEG, PNG), 8 with transparency, and 16 in a WebP; a large
JPEG of which little is wanted (`size_hint`) takes next to nothing.
"""

MAX_BYTES: Final = 20 * 1024 * 1024
"""Bytes of the largest file that is read; also what a Telegram bot may download."""

MAX_JPEG_SCANS: Final = 100
"""Each scan of a progressive JPEG passes over all pixels; real ones have about ten."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""What is tried. HEIF only if a plugin (pillow-heif) was registered, AVIF if Pillow has it."""

# A photo is decoded at no less than this many times `size_hint`: what the decoder's coarse
# scaling loses is then above the frequencies that the final resize keeps.
_GAP: Final = 2

_BAND: Final = 256  # rows flattened at once, so that a large RGBA photo is not held three times

_ORIENTATION: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# In a scan's data 0xFF is followed by 0x00, by a restart mark, or by the next marker.
_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def decode(
    source: bytes | Path,
    *,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
    size_hint: int | None = None,
) -> Image.Image:
    """Decode a photo to RGB, upright, its transparent parts over white.

    Of an animation the first frame is taken, of a TIFF the first page. 16-bit and floating-point
    samples are scaled to 8 bits. Embedded colour profiles are not applied: the networks that
    read these pixels were trained on pixels as they are.

    A file that breaks off is refused rather than decoded in part: the grey rest would be
    described as if it had been photographed, and whoever sent it can send it again.

    Parameters
    ----------
    source
        The file's bytes, or its path.
    max_pixels, max_bytes
        Limits; both are checked before anything is decoded.
    size_hint
        The photo will be shown or resized to about `size_hint` x `size_hint` pixels. Larger ones
        may then come back reduced, but with at least twice that many pixels each way. It makes
        large JPEGs several times faster, as they are decoded at the lower resolution.

    Returns
    -------
    PIL.Image.Image
        Mode ``"RGB"``.

    Raises
    ------
    PhotoTooLargeError
        Over `max_pixels` or `max_bytes`.
    PhotoError
        Not a photo, of a format that is not read, damaged, or cut off.
    """
    data = _read(source, max_bytes)
    image = _open(data, max_pixels)
    try:
        if size_hint is not None and image.format in ("JPEG", "MPO"):
            image.draft(None, (size_hint * _GAP, size_hint * _GAP))
        image.load()
        orientation = _orientation(image)
        image = _to_rgb(image)
        if size_hint is not None:
            factor = min(image.size) // (size_hint * _GAP)
            if factor > 1:
                image = image.reduce(factor)
        if orientation is not None:
            image = image.transpose(orientation)
    except Exception as error:
        raise _unreadable(error) from error
    return image


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of an encoded photo in pixels, from its header alone.

    Raises
    ------
    PhotoTooLargeError, PhotoError
        As in `decode`.
    """
    return _open(_read(data, MAX_BYTES), MAX_PIXELS).size


def to_input(image: Image.Image, size: int) -> npt.NDArray[np.uint8]:
    """Pixels for an encoder: exactly `size` x `size`, whatever the aspect ratio.

    Bilinear with antialiasing (Pillow's); the ratio is given up rather than the photo's borders,
    as in the data that the models are trained on.

    Returns
    -------
    numpy.ndarray
        Shape (size, size, 3), uint8.
    """
    resized = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.uint8)


def _read(source: bytes | Path, max_bytes: int) -> bytes:
    if isinstance(source, Path):
        try:
            # A FIFO or a device would block or never end.
            if not source.is_file():
                raise PhotoError("the photo's file is missing or is not a regular file")
            size = source.stat().st_size
            if size > max_bytes:
                raise PhotoTooLargeError(size, max_bytes, "bytes")
            with source.open("rb") as file:
                data = file.read(max_bytes + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "bad name"
            # `from None`: the cause's text holds the path.
            raise PhotoError(f"the photo's file cannot be read: {reason}") from None
    else:
        data = bytes(source)
    if len(data) > max_bytes:
        raise PhotoTooLargeError(len(data), max_bytes, "bytes")
    if not data:
        raise PhotoError("the photo is empty (0 bytes)")
    return data


def _open(data: bytes, max_pixels: int) -> Image.Image:
    try:
        image = Image.open(BytesIO(data), formats=_formats())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Pillow's own limit, twice MAX_IMAGE_PIXELS, stands before ours can be compared.
        pixels = re.search(r"\d+", str(error))
        bomb = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        size = int(pixels[0]) if pixels else bomb + 1
        raise PhotoTooLargeError(size, min(max_pixels, bomb), "pixels") from None
    except UnidentifiedImageError:
        known = ", ".join(name for name in _formats() if name != "TIFF")
        raise PhotoError(f"not a photo in a format I can read ({known}, TIFF)") from None
    except Exception as error:
        raise _unreadable(error) from error
    width, height = image.size
    if width * height > max_pixels:
        raise PhotoTooLargeError(width * height, max_pixels, "pixels")
    if width < 1 or height < 1:
        raise PhotoError(f"the photo has no pixels ({width} x {height})")
    if image.format in ("JPEG", "MPO") and _jpeg_scans(data) > MAX_JPEG_SCANS:
        raise PhotoError(f"the photo has more than {MAX_JPEG_SCANS} scans: not an ordinary JPEG")
    return image


_REGISTERING: Final = threading.Lock()


def _formats() -> list[str]:
    # Pillow registers its formats one after the other: a second thread must not look meanwhile.
    with _REGISTERING:
        Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _jpeg_scans(data: bytes) -> int:
    """Count the scans of the first image, up to one over the limit.

    A scan of a few hundred bytes may cost a pass over 50 million pixels, so that a file of 20 MB
    could keep a core busy for hours; libtiff has the same limit for JPEG inside TIFF.
    """
    scans, position = 0, 2
    while scans <= MAX_JPEG_SCANS and position + 4 <= len(data):
        marker = data[position + 1]
        if data[position] != 0xFF or marker == 0xD9:
            break
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:
            position += 1 if marker == 0xFF else 2
            continue
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == 0xDA:
            scans += 1
            following = _AFTER_SCAN.search(data, position)
            if following is None:
                break
            position = following.start()
    return scans


def _orientation(image: Image.Image) -> Image.Transpose | None:
    # A damaged EXIF block is no reason to lose a photo whose pixels are fine.
    try:
        return _ORIENTATION.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode[0] in "IF":
        return _scaled_to_8_bits(image).convert("RGB")
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert converted is not None  # it is only for in-place conversion
        return converted
    if image.has_transparency_data:
        return _over_white(image)
    return image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    width, height = image.size
    white = Image.new("RGB", image.size, "white")
    for top in range(0, height, _BAND):
        band = image.crop((0, top, width, min(top + _BAND, height))).convert("RGBA")
        white.paste(band, (0, top), band)
    return white


def _scaled_to_8_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or of floats to ``"L"``; transparent samples become white."""
    samples = np.asarray(image)
    if samples.dtype.itemsize == 2 or (
        samples.dtype.kind in "iu" and samples.min() >= 0 and samples.max() <= 0xFFFF
    ):
        # 0..65535 whatever the photo uses of it: exactly the inverse of 8 bits times 257.
        grey = (samples >> 8).astype(np.uint8)
    else:
        values = np.nan_to_num(samples.astype(np.float32), posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
        if low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        elif low >= 0 and high <= 255:
            low, high = 0.0, 255.0
        grey = ((values - low) * (255 / max(high - low, 1e-30)) + 0.5).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[samples == transparent] = 255
    return Image.fromarray(grey)


def _unreadable(error: Exception) -> PhotoError:
    text = str(error)
    if isinstance(error, MemoryError):
        return PhotoError("not enough memory to decode the photo")
    if "truncated" in text or "Truncated" in text or isinstance(error, EOFError):
        return PhotoError("the photo is cut off: its file ends too early")
    return PhotoError("the photo is damaged and cannot be decoded")
