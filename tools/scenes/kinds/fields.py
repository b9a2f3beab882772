"""Meadows and fields."""

from __future__ import annotations

import numpy as np

from tools.scenes import plants, sky, things
from tools.scenes.kinds.heights import Sun, light_of, plant_forest
from tools.scenes.paint import (
    HEIGHT,
    WIDTH,
    Array,
    Rng,
    X,
    Y,
    blur,
    halo,
    line,
    mix,
    noise,
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


def scatter(
    picture: Array,
    rng: Rng,
    sprites: list[Array],
    *,
    count: int,
    top: float,
    small: float,
    large: float,
    blurred: bool = True,
) -> None:
    """Strew sprites over a field from ``top`` to the viewer, sizes by perspective."""
    for t in np.sort(rng.random(count) ** 0.8):
        depth = t**2
        image = sprites[int(rng.integers(len(sprites)))]
        y = top + (1.12 - top) * depth
        size = small + (large - small) * depth
        if blurred and depth > 0.86:
            image = np.stack([blur(np.ascontiguousarray(image[..., i]), 2.2) for i in range(4)], -1)
        stamp(
            picture,
            image,
            rng.uniform(-0.04, 1.04),
            y,
            size * rng.uniform(0.75, 1.2),
            flip=bool(rng.random() < 0.5),
        )


@kind("meadow")
def meadow(rng: Rng) -> Array:
    """Flowers in a summer meadow."""
    horizon = rng.uniform(0.34, 0.46)
    picture = sky.cloudy(
        rng,
        horizon,
        (0, tint(rng, "#3f8fdc")),
        (0.6, "#93c6f0"),
        (1, "#e9f3f2"),
        cover=(0.3, 0.55),
        light="#ffffff",
        shade="#a8bdd4",
        toward=(0.3, 0.05),
    )
    for k in range(3):
        crest = horizon + 0.01 * k - (0.1 - 0.03 * k) * line(rng, 3 + 3 * k, octaves=6)
        wood = noise(rng, 30, 36, octaves=5, gain=0.7)
        colour = mix(ramp(wood, (0, "#2c5530"), (1, "#7fa34f")), "#a9c6dc", 0.65 - 0.25 * k)
        picture = mix(picture, colour, smooth(0, 0.006, Y - crest[None]))
    t = np.clip((Y - horizon) / (1 - horizon), 0, 1)
    fine = noise(rng, 70, 90, octaves=4, gain=0.85)
    broad = noise(rng, 9, 5, octaves=5)
    grass = ramp(
        0.45 * fine + 0.55 * broad,
        (0, "#2f5f1f"),
        (0.45, "#63983a"),
        (0.75, "#9cc24c"),
        (1, "#d8dc7a"),
    )
    grass = mix(grass, "#c9dca0", 0.5 * (1 - t) ** 3)
    picture = mix(picture, grass, smooth(0, 0.01, Y - horizon - 0.01 * line(rng, 5)[None]))
    # Far flowers are dots of colour, in drifts.
    palettes = (
        (("#ffffff", "daisy"), ("#e0332a", "poppy"), ("#5a6fe0", "bell")),
        (("#ffd83a", "daisy"), ("#ffffff", "daisy"), ("#c25ad0", "bell")),
        (("#e0332a", "poppy"), ("#f0562e", "poppy"), ("#ffffff", "daisy")),
        (("#6a5ae0", "spike"), ("#f29ad0", "spike"), ("#ffffff", "daisy")),
    )
    choice = palettes[rng.integers(len(palettes))]
    for far, _ in choice:
        dots = noise(rng, 150, 130, octaves=1) * (0.55 + 0.45 * noise(rng, 10, 4, octaves=3))
        picture = mix(
            picture,
            far,
            smooth(0.6, 0.68, dots) * smooth(0.03, 0.12, t) * smooth(0.9, 0.4, t) * 0.9,
        )
    blades = [plants.tuft(rng, ["#4f8a2c", "#7fae3f", "#a9c454"], blades=50) for _ in range(4)]
    scatter(
        picture, rng, blades, count=110, top=horizon + 0.12, small=0.03, large=0.3, blurred=False
    )
    flowers = [
        plants.flower(rng, tint(rng, colour, 0.03), kind=shape)
        for colour, shape in choice
        for _ in range(3)
    ]
    scatter(picture, rng, flowers, count=230, top=horizon + 0.1, small=0.022, large=0.36)
    return halo(picture, strength=0.2)


def _rows(rng: Rng, horizon: float, *, count: float) -> tuple[Array, Array]:
    """Furrows that meet at the horizon: position across a row (0..1), and depth 0..1."""
    t = np.clip((Y - horizon) / (1 - horizon), 1e-3, 1)
    vanish = rng.uniform(0.3, 0.7)
    across = (
        (X - vanish) / (t + 0.03) * count
        + 0.12 * (noise(rng, 20, 14, octaves=3) - 0.5)
        + rng.random()
    )
    return across % 1, t


@kind("lavender-field")
def lavender_field(rng: Rng) -> Array:
    """Rows of lavender towards evening."""
    horizon = rng.uniform(0.38, 0.46)
    mood = int(rng.integers(3))
    stops = (
        ((0, "#5a6fb5"), (0.6, "#e3a0a8"), (1, "#ffd9a0")),
        ((0, "#3f86d2"), (0.6, "#9cc6ee"), (1, "#eef0e4")),
        ((0, "#6a5a9c"), (0.5, "#f08f7a"), (1, "#ffcf80")),
    )[mood]
    picture = sky.gradient(rng, horizon, *stops)
    sun_x = rng.uniform(0.2, 0.8)
    if mood != 1:
        picture = sky.sun(
            picture,
            sun_x,
            horizon - rng.uniform(0.01, 0.08),
            "#fff3d0",
            size=0.035,
            warmth="#ff9d52",
        )
    picture = sky.clouds(
        picture,
        rng,
        horizon,
        cover=rng.uniform(0.2, 0.5),
        light="#fff0e0",
        shade="#9a8fb8",
        toward=(sun_x, 0.4),
    )
    crest = horizon - 0.08 * line(rng, 3, octaves=6)
    picture = mix(
        picture,
        mix(ramp(noise(rng, 24, 30, octaves=5), (0, "#3f4a66"), (1, "#7f8a8f")), stops[2][1], 0.3),
        smooth(0, 0.006, Y - crest[None]),
    )
    phase, t = _rows(rng, horizon, count=rng.uniform(1.1, 1.6))
    ridge = np.sin(np.pi * phase)
    tufts = noise(rng, 90, 110, octaves=4, gain=0.85)
    clump = noise(rng, 40, 26, octaves=4, gain=0.7)
    purple = ramp(
        np.clip(0.35 * tufts + 0.35 * clump + 0.45 * (ridge - 0.35), 0, 1),
        (0, "#2c2148"),
        (0.4, "#5d3f96"),
        (0.7, "#8f6ac6"),
        (1, "#d3b4f0"),
    )
    soil = ramp(tufts, (0, "#3a2f22"), (0.6, "#6f6a3a"), (1, "#8f9a4a"))
    bush = smooth(0.25, 0.5, ridge + 0.35 * (clump - 0.5))
    ground = mix(soil, purple, bush)
    ground = ground * (0.72 + 0.42 * smooth(0.1, 0.9, ridge))[..., None]
    if mood != 1:
        ground = ground * mix(np.ones((HEIGHT, WIDTH, 3), np.float32), "#ffcfae", 0.6)
        ground = shine(
            ground,
            (0.35 * np.exp(-np.abs(X - sun_x) / 0.2) * (1 - t) ** 2)[..., None] * rgb("#ffb070"),
        )
    ground = mix(ground, mix(rgb("#b79cd6"), stops[2][1], 0.3), 0.7 * (1 - t) ** 5)
    picture = mix(picture, ground, smooth(0, 0.004, Y - horizon))
    spikes = [
        plants.flower(rng, tint(rng, "#8a63c9", 0.05), kind="spike", size=60) for _ in range(5)
    ]
    for depth in np.sort(rng.random(260) ** 0.9):
        y = horizon + (1.1 - horizon) * (0.16 + 0.84 * depth**1.6)
        x = rng.uniform(0, 1)
        row, column = int(np.clip(y, 0, 0.999) * HEIGHT), int(x * (WIDTH - 1))
        if bush[row, column] > 0.6:
            stamp(
                picture,
                spikes[int(rng.integers(5))],
                x,
                y,
                0.03 + 0.2 * depth**2,
                veil="#ffcfae" if mood != 1 else "#c9c0e8",
                veiled=0.12,
            )
    side = rng.random()
    if side < 0.45:
        stamp(
            picture,
            things.house(rng, wall="#cdb28a", roof="#a8553a", windows="#4f4a55", light=0.95),
            rng.uniform(0.15, 0.85),
            horizon + 0.02,
            0.1,
            veil=stops[2][1],
            veiled=0.2,
        )
    elif side < 0.9:
        tree = plants.broadleaf(
            rng, ["#2f4a2a", "#4f6f35", "#3a5a2c"], size=260, density=1.8, light=0.8
        )
        stamp(
            picture,
            tree,
            rng.uniform(0.1, 0.9),
            horizon + 0.02,
            rng.uniform(0.16, 0.28),
            veil=stops[2][1],
            veiled=0.12,
        )
    return halo(picture, strength=0.35)


@kind("wheat-field")
def wheat_field(rng: Rng) -> Array:
    """Ripe wheat under a big sky."""
    horizon = rng.uniform(0.44, 0.54)
    storm = rng.random() < 0.3
    picture = sky.gradient(
        rng,
        horizon,
        *(
            ((0, "#2f3f55"), (0.6, "#667a8c"), (1, "#c9c7b5"))
            if storm
            else ((0, tint(rng, "#2f86d8")), (0.6, "#8cc2f0"), (1, "#f4edd2"))
        ),
    )
    picture = sky.clouds(
        picture,
        rng,
        horizon,
        cover=0.8 if storm else rng.uniform(0.3, 0.6),
        light="#e9e4d6" if storm else "#ffffff",
        shade="#3a4658" if storm else "#9fb2cc",
        toward=(0.5, 0.1),
        scale=1.2,
    )
    height = (26 * map_noise(rng, 3, octaves=4, gain=0.4)).astype(np.float32)
    view = View(eye=float(height[:40].max()) + 9, horizon=horizon, zoom=1.15, near=7, far=900)
    seen = cast(height, view)
    sun: Sun = (float(rng.choice([-1, 1])) * 0.8, 0.3, 0.5)
    light = np.clip(seen.sample(light_of(height, sun, ambient=0.5, shade=False)), 0, 1.3)
    wind = seen.sample(map_noise(rng, 20, octaves=5, gain=0.6))
    fine = seen.sample(map_noise(rng, 150, octaves=4, gain=0.85), 3.0)
    wheat = ramp(
        np.clip(0.4 * wind + 0.6 * fine, 0, 1),
        (0, "#8a5a1c"),
        (0.4, "#d19a38"),
        (0.7, "#f0c763"),
        (1, "#fff0b4"),
    )
    track = np.minimum(
        np.abs(seen.across - view.aside - 18 - 9 * np.sin(seen.ahead / 60)),
        np.abs(seen.across - view.aside - 25 - 9 * np.sin(seen.ahead / 60)),
    )
    wheat = mix(wheat, "#7a5a2c", smooth(1.4, 0.7, track) * 0.75)
    green = smooth(300, 330, seen.ahead + 60 * wind)
    wheat = mix(wheat, ramp(fine, (0, "#3f6a2c"), (1, "#93ae55")), green * 0.8)
    wheat = haze(wheat * (0.35 + 0.68 * light)[..., None], seen, "#d9d9c6", 1000, 1.4)
    if storm:
        wheat = wheat * 0.9
    picture = lay(picture, seen, wheat)
    trees = [
        plants.broadleaf(rng, ["#3a622a", "#557f33", "#284a1f"], size=200, density=1.7)
        for _ in range(4)
    ]
    plant_forest(
        picture,
        rng,
        view,
        height,
        trees,
        count=130,
        span=(230, 700),
        tall=17,
        where=(map_noise(rng, 9, octaves=3) > 0.55).astype(np.float32),
        veil="#c4ccc6",
        veil_distance=1100,
        land=seen,
    )
    if rng.random() < 0.35:
        oak = plants.broadleaf(rng, ["#35602a", "#4f7f30", "#26491e"], size=420, density=2.2)
        stamp(picture, oak, rng.uniform(0.2, 0.8), horizon + 0.05, rng.uniform(0.25, 0.36))
    ears = [
        plants.tuft(rng, ["#d9a23c", "#f0c868", "#b87f2a"], blades=16, ears=True, size=220)
        for _ in range(5)
    ]
    scatter(
        picture, rng, ears, count=200, top=horizon + 0.14, small=0.03, large=0.42, blurred=False
    )
    return halo(picture, strength=0.25)
