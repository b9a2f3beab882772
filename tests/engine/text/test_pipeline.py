import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from engine.text import TextBag, TextPipeline, Token
from engine.text.clean import repair_encoding
from engine.text.hashtags import MAX_TAG
from engine.text.words import MAX_KEY

SHARED = Path(__file__).parents[4] / "shared" / "datasets"
TWEETS = SHARED / "tweets" / "texts.jsonl"

pipeline = TextPipeline()

# Text with everything that the pipeline treats specially, more often than chance would.
MESSY = st.lists(
    st.one_of(
        st.text(st.characters(), max_size=12),
        st.sampled_from([*"#-−'’_@&<>.…/\"海กั", " ", "\n", "\ud83d", "\u200b", "\u0301", "İ"]),
        st.sampled_from(["http://", "RT @", "#Tag", "-word", "собака", "ёлка", "cнег"]),
        st.sampled_from(["dogs", "2", "&amp;", "<b>", "#слитные_теги", "don't", "t-shirt"]),
    ),
    max_size=20,
).map("".join)


def keys(tokens: tuple[Token, ...]) -> list[str]:
    return [token.key for token in tokens]


def lemmas(text: str) -> list[str]:
    return keys(pipeline(text).lemmas)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The children are running over the snow.", ["child", "run", "snow"]),
        ("Собаки бегут по пляжу", ["собака", "бежать", "пляж"]),
        ("My собака loves the море!", ["собака", "love", "море"]),
        ("<b>Dogs</b> &amp; **cats** _play_ ||here||", ["dog", "cat", "play"]),
        ("RT @user: dogs http://t.co/x 🐶🐶", ["dog"]),
        ("2 dogs, 3 собаки", ["two", "dog", "три", "собака"]),
        ("at 2:30 on 1/2/2015 for $5 or 10% i <3 u, 50 dogs", ["dog"]),
        ("Чёрно-белая кошка", ["черный", "белый", "кошка"]),
        ("мужчина’s dog’s don’t", ["мужчина", "dog"]),
        ("東京都 дом Ελλάδα", ["東京", "京都", "дом", "ελλάδα"]),
        ("हिन्दी السلام 한국어", ["हिन्दी", "السلام", "한국어"]),
        ("", []),
        ("the of и в !!!", []),
    ],
)
def test_lemmas(text: str, expected: list[str]) -> None:
    assert lemmas(text) == expected


def test_repeats_are_kept_in_order() -> None:
    assert lemmas("dog cat dogs") == ["dog", "cat", "dog"]


def test_hashtags_give_tags_and_words() -> None:
    bag = pipeline("Look #SunsetOverSea #слитные_теги")
    assert bag.tags == (
        Token("sunsetoversea", "sunsetoversea", "en"),
        Token("слитныетеги", "слитные_теги", "ru"),
    )
    assert keys(bag.lemmas) == ["look", "sunset", "sea", "слитный", "тег"]
    assert bag.minus == ()


def test_a_fused_tag_is_not_split() -> None:
    assert pipeline("#морскойзакат") == TextBag(
        (), (Token("морскойзакат", "морскойзакат", "ru"),), ()
    )
    assert keys(pipeline("#закаты").lemmas) == ["закат"]


def test_tags_without_a_space_between() -> None:
    assert keys(pipeline("#cats#dogs ##birds").tags) == ["cats", "dogs", "birds"]


@pytest.mark.parametrize("text", ["#", "#1", "# title", "#_", "&#8230;", "C#"])
def test_no_tag(text: str) -> None:
    assert pipeline(text).tags == ()


def test_given_tags_replace_those_of_the_text() -> None:
    bag = pipeline("sea #sky", tags=["#BlueSea", "new york", "sky", "", "#"])
    assert keys(bag.tags) == ["bluesea", "newyork", "sky"]
    assert keys(bag.lemmas) == ["sea", "sky", "blue", "sea", "new", "york"]
    assert pipeline("sea #sky", tags=[]).tags == ()


@pytest.mark.parametrize(
    ("text", "plus", "minus"),
    [
        ("sea -people", ["sea"], ["person"]),
        ("море −люди", ["море"], ["человек"]),
        ("-people sea", ["sea"], ["person"]),
        ("sea –snow", ["sea"], ["snow"]),
        ("sea - people", ["sea", "person"], []),
        ("t-shirt", ["tshirt"], []),
        ("dog -t-shirt", ["dog"], ["tshirt"]),
        ('dog -"red car"', ["dog"], ["red", "car"]),
        ('"dog" «cat»', ["dog", "cat"], []),
        ("dog -#cats", ["dog"], ["cats", "cat"]),
        ("dog -#SunsetSea", ["dog"], ["sunsetsea"]),
        ("dog -the", ["dog"], []),
        ("dog -10", ["dog"], []),
        ("dog -cat -cats", ["dog"], ["cat", "cat"]),
        ("dog -\u0301 -'", ["dog"], []),
    ],
)
def test_minus_words(text: str, plus: list[str], minus: list[str]) -> None:
    bag = pipeline.query(text)
    assert keys(bag.lemmas) == plus
    assert keys(bag.minus) == minus


def test_minus_only_in_queries() -> None:
    assert pipeline("sea -people").minus == ()
    assert lemmas("sea -people") == ["sea", "person"]


@given(MESSY)
@example("#İ")
@example("-\ud83d")
@settings(max_examples=300)
def test_any_text(text: str) -> None:
    for bag in (pipeline(text), pipeline.query(text), pipeline(text, tags=[text])):
        for token in (*bag.lemmas, *bag.tags, *bag.minus):
            assert 0 < len(token.key) <= max(MAX_KEY, MAX_TAG)
            assert not any(char.isspace() or char in "#_" for char in token.key)
            assert token.surface
            assert not any(char.isspace() for char in token.surface)
            assert token.language in ("en", "ru", "")
            token.key.encode()
            token.surface.encode()
        assert all(len(token.key) <= MAX_KEY for token in bag.lemmas)


@given(st.text(st.sampled_from("abcdefghij абвгдеёж'-#\n"), max_size=60))
def test_letter_case_does_not_matter_but_in_hashtags(text: str) -> None:
    text = text.replace("#", " ")
    assert lemmas(text) == lemmas(text.upper())


@given(MESSY, MESSY)
def test_texts_add_up(first: str, second: str) -> None:
    # Between unrelated texts nothing may leak: a full stop and a blank line part them.
    one, other = clean_only(first), clean_only(second)
    both = f"{one} .\n\n. {other}"
    # What looks like a wrong encoding ("Â ") is judged by what stands around it.
    assume(all(repair_encoding(text) == text for text in (one, other, both)))
    assert lemmas(both) == lemmas(one) + lemmas(other)


def clean_only(text: str) -> str:
    """Letters and spaces of a text: what is left has no syntax that could span the seam."""
    return "".join(char for char in text if char.isalpha() or char == " ")


def test_threads_agree() -> None:
    texts = [f"Собаки{n} бегут dogs run #Tag{n} прыгающ{n}" for n in range(300)]
    expected = [pipeline(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(TextPipeline(), texts)) == expected


@pytest.mark.parametrize(
    "unit",
    [
        "слово ",
        "a",
        "#",
        "#Tag",
        "-",
        "-a ",
        "'",
        "a-",
        "a'",
        "ก",
        "海",
        "\u0301",
        "A",
        "aB",
        '-"a ',
        "_",
        "1 ",
    ],
)
def test_a_megabyte_is_bounded_work(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    start = time.perf_counter()
    pipeline(text)
    pipeline.query(text)
    assert time.perf_counter() - start < 4


def test_speed() -> None:
    texts = [
        f"Two dogs run over the snow number{n % 50}. Две собаки бегут по снегу" for n in range(2000)
    ]
    start = time.perf_counter()
    for text in texts:
        pipeline(text)
    # The bar is 20,000 a minute; it is passed fifty times over on a quiet machine.
    assert 60 * len(texts) / (time.perf_counter() - start) > 20_000


@pytest.mark.skipif(not TWEETS.exists(), reason="needs ../shared/datasets/tweets")
def test_real_tweets() -> None:
    texts = [json.loads(line)["text"] for line in TWEETS.read_text("utf-8").splitlines()]
    bags = [pipeline(text) for text in texts]
    assert len(bags) == len(texts) >= 2000
    surfaces = {token.surface for bag in bags for token in bag.lemmas}
    assert not {"rt", "http", "https", "user", "amp"} & surfaces - {"user"}
    assert sum(bool(bag.lemmas or bag.tags) for bag in bags) > 0.97 * len(bags)


@pytest.mark.parametrize(
    ("text", "keys", "emoji"),
    [
        ("🐶", ["dog", "собака"], 2),
        ("Гуляем с 🐕", ["гулять", "собака"], 1),
        ("snow ☃️ #winter", ["snow", "winter", "snowman"], 1),
        ("a dog 🐶 😀", ["dog"], 0),
    ],
)
def test_emoji_of_things_are_words(text: str, keys: list[str], emoji: int) -> None:
    for bag in (TextPipeline()(text), TextPipeline().query(text)):
        assert [token.key for token in bag.lemmas] == keys
        assert bag.emoji == emoji
        assert bag.typed == bag.lemmas[: len(keys) - emoji]
