import pytest

from engine.text.stopwords import EN, RU


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize("word", words("the a is are was i you of in on with and but over"))
def test_english_function_words(word: str) -> None:
    assert word in EN


@pytest.mark.parametrize("word", words("в на и но он она мой своей которая был это над"))
def test_russian_function_words(word: str) -> None:
    assert word in RU


@pytest.mark.parametrize(
    "word",
    words(
        "one two three ten red black up down front behind outside under группа красный вниз рядом"
    ),
)
def test_words_that_show_are_kept(word: str) -> None:
    assert word not in EN | RU


def test_written_as_they_are_looked_up() -> None:
    assert all(word == word.lower() and "ё" not in word for word in EN | RU)
