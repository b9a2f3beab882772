"""From a post's text, or a query, to a bag of tokens."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator

from engine.text.clean import clean
from engine.text.emoji_names import things_in
from engine.text.hashtags import split_tag, tag_key
from engine.text.scripts import RUSSIAN, mark_class, split_scripts
from engine.text.tokens import TextBag, Token
from engine.text.words import analyse, is_russian_word

# Scripts whose words contain combining marks.
_MARKED = re.compile("[\u0300-\u036f\u0483-\u0489\u0530-\u1dff\u20d0-\u20ff\u2e80-\U000e01ef]")
_LETTER = re.compile(r"[^\W\d_]")

# A figure counts as a word when it stands alone: neither a date nor a price nor a score.
_NUMBER_BEFORE = frozenset(" \n\t(\"'«“[")
_NUMBER_AFTER = re.compile(r"(?:[.,!?;:)\]\"'»”]*(?:\s|$))")
_NUMBERS = {
    "en": ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    "ru": ("один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять", "десять"),
}

# `-people`, `−люди`, `-#cat`, `-"red car"`: a dash right before a word, none after one.
_MINUS = re.compile(
    r"(?:^|(?<=[\s(,]))[-−–﹣－‐‑](?:[\"«“](?P<phrase>[^\"«»“”]{1,200})[\"»”]"
    r"|(?P<word>#?[^\W\d_](?:[\w'-]|[^\x00-\u02ff\s\W])*))"
)


@functools.cache
def _token_pattern(marked: bool) -> re.Pattern[str]:
    marks = mark_class() if marked else ""
    letter = f"(?:[^\\W_]|[{marks}])" if marks else r"[^\W_]"
    return re.compile(rf"#(?P<tag>(?:{letter}|_)+)|{letter}+(?:['\-‐‑]{letter}+)*")


def _pattern_for(text: str) -> re.Pattern[str]:
    return _token_pattern(not text.isascii() and _MARKED.search(text) is not None)


def _tag_token(tag: str) -> Token | None:
    key = tag_key(tag)
    if not key:
        return None
    scripts = {script for _, script in split_scripts(key)}
    language = ""
    if scripts == {"latin"}:
        language = "en"
    elif scripts == {"cyrillic"} and all(char in RUSSIAN or not char.isalpha() for char in key):
        language = "ru"
    return Token(key, "_".join(tag.replace("#", "").lower().split()), language)


def _tag_words(tag: str) -> Iterator[Token]:
    words = split_tag(tag)
    for word in words:
        lower = word.lower()
        # Of a fused Russian tag nothing but itself is known; as a lemma it would be a guess.
        if len(words) > 1 or not RUSSIAN.issuperset(lower) or is_russian_word(lower):
            yield from analyse(lower)


def _number(text: str, start: int, end: int) -> tuple[Token, ...]:
    if end - start > 2 or (start and text[start - 1] not in _NUMBER_BEFORE):
        return ()
    value = int(text[start:end])
    if not 1 <= value <= 10 or not _NUMBER_AFTER.match(text, end):
        return ()
    # The language is that of the next letter, or of one before; near by, to bound the work.
    letter = _LETTER.search(text, end, end + 100) or _LETTER.search(
        text, max(0, start - 100), start
    )
    if letter is None:
        return ()
    language = "ru" if "\u0400" <= letter.group() < "\u0530" else "en"
    return analyse(_NUMBERS[language][value - 1])


def _emoji(text: str, typed: Iterable[Token]) -> list[Token]:
    """Words of the emoji in a text that are not in it anyway, in its languages; else in both."""
    things = things_in(text)
    if not things:
        return []
    english, russian = (re.search(letters, text) for letters in ("[A-Za-z]", "[а-яА-Я]"))
    known = {token.key for token in typed}
    return [
        token
        for names in things
        for name, spoken in zip(names, (english, russian), strict=True)
        if spoken or not (english or russian)
        for word in name.split()
        for token in analyse(word.lower())
        if token.key not in known
    ]


class TextPipeline:
    """Turns texts into bags of tokens. Holds no state: share it, copy it, use it from threads.

    Dictionaries are loaded at the first word that needs them and shared by all pipelines.
    """

    def __call__(self, text: str, tags: Iterable[str] | None = None) -> TextBag:
        """Tokens of a post.

        Parameters
        ----------
        text
            Any string; the first `engine.text.clean.MAX_CHARS` characters of it are read.
        tags
            The post's hashtags, with or without ``#``; None takes them from the text. The
            words of a hashtag count among the lemmas once, whether it is in the text, in
            `tags` or in both.

        Returns
        -------
        TextBag
            Without `minus`.
        """
        text = clean(text)
        lemmas, found = self._scan(text)
        emoji = _emoji(text, lemmas)
        if tags is None:
            return TextBag((*lemmas, *emoji), tuple(found), emoji=len(emoji))
        seen = {token.key for token in found}
        given: list[Token] = []
        for tag in tags:
            plain = clean(tag).replace("#", " ").strip()
            token = _tag_token(plain)
            if token is None:
                continue
            given.append(token)
            if token.key not in seen:
                seen.add(token.key)
                for match in _pattern_for(plain).finditer(plain):
                    lemmas.extend(_tag_words(match.group()))
        return TextBag((*lemmas, *emoji), tuple(given), emoji=len(emoji))

    def query(self, text: str) -> TextBag:
        """Tokens of a query; those of ``-word``, ``-#tag`` and ``-"some words"`` apart.

        Do not use it for posts: machine-made texts have stray dashes before words.

        Parameters
        ----------
        text
            As typed by the user.
        """
        text = clean(text)
        minus: list[Token] = []
        for match in _MINUS.finditer(text):
            lemmas, tags = self._scan(match["phrase"] or match["word"])
            # `-#SunsetOverSea` excludes the tag, not every post with a sea.
            minus += tags if len(lemmas) > 1 and tags else [*tags, *lemmas]
        rest = _MINUS.sub(" ", text)
        lemmas, tags = self._scan(rest)
        emoji = _emoji(text, lemmas)
        return TextBag(
            (*lemmas, *emoji),
            tuple(tags),
            tuple(dict.fromkeys(minus)),
            len(emoji),
            " ".join(rest.replace("#", " ").split()),
        )

    def _scan(self, text: str) -> tuple[list[Token], list[Token]]:
        lemmas: list[Token] = []
        tags: list[Token] = []
        for match in _pattern_for(text).finditer(text):
            tag = match["tag"]
            if tag is not None:
                token = _tag_token(tag) if _LETTER.search(tag) else None
                if token is not None:
                    tags.append(token)
                    lemmas.extend(_tag_words(tag))
                continue
            word = match.group()
            if word.isdecimal():
                lemmas.extend(_number(text, match.start(), match.end()))
            elif len(word) > 1:
                lemmas.extend(analyse(word.lower()))
        return lemmas, tags
