"""Photos made to do harm: small files that ask a decoder for much, and damaged ones."""

from __future__ import annotations

import itertools
import random
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

COUNT = 300


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, bits: int, colour: int, *, rows: bool, interlace: int = 0
) -> bytes:
    """A PNG of zeros, with its rows or with none of them."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = 1 + (width * samples * bits + 7) // 8
    packer = zlib.compressobj(9)
    body = b""
    for _ in range(height if rows else 0):
        body += packer.compress(bytes(row))
    body += packer.flush()
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)
    palette = chunk(b"PLTE", bytes(768)) + chunk(b"tRNS", bytes(256)) if colour == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + palette
        + chunk(b"IDAT", body)
        + chunk(b"IEND", b"")
    )


def gif(width: int, height: int, frame: tuple[int, int], disposal: int) -> bytes:
    """A GIF whose frame may be larger than its screen."""
    control = b"!\xf9\x04" + bytes([disposal << 2]) + b"\0\0\0\0"
    image = b"," + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02L\x01\0"
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    return b"GIF89a" + screen + bytes(6) + control + image + b";"


def bmp(width: int, height: int, bits: int, compression: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 2000, 0, 0, 54 + 1024) + head + bytes(1024) + b"\0\1" * 400


def tiff(width: int, height: int, bits: int, form: int, *, compression: int, rows: int) -> bytes:
    """A TIFF of one strip of packed zeros."""
    row = zlib.compress(bytes(min(width * bits // 8 * rows, 300_000_000)), 9)
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, bits),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, 1, 8 + 2 + 12 * 10 + 4),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, len(row)),
        (339, 3, 1, form),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + row


def jpeg_of(width: int, height: int, *, scans: int, progressive: bool, factor: int = 0x11) -> bytes:
    """A JPEG of any size in its header, over the scans of a small one, repeated."""
    small = encoded(Image.new("RGB", (64, 64), "red"), "JPEG", progressive=progressive)
    frame = small.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data = bytearray(small)
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    data[frame + 11] = factor
    first = data.index(b"\xff\xda")
    second = data.find(b"\xff\xda", first + 2)
    again = bytes(data[second:-2]) if second > 0 else bytes(data[first:-2])
    return bytes(data[:-2]) + again * scans + b"\xff\xd9"


def webp(width: int, height: int) -> bytes:
    """An extended WebP that claims a canvas of any size."""
    small = encoded(Image.new("RGBA", (32, 32), (9, 9, 9, 9)), "WEBP")
    data = bytearray(small)
    place = data.index(b"VP8X") + 8
    data[place + 4 : place + 10] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(
        3, "little"
    )
    return bytes(data)


def tiled(width: int, height: int) -> bytes:
    """A TIFF of 100 x 100 pixels in one tile of any size."""
    tags = [
        *((256, 4, 1, 100), (257, 4, 1, 100), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)),
        *((277, 3, 1, 1), (322, 4, 1, width), (323, 4, 1, height), (324, 4, 1, 8), (325, 4, 1, 17)),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(400)


def bomb_of_tags() -> bytes:
    """A packed TIFF with 2,000 tags more, which all name the same 300,000 bytes."""
    plain = tiff(100, 100, 8, 1, compression=8, rows=100)
    entries = plain[10 : 10 + 10 * 12].replace(
        struct.pack("<HHII", 273, 4, 1, 134), struct.pack("<HHII", 273, 4, 1, 24_200)
    )
    more = b"".join(struct.pack("<HHII", 40_000 + n, 7, 300_000, 8) for n in range(2000))
    head = b"II*\0" + struct.pack("<IH", 8, 2010) + entries + more + bytes(4)
    return head.ljust(24_200, b"\0") + plain[134:] + bytes(300_000)


def directory(entries: int, size: int) -> bytes:
    """An EXIF block whose entries all name the same bytes."""
    tags = b"".join(struct.pack("<HHII", 1000 + n, 7, size, 8) for n in range(entries))
    return b"II*\0" + struct.pack("<IH", 8, entries) + tags + bytes(4) + bytes(size)


def before_pixels(image: bytes, what: bytes) -> bytes:
    """A JPEG, PNG or GIF with something between its head and its first pixels."""
    if image.startswith(b"GIF"):
        place = 13 + (3 << (image[10] & 7) + 1)
    else:
        place = 2 if image.startswith(b"\xff\xd8") else 33
    return image[:place] + what + image[place:]


def parts() -> Iterator[tuple[str, bytes]]:
    """Many small parts before the pixels, and tiles that are larger than their photo."""
    small = Image.fromarray(np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8))
    jpeg, png = encoded(small, "JPEG"), encoded(small, "PNG")
    gif_ = encoded(small.convert("P"), "GIF")
    progressive = encoded(small, "JPEG", progressive=True)
    second = progressive.index(b"\xff\xda", progressive.index(b"\xff\xda") + 2)
    scan = progressive[second:-2]
    yield "tiff tags", bomb_of_tags()
    yield "tiff tile", tiled(100_000, 20_000)
    yield "tiff wide tile", tiled(1 << 31, 16)
    yield "jpeg comments", before_pixels(jpeg, b"\xff\xfe\0\2" * 1_000_000)
    yield "jpeg fill", before_pixels(jpeg, b"\xff" * 4_000_000)
    yield "jpeg junk", before_pixels(jpeg, bytes(4_000_000))
    yield "jpeg scans behind junk", progressive[:-2] + (b"junk" + scan) * 400
    yield (
        "jpeg comments between scans",
        (progressive[:second] + b"\xff\xfe\0\2" * 1_000_000 + progressive[second:]),
    )
    yield "png chunks", before_pixels(png, chunk(b"IDAT", b"") * 400_000)
    yield "gif comments", before_pixels(gif_, b"!\xfe\x01a\0" * 800_000)
    yield "gif blocks", before_pixels(gif_, b"!\xff" + b"\x01a" * 2_000_000 + b"\0")
    yield "gif junk", before_pixels(gif_, bytes(4_000_000))


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


def photos() -> Iterator[tuple[str, bytes]]:
    """`COUNT` of them, each with a name; the same at each run."""
    made = 0
    for name, data in itertools.chain(_large(), parts()):
        made += 1
        yield name, data
    dice = random.Random(1)
    seeds = _seeds()
    while made < COUNT:
        name, data = seeds[made % len(seeds)]
        made += 1
        yield f"damaged {name} {made}", _damaged(data, dice)


def _large() -> Iterator[tuple[str, bytes]]:
    for width, height in ((1, 50_000_000), (50_000_000, 1), (7000, 7000), (65_535, 3800)):
        for bits, colour in ((1, 0), (8, 3), (16, 6)):
            rows = bits == 1 and (width, height) == (7000, 7000)
            yield (
                f"png {width}x{height} {bits} {colour}",
                png(width, height, bits, colour, rows=rows),
            )
    yield "png interlaced", png(7000, 7000, 8, 6, rows=False, interlace=1)
    yield "png 7000x7000 grey 16", png(7000, 7000, 16, 0, rows=True)
    yield "png 7000x7000 rgba", png(7000, 7000, 8, 6, rows=True)
    yield "webp 7000x7000", encoded(Image.new("RGB", (7000, 7000)), "WEBP", quality=1, method=0)
    for side in (16_000, 1 << 24):
        yield f"webp canvas {side}", webp(side, side)
    for frame in ((65_535, 65_535), (7000, 7000), (65_535, 1)):
        for disposal in (0, 2, 3):
            yield f"gif {frame} {disposal}", gif(65_535, 65_535, frame, disposal)
            yield f"gif of a small screen {frame} {disposal}", gif(8, 8, frame, disposal)
    for bits, compression in ((1, 0), (8, 1), (4, 2), (32, 0), (24, 0)):
        for side in (7000, 60_000, 2_000_000_000):
            yield f"bmp {side} {bits} {compression}", bmp(side, side, bits, compression)
            yield f"bmp {side} upside {bits}", bmp(side, -side, bits, compression)
    for bits, form in ((32, 3), (32, 1), (16, 1), (8, 1), (1, 1)):
        yield (
            f"tiff 7000x7000 {bits} {form}",
            tiff(7000, 7000, bits, form, compression=8, rows=7000),
        )
        yield f"tiff 2 billion {bits}", tiff(2_000_000_000, 2, bits, form, compression=8, rows=0)
        yield f"tiff tall {bits}", tiff(1, 50_000_000, bits, form, compression=8, rows=0)
        yield f"tiff raw {bits}", tiff(40_000, 40_000, bits, form, compression=1, rows=0)
    for progressive in (False, True):
        for width, height in ((65_500, 65_500), (20_000, 12_000), (7000, 7000)):
            for scans in (0, 8, 60, 5000):
                for factor in (0x11, 0x44):
                    yield (
                        f"jpeg {width}x{height} {scans} {progressive} {factor:x}",
                        jpeg_of(width, height, scans=scans, progressive=progressive, factor=factor),
                    )
    heic = BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 64), "red")).save(heic, quality=10)
    avif = encoded(Image.new("RGB", (64, 64), "red"), "AVIF", quality=10)
    for side in (5000, 30_000, 2_000_000_000):
        size = b"ispe" + struct.pack(">III", 0, side, side)
        for name, data in (("heic", heic.getvalue()), ("avif", avif)):
            yield f"{name} {side}", patched(data, b"ispe" + struct.pack(">III", 0, 64, 64), size)
    yield "avif 4000x4000", encoded(Image.new("RGB", (4000, 4000)), "AVIF", quality=1, speed=10)
    small, values = Image.new("RGB", (64, 64)), directory(3000, 1 << 20)
    yield "webp values", encoded(small, "WEBP", exif=values)
    yield "png values", before_pixels(encoded(small, "PNG"), chunk(b"eXIf", values))


def _seeds() -> list[tuple[str, bytes]]:
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    image = Image.fromarray(noise)
    kinds = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
    heic = BytesIO()
    pillow_heif.from_pillow(image).save(heic, quality=50)
    return [
        *((kind, encoded(image, kind)) for kind in kinds),
        ("HEIC", heic.getvalue()),
        ("progressive", encoded(image, "JPEG", progressive=True)),
        ("lzw", encoded(image, "TIFF", compression="tiff_lzw")),
        ("tiff jpeg", encoded(image, "TIFF", compression="jpeg")),
    ]


def _damaged(data: bytes, dice: random.Random) -> bytes:
    broken = bytearray(data)
    for _ in range(dice.choice((1, 1, 3, 20))):
        # Headers hold the sizes, so they are hit more often.
        place = dice.randrange(min(len(broken), dice.choice((80, 400, len(broken)))))
        broken[place] = dice.choice((0, 0x7F, 0xFF, dice.randrange(256)))
    return bytes(broken[: dice.choice((len(broken), len(broken), dice.randrange(1, len(broken))))])
