"""From one word as typed to its tokens: stop words, stems, lemmas.

A word is analysed once and remembered (`analyse` is cached): the language of posts is Zipf's,
and nearly every word of a text has been seen before.
"""

from __future__ import annotations

import functools
import re
import threading
import unicodedata
from collections.abc import Mapping
from typing import Any

from engine.text.english import stem
from engine.text.scripts import RUSSIAN, Script, bigrams, split_scripts
from engine.text.stopwords import EN, RU
from engine.text.tokens import Token

#: Longest key; a longer run of letters is no word (a key, a hash, a held-down key).
MAX_KEY = 40

#: Words remembered: some 300 bytes each.
CACHE_SIZE = 65_536

_RUN = re.compile(r"(.)\1{2,}")
_NOT_EN = re.compile(r"n't$")
_CLITIC = re.compile(r"'(?:s|m|d|re|ve|ll)$")
_HYPHENS = re.compile("[-‐‑]")
_PLAIN_LATIN = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"}
)

# What pymorphy's dictionary cannot know: which of two equally probable lemmas a caption means,
# and the first halves of compound colours. Form -> lemma.
_RU_FORMS = {
    **dict.fromkeys(("стоит", "стоят", "стоим"), "стоять"),
    **dict.fromkeys(("двое", "двоих", "двоим", "двоими", "оба", "обе"), "два"),
    **dict.fromkeys(("трое", "троих", "троим", "троими"), "три"),
    **dict.fromkeys(("четверо", "четверых", "четверым", "четверыми"), "четыре"),
    "черно": "черный",
    "бело": "белый",
    "красно": "красный",
    "темно": "темный",
    "светло": "светлый",
    "сине": "синий",
    "зелено": "зеленый",
    "желто": "желтый",
    "серо": "серый",
    "коричнево": "коричневый",
    "розово": "розовый",
    "ярко": "яркий",
    **dict.fromkeys(("парке", "парка", "парки"), "парк"),
}

# Comparatives and participles that the dictionary gives a lemma of their own. Lemma -> lemma.
_RU_LEMMAS = {"больший": "большой", "меньший": "маленький", "стоящий": "стоять"}

_morphology_lock = threading.RLock()


@functools.cache
def _morphology() -> Any:
    # Imported at the first Cyrillic word: an English-only process never loads the dictionary.
    import pymorphy3

    return pymorphy3.MorphAnalyzer(lang="ru")


def is_russian_word(word: str) -> bool:
    """Whether pymorphy's dictionary holds the word (lower-cased, ``е`` may stand for ``ё``)."""
    with _morphology_lock:
        return bool(_morphology().word_is_known(word))


def russian_lemma(word: str) -> str:
    """Lemma of a Russian word, with ``е`` for ``ё``.

    The probabilities of all parses that share a lemma are added up, since one form often has
    several cases of the right noun against a single parse of a rare one.

    Parameters
    ----------
    word
        Lower-cased, Russian letters only.
    """
    word_e = word.replace("ё", "е")
    if word_e in _RU_FORMS:
        return _RU_FORMS[word_e]
    chances: dict[str, float] = {}
    with _morphology_lock:
        for parse in _morphology().parse(word):
            lemma = parse.normal_form.replace("ё", "е")
            chances[lemma] = chances.get(lemma, 0.0) + parse.score
    lemma = max(chances, key=chances.__getitem__, default=word_e)
    return _RU_LEMMAS.get(lemma, lemma)


@functools.lru_cache(maxsize=CACHE_SIZE)
def russian_verb(word: str) -> str:
    """Tell the form of a verb: ``past``, ``impr``, ``infn``, ``1per`` ... ``3per``; else nothing.

    Parameters
    ----------
    word
        Lower-cased.
    """
    if not RUSSIAN.issuperset(word) or len(word) > MAX_KEY:
        return ""
    with _morphology_lock:
        tags = [parse.tag for parse in _morphology().parse(word)]
    if tags[0].POS == "INFN":
        return "infn"
    if tags[0].POS != "VERB":
        return ""
    # `звоните` is "you call" as well; where posts say it, it is mostly "call!".
    if any(tag.mood == "impr" for tag in tags):
        return "impr"
    return str(tags[0].person or tags[0].tense or "")


def russian_heading(lemma: str, forms: Mapping[str, int]) -> str | None:
    """Find the dictionary heading of a lemma: how a reader expects to see it in a list.

    A verb in the infinitive, an adjective in the masculine; a noun in the singular nominative,
    or in the plural if that is how people use it (`лыжи`, `волосы`).

    Parameters
    ----------
    lemma
        As `russian_lemma` gives it.
    forms
        The forms of it that were typed, with their counts.

    Returns
    -------
    str or None
        None if the dictionary does not hold the word.
    """
    with _morphology_lock:
        parses = _morphology().parse(lemma)
        heading = next(
            (p for p in parses if p.is_known and p.normal_form.replace("ё", "е") == lemma), None
        )
        if heading is None:
            return None
        if "NOUN" in heading.tag and "Sgtm" not in heading.tag:
            plural = 0
            for form, count in forms.items():
                of_lemma = (
                    p
                    for p in _morphology().parse(form)
                    if p.normal_form == heading.normal_form and "NOUN" in p.tag
                )
                first = next(of_lemma, None)
                plural += count if first is not None and first.tag.number == "plur" else 0
            if 3 * plural > 2 * sum(forms.values()):
                inflected = heading.inflect({"plur", "nomn"})
                if inflected is not None:
                    return str(inflected.word)
        return str(heading.normal_form)


def _english(word: str) -> Token | None:
    # Latin letters of any language come here: accents are dropped (they are typed and left
    # out at will), and three same letters in a row are no spelling (`coooool`).
    plain = word
    if not word.isascii():
        plain = unicodedata.normalize("NFKD", word.translate(_PLAIN_LATIN))
        plain = "".join(char for char in plain if not unicodedata.combining(char))
    if _RUN.search(plain) and not any(char.isdigit() for char in plain):
        if _RUN.sub(r"\1", plain) in EN:
            return None
        plain = _RUN.sub(r"\1\1", plain)
    if plain in EN or len(plain) < 2:
        return None
    return Token(stem(plain), word, "en")


def _cyrillic(word: str) -> Token | None:
    plain = word
    if not RUSSIAN.issuperset(word):
        # Stress marks go; anything else (a Ukrainian letter, a digit) leaves the word as it is.
        plain = unicodedata.normalize(
            "NFC", "".join(char for char in word if char not in "\u0300\u0301")
        )
        if not RUSSIAN.issuperset(plain):
            key = plain.replace("ё", "е")
            digit = any(char.isdigit() for char in plain)
            return Token(key, word, "ru" if digit else "") if len(key) > 1 else None
    if _RUN.search(plain):
        shorter = _RUN.sub(r"\1", plain)
        double = _RUN.sub(r"\1\1", plain)
        plain = shorter if is_russian_word(shorter) and not is_russian_word(double) else double
    if len(plain) < 2 or plain.replace("ё", "е") in RU:
        return None
    lemma = russian_lemma(plain)
    # `есть` is "there is" as typed, but as a lemma it is "to eat".
    if (lemma in RU and lemma != "есть") or len(lemma) < 2:
        return None
    return Token(lemma, word, "ru")


def _piece(piece: str, script: Script) -> list[Token]:
    token: Token | None
    if script == "latin":
        token = _english(piece)
    elif script == "cyrillic":
        token = _cyrillic(piece)
    elif script == "unspaced":
        # Figures stand among these characters without spaces as well.
        letters = "".join(char for char in piece if not char.isnumeric() or char >= "\u3400")
        return [Token(pair, pair, "") for pair in bigrams(letters)]
    else:
        if script in ("hiragana", "katakana"):
            piece = piece.rstrip("0123456789")
        # One hiragana is a particle; one letter of any script says nothing.
        token = Token(piece, piece, "") if len(piece) > 1 else None
    return [token] if token and len(token.key) <= MAX_KEY else []


def _join_or_split(word: str) -> list[str]:
    """Undo apostrophes and hyphens: `dog's` -> dog, `t-shirt` -> tshirt, `well-known` -> two."""
    if "'" in word:
        if _NOT_EN.search(word):  # don't, isn't, can't: auxiliaries, all of them
            return []
        word = _CLITIC.sub("", word)
        if re.match(r"[а-яёіїєґ]", word) or word.find("'") == 1:  # м'яч, o'clock
            word = word.replace("'", "")
    parts: list[str] = []
    for part in _HYPHENS.split(word.replace("'", "-")):
        # The single letter of `t-shirt` or `x-ray` belongs to what follows.
        if len(parts) == 1 and len(parts[0]) == 1 and parts[0].isalpha():
            parts[0] += part
        else:
            parts.append(part)
    return parts


@functools.lru_cache(maxsize=CACHE_SIZE)
def analyse(word: str) -> tuple[Token, ...]:
    """Tokens of one word as typed, lower-cased: none for a stop word, several for a compound.

    Parameters
    ----------
    word
        Lower-cased, NFKC-normalised, no spaces; hyphens and apostrophes within are allowed.
    """
    if word in EN or word in RU:
        return ()
    return tuple(
        token
        for part in _join_or_split(word)
        for piece, script in split_scripts(part)
        for token in _piece(piece, script)
    )
