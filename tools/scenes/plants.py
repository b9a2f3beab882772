"""Sprites of plants: conifers, broad-leaved trees, palms, grass, flowers. RGBA, drawn once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw

from tools.scenes.paint import Array, Colour, Rng, ink, rgb, sprite


def _shade(colour: Colour, light: float) -> tuple[int, int, int, int]:
    return ink(np.clip(rgb(colour) * light, 0, 1))


def conifer(
    rng: Rng, *, needles: Colour = "#1f3b2c", snow: float = 0.0, light: float = 1.0, size: int = 300
) -> Array:
    """A spruce: whorls of drooping twigs, lighter on the left, with snow on them."""
    w, h = int(size * 0.56), size
    spread = rng.uniform(0.36, 0.47)
    lean = rng.uniform(-0.02, 0.02)

    def draw(pen: ImageDraw.ImageDraw) -> None:
        pen.line(
            [(w / 2, h), (w / 2 + lean * h, h * 0.1)], _shade("#3b2c22", light), max(2, h // 45)
        )
        levels = int(rng.integers(20, 27))
        for level in range(levels):
            t = level / (levels - 1)
            y = h * (0.03 + 0.9 * t**1.05)
            reach = w * spread * (0.06 + t**0.85) * rng.uniform(0.82, 1.12)
            middle = w / 2 + lean * (h - y)
            for _ in range(int(9 + 26 * t)):
                s = rng.uniform(-1, 1)
                x1 = middle + s * reach
                y1 = y + abs(s) * reach * 0.42 + rng.normal(0, h * 0.008)
                tone = (0.62 + 0.5 * rng.random() - 0.28 * s) * light
                pen.line([(middle + s * reach * 0.15, y), (x1, y1)], _shade(needles, tone), 3)
                for k in (0.55, 0.8, 1.0):
                    px, py = middle + s * reach * k, y + (y1 - y) * k
                    hang = h * rng.uniform(0.012, 0.03)
                    pen.line([(px, py), (px + s * 3, py + hang)], _shade(needles, tone * 0.8), 2)
                if rng.random() < snow:
                    cold = np.clip((0.74 + 0.2 * rng.random() - 0.12 * s) * light, 0, 1.1)
                    tip = rng.uniform(0.6, 1.0)
                    a, b = 0.3 * tip, tip
                    pen.line(
                        [
                            (middle + s * reach * a, y + (y1 - y) * a - 2),
                            (middle + s * reach * b, y + (y1 - y) * b - 2),
                        ],
                        ink(rgb("#f2f6ff") * cold),
                        max(2, int(size / 75)),
                    )

    return sprite(w, h, draw)


def broadleaf(
    rng: Rng,
    leaves: Sequence[Colour],
    *,
    bark: Colour = "#3a2d25",
    size: int = 320,
    density: float = 1.0,
    light: float = 1.0,
) -> Array:
    """A tree with a branching trunk and leaves in clusters, lit from the upper left."""
    w, h = int(size * 1.5), size
    tips: list[tuple[float, float]] = []
    strokes: list[tuple[float, float, float, float, float]] = []

    def grow(x: float, y: float, angle: float, length: float, width: float, depth: int) -> None:
        x1, y1 = x + math.cos(angle) * length, y - math.sin(angle) * length
        strokes.append((x, y, x1, y1, width))
        if depth == 0 or length < size * 0.03:
            tips.append((x1, y1))
            return
        if depth <= 3:
            tips.append((x1, y1))
        for _ in range(int(rng.integers(2, 4))):
            turn = rng.normal(0, 0.46)
            grow(x1, y1, angle + turn, length * rng.uniform(0.66, 0.84), width * 0.66, depth - 1)

    grow(w / 2, h, math.pi / 2 + rng.normal(0, 0.05), h * 0.225, size * 0.042, 5)

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for x, y, x1, y1, width in strokes:
            pen.line(
                [(x, y), (x1, y1)], _shade(bark, light * rng.uniform(0.8, 1.15)), max(1, int(width))
            )
        spots = []
        middle_x = float(np.mean([t[0] for t in tips]))
        top, bottom = min(t[1] for t in tips), max(t[1] for t in tips) + 1
        for x, y in tips:
            for _ in range(int(9 * density)):
                dx, dy = rng.normal(0, size * 0.036, 2)
                spots.append((x + dx, y + dy, rng.random()))
        rng.shuffle(spots)
        # Dark leaves lie inside and below, light ones come last, on the upper left.
        spots.sort(key=lambda s: -(s[1] + 0.35 * (s[0] - middle_x)) + 90 * s[2])
        spots.reverse()
        # Nothing may be cut off at the sprite's border.
        spots = [s for s in spots if 6 < s[0] < w - 6 and 6 < s[1] < h * 0.82]
        for x, y, chance in spots:
            up = 1 - (y - top) / (bottom - top)
            side = (middle_x - x) / (w / 2)
            tone = (0.5 + 0.42 * up + 0.16 * side + 0.25 * chance) * light
            colour = leaves[int(rng.integers(len(leaves)))]
            r = size * rng.uniform(0.006, 0.014)
            pen.ellipse([x - r, y - r * 0.8, x + r, y + r * 0.8], _shade(colour, tone))

    return sprite(w, h, draw)


def palm(rng: Rng, *, light: float = 1.0, size: int = 420, leaf: Colour = "#2f6b35") -> Array:
    """A coconut palm, leaning."""
    w, h = size, size
    lean = rng.choice([-1, 1]) * rng.uniform(0.1, 0.3)

    def draw(pen: ImageDraw.ImageDraw) -> None:
        trunk = []
        for k in range(40):
            t = k / 39
            trunk.append((w / 2 + lean * w * (t**1.7 - 0.3), h - t * h * 0.68))
        for k in range(39):
            width = int(size * (0.026 - 0.013 * k / 39))
            tone = 0.75 + 0.3 * (k % 2) + rng.normal(0, 0.05)
            pen.line([trunk[k], trunk[k + 1]], _shade("#7d6a52", tone * light), width)
        cx, cy = trunk[-1]
        fronds = int(rng.integers(13, 17))
        for i in range(fronds):
            angle = math.pi * (-0.18 + 1.36 * (i + rng.uniform(-0.3, 0.3)) / (fronds - 1))
            reach = size * rng.uniform(0.25, 0.36)
            droop = rng.uniform(0.5, 1.0)
            spine = []
            for k in range(26):
                t = k / 25
                x = cx + math.cos(angle) * reach * t
                y = cy - math.sin(angle) * reach * t * 0.72 + droop * reach * t * t * 0.75
                spine.append((x, y))
            tone = rng.uniform(0.65, 1.15) * light
            pen.line(spine, _shade(leaf, tone * 0.8), 2)
            for k in range(2, 26):
                x, y = spine[k]
                dx, dy = spine[k][0] - spine[k - 1][0], spine[k][1] - spine[k - 1][1]
                norm = math.hypot(dx, dy) + 1e-6
                blade = size * 0.085 * math.sin(math.pi * min(0.97, 0.12 + k / 27)) + 3
                for side in (-1, 1):
                    nx, ny = -dy / norm * side, dx / norm * side
                    ex = x + nx * blade * 0.55 + dx / norm * blade * 0.8
                    ey = y + ny * blade * 0.55 + dy / norm * blade * 0.8 + blade * 0.35
                    tip = _shade(leaf, tone * (1.1 if ny < 0 else 0.72) * rng.uniform(0.85, 1.2))
                    pen.line([(x, y), (ex, ey)], tip, 3)
        for _ in range(4):
            x, y = cx + rng.normal(0, 6), cy + rng.uniform(2, 12)
            pen.ellipse([x - 6, y - 6, x + 6, y + 6], _shade("#5d4526", light))

    return sprite(w, h, draw)


def tuft(
    rng: Rng, colours: Sequence[Colour], *, size: int = 160, blades: int = 60, ears: bool = False
) -> Array:
    """Grass or corn: bent blades from one foot; with ``ears`` the blades end in grains."""
    w, h = int(size * 0.9), size

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for i in range(blades):
            near = i / blades
            x = w * rng.uniform(0.12, 0.88)
            length = h * rng.uniform(0.45, 0.97)
            bend = rng.normal(0, 0.16) * w
            points = [(x + bend * (k / 8) ** 2, h - length * k / 8) for k in range(9)]
            colour = colours[int(rng.integers(len(colours)))]
            for k in range(8):
                tone = (0.38 + 0.72 * (k / 7)) * (0.75 + 0.35 * near)
                pen.line([points[k], points[k + 1]], _shade(colour, tone), 3 if k < 5 else 2)
            if ears:
                x1, y1 = points[-1]
                dx = (points[-1][0] - points[-3][0]) * 0.5
                for k in range(9):
                    tone = rng.uniform(0.85, 1.2)
                    gx, gy = x1 + dx * k / 4 + (-3 if k % 2 else 3), y1 - k * 3.2 + 12
                    pen.ellipse([gx - 3, gy - 4, gx + 3, gy + 4], _shade(colour, tone))
                    pen.line(
                        [(gx, gy), (gx + dx * 0.5 + rng.normal(0, 3), gy - 15)],
                        _shade(colour, tone),
                        1,
                    )

    return sprite(w, h, draw)


def flower(rng: Rng, colour: Colour, *, kind: str = "daisy", size: int = 90) -> Array:
    """A flower on a stalk: ``daisy``, ``poppy``, ``bell`` or ``spike`` (lavender, lupin)."""
    w, h = size, int(size * 2.2)
    bend = rng.normal(0, 0.08) * w

    def draw(pen: ImageDraw.ImageDraw) -> None:
        cx, cy = w / 2 + bend, h * 0.2
        pen.line([(w / 2, h), (w / 2 + bend * 0.3, h * 0.6), (cx, cy)], _shade("#4d7a32", 0.85), 3)
        if kind == "spike":
            for k in range(34):
                t = k / 33
                y = h * (0.02 + 0.5 * t)
                half = w * (0.05 + 0.11 * math.sin(math.pi * min(1, 0.15 + t * 0.85)))
                for _ in range(3):
                    x = cx + rng.uniform(-half, half) - bend * t * 0.5
                    r = w * rng.uniform(0.03, 0.05)
                    pen.ellipse(
                        [x - r, y - r, x + r, y + r],
                        _shade(colour, rng.uniform(0.7, 1.3) - 0.3 * (x - cx) / w),
                    )
            return
        petals = {"daisy": 15, "poppy": 5, "bell": 6}[kind]
        tilt = rng.uniform(0.45, 0.9)
        reach = w * rng.uniform(0.3, 0.42)
        order = sorted(range(petals), key=lambda i: math.sin(2 * math.pi * i / petals))
        for i in order:
            angle = 2 * math.pi * i / petals + rng.normal(0, 0.08)
            px, py = cx + math.cos(angle) * reach * 0.55, cy + math.sin(angle) * reach * 0.55 * tilt
            r = reach * (0.24 if kind == "daisy" else 0.6)
            tone = 0.86 + 0.22 * -math.sin(angle) + rng.normal(0, 0.05)
            if kind == "daisy":
                ex, ey = cx + math.cos(angle) * reach, cy + math.sin(angle) * reach * tilt
                pen.line([(cx, cy), (ex, ey)], _shade(colour, tone), max(3, int(r)))
            else:
                pen.ellipse([px - r, py - r * tilt, px + r, py + r * tilt], _shade(colour, tone))
        r = reach * (0.28 if kind == "daisy" else 0.22)
        heart = "#e8b923" if kind == "daisy" else "#26160f"
        pen.ellipse([cx - r, cy - r * tilt, cx + r, cy + r * tilt], _shade(heart, 1.0))

    return sprite(w, h, draw)
