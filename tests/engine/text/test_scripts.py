import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.scripts import bigrams, mark_class, script_of, split_scripts


@pytest.mark.parametrize(
    ("char", "script"),
    [
        ("a", "latin"),
        ("ế", "latin"),
        ("ж", "cyrillic"),
        ("ї", "cyrillic"),
        ("海", "unspaced"),
        ("ก", "unspaced"),
        ("カ", "katakana"),
        ("か", "hiragana"),
        ("α", "other"),
        ("ع", "other"),
        ("한", "other"),
        ("7", None),
        ("\u0301", None),
        ("ー", None),
    ],
)
def test_script_of(char: str, script: str | None) -> None:
    assert script_of(char) == script


@pytest.mark.parametrize(
    ("word", "pieces"),
    [
        ("dog", [("dog", "latin")]),
        ("iphoneケース", [("iphone", "latin"), ("ケース", "katakana")]),
        ("айфонom", [("айфоном", "cyrillic")]),  # o and m stand in for Cyrillic letters
        ("cнег", [("снег", "cyrillic")]),
        ("sрring", [("spring", "latin")]),
        ("usb-кабель".replace("-", ""), [("usb", "latin"), ("кабель", "cyrillic")]),
        ("mp3", [("mp3", "latin")]),
        ("2015", []),
    ],
)
def test_split_scripts(word: str, pieces: list[tuple[str, str]]) -> None:
    assert split_scripts(word) == pieces


@pytest.mark.parametrize(
    ("run", "pairs"),
    [
        ("海", ["海"]),
        ("東京都", ["東京", "京都"]),
        ("สวัสดี", ["สวั", "วัส", "สดี"]),  # a vowel mark stays with its consonant
        ("", []),
    ],
)
def test_bigrams(run: str, pairs: list[str]) -> None:
    assert bigrams(run) == pairs


def test_mark_class_is_a_character_class() -> None:
    pattern = re.compile(f"[{mark_class()}]")
    assert all(pattern.match(mark) for mark in "\u0301\u0e31\u093f\u064e")
    assert not pattern.match("a")


@given(st.text(max_size=50).map(str.lower))
def test_pieces_are_never_empty(word: str) -> None:
    assert all(piece and script for piece, script in split_scripts(word))
