"""Seas, lakes, rivers and what lies in them."""

from __future__ import annotations

import math

import numpy as np
from PIL import ImageDraw
from scipy import ndimage

from tools.scenes import plants, sky, things, water
from tools.scenes.paint import (
    ASPECT,
    HEIGHT,
    WIDTH,
    Array,
    Rng,
    X,
    Y,
    halo,
    ink,
    line,
    mix,
    noise,
    painted,
    radial,
    ramp,
    rgb,
    shine,
    smooth,
    stamp,
    tint,
)
from tools.scenes.registry import kind

SUNSETS = (
    (("#1d2b57", "#6b3f7c", "#e0685a", "#ffb25e", "#ffe08a"), "#ff9a3c", "#fff0b8"),
    (("#27366b", "#7a5f9e", "#d98aa0", "#ffbf91", "#ffe3b5"), "#ff8f6b", "#fff2d6"),
    (("#34496f", "#8b93a5", "#e5b98f", "#ffc871", "#fff0a8"), "#ffae3d", "#fffbe0"),
    (("#16163a", "#4a2a63", "#a6344f", "#f0633a", "#ffb347"), "#ff6a2b", "#ffe39a"),
    (("#4b6c9c", "#93a9c4", "#f1c8ae", "#ffd9a0", "#fff3cf"), "#ffc27a", "#ffffff"),
)


def _ridge(rng: Rng, base: float, height: float, cells: float = 3.0) -> Array:
    """A mask of land below a ridge line."""
    crest = base - height * line(rng, cells, octaves=7, gain=0.5)
    return smooth(0, 0.004, Y - crest[None])


@kind("sunset-sea")
def sunset_sea(rng: Rng) -> Array:
    """The sun goes down over the sea."""
    colours, warm, disc = SUNSETS[rng.integers(len(SUNSETS))]
    horizon = rng.uniform(0.46, 0.6)
    x, y = rng.uniform(0.25, 0.75), horizon - rng.uniform(-0.005, 0.11)
    picture = sky.gradient(
        rng, horizon, *zip((0, 0.35, 0.68, 0.88, 1.0), (tint(rng, c) for c in colours), strict=True)
    )
    picture = sky.sun(picture, x, y, disc, size=rng.uniform(0.03, 0.05), warmth=warm)
    light, shade = mix(rgb(warm), "#ffffff", 0.35), mix(rgb(colours[1]), "#2a2038", 0.45)
    picture = sky.clouds(
        picture,
        rng,
        horizon,
        cover=rng.uniform(0.25, 0.6),
        light=light,
        shade=shade,
        toward=(x, y),
        scale=rng.uniform(0.7, 1.5),
        opacity=0.85,
    )
    if rng.random() < 0.5:
        land = _ridge(rng, horizon + 0.002, rng.uniform(0.03, 0.09))
        side = smooth(0.55, 0.2, X) if rng.random() < 0.5 else smooth(0.45, 0.8, X)
        land = land * (horizon + 0.003 > Y) * smooth(0.1, 0.25, side * 1.0)
        picture = mix(picture, mix(rgb(colours[1]), "#201828", 0.55), land * 0.92)
    picture = water.reflect(
        picture,
        rng,
        horizon,
        calm=rng.uniform(0.35, 0.75),
        tint=mix(rgb(colours[0]), "#0b1626", 0.5),
        murk=0.4,
    )
    picture = water.glitter(
        picture, rng, horizon, x, colour=mix(rgb(warm), "#ffffff", 0.4), strength=0.9
    )
    extra = rng.random()
    if extra < 0.35:
        boat = things.sailing_boat(rng, light=0.22, sails=True)
        bx, size = rng.uniform(0.15, 0.85), rng.uniform(0.1, 0.2)
        by = horizon + size * 0.2
        stamp(picture, boat, bx, by, size, veil=warm, veiled=0.15)
        stamp(
            picture,
            boat[::-1] * np.array([1, 1, 1, 0.35], np.float32),
            bx,
            by + size * 0.55,
            size * 0.55,
        )
    elif extra < 0.65:
        birds = [
            (x + rng.normal(0.1, 0.15), y - rng.uniform(0.05, 0.25), rng.uniform(4, 9))
            for _ in range(7)
        ]

        def fly(pen: ImageDraw.ImageDraw) -> None:
            for bx, by, r in birds:
                cx, cy = bx * WIDTH, by * HEIGHT
                pen.line(
                    [
                        (cx - r * 1.5, cy - r * 0.5),
                        (cx - r * 0.6, cy - r * 0.7),
                        (cx, cy),
                        (cx + r * 0.6, cy - r * 0.7),
                        (cx + r * 1.5, cy - r * 0.4),
                    ],
                    ink("#241a26", 0.85),
                    2,
                )

        picture = painted(picture, fly)
    else:
        rocks = smooth(
            0.0,
            0.006,
            Y
            - (
                1.02
                - 0.2
                * line(rng, 5, gain=0.55)
                * smooth(0.25, 0.9, np.linspace(0, 1, WIDTH)[:: rng.choice([-1, 1])])
            )[None],
        )
        stone = ramp(
            noise(rng, 14, 18, octaves=6, gain=0.6),
            (0, "#0d0b12"),
            (0.6, "#2a2028"),
            (1, mix(rgb(warm), "#2a2028", 0.55)),
        )
        picture = mix(picture, stone, rocks)
    return halo(picture, strength=0.45)


@kind("tropical-beach")
def tropical_beach(rng: Rng) -> Array:
    """White sand, shallow water, palms."""
    horizon = rng.uniform(0.4, 0.48)
    picture = sky.cloudy(
        rng,
        horizon,
        (0, tint(rng, "#2f7fcf")),
        (0.6, "#79b8ea"),
        (1, "#d8eef6"),
        cover=(0.2, 0.45),
        light="#ffffff",
        shade="#a9c1d6",
        toward=(0.7, 0.05),
        scale=0.9,
    )
    if rng.random() < 0.6:
        island = _ridge(rng, horizon + 0.002, 0.07, 4) * smooth(
            0.16, 0.1, np.abs(X - rng.uniform(0.2, 0.8))
        )
        picture = mix(
            picture,
            ramp(noise(rng, 30, 60, octaves=4), (0, "#3d6b63"), (1, "#6b9a86")),
            island * 0.9,
        )
    side = rng.choice([-1, 1])
    depth = np.clip((Y - horizon) / (1 - horizon), 0, 1)
    shore = (
        0.5
        + 0.28 * (X - 0.5) * side * 1.6
        + 0.035 * np.sin(X * 9 + rng.uniform(0, 6))
        + 0.03 * line(rng, 4)[None]
    )
    offshore = shore - depth
    sea = ramp(
        np.clip(offshore * 1.7 + 0.06 * (noise(rng, 30, 5, octaves=5) - 0.5), 0, 1),
        (0, "#d5efe0"),
        (0.12, "#8fe0d2"),
        (0.35, "#35bfc4"),
        (0.7, "#1487b4"),
        (1, "#0f5f98"),
    )
    waves = water.wave_field(rng, horizon)
    caustic = smooth(0.72, 0.98, noise(rng, 36, 26, octaves=4, ridged=True)) * smooth(
        0.4, 0.05, offshore
    )
    sea = shine(sea * (1 + 0.16 * waves)[..., None], 0.22 * caustic[..., None] * rgb("#eafff2"))
    sea = shine(
        sea,
        0.5 * (smooth(0.45, 0.7, waves) * smooth(0.05, 0.4, offshore))[..., None] * rgb("#ffffff"),
    )
    picture = mix(picture, sea, smooth(0, 0.004, Y - horizon))
    grains = noise(rng, 60, 60, octaves=4, gain=0.8)
    drifts = noise(rng, 16, 5, octaves=5)
    sand = ramp(0.5 * drifts + 0.5 * grains, (0, "#d9c193"), (0.5, "#f0dfb8"), (1, "#fff6de"))
    wet = smooth(-0.13, 0.0, offshore + 0.02 * (drifts - 0.5))
    sand = mix(sand, sand * rgb("#a9a08c"), wet * 0.75)
    picture = mix(picture, sand, smooth(0.0, -0.004, offshore) * (depth > 0))
    for k, at in enumerate((0.0, 0.06, 0.14)):
        ragged = at + 0.05 * (noise(rng, 3, 9, octaves=5)[HEIGHT // 2][None] - 0.5)
        edge = np.exp(-(((offshore - ragged) / (0.006 + 0.004 * k)) ** 2)) * smooth(
            0.25, 0.6, noise(rng, 40, 60, octaves=3) + (0.3 if k == 0 else -0.05)
        )
        picture = mix(picture, "#ffffff", edge * 0.9 * (depth > 0))
    count = int(rng.integers(1, 4))
    for _ in range(count):
        px = (0.86 if side < 0 else 0.14) + rng.normal(0, 0.07)
        foot, size = rng.uniform(0.78, 0.98), rng.uniform(0.62, 0.95)
        trunk = plants.palm(rng, light=1.0)
        stamp(picture, trunk, px, foot, size, flip=bool(rng.random() < 0.5))
    if rng.random() < 0.4:
        stamp(picture, things.rowing_boat(rng), rng.uniform(0.35, 0.65), 0.9, 0.1)
    return picture


@kind("harbour")
def harbour(rng: Rng) -> Array:
    """Boats at their moorings before a row of painted houses."""
    line_y = rng.uniform(0.5, 0.58)
    evening = rng.random() < 0.4
    if evening:
        stops = ((0, "#3b5f99"), (0.5, "#b48fae"), (1, "#ffd2a0"))
    else:
        stops = ((0, "#4d93d6"), (0.6, "#9cc9ea"), (1, "#e2eef2"))
    light = 0.82 if evening else 1.0
    picture = sky.cloudy(
        rng,
        line_y,
        *stops,
        cover=(0.25, 0.5),
        light="#ffe9d2" if evening else "#ffffff",
        shade="#8d8fae" if evening else "#a3b5c9",
        toward=(0.2, 0.2),
    )
    hill = _ridge(rng, line_y - 0.06, 0.24, 2)
    picture = mix(
        picture, ramp(noise(rng, 30, 40, octaves=5), (0, "#3c5a48"), (1, "#8aa27a")), hill * 0.9
    )
    picture = mix(picture, "#b8c6d0", hill * 0.35)
    paints = [
        "#d8734f",
        "#e9b44c",
        "#7fa6b8",
        "#efe3cb",
        "#b9503f",
        "#a8c09a",
        "#e7cfa2",
        "#8c6f9c",
        "#f3efe6",
        "#c98b5e",
    ]
    rng.shuffle(paints)
    spots: list[tuple[float, float, str]] = []

    def town(pen: ImageDraw.ImageDraw) -> None:
        for row in range(2):
            x = -20.0
            k = 0
            while x < WIDTH:
                w = rng.uniform(44, 84)
                base = line_y * HEIGHT - 7 - (1 - row) * 36
                top = base - rng.uniform(60, 128)
                wall = (
                    rgb(paints[(k + row * 3) % len(paints)]) * light * (0.86 if row == 0 else 1.0)
                )
                pen.rectangle([x, top, x + w, base], ink(wall))
                pen.rectangle([x + w * 0.86, top, x + w, base], ink(wall * 0.82))
                roof = rgb(rng.choice(["#9c4a35", "#7d3b2d", "#6a4a40", "#b05f3f"])) * light
                peak = rng.uniform(14, 30)
                pen.polygon(
                    [(x - 3, top + 1), (x + w * 0.5, top - peak), (x + w + 3, top + 1)], ink(roof)
                )
                pen.polygon(
                    [(x + w * 0.5, top - peak), (x + w + 3, top + 1), (x + w * 0.62, top + 1)],
                    ink(roof * 0.75),
                )
                for wy in np.arange(top + 12, base - 14, 22):
                    for wx in np.arange(x + 8, x + w - 10, 15):
                        lamp = evening and rng.random() < 0.4
                        pane = "#ffd27a" if lamp else "#38505e"
                        pen.rectangle(
                            [wx - 1, wy - 1, wx + 8, wy + 12], ink(np.clip(wall * 1.2, 0, 1))
                        )
                        pen.rectangle([wx, wy, wx + 7, wy + 11], ink(pane))
                x += w
                k += 1
        pen.rectangle(
            [0, line_y * HEIGHT - 8, WIDTH, line_y * HEIGHT + 2], ink(rgb("#77706a") * light)
        )
        for _ in range(80):
            px = rng.uniform(0, WIDTH)
            pen.rectangle(
                [px, line_y * HEIGHT - 6, px + 12, line_y * HEIGHT],
                ink(rgb("#8d857b") * light * rng.uniform(0.7, 1.1)),
            )
        for _ in range(26):
            px, hgt = rng.uniform(0, WIDTH), rng.uniform(40, 140)
            pen.line(
                [(px, line_y * HEIGHT), (px, line_y * HEIGHT - hgt)],
                ink(rgb("#e9e4da") * light, 0.8),
                2,
            )
            spots.append((px / WIDTH, 0.2, "#ffffff"))

    picture = painted(picture, town)
    picture = mix(picture, "#dfe6ea", 0.10 * (line_y > Y).astype(np.float32))
    plain = picture.copy()
    order = sorted(rng.uniform(0.02, 0.3, int(rng.integers(5, 9))))
    fleet = []
    for depth in order:
        size = 0.22 + depth * 1.0
        boat = (
            things.sailing_boat(rng, light=light * rng.uniform(0.9, 1.05))
            if rng.random() < 0.75
            else None
        )
        fleet.append(
            (
                rng.uniform(0.03, 0.97),
                line_y + 0.015 + depth * 0.9,
                size,
                boat,
                bool(rng.random() < 0.5),
            )
        )
    picture = water.reflect(
        plain, rng, line_y, calm=0.72, tint="#22506a" if not evening else "#2b3c5c", murk=0.45
    )
    waves = water.wave_field(rng, line_y)
    for x, y, size, boat, flip in fleet:
        image = boat if boat is not None else things.rowing_boat(rng, light=light)
        height = size if boat is not None else size * 0.24
        mirror = image[::-1].copy()
        mirror[..., :3] *= 0.6
        mirror[..., 3] *= 0.55
        layer = picture.copy()
        stamp(layer, mirror, x, y + height * 0.93, height, flip=flip)
        shift = (waves * 6 * np.clip((Y - y) * 9, 0, 1)).astype(np.float32)
        at = [np.arange(HEIGHT)[:, None] + shift * 0.4, np.arange(WIDTH)[None] + shift]
        warped = np.stack(
            [ndimage.map_coordinates(layer[..., i], at, order=1, mode="nearest") for i in range(3)],
            -1,
        )
        picture = mix(picture, warped, (y - 0.005 < Y).astype(np.float32)).astype(np.float32)
        stamp(picture, image, x, y, height, flip=flip)
    return halo(picture, strength=0.2)


@kind("lighthouse-storm")
def lighthouse_storm(rng: Rng) -> Array:
    """A lighthouse, breakers and a sky full of rain."""
    horizon = rng.uniform(0.52, 0.6)
    picture = sky.cloudy(
        rng,
        horizon,
        (0, "#20272f"),
        (0.6, "#4a565f"),
        (1, tint(rng, "#9aa39d", 0.08)),
        cover=0.9,
        light="#9aa5a8",
        shade="#1c232b",
        toward=(0.5, 0.5),
        scale=1.3,
        soft=0.4,
    )
    side = rng.choice([-1, 1])
    x = 0.5 - side * rng.uniform(0.12, 0.26)
    picture = water.reflect(picture, rng, horizon, calm=0.05, tint="#20363d", murk=0.85, size=1.7)
    for k in range(4):
        y = horizon + 0.03 + 0.105 * k + rng.uniform(-0.01, 0.01)
        crest = y - (0.012 + 0.022 * k) * line(rng, 3.5 - 0.4 * k, octaves=6, gain=0.55)
        below = Y - crest[None]
        body = smooth(0.0, 0.01, below) * smooth(0.1 + 0.04 * k, 0.0, below)
        streaks = noise(rng, 40, 12, octaves=5, gain=0.6)
        picture = mix(
            picture, ramp(streaks, (0, "#16282d"), (0.6, "#37555a"), (1, "#6d8a89")), body * 0.75
        )
        white = smooth(0.02 + 0.008 * k, 0.0, np.abs(below - 0.006)) * smooth(
            0.38, 0.62, noise(rng, 18, 14, octaves=5, gain=0.65)
        )
        picture = mix(picture, "#e4ecea", white * 0.85)
    rock = 1.02 - (0.60 - 0.08) * smooth(0.42, 0.02, np.abs(X[0] - (x - 0.06 * side))) ** 1.1 * (
        0.74 + 0.4 * line(rng, 9, gain=0.6)
    )
    mask = smooth(0, 0.005, Y - rock[None])
    facets = noise(rng, 9, 14, octaves=7, gain=0.6, ridged=True)
    slope = facets - np.roll(facets, 5, 1)
    stone = ramp(
        np.clip(0.42 + 4.2 * slope + 0.2 * (facets - 0.5), 0, 1),
        (0, "#0f1214"),
        (0.5, "#30343a"),
        (1, "#7a7d78"),
    )
    picture = mix(picture, stone, mask)
    foot = float(rock[int(np.clip(x, 0, 0.999) * WIDTH)])
    top = foot - rng.uniform(0.38, 0.46)
    stamp(picture, things.lighthouse(rng, light=0.72), x, foot + 0.03, foot - top + 0.03)
    lamp = top + 0.13 * (foot - top)
    angle = math.radians(rng.uniform(-14, 6))
    for s in (-1, 1):
        dx, dy = (X - x) * ASPECT * s, Y - lamp
        forward = dx * math.cos(angle) + dy * math.sin(angle)
        aside = -dx * math.sin(angle) + dy * math.cos(angle)
        beam = (
            np.exp(-((aside / (0.012 + 0.14 * np.clip(forward, 0, None))) ** 2))
            * (forward > 0)
            * np.exp(-forward / 0.5)
        )
        picture = shine(picture, 0.55 * beam[..., None] * rgb("#fff0c2"))
    picture = shine(picture, (np.exp(-radial(x, lamp) / 0.05) * 0.95)[..., None] * rgb("#fff1c8"))
    # Spray where the sea breaks on the rock.
    for _ in range(int(rng.integers(2, 4))):
        sx = x + rng.uniform(-0.25, 0.28)
        sy = float(np.clip(rock[int(np.clip(sx, 0, 0.999) * WIDTH)] + 0.04, 0, 0.93))
        plume = (
            np.exp(-(((X - sx) / rng.uniform(0.05, 0.1)) ** 2))
            * smooth(sy + 0.03, sy - 0.02, Y)
            * smooth(sy - rng.uniform(0.12, 0.25), sy, Y)
        )
        torn = smooth(0.35, 0.75, noise(rng, 22, 24, octaves=6, gain=0.7) + 0.35 * plume)
        picture = mix(picture, "#eef3f2", np.clip(plume * torn * 1.3, 0, 0.92))
    base = smooth(0.045, 0.0, np.abs(Y - 0.965 + 0.03 * line(rng, 6)[None])) * smooth(
        0.3, 0.6, noise(rng, 30, 26, octaves=5)
    )
    picture = mix(picture, "#e8efee", base * 0.8)
    drops = [
        (rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(10, 34)) for _ in range(420)
    ]
    lean = rng.uniform(0.15, 0.5) * side

    def rain(pen: ImageDraw.ImageDraw) -> None:
        for px, py, n in drops:
            pen.line([(px, py), (px + n * lean, py + n)], ink("#c9d3d6", 0.22), 1)

    return painted(halo(picture, strength=0.4), rain)


@kind("waterfall")
def waterfall(rng: Rng) -> Array:
    """Water falls between mossy rocks into a pool."""
    lip, pool = rng.uniform(0.13, 0.24), rng.uniform(0.7, 0.78)
    picture = ramp(noise(rng, 5, 6, octaves=6), (0, "#1d3420"), (0.5, "#4d7a3c"), (1, "#cfe3a0"))
    picture = mix(picture, "#e4f2d4", smooth(0.35, 0.0, Y) * 0.55)
    x = rng.uniform(0.38, 0.62)
    width = rng.uniform(0.1, 0.2)
    crack = noise(rng, 5, 9, octaves=8, gain=0.58, ridged=True)
    layers = noise(rng, 14, 3, octaves=6, gain=0.55)
    stone = 0.6 * crack + 0.4 * layers
    relief = stone - np.roll(stone, (4, 4), (0, 1))
    rock = ramp(
        np.clip(0.4 + 5 * relief + 0.3 * (stone - 0.5), 0, 1),
        (0, "#12140f"),
        (0.45, "#3b3c34"),
        (1, "#8f8d7c"),
    )
    moss = smooth(
        0.45, 0.75, noise(rng, 6, 7, octaves=6, gain=0.6) + 1.6 * np.clip(relief, -0.1, 0.2)
    )
    rock = mix(
        rock,
        ramp(noise(rng, 70, 80, octaves=3, gain=0.8), (0, "#22401a"), (1, "#7ea63f")),
        moss * 0.85,
    )
    top = (
        lip
        - 0.12
        + 0.13 * smooth(0.0, 0.22, np.abs(X[0] - x)) * -1.0
        + 0.09 * line(rng, 7)
        + 0.14 * np.exp(-(((X[0] - x) / width) ** 2))
    )
    cliff = smooth(0, 0.01, Y - top[None])
    picture = mix(picture, rock, cliff)
    edge = 0.16 * smooth(0.08, 0.3, np.abs(X - x))
    picture = (
        picture * (1 - 0.5 * smooth(0.1, -0.2, np.abs(X - x) - width) * cliff * 0.4)[..., None]
    )
    picture = mix(picture, "#0a0f08", edge * 0.9 * smooth(0.3, 0.6, Y))
    # Threads of water: noise stretched along the fall, which widens and breaks up downwards.
    t = np.clip((Y - lip) / (pool - lip), 0, 1)
    wander = 0.03 * (noise(rng, 3, 2, octaves=3)[:, :1] - 0.5)
    half = width * (0.42 + 0.26 * t + 0.2 * (noise(rng, 4, 4, octaves=4) - 0.5))
    local = (X - x - wander) / half
    threads = noise(rng, 1.5, 60, octaves=4, gain=0.7)
    strands = noise(rng, 3, 16, octaves=5, gain=0.6)
    curtain = (
        smooth(1.05, 0.55, np.abs(local) + 0.7 * (strands - 0.5))
        * (lip - 0.012 < Y)
        * (pool + 0.03 > Y)
    )
    bright = np.clip(0.2 + 0.75 * threads + 0.45 * (strands - 0.4), 0, 1)
    falls = ramp(bright, (0, "#8fb0b8"), (0.45, "#cfe0e4"), (1, "#ffffff"))
    picture = mix(picture, falls, np.clip(curtain * (0.45 + 0.9 * bright), 0, 0.97))
    for _ in range(int(rng.integers(2, 5))):
        ly = rng.uniform(lip + 0.15, pool - 0.06)
        lx = x + rng.uniform(-0.6, 0.6) * width
        lump = smooth(
            1.0,
            0.5,
            np.hypot((X - lx) / 0.035, (Y - ly) / 0.035)
            + 0.6 * (noise(rng, 20, 26, octaves=4) - 0.5),
        ) * smooth(-0.02, 0.015, Y - ly)
        picture = mix(picture, rock * 0.75, lump * 0.85)
        picture = mix(
            picture,
            "#f4fafa",
            smooth(1.1, 0.6, np.hypot((X - lx) / 0.045, (Y - ly + 0.012) / 0.016)) * 0.75,
        )
    picture = water.reflect(picture, rng, pool, calm=0.4, tint="#1c4a46", murk=0.65, size=0.8)
    rush = (
        np.exp(-(((X - x) / (width * 1.3)) ** 2))
        * np.exp(-np.clip(Y - pool, 0, None) / 0.09)
        * (pool - 0.015 < Y)
    )
    picture = mix(
        picture,
        "#f3f9f8",
        np.clip(
            rush * smooth(0.2, 0.7, noise(rng, 26, 20, octaves=6, gain=0.65) + 0.3 * rush), 0, 0.95
        ),
    )
    mist = np.exp(-(((X - x) / (width * 1.9)) ** 2) - (((Y - pool + 0.02) / 0.13) ** 2)) * (
        0.5 + 0.7 * noise(rng, 4, 5, octaves=5)
    )
    picture = mix(picture, "#eef6f4", np.clip(mist * 0.75, 0, 0.85))
    for _ in range(int(rng.integers(5, 9))):
        sx, sy, r = rng.uniform(0, 1), rng.uniform(0.84, 1.02), rng.uniform(0.03, 0.1)
        if abs(sx - x) < width * 0.8 and sy < 0.93:
            continue
        d = np.hypot((X - sx) / (r * 1.25), (Y - sy) / (r * 0.8)) + 0.5 * (
            noise(rng, 8, 10, octaves=5) - 0.5
        )
        shape = smooth(1.0, 0.93, d)
        shade = np.clip(0.95 - 0.9 * (Y - sy + r * 0.6) / r, 0.15, 1)
        picture = mix(picture, picture * 0.35, smooth(1.25, 0.9, d + 0.1) * (sy < Y) * 0.6)
        picture = mix(picture, rock * (0.5 + 0.9 * shade)[..., None], shape)
    ferns = [
        (rng.choice([rng.uniform(-0.02, 0.2), rng.uniform(0.8, 1.02)]), rng.uniform(0.9, 1.08))
        for _ in range(16)
    ]
    for fx, fy in ferns:
        stamp(
            picture,
            plants.tuft(rng, ["#4f8a2c", "#7fae3f", "#2f5f22"], blades=40),
            fx,
            fy,
            rng.uniform(0.12, 0.24),
        )
    return halo(picture, strength=0.25)


@kind("coral-reef")
def coral_reef(rng: Rng) -> Array:
    """Corals and fish under the sunlit surface."""
    picture = ramp(
        Y + 0.06 * (noise(rng, 2, 3, octaves=4) - 0.5),
        (0, "#8fe3ea"),
        (0.25, "#2fa9cf"),
        (0.65, "#0d5f98"),
        (1, "#063a63"),
    )
    for _ in range(9):
        x0, lean, width = rng.uniform(-0.1, 1.1), rng.uniform(-0.25, 0.25), rng.uniform(0.015, 0.06)
        ray = np.exp(-(((X - x0 - lean * Y) / (width * (0.6 + 1.6 * Y))) ** 2)) * smooth(
            0.95, 0.0, Y
        )
        picture = shine(picture, rng.uniform(0.08, 0.2) * ray[..., None] * rgb("#c9fbff"))
    surface = smooth(0.55, 0.95, noise(rng, 22, 9, octaves=4, ridged=True)) * smooth(0.16, 0.0, Y)
    picture = shine(picture, 0.55 * surface[..., None] * rgb("#ffffff"))
    corals = [
        "#ff7a59",
        "#e84f8a",
        "#ffb347",
        "#b46be0",
        "#f2e06b",
        "#ff9fb0",
        "#5fd0a5",
        "#e0664f",
    ]
    veil = "#0f6ea3"
    for depth in (0.75, 0.45, 0.0):
        base = (0.84 + 0.1 * (0.75 - depth)) - 0.2 * line(rng, 3) * (0.6 + depth * 0.5)
        bed = smooth(0, 0.01, Y - base[None])
        bumps = noise(rng, 14, 18, octaves=6, gain=0.6)
        relief = bumps - np.roll(bumps, (5, 2), (0, 1))
        ground = ramp(
            np.clip(0.5 - 4 * relief, 0, 1), (0, "#2b3350"), (0.5, "#6d5f6b"), (1, "#c9a98c")
        )
        patches = noise(rng, 6, 8, octaves=4)
        for k, level in enumerate((0.34, 0.62)):
            colour = corals[int(rng.integers(len(corals)))]
            ground = mix(
                ground,
                mix(ground, colour, 0.75),
                smooth(level, level - 0.1, patches)
                if k == 0
                else smooth(level, level + 0.1, patches),
            )
        picture = mix(picture, mix(ground, veil, depth), bed)
        for _ in range(int(12 - 6 * depth)):
            cx = rng.uniform(-0.02, 1.02)
            cy = float(base[int(np.clip(cx, 0, 0.999) * WIDTH)]) + rng.uniform(0.0, 0.14)
            stamp(
                picture,
                _coral(rng, corals[int(rng.integers(len(corals)))]),
                cx,
                cy + 0.03,
                rng.uniform(0.12, 0.26) * (1.1 - 0.6 * depth),
                veil=veil,
                veiled=depth,
                flip=bool(rng.random() < 0.5),
            )
        fish = ["#ffcf3f", "#ff8a2b", "#5fd3ff", "#f5f5f0", "#3f6fe0"]
        colour = fish[int(rng.integers(len(fish)))]
        sx, sy, way = rng.uniform(0.15, 0.85), rng.uniform(0.2, 0.62), bool(rng.random() < 0.5)
        for _ in range(int(rng.integers(4, 12))):
            size = rng.uniform(0.035, 0.06) * (1.5 - depth)
            stamp(
                picture,
                _fish(rng, colour),
                sx + rng.normal(0, 0.13),
                sy + rng.normal(0, 0.07),
                size,
                veil=veil,
                veiled=depth * 0.85,
                flip=way,
            )
    caustic = smooth(0.7, 0.98, noise(rng, 12, 16, octaves=3, ridged=True)) * smooth(0.5, 0.9, Y)
    picture = shine(picture, 0.16 * caustic[..., None] * rgb("#d9fff6"))

    bubbles = [
        (rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT * 0.9), rng.uniform(1.5, 6))
        for _ in range(34)
    ]

    def blow(pen: ImageDraw.ImageDraw) -> None:
        for bx, by, r in bubbles:
            pen.ellipse(
                [bx - r, by - r, bx + r, by + r],
                fill=ink("#d8fbff", 0.22),
                outline=ink("#effeff", 0.6),
            )

    return halo(painted(picture, blow), strength=0.25)


def _coral(rng: Rng, colour: str) -> Array:
    style = rng.integers(3)
    from tools.scenes.paint import sprite

    def branch(
        pen: ImageDraw.ImageDraw, x: float, y: float, a: float, n: float, w: float, depth: int
    ) -> None:
        x1, y1 = x + math.cos(a) * n, y - math.sin(a) * n
        tone = 0.6 + 0.14 * (5 - depth) + rng.normal(0, 0.05)
        pen.line([(x, y), (x1, y1)], ink(np.clip(rgb(colour) * tone, 0, 1)), max(2, int(w)))
        pen.ellipse(
            [x1 - w / 2, y1 - w / 2, x1 + w / 2, y1 + w / 2],
            ink(np.clip(rgb(colour) * tone * 1.1, 0, 1)),
        )
        if depth:
            for _ in range(int(rng.integers(2, 4))):
                branch(pen, x1, y1, a + rng.normal(0, 0.5), n * 0.78, w * 0.8, depth - 1)

    def draw(pen: ImageDraw.ImageDraw) -> None:
        if style == 0:
            for _ in range(3):
                branch(pen, 110, 215, math.pi / 2 + rng.normal(0, 0.5), 44, 15, 4)
        elif style == 1:
            for k in range(15):
                a = math.pi * (0.12 + 0.76 * k / 14)
                n = rng.uniform(90, 180)
                points = [
                    (
                        110 + math.cos(a) * n * t * (0.6 + 0.4 * t) + 8 * math.sin(9 * t + k),
                        218 - math.sin(a) * n * t,
                    )
                    for t in np.linspace(0, 1, 16)
                ]
                tone = rng.uniform(0.7, 1.15)
                pen.line(points, ink(np.clip(rgb(colour) * tone, 0, 1)), 9)
                px, py = points[-1]
                pen.ellipse(
                    [px - 7, py - 7, px + 7, py + 7], ink(np.clip(rgb(colour) * tone * 1.3, 0, 1))
                )
        else:
            for k in range(90):
                t = k / 89
                r = 92 * (1 - t)
                tone = 0.5 + 0.75 * t
                pen.ellipse(
                    [
                        110 - r - 14 * t,
                        218 - r * 1.3 - 52 * t,
                        110 + r - 14 * t,
                        218 + r * 0.3 - 52 * t,
                    ],
                    ink(np.clip(rgb(colour) * tone, 0, 1)),
                )
            for _ in range(60):
                a, q = rng.uniform(0, math.pi), rng.uniform(10, 88)
                px, py = 110 + math.cos(a) * q, 200 - math.sin(a) * q
                pen.arc(
                    [px - 9, py - 6, px + 9, py + 6],
                    0,
                    300,
                    ink(np.clip(rgb(colour) * 0.6, 0, 1)),
                    2,
                )

    return sprite(220, 220, draw)


def _fish(rng: Rng, colour: str) -> Array:
    from tools.scenes.paint import sprite

    bars = rng.random() < 0.5

    def draw(pen: ImageDraw.ImageDraw) -> None:
        body = rgb(colour)
        pen.polygon([(34, 50), (4, 22), (10, 50), (4, 78)], ink(body * 0.85))
        pen.polygon([(60, 24), (92, 4), (112, 26)], ink(body * 0.7))
        pen.polygon([(64, 76), (86, 94), (100, 74)], ink(body * 0.7))
        for k in range(24):
            t = k / 23
            pen.ellipse(
                [26 + 3 * t, 18 + 30 * t * 0.7, 146 - 3 * t, 84 - 12 * t],
                ink(np.clip(body * (1.15 - 0.5 * (1 - t)), 0, 1)),
            )
        if bars:
            for x in (58, 88, 116):
                pen.line(
                    [(x, 26), (x + 3, 76)],
                    ink("#ffffff" if colour != "#f5f5f0" else "#20242c", 0.9),
                    7,
                )
        pen.ellipse([124, 40, 134, 50], ink("#ffffff"))
        pen.ellipse([127, 42, 133, 48], ink("#101010"))

    return sprite(150, 100, draw)


@kind("icebergs")
def icebergs(rng: Rng) -> Array:
    """Ice on a cold sea."""
    horizon = rng.uniform(0.48, 0.56)
    pink = rng.random() < 0.5
    stops = (
        ((0, "#5f8fc0"), (0.6, "#c3cfe0"), (1, "#f8d9c9"))
        if pink
        else ((0, "#7d95a8"), (0.6, "#b9c7d1"), (1, "#e4ebee"))
    )
    picture = sky.cloudy(
        rng,
        horizon,
        *stops,
        cover=0.55,
        light="#fff1e6" if pink else "#f2f6f8",
        shade="#8a9db5",
        toward=(0.2, 0.3),
        soft=0.3,
    )
    far = _ridge(rng, horizon + 0.002, 0.07, 5)
    picture = mix(
        picture,
        ramp(noise(rng, 20, 26, octaves=5, ridged=True), (0, "#7f98b3"), (1, "#eef3f9")),
        far * 0.75 * (horizon + 0.004 > Y),
    )
    bergs = []
    for _ in range(int(rng.integers(3, 6))):
        bergs.append(
            (
                rng.uniform(0.05, 0.95),
                rng.uniform(0.0, 0.05),
                rng.uniform(0.08, 0.2),
                rng.uniform(0.08, 0.3),
            )
        )
    for x, _, half, tall in sorted(bergs, key=lambda b: b[3]):
        shape = np.clip(1 - np.abs((X[0] - x) / half) ** rng.uniform(1.2, 3), 0, 1)
        steps = line(rng, 5 / half / 4, octaves=7, gain=0.6)
        crest = horizon + 0.004 - tall * shape**0.7 * (0.55 + 0.6 * steps) * (shape > 0)
        mask = smooth(0, 0.004, Y - crest[None]) * (horizon + 0.004 > Y) * (shape > 0.01)[None]
        facet = noise(rng, 7, 9, octaves=7, gain=0.55, ridged=True)
        slope = facet - np.roll(facet, (3, 5), (0, 1))
        ice = ramp(
            np.clip(0.6 + 5 * slope + 0.35 * (horizon - Y) / tall - 0.2, 0, 1),
            (0, "#3f7fa6"),
            (0.4, "#8fc1da"),
            (0.75, "#e1eff6"),
            (1, "#ffffff"),
        )
        ice = mix(ice, "#2fa3c9", smooth(0.03, 0.0, horizon - Y) * 0.55)
        picture = mix(picture, ice, mask)
    picture = water.reflect(
        picture, rng, horizon, calm=rng.uniform(0.6, 0.9), tint="#123f57", murk=0.4
    )
    for _ in range(int(rng.integers(12, 26))):
        fx, fy = rng.uniform(0, 1), horizon + rng.uniform(0.03, 0.46) ** 1.0
        r = (fy - horizon) * rng.uniform(0.06, 0.3)
        d = np.hypot((X - fx) / r, (Y - fy) / (r * 0.25)) + 0.7 * (
            noise(rng, 10, 14, octaves=4) - 0.5
        )
        picture = mix(picture, "#2e93b3", smooth(1.3, 0.8, d - 0.15) * (fy < Y) * 0.5)
        picture = mix(
            picture,
            ramp(np.clip((fy - Y) / (r * 0.25) * 0.5 + 0.6, 0, 1), (0, "#9fcbe0"), (1, "#ffffff")),
            smooth(1.0, 0.9, d),
        )
    return picture
