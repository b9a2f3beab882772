"""A small corpus with a planted meaning: six kinds of scene, drawn by colour and texture."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
from PIL import Image

SCENES = {
    "sea": ((30, 90, 200), 2, "sea wave beach sail boat", "море волна пляж парус лодка", "sea"),
    "forest": ((20, 120, 40), 9, "forest tree leaf moss pine", "лес дерево лист мох сосна", "wood"),
    "sunset": ((240, 120, 30), 1, "sunset evening sun glow", "закат вечер солнце заря", "sunset"),
    "night": ((15, 15, 50), 5, "night star moon dark sky", "ночь звезда луна темнота", "night"),
    "snow": ((235, 240, 250), 3, "snow winter ski frost", "снег зима лыжи мороз", "winter"),
    "field": ((220, 200, 60), 12, "field wheat flower bee", "поле пшеница цветок пчела", "summer"),
}


def draw(scene: str, seed: int, size: int = 96) -> Image.Image:
    """A photo of a scene: its colour, waves of its own frequency, light and noise."""
    colour, frequency, *_ = SCENES[scene]
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    angle = rng.uniform(-0.3, 0.3) + frequency
    way = x * np.cos(angle) + y * np.sin(angle)
    wave = np.sin(2 * np.pi * frequency * way + rng.uniform(0, 6))
    light = 1 + 0.25 * (0.5 - y) + 0.2 * wave
    pixels = np.array(colour)[None, None] * light[..., None] + rng.normal(0, 8, (size, size, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def write_corpus(folder: Path, *, per_scene: int = 24, seed: int = 0) -> Path:
    """Write posts.jsonl and photos; three quarters of the posts are ``train``, the rest ``dev``."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    lines = []
    for number in range(per_scene):
        for scene, (_, _, english, russian, tag) in SCENES.items():
            name = f"{scene}-{number:03d}"
            draw(scene, seed + 1000 * number + len(scene)).save(folder / "photos" / f"{name}.jpg")
            en, ru = english.split(), russian.split()
            post = {
                "id": name,
                "photo": f"photos/{name}.jpg",
                "texts": {
                    "en": [" ".join(rng.sample(en, 3)), "the " + " and ".join(rng.sample(en, 3))],
                    "ru": [" ".join(rng.sample(ru, 3))],
                },
                "tags": [tag],
                "date": f"2026-01-{1 + number % 28:02d}T12:00:00+00:00",
                "split": "dev" if number % 4 == 3 else "train",
            }
            lines.append(json.dumps(post, ensure_ascii=False))
    (folder / "posts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
