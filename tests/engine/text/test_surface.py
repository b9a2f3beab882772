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
