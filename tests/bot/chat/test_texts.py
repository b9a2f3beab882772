from __future__ import annotations

import re
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.answers import CALLBACK_TEXT_MAX
from bot.chat.texts import LANGUAGES, Html, Texts, en, form, known, ru

MODULES = {"en": en, "ru": ru}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_languages_have_the_same_keys() -> None:
    assert set(MODULES) == set(LANGUAGES)
    assert set(en.TEXTS) == set(ru.TEXTS)
    assert list(en.COMMANDS) == list(ru.COMMANDS)
    assert len(en.EXAMPLES) == len(ru.EXAMPLES)
    assert list(en.QUALITY) == list(ru.QUALITY)


@pytest.mark.parametrize("key", en.TEXTS)
def test_placeholders_are_the_same(key: str) -> None:
    english, russian = en.TEXTS[key], ru.TEXTS[key]
    assert isinstance(english, str) == isinstance(russian, str)
    forms = (english, russian) if isinstance(english, str) else (*english, *russian)
    wanted = placeholders(forms[0])  # type: ignore[arg-type]
    for text in forms:
        assert placeholders(text) == wanted  # type: ignore[arg-type]


def test_number_of_plural_forms() -> None:
    for key, text in en.TEXTS.items():
        if not isinstance(text, str):
            assert len(text) == 2, key
            assert len(ru.TEXTS[key]) == 3, key


@pytest.mark.parametrize("module", MODULES.values())
def test_markup_is_balanced(module: object) -> None:
    for key, text in module.TEXTS.items():  # type: ignore[attr-defined]
        for one in (text,) if isinstance(text, str) else text:
            for tag in ("b", "i", "code"):
                assert one.count(f"<{tag}>") == one.count(f"</{tag}>"), key
            assert not re.sub(r"</?(b|i|code)>", "", one).count("<"), key


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (1, "1 пост"), (2, "2 поста"), (5, "5 постов"), (11, "11 постов"), (12, "12 постов"),
        (21, "21 пост"), (22, "22 поста"), (25, "25 постов"), (100, "100 постов"),
        (101, "101 пост"), (111, "111 постов"), (1234, "1234 поста"), (0, "0 постов"),
    ],
)  # fmt: skip
def test_russian_plurals(n: int, text: str) -> None:
    assert Texts("ru")("n_posts", n=n) == text


def test_english_plurals() -> None:
    assert [Texts("en")("n_posts", n=n) for n in (0, 1, 2)] == ["0 posts", "1 post", "2 posts"]


@given(st.integers())
def test_every_number_has_a_form(n: int) -> None:
    assert form("ru", n) in (0, 1, 2)
    assert form("en", n) in (0, 1)
    assert form("ru", n) == form("ru", -n)


def test_strings_are_escaped_but_markup_is_not() -> None:
    texts = Texts("en")
    assert "<b>x</b>" not in texts("unknown", words="<b>x</b>")
    assert "&lt;b&gt;" in texts("unknown", words="<b>x</b>")
    assert "<b>x</b>" in texts("unknown", words=Html("<b>x</b>"))


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("ru", "ru"),
        ("ru-RU", "ru"),
        ("RU", "ru"),
        ("en-GB", "en"),
        ("de", "en"),
        (None, "en"),
        ("", "en"),
    ],
)
def test_known(code: str | None, language: str) -> None:
    assert known(code) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_toast_shows_fits(language: str) -> None:
    for key in ("forged", "stale", "not_yours", "gone", "busy", "not_allowed", "disk_full"):
        assert len(Texts(language)(key)) <= CALLBACK_TEXT_MAX
