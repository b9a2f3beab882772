"""From the bytes of any common photo to RGB pixels, safely.

The bytes come from strangers. So: size and format are read from the header, and what decoding will
take is worked out from them and checked before anything is decoded; only formats of photographs are
tried; large photos are decoded one at a time; what a decoder throws (whatever it is) becomes a
`PhotoError`; and no text of an error names a file.
"""

from __future__ import annotations

import ctypes
import logging
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import PIL
from PIL import ExifTags, Image, ImageCms, ImageOps, TiffImagePlugin, UnidentifiedImageError

from engine.errors import PhotoError, PhotoTooLargeError

# glibc keeps freed blocks of up to 32 MB for each thread that decodes; above this they go back.
with suppress(OSError, AttributeError, TypeError):
    ctypes.CDLL(None).mallopt(-3, 8 << 20)  # M_MMAP_THRESHOLD
# What libtiff finds wrong with a file it would print.
for _library in Path(PIL.__file__).parents[1].glob("pillow.libs/libtiff*"):
    with suppress(OSError, AttributeError):
        ctypes.CDLL(str(_library)).TIFFSetErrorHandler(None)


MAX_PIXELS: Final = 50_000_000
"""Pixels of the largest photo that is decoded as it is; a larger JPEG is decoded smaller."""

MAX_JPEG_PIXELS: Final = 250_000_000
"""Pixels of the largest JPEG; phones make them of 200 million."""

MAX_SIDE: Final = 65_535
"""Longest side in pixels. Each row costs memory of its own, however narrow it is."""

MAX_MEMORY: Final = 512 * 1024 * 1024
"""Most memory in bytes that decoding one photo may take."""

MAX_BYTES: Final = 100 * 1024 * 1024
"""Bytes of the largest file that is read. (A Telegram bot may download 20 MB.)"""

MAX_JPEG_SCANS: Final = 100
"""Each scan of a progressive JPEG passes over all pixels; real ones have about ten."""

MAX_SCANNED_PIXELS: Final = 1_000_000_000
"""Scans times pixels: about a second of work."""

MAX_PARTS: Final = 100_000
"""Segments, chunks or blocks of a file, and bytes between them: decoders take each by itself."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""What is read, by Pillow's names."""

SUFFIXES: Final = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "AVIF": ".avif",
    "HEIF": ".heic",
}
"""The usual ending of each format's files."""

# Bytes that a pixel takes at the peak of decoding and turning it to RGB, measured on photos of 12
# million pixels and rounded up: by format where its decoder holds several copies, else by mode.
_BY_FORMAT: Final = {"WEBP": 17, "AVIF": 16, "HEIF": 11}
_BY_MODE: Final = {"1": 5, "L": 5, "P": 9, "RGB": 4, "I;16": 7, "I;16B": 7, "I": 14, "F": 22}
_OTHER_MODES: Final = 9
_TIFF_STRIP: Final = 4  # libtiff's own copy at least: a strip or a tile may be the whole photo
_BITS, _TILE_WIDTH, _TILE_HEIGHT = 258, 322, 323  # tags
_VALUE: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 13: 4}
_LONGEST_VALUE: Final = 8
_MOST_TAGS: Final = 0xFFFF

_LARGE: Final = 64 * 1024 * 1024
"""Photos that take more bytes than this are decoded one at a time."""

# A photo is decoded at no less than this many times `size_hint`: what the decoder's coarse
# scaling loses is then above the frequencies that the final resize keeps.
_GAP: Final = 2

_BAND: Final = 256  # rows flattened at once, so that a large RGBA photo is not held three times

_HEAD: Final = 32
_BMP_HEADERS: Final = frozenset((12, 40, 52, 56, 64, 108, 124))
_BRANDS: Final = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys(
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIF"
    ),
}

# In a scan's data 0xFF is followed by 0x00, by a restart mark, or by the next marker.
_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_MARKER: Final = re.compile(rb"\xff[^\x00\xff]")
_JPEG_END: Final = b"\xff\xd9"
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_NEEDED: Final = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND"))
_PNG_USED: Final = frozenset((b"tRNS", b"eXIf"))

_REGISTERING: Final = threading.Lock()
_ONE_AT_A_TIME: Final = threading.Lock()

# Their limits are checked here, before Pillow's; and what Pillow finds odd about a file is nothing
# to whoever sent it.
Image.MAX_IMAGE_PIXELS = MAX_JPEG_PIXELS // 2
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").setLevel(logging.CRITICAL)


def format_of(head: bytes) -> str | None:
    """Tell a photo's format by its first bytes; None where it is none that is read.

    Parameters
    ----------
    head
        At least the first 32 bytes.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(_PNG):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        # The brand, a version, then the brands that it goes with.
        brands = [head[place : place + 4] for place in (8, *range(16, len(head) - 3, 4))]
        found = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
        return "AVIF" if "AVIF" in found else found[0] if found else None
    # "BM" begins texts as well: the size of the second header tells.
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    return None


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
    described as if it had been photographed, and whoever sent it can send it again. One that lacks
    nothing but its end mark is read.

    Parameters
    ----------
    source
        The file's bytes, or its path.
    max_pixels, max_bytes
        Limits; both are checked before anything is decoded. A JPEG of more pixels is decoded at a
        half, a quarter or an eighth of its sides.
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
        Over `max_pixels`, `max_bytes`, `MAX_SIDE` or `MAX_MEMORY`.
    PhotoError
        Not a photo, of a format that is not read, damaged, or cut off.
    """
    data = _read(source, max_bytes)
    image = _open(data)
    scale = _scale(image, max_pixels, size_hint)
    memory = _memory(image, data, scale)
    if memory > MAX_MEMORY:
        raise PhotoTooLargeError(memory, MAX_MEMORY, "bytes when decoded")
    with _ONE_AT_A_TIME if memory > _LARGE else nullcontext():
        try:
            image = _load(image, data, scale)
            orientation = _orientation(image)
            image = _to_rgb(image)
            if size_hint is not None:
                factor = min(image.size) // (size_hint * _GAP)
                if factor > 1:
                    image = image.reduce(factor)
            if orientation != 1:
                image.getexif()[ExifTags.Base.Orientation] = orientation
                ImageOps.exif_transpose(image, in_place=True)
        except Exception as error:
            raise _unreadable(error) from error
    return image


def open_photo(source: bytes | Path, *, max_bytes: int = MAX_BYTES) -> Image.Image:
    """Open a photo without decoding it: its size, format and metadata.

    Raises
    ------
    PhotoTooLargeError, PhotoError
        As in `decode`, of which this is the first half.
    """
    return _open(_read(source, max_bytes))


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of an encoded photo in pixels, from its header alone.

    Raises
    ------
    PhotoTooLargeError, PhotoError
        As in `decode`.
    """
    image = _open(_read(data, MAX_BYTES))
    _scale(image, MAX_PIXELS, None)
    return image.size


def to_input(image: Image.Image, size: int) -> npt.NDArray[np.uint8]:
    """Pixels for an encoder: exactly `size` x `size`, whatever the aspect ratio.

    Bilinear with antialiasing (Pillow's); the ratio is given up rather than the photo's borders,
    as in the data that the models are trained on.

    Returns
    -------
    numpy.ndarray
        Shape (size, size, 3), uint8.
    """
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return np.asarray(rgb.resize((size, size), Image.Resampling.BILINEAR), dtype=np.uint8)


def encoder_input(source: bytes | Path, size: int) -> npt.NDArray[np.uint8]:
    """`to_input` of an encoded photo: a large one is decoded at no more than twice the size.

    A decoder scales without aliasing, and what it scales to is at least `size` each way: models
    learnt from such pixels and from those of the whole photo find held-out posts alike.

    Raises
    ------
    PhotoTooLargeError, PhotoError
        As in `decode`.
    """
    return to_input(decode(source, size_hint=size // _GAP), size)


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


def _open(data: bytes) -> Image.Image:
    """Open a photo whose sides are within the limits."""
    kind = format_of(data[:_HEAD])
    if kind is None or not _is_registered(kind):
        known = ", ".join(name for name in FORMATS if _is_registered(name))
        raise PhotoError(f"not a photo in a format I can read ({known})")
    _check_head(kind, data)
    try:
        image = Image.open(
            BytesIO(_png_without_notes(data) if kind == "PNG" else data), "r", [kind]
        )
    except Image.DecompressionBombError as error:
        # Pillow's own limit stands before ours can be compared.
        pixels = re.search(r"\d+", str(error))
        size = int(pixels[0]) if pixels else MAX_JPEG_PIXELS + 1
        raise PhotoTooLargeError(size, _most_pixels(kind), "pixels") from None
    except UnidentifiedImageError as error:
        raise PhotoError("the photo is damaged and cannot be decoded") from error
    except Exception as error:
        raise _unreadable(error) from error
    _check_sides(kind, *image.size)
    return image


def _check_head(kind: str, data: bytes) -> None:
    """Refuse what costs time or memory as soon as Pillow opens it."""
    if kind == "WEBP":
        # Its decoder takes memory for the whole photo.
        _check_sides(kind, *_webp_size(data))
    elif kind == "JPEG":
        _jpeg_frame(data, head=True)
    elif kind == "GIF":
        _check_gif(data)
    elif kind == "TIFF":
        _check_tags(data)


def _check_tags(data: bytes) -> None:
    """Refuse a TIFF whose tags together have more bytes than the file.

    Libtiff copies the value of each, and all of them may name the same megabytes.
    """
    order = "<" if data[:2] == b"II" else ">"
    number, entry, place = ("QQ", "HHQQ", 8) if b"+" in data[2:4] else ("IH", "HHII", 4)
    try:
        (place,) = struct.unpack_from(order + number[0], data, place)
        (count,) = struct.unpack_from(order + number[1], data, place)
    except struct.error:
        return
    size = struct.calcsize(order + entry)
    start = place + struct.calcsize(order + number[1])
    claimed = 0
    for at in range(start, min(start + count * size, len(data) - size + 1), size):
        _, kind, many, value = struct.unpack_from(order + entry, data, at)
        length = many * _VALUE.get(kind, _LONGEST_VALUE)
        claimed += length if value + length <= len(data) else 0
    if count > _MOST_TAGS or claimed > 2 * len(data):
        raise PhotoError("the photo's tags claim more than its file has")


def _check_gif(data: bytes) -> None:
    """Refuse a GIF with too many blocks before its first picture."""
    flags = data[10] if len(data) > 10 else 0
    place, parts = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0), 0
    while place < len(data) and data[place] not in b",;":
        extension = data[place] == ord("!")
        place += 2 if extension else 1
        while extension and place < len(data) and data[place] and parts <= MAX_PARTS:
            place += 1 + data[place]
            parts += 1
        place += extension
        parts += 1
        if parts > MAX_PARTS:
            raise PhotoError(f"the photo has over {MAX_PARTS:,} blocks: not an ordinary GIF")


def _most_pixels(kind: str) -> int:
    return MAX_JPEG_PIXELS if kind == "JPEG" else MAX_PIXELS


def _check_sides(kind: str, width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise PhotoError(f"the photo has no pixels ({width} x {height})")
    if width * height > _most_pixels(kind):
        raise PhotoTooLargeError(width * height, _most_pixels(kind), "pixels")
    if max(width, height) > MAX_SIDE:
        raise PhotoTooLargeError(max(width, height), MAX_SIDE, "pixels on one side")


def _is_registered(kind: str) -> bool:
    # Pillow registers its formats one after the other: a second thread must not look meanwhile.
    with _REGISTERING:
        Image.init()
        if kind == "HEIF" and kind not in Image.OPEN:
            # Imported at the first such photo: it loads 20 MB of libraries.
            import pillow_heif

            pillow_heif.options.DECODE_THREADS = 1
            pillow_heif.register_heif_opener()
        return kind in Image.OPEN


def _scale(image: Image.Image, max_pixels: int, size_hint: int | None) -> int:
    """By how much the sides are divided while a JPEG is decoded: 1, 2, 4 or 8."""
    width, height = image.size
    scale = 1
    if image.format in ("JPEG", "MPO"):
        wanted = min(image.size) // (size_hint * _GAP) if size_hint is not None else 1
        while scale < 8 and (2 * scale <= wanted or width * height > max_pixels * scale**2):
            scale *= 2
    if width * height > max_pixels * scale**2:
        raise PhotoTooLargeError(width * height, max_pixels * scale**2, "pixels")
    return scale


def _memory(image: Image.Image, data: bytes, scale: int) -> int:
    """Bytes that decoding and turning to RGB will take at most.

    Raises
    ------
    PhotoError
        A JPEG whose scans would take too long.
    """
    pixels = image.width * image.height
    if image.format in ("JPEG", "MPO"):
        frame = _jpeg_frame(data)
        if frame.scans > MAX_JPEG_SCANS or frame.scans * pixels > max(MAX_SCANNED_PIXELS, pixels):
            raise PhotoError(
                f"the photo has {frame.scans} scans of {pixels:,} pixels: not an ordinary JPEG"
            )
        # With several scans all coefficients are kept, two bytes each, whatever the scale.
        coefficients = 2 * frame.samples * pixels if frame.scans > 1 else 0
        return int(coefficients + pixels / scale**2 * (4 if image.mode == "RGB" else 8))
    cost = _BY_FORMAT.get(image.format or "") or _BY_MODE.get(image.mode, _OTHER_MODES)
    return pixels * cost + _tiff_buffer(image, pixels)


def _tiff_buffer(image: Image.Image, pixels: int) -> int:
    """Bytes of the strip or the tile that libtiff holds beside the photo."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0
    tags = image.tag_v2
    try:
        bits = sum(tags.get(_BITS, (8,)))
        tile = int(tags.get(_TILE_WIDTH, 0)) * int(tags.get(_TILE_HEIGHT, 0))
    except (TypeError, ValueError) as error:
        raise PhotoError("the photo is damaged and cannot be decoded") from error
    return max(pixels, tile) * max(_TIFF_STRIP, bits // 8)


class _JpegFrame(NamedTuple):
    """Scans of a JPEG, counted up to one over the limit, and samples for each pixel."""

    scans: int
    samples: float


def _jpeg_frame(data: bytes, *, head: bool = False) -> _JpegFrame:
    """Look through the markers of the first image, or those before its first scan.

    A scan of a few hundred bytes may cost a pass over all pixels, so that a file of 20 MB could
    keep a core busy for hours; libtiff has the same limit for JPEG inside TIFF.
    """
    scans, samples, position, parts = 0, 3.0, 2, 0
    # Decoders pass over what stands between segments.
    while scans <= MAX_JPEG_SCANS and (found := _MARKER.search(data, position)):
        parts += 1 + (found.start() - position if head else 0)
        if parts > MAX_PARTS:
            raise PhotoError(f"the photo has over {MAX_PARTS:,} segments: not an ordinary JPEG")
        position, marker = found.start(), data[found.start() + 1]
        if marker == 0xD9 or position + 4 > len(data) or (head and marker == 0xDA):
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            position += 2
            continue
        if marker in _FRAMES and not head:
            factors = [byte for byte in data[position + 11 : position + 10 + 3 * 4 : 3] if byte]
            areas = [(byte >> 4) * (byte & 15) for byte in factors[: data[position + 9]]]
            samples = sum(areas) / max(1, *areas) if areas else 3.0
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == 0xDA:
            scans += 1
            following = _AFTER_SCAN.search(data, position)
            if following is None:
                break
            position = following.start()
    return _JpegFrame(scans, samples)


def _webp_size(data: bytes) -> tuple[int, int]:
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise PhotoError("the photo is cut off: its file ends too early")
    if kind == b"VP8X":
        return (1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return (
        int.from_bytes(body[6:8], "little") & 0x3FFF,
        int.from_bytes(body[8:10], "little") & 0x3FFF,
    )


def _png_without_notes(data: bytes) -> bytes:
    """A PNG of nothing but its pixels, transparency and orientation.

    Texts, profiles and times are not used, and a mistake in them should not cost the photo.
    """
    kept = [_PNG]
    for name, chunk in _png_chunks(data):
        sound = len(chunk) >= 12 and int.from_bytes(chunk[-4:], "big") == zlib.crc32(chunk[4:-4])
        if name in _PNG_NEEDED or (name in _PNG_USED and sound):
            kept.append(chunk)
    return b"".join(kept)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place, parts = len(_PNG), 0
    while place + 8 <= len(data):
        parts += 1
        if parts > MAX_PARTS:
            raise PhotoError(f"the photo has over {MAX_PARTS:,} chunks: not an ordinary PNG")
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        yield data[place + 4 : place + 8], data[place:end]
        place = end


def _load(image: Image.Image, data: bytes, scale: int) -> Image.Image:
    """Decode an opened photo; also a JPEG that lacks only its end mark."""
    try:
        return _loaded(image, scale)
    except OSError as error:
        if "truncated" not in str(error) or image.format not in ("JPEG", "MPO"):
            raise
        # Whatever stands behind a complete scan is passed over, while a broken one takes it for
        # its own: if two endings give the same photo, then nothing of it is missing.
        ends = (_JPEG_END, b"\x55" * 64 + _JPEG_END)
        complete = data.rstrip(b"\xff")
        first, second = (_loaded(_open(complete + end), scale) for end in ends)
        if first.tobytes() != second.tobytes():
            raise
        return first


def _loaded(image: Image.Image, scale: int) -> Image.Image:
    if scale > 1:
        image.draft(None, (image.width // scale, image.height // scale))
    image.load()
    return image


def _orientation(image: Image.Image) -> int:
    # A damaged EXIF block is no reason to lose a photo whose pixels are fine.
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1


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
