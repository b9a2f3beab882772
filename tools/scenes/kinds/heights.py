"""Mountains, dunes, canyons, valleys: land seen in perspective."""

from __future__ import annotations

import numpy as np
from PIL import ImageDraw

from tools.scenes import plants, sky, water
from tools.scenes.paint import (
    HEIGHT,
    WIDTH,
    Array,
    Colour,
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
from tools.scenes.terrain import (
    SIDE,
    Land,
    View,
    cast,
    grounded,
    haze,
    lit,
    lookup,
    map_noise,
    project,
    shadows,
    slopes,
)
from tools.scenes.terrain import paint as lay

Sun = tuple[float, float, float]


def light_of(height: Array, sun: Sun, *, ambient: float = 0.35, shade: bool = True) -> Array:
    """Light on a map: from the sky, and from the sun where no land is in its way."""
    direct = lit(height, sun)
    return ambient + (1 - ambient) * 1.35 * direct * (shadows(height, sun) if shade else 1.0)


def plant_forest(
    picture: Array,
    rng: Rng,
    view: View,
    height: Array,
    sprites: list[Array],
    *,
    count: int,
    span: tuple[float, float],
    tall: float,
    where: Array | None = None,
    veil: Colour = "#b8c8d8",
    veil_distance: float = 400.0,
    land: Land | None = None,
) -> None:
    """Plant sprites on the land, far ones first; ``where`` is a map of 0 and 1 that allows them."""
    ahead = np.sort(np.exp(rng.uniform(np.log(span[0]), np.log(span[1]), count)))[::-1].astype(
        np.float32
    )
    across = view.aside + rng.uniform(-0.75, 0.75, count) * ahead / view.zoom * 1.333
    across = across.astype(np.float32)
    x, y, unit = project(view, height, across, ahead)
    allowed = np.ones(count) if where is None else lookup(where, ahead, across)
    for i in range(count):
        if allowed[i] < 0.5 or not -0.1 < x[i] < 1.1 or not 0 < y[i] < 1.25:
            continue
        if land is not None:
            row, column = (
                int(np.clip(y[i], 0, 0.999) * HEIGHT),
                int(np.clip(x[i], 0, 0.999) * WIDTH),
            )
            if land.depth[row, column] < ahead[i] * 0.88 - 4 and y[i] < 1:
                continue  # behind a hill
        size = float(tall * unit[i] * rng.uniform(0.7, 1.25))
        if size * HEIGHT < 3:
            continue
        veiled = float(1 - np.exp(-ahead[i] / veil_distance))
        stamp(
            picture,
            sprites[int(rng.integers(len(sprites)))],
            float(x[i]),
            float(y[i]) + size * 0.03,
            size,
            veil=veil,
            veiled=veiled,
            flip=bool(rng.random() < 0.5),
        )


def peaks(rng: Rng, *, tall: float, cells: float = 6.0, start: float = 260.0) -> Array:
    """A map of sharp mountains that rise behind a flat foreground."""
    crest = map_noise(rng, cells, octaves=9, gain=0.5, ridged=True)
    mass = map_noise(rng, cells * 0.7, octaves=3)
    land = crest * (0.35 + 0.9 * mass) * tall

    def rise(ahead: Array, across: Array) -> Array:
        return (land * smooth(start * 0.55, start * 1.5, ahead) - land).astype(np.float32)

    return grounded(land, rise)


def alpine(
    rng: Rng,
    height: Array,
    seen: Land,
    light: Array,
    *,
    snow_from: float,
    snow: float = 1.0,
    green: tuple[Colour, Colour] = ("#2c4a2a", "#5d7a3c"),
) -> Array:
    """Colours of mountains: woods and grass below, rock where steep, snow high up."""
    down, along = slopes(height)
    steep = np.hypot(down, along)
    patches = map_noise(rng, 26, octaves=6, gain=0.6)
    grain = map_noise(rng, 120, octaves=4, gain=0.75)
    h = seen.height
    rock = ramp(seen.sample(grain, 2.0), (0, "#45464c"), (0.5, "#6e6d70"), (1, "#98948f"))
    grass = ramp(seen.sample(patches), (0, green[0]), (1, green[1]))
    steepness = seen.sample(steep)
    uneven = seen.sample(patches) - 0.5
    colour = mix(
        grass,
        rock,
        smooth(0.55, 0.95, steepness + 0.5 * uneven + 0.5 * smooth(snow_from * 0.5, snow_from, h)),
    )
    white = smooth(snow_from * 0.8, snow_from * 1.25, h + 0.35 * snow_from * uneven) * smooth(
        1.5, 0.8, steepness
    )
    colour = mix(colour, "#f4f7fc", np.clip(white * snow, 0, 1))
    warm = ramp(
        np.clip(seen.sample(light), 0, 1.3) / 1.3, (0, "#1d2740"), (0.35, "#6c7688"), (1, "#fff4e2")
    )
    return colour * warm * 1.22


@kind("mountain-lake")
def mountain_lake(rng: Rng) -> Array:
    """Peaks mirrored in a lake."""
    horizon = rng.uniform(0.44, 0.52)
    mood = int(rng.integers(3))
    stops = (
        ((0, "#2d6cb8"), (0.6, "#7fb2e2"), (1, "#dcebf3")),
        ((0, "#3d5a98"), (0.6, "#d59aa0"), (1, "#ffd9ae")),
        ((0, "#6f93b8"), (0.6, "#b9cbd9"), (1, "#eef0ea")),
    )[mood]
    sun: Sun = (float(rng.choice([-1, 1])) * 0.8, -0.35, 0.55)
    veil = ("#b9d2ea", "#e8b9a8", "#d3dde3")[mood]
    picture = sky.cloudy(
        rng,
        horizon,
        *stops,
        cover=(0.2, 0.6),
        light=("#ffffff", "#ffe0c4", "#ffffff")[mood],
        shade=("#8fa8c6", "#8b7796", "#a3b2c0")[mood],
        toward=(0.2, 0.1),
    )
    view = View(eye=7, horizon=horizon, zoom=1.15, near=20, far=1000)
    height = peaks(rng, tall=rng.uniform(150, 230), start=330) - 4
    seen = cast(height, view)
    light = light_of(height, sun)
    colours = alpine(rng, height, seen, light, snow_from=rng.uniform(45, 100))
    if mood == 1:
        colours = colours * rgb("#ffd2b4") * 1.08
    colours = haze(colours, seen, veil, 1500)
    above = seen.mask * (seen.height > -2.5)
    picture = mix(picture, colours, above * (horizon + 0.012 > Y))
    mist = np.exp(-(((Y - horizon) / 0.022) ** 2)) * noise(rng, 4, 5, octaves=5)
    picture = mix(picture, veil, mist * 0.75 * (horizon + 0.01 > Y))
    firs = [plants.conifer(rng, needles=tint(rng, "#20402d")) for _ in range(4)]
    for x in np.sort(rng.uniform(0, 1, int(rng.integers(60, 130)))):
        if abs(x - 0.5) > rng.uniform(0.0, 0.5):
            size = rng.uniform(0.02, 0.045) * (0.7 + abs(x - 0.5))
            stamp(
                picture,
                firs[int(rng.integers(4))],
                float(x),
                horizon + 0.006,
                float(size),
                veil=veil,
                veiled=0.35,
            )
    clear = rng.choice(["#0f4a5c", "#14506b", "#1f5f5a"])
    picture = water.reflect(
        picture, rng, horizon + 0.004, calm=rng.uniform(0.8, 0.98), tint=str(clear), murk=0.4
    )
    bank = 1.0 - 0.11 * line(rng, 3) * (
        0.3 + smooth(0.2, 0.9, np.abs(X[0] - rng.uniform(0.3, 0.7)) * 2)
    )
    shore = smooth(0, 0.006, Y - bank[None])
    pebbles = noise(rng, 50, 60, octaves=3, gain=0.8)
    stones = ramp(
        np.clip(0.5 + 3 * (pebbles - np.roll(pebbles, 3, 0)), 0, 1),
        (0, "#2a2c2a"),
        (0.5, "#6b6a62"),
        (1, "#a9a597"),
    )
    picture = mix(picture, stones, shore)
    for _ in range(int(rng.integers(2, 6))):
        x = float(rng.choice([rng.uniform(-0.02, 0.16), rng.uniform(0.84, 1.02)]))
        stamp(
            picture, firs[int(rng.integers(4))], x, rng.uniform(0.95, 1.06), rng.uniform(0.35, 0.75)
        )
    for _ in range(14):
        stamp(
            picture,
            plants.tuft(rng, ["#5d7a34", "#8a9a4a"], blades=30),
            rng.uniform(0, 1),
            rng.uniform(1.0, 1.06),
            rng.uniform(0.07, 0.14),
        )
    return halo(picture, strength=0.2)


@kind("dunes")
def dunes(rng: Rng) -> Array:
    """Sand dunes under a low sun."""
    horizon = rng.uniform(0.3, 0.4)
    dusk = rng.random() < 0.5
    stops = (
        ((0, "#3e5fa8"), (0.55, "#e0a48a"), (1, "#ffdca0"))
        if dusk
        else ((0, "#2f78c4"), (0.6, "#8fc0e8"), (1, "#eadfc6"))
    )
    picture = sky.gradient(rng, horizon, *stops)
    side = float(rng.choice([-1, 1]))
    if dusk:
        picture = sky.sun(
            picture,
            0.5 + 0.32 * side,
            horizon - rng.uniform(0.05, 0.12),
            "#fff3d0",
            size=0.03,
            warmth="#ff9d52",
        )
    # Dunes: waves of sand with a gentle side and a steep one, bent by noise.
    bend = 260 * map_noise(rng, 3, octaves=4)
    fine = 40 * map_noise(rng, 9, octaves=4)
    ahead, across = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    angle = rng.uniform(-0.5, 0.5)
    phase = (
        (ahead * np.cos(angle) + across * np.sin(angle) + bend + fine) / rng.uniform(85, 130)
    ) % 1
    wave = np.where(phase < 0.72, smooth(0, 0.72, phase), 1 - smooth(0.72, 1.0, phase) * 1.0)
    height = blur((wave * rng.uniform(15, 24)).astype(np.float32), 1.6) + 26 * map_noise(
        rng, 3, octaves=3
    )
    view = View(
        eye=float(height[:60].max()) + rng.uniform(8, 16),
        horizon=horizon,
        zoom=1.25,
        near=14,
        far=950,
    )
    seen = cast(height, view)
    sun: Sun = (side, 0.55, 0.42)
    light = light_of(height, sun, ambient=0.22)
    # Ripples are too fine for the map: they are waves across the slope, weaker with distance.
    warp = seen.sample(map_noise(rng, 40, octaves=4)) * 9
    ripple = np.sin((seen.ahead * 1.15 + seen.across * 0.25) * 1.5 + warp) * np.exp(
        -seen.depth / 75
    )
    brightness = np.clip(seen.sample(light) * (1 + 0.11 * ripple), 0, 1.4)
    if dusk:
        sand = ramp(
            brightness, (0, "#3d2433"), (0.3, "#7d4434"), (0.65, "#d9854a"), (1.1, "#ffcf8a")
        )
    else:
        sand = ramp(
            brightness, (0, "#5d4230"), (0.35, "#a87848"), (0.7, "#e0b070"), (1.1, "#ffe6b4")
        )
    sand = (
        sand * (0.95 + 0.1 * seen.sample(map_noise(rng, 200, octaves=3, gain=0.9), 3.0))[..., None]
    )
    sand = haze(sand, seen, "#f3c79c" if dusk else "#d9d3c6", 900, 1.4)
    picture = lay(picture, seen, sand)
    if rng.random() < 0.45:
        _caravan(picture, rng, view, height, seen)
    return halo(picture, strength=0.25)


def _caravan(picture: Array, rng: Rng, view: View, height: Array, seen: Land) -> None:
    """A few camels on a crest, small and dark."""
    from tools.scenes.paint import sprite

    def camel(pen: ImageDraw.ImageDraw) -> None:
        c = ink("#2a1a16")
        pen.ellipse([24, 34, 84, 62], c)
        pen.ellipse([44, 20, 68, 50], c)
        pen.line([(80, 46), (96, 40), (100, 20)], c, 8)
        pen.ellipse([95, 12, 116, 23], c)
        for x in (32, 40, 70, 78):
            pen.line([(x, 56), (x + rng.uniform(-3, 3), 98)], c, 5)
        pen.line([(26, 44), (20, 66)], c, 2)

    ridge = np.argmax(seen.mask > 0.5, 0) / HEIGHT
    start = rng.uniform(0.15, 0.6)
    for k in range(int(rng.integers(3, 7))):
        x = start + 0.052 * k
        stamp(
            picture,
            sprite(120, 100, camel),
            x,
            float(ridge[int(np.clip(x, 0, 0.99) * WIDTH)]) + 0.006,
            0.042,
        )


@kind("canyon")
def canyon(rng: Rng) -> Array:
    """Red rock in layers, cut by a river."""
    horizon = rng.uniform(0.24, 0.34)
    evening = rng.random() < 0.5
    stops = (
        ((0, "#3a62a6"), (0.6, "#c9a9a4"), (1, "#ffdcae"))
        if evening
        else ((0, "#2b7ace"), (0.6, "#86bcea"), (1, "#dfeaf0"))
    )
    picture = sky.cloudy(
        rng, horizon, *stops, cover=(0.2, 0.5), light="#fff2de", shade="#9aa6bd", toward=(0.3, 0.1)
    )
    ahead, across = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    path = (
        SIDE / 2
        + 70 * np.sin(ahead / 105 + rng.uniform(0, 6))
        + 55 * (map_noise(rng, 4, octaves=3) - 0.5)
    )
    rough = map_noise(rng, 9, octaves=8, gain=0.56)
    far_from_river = np.abs(across - path) + 95 * (rough - 0.5)
    plateau = 92 + 9 * map_noise(rng, 5, octaves=4)
    raw = np.clip((far_from_river - 10) / 120, 0, 1)
    # Terraces: hard layers stand as cliffs, soft ones as slopes.
    levels = 5
    step = raw * levels
    terraced = (np.floor(step) + smooth(0.62, 0.98, step % 1)) / levels
    height = (plateau * (0.8 * terraced + 0.2 * raw)).astype(np.float32)
    mesa = smooth(0.66, 0.7, map_noise(rng, 6, octaves=6)) * 44 * smooth(300, 480, ahead)
    height = height + mesa.astype(np.float32)
    view = View(eye=rng.uniform(125, 150), horizon=horizon, zoom=1.05, near=40, far=1000)
    seen = cast(height, view, steps=650)
    sun: Sun = (float(rng.choice([-1, 1])) * 0.9, -0.35, 0.62)
    light = light_of(height, sun, ambient=0.3)
    strata = noise(rng, 30, 2, octaves=5, gain=0.65, shape=(512, 8))[:, 3]
    wobble = 5 * (seen.sample(rough) - 0.5)
    index = np.clip((seen.height + wobble) / 145 * 511, 0, 511)
    band = np.interp(index, np.arange(512), strata).astype(np.float32)
    rock = ramp(
        band, (0, "#6b2a1c"), (0.3, "#a8482c"), (0.5, "#c96a3e"), (0.7, "#e09a62"), (1, "#f1cfa0")
    )
    grain = seen.sample(map_noise(rng, 90, octaves=5, gain=0.75), 2.0)
    rock = rock * (0.8 + 0.4 * grain)[..., None]
    down, along = slopes(height)
    flat = smooth(0.5, 0.2, seen.sample(np.hypot(down, along)))
    scrub = smooth(0.52, 0.7, seen.sample(map_noise(rng, 70, octaves=4, gain=0.7)))
    rock = mix(rock, "#6f7040", flat * scrub * 0.55)
    tone = np.clip(seen.sample(light), 0, 1.35)
    rock = rock * ramp(tone / 1.35, (0, "#4a4468"), (0.4, "#a88f92"), (1, "#fff0d8")) * 1.25
    if evening:
        rock = rock * rgb("#ffd9b5")
    river = smooth(4.0, 1.5, seen.height) * seen.mask
    rock = mix(rock, mix(rgb("#3f7f82"), "#cfe0e6", 0.35), river * 0.85)
    rock = haze(rock, seen, "#c9c3d3" if not evening else "#e9c3b0", 900, 1.3)
    picture = lay(picture, seen, rock)
    return halo(picture, strength=0.2)


@kind("river-valley")
def river_valley(rng: Rng) -> Array:
    """A river winds through green hills."""
    horizon = rng.uniform(0.26, 0.34)
    picture = sky.cloudy(
        rng,
        horizon,
        (0, tint(rng, "#3b86d2")),
        (0.6, "#93c4ec"),
        (1, "#e8f0ea"),
        cover=(0.35, 0.6),
        light="#ffffff",
        shade="#9db2c8",
        toward=(0.3, 0.0),
    )
    ahead, across = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    swing = rng.uniform(40, 75)
    path = (
        SIDE / 2
        + swing * np.sin(ahead / rng.uniform(48, 75) + rng.uniform(0, 6))
        + 60 * (map_noise(rng, 3, octaves=3) - 0.5)
    )
    aside = np.abs(across - path)
    hills = map_noise(rng, 5, octaves=7, gain=0.46)
    height = (
        smooth(14, 210, aside) * hills * rng.uniform(95, 135)
        + 2.2 * smooth(11, 16, aside)
        + 70 * smooth(600, 1000, ahead) * hills
    ).astype(np.float32)
    view = View(eye=rng.uniform(50, 68), horizon=horizon, zoom=1.1, near=25, far=1000)
    height[:70] *= np.linspace(0.2, 1, 70, dtype=np.float32)[:, None]
    seen = cast(height, view)
    sun: Sun = (float(rng.choice([-1, 1])) * 0.8, 0.35, 0.6)
    light = light_of(height, sun, ambient=0.36)
    meadow = seen.sample(map_noise(rng, 14, octaves=6, gain=0.55))
    fine = seen.sample(map_noise(rng, 110, octaves=4, gain=0.8), 2.0)
    grass = ramp(
        0.65 * meadow + 0.35 * fine,
        (0, "#2f5a22"),
        (0.4, "#5b8a30"),
        (0.7, "#8fb044"),
        (1, "#c4c86a"),
    )
    woods = smooth(0.5, 0.6, meadow + 0.25 * (fine - 0.5) + 0.2 * smooth(20, 70, seen.height))
    grass = mix(grass, ramp(fine, (0, "#16301a"), (1, "#3f6a2e")), woods * 0.85)
    grass = (
        grass
        * ramp(
            np.clip(seen.sample(light), 0, 1.3) / 1.3,
            (0, "#39486a"),
            (0.45, "#9aa58e"),
            (1, "#fff6d4"),
        )[...]
        * 1.25
    )
    away = seen.sample(aside)
    stream = smooth(13.5, 11.0, away)
    sheen = ramp(
        np.clip((seen.depth - 60) / 500, 0, 1), (0, "#2f6f8f"), (0.4, "#7fb4d4"), (1, "#dbeaf2")
    )
    sheen = sheen * (0.92 + 0.16 * seen.sample(map_noise(rng, 60, octaves=4)))[..., None]
    grass = mix(grass, "#d9cfa0", smooth(17, 14, away) * (1 - stream) * 0.5)
    grass = mix(grass, sheen, stream)
    shadow = smooth(0.5, 0.62, seen.sample(map_noise(rng, 3.5, octaves=4)))
    grass = grass * (1 - 0.38 * shadow)[..., None]
    grass = haze(grass, seen, "#bcd3e4", 800, 1.3)
    picture = lay(picture, seen, grass)
    trees = [plants.broadleaf(rng, ["#3f6f2a", "#5d8f35", "#2c5522"], size=150) for _ in range(4)]
    allowed = ((aside > 17) & (map_noise(rng, 12, octaves=4) > 0.5)).astype(np.float32)
    plant_forest(
        picture,
        rng,
        view,
        height,
        trees,
        count=420,
        span=(60, 620),
        tall=10,
        where=allowed,
        veil="#bcd3e4",
        veil_distance=900,
        land=seen,
    )
    return halo(picture, strength=0.2)


@kind("moon-hills")
def moon_hills(rng: Rng) -> Array:
    """The moon rises over hills, mist in the valleys."""
    horizon = 0.6
    picture = sky.gradient(
        rng, 0.75, (0, "#060b1f"), (0.5, "#14244a"), (1, tint(rng, "#3d5480", 0.1))
    )
    picture = sky.stars(picture, rng, horizon, count=500, bright=0.8)
    x, y = rng.uniform(0.2, 0.8), rng.uniform(0.18, 0.4)
    size = rng.uniform(0.05, 0.1)
    picture = sky.clouds(
        picture,
        rng,
        0.7,
        cover=rng.uniform(0.1, 0.45),
        light="#8c9cc4",
        shade="#141d38",
        toward=(x, y),
        opacity=0.6,
        soft=0.4,
    )
    picture = sky.moon(picture, rng, x, y, size=size)
    layers = int(rng.integers(5, 8))
    for k in range(layers):
        t = k / (layers - 1)
        crest = (
            0.52
            + 0.36 * t
            - (0.16 - 0.04 * t) * line(rng, 2 + 2.5 * (1 - t), octaves=7, gain=0.44 + 0.06 * t)
        )
        trees = 0.0
        if t > 0.3:
            spikes = np.abs(line(rng, 140, octaves=2) - 0.5) ** 0.7
            trees = 0.035 * (0.25 + t) * spikes * smooth(0.35, 0.6, line(rng, 6))
        below = Y - (crest - trees)[None]
        colour = ramp(np.array([t], np.float32), (0, "#5a7099"), (0.5, "#243759"), (1, "#060a14"))[
            0
        ]
        rim = np.exp(-np.clip(below, 0, None) / 0.012) * np.exp(-np.abs(X - x) / 0.35) * (1 - t)
        body = mix(np.broadcast_to(colour, (HEIGHT, WIDTH, 3)), "#b5c4e6", 0.28 * rim)
        relief = noise(rng, 12, 16, octaves=6, gain=0.55)
        body = body * (0.82 + 0.36 * relief)[..., None]
        fog = smooth(0.03, 0.2, below) * (0.4 + 0.6 * noise(rng, 3, 4, octaves=4)) * (1 - t) ** 0.8
        body = mix(body, "#7c92bd", np.clip(fog, 0, 0.75))
        picture = mix(picture, body, smooth(0, 0.0035, below))
    return halo(picture, threshold=0.7, strength=0.5)


@kind("snowy-peaks")
def snowy_peaks(rng: Rng) -> Array:
    """A high range at first or last light."""
    horizon = rng.uniform(0.56, 0.64)
    glow = rng.random() < 0.6
    stops = (
        ((0, "#28457f"), (0.5, "#8c86b5"), (1, "#ffc6a3"))
        if glow
        else ((0, "#1f5fae"), (0.6, "#6ea9e0"), (1, "#d9e8f2"))
    )
    picture = sky.cloudy(
        rng,
        horizon,
        *stops,
        cover=(0.1, 0.4),
        light="#ffd9c2" if glow else "#ffffff",
        shade="#7f7fa8",
        toward=(0.8, 0.3),
        soft=0.3,
    )
    height = peaks(rng, tall=rng.uniform(170, 230), cells=7, start=330) + 30 * map_noise(
        rng, 4, octaves=6
    )
    view = View(eye=rng.uniform(70, 110), horizon=horizon, zoom=1.2, near=25, far=1000)
    seen = cast(height, view, steps=650)
    sun: Sun = (float(rng.choice([-1, 1])) * 0.95, -0.2, 0.4)
    light = light_of(height, sun, ambient=0.2)
    down, along = slopes(height)
    steep = seen.sample(np.hypot(down, along))
    grain = seen.sample(map_noise(rng, 110, octaves=5, gain=0.75), 2.0)
    rock = ramp(grain, (0, "#2c2e36"), (1, "#7d7a7c"))
    snow = smooth(2.3, 1.3, steep + 1.1 * (grain - 0.5))
    tone = np.clip(seen.sample(light), 0, 1.3) / 1.3
    lightened = ramp(
        tone,
        (0, "#2b3c66"),
        (0.3, "#7f93bf"),
        (0.65, "#ffc9a8" if glow else "#e9f0fa"),
        (1, "#fff0dc" if glow else "#ffffff"),
    )
    colours = mix(rock * lightened * 1.2, lightened, snow)
    colours = haze(colours, seen, "#c9b3c4" if glow else "#b5cbe4", 1300, 1.3)
    picture = lay(picture, seen, colours)
    # A sea of fog fills the valleys.
    if rng.random() < 0.6:
        level = rng.uniform(40, 80)
        fog = (
            smooth(level + 18, level - 25, seen.height + 30 * (noise(rng, 4, 6, octaves=5) - 0.5))
            * smooth(150, 320, seen.depth)
            * seen.mask
        )
        picture = mix(picture, "#f3d5cb" if glow else "#eaf1f8", np.clip(fog, 0, 0.92))
    firs = [plants.conifer(rng, needles="#16261f", snow=0.35, light=0.6) for _ in range(4)]
    plant_forest(
        picture,
        rng,
        view,
        height,
        firs,
        count=260,
        span=(45, 260),
        tall=11,
        where=(map_noise(rng, 14, octaves=4) > 0.52).astype(np.float32),
        veil="#8f9cbd",
        veil_distance=700,
        land=seen,
    )
    return halo(picture, strength=0.2)


@kind("volcano")
def volcano(rng: Rng) -> Array:
    """A volcano at night, lava on its slope."""
    horizon = rng.uniform(0.7, 0.78)
    picture = sky.gradient(rng, horizon, (0, "#05060f"), (0.6, "#181430"), (1, "#43203a"))
    picture = sky.stars(picture, rng, horizon, count=500)
    x, top = rng.uniform(0.38, 0.62), rng.uniform(0.27, 0.36)
    crater = 0.05
    aside = np.abs(X - x)
    rough = noise(rng, 6, 8, octaves=8, gain=0.55, ridged=True)
    crest = top + 0.62 * np.clip(aside[0] - crater, 0, None) ** 0.8 * 1.15 + 0.03 * line(rng, 12)
    below = Y - crest[None]
    mask = smooth(0, 0.004, below)
    plume_x = x + 0.25 * float(rng.choice([-1, 1])) * np.clip(top - Y, 0, None) ** 1.3
    smoke = np.exp(-(((X - plume_x) / (0.04 + 0.4 * np.clip(top - Y, 0, 1))) ** 2)) * (
        top + 0.02 > Y
    )
    billow = noise(rng, 7, 9, octaves=7, gain=0.58)
    heat = np.exp(-np.clip(top - Y, 0, None) / 0.13)
    ash = ramp(np.clip(billow - 0.2, 0, 1), (0, "#17131c"), (1, "#5c4c58"))
    ash = shine(ash, (heat * (0.35 + 0.8 * billow))[..., None] * rgb("#ff5a22"))
    picture = mix(picture, ash, np.clip(smoke * smooth(0.18, 0.6, billow + 0.4 * smoke), 0, 0.97))
    relief = rough - np.roll(rough, (3, 4), (0, 1))
    stone = ramp(
        np.clip(0.35 + 3.5 * relief, 0, 1), (0, "#070609"), (0.6, "#211b23"), (1, "#4a3b42")
    )
    picture = mix(picture, stone, mask)
    light = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(int(rng.integers(4, 8))):
        px, py = x + rng.uniform(-crater, crater), top + 0.005
        drift = np.sign(px - x) * rng.uniform(0.1, 0.8)
        points = []
        length = rng.uniform(0.2, 0.6)
        wind = line(rng, 5, n=90) - 0.5
        for k in range(90):
            t = k / 89
            points.append((px + drift * t * 0.3 + 0.05 * wind[k], py + length * t))
        width = rng.uniform(4, 9)

        def flow(
            pen: ImageDraw.ImageDraw,
            points: list[tuple[float, float]] = points,
            width: float = width,
        ) -> None:
            for k in range(len(points) - 1):
                (x0, y0), (x1, y1) = points[k], points[k + 1]
                pen.line(
                    [(x0 * WIDTH, y0 * HEIGHT), (x1 * WIDTH, y1 * HEIGHT)],
                    (255, 255, 255, 255),
                    int(width * (1 - 0.6 * k / 89)) + 1,
                )

        layer = painted(np.zeros((HEIGHT, WIDTH, 3), np.float32), flow)[..., 0]
        light = np.maximum(light, layer)
    crust = noise(rng, 40, 50, octaves=4, gain=0.7)
    hot = light * smooth(0.15, 0.5, crust + 0.25) * mask
    glow_ = blur(hot, 5) + 0.9 * blur(hot, 24)
    picture = shine(picture, np.clip(glow_ * 1.4, 0, 1)[..., None] * rgb("#ff4a12"))
    picture = mix(picture, ramp(crust, (0, "#ff5a14"), (1, "#ffe07a")), hot * 0.95)
    fountain = np.zeros((HEIGHT, WIDTH, 3), np.float32)

    def sparks(pen: ImageDraw.ImageDraw) -> None:
        for _ in range(260):
            angle, speed = rng.normal(np.pi / 2, 0.33), rng.uniform(0.15, 0.62)
            t = rng.uniform(0.05, 0.62)
            trail = []
            for d in (0, 0.025):
                s = t + d
                trail.append(
                    (
                        (x + np.cos(angle) * speed * s * 0.9) * WIDTH,
                        (top - np.sin(angle) * speed * s + 0.5 * s * s) * HEIGHT,
                    )
                )
            pen.line(
                trail,
                ink(rng.choice(["#ffb347", "#ff7a2b", "#ffe29a"]), 0.9),
                int(rng.integers(1, 4)),
            )

    fountain = painted(fountain, sparks)
    picture = shine(picture, fountain + 0.8 * blur(fountain, 4))
    picture = shine(picture, (0.85 * np.exp(-radial(x, top) / 0.07))[..., None] * rgb("#ff7a2a"))
    picture = (
        water.reflect(picture, rng, 0.86, calm=0.75, tint="#0a0812", murk=0.4)
        if rng.random() < 0.6
        else picture
    )
    return halo(picture, threshold=0.6, strength=0.6)


@kind("rainbow")
def rainbow(rng: Rng) -> Array:
    """A rainbow over green hills after rain."""
    horizon = rng.uniform(0.5, 0.58)
    picture = sky.cloudy(
        rng,
        horizon,
        (0, "#46566b"),
        (0.6, "#7f93a6"),
        (1, "#d3dbd8"),
        cover=0.8,
        light="#c9d2d8",
        shade="#3f4d60",
        toward=(0.1, 0.4),
        scale=1.4,
        soft=0.45,
    )
    height = (95 * map_noise(rng, 4, octaves=6, gain=0.42)).astype(np.float32)
    view = View(
        eye=float(height[:50].max()) + rng.uniform(14, 30),
        horizon=horizon,
        zoom=1.15,
        near=14,
        far=950,
    )
    seen = cast(height, view)
    sun: Sun = (float(rng.choice([-1, 1])) * 0.9, -0.4, 0.35)
    light = light_of(height, sun, ambient=0.3)
    fine = seen.sample(map_noise(rng, 120, octaves=5, gain=0.75), 2.0)
    fields = seen.sample(np.floor(map_noise(rng, 7, octaves=2) * 7) / 7)
    grass = ramp(
        0.6 * fields + 0.4 * fine,
        (0, "#2f5f24"),
        (0.45, "#6a9a35"),
        (0.75, "#a9b84a"),
        (1, "#d9c96a"),
    )
    grass = (
        grass
        * ramp(
            np.clip(seen.sample(light), 0, 1.3) / 1.3,
            (0, "#34455a"),
            (0.45, "#8f9c80"),
            (1, "#fff3c4"),
        )
        * 1.3
    )
    grass = haze(grass, seen, "#a9b8c0", 900, 1.3)
    picture = lay(picture, seen, grass)
    trees = [plants.broadleaf(rng, ["#36622a", "#4f8030", "#234a20"], size=170) for _ in range(4)]
    allowed = (map_noise(rng, 10, octaves=4) > 0.58).astype(np.float32)
    plant_forest(
        picture,
        rng,
        view,
        height,
        trees,
        count=300,
        span=(35, 600),
        tall=11,
        where=allowed,
        veil="#a9b8c0",
        veil_distance=1000,
        land=seen,
    )
    cx, cy, radius = (
        rng.uniform(0.25, 0.75),
        horizon + rng.uniform(0.12, 0.25),
        rng.uniform(0.5, 0.68),
    )
    d = radial(cx, cy)
    veil = 0.6 + 0.4 * noise(rng, 3, 3, octaves=4)
    for r, width, strength, flip in (
        (radius, 0.055, 0.62, False),
        (radius * 1.3, 0.075, 0.2, True),
    ):
        t = (d - r) / width
        t = -t if flip else t
        spectrum = ramp(
            np.clip(t, -0.2, 1.2),
            (-0.2, "#000000"),
            (0.0, "#5a2fd0"),
            (0.2, "#2f62ff"),
            (0.4, "#22c56a"),
            (0.6, "#f2e53a"),
            (0.8, "#ff8a2a"),
            (1.0, "#f03030"),
            (1.2, "#000000"),
        )
        band = smooth(-0.2, 0.12, t) * smooth(1.2, 0.88, t)
        fade = smooth(horizon + 0.1, horizon - 0.12, Y) * veil
        picture = shine(picture, strength * spectrum * (band * fade)[..., None])
    inside = smooth(radius, radius - 0.25, d) * (horizon > Y)
    picture = shine(picture, 0.08 * inside[..., None] * rgb("#ffffff"))
    return halo(picture, strength=0.2)
