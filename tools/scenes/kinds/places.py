"""Places and weather: a window in the rain, balloons, a bridge in fog, a village, a storm."""

from __future__ import annotations

import math

import numpy as np
from PIL import ImageDraw
from scipy import ndimage

from tools.scenes import plants, sky, things, water
from tools.scenes.kinds.heights import Sun, light_of, plant_forest
from tools.scenes.paint import (
    ASPECT,
    HEIGHT,
    WIDTH,
    Array,
    Rng,
    X,
    Y,
    blur,
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
from tools.scenes.terrain import View, cast, haze, map_noise
from tools.scenes.terrain import paint as lay


@kind("rainy-window")
def rainy_window(rng: Rng) -> Array:
    """Drops on a pane, the lamps of the street out of focus behind it."""
    night = rng.random() < 0.65
    base = ("#10131f", "#1f2740", "#171a26") if night else ("#5f7080", "#8a979f", "#4f5d63")
    picture = ramp(
        Y + 0.3 * (noise(rng, 3, 3, octaves=4) - 0.5), (0, base[0]), (0.5, base[1]), (1, base[2])
    )
    blocks = smooth(0.45, 0.55, noise(rng, 2, 5, octaves=2)) * smooth(0.15, 0.6, Y)
    picture = mix(picture, tint(rng, base[2]) * 0.7, blocks * 0.6)
    picture = blur(picture, 14)
    colours = [
        "#ffb347",
        "#ff7a45",
        "#ffe2a0",
        "#ff4a4a",
        "#5fd0ff",
        "#7dff9a",
        "#fff4d8",
        "#ff8fb8",
    ]
    light = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for _ in range(int(rng.integers(26, 60))):
        cx, cy = rng.uniform(0, 1), rng.normal(0.58, 0.16)
        r = rng.uniform(0.018, 0.06)
        d = radial(cx, cy)
        # A disc of confusion: flat, a little brighter at its rim.
        disc = smooth(r, r * 0.93, d) * (0.72 + 0.28 * smooth(r * 0.7, r * 0.97, d))
        light += (
            rgb(colours[int(rng.integers(len(colours)))])
            * (rng.uniform(0.12, 0.6) * (1.0 if night else 0.55) * disc)[..., None]
        )
    picture = shine(picture, light)
    mist = noise(rng, 3, 4, octaves=5)
    picture = mix(picture, "#5b6a80" if night else "#b9c6cc", 0.22 * mist)
    # Each drop is a lens: it shows the scene upside down and small.
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    at_row, at_column = rows.copy(), columns.copy()
    dark, bright = np.zeros((HEIGHT, WIDTH), np.float32), np.zeros((HEIGHT, WIDTH), np.float32)
    drops = [
        (rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), 2.0 + rng.exponential(4.6))
        for _ in range(620)
    ]
    for _ in range(int(rng.integers(6, 13))):
        x, y = rng.uniform(0, WIDTH), rng.uniform(-50, 150)
        end, wander = y + rng.uniform(150, 480), rng.uniform(-0.2, 0.2)
        while y < end:
            drops.append((x, y, rng.uniform(2.5, 6.0)))
            x += rng.normal(wander, 1.6)
            y += rng.uniform(5, 13)
        drops.append((x, y, rng.uniform(11, 17)))
    for x, y, r in sorted(drops, key=lambda drop: drop[2]):
        r = min(r, 19.0)
        top, bottom = max(0, int(y - r * 1.5)), min(HEIGHT, int(y + r * 1.5) + 1)
        left, right = max(0, int(x - r * 1.2)), min(WIDTH, int(x + r * 1.2) + 1)
        if top >= bottom or left >= right:
            continue
        v, u = (
            (rows[top:bottom, left:right] - y) / (r * 1.2),
            (columns[top:bottom, left:right] - x) / r,
        )
        d = np.hypot(u * (1 + 0.22 * v), v)
        inside = d < 1
        bend = 0.5 * np.sqrt(np.clip(1 - d * d, 0, 1)) + 0.5
        scale = 6.0 * bend
        at_row[top:bottom, left:right] = np.where(
            inside, y - v * r * scale, at_row[top:bottom, left:right]
        )
        at_column[top:bottom, left:right] = np.where(
            inside, x - u * r * scale, at_column[top:bottom, left:right]
        )
        edge = np.where(inside, smooth(0.6, 1.0, d) * (0.35 + 0.5 * np.clip(-v, 0, 1)), 0)
        dark[top:bottom, left:right] = np.where(inside, edge, dark[top:bottom, left:right])
        spot = np.exp(-(((u + 0.3) ** 2 + (v + 0.38) ** 2) / 0.03)) + 0.55 * smooth(
            0.75, 0.92, d
        ) * np.clip(v, 0, 1)
        bright[top:bottom, left:right] = np.where(inside, spot, bright[top:bottom, left:right])
    sharp = np.stack(
        [
            ndimage.map_coordinates(picture[..., i], [at_row, at_column], order=1, mode="reflect")
            for i in range(3)
        ],
        -1,
    ).astype(np.float32)
    picture = sharp * (1 - 0.75 * dark)[..., None]
    picture = shine(picture, (0.55 * bright)[..., None] * rgb("#eaf2ff"))
    if rng.random() < 0.4:
        sill = 0.9

        def frame(pen: ImageDraw.ImageDraw) -> None:
            pen.rectangle([0, sill * HEIGHT, WIDTH, HEIGHT], ink("#4a3424"))
            pen.rectangle([0, sill * HEIGHT, WIDTH, sill * HEIGHT + 7], ink("#7a5a3f"))
            x = rng.uniform(0.15, 0.85) * WIDTH
            y = (sill + 0.05) * HEIGHT
            mug = rgb(str(rng.choice(["#b8412f", "#e9e2d2", "#2f5f7a", "#d9a03c"])))
            for k in range(60):
                s = k / 59 * 2 - 1
                tone = 0.45 + 0.6 * math.sqrt(max(0.0, 1 - (s + 0.35) ** 2 / 1.9))
                pen.line([(x + 34 * s, y - 82), (x + 32 * s, y)], ink(mug * tone), 2)
            pen.ellipse([x - 34, y - 90, x + 34, y - 74], ink(mug * 0.9))
            pen.ellipse([x - 29, y - 87, x + 29, y - 77], ink("#2c170d"))
            pen.arc([x + 24, y - 66, x + 58, y - 22], -80, 100, ink(mug * 0.8), 8)

        picture = painted(picture, frame)
    return halo(picture, threshold=0.6, strength=0.4)


@kind("balloons")
def balloons(rng: Rng) -> Array:
    """Hot-air balloons over a morning land."""
    horizon = rng.uniform(0.66, 0.76)
    dawn = rng.random() < 0.6
    stops = (
        ((0, "#4f78b8"), (0.55, "#e8b5a8"), (1, "#ffe0a8"))
        if dawn
        else ((0, "#2f82d8"), (0.6, "#8fc4f0"), (1, "#e6f0ee"))
    )
    picture = sky.gradient(rng, horizon, *stops)
    if dawn:
        picture = sky.sun(
            picture, rng.uniform(0.1, 0.9), horizon - 0.05, "#fff3d2", size=0.03, warmth="#ffab5e"
        )
    picture = sky.clouds(
        picture,
        rng,
        horizon,
        cover=rng.uniform(0.2, 0.5),
        light="#fff1e0",
        shade="#9fa8c4",
        toward=(0.3, 0.4),
    )
    height = (70 * map_noise(rng, 5, octaves=7, gain=0.48)).astype(np.float32)
    if rng.random() < 0.5:
        spires = smooth(0.62, 0.75, map_noise(rng, 34, octaves=3)) * 24
        height = (height + spires * smooth(0.35, 0.6, map_noise(rng, 5, octaves=2))).astype(
            np.float32
        )
        ground_stops = ((0, "#7a5a45"), (0.5, "#c9a27a"), (1, "#f0d9b0"))
    else:
        ground_stops = ((0, "#3f5f2c"), (0.5, "#84a04a"), (1, "#d4c878"))
    view = View(
        eye=float(height[:60].max()) + rng.uniform(28, 48),
        horizon=horizon - 0.04,
        zoom=1.15,
        near=20,
        far=1000,
    )
    seen = cast(height, view)
    sun: Sun = (float(rng.choice([-1, 1])) * 0.9, 0.1, 0.4)
    fields = np.floor(map_noise(rng, 8, octaves=2) * 8) / 8
    tone = 0.55 * seen.sample(fields.astype(np.float32)) + 0.45 * seen.sample(
        map_noise(rng, 100, octaves=5, gain=0.7), 2.0
    )
    ground = ramp(tone, *ground_stops)
    ground = (
        ground
        * ramp(
            np.clip(seen.sample(light_of(height, sun)), 0, 1.3) / 1.3,
            (0, "#4a4f74"),
            (0.45, "#a89c98"),
            (1, "#fff2d2"),
        )
        * 1.2
    )
    ground = haze(ground, seen, "#f0d3bb" if dawn else "#cfdde6", 520, 1.2)
    picture = lay(picture, seen, ground)
    fog = np.exp(-(((Y - horizon) / 0.04) ** 2)) * noise(rng, 3, 5, octaves=5)
    picture = mix(picture, "#ffe6cf" if dawn else "#eef4f6", 0.55 * fog)
    sets = [
        ("#d93a2b", "#f5d04a", "#f7f1e0"),
        ("#2f5fb8", "#f2a93b", "#e8e4da"),
        ("#7a3f9c", "#f06a6a", "#ffd98a"),
        ("#1f8f7a", "#f7e8b0", "#e0552f"),
        ("#e8772e", "#7a2f5f", "#ffe0a0"),
        ("#c9304f", "#ffffff", "#2f4f8f"),
        ("#f0c02e", "#2f8fd0", "#e84f3d"),
    ]
    for size in np.sort(rng.uniform(0.04, 0.2, int(rng.integers(4, 11)))):
        colours = sets[int(rng.integers(len(sets)))]
        size = float(size)
        stamp(
            picture,
            things.balloon(rng, colours),
            rng.uniform(0.05, 0.95),
            rng.uniform(0.2, 0.62),
            size,
            veil=stops[1][1],
            veiled=max(0.0, 0.5 - 3 * size),
        )
    large = rng.uniform(0.34, 0.5)
    stamp(
        picture,
        things.balloon(rng, sets[int(rng.integers(len(sets)))]),
        rng.uniform(0.15, 0.85),
        large + rng.uniform(0.04, 0.16),
        large,
    )
    return halo(picture, strength=0.25)


@kind("foggy-bridge")
def foggy_bridge(rng: Rng) -> Array:
    """A suspension bridge that goes into the fog."""
    waterline = rng.uniform(0.7, 0.78)
    warm = rng.random() < 0.45
    veil = rgb("#e9d3bd" if warm else "#cfd8de")
    picture = sky.gradient(
        rng, waterline, (0, "#93a8be" if not warm else "#a79cb8"), (0.6, veil), (1, veil)
    )
    if warm:
        picture = sky.sun(
            picture,
            rng.uniform(0.15, 0.85),
            rng.uniform(0.3, 0.5),
            "#fff6e0",
            size=0.035,
            warmth="#ffc288",
            spread=1.4,
        )
    crest = waterline - 0.14 * line(rng, 3, octaves=6) - 0.02
    picture = mix(picture, mix(rgb("#6f8494"), veil, 0.6), smooth(0, 0.01, Y - crest[None]) * 0.8)
    red = tint(rng, rng.choice(["#b5402c", "#8f3a2c", "#4f5a63", "#39424d", "#a34a35"]), 0.05)
    vanish_x, vanish_y = (
        rng.choice([rng.uniform(-0.05, 0.2), rng.uniform(0.8, 1.05)]),
        waterline - 0.06,
    )
    near_x = 1.15 if vanish_x < 0.5 else -0.15
    deck_near = rng.uniform(0.52, 0.62)

    def at(t: float) -> tuple[float, float, float]:
        """Point of the deck at share t of the way (0 near, 1 far), and the scale there."""
        s = 1 / (1 + 5.0 * t)
        k = (1 - s) / (1 - 1 / 6.0)
        return near_x + (vanish_x - near_x) * k, deck_near + (vanish_y - deck_near) * k, s

    towers = (0.06, 0.34, 0.95)
    distances = np.linspace(1, 0, 90)

    def fogged(t: float) -> Array:
        return mix(red, veil, min(0.96, 0.1 + 0.95 * t**0.8))

    def cable(t: float) -> float:
        """Height of the main cable over the deck: hangs between the towers."""
        for a, b in zip((-0.25, *towers), (*towers, 1.6), strict=True):
            if a <= t <= b:
                u = (t - a) / (b - a)
                return 0.03 + 0.42 * (2 * u - 1) ** 2
        return 0.03

    def build(pen: ImageDraw.ImageDraw) -> None:
        for t in distances:
            x, y, s = at(float(t))
            for tower in towers:
                if abs(t - tower) < 0.0057:
                    half, top = 0.018 * s, y - 0.47 * s
                    for off in (-0.052 * s, 0.052 * s):
                        pen.rectangle(
                            [
                                (x + off - half) * WIDTH,
                                top * HEIGHT,
                                (x + off + half) * WIDTH,
                                (waterline + 0.02) * HEIGHT,
                            ],
                            ink(fogged(t)),
                        )
                        pen.rectangle(
                            [
                                (x + off - half) * WIDTH,
                                top * HEIGHT,
                                (x + off - half * 0.3) * WIDTH,
                                (waterline + 0.02) * HEIGHT,
                            ],
                            ink(np.clip(fogged(t) * 1.12, 0, 1)),
                        )
                    for beam in (0.46, 0.33, 0.2, 0.08):
                        yy = y - beam * s
                        pen.rectangle(
                            [
                                (x - 0.06 * s) * WIDTH,
                                yy * HEIGHT,
                                (x + 0.06 * s) * WIDTH,
                                (yy + 0.022 * s) * HEIGHT,
                            ],
                            ink(fogged(t)),
                        )
        for k in range(len(distances) - 1):
            a, b = at(float(distances[k])), at(float(distances[k + 1]))
            t = float(distances[k])
            colour = ink(fogged(t))
            for off in (-0.05, 0.05):
                pen.line(
                    [
                        ((a[0] + off * a[2]) * WIDTH, (a[1] - cable(t) * a[2]) * HEIGHT),
                        (
                            (b[0] + off * b[2]) * WIDTH,
                            (b[1] - cable(float(distances[k + 1])) * b[2]) * HEIGHT,
                        ),
                    ],
                    colour,
                    max(1, int(9 * a[2])),
                )
                pen.line(
                    [
                        ((a[0] + off * a[2]) * WIDTH, (a[1] - cable(t) * a[2]) * HEIGHT),
                        ((a[0] + off * a[2]) * WIDTH, a[1] * HEIGHT),
                    ],
                    colour,
                    max(1, int(2.4 * a[2])),
                )
            pen.polygon(
                [
                    (a[0] * WIDTH, a[1] * HEIGHT),
                    (b[0] * WIDTH, b[1] * HEIGHT),
                    (b[0] * WIDTH, (b[1] + 0.035 * b[2]) * HEIGHT),
                    (a[0] * WIDTH, (a[1] + 0.035 * a[2]) * HEIGHT),
                ],
                colour,
            )

    picture = painted(picture, build)
    banks = noise(rng, 4, 3, octaves=6, gain=0.5)
    fog = smooth(
        0.42, 0.75, banks + 0.45 * np.exp(-(((Y - waterline + 0.03) / 0.14) ** 2))
    ) * smooth(0.08, 0.5, Y)
    picture = mix(picture, veil * 1.03, np.clip(fog, 0, 0.88))
    picture = water.reflect(
        picture, rng, waterline, calm=0.6, tint=mix(rgb("#4f6a78"), veil, 0.25), murk=0.55
    )
    low = noise(rng, 3, 3, octaves=5) * np.exp(-(((Y - waterline) / 0.07) ** 2))
    picture = mix(picture, veil, np.clip(0.9 * low, 0, 0.8))
    return halo(picture, strength=0.25)


@kind("winter-village")
def winter_village(rng: Rng) -> Array:
    """Lit cottages in the snow at dusk."""
    horizon = rng.uniform(0.4, 0.48)
    picture = sky.gradient(
        rng,
        horizon,
        (0, "#101c3f"),
        (0.6, tint(rng, "#38518a", 0.08)),
        (1, rng.choice(["#c58a8f", "#7f93bd", "#d9a98a"])),
    )
    picture = sky.stars(picture, rng, horizon, count=260, bright=0.8)
    if rng.random() < 0.5:
        picture = sky.moon(picture, rng, rng.uniform(0.1, 0.9), rng.uniform(0.08, 0.2), size=0.04)
    crest = horizon - 0.2 * line(rng, 4, octaves=8, gain=0.5)
    relief = noise(rng, 12, 16, octaves=7, gain=0.55, ridged=True)
    mountain = ramp(
        np.clip(0.5 + 4 * (relief - np.roll(relief, (2, 5), (0, 1))), 0, 1),
        (0, "#33466f"),
        (0.6, "#7f95c0"),
        (1, "#dce4f4"),
    )
    picture = mix(picture, mountain, smooth(0, 0.005, Y - crest[None]))
    for k in range(5):
        t = k / 4
        base = horizon + 0.02 + 0.115 * k
        drift = noise(rng, 8, 3, octaves=6, gain=0.45)
        ground = base - 0.05 * line(rng, 2.5)[None]
        light = np.clip(0.55 + 6 * (np.roll(drift, 5, 0) - drift), 0, 1)
        snow = ramp(light, (0, "#3d5689"), (0.6, "#8ea6d3"), (1, "#dfe8f7"))
        picture = mix(picture, mix(snow, "#5f78ab", 0.4 * (1 - t)), smooth(0, 0.012, Y - ground))
        firs = [plants.conifer(rng, needles="#1d3230", snow=0.85, light=0.55) for _ in range(3)]
        items: list[tuple[float, float, bool]] = [
            (rng.uniform(0, 1), rng.uniform(-0.01, 0.05), False)
            for _ in range((16, 12, 9, 5, 3)[k])
        ]
        if k < 4:
            spots = np.linspace(0.08, 0.92, (6, 5, 4, 2)[k]) + rng.normal(0, 0.04, (6, 5, 4, 2)[k])
            items += [(float(x), rng.uniform(0.015, 0.055), True) for x in spots]
        for x, down, home in sorted(items, key=lambda item: item[1]):
            if home:
                size = 0.07 + 0.15 * t
                flip = bool(rng.random() < 0.5)
                stamp(
                    picture,
                    things.house(
                        rng,
                        light=0.55,
                        wall=rng.choice(["#8a6a50", "#a3785a", "#7a5a52", "#b59a7a"]),
                    ),
                    x,
                    base + down,
                    size,
                    veil="#4a6296",
                    veiled=0.25 * (1 - t),
                    flip=flip,
                )
                d = np.hypot((X - x) * ASPECT, (Y - base - down + size * 0.12) * 1.5)
                picture = shine(
                    picture, (0.42 * np.exp(-d / (size * 0.42)))[..., None] * rgb("#ff9a3d")
                )
                if rng.random() < 0.5:
                    smoke_y = base + down - size
                    rise = np.clip(smoke_y - Y, 0, 1)
                    centre = (
                        x + 0.02 + 0.25 * rise**1.4 + 0.02 * (noise(rng, 6, 2, octaves=3) - 0.5)
                    )
                    plume = (
                        np.exp(-(((X - centre) / (0.004 + 0.09 * rise)) ** 2))
                        * np.exp(-rise / 0.1)
                        * (smoke_y > Y)
                    )
                    picture = mix(picture, "#c3cbe0", 0.5 * plume * noise(rng, 9, 12, octaves=4))
            else:
                stamp(
                    picture,
                    firs[int(rng.integers(3))],
                    x,
                    base + down,
                    (0.09 + 0.3 * t**1.6) * rng.uniform(0.75, 1.2),
                    veil="#4a6296",
                    veiled=0.35 * (1 - t),
                )
    if rng.random() < 0.6:
        flakes = [
            (rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(0.7, 3)) for _ in range(240)
        ]

        def fall(pen: ImageDraw.ImageDraw) -> None:
            for px, py, r in flakes:
                pen.ellipse([px - r, py - r, px + r, py + r], ink("#eef3ff", 0.7))

        picture = painted(picture, fall)
    return halo(picture, threshold=0.65, strength=0.5)


@kind("thunderstorm")
def thunderstorm(rng: Rng) -> Array:
    """Lightning over open land."""
    horizon = rng.uniform(0.64, 0.74)
    hue = str(rng.choice(["#4a3f6b", "#33496b", "#5a4a4f"]))
    picture = sky.cloudy(
        rng,
        horizon,
        (0, "#12131f"),
        (0.6, hue),
        (1, mix(rgb(hue), "#e0b090", 0.5)),
        cover=0.92,
        light=mix(rgb(hue), "#c9c4dd", 0.5),
        shade="#10121c",
        toward=(0.5, 0.6),
        scale=1.5,
        soft=0.4,
    )
    light = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    strikes = [
        (rng.uniform(0.15, 0.85), rng.uniform(0.1, 0.22)) for _ in range(int(rng.integers(1, 4)))
    ]

    def bolt(
        pen: ImageDraw.ImageDraw,
        x: float,
        y: float,
        end: float,
        width: float,
        power: float,
        lean: float,
    ) -> None:
        while y < end:
            nx, ny = x + rng.normal(lean, 0.009), y + rng.uniform(0.006, 0.02)
            pen.line(
                [(x * WIDTH, y * HEIGHT), (nx * WIDTH, ny * HEIGHT)],
                ink(rgb("#f4f0ff") * power),
                max(1, int(width)),
            )
            x, y = nx, ny
            if width > 1.5 and rng.random() < 0.11:
                bolt(
                    pen,
                    x,
                    y,
                    y + rng.uniform(0.06, 0.2),
                    width * 0.5,
                    power * 0.7,
                    rng.normal(0, 0.012),
                )

    def strike(pen: ImageDraw.ImageDraw) -> None:
        for x, y in strikes:
            bolt(pen, x, y, horizon + 0.01, 5, 1.0, rng.normal(0, 0.003))

    light = painted(light, strike)
    glow_cloud = sum(
        (np.exp(-np.hypot((X - x) / 0.3, (Y - y) / 0.16)) for x, y in strikes),
        np.zeros((HEIGHT, WIDTH)),
    )
    billow = noise(rng, 5, 6, octaves=6, gain=0.55)
    picture = shine(
        picture, (0.6 * np.clip(glow_cloud, 0, 1) * (0.3 + billow))[..., None] * rgb("#b9a9ff")
    )
    veil = (
        smooth(0.45, 0.8, noise(rng, 1.5, 6, octaves=4))
        * smooth(horizon - 0.35, horizon - 0.05, Y)
        * (horizon > Y)
    )
    picture = mix(picture, mix(rgb(hue), "#8a8aa3", 0.4), 0.5 * veil)
    picture = shine(picture, light + 0.9 * blur(light, 3) + 1.4 * blur(light, 14) * rgb("#a58fff"))
    height = (34 * map_noise(rng, 4, octaves=6, gain=0.45)).astype(np.float32)
    view = View(eye=float(height[:40].max()) + 9, horizon=horizon, zoom=1.15, near=9, far=900)
    seen = cast(height, view)
    sun: Sun = (0.3, 0.7, 0.4)
    fine = seen.sample(map_noise(rng, 130, octaves=5, gain=0.8), 2.0)
    ground = ramp(fine, (0, "#14170f"), (0.6, "#3d4428"), (1, "#7a7a4a"))
    flash = sum((np.exp(-np.abs(X - x) / 0.22) for x, _ in strikes), np.zeros((HEIGHT, WIDTH)))
    ground = ground * (0.45 + 0.9 * np.clip(seen.sample(light_of(height, sun)), 0, 1.2))[..., None]
    ground = shine(
        ground,
        (0.3 * np.clip(flash, 0, 1) * np.exp(-(Y - horizon) / 0.12))[..., None] * rgb("#a99cff"),
    )
    ground = haze(ground, seen, mix(rgb(hue), "#3a3a4a", 0.3), 500, 1.2)
    picture = lay(picture, seen, ground)
    trees = [
        plants.broadleaf(
            rng, ["#141a12", "#222a1a", "#0d120c"], bark="#0c0a08", size=200, density=1.6, light=0.8
        )
        for _ in range(3)
    ]
    plant_forest(
        picture,
        rng,
        view,
        height,
        trees,
        count=26,
        span=(45, 420),
        tall=15,
        veil=mix(rgb(hue), "#20202a", 0.5),
        veil_distance=500,
        land=seen,
    )
    lean = rng.uniform(-0.3, 0.3)
    drops = [
        (rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(10, 30)) for _ in range(260)
    ]

    def rain(pen: ImageDraw.ImageDraw) -> None:
        for px, py, n in drops:
            pen.line([(px, py), (px + n * lean, py + n)], ink("#c9cce0", 0.2), 1)

    return halo(painted(picture, rain), threshold=0.7, strength=0.4)
