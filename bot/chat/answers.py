"""How answers look in Telegram: HTML, cut to the limits at a word, and keyboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final, Literal

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.chat.buttons import encode
from bot.chat.texts import LANGUAGES, Html, Texts
from engine.results import Annotation, Explanation, Term, Topic
from engine.store import LeftOut, Post

#: Telegram's limits, after the markup is taken out. It counts characters; here an emoji counts
#: as two (UTF-16), which is never too long.
CAPTION_MAX: Final = 1024
MESSAGE_MAX: Final = 4096
ALBUM_MAX: Final = 10
TITLE_MAX: Final = 64
CALLBACK_TEXT_MAX: Final = 200
#: What one post may take of the list under an album.
LINE_MAX: Final = 90
WORDS_MAX: Final = 40
TOPICS_PER_PAGE: Final = 8
BUTTONS_PER_ROW: Final = 4
#: t.me, instagram.com, ...: only such links are made clickable.
HELD_OUT: Final = "held_out_posts"
LINK_SCHEMES: Final = ("http://", "https://", "tg://")


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


def percent(closeness: float) -> int:
    """Return closeness as it is shown, 0 to 100."""
    return round(100 * min(1.0, max(0.0, closeness)))


def _link(texts: Texts, url: str | None, source: str | None = None) -> str:
    if url and url.startswith(LINK_SCHEMES):
        return f'<a href="{escape(url)}">{escape(texts("source"))}</a>'
    return escape(source) if source else ""


def _in_rows(buttons: Sequence[InlineKeyboardButton]) -> list[list[InlineKeyboardButton]]:
    return [
        list(buttons[start : start + BUTTONS_PER_ROW])
        for start in range(0, len(buttons), BUTTONS_PER_ROW)
    ]


def post_caption(
    texts: Texts, post: Post, *, number: int | None = None, closeness: float | None = None
) -> str:
    """Caption of a post's photo: its number, closeness and link, then its text."""
    head = []
    if number is not None:
        head.append(f"<b>{number}</b>")
    if closeness is not None:
        head.append(f"{percent(closeness)} %")
    if link := _link(texts, post.url, post.source):
        head.append(link)
    first = " · ".join(head)
    shown = len("999 · 100 % · ") + length(texts("source") if post.url else post.source or "")
    text = cut(post.text.strip(), CAPTION_MAX - shown - 2)
    return "\n".join(part for part in (first, escape(text)) if part)


def post_line(texts: Texts, post: Post, number: int, closeness: float | None) -> str:
    """One post in the list under an album."""
    text = escape(cut(" ".join(post.text.split()), LINE_MAX))
    share = "" if closeness is None else f" {percent(closeness)} %"
    tail = _link(texts, post.url, post.source)
    missing = "" if post.photo or post.file else f"({escape(texts('photo_missing'))})"
    parts = " · ".join(part for part in (text, missing, tail) if part)
    return f"<b>{number}</b>{share} {parts}".rstrip()


def terms(items: Sequence[Term], *, mark: str = "") -> Html:
    """Words or hashtags by comma, escaped."""
    return Html(", ".join(escape(mark + cut(item.text, WORDS_MAX)) for item in items))


def annotation(texts: Texts, seen: Annotation) -> str:
    """Say what the bot sees in a photo."""
    lines = []
    if seen.words:
        lines.append(texts("see", words=terms(seen.words)))
    if seen.tags:
        lines.append(texts("see_tags", tags=terms(seen.tags, mark="#")))
    return "\n".join(lines) or texts("see_nothing")


def words(items: Sequence[str], limit: int = 10) -> str:
    """Users' own words by comma, each cut, not too many."""
    shown = [cut(item, WORDS_MAX) for item in items[:limit]]
    return ", ".join(shown) + (", …" if len(items) > limit else "")


def vote_button(
    action: Literal["up", "down"], query: int, key: int, *, chosen: bool
) -> InlineKeyboardButton:
    """Thumb up or down for a post of an answer; the one that was chosen is marked."""
    thumb = "👍" if action == "up" else "👎"
    return InlineKeyboardButton(
        thumb + ("✓" if chosen else ""), callback_data=encode(action, query, key)
    )


def answer_keyboard(
    texts: Texts,
    query: int,
    numbered: Mapping[int, int],
    *,
    more: int | None,
) -> InlineKeyboardMarkup:
    """Buttons under an answer: like this, up, down for each post; then more, explain.

    Parameters
    ----------
    numbered
        Number that is shown, to the post's key.
    more
        Offset of the next page, or None where there is none.
    """
    rows = [
        [
            InlineKeyboardButton(f"{number} ≈", callback_data=encode("like", query, key)),
            vote_button("up", query, key, chosen=False),
            vote_button("down", query, key, chosen=False),
        ]
        for number, key in numbered.items()
    ]
    last = [InlineKeyboardButton(texts("button_explain"), callback_data=encode("explain", query))]
    if more is not None:
        last.insert(
            0, InlineKeyboardButton(texts("button_more"), callback_data=encode("more", query, more))
        )
    return InlineKeyboardMarkup([*rows, last])


def explanation(texts: Texts, why: Explanation) -> str:
    """Caption of the explaining picture: each topic's share and words."""
    lines = [
        f"{percent(share.share)} %: {terms(share.words)}" for share in why.topics if share.words
    ]
    text = texts("explain_caption", topics="") if lines else texts("explain_none")
    used = length(text)
    for line in lines:
        # Lines hold no markup but escapes, so this never underestimates.
        if used + length(line) + 1 > CAPTION_MAX:
            break
        text += "\n" + line
        used += length(line) + 1
    return text


def topics_page(
    texts: Texts, topics: Sequence[Topic], first: int
) -> tuple[str, InlineKeyboardMarkup | None]:
    """Lay out a page of the list of topics, with a button for each."""
    if not topics:
        return texts("topics_empty"), None
    first = min(max(0, first), len(topics) - 1) // TOPICS_PER_PAGE * TOPICS_PER_PAGE
    page = topics[first : first + TOPICS_PER_PAGE]
    lines = [texts("topics", first=first + 1, last=first + len(page), all=len(topics)), ""]
    for topic in page:
        line = f"<b>{topic.topic + 1}</b> {terms(topic.words[:6])}"
        if topic.tags:
            line += f" <i>{terms(topic.tags[:3], mark='#')}</i>"
        lines.append(f"{line} · {100 * topic.size:.1f} %")
    buttons = [
        InlineKeyboardButton(str(topic.topic + 1), callback_data=encode("topic", topic.topic, 0))
        for topic in page
    ]
    rows = _in_rows(buttons)
    move = []
    if first:
        move.append(
            InlineKeyboardButton(
                texts("button_previous"),
                callback_data=encode("topics", max(0, first - TOPICS_PER_PAGE)),
            )
        )
    if first + TOPICS_PER_PAGE < len(topics):
        move.append(
            InlineKeyboardButton(
                texts("button_next"), callback_data=encode("topics", first + TOPICS_PER_PAGE)
            )
        )
    return "\n".join(lines), InlineKeyboardMarkup([*rows, move] if move else rows)


def topic_keyboard(texts: Texts, topic: int, more: int | None) -> InlineKeyboardMarkup | None:
    """Button under a topic's posts, where there are more."""
    if more is None:
        return None
    button = InlineKeyboardButton(texts("button_more"), callback_data=encode("topic", topic, more))
    return InlineKeyboardMarkup([[button]])


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
        parts = [text, f"<i>{rule}: {why}</i>", _link(texts, item.url)]
        lines.append(f"<b>{place}</b> " + " · ".join(part for part in parts if part))
        assert item.number is not None
        buttons.append(
            InlineKeyboardButton(
                texts("button_keep", n=place), callback_data=encode("keep", item.number)
            )
        )
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
        [
            [InlineKeyboardButton(example, callback_data=encode("example", index))]
            for index, example in enumerate(texts.examples)
        ]
    )


def languages_keyboard() -> InlineKeyboardMarkup:
    """One button for each language."""
    return InlineKeyboardMarkup(
        [
            [
                InlineKeyboardButton(name, callback_data=encode("language", index))
                for index, name in enumerate(LANGUAGES.values())
            ]
        ]
    )
