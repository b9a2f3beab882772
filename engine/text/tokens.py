"""What a text is turned into: tokens and bags of tokens."""

from __future__ import annotations

from typing import NamedTuple


class Token(NamedTuple):
    """One word or hashtag.

    Attributes
    ----------
    key
        The form that the vocabulary counts: an English stem, a Russian lemma (with ``е`` for
        ``ё``), a lower-cased word or character bigram of another script, or a hashtag in lower
        case without ``#`` and ``_``. Never empty, never longer than `engine.text.words.MAX_KEY`
        (`engine.text.hashtags.MAX_TAG` for a hashtag), without spaces.
    surface
        The form as typed, lower-cased.
    language
        ``"en"`` for Latin script, ``"ru"`` for Cyrillic, ``""`` for anything else, which
        includes Cyrillic letters that Russian does not have.
    """

    key: str
    surface: str
    language: str


class TextBag(NamedTuple):
    """The tokens of one text, in order and with repeats.

    Attributes
    ----------
    lemmas
        Words, stop words dropped; the words of hashtags are among them, and behind them all the
        names of emoji that stand for things.
    tags
        Hashtags.
    minus
        Words and hashtags that a query excludes; empty for a post's text.
    emoji
        So many of the lemmas, the last ones, are names of emoji.
    rest
        A query's text without what it excludes, as a sentence encoder reads it.
    """

    lemmas: tuple[Token, ...] = ()
    tags: tuple[Token, ...] = ()
    minus: tuple[Token, ...] = ()
    emoji: int = 0
    rest: str = ""

    @property
    def typed(self) -> tuple[Token, ...]:
        """The lemmas that were typed as words."""
        return self.lemmas[: len(self.lemmas) - self.emoji]
