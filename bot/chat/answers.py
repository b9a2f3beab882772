"""How answers look in Telegram: HTML, cut to the limits at a word, and keyboards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final, Literal

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat.buttons import Action, encode
from bot.chat.texts import LANGUAGES, Html, Texts, plain
from engine.files import STARTER
from engine.results import Annotation, Explanation, Query, Term, Topic
from engine.store import LeftOut, Post
from engine.trends import growth

#: Telegram's limits, after the markup is taken out. It counts characters; here an emoji counts
#: as two (UTF-16), which is never too long.
CAPTION_MAX: Final = 1024
CALLBACK_TEXT_MAX: Final = 200
#: What one post may take of the list under a picture: a line on a desktop, two on a phone.
LINE_MAX: Final = 38
#: What is kept of a caption for the lines above the posts.
LEAD_MAX: Final = 420
WORDS_MAX: Final = 40
BUTTONS_PER_ROW: Final = 4
#: More buttons in a row are too narrow for a thumb.
NUMBERS_PER_ROW: Final = 8
TITLE_MAX: Final = 64
URL_MAX: Final = 500
HELD_OUT: Final = "held_out_posts"
LINK_SCHEMES: Final = ("http://", "https://", "tg://")
_HASHTAG: Final = re.compile(r"(?<![\w&])#\w+")
#: An address that somebody typed without a scheme: t.me/channel/12.
_BARE_ADDRESS: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,24}(/\S*)?", re.ASCII | re.I)


def length(text: str) -> int:
    """Length in UTF-16 code units, as Telegram counts entities."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """Cut a text to a limit at a word, with an ellipsis; a single long word is cut inside."""
    if length(text) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if length(text[:middle]) <= limit - 1:
            low = middle
        else:
            high = middle - 1
    head = text[:low]
    if low < len(text) and not text[low].isspace():
        word = max((i for i, sign in enumerate(head) if sign.isspace()), default=0)
        # Going back further would throw away most of the text.
        head = head[:word] if word * 2 > low else head
    return head.rstrip(" \t\n,;:.–—-") + "…"


def percent(share: float) -> int:
    """Return a share as it is shown, 0 to 100."""
    return round(100 * min(1.0, max(0.0, share)))


def address(url: str | None) -> str | None:
    """The address of a post as a link can have it; None where it is none."""
    url = (url or "").strip()
    if _BARE_ADDRESS.fullmatch(url):
        url = f"https://{url}"
    good = url.startswith(LINK_SCHEMES) and len(url) <= URL_MAX and not re.search(r"\s", url)
    return url if good else None


def source(post: Post) -> str:
    """Name of where a post came from; the starter's posts came from nowhere."""
    return "" if post.source in (None, STARTER) else str(post.source).strip()


def linked(text: str, url: str | None) -> str:
    """A text in HTML, as a link where there is an address."""
    found = address(url)
    return f'<a href="{escape(found)}">{escape(text)}</a>' if found else escape(text)


def _in_rows(
    buttons: Sequence[InlineKeyboardButton], most: int = BUTTONS_PER_ROW
) -> list[list[InlineKeyboardButton]]:
    """Buttons in as few rows as they fit in, all of about the same length."""
    rows = -(-len(buttons) // most)
    size = -(-len(buttons) // max(1, rows))
    return [list(buttons[start : start + size]) for start in range(0, len(buttons), max(1, size))]


def fitted(lines: Sequence[str], limit: int = CAPTION_MAX) -> str:
    """As many whole lines of HTML as fit into a limit, counted without their markup."""
    taken: list[str] = []
    used = 0
    for line in lines:
        more = length(plain(line)) + (1 if taken else 0)
        if used + more > limit:
            break
        taken.append(line)
        used += more
    return "\n".join(taken)


def post_caption(texts: Texts, post: Post, lead: Sequence[str] = ()) -> str:
    """Caption of a post that is shown by itself: its whole text, then its source.

    Parameters
    ----------
    lead
        Lines of HTML above it.
    """
    above = fitted(lead, LEAD_MAX)
    name = source(post)
    tail = linked(cut(name, TITLE_MAX) or texts("source"), post.url)
    if not address(post.url) and not name:
        tail = ""
    if post.date and tail:
        tail += f" · {escape(post.date[:10])}"
    room = CAPTION_MAX - length(plain(above)) - length(plain(tail)) - 4
    text = escape(cut(post.text.strip(), room))
    return "\n\n".join(part for part in (above, text, tail) if part)


def post_line(texts: Texts, post: Post, number: int, limit: int = LINE_MAX) -> str:
    """One post in the list under a picture: its number, and the start of its text as a link."""
    whole = " ".join(post.text.split())
    # Hashtags say nothing that the picture does not; they stand where the post is opened.
    text = " ".join(_HASHTAG.sub("", whole).split()) or whole or source(post) or texts("untitled")
    return f"<b>{number}</b> {linked(cut(text, limit), post.url)}"


def page_caption(
    texts: Texts, lead: Sequence[str], numbered: Mapping[int, Post], far: int | None
) -> str:
    """Caption of a picture of posts: what was understood, then a line for each post.

    Parameters
    ----------
    lead
        Lines of HTML above the posts.
    numbered
        Number that is shown, to the post.
    far
        The first number that is less close than the others.
    """
    above = fitted(lead, LEAD_MAX)
    less = texts("less_close")
    room = CAPTION_MAX - length(plain(above)) - length(plain(less)) - 4
    limit = min(LINE_MAX, max(10, room // max(1, len(numbered)) - len("10 ") - 1))
    lines: list[str] = []
    for number, post in numbered.items():
        if number == far:
            lines.append(less)
        lines.append(post_line(texts, post, number, limit))
    return "\n\n".join(part for part in (above, "\n".join(lines)) if part)


def terms(items: Sequence[Term], *, mark: str = "") -> Html:
    """Words or hashtags by comma, escaped."""
    return Html(", ".join(escape(mark + cut(item.text, WORDS_MAX)) for item in items))


def hashtags(items: Sequence[Term]) -> Html:
    """Hashtags by blanks, escaped."""
    return Html(" ".join(f"#{escape(cut(tag.text, WORDS_MAX))}" for tag in items))


def annotation(texts: Texts, seen: Annotation) -> list[str]:
    """Say what the bot sees in a photo."""
    lines = []
    if seen.words:
        lines.append(texts("see", words=terms(seen.words)))
    if seen.tags:
        lines.append(hashtags(seen.tags))
    return lines or [texts("see_nothing")]


def notes(texts: Texts, query: Query) -> list[str]:
    """Say what of a question was not understood, and what was left out."""
    lines = []
    # Of the words for an emoji, in two languages, only one may be known.
    typed = query.text.casefold()
    if unknown := [word for word in query.unknown if word.casefold() in typed]:
        lines.append(texts("unknown_some", words=words(unknown)))
    if near := nearest(query.suggestions):
        lines.append(texts("suggest", words=words(near)))
    if query.filters:
        lines.append(texts("filters", filters=words(query.filters)))
    if query.minus:
        lines.append(texts("without", words=words(query.minus)))
    return lines


def nearest(suggestions: Mapping[str, Sequence[str]]) -> list[str]:
    """The known words that unknown ones may be misspellings of, none twice."""
    return list(dict.fromkeys(word for options in suggestions.values() for word in options))


def words(items: Sequence[str], limit: int = 10) -> str:
    """Users' own words by comma, each cut, not too many."""
    shown = [cut(item, WORDS_MAX) for item in items[:limit]]
    return ", ".join(shown) + (", …" if len(items) > limit else "")


def _button(text: str, action: Action, *numbers: int) -> InlineKeyboardButton:
    return InlineKeyboardButton(text, callback_data=encode(action, *numbers))


def _pages(
    numbers: Sequence[InlineKeyboardButton],
    middle: InlineKeyboardButton | None,
    action: Action,
    *of: int,
    offset: int,
    size: int,
    more: bool,
) -> list[list[InlineKeyboardButton]]:
    """Rows of numbers, then back, a button between, and on."""
    back = _button("◀", action, *of, max(0, offset - size)) if offset else None
    on = _button("▶", action, *of, offset + size) if more else None
    move = [button for button in (back, middle, on) if button]
    return [*_in_rows(numbers, NUMBERS_PER_ROW), *([move] if move else [])]


def page_keyboard(
    texts: Texts,
    query: int,
    numbered: Mapping[int, int],
    *,
    offset: int,
    size: int,
    more: bool,
    photos: Sequence[int] = (),
) -> InlineKeyboardMarkup:
    """Buttons under a picture of posts: the numbers, then back, why, on.

    Parameters
    ----------
    numbered
        Number that is shown, to the post's key.
    offset, size
        Of the page.
    photos
        Questions about the single photos of an album.
    """
    numbers = [_button(str(number), "post", query, key) for number, key in numbered.items()]
    middle = _button(texts("button_explain"), "explain", query, offset)
    rows = _pages(numbers, middle, "page", query, offset=offset, size=size, more=more)
    each = [
        _button(texts("button_photo", n=place), "again", number)
        for place, number in enumerate(photos, start=1)
    ]
    return InlineKeyboardMarkup([*rows, *_in_rows(each, 5)])


def post_keyboard(
    texts: Texts, query: int, key: int, *, vote: int = 0, explain: bool = False
) -> InlineKeyboardMarkup:
    """Buttons under a post that is shown by itself.

    Parameters
    ----------
    query
        The question that it answers; 0: none, then nobody can vote.
    vote
        The person's vote on it, which is marked.
    explain
        Whether it is the whole answer, with its own "Why?".
    """
    row = [_button(texts("button_like"), "like", query, key)]
    if query:
        row += [vote_button(action, query, key, chosen=vote) for action in ("up", "down")]
    rows = [row]
    if explain and query:
        rows.append([_button(texts("button_explain"), "explain", query, 0)])
    return InlineKeyboardMarkup(rows)


def vote_button(
    action: Literal["up", "down"], query: int, key: int, *, chosen: int
) -> InlineKeyboardButton:
    """Thumb up or down for a post of an answer; the one that was chosen is marked."""
    thumb, value = ("👍", 1) if action == "up" else ("👎", -1)
    return _button(thumb + (" ✓" if chosen == value else ""), action, query, key)


def back_keyboard(texts: Texts, query: int, offset: int) -> InlineKeyboardMarkup:
    """The way back from an explanation to the posts."""
    return InlineKeyboardMarkup([[_button(texts("button_back"), "page", query, offset)]])


def explanation(texts: Texts, why: Explanation) -> str:
    """Caption of the explaining picture, which has a heading: each topic's share and words."""
    lines = [
        f"<b>{percent(share.share)} %</b> {terms(share.words)}"
        for share in why.topics
        if share.words
    ]
    return fitted(lines) if lines else texts("explain_none")


def topics_caption(texts: Texts, topics: Sequence[Topic], first: int, all_: int) -> str:
    """Caption of a page of topics: a line for each."""
    lines = [texts("topics", first=first + 1, last=first + len(topics), all=all_), ""]
    room = (CAPTION_MAX - length(plain(lines[0])) - 2) // max(1, len(topics)) - 1
    for number, topic in enumerate(topics, start=first + 1):
        named = cut(", ".join(term.text for term in topic.words[:6]), max(20, min(90, room - 5)))
        lines.append(f"<b>{number}</b> {escape(named)}")
    return fitted(lines)


def topics_keyboard(
    texts: Texts, topics: Sequence[Topic], first: int, size: int, all_: int
) -> InlineKeyboardMarkup:
    """A number for each topic, and the way to the other pages."""
    numbers = [
        _button(str(number), "topic", topic.topic, 0)
        for number, topic in enumerate(topics, start=first + 1)
    ]
    more = first + size < all_
    return InlineKeyboardMarkup(_pages(numbers, None, "topics", offset=first, size=size, more=more))


def topic_keyboard(
    texts: Texts, topic: int, numbered: Mapping[int, int], *, offset: int, size: int, more: bool
) -> InlineKeyboardMarkup:
    """Buttons under a topic's posts: the numbers, then back, all topics, on."""
    numbers = [_button(str(number), "post", 0, key) for number, key in numbered.items()]
    middle = _button(texts("button_topics"), "topics", 0)
    rows = _pages(numbers, middle, "topic", topic, offset=offset, size=size, more=more)
    return InlineKeyboardMarkup(rows)


def trend_line(number: int, title: str, times: float) -> str:
    """A topic that grew, in the caption of the picture of trends."""
    return f"<b>{number}</b> {escape(cut(title, LINE_MAX))} · {growth(times)}"


def trend_buttons(topics: Sequence[int]) -> list[InlineKeyboardButton]:
    """A number for each topic that grew."""
    return [_button(str(number), "topic", topic, 0) for number, topic in enumerate(topics, 1)]


def question_title(query: Query, seen: Annotation | None, asked: str) -> str:
    """A question that was asked before, in few words: as it was typed, and what its photo shows.

    Parameters
    ----------
    seen
        What is seen in the photo; None where there was none.
    asked
        When, ISO 8601.
    """
    # Hashtags and quoted words are filters, and stand in the text, too.
    named = [filter_ for filter_ in query.filters if filter_ not in query.text]
    typed = " ".join([*named, query.text]).strip()
    if seen is None:
        return typed
    words = ", ".join(term.text for term in seen.words[:3])
    # Two photos of the same things are two questions.
    return " · ".join(part for part in (f"📷 {words}", typed, asked[11:16]) if part)


def history_keyboard(titles: Mapping[int, str]) -> InlineKeyboardMarkup:
    """A button for each question that was asked before: its number in the store, to its words."""
    return InlineKeyboardMarkup(
        [[_button(cut(title, TITLE_MAX), "again", number)] for number, title in titles.items()]
    )


def left_out_page(
    texts: Texts, items: Sequence[LeftOut], counts: Mapping[str, int]
) -> tuple[str, InlineKeyboardMarkup | None]:
    """Lay out what cleaning left out lately, with a button to keep each after all."""
    if not items:
        return texts("left_out_none"), None
    lines = [texts("left_out", rules=left_out_rules(texts, counts))]
    buttons = []
    for place, item in enumerate(items, start=1):
        text = escape(cut(" ".join(item.text.split()), LINE_MAX))
        why = escape(cut(item.why, WORDS_MAX))
        rule = texts(f"rule_{item.rule}", n=1)
        link = linked(texts("source"), item.url) if address(item.url) else ""
        parts = [text, f"<i>{rule}: {why}</i>", link]
        lines.append(f"<b>{place}</b> " + " · ".join(part for part in parts if part))
        assert item.number is not None
        buttons.append(_button(texts("button_keep", n=place), "keep", item.number))
    return "\n".join(lines), InlineKeyboardMarkup(_in_rows(buttons))


def left_out_rules(texts: Texts, counts: Mapping[str, int]) -> str:
    """What was left out by each rule, most first: ``3 adverts, 1 near-duplicate photo``."""
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{count} {texts(f'rule_{rule}', n=count)}" for rule, count in ordered)


def quality(texts: Texts, measured: Mapping[str, Any]) -> list[str]:
    """Lay out the model's measured quality, a line a figure; those without a meaning are left out.

    Parameters
    ----------
    measured
        ``held_out_posts`` is a number of posts, ``corpus`` says of what; all others are per cent.
    """
    lines = []
    for name, meaning in texts.quality.items():
        if name not in measured:
            continue
        line = f"{meaning}: {measured[name]:.0f}"
        if name != HELD_OUT:
            line += " %"
        elif corpus := measured.get("corpus"):
            line += f" ({escape(str(corpus))})"
        lines.append(line)
    return lines


def examples_keyboard(texts: Texts) -> InlineKeyboardMarkup:
    """Examples to press on /start."""
    return InlineKeyboardMarkup(
        [[_button(example, "example", index)] for index, example in enumerate(texts.examples)]
    )


def languages_keyboard() -> InlineKeyboardMarkup:
    """One button for each language."""
    return InlineKeyboardMarkup(
        [[_button(name, "language", index) for index, name in enumerate(LANGUAGES.values())]]
    )
