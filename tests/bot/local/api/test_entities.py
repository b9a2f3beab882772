"""Markup to entities: known cases by hand, and whatever hypothesis can think of."""

# ruff: noqa: E501 - tables of cases read better one to a line

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.local.api.entities import format_text
from bot.local.errors import BadRequestError

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30)
# Words that nothing is found in by itself, and that no trimming touches.
WORD = st.text("abcжї😀<>&*_.!-`~|[]()#+={}\\", min_size=1, max_size=8).filter(
    lambda text: text.strip() == text
)


def cut(text: str, entity: dict) -> str:
    units = text.encode("utf-16-le")
    return units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode(
        "utf-16-le"
    )


@pytest.mark.parametrize(
    ("mode", "markup", "text", "entities"),
    [
        ("HTML", "<b>x</b>y", "xy", [("bold", "x")]),
        ("html", "😀<i>😀</i>", "😀😀", [("italic", "😀")]),
        ("HTML", "&lt;b&gt; &amp; &quot; &#65; &#x42; &nbsp;", '<b> & " A B &nbsp;', []),
        ("HTML", "<b>a<i>b</i></b>", "ab", [("bold", "ab"), ("italic", "b")]),
        ("HTML", "<pre><code class='language-py'>x</code></pre>", "x", [("pre", "x")]),
        ("HTML", "<code><b>x</b></code>", "x", [("code", "x")]),
        ("HTML", "<blockquote expandable>x</blockquote>", "x", [("expandable_blockquote", "x")]),
        ("HTML", "<a href='http://e.org'>x</a><a>y</a>", "xy", [("text_link", "x")]),
        ("HTML", "<a href='tg://user?id=5'>x</a>", "x", [("text_mention", "x")]),
        ("HTML", "<span class='tg-spoiler'>x</span><tg-spoiler>y</tg-spoiler>", "xy", [("spoiler", "x"), ("spoiler", "y")]),
        ("HTML", "<b></b>x <b> y </b>", "x  y", [("bold", " y")]),
        ("HTML", " \n <b> x</b> \r\n", "x", [("bold", "x")]),
        ("HTML", "<s>a</s><u>b</u><ins>c</ins><del>d</del>", "abcd", [("strikethrough", "a"), ("underline", "b"), ("underline", "c"), ("strikethrough", "d")]),
        (None, "/go@some_bot @you_know #тег #1 e@x.org https://e.org/a(b). e.com", None,
         [("bot_command", "/go@some_bot"), ("mention", "@you_know"), ("hashtag", "#тег"), ("email", "e@x.org"), ("url", "https://e.org/a(b"), ("url", "e.com")]),
        ("HTML", "<code>/go #tag</code> #tag", "/go #tag #tag", [("code", "/go #tag"), ("hashtag", "#tag")]),
        ("HTML", "<x>", None, 'Unsupported start tag "x" at byte offset 0'),
        ("HTML", "я<x>", None, 'Unsupported start tag "x" at byte offset 2'),
        ("HTML", "a < b", None, 'Unsupported start tag "" at byte offset 2'),
        ("HTML", "<b>x", None, 'Can\'t find end tag corresponding to start tag "b"'),
        ("HTML", "<b>x</i>", None, 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("HTML", "x</b>", None, "Unexpected end tag at byte offset 1"),
        ("HTML", "<b", None, "Unclosed start tag at byte offset 0"),
        ("HTML", "<span>x</span>", None, 'Tag "span" must have class'),
    ],
)  # fmt: skip
def test_known_cases(mode: str | None, markup: str, text: str | None, entities: object) -> None:
    if isinstance(entities, str):
        with pytest.raises(BadRequestError) as caught:
            format_text(markup, mode)
        assert "can't parse entities" in caught.value.description
        assert entities == "error" or entities in caught.value.description
        return
    formatted = format_text(markup, mode)
    assert formatted.text == (markup if text is None else text)
    assert [(e["type"], cut(formatted.text, e)) for e in formatted.entities] == entities


def test_unknown_modes() -> None:
    with pytest.raises(BadRequestError, match="unsupported parse_mode"):
        format_text("x", "BBCode")
    with pytest.raises(BadRequestError, match="knows HTML"):
        format_text("x", "MarkdownV2")


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(TEXT)
def test_escaped_text_comes_back(text: str) -> None:
    formatted = format_text(html.escape(text), "HTML")
    assert formatted.text == text.strip()
    assert formatted.entities == format_text(text).entities


@given(
    st.lists(
        st.tuples(
            WORD,
            st.sampled_from(
                ["", "bold", "italic", "underline", "strikethrough", "spoiler", "code"]
            ),
        ),
        max_size=8,
    )
)
def test_tags_become_entities_where_they_stand(parts: list[tuple[str, str]]) -> None:
    tags = {
        "bold": "b",
        "italic": "i",
        "underline": "u",
        "strikethrough": "s",
        "spoiler": "tg-spoiler",
        "code": "code",
    }
    as_html, plain, wanted = "", "", []
    for word, kind in parts:
        piece = word + "\u2063"  # An invisible separator keeps neighbours apart.
        if kind:
            as_html += f"<{tags[kind]}>{html.escape(piece)}</{tags[kind]}> "
            wanted.append(
                {"type": kind, "offset": utf16_length(plain), "length": utf16_length(piece)}
            )
        else:
            as_html += html.escape(piece) + " "
        plain += piece + " "
    formatted = format_text(as_html, "HTML")
    assert formatted.text == plain.strip()
    # Links, hashtags and the like are found by themselves.
    marked = [entity for entity in formatted.entities if entity["type"] in tags]
    assert marked == wanted


@given(
    st.one_of(
        st.text(max_size=60),
        st.text("<>/abi&;#x'\"= \n", max_size=40),
        st.lists(
            st.sampled_from(
                [
                    "<b>",
                    "</b>",
                    "<i>",
                    "</i>",
                    "<a href='e.org'>",
                    "</a>",
                    "<pre>",
                    "</pre>",
                    "x",
                    " ",
                    "<blockquote>",
                    "</blockquote>",
                ]
            ),
            max_size=14,
        ).map("".join),
    ),
    st.sampled_from(["HTML", None]),
)
def test_anything_is_parsed_or_refused(markup: str, mode: str | None) -> None:
    try:
        formatted = format_text(markup, mode)
    except BadRequestError:
        return
    assert formatted.text == formatted.text.strip()
    length = utf16_length(formatted.text)
    last = -1
    for entity in formatted.entities:
        assert 0 <= entity["offset"] < entity["offset"] + entity["length"] <= length
        assert entity["offset"] >= last
        last = entity["offset"]
        assert cut(formatted.text, entity)
