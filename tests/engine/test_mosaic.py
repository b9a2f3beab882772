from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from engine.mosaic import WIDTH, Tile, crop_box, mosaic
from engine.pictures import to_photo

sizes = st.tuples(st.integers(1, 900), st.integers(1, 900))


@given(st.lists(sizes | st.none(), min_size=1, max_size=10))
def test_any_photos_fill_the_width(shapes: list[tuple[int, int] | None]) -> None:
    tiles = [
        Tile(Image.new("RGB", shape) if shape else None, "some words", str(n))
        for n, shape in enumerate(shapes, start=1)
    ]
    page = mosaic(tiles)
    assert page.width == WIDTH
    # Telegram takes photos whose sides are at most 20 to 1, and 10,000 pixels together.
    assert page.width / 20 < page.height < 3 * page.width


def test_none_and_too_many() -> None:
    for count in (0, 11):
        with pytest.raises(ValueError, match="1 to 10 tiles"):
            mosaic([Tile(None, "x")] * count)


def test_photos_stand_in_order_and_whole() -> None:
    colours = ["red", "green", "blue", "white"]
    page = mosaic([Tile(Image.new("RGB", (300, 200), colour)) for colour in colours])
    corners = [(5, 5), (-6, 5), (5, -6), (-6, -6)]
    for colour, (x, y) in zip(colours, corners, strict=True):
        seen = page.getpixel((x % page.width, y % page.height))
        assert seen == Image.new("RGB", (1, 1), colour).getpixel((0, 0))


def test_a_tall_photo_is_cropped_to_where_its_detail_is() -> None:
    tall = Image.new("RGB", (200, 800), "lightblue")
    rng = np.random.default_rng(0)
    face = Image.fromarray(rng.integers(0, 255, (150, 200, 3), np.uint8))
    tall.paste(face, (0, 120))
    left, top, right, bottom = crop_box(tall, 1.0)
    assert (left, right) == (0, 200)
    assert top <= 130
    assert bottom >= 260
    assert crop_box(tall, 0.25) == (0, 0, 200, 800)


def test_numbers_can_be_told_apart() -> None:
    near = mosaic([Tile(Image.new("RGB", (300, 200), "gray"), badge="1")])
    far = mosaic([Tile(Image.new("RGB", (300, 200), "gray"), badge="1", far=True)])
    assert near.getpixel((18, 36)) < (80, 80, 80)
    assert far.getpixel((18, 36)) > (180, 180, 180)


def test_a_sheet_is_a_small_jpeg() -> None:
    photo = Image.effect_noise((400, 300), 60).convert("RGB")
    ImageDraw.Draw(photo).ellipse((50, 50, 300, 250), fill="orange")
    data = to_photo(mosaic([Tile(photo, badge=str(n)) for n in range(1, 7)]))
    assert len(data) < 600_000
    assert Image.open(io.BytesIO(data)).format == "JPEG"
