"""Water: what is above its line mirrored in waves that grow towards the viewer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from tools.scenes.paint import (
    HEIGHT,
    WIDTH,
    Array,
    Colour,
    Rng,
    X,
    Y,
    mix,
    noise,
    rgb,
    shine,
    smooth,
)

TEXTURE = 1024


def wave_field(rng: Rng, line: float, *, size: float = 1.0) -> Array:
    """Waves seen in perspective: about -1..1, rows below ``line`` alone mean something."""
    plane = noise(rng, 30, 14, octaves=7, gain=0.62, shape=(TEXTURE, TEXTURE)) - 0.5
    depth = 1 / np.clip(Y - line + 0.012, 0.012, None)
    across = (X - 0.5) * depth * 60 / size + 500
    ahead = depth * 75 / size
    near = ndimage.map_coordinates(plane, [ahead * 3, across * 1.1], order=1, mode="reflect")
    far = ndimage.map_coordinates(plane, [ahead * 1.1, across * 0.4], order=1, mode="reflect")
    fade = np.clip((Y - line) / 0.05, 0.25, 1)
    return np.asarray((1.7 * near + 1.1 * far) * fade, np.float32)


def reflect(
    picture: Array,
    rng: Rng,
    line: float,
    *,
    calm: float = 0.5,
    tint: Colour = "#1c3a52",
    murk: float = 0.35,
    mask: Array | None = None,
    size: float = 1.0,
) -> Array:
    """Lay water below a line.

    Parameters
    ----------
    picture, rng
        What is mirrored, and random numbers.
    line
        Row of the waterline, 0..1.
    calm
        1: a mirror, 0: a choppy sea.
    tint, murk
        The water's own colour, and how much of it shows near the viewer.
    mask
        Where the water is; by default everywhere below the line.
    size
        Of the waves.
    """
    waves = wave_field(rng, line, size=size)
    down = np.clip(Y - line, 0, None)
    rough = 1 - calm
    rows = line - down * (1 + 0.25 * rough) + waves * (0.02 + 0.22 * rough) * np.sqrt(down + 0.002)
    columns = X + waves * 0.012 * (0.3 + rough) * np.clip(down * 6, 0.1, 1)
    rows = np.clip(rows, 0.002, line - 0.003) * (HEIGHT - 1)
    mirror = np.stack(
        [
            ndimage.map_coordinates(
                picture[..., i], [rows, columns * (WIDTH - 1)], order=1, mode="reflect"
            )
            for i in range(3)
        ],
        -1,
    ).astype(np.float32)
    # Fresnel: far water mirrors, near water is looked into.
    own = np.clip(murk * (0.35 + 1.4 * down) + 0.35 * rough * waves, 0, 0.92)
    water = mix(mirror, tint, own)
    water = water * (1 + 0.28 * rough * waves)[..., None]
    water = water * (1 - 0.12 * smooth(0.012, 0.0, down))[..., None]
    return mix(picture, water, smooth(0, 0.003, Y - line) if mask is None else mask)


def glitter(
    picture: Array,
    rng: Rng,
    line: float,
    x: float,
    *,
    colour: Colour,
    width: float = 0.09,
    strength: float = 1.0,
    size: float = 1.0,
    mask: Array | float = 1.0,
) -> Array:
    """The path of light that a low sun or moon lays on the water."""
    waves = wave_field(rng, line, size=size)
    down = np.clip(Y - line, 0, None)
    path = np.exp(-(((X - x) / (width * (0.35 + 2.2 * down))) ** 2))
    sparks = smooth(0.12, 0.5, waves + 0.42 * path)
    light = (sparks * path * strength + 0.30 * strength * path) * (line < Y) * mask
    return shine(picture, rgb(colour) * light[..., None])


def lamps(
    picture: Array, rng: Rng, line: float, points: Sequence[tuple[float, float, Colour]]
) -> Array:
    """Long reflections of lamps (x, strength, colour) below a waterline."""
    waves = wave_field(rng, line, size=0.8)
    down = np.clip(Y - line, 0, None)
    light = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for x, strength, colour in points:
        spot = np.exp(-(((X - x + 0.02 * waves) / (0.004 + 0.03 * down)) ** 2))
        fall = np.exp(-down / 0.22) * (line < Y) * np.clip(0.6 + 1.1 * waves, 0, 1.6)
        light += rgb(colour) * (strength * spot * fall)[..., None]
    return shine(picture, light)
