from __future__ import annotations

import re
from dataclasses import replace
from html import escape

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from telegram import InlineKeyboardMarkup

from bot.chat import answers
from bot.chat.buttons import CALLBACK_BYTES, decode
from bot.chat.texts import Texts, plain
from engine.results import Annotation, Explanation, Query, Term, Topic, TopicShare
from engine.store import Post

anything = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=3000)


@given(anything, st.integers(2, 1500))
def test_cut_keeps_the_limit(text: str, limit: int) -> None:
    short = answers.cut(text, limit)
    assert answers.length(short) <= limit
    if answers.length(text) <= limit:
        assert short == text
    else:
        assert short.endswith("…")
        assert text.startswith(short[:-1])


def test_cut_at_a_word() -> None:
    assert answers.cut("one two three", 10) == "one two…"
    assert answers.cut("one two, three", 10) == "one two…"
    assert answers.cut("one two three", 8) == "one two…"
    assert answers.cut("a" * 50, 10) == "a" * 9 + "…"


def test_cut_counts_emoji_as_telegram_does() -> None:
    assert answers.length("🌅") == 2
    assert answers.length(answers.cut("🌅" * 20, 11)) <= 11


#: What a source can be: a link of any kind, an address without a scheme, or anything at all.
urls = st.none() | anything | st.builds("{}{}".format, st.sampled_from(
    ["https://e.org/", "http://", "t.me/c/", "tg://", "javascript:", "e.org", "&amp;\"<>'", "🌅"]
), anything)  # fmt: skip
posts = st.builds(
    Post,
    key=st.integers(1, 2**62),
    id=st.just("x"),
    photo=st.none(),
    text=anything
    | st.builds("{} #{}".format, anything, anything)
    | st.text("🌅&<\n", max_size=3000),
    tags=st.just(()),
    date=st.none() | st.just("2025-01-02T03:04:05+00:00"),
    source=st.none() | anything,
    url=urls,
)
leads = st.lists(anything.map(escape), max_size=4)


def check(caption: str) -> None:
    """It fits, and nothing but the bot's own tags is markup."""
    assert answers.length(plain(caption)) <= answers.CAPTION_MAX
    rest = re.sub(r'</?b>|</?i>|<a href="[^"<>]*">|</a>', "", caption)
    assert "<" not in rest
    assert ">" not in rest
    assert caption.count("<a ") == caption.count("</a>")


@given(posts, leads, st.sampled_from(["en", "ru"]))
def test_the_caption_of_a_post_fits(post: Post, lead: list[str], language: str) -> None:
    check(answers.post_caption(Texts(language), post, lead))


@given(st.lists(posts, min_size=1, max_size=10), leads, st.integers(0, 10_000), st.booleans())
def test_the_caption_of_an_answer_fits(
    found: list[Post], lead: list[str], offset: int, far: bool
) -> None:
    numbered = dict(enumerate(found, start=offset + 1))
    caption = answers.page_caption(Texts("ru"), lead, numbered, offset + 1 if far else None)
    check(caption)
    # Every post has its line.
    assert all(f"<b>{number}</b> " in caption for number in numbered)


def test_a_link_that_is_no_web_address_is_not_made_one() -> None:
    for url in ("javascript:alert(1)", "e", "a b.org", "x" * 600 + ".org", "file:///etc/passwd"):
        post = Post(1, "x", None, "text", (), url=url)
        assert "<a" not in answers.post_caption(Texts("en"), post), url


def test_an_address_without_a_scheme_is_a_link() -> None:
    post = Post(1, "x", None, "text", (), url="t.me/photo_channel/12", source="starter")
    caption = answers.post_caption(Texts("en"), post)
    assert caption == 'text\n\n<a href="https://t.me/photo_channel/12">source</a>'
    # Where the starter's posts came from says nothing.
    assert "starter" not in answers.post_caption(Texts("en"), replace(post, url=None))


def test_the_less_close_are_named() -> None:
    numbered = {n: Post(n, "x", None, f"post {n}", ()) for n in range(1, 4)}
    lines = answers.page_caption(Texts("en"), [], numbered, 3).splitlines()
    assert [plain(line) for line in lines] == ["1 post 1", "2 post 2", "Less close:", "3 post 3"]


def data(keyboard: InlineKeyboardMarkup) -> list[list[tuple[str, tuple[int, ...]]]]:
    found = [[decode(b.callback_data) for b in row] for row in keyboard.inline_keyboard]
    return [[(p.action, p.numbers) for p in row if p] for row in found]


def test_buttons_in_few_rows() -> None:
    keyboard = answers.page_keyboard(
        Texts("en"), 7, {7: 40, 8: 50}, offset=6, size=6, more=True, photos=[3, 4]
    )
    assert data(keyboard) == [
        [("post", (7, 40)), ("post", (7, 50))],
        [("page", (7, 0)), ("explain", (7, 6)), ("page", (7, 12))],
        [("again", (3,)), ("again", (4,))],
    ]
    ten = answers.page_keyboard(
        Texts("en"), 7, {n: n for n in range(1, 11)}, offset=0, size=10, more=False
    )
    assert [len(row) for row in ten.inline_keyboard] == [5, 5, 1]


numbers = st.integers(0, 2**62)


@given(numbers, numbers, st.integers(0, 10_000))
def test_callback_data_fits(query: int, key: int, offset: int) -> None:
    texts = Texts("en")
    for keyboard in (
        answers.page_keyboard(texts, query, {1: key}, offset=offset, size=6, more=True),
        answers.post_keyboard(texts, query, key, vote=1, explain=True),
        answers.back_keyboard(texts, query, offset),
        answers.topic_keyboard(texts, offset, {1: key}, offset=offset, size=6, more=True),
        answers.history_keyboard({query: "x"}),
    ):
        for row in keyboard.inline_keyboard:
            for button in row:
                assert isinstance(button.callback_data, str)
                assert len(button.callback_data.encode()) <= CALLBACK_BYTES


def topic(number: int, word: str = "word") -> Topic:
    words = tuple(Term(f"{word}{number}{i}", "en", 1.0) for i in range(8))
    return Topic(number, words, words[:2], 0.01, 0.1)


@given(st.lists(anything, min_size=1, max_size=10))
def test_topics_fit(names: list[str]) -> None:
    topics = [topic(n, name) for n, name in enumerate(names)]
    caption = answers.topics_caption(Texts("ru"), topics, 120, 500)
    check(caption)
    assert all(f"<b>{n}</b> " in caption for n in range(121, 121 + len(names)))


def test_topics_page_by_page() -> None:
    keyboard = answers.topics_keyboard(Texts("en"), [topic(4), topic(9)], 6, 6, 20)
    assert data(keyboard) == [
        [("topic", (4, 0)), ("topic", (9, 0))],
        [("topics", (0,)), ("topics", (12,))],
    ]


@given(st.lists(anything, max_size=8), st.integers(1, 30))
def test_explanation_fits(names: list[str], count: int) -> None:
    words = tuple(Term(name, "en", 1.0) for name in names)
    why = Explanation(tuple(TopicShare(i, 1 / count, words) for i in range(count)), None)
    assert answers.length(plain(answers.explanation(Texts("en"), why))) <= answers.CAPTION_MAX


def test_notes_name_what_misspelt_words_may_mean() -> None:
    near = {"sunzet": ("sunset", "sunsets"), "sunsset": ("sunset",)}
    even = np.ones(4, np.float32) / 4
    query = Query(
        "text", even, ("sea",), unknown=tuple(near), text="Sunzet sea sunsset", suggestions=near
    )
    assert answers.notes(Texts("en"), query) == [
        "New to me: sunzet, sunsset.",
        "Did you mean: sunset, sunsets?",
    ]
    assert answers.notes(Texts("ru"), query)[1] == "Может быть: sunset, sunsets?"
    # One language's word for an emoji is known, the other's was not typed.
    assert (
        answers.notes(Texts("en"), Query("text", even, ("sun",), unknown=("солнце",), text="☀"))
        == []
    )


def test_annotation_says_so_when_there_are_no_words() -> None:
    texts = Texts("en")
    assert answers.annotation(texts, Annotation((), ())) == [texts("see_nothing")]
    seen = answers.annotation(texts, Annotation((Term("a<b", "en", 1),), (Term("t", "", 1),)))
    assert [plain(line) for line in seen] == ["I see: a<b", "#t"]
    assert "a&lt;b" in seen[0]


def test_quality_names_what_it_was_measured_on() -> None:
    measured = {"corpus": "posts <b>", "held_out_posts": 1000.0, "text_to_photo_r10": 54.2, "x": 1}
    assert answers.quality(Texts("en"), measured) == [
        "measured on posts it has not learnt from: 1000 (posts &lt;b&gt;)",
        "the right photo among the first ten for a text: 54 %",
    ]
    del measured["corpus"]
    assert answers.quality(Texts("en"), measured)[0].endswith(": 1000")


def test_a_cut_after_a_full_stop_has_no_fourth_dot() -> None:
    assert answers.cut("One sentence. Another one", 17) == "One sentence…"
