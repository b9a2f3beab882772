"""Topics that grew: shares of posts by week, and a picture of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from engine.pictures import (
    ACCENT,
    CARD,
    INK,
    PAPER,
    QUIET,
    TRACK,
    font_of,
    line_height,
    rounded_mask,
    to_photo,
    wrap_text,
    write_lines,
)
from engine.results import Floats

WEEKS: Final = 4
"""Weeks that are looked at."""

BEFORE: Final = 8
"""Weeks before them, which they are held against."""

POSTS_LEAST: Final = 5
"""Posts that both times must have."""

SURE: Final = 2.0
"""Standard errors by which a topic's mean share must have grown."""

WIDTH: Final = 800
ROW: Final = 168
PAD: Final = 24


class Trend(NamedTuple):
    """A topic that grew.

    Attributes
    ----------
    growth
        Mean share in the last weeks by that before; 2 is twice as much.
    weeks
        Mean share in each week, the oldest first; shape (BEFORE + WEEKS,).
    """

    topic: int
    growth: float
    weeks: Floats


def trends(shares: Floats, ages: Sequence[int]) -> list[Trend]:
    """Topics whose share of the posts grew, the surest first.

    Parameters
    ----------
    shares
        Topic vectors of posts, shape (n, K).
    ages
        Age of each post in whole weeks; 0: less than a week old.
    """
    age = np.asarray(ages)
    late, early = (
        shares[(age >= 0) & (age < WEEKS)],
        shares[(age >= WEEKS) & (age < WEEKS + BEFORE)],
    )
    if min(len(late), len(early)) < POSTS_LEAST:
        return []
    gain = late.mean(0) - early.mean(0)
    error = np.sqrt(late.var(0) / len(late) + early.var(0) / len(early)) + 1e-6
    found = []
    for topic in np.argsort(-gain / error).tolist():
        if gain[topic] < SURE * error[topic]:
            break
        weeks = [
            shares[age == week][:, topic].mean() if (age == week).any() else 0.0
            for week in reversed(range(WEEKS + BEFORE))
        ]
        growth = float(late[:, topic].mean() / max(early[:, topic].mean(), 1e-3))
        found.append(Trend(topic, growth, np.array(weeks, np.float32)))
    return found


def trends_picture(
    grown: Sequence[Trend], titles: Sequence[str], images: Sequence[Image.Image | None]
) -> bytes:
    """Draw a row for each topic: number and photo, its words, how much it grew, bars of the weeks.

    Returns
    -------
    bytes
        A JPEG.
    """
    page = Image.new("RGB", (WIDTH, PAD + len(grown) * (ROW + PAD)), PAPER)
    for place, (trend, title, image) in enumerate(zip(grown, titles, images, strict=True)):
        card = _row(place + 1, trend, title, image)
        page.paste(card, (PAD, PAD + place * (ROW + PAD)), rounded_mask(card.size, 18))
    return to_photo(page)


def _row(number: int, trend: Trend, title: str, image: Image.Image | None) -> Image.Image:
    width = WIDTH - 2 * PAD
    card = Image.new("RGB", (width, ROW), CARD)
    draw = ImageDraw.Draw(card)
    side = ROW
    if image is not None:
        card.paste(ImageOps.fit(image.convert("RGB"), (side, side)), (0, 0))
    else:
        card.paste(TRACK, (0, 0, side, side))
    left, bars = side + PAD, 250
    strong, plain = font_of(30, strong=True), font_of(24)
    write_lines(draw, (left, 20), [f"{number}  {growth(trend.growth)}"], strong, ACCENT)
    lines = wrap_text(title, plain, width - left - bars - 2 * PAD, 3)
    write_lines(draw, (left, 26 + line_height(strong)), lines, plain, INK)
    _bars(draw, (width - bars - PAD, 26, bars, ROW - 52), trend.weeks)
    return card


def _bars(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], weeks: Floats) -> None:
    left, top, width, height = box
    step = width / len(weeks)
    most = max(float(weeks.max()), 1e-6)
    for week, share in enumerate(weeks.tolist()):
        x = left + week * step
        tall = max(4, round(height * share / most))
        ink = ACCENT if week >= len(weeks) - WEEKS else QUIET
        box_ = (round(x), top + height - tall, round(x + step - 5), top + height)
        draw.rounded_rectangle(box_, 4, fill=ink)


def growth(times: float) -> str:
    """How much a topic grew, as it is shown."""
    return f"× {times:.1f}" if times < 10 else "× 10+"
