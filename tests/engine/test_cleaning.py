from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from engine.adverts import AdvertFilter
from engine.cleaning import Cleaner, Limits


def photo(seed: int, side: int = 200) -> Image.Image:
    cells = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((side, side), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def adverts() -> AdvertFilter:
    return AdvertFilter.load()


def test_live_posts(adverts: AdvertFilter) -> None:
    cleaner = Cleaner(adverts)
    lake = "Туманное утро на лесном озере, рыбак стоит в лодке"

    def rule(key: str, text: str, **more: object) -> str | None:
        verdict = cleaner.judge(key, text, **more)  # type: ignore[arg-type]
        return verdict and verdict.rule

    assert rule("1", lake, photo=photo(1), data=b"one") is None
    assert rule("1", lake, photo=photo(1), data=b"one") is None  # delivered twice
    assert rule("2", "Другие слова о лодке", photo=photo(1), data=b"one") == "same photo"
    near = photo(1).resize((120, 90))
    assert rule("3", "Другие слова о лодке", photo=near, data=b"two") == "near-duplicate photo"
    assert rule("4", f"RT @a: {lake.upper()}", photo=photo(2), data=b"four") == "same text"
    assert rule("5", "Продам лодку, 20 000 руб, звоните") == "advert"
    assert rule("6", "ну вот", photo=photo(3)) == "too short"
    assert rule("7", "Рыбак стоит в лодке", photo=photo(4, 30)) == "tiny photo"
    one, two = "Три вида города с колокольни", "Три вида города с колокольни"
    assert rule("8", one, photo=photo(5), data=b"8", album="x") is None
    assert rule("9", two, photo=photo(6), data=b"9", album="x") is None


def test_limits_are_the_owners() -> None:
    cleaner = Cleaner(None, Limits(min_tokens=0, distance=-1))
    assert cleaner.judge("1", "", photo=photo(1), data=b"1") is None
    assert cleaner.judge("2", "Продам лодку 20 000 руб", photo=photo(1), data=b"2") is None


def test_no_training_library_is_imported() -> None:
    code = (
        "import sys; from engine.adverts import AdvertFilter; import engine.cleaning;"
        "AdvertFilter.load().probability('sale');"
        "print([m for m in sys.modules if m.split('.')[0] in ('sklearn', 'scipy', 'training')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
