"""What people build: skylines, houses, boats, lighthouses, bridges, balloons."""

from __future__ import annotations

import math

import numpy as np
from PIL import ImageDraw

from tools.scenes.paint import Array, Colour, Rng, ink, mix, rgb, sprite

LAMPS = ("#ffd489", "#ffc46b", "#fff0cf", "#ffdf9e", "#cfe4ff", "#ffb45c")


def balloon(rng: Rng, colours: tuple[Colour, Colour, Colour], *, size: int = 300) -> Array:
    """A hot-air balloon: gores in perspective, lit from the left, with its basket."""
    w, h = size, int(size * 1.32)
    v, u = np.mgrid[0:h, 0:w].astype(np.float32)
    v, u = v / (size * 1.06), (u / w - 0.5) * 2
    # Half width of the envelope at height v: a circle above, narrowing to the mouth below.
    profile = (
        np.where(
            v < 0.45,
            np.sqrt(np.clip(1 - ((v - 0.45) / 0.44) ** 2, 0, 1)),
            np.clip(1 - ((v - 0.45) / 0.53) ** 2, 0, 1) ** 0.75 * 0.9 + 0.1,
        )
        * 0.9
    )
    profile = np.where((v < 0.01) | (v > 0.965), 0, profile)
    inside = np.clip((profile - np.abs(u)) * w / 2.5 + 0.5, 0, 1)
    longitude = np.arcsin(np.clip(u / np.maximum(profile, 1e-3), -1, 1))
    gore = longitude / (2 * np.pi) * 24 + 0.3
    stripe = np.floor(gore).astype(int)
    style = int(rng.integers(3))
    if style == 0:
        which = stripe % 3
    elif style == 1:
        which = (np.floor(v * 9 + 0.8 * np.abs(gore % 1 - 0.5) * 2).astype(int)) % 3
    else:
        which = (stripe + np.floor(v * 7).astype(int)) % 3
    palette = np.stack([rgb(c) for c in colours])
    colour = palette[which]
    light = 0.62 + 0.5 * np.cos(longitude + 0.7) * (1.05 - 0.5 * v)
    seam = 1 - 0.22 * np.exp(-(((gore % 1) - 0.0) ** 2) / 0.004) - 0.1 * np.abs(gore % 1 - 0.5)
    colour = (
        colour * (light * seam)[..., None]
        + 0.08 * np.exp(-((u + 0.35) ** 2 + (v - 0.25) ** 2) / 0.03)[..., None]
    )
    image = np.concatenate([np.clip(colour, 0, 1), inside[..., None]], -1).astype(np.float32)

    def draw(pen: ImageDraw.ImageDraw) -> None:
        mid, top, mouth = w / 2, h * 0.885, h * 0.775
        for s in (-1, -0.4, 0.4, 1):
            pen.line([(mid + s * w * 0.045, mouth), (mid + s * w * 0.034, top)], ink("#2c2119"), 2)
        pen.rectangle([mid - w * 0.043, top, mid + w * 0.043, h * 0.955], ink("#6b4425"))
        pen.rectangle([mid - w * 0.048, top - 3, mid + w * 0.048, top + 4], ink("#3d2413"))

    basket = sprite(w, h, draw)
    return np.concatenate(
        [
            mix(image[..., :3], basket[..., :3], basket[..., 3]),
            np.maximum(image[..., 3:], basket[..., 3:]),
        ],
        -1,
    )


def house(
    rng: Rng,
    *,
    wall: Colour = "#8a6a50",
    roof: Colour = "#e9eef8",
    windows: Colour = "#ffc560",
    light: float = 0.6,
    size: int = 200,
) -> Array:
    """A cottage in three-quarter view, its windows lit, smoke not included."""
    w, h = int(size * 1.5), size

    def c(colour: Colour, tone: float) -> tuple[int, int, int, int]:
        return ink(np.clip(rgb(colour) * tone, 0, 1))

    def draw(pen: ImageDraw.ImageDraw) -> None:
        left, corner, right = w * 0.08, w * 0.4, w * 0.94
        base, eave, ridge = h * 0.99, h * 0.55, h * 0.14
        gable = (left + corner) / 2
        pen.polygon(
            [(left, base), (left, eave), (gable, ridge + 8), (corner, eave), (corner, base)],
            c(wall, light),
        )
        pen.rectangle([corner, eave, right, base], c(wall, light * 0.78))
        for k in range(12):
            y = eave + (base - eave) * k / 12
            pen.line([(left, y), (right, y)], c(wall, light * 0.66), 1)
        # Chimney before the roof, so that the roof covers its foot.
        x = corner + (right - corner) * rng.uniform(0.3, 0.6)
        pen.rectangle([x, h * 0.04, x + w * 0.06, ridge + 30], c("#7a5a4c", light))
        pen.rectangle([x - 2, h * 0.03, x + w * 0.06 + 2, h * 0.07], c(roof, light * 1.2))
        pen.polygon(
            [
                (gable, ridge),
                (right - w * 0.03, ridge),
                (right + w * 0.05, eave + 6),
                (corner + 6, eave + 6),
            ],
            c(roof, light * 1.05),
        )
        pen.line([(left - 10, eave + 8), (gable, ridge)], c(roof, light * 1.3), int(h * 0.05))
        pen.line([(gable, ridge), (corner + 8, eave + 8)], c(roof, light * 1.2), int(h * 0.035))
        for _ in range(60):
            px = rng.uniform(gable, right)
            py = rng.uniform(ridge + 4, eave)
            pen.ellipse([px - 7, py - 2, px + 7, py + 2], c(roof, light * rng.uniform(0.97, 1.12)))
        n = int(rng.integers(2, 4))
        spots = [
            (corner + (right - corner) * (i + 0.5) / n, (eave + base) / 2 + 4, 1.0)
            for i in range(n)
        ]
        spots.append((gable, (eave + base) / 2 + 2, 0.9))
        for px, py, s in spots:
            a, b = w * 0.038 * s, h * 0.085 * s
            pen.rectangle(
                [px - a - 2, py - b - 2, px + a + 2, py + b + 2], c("#f0e4d0", light * 0.7)
            )
            pen.rectangle([px - a, py - b, px + a, py + b], c(windows, rng.uniform(0.85, 1.1)))
            pen.line([(px, py - b), (px, py + b)], c("#5b3a1c", 0.7), 2)
            pen.line([(px - a, py), (px + a, py)], c("#5b3a1c", 0.7), 2)

    return sprite(w, h, draw)


def lighthouse(rng: Rng, *, light: float = 0.5, size: int = 420) -> Array:
    """A banded tower with a gallery and a lantern."""
    w, h = int(size * 0.5), size
    band = rgb(rng.choice(["#b3302a", "#23406b", "#1d1d22"]))

    def draw(pen: ImageDraw.ImageDraw) -> None:
        mid, top, bottom = w * 0.5, h * 0.17, h * 0.995
        for y in range(int(top), int(bottom)):
            t = max(0.0, (y - top) / (bottom - top))
            half = w * (0.095 + 0.085 * t**1.3)
            colour = band if int(t * 6.99) % 2 else rgb("#e9e6df")
            for k in range(24):
                s = -1 + 2 * (k + 0.5) / 24
                tone = light * (0.45 + 0.62 * math.sqrt(max(0.0, 1 - (s + 0.35) ** 2 / 1.9)))
                x0 = mid + half * (-1 + 2 * k / 24)
                pen.line([(x0, y), (x0 + 2 * half / 24, y)], ink(np.clip(colour * tone, 0, 1)), 1)
        pen.rectangle(
            [mid - w * 0.15, top - 4, mid + w * 0.15, top + 5], ink(rgb("#2a2a30") * light)
        )
        for k in range(9):
            x = mid - w * 0.14 + w * 0.28 * k / 8
            pen.line([(x, top - 16), (x, top)], ink(rgb("#2a2a30") * light), 2)
        pen.line(
            [(mid - w * 0.14, top - 16), (mid + w * 0.14, top - 16)], ink(rgb("#2a2a30") * light), 2
        )
        pen.rectangle([mid - w * 0.075, top - h * 0.085, mid + w * 0.075, top - 4], ink("#fff3c4"))
        for k in range(4):
            x = mid - w * 0.075 + w * 0.15 * k / 3
            pen.line([(x, top - h * 0.085), (x, top - 4)], ink("#3a3322"), 2)
        roof = top - h * 0.085
        pen.polygon(
            [(mid - w * 0.1, roof), (mid, roof - h * 0.07), (mid + w * 0.1, roof)],
            ink(band * light * 0.8),
        )
        pen.line([(mid, roof - h * 0.065), (mid, roof - h * 0.1)], ink("#222222"), 2)
        for k in range(3):
            pane = top + (bottom - top) * (0.2 + 0.27 * k)
            pen.rectangle([mid - 4, pane, mid + 5, pane + 14], ink("#1d1a18"))

    return sprite(w, h, draw)


def sailing_boat(rng: Rng, *, light: float = 1.0, sails: bool = False, size: int = 300) -> Array:
    """A small yacht, its sails furled or set."""
    w, h = int(size * 0.8), size
    hull = rgb(rng.choice(["#f2efe6", "#24466e", "#a33327", "#2f5d50", "#e0c9a0", "#35383d"]))

    def c(colour: Colour, tone: float = 1.0) -> tuple[int, int, int, int]:
        return ink(np.clip(rgb(colour) * light * tone, 0, 1))

    def draw(pen: ImageDraw.ImageDraw) -> None:
        deck, keel = h * 0.84, h * 0.985
        mast = w * rng.uniform(0.42, 0.5)
        if sails:
            pen.polygon(
                [(mast - 3, h * 0.05), (mast - 3, deck - 12), (w * 0.1, deck - 10)],
                c("#e9e2d2", 0.86),
            )
            pen.polygon(
                [(mast + 5, h * 0.09), (mast + 5, deck - 10), (w * 0.86, deck - 6)],
                c("#fbf7ec", 1.0),
            )
            for k in range(1, 6):
                y = h * 0.1 + (deck - h * 0.1) * k / 6
                pen.line(
                    [(mast + 5, y), (mast + 5 + (w * 0.8 - mast) * k / 6.6, y + 2)],
                    c("#c9c2b2", 0.9),
                    1,
                )
        else:
            pen.line([(mast, deck - 22), (w * 0.1, deck - 20)], c("#d8d2c0"), 9)
            for x in (w * 0.03, w * 0.97, w * 0.7):
                pen.line([(mast, h * 0.03), (x, deck)], c("#54534f", 0.8), 1)
        pen.line(
            [(mast, h * 0.02), (mast, deck)], c("#c9b48d" if rng.random() < 0.5 else "#e6e6e6"), 4
        )
        pen.rectangle([w * 0.34, deck - 16, w * 0.66, deck + 2], c("#f5f2ea", 0.9))
        for k in range(3):
            pen.rectangle(
                [w * (0.38 + 0.09 * k), deck - 11, w * (0.43 + 0.09 * k), deck - 4], c("#24323d")
            )
        outline = [(w * 0.02, deck), (w * 0.99, deck - 8), (w * 0.84, keel), (w * 0.12, keel)]
        pen.polygon(outline, c(hull, 0.85))
        pen.polygon(
            [outline[0], outline[1], (w * 0.96, deck + 6), (w * 0.035, deck + 12)], c(hull, 1.15)
        )
        pen.line([(w * 0.11, keel - 4), (w * 0.85, keel - 4)], c("#7a2420"), 5)

    return sprite(w, h, draw)


def rowing_boat(rng: Rng, *, light: float = 1.0, size: int = 120) -> Array:
    """A wooden boat, low on the water."""
    w, h = int(size * 2.6), size
    wood = rgb(rng.choice(["#7b4a2a", "#8f2f25", "#2c5672", "#3f6b48"]))

    def draw(pen: ImageDraw.ImageDraw) -> None:
        top = h * 0.35
        rim = [
            (w * 0.02, top * 0.75),
            (w * 0.2, top * 1.15),
            (w * 0.5, top * 1.3),
            (w * 0.8, top * 1.15),
            (w * 0.98, top * 0.7),
        ]
        pen.polygon(
            [*rim, (w * 0.85, h * 0.95), (w * 0.15, h * 0.95)], ink(np.clip(wood * light, 0, 1))
        )
        back = [
            (w * 0.02, top * 0.75),
            (w * 0.25, top * 0.85),
            (w * 0.5, top * 0.88),
            (w * 0.75, top * 0.85),
            (w * 0.98, top * 0.7),
        ]
        pen.polygon([*back, *reversed(rim)], ink(wood * light * 0.45))
        for k in range(1, 4):
            y = top * 1.2 + (h * 0.95 - top * 1.2) * k / 4
            pen.line(
                [(w * (0.06 + 0.02 * k), y - 4), (w * 0.5, y + 3), (w * (0.94 - 0.02 * k), y - 4)],
                ink(wood * light * 0.7),
                2,
            )
        pen.line(rim, ink(np.clip(wood * light * 1.6, 0, 1)), 4)
        for x in (0.35, 0.62):
            pen.rectangle(
                [w * x, top * 0.84, w * (x + 0.06), top * 1.25],
                ink(np.clip(wood * light * 1.2, 0, 1)),
            )

    return sprite(w, h, draw)
