"""Land in perspective: a height map is looked at from a point above it.

The columns of the picture are cast one by one, all at once: along each column's ray the land's
height is projected to the screen; the running maximum of it, from near to far, is what can be
seen, and for each pixel the first point that reaches it is found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tools.scenes.paint import ASPECT, HEIGHT, WIDTH, Array, Colour, Rng, mix, noise, rgb

SIDE = 1024
"""Height maps have so many cells each way; one cell is one unit of length."""


@dataclass(frozen=True, slots=True)
class View:
    """Where the eye is.

    Attributes
    ----------
    eye
        Height of the eye, in units.
    horizon
        Row of the horizon, 0..1.
    zoom
        Focal length in picture heights; 1.2 is a usual lens.
    near, far
        What is seen begins and ends at these distances.
    aside
        Position of the eye along the map's columns.
    """

    eye: float
    horizon: float = 0.4
    zoom: float = 1.2
    near: float = 6.0
    far: float = 900.0
    aside: float = SIDE / 2


@dataclass(frozen=True)
class Land:
    """What is seen at each pixel; arrays of shape (HEIGHT, WIDTH).

    Attributes
    ----------
    mask
        1 where there is land.
    depth
        Distance in units.
    across, ahead
        Position on the map.
    height
        Of the land there.
    """

    mask: Array
    depth: Array
    across: Array
    ahead: Array
    height: Array

    def sample(self, plane: Array, repeat: float = 1.0) -> Array:
        """Look up a map (SIDE x SIDE, wrapped) at what is seen, tiled ``repeat`` times finer."""
        return np.asarray(
            ndimage.map_coordinates(
                plane, [self.ahead * repeat, self.across * repeat], order=1, mode="grid-wrap"
            ),
            np.float32,
        )


def lookup(plane: Array, ahead: Array, across: Array) -> Array:
    """Bilinear look-up in a wrapped map."""
    return np.asarray(
        ndimage.map_coordinates(plane, [ahead, across], order=1, mode="grid-wrap"), np.float32
    )


def cast(height: Array, view: View, *, steps: int = 500) -> Land:
    """Look at a height map; see `View` and `Land`."""
    z = np.geomspace(view.near, view.far, steps).astype(np.float32)
    side = (np.arange(WIDTH, dtype=np.float32) / WIDTH - 0.5) * ASPECT
    across = view.aside + side[None] * z[:, None] / view.zoom
    ahead = np.repeat(z[:, None], WIDTH, 1)
    land = lookup(height, ahead, across)
    row = view.horizon + (view.eye - land) / z[:, None] * view.zoom
    seen = np.minimum.accumulate(row, 0)
    rows = np.linspace(0, 1, HEIGHT, dtype=np.float32)
    position = np.empty((HEIGHT, WIDTH), np.float32)
    for x in range(WIDTH):
        column = -seen[:, x]
        index = np.searchsorted(column, -rows)
        high = np.clip(index, 1, steps - 1)
        low = high - 1
        gap = column[high] - column[low]
        part = np.where(gap > 1e-7, (-rows - column[low]) / np.maximum(gap, 1e-7), 0)
        position[:, x] = np.where(index >= steps, -1, low + np.clip(part, 0, 1))
    mask = (position >= 0).astype(np.float32)
    position = np.maximum(position, 0)
    depth = np.interp(position, np.arange(steps), z).astype(np.float32)
    across_seen = view.aside + side[None] * depth / view.zoom
    return Land(mask, depth, across_seen, depth, lookup(height, depth, across_seen))


def project(view: View, height: Array, across: Array, ahead: Array) -> tuple[Array, Array, Array]:
    """Points on the land -> columns and rows on the picture (0..1), and heights for one unit."""
    x = 0.5 + (across - view.aside) / ahead * view.zoom / ASPECT
    y = view.horizon + (view.eye - lookup(height, ahead, across)) / ahead * view.zoom
    return x, y, view.zoom / ahead


def slopes(height: Array) -> tuple[Array, Array]:
    """Slope of a map down and along."""
    return (
        (np.roll(height, -1, 0) - np.roll(height, 1, 0)) / 2,
        (np.roll(height, -1, 1) - np.roll(height, 1, 1)) / 2,
    )


def lit(height: Array, sun: tuple[float, float, float]) -> Array:
    """Lambert's law on a map: 0..1; ``sun`` points to the light: (across, ahead, up)."""
    down, along = slopes(height)
    direction = np.array(sun, np.float32) / np.linalg.norm(sun)
    length = np.sqrt(down**2 + along**2 + 1)
    dot = (-along * direction[0] - down * direction[1] + direction[2]) / length
    return np.asarray(np.clip(dot, 0, 1), np.float32)


def shadows(height: Array, sun: tuple[float, float, float], *, steps: int = 40) -> Array:
    """1 where the light reaches the land, 0 in the shadow of other land, soft between."""
    across, ahead, up = sun
    flat = np.hypot(across, ahead)
    light = np.full(height.shape, 1e9, np.float32)
    for k in range(1, steps + 1):
        distance = 1.5 * k**1.25
        shift = (-round(distance * ahead / flat), -round(distance * across / flat))
        over = height + distance * up / flat - np.roll(height, shift, (0, 1))
        light = np.minimum(light, over / (0.06 * distance + 0.6))
    return np.asarray(ndimage.gaussian_filter(np.clip(light + 0.5, 0, 1), 0.8), np.float32)


def haze(picture: Array, land: Land, colour: Colour, distance: float, power: float = 1.0) -> Array:
    """Air between the eye and the land: more of it with distance."""
    amount = 1 - np.exp(-((land.depth / distance) ** power))
    return mix(picture, rgb(colour), amount.astype(np.float32))


def map_noise(rng: Rng, cells: float, **options: object) -> Array:
    """Noise over a height map."""
    return noise(rng, cells, cells, shape=(SIDE, SIDE), **options)  # type: ignore[arg-type]


def paint(under: Array, land: Land, colours: Array) -> Array:
    """Lay the land's colours over what is behind it."""
    return mix(under, colours, land.mask)


def grounded(height: Array, change: Callable[[Array, Array], Array]) -> Array:
    """Change a map by its position: ``change(ahead, across)``, both of shape (SIDE, SIDE)."""
    ahead, across = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    return np.asarray(height + change(ahead, across), np.float32)
