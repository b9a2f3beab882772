"""The painter's tools: noise, ramps, blur, light, stamps. Pictures are float32 RGB arrays, 0..1.

Scenes are painted at twice the size of the final photo, so that reducing smooths every edge.

Fractal noise: Perlin, An Image Synthesizer, SIGGRAPH 1985; Musgrave et al., The Synthesis and
Rendering of Eroded Fractal Terrains, SIGGRAPH 1989 (ridged noise).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

Array = npt.NDArray[np.floating[Any]]
Rng = np.random.Generator
Colour = str | Array

WIDTH: Final = 800
HEIGHT: Final = 600
PHOTO: Final = (400, 300)

Y: Final[Array] = np.repeat(np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None], WIDTH, 1)
"""Of each pixel: 0 at the top, 1 at the bottom."""
X: Final[Array] = np.repeat(np.linspace(0, 1, WIDTH, dtype=np.float32)[None], HEIGHT, 0)
"""Of each pixel: 0 at the left, 1 at the right."""
ASPECT: Final = WIDTH / HEIGHT


def rgb(colour: Colour) -> Array:
    """``"#rrggbb"`` -> shape (3,); an array is returned as it is."""
    if isinstance(colour, str):
        return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)
    return np.asarray(colour, np.float32)


def tint(rng: Rng, colour: Colour, amount: float = 0.04) -> Array:
    """Move a colour a little, at random."""
    moved = rgb(colour) * (1 + rng.normal(0, amount)) + rng.normal(0, amount / 2, 3)
    return np.clip(moved, 0, 1).astype(np.float32)


def scaled(plane: Array, width: int, height: int) -> Array:
    """Resize one plane smoothly."""
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), np.float32)


def noise(
    rng: Rng,
    down: float,
    along: float,
    *,
    octaves: int = 6,
    gain: float = 0.5,
    shape: tuple[int, int] = (HEIGHT, WIDTH),
    ridged: bool = False,
) -> Array:
    """Fractal noise over the picture, stretched to 0..1.

    Parameters
    ----------
    rng
        Random numbers.
    down, along
        Cells of the coarsest octave, down and along the picture.
    octaves, gain
        Each octave is twice as fine as the one before and weighs ``gain`` times as much.
    shape
        Rows and columns of the result.
    ridged
        Sharp crests instead of round ones.
    """
    total = np.zeros(shape, np.float32)
    weight = 1.0
    for octave in range(octaves):
        rows, columns = (max(2, round(n * 2**octave)) + 3 for n in (down, along))
        if rows > 2 * shape[0] or columns > 2 * shape[1]:
            break
        layer = scaled(rng.standard_normal((rows, columns)).astype(np.float32), *shape[::-1])
        if ridged:
            layer = 1 - np.abs(layer) / 1.2
        total += weight * layer
        weight *= gain
    low, high = total.min(), total.max()
    return np.asarray((total - low) / (high - low + 1e-9))


def line(rng: Rng, cells: float, *, octaves: int = 6, gain: float = 0.5, n: int = WIDTH) -> Array:
    """One-dimensional fractal noise, 0..1, of length ``n``."""
    return np.asarray(noise(rng, 1, cells, octaves=octaves, gain=gain, shape=(8, n))[3])


def smooth(low: float, high: float, value: Array) -> Array:
    """0 below ``low``, 1 above ``high``, a smooth step between (``low > high`` falls)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def ramp(value: Array, *stops: tuple[float, Colour]) -> Array:
    """Colours along a scale: value (...) -> (..., 3), linear between the stops."""
    positions = [position for position, _ in stops]
    colours = np.stack([rgb(colour) for _, colour in stops])
    return np.stack([np.interp(value, positions, colours[:, i]) for i in range(3)], -1).astype(
        np.float32
    )


def mix(under: Array, over: Colour, alpha: Array | float) -> Array:
    """Lay ``over`` on ``under``; alpha of shape (rows, columns) or one number."""
    a = np.asarray(alpha, np.float32)
    if a.ndim == 2:
        a = a[..., None]
    return under + (rgb(over) - under) * a


def blur(plane: Array, sigma: float) -> Array:
    """Gaussian blur of a plane or of RGB; wide ones are done at reduced size."""
    if plane.ndim == 3:
        return np.stack([blur(plane[..., i], sigma) for i in range(plane.shape[2])], -1)
    rows, columns = plane.shape
    factor = int(max(1, min(sigma // 3, 16)))
    if factor == 1:
        return np.asarray(ndimage.gaussian_filter(plane, sigma, mode="nearest"), np.float32)
    small = Image.fromarray(np.ascontiguousarray(plane, np.float32)).resize(
        (-(-columns // factor), -(-rows // factor)), Image.Resampling.BOX
    )
    blurred = ndimage.gaussian_filter(np.asarray(small), sigma / factor, mode="nearest")
    return scaled(blurred, columns, rows)


def radial(x: float, y: float, *, stretch: float = 1.0) -> Array:
    """Distance of each pixel from a point (both 0..1), in picture heights."""
    return np.asarray(np.hypot((X - x) * ASPECT, (Y - y) * stretch), np.float32)


def shine(picture: Array, light: Array) -> Array:
    """Add light without burning out (screen)."""
    return 1 - (1 - np.clip(picture, 0, 1)) * (1 - np.clip(light, 0, 1))


def halo(picture: Array, *, threshold: float = 0.75, strength: float = 0.5) -> Array:
    """Let bright parts spread, as in a lens."""
    bright = np.clip(picture - threshold, 0, 1) / (1 - threshold)
    spread = 0.6 * blur(bright, 6) + 0.4 * blur(bright, 28)
    return shine(picture, strength * spread)


def painted(picture: Array, draw: Callable[[ImageDraw.ImageDraw], None]) -> Array:
    """Draw on the picture with Pillow, colours as ``ink`` gives them."""
    image = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
    draw(ImageDraw.Draw(image, "RGBA"))
    result = np.asarray(image, np.float32) / 255
    # Where nothing was drawn the float picture stays as fine as it was.
    untouched = np.abs(result - picture).max(-1, keepdims=True) < 1.01 / 255
    return np.where(untouched, picture, result)


def ink(colour: Colour, alpha: float = 1.0) -> tuple[int, int, int, int]:
    """A colour for Pillow."""
    r, g, b = (int(255 * float(np.clip(v, 0, 1))) for v in rgb(colour))
    return r, g, b, int(255 * alpha)


def stamp(
    picture: Array,
    sprite: Array,
    x: float,
    y: float,
    height: float,
    *,
    veil: Colour = "#000000",
    veiled: float = 0.0,
    flip: bool = False,
) -> None:
    """Put an RGBA sprite on the picture, in place; cheap where it is small.

    Parameters
    ----------
    picture, sprite
        Shapes (rows, columns, 3) and (h, w, 4).
    x, y
        Where the middle of the sprite's foot goes, 0..1.
    height
        Of the sprite, in picture heights.
    veil, veiled
        Haze: a colour and how much of it.
    flip
        Mirror the sprite.
    """
    rows = max(2, round(height * HEIGHT))
    columns = max(2, round(rows * sprite.shape[1] / sprite.shape[0]))
    source = sprite[:, ::-1] if flip else sprite
    # Colours are multiplied by alpha before resizing, or edges would turn dark.
    source = np.concatenate([source[..., :3] * source[..., 3:], source[..., 3:]], -1)
    image = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(source[..., i], np.float32)).resize(
                (columns, rows), Image.Resampling.BILINEAR
            )
        )
        for i in range(4)
    ]
    top, left = round(y * HEIGHT) - rows, round(x * WIDTH) - columns // 2
    t, b = max(0, top), min(HEIGHT, top + rows)
    l, r = max(0, left), min(WIDTH, left + columns)  # noqa: E741
    if t >= b or l >= r:
        return
    part = np.stack(image, -1)[t - top : b - top, l - left : r - left]
    colour, alpha = part[..., :3], part[..., 3:]
    colour = colour + (rgb(veil) * alpha - colour) * veiled
    picture[t:b, l:r] = picture[t:b, l:r] * (1 - alpha) + colour


def sprite(width: int, height: int, draw: Callable[[ImageDraw.ImageDraw], None]) -> Array:
    """Draw a sprite with Pillow: RGBA, float32."""
    image = Image.new("RGBA", (width, height))
    draw(ImageDraw.Draw(image))
    return np.asarray(image, np.float32) / 255


def develop(
    picture: Array,
    rng: Rng,
    *,
    grain: float = 0.012,
    vignette: float = 0.18,
    contrast: float = 0.12,
) -> Image.Image:
    """Finish a photo: contrast, vignette, reduced size, grain."""
    x = np.clip(picture, 0, 1)
    x = x + contrast * (smooth(0, 1, x) - x)
    x = x * (1 - vignette * smooth(0.45, 1.1, radial(0.5, 0.5)))[..., None]
    image = Image.fromarray((np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8))
    small = np.asarray(image.resize(PHOTO, Image.Resampling.LANCZOS), np.float32) / 255
    speckle = rng.normal(0, grain, small.shape[:2])[..., None] + rng.normal(
        0, grain / 3, small.shape
    )
    return Image.fromarray((np.clip(small + speckle, 0, 1) * 255 + 0.5).astype(np.uint8))
