"""Texts a minute through the text pipeline, on texts made here.

Run ``python -m bench text``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from engine.text import TextPipeline
from engine.text.spelling import nearest
from engine.text.words import analyse

_EN = """dog man boy girl woman child people water beach snow street grass ball red black white
brown green blue young little two three running playing jumping sitting standing riding walking
holding wearing climbing swimming children men women bikes mountains rocks horses flowers smiling
outside the a in on of with and is are over through near his her their"""
_RU = """собака мужчина мальчик девочка женщина ребенок люди вода пляж снег улица трава мяч
красный черный белый коричневая зеленом синей молодой маленькая две трое бежит играет прыгающий
сидит стоят едет идут держит носит поднимается плавает дети людей велосипеде горы скалы лошадей
цветы улыбаясь в на с и по через возле его ее их над под"""
_NOISE = (
    "http://t.co/Ab3xY",
    "@someone",
    "#SunsetOverSea",
    "#слитные_теги",
    "🐶🐶",
    "RT @user:",
    "&amp;",
)


class Row(NamedTuple):
    """One measurement.

    Attributes
    ----------
    name
        What was measured.
    per_minute
        Texts (or words looked up) a minute on one thread.
    """

    name: str
    per_minute: float


def synthetic_texts(n: int, *, seed: int = 0, rare: float = 0.1) -> list[str]:
    """Make posts of 8 to 16 words, every third in Russian, some with links and hashtags.

    Parameters
    ----------
    n
        How many.
    seed
        Of the random numbers.
    rare
        Share of words that are made up, and so are seen once or a few times: what a cache
        cannot help with.
    """
    rng = random.Random(seed)
    english, russian = _EN.split(), _RU.split()
    texts = []
    for number in range(n):
        words, letters = (russian, "аеиостнрвлкм") if number % 3 == 2 else (english, "aeiotnsrhldc")
        weights = [1 / rank for rank in range(1, len(words) + 1)]
        chosen = rng.choices(words, weights, k=rng.randint(8, 16))
        for position in range(len(chosen)):
            if rng.random() < rare:
                chosen[position] = "".join(rng.choices(letters, k=rng.randint(4, 10)))
        if rng.random() < 0.3:
            chosen.append(rng.choice(_NOISE))
        texts.append(" ".join(chosen).capitalize() + ".")
    return texts


def _per_minute(work: Callable[[str], object], texts: Sequence[str]) -> float:
    start = time.perf_counter()
    for text in texts:
        work(text)
    return 60 * len(texts) / (time.perf_counter() - start)


def measure(n: int = 6_000) -> list[Row]:
    """Measure the pipeline without and with its cache, and the look-up of near spellings.

    Parameters
    ----------
    n
        Texts in each measurement.
    """
    pipeline = TextPipeline()
    pipeline("dog собака")  # the dictionary is loaded once; that is not a text's cost
    analyse.cache_clear()
    texts = synthetic_texts(n)
    known = sorted(
        {word for text in synthetic_texts(40_000, seed=1, rare=0.3) for word in text.split()}
    )
    known = known[:50_000]
    return [
        Row("posts, cold cache, one word in ten never seen", _per_minute(pipeline, texts)),
        Row("the same posts again", _per_minute(pipeline, texts)),
        Row("queries", _per_minute(pipeline.query, texts)),
        Row(
            f"near spellings among {len(known):,} words",
            _per_minute(lambda word: nearest(word, known), ["собакв", "mountian", "велосипет"] * 5),
        ),
    ]


def main() -> None:
    """Print the table."""
    print("| text pipeline, one thread | a minute |")
    print("| --- | ---: |")
    for row in measure():
        print(f"| {row.name} | {row.per_minute:,.0f} |")


if __name__ == "__main__":
    main()
