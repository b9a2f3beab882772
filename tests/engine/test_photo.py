from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageFile, features

from engine import photo
from engine.errors import PhotoError, PhotoTooLargeError
from engine.photo import decode, encoder_input, format_of, to_input
from tests.engine import hostile

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def scene(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Smooth colours that differ at all corners, so that a wrong turn shows."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    pixels = np.stack([255 * x, 255 * y, 255 * (1 - x)], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8)).convert(mode)


def close(actual: Image.Image, expected: Image.Image, tolerance: float = 4) -> bool:
    assert actual.mode == "RGB"
    assert actual.size == expected.size
    difference = np.asarray(actual).astype(int) - np.asarray(expected.convert("RGB")).astype(int)
    return float(np.abs(difference).mean()) <= tolerance


class TestFormats:
    @pytest.mark.parametrize(
        ("kind", "options", "tolerance"),
        [
            ("JPEG", {"quality": 95}, 4),
            ("JPEG", {"quality": 95, "progressive": True}, 4),
            ("PNG", {}, 0),
            ("WEBP", {"lossless": True}, 0),
            ("WEBP", {"quality": 95}, 4),
            ("BMP", {}, 0),
            ("TIFF", {}, 0),
            ("TIFF", {"compression": "tiff_lzw"}, 0),
            ("GIF", {}, 16),
            pytest.param(
                "AVIF",
                {"quality": 95},
                4,
                marks=pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF"),
            ),
        ],
    )
    def test_common_formats(self, kind: str, options: dict[str, Any], tolerance: float) -> None:
        assert close(decode(encoded(scene(), kind, **options)), scene(), tolerance)

    @pytest.mark.parametrize("kind", ["PPM", "TGA", "ICO", "PCX", "SGI", "PDF", "EPS", "JPEG2000"])
    def test_other_formats_are_not_tried(self, kind: str) -> None:
        with pytest.raises(PhotoError, match=r"not a photo in a format I can read \(JPEG, PNG"):
            decode(encoded(scene(), kind))

    @pytest.mark.parametrize("data", [b"hello", b"\x00" * 100, b"<html></html>", b"%PDF-1.7"])
    def test_no_photo(self, data: bytes) -> None:
        with pytest.raises(PhotoError, match="not a photo"):
            decode(data)

    def test_empty(self) -> None:
        with pytest.raises(PhotoError, match="empty"):
            decode(b"")


class TestModes:
    def test_grey(self) -> None:
        assert close(decode(encoded(scene(mode="L"), "PNG")), scene(mode="L"), 0)
        assert close(decode(encoded(scene(mode="L"), "JPEG", quality=95)), scene(mode="L"))

    def test_bilevel(self) -> None:
        assert close(decode(encoded(scene(mode="1"), "PNG")), scene(mode="1"), 0)

    def test_cmyk(self) -> None:
        expected = scene(mode="CMYK").convert("RGB")
        data = encoded(scene(mode="CMYK"), "JPEG", quality=95)
        assert b"Adobe" in data  # Photoshop's kind, whose values are inverted
        assert close(decode(data), expected)
        assert close(decode(encoded(scene(mode="CMYK"), "TIFF")), expected, 0)

    def test_lab(self) -> None:
        lab = Image.merge("LAB", [Image.new("L", (8, 8), value) for value in (136, 208, 195)])
        pixel = decode(encoded(lab, "TIFF")).getpixel((4, 4))
        assert isinstance(pixel, tuple)
        assert np.abs(np.subtract(pixel, RED)).max() < 12  # L 53, a 80, b 67 is red

    def test_palette(self) -> None:
        image = scene().quantize(64)
        assert close(decode(encoded(image, "PNG")), image.convert("RGB"), 0)

    @pytest.mark.parametrize("kind", ["PNG", "GIF"])
    def test_palette_with_a_transparent_colour(self, kind: str) -> None:
        image = Image.new("P", (4, 4), 0)
        image.putpalette([*RED, *BLUE])
        image.putpixel((1, 1), 1)
        decoded = decode(encoded(image, kind, transparency=0))
        assert decoded.getpixel((0, 0)) == WHITE
        assert decoded.getpixel((1, 1)) == BLUE

    def test_palette_with_alpha_for_each_colour(self) -> None:
        image = Image.new("P", (4, 4), 0)
        image.putpalette([*RED, *BLUE])
        image.putpixel((1, 1), 1)
        decoded = decode(encoded(image, "PNG", transparency=bytes([0, 128])))
        assert decoded.getpixel((0, 0)) == WHITE
        assert decoded.getpixel((1, 1)) == (127, 127, 255)

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
    def test_alpha_lies_over_white(self, kind: str) -> None:
        image = Image.new("RGBA", (16, 600), (*RED, 255))
        image.paste((*BLUE, 0), (0, 0, 16, 300))
        image.paste((0, 0, 0, 128), (0, 590, 16, 600))
        options = {"lossless": True} if kind == "WEBP" else {}
        decoded = decode(encoded(image, kind, **options))
        assert decoded.getpixel((8, 299)) == WHITE
        assert decoded.getpixel((8, 300)) == RED
        assert decoded.getpixel((8, 595)) == (127, 127, 127)

    def test_grey_with_alpha(self) -> None:
        decoded = decode(encoded(Image.new("LA", (4, 4), (0, 0)), "PNG"))
        assert decoded.getpixel((0, 0)) == WHITE

    def test_rgb_and_grey_with_a_transparent_colour(self) -> None:
        image = Image.new("RGB", (4, 4), RED)
        image.putpixel((1, 1), BLUE)
        decoded = decode(encoded(image, "PNG", transparency=RED))
        assert (decoded.getpixel((0, 0)), decoded.getpixel((1, 1))) == (WHITE, BLUE)
        decoded = decode(encoded(Image.new("L", (4, 4), 7), "PNG", transparency=7))
        assert decoded.getpixel((0, 0)) == WHITE

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_16_bit_grey_is_scaled_rather_than_clipped(self, kind: str) -> None:
        levels = np.arange(256, dtype=np.uint16) * 257
        image = Image.fromarray(levels.reshape(16, 16))
        decoded = np.asarray(decode(encoded(image, kind)))
        expected = np.arange(256).reshape(16, 16)
        assert (decoded == expected[..., None]).all()

    def test_16_bit_big_endian_tiff(self) -> None:
        levels = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
        decoded = decode(encoded(Image.fromarray(levels.astype(">u2")), "TIFF"))
        assert np.asarray(decoded)[15, 15].tolist() == [255] * 3
        assert np.asarray(decoded)[8, 0].tolist() == [128] * 3

    def test_16_bit_grey_with_a_transparent_level(self) -> None:
        image = Image.fromarray(np.full((4, 4), 3000, np.uint16))
        decoded = decode(encoded(image, "PNG", transparency=3000))
        assert decoded.getpixel((0, 0)) == WHITE

    def test_16_bit_rgb_png(self) -> None:
        data = png(4, 4, bits=16, colour=2, pixels=struct.pack(">3H", 65535, 32896, 0) * 4)
        assert decode(data).getpixel((2, 2)) == (255, 128, 0)

    @pytest.mark.parametrize("top", [1.0, 255.0, 5000.0])
    def test_floats(self, top: float) -> None:
        samples = np.linspace(0, top, 256, dtype=np.float32).reshape(16, 16)
        samples[0, 0] = np.nan
        decoded = np.asarray(decode(encoded(Image.fromarray(samples), "TIFF")))
        assert np.abs(decoded[..., 0] - np.arange(256.0).reshape(16, 16)).max() <= 1

    def test_flat_floats_and_integers(self) -> None:
        for samples in (np.full((4, 4), -3, np.int32), np.full((4, 4), 1e30, np.float32)):
            assert decode(encoded(Image.fromarray(samples), "TIFF")).size == (4, 4)


class TestAnimations:
    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
    def test_first_frame(self, kind: str) -> None:
        frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert decode(data).getpixel((8, 8)) == RED


class TestOrientation:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_a_photo_stands_upright(self, kind: str, orientation: int) -> None:
        upright = scene()
        # What a camera stores: the inverse of what the viewer has to do.
        turned = {
            1: None,
            2: Image.Transpose.FLIP_LEFT_RIGHT,
            3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_90,
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270,
        }[orientation]
        stored = upright if turned is None else upright.transpose(turned)
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        assert close(decode(encoded(stored, kind, exif=exif)), upright, 6)

    @pytest.mark.parametrize("value", [0, 9, 65535])
    def test_a_senseless_orientation_is_ignored(self, value: int) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = value
        assert close(decode(encoded(scene(), "JPEG", exif=exif)), scene())

    @pytest.mark.parametrize(
        "exif", [b"Exif\0\0", b"Exif\0\0MM\0*", b"Exif\0\0II*\0\xff\xff\xff\xff"]
    )
    def test_damaged_exif_loses_no_photo(self, exif: bytes) -> None:
        assert close(decode(encoded(scene(), "JPEG", exif=exif)), scene())


def chunk_of(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, *, bits: int = 8, colour: int = 2, pixels: bytes | None = None
) -> bytes:
    """Write a PNG by hand: with any size in its header, and any rows."""

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    rows = b"" if pixels is None else (b"\0" + pixels) * height
    body = chunk_of(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + chunk_of(b"IHDR", header) + body + chunk_of(b"IEND", b"")


class TestLimits:
    @pytest.mark.parametrize("side", [8_000, 12_000, 30_000, 2**31 - 1])
    def test_pixel_bombs_are_refused_by_their_header(self, side: int) -> None:
        tracemalloc.start()
        with pytest.raises(PhotoTooLargeError) as caught:
            decode(png(side, side))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert caught.value.size == side * side
        assert caught.value.limit == photo.MAX_PIXELS
        assert caught.value.unit == "pixels"
        assert f"the photo has {side * side:,} pixels; the limit is 50,000,000" in str(caught.value)
        assert peak < 10_000_000

    @pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "WEBP", "AVIF", "HEIF"])
    def test_of_every_format(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        data = encoded(scene(200, 100), kind)

        def loaded(*_: object) -> None:
            raise AssertionError("was decoded")

        monkeypatch.setattr(ImageFile.ImageFile, "load", loaded)
        with pytest.raises(PhotoTooLargeError) as caught:
            decode(data, max_pixels=19_999)
        assert (caught.value.size, caught.value.limit) == (20_000, 19_999)

    def test_the_limit_itself_is_allowed(self) -> None:
        assert decode(encoded(scene(200, 100), "PNG"), max_pixels=20_000).size == (200, 100)

    def test_bytes(self, tmp_path: Path) -> None:
        data = encoded(scene(), "PNG")
        path = tmp_path / "x.png"
        path.write_bytes(data)
        for source in (data, path):
            assert decode(source, max_bytes=len(data)).size == (64, 48)
            with pytest.raises(PhotoTooLargeError) as caught:
                decode(source, max_bytes=len(data) - 1)
            assert (caught.value.size, caught.value.unit) == (len(data), "bytes")

    def test_text_and_profile_bombs(self) -> None:
        """100 MB of zeros, packed: neither is unpacked."""
        packed = zlib.compress(bytes(100_000_000), 9)
        plain = encoded(scene(), "PNG")
        for kind, head in ((b"zTXt", b"k\0\0"), (b"iCCP", b"k\0\0"), (b"iTXt", b"k\0\1\0\0\0")):
            tracemalloc.start()
            decode(plain[:33] + chunk_of(kind, head + packed) + plain[33:])
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 20_000_000

    def test_a_jpeg_with_thousands_of_scans(self) -> None:
        data = encoded(scene(), "JPEG", progressive=True)
        scan = data[data.index(b"\xff\xda") : -2]
        second = scan.index(b"\xff\xda", 2)
        assert scan.count(b"\xff\xda") > 5
        bomb = data[:-2] + scan[second:] * 50 + b"\xff\xd9"
        with pytest.raises(PhotoError, match="has 101 scans of 3,072 pixels"):
            decode(bomb)

    def test_scan_marks_in_other_data_do_not_count(self) -> None:
        """A thumbnail, or a film behind the photo, may hold any bytes."""
        noise = b"\xff\xda\x00\x08" * 1000
        data = encoded(scene(), "JPEG", comment=noise) + noise
        assert close(decode(data), scene())

    def test_rows_cost_memory_however_narrow_they_are(self) -> None:
        for size in ((1, 50_000_000), (50_000_000, 1)):
            with pytest.raises(PhotoTooLargeError, match="on one side; the limit is 65,535"):
                decode(png(*size, bits=1, colour=0))

    def test_what_decoding_takes_is_limited_by_format_and_mode(self) -> None:
        floats = encoded(Image.new("F", (6500, 6500)), "TIFF", compression="tiff_deflate")
        solid = encoded(Image.new("RGB", (6500, 6500)), "WEBP", quality=1, method=0)
        for data in (floats, solid):
            with pytest.raises(PhotoTooLargeError, match="bytes when decoded") as caught:
                decode(data)
            assert caught.value.limit == photo.MAX_MEMORY

    def test_scans_times_pixels_are_limited(self) -> None:
        data = encoded(scene(4000, 3000), "JPEG", progressive=True)
        decode(data)
        scan = data.rindex(b"\xff\xda")
        with pytest.raises(PhotoError, match="scans of 12,000,000 pixels: not an ordinary JPEG"):
            decode(data[:-2] + data[scan:-2] * 85 + data[-2:])

    def test_large_photos_are_decoded_one_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(photo, "_LARGE", 1_000_000)
        at_once, most = 0, []
        load = ImageFile.ImageFile.load

        def counted(image: ImageFile.ImageFile) -> Any:
            nonlocal at_once
            at_once += 1
            most.append(at_once)
            time.sleep(0.01)
            loaded = load(image)
            at_once -= 1
            return loaded

        monkeypatch.setattr(ImageFile.ImageFile, "load", counted)
        data = encoded(scene(1000, 800), "PNG")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(decode, [data] * 16))
        assert max(most) == 1


def test_many_parts_are_refused_before_they_are_read() -> None:
    for name, data in hostile.parts():
        begun = time.process_time()
        with pytest.raises(PhotoError):
            decode(data)
        assert time.process_time() - begun < 1, name


LIMITED = """
import resource, sys, time
sys.path.insert(0, sys.argv[1])
import hostile
photos = list(hostile.photos())
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
from engine.errors import PhotoError
from engine.photo import decode
slowest = read = refused = 0
for name, data in photos:
    begun = time.process_time()
    try:
        assert decode(data, size_hint=299).mode == "RGB", name
        read += 1
    except PhotoError as error:
        assert "memory" not in str(error), (name, error)
        refused += 1
    slowest = max(slowest, time.process_time() - begun)
print(len(photos), read, refused, slowest)
"""


def told_by(script: str) -> str:
    """What a script prints in a process of its own, which may import `hostile`."""
    run = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    # Nor does a decoder print anything.
    assert run.stderr == ""
    return run.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS")
def test_hostile_photos_in_a_process_of_one_gigabyte() -> None:
    count, read, refused, slowest = told_by(LIMITED).split()
    assert int(count) == 300
    assert int(read) > 30
    assert int(refused) > 150
    assert float(slowest) < 4


THREADS = """
import re, sys
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, sys.argv[1])
import hostile
from engine.errors import PhotoError
from engine.photo import decode
def memory():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024
def look(data):
    try:
        decode(data, size_hint=640)
    except PhotoError:
        pass
large = [data for name, data in hostile.photos() if "7000" in name][:6]
before = memory()
with ThreadPoolExecutor(6) as pool:
    list(pool.map(look, large * 2))
print(memory() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_memory_of_large_photos_goes_back() -> None:
    assert int(told_by(THREADS)) < 150


class TestLarge:
    """Phones make JPEGs of 50 to 200 million pixels."""

    @pytest.mark.parametrize(("width", "height"), [(16_320, 12_240), (30_000, 2_000)])
    def test_a_jpeg_over_the_limit_is_decoded_smaller(self, width: int, height: int) -> None:
        data = encoded(Image.linear_gradient("L").resize((width, height)), "JPEG", quality=30)
        assert photo.size_of(data) == (width, height)
        small = decode(data, size_hint=299)
        assert min(small.size) >= 598
        assert abs(small.width / small.height - width / height) < 0.02 * width / height
        whole = decode(data)
        assert whole.width * whole.height <= photo.MAX_PIXELS
        assert whole.getpixel((5, whole.height - 5))[0] > 200  # type: ignore[index]

    def test_other_formats_are_refused(self) -> None:
        with pytest.raises(PhotoTooLargeError):
            decode(png(16_320, 12_240))


class TestRepaired:
    """What is damaged without a loss to the picture."""

    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
    @pytest.mark.parametrize("hint", [None, 16])
    def test_a_jpeg_that_lacks_only_its_end_mark(
        self, options: dict[str, Any], hint: int | None
    ) -> None:
        noise = np.random.default_rng(1).integers(0, 256, (120, 160, 3), np.uint8)
        data = encoded(Image.fromarray(noise), "JPEG", **options)
        for end in (2, 1):
            image = decode(data[:-end], size_hint=hint)
            assert image.tobytes() == decode(data, size_hint=hint).tobytes()
        with pytest.raises(PhotoError, match="cut off"):
            decode(data[:-80], size_hint=hint)

    @pytest.mark.parametrize(
        "kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"gAMA", b"cHRM", b"tIME"]
    )
    def test_a_png_with_a_damaged_note(self, kind: bytes) -> None:
        plain = encoded(scene(), "PNG")
        broken = bytearray(chunk_of(kind, b"comment\0\0nonsense"))
        broken[-1] ^= 0xFF
        for chunk in (bytes(broken), chunk_of(kind, b"\xff")):
            assert close(decode(plain[:33] + chunk + plain[33:]), scene(), 0)

    def test_a_png_that_lacks_its_end(self) -> None:
        assert close(decode(encoded(scene(), "PNG")[:-12]), scene(), 0)

    def test_a_png_with_damaged_pixels_is_refused(self) -> None:
        data = bytearray(encoded(scene(), "PNG"))
        data[data.index(b"IDAT") + 40] ^= 0xFF
        with pytest.raises(PhotoError):
            decode(bytes(data))

    def test_no_warning_reaches_anybody(self, tmp_path: Path) -> None:
        exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\x02\0\0\0\xff\xff\xff\0"
        path = tmp_path / "a.jpg"
        path.write_bytes(encoded(scene(), "JPEG", exif=exif))
        script = "import sys; from pathlib import Path; from engine.photo import decode; "
        script += "decode(Path(sys.argv[1]))"
        run = subprocess.run(
            [sys.executable, "-c", script, str(path)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
        )
        assert (run.returncode, run.stderr) == (0, "")


class TestHeif:
    def encoded(self, image: Image.Image, **options: Any) -> bytes:
        out = BytesIO()
        pillow_heif.from_pillow(image).save(out, **options)
        return out.getvalue()

    def test_heic_is_read_whatever_its_name(self, tmp_path: Path) -> None:
        path = tmp_path / "renamed.jpg"
        path.write_bytes(self.encoded(scene(), quality=95))
        assert close(decode(path), scene(), 6)

    def test_it_is_upright(self) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        data = self.encoded(scene(), quality=95, exif=exif.tobytes())
        assert close(decode(data), scene().transpose(Image.Transpose.ROTATE_270), 6)

    def test_the_library_is_loaded_only_for_such_photos(self) -> None:
        script = "import sys; from engine.photo import decode; from PIL import Image; import io; "
        script += "o = io.BytesIO(); Image.new('RGB', (9, 9)).save(o, 'PNG'); decode(o.getvalue())"
        script += "; assert 'pillow_heif' not in sys.modules"
        subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


class TestFormat:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
    def test_by_content(self, kind: str) -> None:
        assert format_of(encoded(scene(), kind)[:32]) == kind

    @pytest.mark.parametrize(
        "head", [b"", b"BM is how this text begins, whatever it says", b"%PDF-1.7", b"RIFF....AVI "]
    )
    def test_what_is_no_photo(self, head: bytes) -> None:
        assert format_of(head) is None


class TestTruncated:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
    @pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
    def test_a_file_that_breaks_off_is_refused(self, kind: str, part: float) -> None:
        noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
        data = encoded(Image.fromarray(noise), kind)
        with pytest.raises(PhotoError) as caught:
            decode(data[: int(len(data) * part)])
        assert type(caught.value) is PhotoError

    def test_the_reason_is_given(self) -> None:
        data = encoded(scene(), "JPEG")
        with pytest.raises(PhotoError, match="cut off: its file ends too early"):
            decode(data[: len(data) // 2])


class TestPaths:
    def test_a_path_reads_like_bytes(self, tmp_path: Path) -> None:
        path = tmp_path / "кот.jpg"
        path.write_bytes(encoded(scene(), "JPEG"))
        assert close(decode(path), scene())

    @pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: None])
    def test_what_is_no_file(self, tmp_path: Path, make: Callable[[Path], None]) -> None:
        path = tmp_path / "secret-name.jpg"
        make(path)
        with pytest.raises(PhotoError, match="missing or is not a regular file"):
            decode(path)

    def test_no_error_names_the_path(self, tmp_path: Path) -> None:
        path = tmp_path / "secret-name.jpg"
        for data in (b"", b"x", encoded(scene(), "JPEG")[:300], png(30_000, 30_000)):
            path.write_bytes(data)
            with pytest.raises(PhotoError) as caught:
                decode(path)
            assert "secret-name" not in str(caught.value)
            assert str(tmp_path) not in str(caught.value)
        for odd in ("x" * 300, "a\0b"):
            with pytest.raises(PhotoError) as caught:
                decode(tmp_path / odd)
            assert str(tmp_path) not in str(caught.value)


class TestSizeHint:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize("mode", ["RGB", "L"])
    def test_large_photos_come_back_smaller_but_alike(self, kind: str, mode: str) -> None:
        data = encoded(scene(1600, 1200, mode), kind)
        small = decode(data, size_hint=100)
        assert 200 <= min(small.size) <= 400
        assert small.mode == "RGB"
        difference = to_input(small, 100).astype(int) - to_input(decode(data), 100)
        assert np.abs(difference).max() <= 3

    def test_small_photos_stay_as_they_are(self) -> None:
        data = encoded(scene(300, 200), "JPEG")
        assert np.array_equal(decode(data, size_hint=224), decode(data))

    def test_with_orientation_and_transparency(self) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        assert decode(encoded(scene(800, 400), "JPEG", exif=exif), size_hint=50).size == (100, 200)
        clear = Image.new("RGBA", (900, 900), (0, 0, 0, 0))
        decoded = decode(encoded(clear, "PNG"), size_hint=100)
        assert decoded.size == (225, 225)
        assert decoded.getpixel((100, 100)) == WHITE

    def test_cmyk(self) -> None:
        data = encoded(scene(1600, 1200, "CMYK"), "JPEG")
        assert decode(data, size_hint=100).size == (400, 300)

    def test_a_long_strip(self) -> None:
        assert decode(encoded(scene(3000, 3), "PNG"), size_hint=100).size == (3000, 3)


class TestToInput:
    def test_equals_pillows_bilinear(self) -> None:
        for size in ((224, 224), (640, 480), (100, 300), (1, 1)):
            image = scene(*size)
            expected = np.asarray(image.convert("RGB").resize((224, 224), Image.BILINEAR))
            actual = to_input(image, 224)
            assert actual.dtype == np.uint8
            assert actual.shape == (224, 224, 3)
            assert np.array_equal(actual, expected)

    def test_its_own_size_is_left_alone(self) -> None:
        assert np.array_equal(to_input(scene(224, 224), 224), np.asarray(scene(224, 224)))

    def test_a_grey_image(self) -> None:
        assert to_input(scene(mode="L"), 32).shape == (32, 32, 3)

    @pytest.mark.parametrize("sides", [(448, 448), (1280, 960), (300, 200), (3000, 100)])
    def test_a_large_photo_is_decoded_smaller_for_an_encoder(self, sides: tuple[int, int]) -> None:
        data = encoded(scene(*sides), "JPEG")
        difference = encoder_input(data, 160).astype(int) - to_input(decode(data), 160)
        assert np.abs(difference).mean() < 2


SEEDS = [
    encoded(
        scene(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
    ),
    encoded(scene(), "JPEG", progressive=True),
    encoded(scene(mode="CMYK"), "JPEG"),
    encoded(scene(), "PNG"),
    encoded(scene().quantize(16), "PNG", transparency=3),
    encoded(scene(), "WEBP"),
    encoded(scene(), "GIF", save_all=True, append_images=[scene().rotate(90)]),
    encoded(scene(), "BMP"),
    encoded(scene(), "TIFF", compression="tiff_deflate"),
    encoded(Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)), "TIFF"),
]


@settings(max_examples=600, deadline=None)
@given(
    data=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), max_size=8),
    end=st.floats(0, 1),
    hint=st.sampled_from([None, 8, 299]),
)
@example(data=SEEDS[0], changes=[], end=1.0, hint=None)
def test_damaged_bytes_give_a_photo_or_a_photo_error(
    data: bytes, changes: list[tuple[float, bytes]], end: float, hint: int | None
) -> None:
    damaged = bytearray(data)
    for at, value in changes:
        position = int(at * len(damaged))
        damaged[position : position + len(value)] = value
    try:
        decoded = decode(
            bytes(damaged[: int(end * len(damaged))]), size_hint=hint, max_pixels=10**6
        )
    except PhotoError:
        return
    assert decoded.mode == "RGB"
    assert to_input(decoded, 16).shape == (16, 16, 3)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400), head=st.sampled_from([b"", b"\xff\xd8\xff", b"GIF89a", b"BM"]))
def test_any_bytes_give_a_photo_or_a_photo_error(data: bytes, head: bytes) -> None:
    with contextlib.suppress(PhotoError):
        assert decode(head + data, max_pixels=10**6).mode == "RGB"


def test_the_first_photos_of_a_process_are_read_by_threads_at_once() -> None:
    # Pillow registers its formats at the first look; a thread once saw half of them.
    program = """
import io, sys, threading
from PIL import Image
from engine.photo import decode
data = sys.stdin.buffer.read()
barrier, failed = threading.Barrier(8), []
def read():
    barrier.wait()
    try:
        decode(data)
    except Exception as error:
        failed.append(error)
threads = [threading.Thread(target=read) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sys.exit(1 if failed else 0)
"""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "WEBP")
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", program], input=buffer.getvalue(), check=False)
        assert done.returncode == 0
