import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.clean import MAX_CHARS, clean, repair_encoding


def words(text: str) -> list[str]:
    return clean(text).split()


@pytest.mark.parametrize(
    "text",
    [
        "see http://example.org/a?b=c#d end",
        "see HTTPS://EXAMPLE.ORG end",
        "see www.example.org/x end",
        "see pic.twitter.com/AbC end",
        "see t.me/channel/12 end",
        "see пример.рф end",
        "see https://ru.wikipedia.org/wiki/Кошка end",
        "see someone@mail.example.com end",
        "see mailto:someone@example.com end",
        "see @some_user end",
        "see RT @user end",
        "see <b class='x'></b> end",
        "see <a href='http://example.org/?a=1&b=2'> end",
        "see 2️⃣ end",
        "see &nbsp; end",
        "see \0 end",
    ],
)
def test_what_is_not_language_goes(text: str) -> None:
    assert words(text) == ["see", "end"]


def test_markdown_link_keeps_its_text() -> None:
    assert "the sea" in clean("[the sea](https://example.org/sea.png)")


@pytest.mark.parametrize("tail", ["http://…", "http:…", "https…", "htt…", "http://t.co/ab…"])
def test_link_cut_at_the_end_of_a_shortened_text(tail: str) -> None:
    assert words(f"dogs {tail}") == ["dogs"]


@pytest.mark.parametrize("text", ["dog.Cat", "it's over.me", "1.5 m", "a.b", "i <3 u", "5 < 6 > 4"])
def test_plain_text_stays(text: str) -> None:
    assert clean(text) == text


def test_entities_even_doubled() -> None:
    assert clean("cats &amp;amp; dogs &#1082;&#1086;&#1090;") == "cats & dogs кот"


def test_invisible_characters_do_not_break_words() -> None:
    assert clean("со\u200bба\u00adка\ufe0f \u202edog\u202c") == "собака dog"


def test_compatibility_forms() -> None:
    assert clean("𝓓𝓸𝓰 ＃ｔａｇ ﬁsh ⒟⒪⒢ 🄳🄾🄶") == "Dog #tag fish dog DOG"


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("itâ€™s", "it’s"),
        ("Ð¡Ð¾Ð±Ð°ÐºÐ°", "Собака"),
        ("cafÃ©", "café"),
        ("Р—Р°РєР°С‚ РЅР°Рґ РјРѕСЂРµРј", "Закат над морем"),
        ("«Привет, мир» — ёлка №1", "«Привет, мир» — ёлка №1"),
        ("¥Á¥±¥Ã¥ÈÓè¼s", "¥Á¥±¥Ã¥ÈÓè¼s"),
        ("\ud83d\udc36", "\U0001f436"),
        ("\udc36", "\ufffd"),
        ("naïve Ångström Âge", "naïve Ångström Âge"),
        ("plain", "plain"),
    ],
)
def test_repair_encoding(broken: str, whole: str) -> None:
    assert repair_encoding(broken) == whole


@given(st.text(st.characters(), max_size=200))
def test_any_text_comes_out_as_text(text: str) -> None:
    clean(text).encode()


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "<",
        "<a",
        "@",
        "a@",
        "a.",
        "-",
        "http://",
        "&",
        "&amp;",
        "#",
        "www.",
        "Â€",
        "\ufdfa",
        "RT ",
        "(",
        " ",
    ],
)
def test_a_megabyte_is_bounded_work(unit: str) -> None:
    start = time.perf_counter()
    assert len(clean(unit * (1_000_000 // len(unit)))) <= MAX_CHARS
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("d\u0336o\u0336g\u0336", "dog"),
        ("с\u0337о\u0338б\u0335а\u0332ка", "собака"),
        ("ᴅᴏɢ ɪɴ ꜱɴᴏᴡ", "dog in snow"),
        ("𝓭𝓸𝓰 𝐝𝐨𝐠 𝕕𝕠𝕘 𝚍𝚘𝚐 ⓓⓞⓖ ｄｏｇ", "dog dog dog dog dog dog"),
        ("🅳🅾🅶 🅓🅞🅖", "dog dog"),
        ("e\u0301té Й ё й", "été Й ё й"),
        ("हिन्दी ไทย", "हिन्दी ไทย"),
    ],
)
def test_special_letters_are_folded(written: str, plain: str) -> None:
    assert clean(written) == plain
