"""Woods and parks through the year."""

from __future__ import annotations

import math

import numpy as np
from PIL import ImageDraw

from tools.scenes import plants, sky
from tools.scenes.paint import (
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
    ramp,
    rgb,
    shine,
    smooth,
    stamp,
    tint,
)
from tools.scenes.registry import kind


def path_mask(rng: Rng, horizon: float, *, width: float, bend: float) -> Array:
    """A path from the viewer to the horizon: 1 on it."""
    t = np.clip((Y - horizon) / (1 - horizon), 0, 1)
    centre = 0.5 + bend * np.sin((1 - t) * rng.uniform(1.5, 3.5)) * (1 - t) ** 0.5
    half = width * (0.03 + t**1.3)
    ragged = 0.18 * (noise(rng, 14, 20, octaves=4) - 0.5)
    return smooth(1.05, 0.9, np.abs(X - centre) / half + ragged) * (horizon < Y)


@kind("snowy-forest")
def snowy_forest(rng: Rng) -> Array:
    """Spruces under snow."""
    horizon = rng.uniform(0.5, 0.6)
    mood = int(rng.integers(3))
    top, bottom, veil = (
        ("#8fb3dc", "#e9f0f8", "#cfdcec"),
        ("#7b86b8", "#ffd4b8", "#d9c3cf"),
        ("#c3ccd6", "#eef1f4", "#dfe5ec"),
    )[mood]
    picture = sky.gradient(rng, horizon, (0, top), (1, bottom))
    if mood == 1:
        picture = sky.sun(
            picture,
            rng.uniform(0.2, 0.8),
            horizon - rng.uniform(0.02, 0.12),
            "#fff4df",
            size=0.03,
            warmth="#ffab72",
        )
    light = (1.0, 0.85, 0.9)[mood]
    for k in range(5):
        t = k / 4
        base = horizon + 0.02 + 0.1 * t
        if k == 0:
            crest = (
                horizon
                - 0.05
                - 0.06 * line(rng, 8, octaves=5)
                - 0.02 * np.abs(line(rng, 120, octaves=2) - 0.5)
            )
            picture = mix(
                picture, mix(rgb(veil), "#7a93ad", 0.35), smooth(0, 0.006, Y - crest[None])
            )
        drift = noise(rng, 10, 3, octaves=5)
        ground = base - 0.03 * line(rng, 2 + t)[None]
        lightness = np.clip(0.62 + 5 * (np.roll(drift, 4, 0) - drift), 0, 1)
        snow = ramp(
            lightness,
            (0, ("#8fabd0", "#9a9cc6", "#a8b5c6")[mood]),
            (0.6, ("#e3ecf8", "#f2dfe2", "#e6ebf1")[mood]),
            (1, "#ffffff"),
        )
        picture = mix(picture, mix(snow, veil, 0.6 * (1 - t)), smooth(0, 0.008, Y - ground))
        firs = [
            plants.conifer(rng, needles=tint(rng, "#2c463c"), snow=0.85, light=light)
            for _ in range(3)
        ]
        for _ in range((34, 22, 15, 8, 3)[k]):
            x = rng.uniform(-0.05, 1.05)
            if k >= 2 and abs(x - 0.5) < 0.13 * (k - 1):
                continue
            size = (0.13 + 0.2 * t + 0.35 * t**3) * rng.uniform(0.75, 1.25)
            y = base + rng.uniform(-0.01, 0.05) + 0.28 * t**3 * rng.uniform(0.6, 1.1)
            stamp(
                picture,
                firs[int(rng.integers(3))],
                x,
                y,
                size,
                veil=veil,
                veiled=0.72 * (1 - t) ** 1.1,
                flip=bool(rng.random() < 0.5),
            )
    drift = noise(rng, 7, 3, octaves=6, gain=0.45)
    lightness = np.clip(0.66 + 6 * (np.roll(drift, 5, 0) - drift), 0, 1)
    fore = ramp(
        lightness, (0, ("#7f9fcc", "#8d8fbd", "#9cabc0")[mood]), (0.6, "#e6edf8"), (1, "#ffffff")
    )
    picture = mix(picture, fore, smooth(0, 0.03, Y - (0.93 - 0.04 * line(rng, 2)[None])))
    if rng.random() < 0.6:
        flakes = [
            (rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(0.8, 3.4))
            for _ in range(260)
        ]

        def fall(pen: ImageDraw.ImageDraw) -> None:
            for px, py, r in flakes:
                pen.ellipse([px - r, py - r, px + r, py + r], ink("#ffffff", 0.75))

        picture = painted(picture, fall)
    return picture


@kind("autumn-park")
def autumn_park(rng: Rng) -> Array:
    """An alley in autumn, leaves on the ground."""
    horizon = rng.uniform(0.5, 0.58)
    picture = sky.gradient(rng, horizon, (0, "#9fc0e0"), (0.7, "#e9e6d4"), (1, "#fff0c8"))
    veil = "#f3d9a0"
    leaves = (
        ["#e8a020", "#d9661c", "#f2c23a", "#b8431c"],
        ["#c9381e", "#e0702a", "#f0a63a", "#8f2a1c"],
        ["#f2c94a", "#e8b02a", "#c99a2e", "#a8b04a"],
    )
    crowns = noise(rng, 12, 16, octaves=6, gain=0.6)
    wall = smooth(0.3, 0.45, Y + 0.25 * (crowns - 0.5)) * (horizon + 0.03 > Y)
    picture = mix(
        picture, ramp(crowns, (0, "#8f6a2c"), (0.5, "#d9a040"), (1, "#ffe29a")), wall * 0.75
    )
    picture = mix(picture, veil, 0.3 * (horizon > Y).astype(np.float32))
    ground_noise = noise(rng, 60, 50, octaves=4, gain=0.85)
    broad = noise(rng, 12, 8, octaves=4)
    ground = ramp(
        0.5 * ground_noise + 0.5 * broad,
        (0, "#5a3a16"),
        (0.35, "#a8621e"),
        (0.6, "#d98a2a"),
        (0.8, "#efb94a"),
        (1, "#ffe08a"),
    )
    grass = ramp(ground_noise, (0, "#3a5a1e"), (1, "#8aa03f"))
    ground = mix(ground, grass, smooth(0.55, 0.7, noise(rng, 6, 6, octaves=4)) * 0.7)
    alley = path_mask(rng, horizon, width=rng.uniform(0.2, 0.3), bend=rng.uniform(-0.16, 0.16))
    gravel = ramp(noise(rng, 90, 70, octaves=3, gain=0.9), (0, "#7d6a58"), (1, "#cdb79a"))
    fallen = smooth(0.56, 0.68, noise(rng, 70, 60, octaves=3, gain=0.9))
    gravel = mix(gravel, ground, fallen * 0.9)
    ground = mix(ground, gravel, alley)
    ground = mix(ground, veil, 0.65 * smooth(horizon + 0.16, horizon, Y))
    picture = mix(picture, ground, smooth(0, 0.004, Y - horizon))
    sprites = [
        plants.broadleaf(rng, leaves[rng.integers(3)], density=2.1, size=380) for _ in range(4)
    ]
    rows = np.sort(rng.uniform(0, 1, 16))
    for t in rows:
        depth = t**2.2
        y = horizon + 0.02 + 0.42 * depth
        size = 0.2 + 0.8 * depth
        spread = 0.1 + 0.42 * depth
        for side in (-1, 1):
            x = 0.5 + side * spread * rng.uniform(0.9, 1.4) + rng.normal(0, 0.02)
            shade = np.exp(
                -(((X - x - 0.16 * size) / (0.22 * size)) ** 2)
                - (((Y - y - 0.008) / (0.035 * size + 0.004)) ** 2)
            )
            picture = picture * (1 - 0.4 * shade * (horizon < Y))[..., None]
            stamp(
                picture,
                sprites[int(rng.integers(4))],
                x,
                y + 0.01,
                size,
                veil=veil,
                veiled=0.6 * (1 - depth) ** 2,
                flip=bool(rng.random() < 0.5),
            )
    if rng.random() < 0.7:
        where = float(rng.choice([-1, 1]))
        bx, by = (0.5 + where * 0.25) * WIDTH, 0.8 * HEIGHT

        def bench(pen: ImageDraw.ImageDraw) -> None:
            for k in range(4):
                pen.line(
                    [(bx - 62, by - 44 + 9 * k), (bx + 62, by - 44 + 9 * k)],
                    ink(rgb("#7a4a24") * (1.15 - 0.1 * k)),
                    6,
                )
            pen.polygon(
                [(bx - 66, by - 6), (bx + 66, by - 6), (bx + 74, by + 8), (bx - 74, by + 8)],
                ink("#8f5a2c"),
            )
            for px in (-58, 58):
                pen.line([(bx + px, by - 48), (bx + px, by + 32)], ink("#26221f"), 6)

        picture = painted(picture, bench)
    bits = [
        (
            rng.uniform(0, WIDTH),
            HEIGHT * rng.beta(2, 1.6),
            rng.uniform(2, 6.5),
            str(rng.choice(leaves[rng.integers(3)])),
        )
        for _ in range(150)
    ]

    def flutter(pen: ImageDraw.ImageDraw) -> None:
        for px, py, r, colour in bits:
            a = rng.uniform(0, math.pi)
            dx, dy = math.cos(a) * r, math.sin(a) * r
            pen.polygon(
                [
                    (px - dx, py - dy),
                    (px - dy * 0.5, py + dx * 0.5),
                    (px + dx, py + dy),
                    (px + dy * 0.5, py - dx * 0.5),
                ],
                ink(rgb(colour) * rng.uniform(0.7, 1.1)),
            )

    picture = painted(picture, flutter)
    picture = shine(
        picture,
        (0.22 * np.exp(-(((X - 0.5) / 0.3) ** 2) - ((Y - horizon + 0.08) / 0.2) ** 2))[..., None]
        * rgb("#ffdc90"),
    )
    return halo(picture, strength=0.35)


@kind("misty-forest")
def misty_forest(rng: Rng) -> Array:
    """Sunbeams between the trunks."""
    warm = rng.random() < 0.6
    far, veil = ("#fff3c4", "#d9dca0") if warm else ("#e9f2f2", "#b9cfcf")
    x, y = rng.uniform(0.3, 0.7), rng.uniform(0.12, 0.3)
    foliage = noise(rng, 10, 12, octaves=7, gain=0.62)
    picture = ramp(
        np.clip(foliage + 0.25 * (Y - 0.4), 0, 1),
        (0, far),
        (0.55, veil),
        (1, "#6f8f4a" if warm else "#5f7f78"),
    )
    picture = mix(picture, far, 0.85 * np.exp(-np.hypot((X - x) * 1.3, Y - y) / 0.28))
    for k in range(6):
        t = k / 5
        bark = mix(rgb("#1d1a14"), veil, 0.82 * (1 - t) ** 1.2)
        base = 0.62 + 0.07 * k
        ground_noise = noise(rng, 50, 44, octaves=5, gain=0.75)
        green = ramp(ground_noise, (0, "#1c3314"), (0.55, "#4f7a26"), (1, "#a3bf4f"))
        crest = base - 0.035 * line(rng, 4)[None]
        picture = mix(picture, mix(green, veil, 0.75 * (1 - t)), smooth(0, 0.012, Y - crest))
        for _ in range((18, 13, 9, 6, 4, 2)[k]):
            px, w = rng.uniform(-0.03, 1.03), (0.006 + 0.026 * t**1.6) * rng.uniform(0.7, 1.3)
            if k >= 4 and abs(px - x) < 0.14:
                continue
            lean, curve = rng.normal(0, 0.02), 0.02 * (line(rng, 2, n=HEIGHT) - 0.5)[:, None]
            local = (X - px - lean * (1 - Y) - curve) / (
                w * (0.75 + 0.35 * Y + 0.5 * smooth(base - 0.08, base + 0.03, Y))
            )
            trunk = smooth(1.06, 0.9, np.abs(local)) * smooth(base + 0.02, base + 0.005, Y)
            grooves = noise(rng, 16, 110, octaves=3, gain=0.7)
            lit_side = np.clip(0.55 - 0.45 * local * np.sign(px - x), 0.12, 1)
            tone = (0.55 + 0.6 * grooves) * (0.5 + 0.8 * lit_side)
            picture = mix(picture, np.clip(bark * tone[..., None] * 1.15, 0, 1), trunk)
        haze_amount = (
            (0.32 * (1 - t)) * (0.6 + 0.6 * noise(rng, 3, 4, octaves=4)) * smooth(1.0, 0.35, Y)
        )
        picture = mix(picture, far, np.clip(haze_amount, 0, 0.7))
    canopy = smooth(
        0.52, 0.64, noise(rng, 9, 12, octaves=7, gain=0.65) + 0.55 * (0.2 - Y) + 0.3 * np.abs(X - x)
    )
    picture = mix(
        picture,
        ramp(noise(rng, 50, 60, octaves=3), (0, "#16240f"), (1, "#55752a")),
        canopy * smooth(0.42, 0.2, Y) * 0.92,
    )
    picture = sky.shafts(picture, x, y - 0.12, strength=0.85, colour=far)
    for _ in range(26):
        stamp(
            picture,
            plants.tuft(rng, ["#3f6f22", "#6a8f30", "#2c4f1c"], blades=34),
            rng.uniform(-0.02, 1.02),
            rng.uniform(0.98, 1.1),
            rng.uniform(0.1, 0.24),
        )
    return halo(picture, strength=0.4)


@kind("cherry-blossom")
def cherry_blossom(rng: Rng) -> Array:
    """Cherries in blossom by a canal or in a park."""
    horizon = rng.uniform(0.52, 0.6)
    picture = sky.gradient(
        rng, horizon, (0, tint(rng, "#7fb4e6")), (0.7, "#c9e0f2"), (1, "#fbeef2")
    )
    pinks = ["#f7b8cd", "#f29ab8", "#fcd9e4", "#e880a6", "#fff0f4"]
    far = noise(rng, 12, 16, octaves=6, gain=0.6)
    crest = horizon - 0.1 - 0.09 * line(rng, 7, octaves=6)
    picture = mix(
        picture,
        ramp(far, (0, "#d98aa8"), (0.5, "#f3b8cc"), (1, "#fff0f4")),
        smooth(0, 0.012, Y - crest[None]) * 0.85,
    )
    picture = mix(picture, "#f6e3ec", 0.25 * smooth(horizon - 0.2, horizon, Y))
    fine = noise(rng, 80, 70, octaves=4, gain=0.85)
    broad = noise(rng, 14, 5, octaves=4)
    lawn = ramp(0.5 * fine + 0.5 * broad, (0, "#3f6f2a"), (0.5, "#74a840"), (1, "#b5d468"))
    petals = smooth(0.56, 0.66, noise(rng, 60, 50, octaves=3, gain=0.9) + 0.15 * (broad - 0.5))
    lawn = mix(lawn, "#f9cfdc", petals * 0.8)
    way = path_mask(rng, horizon, width=rng.uniform(0.16, 0.26), bend=rng.uniform(-0.2, 0.2))
    if rng.random() < 0.5:
        surface = mix(ramp(fine, (0, "#8a8078"), (1, "#d9cdbf")), "#f6c4d4", petals * 0.85)
    else:
        surface = ramp(
            np.clip(
                (Y - horizon) / (1 - horizon) + 0.25 * (noise(rng, 40, 5, octaves=4) - 0.5), 0, 1
            ),
            (0, "#f2d3de"),
            (0.5, "#9fb9cf"),
            (1, "#4f7f9c"),
        )
    lawn = mix(lawn, surface, way)
    lawn = mix(lawn, "#f3e3e6", 0.5 * smooth(horizon + 0.12, horizon, Y))
    picture = mix(picture, lawn, smooth(0, 0.004, Y - horizon))
    sprites = [
        plants.broadleaf(rng, pinks, bark="#3a2622", density=2.6, size=400) for _ in range(4)
    ]
    for t in np.sort(rng.uniform(0, 1, 12)):
        depth = t**2.1
        y, size = horizon + 0.02 + 0.4 * depth, 0.2 + 0.85 * depth
        for side in (-1, 1):
            x = 0.5 + side * (0.13 + 0.42 * depth) * rng.uniform(0.9, 1.35)
            shade = np.exp(
                -(((X - x - 0.1 * size) / (0.25 * size)) ** 2)
                - (((Y - y - 0.006) / (0.04 * size + 0.004)) ** 2)
            )
            picture = picture * (1 - 0.35 * shade * (horizon < Y))[..., None]
            stamp(
                picture,
                sprites[int(rng.integers(4))],
                x,
                y + 0.01,
                size,
                veil="#fbe6ee",
                veiled=0.5 * (1 - depth) ** 2,
                flip=bool(rng.random() < 0.5),
            )
    bits = [
        (rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(1.5, 4.5)) for _ in range(170)
    ]

    def drift(pen: ImageDraw.ImageDraw) -> None:
        for px, py, r in bits:
            pen.ellipse(
                [px - r, py - r * rng.uniform(0.4, 0.9), px + r, py + r * 0.6],
                ink(str(rng.choice(pinks)), 0.9),
            )

    return halo(blur_edges(painted(picture, drift)), strength=0.3)


def blur_edges(picture: Array) -> Array:
    """A lens of wide aperture: the lower border is out of focus."""
    return mix(picture, blur(picture, 3.5), smooth(0.88, 1.0, Y))
