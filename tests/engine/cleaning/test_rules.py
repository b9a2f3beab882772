from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from engine.cleaning.adverts import AdvertFilter
from engine.cleaning.rules import Cleaner, Limits


def photo(seed: int, side: int = 200, quality: int = 90) -> bytes:
    cells = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    out = io.BytesIO()
    large = Image.fromarray(cells).resize((200, 200), Image.Resampling.BICUBIC)
    large.resize((side, side)).save(out, "JPEG", quality=quality)
    return out.getvalue()


@pytest.fixture(scope="module")
def adverts() -> AdvertFilter:
    return AdvertFilter.load()


def test_live_posts(adverts: AdvertFilter) -> None:
    cleaner = Cleaner(adverts)
    lake = "Туманное утро на лесном озере, рыбак стоит в лодке"

    def rule(key: str, text: str, data: bytes | None = None, **more: str) -> str | None:
        verdict, _ = cleaner.judge(key, text, data, **more)
        return verdict and verdict.rule

    assert rule("1", lake, photo(1)) is None
    assert rule("1", lake, photo(1)) is None  # delivered twice
    assert rule("2", "Другие слова о лодке", photo(1)) == "same photo"
    assert rule("3", "Другие слова о лодке", photo(1, 120, 40)) == "near-duplicate photo"
    assert rule("4", f"RT @a: {lake.upper()}", photo(2)) is None  # another photo
    assert rule("4a", "Старый мост висит над самой водой и скрипит") is None
    assert rule("4b", "RT @a: СТАРЫЙ МОСТ ВИСИТ НАД САМОЙ ВОДОЙ И СКРИПИТ") == "same text"
    assert rule("5", "Продам лодку, 20 000 руб, звоните") == "advert"
    assert rule("6", "ну вот", photo(3)) == "too short"
    assert rule("7", "Рыбак стоит в лодке", photo(4, 30)) == "tiny photo"
    assert rule("7", "Рыбак стоит в лодке", photo(4)[:500]) == "broken photo"
    text = "Три вида города с колокольни"
    assert rule("8", text, photo(5), album="x") is None
    assert rule("9", text, photo(6), album="x") is None


def test_of_copies_the_best_stays() -> None:
    cleaner = Cleaner(None, Limits(min_tokens=0))

    def judged(key: str, text: str, side: int) -> tuple[str, str]:
        verdict, copy = cleaner.judge(key, text, photo(1, side))
        if copy is not None and verdict is None:
            cleaner.seen.discard(copy.key)
        return verdict.rule if verdict else "", copy.key if copy else ""

    assert judged("thumb", "", 120) == ("", "")
    assert judged("bare", "", 200) == ("", "thumb")
    assert judged("small", "Лодка у озера", 150) == ("", "bare")
    assert judged("large, no words", "", 300) == ("near-duplicate photo", "small")
    # What the owner put back, or what was collected, goes for nothing.
    cleaner.seen.discard("small")
    cleaner.seen.add("old", cleaner.fingerprint("", photo(1, 80)))
    assert judged("new", "Лодка у озера", 200) == ("near-duplicate photo", "old")


def test_a_post_is_judged_as_what_it_has_become() -> None:
    cleaner = Cleaner()
    assert cleaner.judge("1", "A fisherman in a boat on the misty lake", photo(1)).verdict is None
    assert cleaner.judge("1", "Nothing is left of the old words of it", photo(2)).verdict is None
    assert cleaner.judge("2", "A fisherman in a boat on the misty lake", photo(1)).verdict is None
    verdict, _ = cleaner.judge("2", "A fisherman in a boat on the misty lake", photo(1)[:500])
    assert verdict is not None
    assert len(cleaner.seen) == 1  # it is not what it was any more
    assert cleaner.judge("3", "A fisherman in a boat on the misty lake", photo(1)).verdict is None


def test_what_was_kept_before_is_remembered() -> None:
    before = Cleaner()
    found = before.fingerprint("A fisherman in a boat on the misty lake", photo(1))
    after = Cleaner()
    after.seen.add("old", found)
    verdict, _ = after.judge("new", "Other words about lakes and boats", photo(1))
    assert verdict is not None
    assert verdict.why == "as in old"


def test_lines_that_recur_in_a_chat_are_left_out(adverts: AdvertFilter) -> None:
    cleaner = Cleaner(adverts)
    things = ("чайка", "лодка", "мост", "маяк", "парус", "берег", "песок", "волна")
    rules = []
    for number, thing in enumerate(things):
        text = f"Утро, море и {thing} вдали, ветер стих\n\nСкидка 50% по промокоду МОРЕ, заказ тут"
        verdict, _ = cleaner.judge(str(number), text, source="1")
        rules.append(verdict and verdict.rule)
    assert rules[-3:] == [None] * 3
    verdict, _ = cleaner.judge("x", text, source="2")
    assert verdict is not None
    assert verdict.rule == "advert"


def test_limits_are_the_owners() -> None:
    cleaner = Cleaner(None, Limits(min_tokens=0, distance=-1))
    assert cleaner.judge("1", "", photo(1)).verdict is None
    assert cleaner.judge("2", "Продам лодку 20 000 руб", photo(1, 120, 40)).verdict is None


def test_no_training_library_is_imported() -> None:
    code = (
        "import sys; from engine.cleaning.adverts import AdvertFilter; "
        "import engine.cleaning.rules; "
        "AdvertFilter.load().probability('sale');"
        "print([m for m in sys.modules if m.split('.')[0] in ('sklearn', 'scipy', 'training')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
