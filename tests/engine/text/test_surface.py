import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import SurfaceForms, Token

TOKENS = st.builds(
    Token,
    st.text(min_size=1, max_size=5),
    st.text(min_size=1, max_size=5),
    st.sampled_from(["en", ""]),
)


def forms_of(*tokens: Token) -> SurfaceForms:
    forms = SurfaceForms()
    for token in tokens:
        forms.add(token)
    return forms


def test_the_most_frequent_form_is_shown() -> None:
    forms = forms_of(
        Token("beauti", "beautiful", "en"),
        Token("beauti", "beauty", "en"),
        Token("beauti", "beautiful", "en"),
    )
    assert forms.best("beauti") == "beautiful"
    assert forms.language("beauti") == "en"


def test_ties_are_settled_the_same_way_always() -> None:
    one, two = Token("dog", "dogs", "en"), Token("dog", "dog", "en")
    assert forms_of(one, two).best("dog") == forms_of(two, one).best("dog") == "dog"


def test_a_russian_word_is_shown_under_its_heading() -> None:
    forms = forms_of(
        Token("трава", "траве", "ru"),
        Token("ребенок", "ребёнка", "ru"),
        Token("ребенок", "ребенок", "ru"),
        Token("абырвалгист", "абырвалгиста", "ru"),
        Token("абырвалгист", "абырвалгиста", "ru"),
        Token("абырвалгист", "абырвалгист", "ru"),
        Token("дзэдзович", "дзэдзовича", "ru"),
    )
    assert forms.best("трава") == "трава"
    assert forms.best("ребенок") == "ребенок"
    assert forms.best("абырвалгист") == "абырвалгист"
    assert forms.best("дзэдзович") == "дзэдзовича"


def test_unknown_key_is_shown_as_it_is() -> None:
    assert SurfaceForms().best("dog") == "dog"
    assert SurfaceForms().language("dog") == ""


def test_restrict() -> None:
    forms = forms_of(Token("dog", "dogs", "en"), Token("cat", "cats", "en"))
    forms.restrict({"dog"})
    assert len(forms) == 1
    assert "dog" in forms
    assert "cat" not in forms


@given(st.lists(TOKENS))
def test_json_round_trip(tokens: list[Token]) -> None:
    forms = forms_of(*tokens)
    again = SurfaceForms.from_json(forms.to_json())
    assert len(again) == len(forms)
    for token in tokens:
        assert again.best(token.key) == forms.best(token.key)
        assert again.language(token.key) == forms.language(token.key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"a": 1}',
        '{"a": ["en", {}]}',
        '{"a": ["en", {"b": -1}]}',
        '{"a": ["en", {"b": true}]}',
        '{"a": [1, {"b": 1}]}',
    ],
)
def test_damaged_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"surface forms|Expecting"):
        SurfaceForms.from_json(text)
