from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat import answers
from bot.chat.buttons import CALLBACK_BYTES, decode
from bot.chat.texts import Texts
from bot.chat.textual import plain
from engine.results import Annotation, Explanation, Term, Topic, TopicShare
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


@given(anything, anything, st.none() | anything)
def test_captions_fit_and_are_escaped(text: str, source: str, url: str | None) -> None:
    post = Post(
        1, "x", None, text, (), source=source[:200], url=f"https://e.org/{url}" if url else None
    )
    caption = answers.post_caption(Texts("ru"), post, number=10, closeness=0.5)
    shown = plain(caption)
    assert answers.length(shown) <= answers.CAPTION_MAX
    # Nothing but the bot's own tags is left as markup.
    rest = re.sub(r'</?b>|<a href="[^"<>]*">|</a>', "", caption)
    assert "<" not in rest
    assert ">" not in rest


def test_a_link_that_is_no_web_address_is_not_made_one() -> None:
    post = Post(1, "x", None, "text", (), url="javascript:alert(1)")
    assert "<a" not in answers.post_caption(Texts("en"), post)


def test_keyboard_names_question_and_posts() -> None:
    keyboard = answers.answer_keyboard(Texts("en"), 7, {4: 40, 5: 50}, more=6)
    presses = [decode(b.callback_data) for row in keyboard.inline_keyboard for b in row]
    assert [(p.action, p.numbers) for p in presses if p] == [
        ("like", (7, 40)), ("up", (7, 40)), ("down", (7, 40)),
        ("like", (7, 50)), ("up", (7, 50)), ("down", (7, 50)),
        ("more", (7, 6)), ("explain", (7,)),
    ]  # fmt: skip


@given(st.integers(0, 2**62), st.integers(0, 2**62), st.integers(0, 10_000))
def test_callback_data_fits(query: int, key: int, more: int) -> None:
    keyboard = answers.answer_keyboard(Texts("en"), query, {1: key}, more=more)
    for row in keyboard.inline_keyboard:
        for button in row:
            assert isinstance(button.callback_data, str)
            assert len(button.callback_data.encode()) <= CALLBACK_BYTES


def topic(number: int) -> Topic:
    words = tuple(Term(f"word{number}{i}", "en", 1.0) for i in range(8))
    return Topic(number, words, words[:2], 0.01, 0.1)


def test_topics_page_by_page() -> None:
    topics = [topic(n) for n in range(20)]
    seen = set()
    first = 0
    for _ in range(5):
        text, keyboard = answers.topics_page(Texts("en"), topics, first)
        assert answers.length(plain(text)) <= answers.MESSAGE_MAX
        assert keyboard is not None
        presses = [decode(b.callback_data) for row in keyboard.inline_keyboard for b in row]
        seen |= {p.numbers[0] for p in presses if p and p.action == "topic"}
        onward = [
            p.numbers[0] for p in presses if p and p.action == "topics" and p.numbers[0] > first
        ]
        if not onward:
            break
        first = onward[0]
    assert seen == set(range(20))


@pytest.mark.parametrize("first", [-5, 10**12])
def test_topics_page_beyond_the_end(first: int) -> None:
    text, keyboard = answers.topics_page(Texts("en"), [topic(0)], first)
    assert "word00" in text
    assert keyboard is not None


def test_no_topics() -> None:
    assert answers.topics_page(Texts("en"), [], 0)[1] is None


@given(st.lists(anything, max_size=8), st.integers(1, 30))
def test_explanation_fits(names: list[str], count: int) -> None:
    words = tuple(Term(name, "en", 1.0) for name in names)
    why = Explanation(tuple(TopicShare(i, 1 / count, words) for i in range(count)), None)
    assert answers.length(plain(answers.explanation(Texts("en"), why))) <= answers.CAPTION_MAX


def test_annotation_says_so_when_there_are_no_words() -> None:
    texts = Texts("en")
    assert answers.annotation(texts, Annotation((), ())) == texts("see_nothing")
    seen = answers.annotation(texts, Annotation((Term("a<b", "en", 1),), (Term("t", "", 1),)))
    assert unescape(plain(seen)) == "I see: a<b\nHashtags: #t"
    assert "a&lt;b" in seen


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
