from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import SurfaceForms
from engine.text.words import MAX_KEY, analyse, russian_heading, russian_lemma


def keys(word: str) -> list[str]:
    return [token.key for token in analyse(word)]


@pytest.mark.parametrize(
    ("word", "lemma"),
    [
        ("собаки", "собака"),
        ("людей", "человек"),
        ("дети", "ребенок"),
        ("бежит", "бежать"),
        ("бегущая", "бежать"),
        ("прыгая", "прыгать"),
        ("красная", "красный"),
        ("стоит", "стоять"),
        ("парке", "парк"),
        ("горы", "гора"),
        ("моря", "море"),
        ("ёлки", "елка"),
        ("елки", "елка"),
        ("две", "два"),
        ("двое", "два"),
        ("большая", "большой"),
        ("гаджетов", "гаджет"),
    ],
)
def test_russian_lemma(word: str, lemma: str) -> None:
    assert russian_lemma(word) == lemma


# A line a noun: its nominative, genitive, instrumental, plural and genitive plural.
NOUNS = (Path(__file__).parent / "russian_nouns.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("noun", NOUNS)
def test_forms_of_a_noun_share_a_key_and_are_headed_by_one_of_them(noun: str) -> None:
    forms = SurfaceForms()
    # `дорогой` is mostly "dear", not "by the road".
    tokens = [token for form in noun.split() if form != "дорогой" for token in analyse(form)]
    for token in tokens:
        forms.add(token)
    assert len({token.key for token in tokens}) == 1
    assert forms.best(tokens[0].key) in noun.split()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("dog's", ["dog"]),
        ("don't", []),
        ("we'll", []),
        ("t-shirt", ["tshirt"]),
        ("x-ray", ["xray"]),
        ("o'clock", ["oclock"]),
        ("snow-covered", ["snow", "cover"]),
        ("long-haired", ["long", "hair"]),
        ("2-year-old", ["year", "old"]),
        ("черно-белая", ["черный", "белый"]),
        ("какой-то", []),
        ("из-за", []),
        ("soooo", []),
        ("coooool", ["cool"]),
        ("оооочень", []),
        ("круууто", ["круто"]),
        ("café", ["cafe"]),
        ("straße", ["strass"]),
        ("a", []),
        ("я", []),
        ("2015", []),
        ("mp3", ["mp3"]),
        ("м'яч", ["мяч"]),
        ("київ", ["київ"]),
        ("за\u0301мок", ["замок"]),
        ("ест", ["есть"]),
        ("есть", []),
        ("ελλάδα", ["ελλάδα"]),
        ("東京都", ["東京", "京都"]),
        ("20周年", ["周年"]),
        ("の", []),
    ],
)
def test_analyse(word: str, expected: list[str]) -> None:
    assert keys(word) == expected


@pytest.mark.parametrize(
    ("word", "language"),
    [("dogs", "en"), ("собаки", "ru"), ("їжак", ""), ("한국어", ""), ("海", ""), ("niño", "en")],
)
def test_language(word: str, language: str) -> None:
    assert [token.language for token in analyse(word)] == [language]


def test_surface_is_as_typed() -> None:
    assert [token.surface for token in analyse("ёлки")] == ["ёлки"]
    assert [token.surface for token in analyse("men's")] == ["men"]


def test_letters_without_end_are_no_word() -> None:
    assert analyse("ab" * MAX_KEY) == ()


@pytest.mark.parametrize(
    ("lemma", "forms", "heading"),
    [
        ("трава", {"траве": 9, "траву": 2}, "трава"),
        ("лыжа", {"лыжах": 9}, "лыжи"),
        ("волос", {"волосами": 5, "волосы": 2}, "волосы"),
        ("собака", {"собака": 5, "собаки": 3}, "собака"),
        ("играть", {"играет": 5}, "играть"),
        ("ребенок", {"ребенка": 5}, "ребёнок"),
        ("абырвалгист", {"абырвалгиста": 1}, None),
        ("счастье", {"счастья": 5}, "счастье"),
        ("варенье", {"варенья": 1}, "варенье"),
        ("сиденье", {"сидение": 3, "сидения": 1}, "сидение"),
        ("цветок", {"цветы": 5, "цветов": 4}, "цветы"),
        ("собака", {"собаками": 9, "собака": 1}, "собака"),
    ],
)
def test_russian_heading(lemma: str, forms: dict[str, int], heading: str | None) -> None:
    assert russian_heading(lemma, forms) == heading


@given(st.text(st.sampled_from("абвгдежзиклмнопрстуыьэюяё"), min_size=1, max_size=15))
def test_any_russian_letters(word: str) -> None:
    for token in analyse(word):
        assert token.language == "ru"
        assert "ё" not in token.key
