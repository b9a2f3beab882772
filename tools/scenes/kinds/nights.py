"""Night scenes with their own light."""

from __future__ import annotations

import math

import numpy as np
from PIL import ImageDraw

from tools.scenes import plants, sky, water
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
from tools.scenes.things import LAMPS


def skyline(
    picture: Array, rng: Rng, base: float, *, depth: float, tall: float, lit: float = 0.45
) -> tuple[Array, list[tuple[float, float, str]]]:
    """A row of towers with lit windows; returns the picture and the lamps at its foot."""
    lamps: list[tuple[float, float, str]] = []
    haze_colour = rgb("#2d3357")
    centre = rng.uniform(0.3, 0.7)

    def build(pen: ImageDraw.ImageDraw) -> None:
        x = -30.0
        while x < WIDTH:
            w = rng.uniform(26, 74)
            bump = math.exp(-(((x / WIDTH - centre) / 0.28) ** 2))
            h = tall * HEIGHT * (0.22 + 0.78 * bump) * rng.uniform(0.45, 1.1)
            bottom = base * HEIGHT
            body = mix(tint(rng, "#0d1020", 0.025), haze_colour, depth)
            pen.rectangle([x, bottom - h, x + w, bottom], ink(body))
            style = rng.random()
            if style < 0.2:
                pen.polygon(
                    [(x, bottom - h), (x + w / 2, bottom - h - w * 0.5), (x + w, bottom - h)],
                    ink(body),
                )
            elif style < 0.4:
                pen.rectangle([x + w * 0.25, bottom - h - 14, x + w * 0.75, bottom - h], ink(body))
            if h > 0.72 * tall * HEIGHT:
                pen.line([(x + w / 2, bottom - h - 46), (x + w / 2, bottom - h)], ink(body), 3)
                pen.ellipse(
                    [x + w / 2 - 3, bottom - h - 50, x + w / 2 + 3, bottom - h - 44], ink("#ff5548")
                )
            lamp = str(rng.choice(LAMPS))
            dx, dy = rng.uniform(6.5, 9), rng.uniform(8, 12)
            share = lit * rng.uniform(0.4, 1.4)
            rows = np.arange(bottom - h + 6, bottom - 5, dy)
            for row in rows:
                whole = rng.random() < 0.05
                for column in np.arange(x + 4, x + w - 5, dx):
                    if whole or rng.random() < share * 0.55:
                        tone = rng.uniform(0.35, 1.0) * (1 - 0.5 * depth)
                        pen.rectangle(
                            [column, row, column + dx * 0.5, row + dy * 0.45], ink(rgb(lamp) * tone)
                        )
            if rng.random() < 0.18 and depth < 0.5:
                sign = str(rng.choice(["#ff3f6e", "#33e1ff", "#7dff6a", "#ffb02e"]))
                pen.rectangle([x + 5, bottom - h * 0.8, x + 12, bottom - h * 0.5], ink(sign))
                lamps.append(((x + 8) / WIDTH, 0.8, sign))
            lamps.append(((x + rng.uniform(0, w)) / WIDTH, rng.uniform(0.25, 0.7), lamp))
            x += w * rng.uniform(0.85, 1.15)

    return painted(picture, build), lamps


@kind("night-city")
def night_city(rng: Rng) -> Array:
    """Towers and their lights over dark water, or traffic below them."""
    base = rng.uniform(0.6, 0.7)
    hue = rng.choice(["#3d2a5c", "#57304a", "#1f3d66", "#2a2f66"])
    picture = sky.gradient(
        rng,
        base,
        (0, "#070a1c"),
        (0.55, mix(rgb("#0e1433"), hue, 0.4)),
        (1, mix(rgb(hue), "#d98a5a", 0.4)),
    )
    picture = sky.stars(picture, rng, base, count=160, bright=0.6)
    picture = sky.clouds(
        picture,
        rng,
        base,
        cover=0.35,
        light="#5b4a6e",
        shade="#121430",
        toward=(0.5, 0.7),
        opacity=0.6,
        soft=0.4,
    )
    if rng.random() < 0.4:
        picture = sky.moon(picture, rng, rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.22), size=0.035)
    lamps: list[tuple[float, float, str]] = []
    for depth, tall in ((0.65, 0.3), (0.35, 0.42), (0.0, 0.5)):
        picture, more = skyline(
            picture,
            rng,
            base,
            depth=depth,
            tall=tall * rng.uniform(0.85, 1.1),
            lit=0.5 + 0.2 * depth,
        )
        lamps = more
        picture = shine(
            picture, (0.10 * np.exp(-np.abs(Y - base) / 0.12))[..., None] * rgb("#ff9a62")
        )
    street = np.zeros((HEIGHT, WIDTH, 3), np.float32)

    def lights(pen: ImageDraw.ImageDraw) -> None:
        for k in range(60):
            px = (k + rng.uniform(-0.2, 0.2)) / 60 * WIDTH
            pen.ellipse([px - 2, base * HEIGHT - 7, px + 2, base * HEIGHT - 3], ink("#ffd08a"))
            lamps.append((px / WIDTH, 0.18, "#ffc478"))

    street = painted(street, lights)
    picture = shine(picture, street + 0.9 * blur(street, 4))
    picture = mix(picture, "#05060c", smooth(0.006, 0.0, np.abs(Y - base)) * 0.8)
    picture = water.reflect(picture, rng, base, calm=0.62, tint="#070b1d", murk=0.55, size=0.9)
    picture = water.lamps(picture, rng, base, lamps)
    return halo(picture, threshold=0.55, strength=0.75)


@kind("fireworks")
def fireworks(rng: Rng) -> Array:
    """Fireworks over a town by the water."""
    base = rng.uniform(0.74, 0.8)
    picture = sky.gradient(rng, base, (0, "#04050f"), (0.6, "#0c1230"), (1, "#2a2448"))
    light = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    smoke = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    pairs = (
        ("#ffd27a", "#fff3d0"),
        ("#ff4f6a", "#ffb0a0"),
        ("#57c8ff", "#d5f3ff"),
        ("#a06bff", "#f0c8ff"),
        ("#6dff8a", "#eaffd0"),
        ("#ff9a3d", "#fff0b0"),
    )
    bursts = []
    for _ in range(int(rng.integers(3, 7))):
        bursts.append(
            (
                rng.uniform(0.12, 0.88),
                rng.uniform(0.1, 0.46),
                rng.uniform(0.1, 0.26),
                pairs[rng.integers(len(pairs))],
                int(rng.integers(3)),
            )
        )

    def explode(pen: ImageDraw.ImageDraw) -> None:
        for cx, cy, radius, (outer, inner), style in bursts:
            n = int(rng.integers(70, 130))
            for i in range(n):
                # Directions even over a sphere, seen flat.
                z = 1 - 2 * (i + 0.5) / n
                angle = i * 2.39996 + rng.normal(0, 0.05)
                flat = math.sqrt(1 - z * z)
                speed = radius * (1 if style else rng.uniform(0.75, 1.1))
                vx, vy = flat * math.cos(angle) * speed / ASPECT, flat * math.sin(angle) * speed
                points = []
                for k in range(15):
                    t = k / 14
                    s = 1 - (1 - t) ** 2
                    fall = (0.22 if style == 1 else 0.07) * t * t * radius / 0.2
                    points.append(((cx + vx * s) * WIDTH, (cy + vy * s + fall) * HEIGHT))
                for k in range(14):
                    t = k / 13
                    if style == 2 and t < 0.55:
                        continue
                    colour = mix(rgb(inner), outer, min(1, t * 1.5)) * (
                        0.25 + 0.75 * t if style != 1 else 1.05 - 0.75 * t
                    )
                    pen.line([points[k], points[k + 1]], ink(colour), 2)
                px, py = points[-1]
                if style != 1:
                    pen.ellipse([px - 2, py - 2, px + 2, py + 2], ink(inner))
            pen.line(
                [(cx * WIDTH + rng.normal(0, 8), base * HEIGHT), (cx * WIDTH, cy * HEIGHT)],
                ink(rgb(outer) * 0.22),
                2,
            )

    light = painted(light, explode)
    for cx, cy, radius, (outer, _), _ in bursts:
        d = radial(cx, cy)
        smoke += rgb(outer) * (0.22 * np.exp(-((d / (radius * 1.1)) ** 2)))[..., None]
        smoke += rgb(outer) * (0.08 * np.exp(-d / 0.3))[..., None]
    puffs = 0.35 + 1.0 * noise(rng, 4, 5, octaves=6)
    picture = shine(picture, smoke * puffs[..., None])
    picture = shine(picture, light + 0.9 * blur(light, 3) + 0.7 * blur(light, 12))
    picture, lamps = skyline(picture, rng, base, depth=0.1, tall=0.2, lit=0.4)
    picture = water.reflect(picture, rng, base, calm=0.5, tint="#050716", murk=0.5, size=0.9)
    lamps += [(b[0], 0.35, b[3][0]) for b in bursts]
    picture = water.lamps(picture, rng, base, lamps)
    if rng.random() < 0.4:
        heads = [
            (rng.uniform(0, 1) * WIDTH, rng.uniform(0.93, 1.0) * HEIGHT, rng.uniform(13, 20))
            for _ in range(34)
        ]

        def crowd(pen: ImageDraw.ImageDraw) -> None:
            for px, py, r in heads:
                pen.ellipse([px - r * 0.6, py - r, px + r * 0.6, py + r * 0.5], ink("#05050a"))
                pen.rounded_rectangle(
                    [px - r * 1.3, py + r * 0.4, px + r * 1.3, py + 120], 12, ink("#05050a")
                )
                if rng.random() < 0.3:
                    pen.line([(px + r, py + r), (px + r * 1.3, py - r * 1.8)], ink("#05050a"), 6)

        picture = painted(picture, crowd)
    return halo(picture, threshold=0.5, strength=0.5)


@kind("northern-lights")
def northern_lights(rng: Rng) -> Array:
    """Curtains of light over snow, firs, or a lake."""
    horizon = rng.uniform(0.66, 0.76)
    picture = sky.gradient(rng, horizon, (0, "#050a1c"), (0.6, "#0b2038"), (1, "#1b3d55"))
    picture = sky.stars(picture, rng, horizon + 0.1, count=800)
    colours = (("#3dff9a", "#a04fff"), ("#63ffb8", "#ff4f9a"), ("#4dffd0", "#5a6bff"))[
        rng.integers(3)
    ]
    picture = sky.aurora(picture, rng, horizon, colours=colours)
    crest = horizon - 0.13 * line(rng, 4, octaves=7, gain=0.5)
    below = Y - crest[None]
    relief = noise(rng, 14, 18, octaves=6, gain=0.55, ridged=True)
    tone = np.clip(0.4 + 4 * (relief - np.roll(relief, (3, 4), (0, 1))), 0, 1)
    hills = ramp(tone, (0, "#0a1524"), (0.6, "#2b4a63"), (1, "#7fa8b5"))
    picture = mix(picture, hills, smooth(0, 0.004, below))
    if rng.random() < 0.5:
        picture = water.reflect(picture, rng, horizon + 0.01, calm=0.85, tint="#04121f", murk=0.35)
    else:
        drift = noise(rng, 9, 4, octaves=6, gain=0.5)
        light = np.clip(0.5 + 5 * (drift - np.roll(drift, 5, 0)), 0, 1)
        snow = ramp(light, (0, "#0f2136"), (0.55, "#2f5568"), (1, "#86b9b4"))
        ground = horizon + 0.02 + 0.05 * line(rng, 2)[None]
        picture = mix(picture, snow, smooth(0, 0.01, Y - ground))
        firs = [plants.conifer(rng, needles="#0d1a1c", snow=0.5, light=0.38) for _ in range(4)]
        spots = np.sort(rng.uniform(0.02, 0.35, int(rng.integers(14, 34))))
        for depth in spots:
            stamp(
                picture,
                firs[int(rng.integers(4))],
                rng.uniform(0, 1),
                horizon + 0.03 + depth * 0.8,
                0.07 + depth * rng.uniform(0.7, 1.3),
                veil="#123042",
                veiled=0.4 - depth,
            )
        if rng.random() < 0.6:
            from tools.scenes.things import house

            hx, hy = rng.uniform(0.2, 0.8), rng.uniform(0.86, 0.93)
            stamp(picture, house(rng, light=0.3, roof="#9fb9c9"), hx, hy, 0.15)
            picture = shine(
                picture, (0.5 * np.exp(-radial(hx, hy - 0.04) / 0.08))[..., None] * rgb("#ff9d3c")
            )
    return halo(picture, threshold=0.6, strength=0.4)


@kind("milky-way")
def milky_way(rng: Rng) -> Array:
    """The Milky Way over a dark land."""
    horizon = rng.uniform(0.74, 0.84)
    picture = sky.gradient(
        rng,
        horizon,
        (0, "#04060f"),
        (0.6, "#0a1226"),
        (1, mix(rgb("#1c2c4a"), "#6b4a3a", rng.uniform(0, 0.6))),
    )
    picture = sky.milky_way(
        picture,
        rng,
        horizon,
        angle=rng.uniform(0.7, 1.35) * rng.choice([-1, 1]),
        centre=rng.uniform(0.35, 0.65),
    )
    picture = sky.stars(picture, rng, horizon, count=2600, bright=1.1)
    if rng.random() < 0.5:
        x0, y0 = rng.uniform(0.1, 0.8), rng.uniform(0.08, 0.35)
        dx, dy = rng.uniform(0.08, 0.2) * rng.choice([-1, 1]), rng.uniform(0.05, 0.14)
        trail = np.zeros((HEIGHT, WIDTH, 3), np.float32)

        def fall(pen: ImageDraw.ImageDraw) -> None:
            for k in range(40):
                t = k / 40
                pen.line(
                    [
                        ((x0 + dx * t) * WIDTH, (y0 + dy * t) * HEIGHT),
                        ((x0 + dx * (t + 0.03)) * WIDTH, (y0 + dy * (t + 0.03)) * HEIGHT),
                    ],
                    ink(rgb("#eaf4ff") * t),
                    1 + int(2 * t),
                )

        trail = painted(trail, fall)
        picture = shine(picture, trail + blur(trail, 2))
    for k in range(3):
        crest = horizon + 0.06 * k - (0.1 - 0.02 * k) * line(rng, 3 + k, octaves=7, gain=0.5)
        if k == 2 or rng.random() < 0.5:
            crest = crest - 0.03 * np.abs(line(rng, 90, octaves=3) - 0.5)
        picture = mix(
            picture, ("#131c30", "#0a101f", "#04060c")[k], smooth(0, 0.004, Y - crest[None])
        )
    style = rng.random()
    if style < 0.4:
        tx, ty = rng.uniform(0.2, 0.8), rng.uniform(0.9, 0.95)

        def tent(pen: ImageDraw.ImageDraw) -> None:
            px, py = tx * WIDTH, ty * HEIGHT
            pen.polygon(
                [(px - 62, py), (px - 8, py - 62), (px + 24, py - 54), (px + 72, py)],
                ink("#c4702a"),
            )
            pen.polygon([(px - 62, py), (px - 8, py - 62), (px + 4, py)], ink("#ffb45a"))
            pen.polygon([(px - 36, py), (px - 9, py - 46), (px - 14, py)], ink("#ffe0a0"))

        picture = painted(picture, tent)
        picture = shine(
            picture, (0.55 * np.exp(-radial(tx, ty - 0.03) / 0.09))[..., None] * rgb("#ff9a3a")
        )
    else:
        trees = [plants.conifer(rng, needles="#05080c", light=0.25) for _ in range(3)]
        for _ in range(int(rng.integers(5, 16))):
            at = rng.uniform(-0.02, 1.02)
            stamp(
                picture,
                trees[int(rng.integers(3))],
                at,
                rng.uniform(0.97, 1.06),
                rng.uniform(0.15, 0.5) * (0.4 + abs(at - 0.5) * 1.4),
            )
    return halo(picture, threshold=0.6, strength=0.4)


@kind("campfire")
def campfire(rng: Rng) -> Array:
    """A fire among dark trees."""
    picture = ramp(Y + 0.05 * noise(rng, 2, 2), (0, "#070d1f"), (0.5, "#13203a"), (1, "#0b0d12"))
    picture = sky.stars(picture, rng, 0.6, count=500)
    x, y = rng.uniform(0.38, 0.62), rng.uniform(0.8, 0.86)
    for k in range(3):
        sprites = [plants.conifer(rng, needles="#1b2b22", light=0.35 + 0.12 * k) for _ in range(3)]
        for _ in range(16 - 3 * k):
            at = rng.uniform(-0.05, 1.05)
            if k == 2 and abs(at - x) < 0.28:
                continue
            stamp(
                picture,
                sprites[int(rng.integers(3))],
                at,
                0.68 + 0.06 * k,
                rng.uniform(0.35, 0.6) * (1 + 0.25 * k),
                veil="#0a1326",
                veiled=0.75 - 0.3 * k,
            )
    ground_line = 0.66 + 0.02 * line(rng, 5)[None]
    bumps = noise(rng, 36, 40, octaves=5, gain=0.75)
    ground = ramp(
        np.clip(0.45 + 3 * (bumps - np.roll(bumps, 3, 0)), 0, 1),
        (0, "#0c0a08"),
        (0.6, "#2a231a"),
        (1, "#5a4a30"),
    )
    picture = mix(picture, ground, smooth(0, 0.02, Y - ground_line))
    d = np.hypot((X - x) * ASPECT, (Y - y) * 1.6)
    warm = np.exp(-d / 0.26)
    picture = (
        picture
        * (0.8 + 2.6 * warm)[..., None]
        * mix(np.ones((HEIGHT, WIDTH, 3), np.float32), "#ffb070", warm)
    )

    def logs(pen: ImageDraw.ImageDraw) -> None:
        for k in range(7):
            a = math.pi * (0.08 + 0.84 * k / 6)
            px, py = x * WIDTH + math.cos(a) * 62, y * HEIGHT + 14 - math.sin(a) * 8
            pen.line([(px, py), (x * WIDTH + math.cos(a) * 6, y * HEIGHT - 26)], ink("#2b1a10"), 13)
            pen.line(
                [(px, py - 4), (x * WIDTH + math.cos(a) * 6, y * HEIGHT - 30)], ink("#a5501e"), 3
            )
        for k in range(15):
            a = 2 * math.pi * k / 15
            px, py = x * WIDTH + math.cos(a) * 92, y * HEIGHT + 14 + math.sin(a) * 24
            r = rng.uniform(10, 16)
            tone = 0.9 if math.sin(a) < 0 else 0.4
            pen.ellipse([px - r, py - r * 0.7, px + r, py + r * 0.7], ink(rgb("#8a6a52") * tone))
            pen.arc([px - r, py - r * 0.7, px + r, py + r * 0.7], 180, 330, ink("#e09a5a"), 2)

    picture = painted(picture, logs)
    # Flames: tongues of noise that is stretched upwards and thins out with height.
    tall = rng.uniform(0.24, 0.34)
    t = np.clip((y - Y) / tall, -0.1, 1.3)
    sway = 0.05 * (noise(rng, 4, 2, octaves=4) - 0.5) * np.clip(t, 0, 1)
    tongues = noise(rng, 5, 22, octaves=5, gain=0.6)
    half = 0.075 * (1 - np.clip(t, 0, 1) ** 1.2) + 0.006
    body = 1 - np.abs((X - x - sway) * ASPECT / 1.33) / half
    flame = body + 1.5 * (tongues - 0.5) - 0.75 * np.clip(t, 0, 1.3) + 0.1
    flame = np.where((t > -0.05) & (np.abs(X - x) < 0.2), flame - 2.5 * np.clip(t - 0.75, 0, 1), -1)
    fire = smooth(-0.05, 0.35, flame) * smooth(-0.06, 0.03, t)
    hot = ramp(
        np.clip(flame * 0.8, 0, 1),
        (0, "#c92a08"),
        (0.25, "#ff6a14"),
        (0.55, "#ffb437"),
        (1, "#fff6cf"),
    )
    picture = shine(
        picture,
        (0.75 * np.exp(-(((X - x) * ASPECT / 0.16) ** 2) - ((Y - y + 0.1) / 0.2) ** 2))[..., None]
        * rgb("#ff7a24"),
    )
    picture = mix(picture, hot, fire * 0.96)
    light = np.zeros((HEIGHT, WIDTH, 3), np.float32)

    def sparks(pen: ImageDraw.ImageDraw) -> None:
        for _ in range(110):
            h = rng.exponential(0.22)
            px = (x + rng.normal(0, 0.03 + 0.12 * h)) * WIDTH
            py = (y - 0.1 - h) * HEIGHT
            r = rng.uniform(0.8, 2.2)
            pen.ellipse([px - r, py - r, px + r, py + r], ink(rgb("#ffb050") * rng.uniform(0.4, 1)))

    light = painted(light, sparks)
    picture = shine(picture, light + blur(light, 2))
    if rng.random() < 0.65:
        side = float(rng.choice([-1, 1]))
        for k in range(int(rng.integers(1, 3))):
            px, py = (x + side * (0.24 + 0.13 * k)) * WIDTH, y * HEIGHT

            def person(pen: ImageDraw.ImageDraw, px: float = px, py: float = py) -> None:
                dark = ink("#15100e")
                pen.ellipse([px - 17, py - 138, px + 17, py - 98], dark)
                pen.polygon(
                    [
                        (px - 32, py + 4),
                        (px - 29, py - 86),
                        (px, py - 104),
                        (px + 29, py - 86),
                        (px + 32, py + 4),
                    ],
                    dark,
                )
                pen.line(
                    [(px, py - 10), (px - side * 54, py - 22), (px - side * 60, py + 22)], dark, 21
                )
                pen.line([(px - side * 10, py - 74), (px - side * 42, py - 44)], dark, 13)
                pen.line(
                    [(px - side * 17, py - 128), (px - side * 16, py - 106)], ink("#d9772e", 0.8), 3
                )
                pen.line(
                    [(px - side * 29, py - 84), (px - side * 31, py - 24)], ink("#b35a22", 0.7), 3
                )
                pen.rounded_rectangle([px - 60, py + 2, px + 60, py + 26], 10, ink("#1d130d"))

            picture = painted(picture, person)
    return halo(picture, threshold=0.6, strength=0.6)
