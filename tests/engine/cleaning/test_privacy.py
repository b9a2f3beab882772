from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cleaning.privacy import redact
from engine.text import TextPipeline


@pytest.mark.parametrize(
    "phone",
    [
        "+7 (912) 345-67-89",
        "8-912-345-67-89",
        "89123456789",
        "8 (495) 123 45 67",
        "+44 20 7946 0958",
        "07700 900321",
        "(555) 123-4567",
        "+1-555-123-4567",
        "123-45-67",
        "+380 44 123 45 67",
    ],
)
def test_phones(phone: str) -> None:
    for text in (phone, f"Звоните {phone}!", f"тел.:{phone}, Анна", f"call {phone}\nnow"):
        found = redact(text)
        assert "@phone" in found
        assert not any(char.isdigit() for char in found)


@pytest.mark.parametrize(
    "text",
    [
        "1 500 000 рублей",
        "10.000.000",
        "2024-05-01 10:00",
        "12.05.2024",
        "1941-1945",
        "12:30 - 14:45",
        "0,5 л и 2 кг",
        "score 3-2, 15-13",
        "https://site.ru/?id=79991234567",
        "isbn 978-3-16-148410-0",
        "5 из 10",
        "почта не указана @ там",
        "https://t.me/c/123/456",
        "цена 12 345 678 ₽",
        "были там в 2019 2020 2021 2022",
        "1998-1999-2000-2001",
        "https://vk.com/wall-1_2 и vk.com/photo123_45, vk.com/club7",
        "заказ №123456789012",
    ],
)
def test_what_is_no_persons_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("пиши @anna.petrova.", "пиши @user."),
        ("a.b+c@mail.example.com", "@mail"),
        ("[id123|Анна Петрова], привет", "@user, привет"),
        ("@id123 (Анна), привет", "@user, привет"),
        ("[club7|Закаты] рулят", "Закаты рулят"),
        ("t.me/anna и vk.com/id5", "t.me/@user и vk.com/@user"),
        ("instagram.com/anna_p/", "instagram.com/@user/"),
        ("wa.me/79123456789", "@phone"),
        ("карта 4111 1111 1111 1111", "карта @card"),
        ("карта 2019 4111 1111 1111", "карта @card"),
        ("vk.com/walle и vk.com/id5", "vk.com/@user и vk.com/@user"),
        ("@user @phone @mail @card", "@user @phone @mail @card"),
    ],
)
def test_who_is_hidden(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_what_stands_in_for_people_is_not_learnt() -> None:
    bag = TextPipeline()("Пишите @user, @phone или @mail, @card: продам кота")
    assert {token.key for token in bag.lemmas} == {"писать", "продать", "кот"}


@given(st.text(alphabet="+78()- 0123456789@.abидid|[]/\n", max_size=60))
@settings(max_examples=200, deadline=None)
def test_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


def test_long_texts_take_bounded_time() -> None:
    for piece in ("1 ", "@", "a@", "[id1|", "+7", "t.me/", "1-", "a.", "("):
        redact(piece * 20_000)
