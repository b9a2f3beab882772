import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from engine.text.spelling import nearest

KNOWN = ["dog", "dogs", "snow", "mountain", "fountain", "собака", "горы", "море", "снег", "ёлка"]


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("dgo", "dog"),
        ("snwo", "snow"),
        ("mountian", "mountain"),
        ("fountian", "fountain"),
        ("сабака", "собака"),
        ("СОБАКО", "собака"),
        ("мроре", "море"),
        ("снек", "снег"),
        ("dog", "dog"),
    ],
)
def test_nearest(word: str, first: str) -> None:
    assert nearest(word, KNOWN)[0] == first


@pytest.mark.parametrize("word", ["xyz", "", " ", "qqqqqqqqqq", "a" * 10_000])
def test_nothing_is_near(word: str) -> None:
    assert nearest(word, KNOWN) == []


def test_as_many_as_asked() -> None:
    assert nearest("dog", KNOWN, n=1) == ["dog"]
    assert nearest("dog", KNOWN, n=0) == []
    assert nearest("dog", []) == []


def test_fifty_thousand_words_take_milliseconds() -> None:
    rng = random.Random(7)
    known = [
        "".join(rng.choices("абвгдеиклмнопрстуabcdeilmnorst", k=rng.randint(3, 12)))
        for _ in range(50_000)
    ]
    times = []
    for word in ("собака", "mountian", "непонятноеслово", "dog", "велосипедист"):
        start = time.perf_counter()
        nearest(word, known)
        times.append(time.perf_counter() - start)
    # 20 ms is the bar on a quiet machine; the margin is for a busy one.
    assert min(times) < 0.02
    assert sorted(times)[len(times) // 2] < 0.06


@given(
    st.text(st.sampled_from("abcабв"), min_size=1, max_size=9),
    st.lists(st.text(st.sampled_from("abcабвë😀"), max_size=9), max_size=30, unique=True),
)
def test_the_short_cut_misses_nothing(word: str, known: list[str]) -> None:
    most = 1 if len(word) <= 4 else 2 if len(word) <= 7 else 3
    expected = {
        text
        for text in known
        if (edits := OSA.distance(word, text)) <= most and (2 * edits < len(text) or edits == 0)
    }
    assert set(nearest(word, known, n=100)) == expected - {""}


@given(st.text(max_size=20), st.lists(st.text(max_size=12), max_size=20), st.integers(0, 4))
def test_answers_are_known_words(word: str, known: list[str], n: int) -> None:
    found = nearest(word, known, n)
    assert len(found) <= n
    assert len(set(found)) == len(found)
    assert set(found) <= set(known)
