"""Write the starter posts: photos and ``posts.jsonl`` in the project's corpus format."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

import tools.scenes.kinds  # noqa: F401  (registers the painters)
from engine.files import STARTER
from tools.scenes.paint import PHOTO, develop
from tools.scenes.registry import PAINTERS
from tools.scenes.words import compose

QUALITY: Final = 80
COUNT: Final = 384
SEED: Final = 7

_MONTHS: Final = {
    "snowy-forest": (12, 1, 2), "winter-village": (12, 1), "northern-lights": (11, 12, 1, 2),
    "snowy-peaks": (1, 2, 3), "icebergs": (2, 3), "autumn-park": (9, 10), "cherry-blossom": (4,),
    "meadow": (6, 7), "lavender-field": (7,), "wheat-field": (7, 8), "milky-way": (8,),
    "fireworks": (1, 5, 7), "foggy-bridge": (10, 11), "rainy-window": (10, 11, 4),
    "tropical-beach": (6, 7, 8), "rainbow": (5, 6, 7), "thunderstorm": (6, 7, 8),
}  # fmt: skip
"""A kind that is not named can be seen in any month."""


@dataclass(frozen=True, slots=True)
class ScenePost:
    """A starter post; its photo is rendered by `photo`.

    Attributes
    ----------
    id, kind, number
        Its key, the kind of scene, and the how-manieth of that kind (from 0).
    text, tags, date
        As in ``posts.jsonl``.
    """

    id: str
    kind: str
    number: int
    text: str
    tags: list[str]
    date: str

    def record(self) -> dict[str, object]:
        """Its line of ``posts.jsonl``."""
        return {
            "id": self.id,
            "photo": f"photos/{self.id}.jpg",
            "text": self.text,
            "tags": self.tags,
            "date": self.date,
            "source": STARTER,
        }


def _random(seed: int, kind: str, number: int, what: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(f"{kind}/{number}/{what}".encode())])


def photo(kind: str, number: int, *, seed: int = SEED) -> Image.Image:
    """Render one photo of a kind; the same numbers always give the same photo."""
    rng = _random(seed, kind, number, "photo")
    return develop(PAINTERS[kind](rng), rng)


def date(kind: str, number: int, *, seed: int = SEED) -> str:
    """A day on which such a photo could have been taken."""
    rng = _random(seed, kind, number, "date")
    months = _MONTHS.get(kind, tuple(range(1, 13)))
    month = int(months[int(rng.integers(len(months)))])
    day = datetime(int(rng.integers(2021, 2026)), month, 1) + timedelta(
        days=int(rng.integers(28)), minutes=int(rng.integers(24 * 60))
    )
    return day.isoformat(timespec="minutes")


def posts(count: int = COUNT, *, seed: int = SEED) -> Iterator[ScenePost]:
    """Make posts, the kinds in turn; no two have the same text."""
    kinds = sorted(PAINTERS)
    seen: set[str] = set()
    for i in range(count):
        kind, number = kinds[i % len(kinds)], i // len(kinds)
        rng = _random(seed, kind, number, "text")
        for _ in range(1000):
            text, tags = compose(rng, kind)
            if text not in seen:
                break
        else:
            raise ValueError(f"no more different texts for {kind}: ask for fewer than {count}")
        seen.add(text)
        yield ScenePost(
            f"{kind}-{number + 1:02}", kind, number, text, tags, date(kind, number, seed=seed)
        )


def write(
    folder: Path,
    count: int = COUNT,
    *,
    seed: int = SEED,
    sheet: Path | None = None,
    on_post: Callable[[ScenePost], None] = lambda post: None,
) -> int:
    """Write a corpus of posts; returns the bytes of its photos.

    Parameters
    ----------
    folder
        Where ``posts.jsonl`` and ``photos/`` are written.
    count, seed
        See `posts`.
    sheet
        Also write all photos, reduced, into one picture.
    on_post
        Called after each post as soon as it is written.
    """
    photos = folder / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    total, lines, thumbs = 0, [], []
    for post in posts(count, seed=seed):
        record = post.record()
        path = folder / str(record["photo"])
        image = photo(post.kind, post.number, seed=seed)
        image.save(path, quality=QUALITY, optimize=True)
        total += path.stat().st_size
        lines.append(json.dumps(record, ensure_ascii=False))
        if sheet:
            thumbs.append(image.resize((PHOTO[0] // 2, PHOTO[1] // 2)))
        on_post(post)
    (folder / "posts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if sheet:
        contact_sheet(thumbs, min(len(PAINTERS), 16)).save(sheet)
    return total


def contact_sheet(images: list[Image.Image], columns: int) -> Image.Image:
    """All images in rows of ``columns``."""
    width, height = images[0].size
    rows = -(-len(images) // columns)
    canvas = Image.new("RGB", (columns * width, rows * height))
    for i, image in enumerate(images):
        canvas.paste(image, (i % columns * width, i // columns * height))
    return canvas
