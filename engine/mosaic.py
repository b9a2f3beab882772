"""The picture of an answer: the posts found as one numbered mosaic.

Photos keep their order and their proportions: each row is as high as its photos need to fill the
width (as Flickr's justified rows). Only very long photos are cropped, to where most of their
detail is. There is no paper around them, so the picture fits dark and light chats alike.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from engine.pictures import (
    CARD,
    INK,
    PAPER,
    Colour,
    font_of,
    line_height,
    rounded_mask,
    wrap_text,
    write_lines,
)

WIDTH: Final = 800
"""Pixels; on a phone the picture is shown at about 360 points, on a desktop at about 420."""

GAP: Final = 6
NEAR: Final[Colour] = (20, 20, 24)
FAR: Final[Colour] = (226, 226, 230)
EDGE: Final[Colour] = (150, 150, 158)
BADGE: Final = 48
"""Height of a number in pixels: about 20 points on a phone."""

NARROWEST, WIDEST = 0.72, 1.9
"""Photos beyond these proportions (width / height) are cropped to them."""

BEST_HEIGHT: Final = 0.95
"""Height of the whole picture, as a share of its width, that suits a phone and a desktop."""

CUT: Final = 8
"""A photo so many pixels larger than its tile is cut, not made smaller."""


class Tile(NamedTuple):
    """A post in the mosaic.

    Attributes
    ----------
    image
        Its photo or thumbnail; None: its text is shown instead.
    text
        What stands in the tile without a photo.
    badge
        The number by which it is opened.
    far
        Whether it is less close than the others: its number is then light instead of dark.
    """

    image: Image.Image | None
    text: str = ""
    badge: str = ""
    far: bool = False


def mosaic(tiles: Sequence[Tile], *, width: int = WIDTH) -> Image.Image:
    """Draw posts in rows that fill the width, in reading order.

    Parameters
    ----------
    tiles
        1 to 10 posts, best first.
    width
        In pixels.

    Returns
    -------
    PIL.Image.Image
        Mode ``"RGB"``.

    Raises
    ------
    ValueError
        There are none, or more than 10.
    """
    if not 1 <= len(tiles) <= 10:
        raise ValueError(f"a mosaic has 1 to 10 tiles, not {len(tiles)}")
    ratios = tuple(_ratio(tile) for tile in tiles)
    heights, counts = _rows(ratios, width)
    page = Image.new("RGB", (width, sum(heights) + GAP * (len(heights) - 1)), PAPER)
    place, top = 0, 0
    for height, count in zip(heights, counts, strict=True):
        row = range(place, place + count)
        free = width - GAP * (count - 1)
        total = sum(ratios[number] for number in row)
        done = 0.0
        for column, number in enumerate(row):
            left = round(free * done / total)
            done += ratios[number]
            right = round(free * done / total)
            tile = _drawn(tiles[number], (right - left, height))
            page.paste(tile, (left + GAP * column, top))
        place += count
        top += height + GAP
    return page


def _ratio(tile: Tile) -> float:
    if tile.image is None:
        return 1.0
    return min(WIDEST, max(NARROWEST, tile.image.width / tile.image.height))


@functools.lru_cache(maxsize=256)
def _rows(ratios: tuple[float, ...], width: int) -> tuple[list[int], list[int]]:
    """Heights of the rows in pixels, and how many photos each has.

    All ways to break the line are compared: rows alike in height, the whole near `BEST_HEIGHT`.
    """
    best: tuple[float, list[int], list[int]] | None = None
    count = len(ratios)
    for breaks in itertools.product((False, True), repeat=count - 1):
        ends = [place for place, here in enumerate(breaks, start=1) if here] + [count]
        starts = [0, *ends[:-1]]
        counts = [end - start for start, end in zip(starts, ends, strict=True)]
        heights = [
            (width - GAP * (end - start - 1)) / sum(ratios[start:end])
            for start, end in zip(starts, ends, strict=True)
        ]
        whole = sum(heights) / width
        mean = sum(map(math.log, heights)) / len(heights)
        uneven = sum((math.log(height) - mean) ** 2 for height in heights) / len(heights)
        # What is too high does not fit a window together with its caption.
        off = math.log(whole / BEST_HEIGHT)
        cost = uneven + (2.5 if off > 0 else 1.5) * off**2
        if best is None or cost < best[0]:
            best = cost, [max(1, round(height)) for height in heights], counts
    assert best is not None
    return best[1], best[2]


def _drawn(tile: Tile, size: tuple[int, int]) -> Image.Image:
    if tile.image is None:
        picture = _note(tile.text, size)
    else:
        image = tile.image.convert("RGB")
        left, top, right, bottom = crop_box(image, size[0] / size[1])
        if 0 <= right - left - size[0] < CUT and 0 <= bottom - top - size[1] < CUT:
            # Half the time of drawing is resizing.
            picture = image.crop(
                (round(left), round(top), round(left) + size[0], round(top) + size[1])
            )
        else:
            picture = image.resize(size, Image.Resampling.BILINEAR, (left, top, right, bottom))
    if tile.badge:
        badge, mask = _badge(tile.badge, tile.far)
        picture.paste(badge, (GAP * 2, GAP * 2), mask)
    return picture


def crop_box(image: Image.Image, ratio: float) -> tuple[float, float, float, float]:
    """Where to crop a photo to a ratio (width / height): where most of its detail is.

    Detail is the strength of edges, as in Suh et al. 2003, "Automatic thumbnail cropping and its
    effectiveness", in its simplest form; of a tall photo the upper part counts more, for heads are
    there.
    """
    width, height = image.size
    tall = width / height < ratio
    long, kept = (height, width / ratio) if tall else (width, height * ratio)
    if kept >= long * 0.995:
        return (0, 0, width, height)
    small = np.asarray(image.convert("L").resize((48, 48), Image.Resampling.BOX), np.float32)
    edges = np.abs(np.diff(small, axis=0))[:, 1:] + np.abs(np.diff(small, axis=1))[1:]
    line = edges.sum(1 if tall else 0) + 1e-3
    middle = 0.36 if tall else 0.5
    at = (np.arange(len(line)) + 0.5) / len(line)
    line *= np.exp(-(((at - middle) / 0.45) ** 2))
    window = max(1, round(len(line) * kept / long))
    sums = np.convolve(line, np.ones(window), "valid")
    start = min(long - kept, float(sums.argmax()) / len(line) * long)
    return (0, start, width, start + kept) if tall else (start, 0, start + kept, height)


def _note(text: str, size: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", size, CARD)
    font = font_of(max(18, size[0] // 14))
    margin = size[0] // 12
    height = line_height(font)
    lines = wrap_text(
        text, font, size[0] - 2 * margin, max(1, (size[1] - BADGE - 2 * margin) // height)
    )
    top = max(BADGE, (size[1] - len(lines) * height) // 2)
    write_lines(ImageDraw.Draw(picture), (margin, top), lines, font, INK)
    return picture


@functools.lru_cache(maxsize=128)
def _badge(text: str, far: bool) -> tuple[Image.Image, Image.Image]:
    font = font_of(BADGE * 2 // 3, strong=True)
    width = max(BADGE, math.ceil(font.getlength(text)) + BADGE // 2)
    mask = rounded_mask((width, BADGE), BADGE // 3).point(lambda value: value * 215 // 255)
    badge = Image.new("RGB", (width, BADGE), FAR if far else NEAR)
    draw = ImageDraw.Draw(badge)
    # A dark number shows on a night sky, too.
    draw.rounded_rectangle((0, 0, width - 1, BADGE - 1), BADGE // 3, outline=EDGE, width=3)
    draw.text((width / 2, BADGE / 2), text, font=font, fill=NEAR if far else INK, anchor="mm")
    return badge, mask
