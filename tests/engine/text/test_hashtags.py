import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text.hashtags import MAX_TAG, split_tag, tag_key


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("SunsetOverSea", ["Sunset", "Over", "Sea"]),
        ("слитные_теги", ["слитные", "теги"]),
        ("ЗакатНадМорем", ["Закат", "Над", "Морем"]),
        ("NYCMarathon", ["NYC", "Marathon"]),
        ("TBT", ["TBT"]),
        ("iPhone6", ["iPhone6"]),
        ("eBay", ["eBay"]),
        ("sunset2015", ["sunset", "2015"]),
        ("sunsetoversea", ["sunsetoversea"]),
        ("__a__b", ["a", "b"]),
        ("", []),
    ],
)
def test_split_tag(tag: str, words: list[str]) -> None:
    assert split_tag(tag) == words


@pytest.mark.parametrize(
    "tag", ["SunsetOverSea", "#sunset_over_sea", "sunset over sea", "ＳunsetOverSea"]
)
def test_one_key_for_all_ways_to_write_a_tag(tag: str) -> None:
    assert tag_key(tag) == "sunsetoversea"


def test_key_folds_yo() -> None:
    assert tag_key("#Ёлка") == "елка"


@pytest.mark.parametrize("tag", ["", "#", "___", "🐶", "\u0301"])
def test_no_letter_no_key(tag: str) -> None:
    assert tag_key(tag) == ""


@given(st.text(max_size=200))
def test_key_of_a_key_is_itself(tag: str) -> None:
    key = tag_key(tag)
    assert tag_key(key) == key
    assert len(key) <= MAX_TAG
    assert not any(char.isspace() or char in "#_" for char in key)


@given(
    st.text(st.characters(categories=["Lu", "Ll", "Nd", "Lo"], include_characters="_"), max_size=40)
)
def test_splitting_loses_nothing_but_underscores(tag: str) -> None:
    assert "".join(split_tag(tag)) == tag.replace("_", "")
