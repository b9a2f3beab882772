"""From a raw text to plain words and hashtags: what is not language goes.

Order matters: entities hide markup, compatibility characters hide ``#`` and ``@``, and an
address inside markup must go before the markup does.
"""

from __future__ import annotations

import functools
import html
import re
import unicodedata

import ftfy

#: Characters of one text that are read; what follows is ignored, so that work is bounded.
#: Telegram's own limit for a message is 4,096.
MAX_CHARS = 65_536

# Soft hyphen, zero-width and directional marks, variation selectors, byte-order mark. They are
# deleted rather than replaced by a space: in posts they sit within words (to hide them from
# filters, or left by a word processor) far more often than between them.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufff9-\uffff]")
# Marks that are left once letters are composed: struck through, underlined, encircled, heaped up,
# stress. No word of the languages that are told apart here differs in them alone.
_OVERLAY = re.compile("[\u0300-\u036f\u0483-\u0489\u20d0-\u20f0]")
_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")

# Of ftfy's repairs the decoding alone: texts are shown as they were typed, but for that.
_ENCODING = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    remove_control_chars=False,
    normalization=None,
    explain=False,
)

_IN_ADDRESS = r"""[^\s<>"'()\[\]{}«»“”„|\\^`]"""
_URL = re.compile(
    rf"\b(?:(?:https?|ftp|tg)://|mailto:|www\.){_IN_ADDRESS}*"
    # A domain without a scheme. Endings that are also words need a path after them.
    r"|(?<![\w@.-])(?:[\w-]{1,63}\.){1,8}"
    rf"(?:(?:com|net|org|info|biz|edu|gov|io|ru|su|рф|ua|kz|uk|de|fr|jp|tv)\b(?:/{_IN_ADDRESS}*)?"
    rf"|(?:me|co|ly|be|by|cc|gl|gd|it|is|in|us|to|eu|app|link|page|site)/{_IN_ADDRESS}*)"
    # What is left of a link at the end of a shortened text.
    r"|\b(?:https?|htt?)[:/]*(?:\.\.\.|…)",
    re.IGNORECASE,
)
# The look-behind lets a match start only at the start of a run: linear time on any text.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_RETWEET = re.compile(r"\b(?:RT|MT|via)\s*:?\s*(?=@)")
_MENTION = re.compile(r"(?<!\w)@\w[\w.]{0,63}")
_MARKUP = re.compile(r"</?[a-zA-Z!][^<>]{0,1000}>")


# Letters between brackets that are one character: NFKC would leave the brackets.
_BRACKETED = {
    start + place: chr(first + place)
    for start, first in ((0x249C, 97), (0x1F110, 65))
    for place in range(26)
}


@functools.cache
def _fancy_letters() -> dict[int, str]:
    """Small capitals and white letters on black, which NFKC leaves alone -> plain letters."""
    plain = {start + place: chr(97 + place) for start in (0x1F150, 0x1F170) for place in range(26)}
    for code in (*range(0x250, 0x2B0), *range(0x1D00, 0x1D80), *range(0xA730, 0xA7F0)):
        name = unicodedata.name(chr(code), "").removeprefix("LATIN LETTER SMALL CAPITAL ")
        if len(name) == 1:
            plain[code] = name.lower()
    return plain


def fold(text: str) -> str:
    """Bring letters that are written to look special to the plain ones, and hide what is unseen.

    NFKC (which has the mathematical, encircled and wide letters), small capitals, letters struck
    through or underlined, invisible characters; letter case is kept where it is one.

    Parameters
    ----------
    text
        Any string.
    """
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text).translate(_BRACKETED))
    return _OVERLAY.sub("", text).translate(_fancy_letters())


def repair_encoding(text: str) -> str:
    """Undo accidents of encoding: split surrogate pairs, UTF-8 read as cp1252, cp1251, ...

    Parameters
    ----------
    text
        Any string, with lone surrogates, too.

    Returns
    -------
    str
        A string that can be encoded as UTF-8; what cannot be repaired stays, or is U+FFFD.
    """
    # U+0085 alone says nothing of the encoding: it is what some programs end lines with.
    return text if text.replace("\x85", "").isascii() else ftfy.fix_text(text, _ENCODING)


def clean(text: str) -> str:
    """Strip what is not words: addresses, mentions, mark-up, invisible characters.

    Parameters
    ----------
    text
        Any string; only its first `MAX_CHARS` characters are read.

    Returns
    -------
    str
        NFKC-normalised text of at most `MAX_CHARS` characters, letter case kept.
    """
    text = repair_encoding(text[:MAX_CHARS])
    if "&" in text:
        text = html.unescape(html.unescape(text))
    text = _CONTROL.sub(" ", text)
    if not text.isascii():
        text = _KEYCAP.sub(" ", text)
        text = fold(text)[:MAX_CHARS]
        text = text.replace("’", "'").replace("ʼ", "'").replace("‘", "'")
    if "@" in text:
        text = _RETWEET.sub(" ", text)
        text = _EMAIL.sub(" ", text)
        text = _MENTION.sub(" ", text)
    text = _URL.sub(" ", text)
    if "<" in text:
        text = _MARKUP.sub(" ", text)
    return text
