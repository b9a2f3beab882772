"""Exact words: what a post's text and a query are indexed and looked up by, rare words included.

The keys are those of the text pipeline (lemmas, stems, hashtags), but nothing is left out for
being rare: numbers stand as they are typed, and stop words count within a quoted phrase.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from engine.text.clean import clean
from engine.text.hashtags import tag_key
from engine.text.pipeline import _MINUS, _pattern_for, _tag_words
from engine.text.words import MAX_KEY, analyse

EDITION: Final = 1
"""Raise it when a change of the text pipeline changes keys: libraries are then indexed anew."""

WORDS_MAX: Final = 32
"""Words, phrases and minus-words of a query that are looked up."""

GAP: Final = "¦"
"""Stands between text and hashtags, so that no phrase reaches over it."""

_PHRASE: Final = re.compile(r"[\"«“„]([^\"«»“”„]{1,200})[\"»”“]")

Phrase = tuple[str, ...]


class ExactQuery(NamedTuple):
    """What of a query can be looked up word by word.

    Attributes
    ----------
    words
        Keys of the words, those of the phrases among them; without stop words.
    phrases
        Keys of each quoted phrase, in order.
    minus
        The same of what is excluded; a word is a phrase of one.
    """

    words: tuple[str, ...]
    phrases: tuple[Phrase, ...]
    minus: tuple[Phrase, ...]


def _keys(text: str, *, stop_words: bool) -> Iterator[str]:
    for match in _pattern_for(text).finditer(text):
        word = match.group().lower()
        if match["tag"] is not None:
            if key := tag_key(match["tag"]):
                yield "#" + key
        elif word.isdecimal():
            yield word[:MAX_KEY]
        elif tokens := analyse(word):
            yield from (token.key for token in tokens)
        elif stop_words:
            yield word[:MAX_KEY]


def index_text(text: str, tags: Iterable[str] = ()) -> str:
    """Keys of a post's text in order, then its hashtags and their words, separated by blanks."""
    keys = list(_keys(clean(text), stop_words=True))
    marks = [match["tag"] for match in _pattern_for(text).finditer(clean(text)) if match["tag"]]
    marks += [clean(tag).replace("#", "").replace(" ", "_") for tag in tags]
    for mark in dict.fromkeys(marks):
        words = [token.key for token in _tag_words(mark)]
        keys += [GAP, "#" + tag_key(mark), GAP, *words] if tag_key(mark) else []
    return " ".join(keys)


def parse(text: str) -> ExactQuery:
    """Words, quoted phrases and minus-words of a query."""
    text = clean(text)
    minus = (
        tuple(_keys(match["phrase"] or match["word"], stop_words=True))
        for match in _MINUS.finditer(text)
    )
    text = _MINUS.sub(" ", text)
    phrases = (tuple(_keys(found, stop_words=True)) for found in _PHRASE.findall(text))
    return ExactQuery(
        tuple(dict.fromkeys(_keys(text, stop_words=False)))[:WORDS_MAX],
        tuple(dict.fromkeys(filter(None, phrases)))[:WORDS_MAX],
        tuple(dict.fromkeys(filter(None, minus)))[:WORDS_MAX],
    )
