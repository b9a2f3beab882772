"""Skies: gradients, clouds in perspective, sun, moon, stars, the Milky Way, northern lights."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from tools.scenes.paint import (
    ASPECT,
    HEIGHT,
    WIDTH,
    Array,
    Colour,
    Rng,
    X,
    Y,
    blur,
    mix,
    noise,
    radial,
    ramp,
    rgb,
    scaled,
    shine,
    smooth,
)


def gradient(rng: Rng, horizon: float, *stops: tuple[float, Colour]) -> Array:
    """A sky from top (0) to horizon (1), not quite even."""
    wobble = 0.05 * (noise(rng, 2, 2, octaves=3) - 0.5)
    return ramp(np.clip(Y / horizon + wobble, 0, 1.2), *stops)


def sun(
    picture: Array,
    x: float,
    y: float,
    colour: Colour = "#fff2c8",
    *,
    size: float = 0.035,
    warmth: Colour = "#ff9a3c",
    spread: float = 1.0,
) -> Array:
    """A sun and the light around it."""
    d = radial(x, y)
    picture = shine(picture, rgb(warmth) * (0.55 * np.exp(-d / (0.22 * spread)))[..., None])
    picture = shine(picture, rgb(warmth) * (0.35 * np.exp(-d / (0.6 * spread)))[..., None])
    picture = shine(picture, rgb(colour) * (0.8 * np.exp(-((d / (1.9 * size)) ** 2)))[..., None])
    return mix(picture, colour, smooth(size * 1.04, size * 0.94, d))


def moon(picture: Array, rng: Rng, x: float, y: float, *, size: float = 0.05) -> Array:
    """A full moon with seas, and its light."""
    d = radial(x, y)
    picture = shine(picture, rgb("#a9b8dd") * (0.35 * np.exp(-d / 0.16))[..., None])
    face = ramp(
        noise(rng, 0.7 / size, 0.7 / size * ASPECT, octaves=4),
        (0, "#b9b6ae"),
        (0.45, "#cfcdc6"),
        (0.6, "#f1efe6"),
        (1, "#fffdf4"),
    )
    limb = np.sqrt(np.clip(1 - (d / size) ** 2, 0, 1))
    return mix(picture, face * (0.8 + 0.2 * limb)[..., None], smooth(size * 1.03, size * 0.97, d))


def clouds(
    picture: Array,
    rng: Rng,
    horizon: float,
    *,
    cover: float = 0.5,
    light: Colour = "#ffffff",
    shade: Colour = "#8fa3bd",
    toward: tuple[float, float] = (0.6, 0.2),
    scale: float = 1.0,
    soft: float = 0.22,
    opacity: float = 0.95,
) -> Array:
    """Lay clouds on a sky; they lie in a plane above, so they crowd towards the horizon.

    Parameters
    ----------
    picture, rng, horizon
        What is painted on; row of the horizon, 0..1.
    cover
        0: none, 1: all the sky.
    light, shade
        Colours towards the light and away from it.
    toward
        Where the light is on the picture, 0..1.
    scale
        Size of the clouds.
    soft, opacity
        Width of their edges, and how dense they are at most.
    """
    side = 1024
    plane = noise(rng, 7 / scale, 7 / scale, octaves=8, gain=0.52, shape=(side, side))
    above = np.clip(horizon - Y, 0.012, None) + 0.05
    distance = 0.11 / above
    u = ((X - 0.5) * ASPECT * distance * 3.2 + 3) * side / 7
    v = distance * side / 1.6

    def at(du: float, dv: float) -> Array:
        return np.asarray(
            ndimage.map_coordinates(plane, [v + dv, u + du], order=1, mode="reflect"), np.float32
        )

    density = at(0, 0)
    level = float(np.quantile(density[: max(2, int(horizon * HEIGHT))], 1 - min(cover, 0.98)))
    body = smooth(level, level + soft, density)
    # Light comes through where there is less cloud on the way to the sun.
    to = np.array([toward[0] - 0.5, toward[1] - horizon * 0.5])
    to = to / (np.linalg.norm(to) + 1e-6) * 26
    inward = np.clip(0.5 + 2.6 * (density - at(float(to[0]), float(to[1]))), 0, 1)
    thin = 1 - smooth(level + soft * 0.3, level + soft * 2.2, density)
    tone = np.clip(0.55 * inward + 0.45 * thin, 0, 1)
    near_sun = np.exp(-radial(*toward) / 0.5)
    tone = np.clip(tone + 0.25 * near_sun * thin, 0, 1)
    colours = ramp(tone, (0, shade), (1, light))
    fade = smooth(0.0, 0.1, horizon - Y)
    return mix(picture, colours, body * opacity * fade)


def cloudy(
    rng: Rng,
    horizon: float,
    *stops: tuple[float, Colour],
    cover: float | tuple[float, float],
    **more: Any,
) -> Array:
    """A `gradient` with `clouds` on it; of a pair, `cover` is drawn between the two."""
    picture = gradient(rng, horizon, *stops)
    share = rng.uniform(*cover) if isinstance(cover, tuple) else cover
    return clouds(picture, rng, horizon, cover=share, **more)


def stars(
    picture: Array, rng: Rng, horizon: float, *, count: int = 900, bright: float = 1.0
) -> Array:
    """Stars of many magnitudes and a few temperatures."""
    light = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    rows = rng.integers(0, max(1, int(HEIGHT * horizon)), count)
    columns = rng.integers(0, WIDTH, count)
    power = np.minimum(0.25 * rng.pareto(1.6, count) + 0.15, 2.4).astype(np.float32)
    heat = rng.random(count)[:, None]
    colour = np.where(
        heat < 0.3, rgb("#ffd9b0"), np.where(heat < 0.7, rgb("#ffffff"), rgb("#b8d0ff"))
    )
    np.add.at(light, (rows, columns), colour * power[:, None])
    spread = 1.6 * blur(light, 0.8) + 6.0 * blur(np.clip(light - 0.9, 0, None), 2.2)
    fade = smooth(0.0, 0.35, horizon - Y)
    return shine(picture, bright * 1.5 * spread * fade[..., None])


def milky_way(
    picture: Array, rng: Rng, horizon: float, *, angle: float, centre: float = 0.5
) -> Array:
    """The band of the galaxy with its dark lanes."""
    along = np.cos(angle) * (X - centre) * ASPECT + np.sin(angle) * (Y - horizon * 0.6)
    aside = -np.sin(angle) * (X - centre) * ASPECT + np.cos(angle) * (Y - horizon * 0.6)
    bend = 0.10 * (noise(rng, 1.5, 1.5, octaves=3) - 0.5)
    aside = aside + bend
    band = np.exp(-((aside / 0.17) ** 2)) * (0.5 + 0.5 * np.exp(-((along / 0.45) ** 2)))
    body = noise(rng, 4, 5, octaves=6, gain=0.6)
    lanes = smooth(0.5, 0.75, noise(rng, 4, 6, octaves=6, gain=0.58, ridged=True))
    lanes = lanes * np.exp(-(((aside - 0.01) / 0.075) ** 2))
    light = band * (0.35 + 0.9 * body) * (1 - 0.8 * lanes)
    colour = ramp(
        np.clip(light * 1.1, 0, 1),
        (0, "#000000"),
        (0.3, "#262b4e"),
        (0.6, "#7a6a8c"),
        (1, "#ffe9c9"),
    )
    picture = shine(picture, colour * smooth(-0.02, 0.25, horizon - Y)[..., None])
    dust = rng.random((HEIGHT, WIDTH)).astype(np.float32)
    points = (dust > 1 - 0.02 * light).astype(np.float32) * rng.random((HEIGHT, WIDTH))
    return shine(picture, (1.3 * blur(points.astype(np.float32), 0.7))[..., None] * rgb("#fff4e0"))


def aurora(picture: Array, rng: Rng, horizon: float, *, colours: tuple[Colour, Colour]) -> Array:
    """Curtains of northern lights: folded lines, each smeared upwards."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    purple = np.zeros((HEIGHT, WIDTH), np.float32)
    for band in range(int(rng.integers(2, 4))):
        n = 4000
        t = np.linspace(-0.15, 1.15, n)
        base = horizon * rng.uniform(0.55, 0.85) - 0.08 * band
        sway = noise(rng, 1, 3, octaves=4, shape=(8, n))[3] - 0.5
        fold = noise(rng, 1, 9, octaves=4, shape=(8, n))[3] - 0.5
        y = base + 0.34 * sway + rng.uniform(-0.25, 0.25) * (t - 0.5)
        x = t + 0.22 * fold
        rays = 0.35 + 0.9 * noise(rng, 1, 40, octaves=5, gain=0.6, shape=(8, n))[3] ** 2
        power = rays * (0.4 + noise(rng, 1, 5, octaves=3, shape=(8, n))[3])
        rows = np.clip((y * HEIGHT).astype(int), 0, HEIGHT - 1)
        columns = (x * WIDTH).astype(int)
        good = (columns >= 0) & (columns < WIDTH)
        seed = np.zeros((HEIGHT, WIDTH), np.float32)
        np.add.at(seed, (rows[good], columns[good]), power[good])
        seed = blur(seed, 3.0)
        length = rng.uniform(0.16, 0.3) * HEIGHT
        # A first-order recursive filter upwards: light decays with height above the lower edge.
        decay = float(np.exp(-1 / length))
        curtain = np.empty_like(seed)
        carried = np.zeros(WIDTH, np.float32)
        for row in range(HEIGHT - 1, -1, -1):
            carried = carried * decay + seed[row]
            curtain[row] = carried
        strength = rng.uniform(0.8, 1.1) / (1 + 0.5 * band)
        curtain *= strength / (np.quantile(curtain, 0.995) + 1e-6)
        total += blur(curtain, 2.0) + 0.5 * blur(curtain, 9)
        shift = int(length * 0.8)
        purple[:-shift] += 0.5 * curtain[shift:]
    total = np.clip(0.55 * total + 0.4 * blur(total, 30), 0, 1.2)
    light = rgb(colours[0]) * total[..., None] + rgb(colours[1]) * blur(purple, 14)[..., None]
    return shine(picture, 0.9 * light * smooth(0.0, 0.15, horizon - Y)[..., None])


def shafts(picture: Array, x: float, y: float, *, strength: float, colour: Colour) -> Array:
    """Beams of light from a point: the picture's brightness smeared away from it."""
    bright = smooth(0.55, 0.95, picture.mean(-1))
    small = scaled(bright, WIDTH // 4, HEIGHT // 4)
    rows, columns = np.mgrid[0 : HEIGHT // 4, 0 : WIDTH // 4].astype(np.float32)
    total = np.zeros_like(small)
    for k in range(28):
        part = 1 - 0.9 * k / 28
        at = [y * HEIGHT / 4 + (rows - y * HEIGHT / 4) * part]
        at.append(x * WIDTH / 4 + (columns - x * WIDTH / 4) * part)
        total += ndimage.map_coordinates(small, at, order=1, mode="nearest") * 0.96**k
    light = scaled(total / 14, WIDTH, HEIGHT)
    return shine(picture, strength * rgb(colour) * np.clip(light, 0, 1)[..., None])
