"""From one word as typed to its tokens: stop words, stems, lemmas.

A word is analysed once and remembered (`analyse` is cached): nearly every word of
a text has been seen before (Zipf's law).
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
    **{"парк" + ending: "парк" for ending in ("а", "ом", "е", "и", "ов", "ам", "ами", "ах")},
    **{"белк" + ending: "белка" for ending in ("а", "у", "е", "ой", "и", "ам", "ами", "ах")},
    **{"очк" + ending: "очки" for ending in ("и", "ов", "ам", "ами", "ах")},
    **{"лук" + ending: "лук" for ending in ("а", "у", "ом", "е", "и", "ов")},
    # Times as adverbs, and forms that a rarer word shares.
    **{"зимой": "зима", "утром": "утро", "вечером": "вечер", "ночью": "ночь"},
    **{"цвет" + ending: "цветок" for ending in ("ов", "ам", "ами", "ах")},
    **{"белок": "белка", "голов": "голова", "другом": "друг", "чаем": "чай"},
    **{"носки": "носок", "полы": "пол", "полом": "пол", "мини": "мини"},
}

# Comparatives and participles that the dictionary gives a lemma of their own, nouns in `-ие` that
# are written in `-ье` today, and the male fox. Lemma -> lemma.
_RU_LEMMAS = {
    **{"больший": "большой", "меньший": "маленький", "стоящий": "стоять", "лис": "лиса"},
    **{
        stem + "ие": stem + "ье"
        for stem in (
            *("варен", "весел", "воскресен", "жалован", "несчаст", "облич", "ожерел", "печен"),
            *("похмел", "предгор", "сиден", "счаст", "ущел"),
        )
    },
}

# Readings of a form that are rarer in posts than the dictionary's scores say: a name or an
# abbreviation that is spelled like a thing, a noun without a singular like the plural of another,
# and where a noun is among the readings, a short or a possessive adjective. Tag -> factor.
_RU_RARE = {**dict.fromkeys(("Surn", "Name", "Patr", "Orgn", "Abbr"), 0.25), "Pltm": 0.7}
_RU_RARE_BESIDE_NOUN = dict.fromkeys(("ADJS", "PRTS", "GRND", "Poss"), 0.5)

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
        parses = _morphology().parse(word)
        noun = any("NOUN" in parse.tag for parse in parses)
        factors = _RU_RARE | _RU_RARE_BESIDE_NOUN if noun else _RU_RARE
        for parse in parses:
            lemma = parse.normal_form.replace("ё", "е")
            rare = min((factor for tag, factor in factors.items() if tag in parse.tag), default=1.0)
            chances[lemma] = chances.get(lemma, 0.0) + parse.score * rare
    lemma = max(chances, key=chances.__getitem__, default=word_e)
    return _RU_LEMMAS.get(lemma, lemma)


def russian_heading(lemma: str, forms: Mapping[str, int]) -> str | None:
    """Find the dictionary heading of a lemma: how a reader expects to see it in a list.

    A verb in the infinitive, an adjective in the masculine; a noun in the singular nominative,
    or in the plural if that is how people use it (`лыжи`, `волосы`), and rather a nominative that
    was typed than one that was not.

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
        heading = next((p for p in _of_lemma(lemma, lemma) if p.is_known), None)
        if heading is None:
            return lemma if _morphology().word_is_known(lemma) else None
        if "NOUN" not in heading.tag:
            return str(heading.normal_form)
        typed: dict[str, tuple[int, str]] = {}
        numbers = {"sing": 0, "plur": 0}
        for form, count in forms.items():
            nouns = [p for p in _of_lemma(form, lemma) if "NOUN" in p.tag]
            if nouns:
                numbers[str(nouns[0].tag.number or "sing")] += count
            for number in {str(p.tag.number) for p in nouns if p.tag.case == "nomn"}:
                typed[number] = max(typed.get(number, (0, "")), (count, form))
        plural = 3 * numbers["plur"] > 2 * sum(forms.values()) and "Sgtm" not in heading.tag
        usual = "plur" if plural else "sing"
        # A plural may be spelled like a genitive (`варенья`), a singular like no other form.
        if found := typed.get(usual) or typed.get("sing"):
            return found[1]
        inflected = heading.inflect({"plur", "nomn"}) if plural else None
        if inflected is not None:
            return str(inflected.word)
        return lemma if lemma != heading.normal_form.replace("ё", "е") else str(heading.normal_form)


def _of_lemma(form: str, lemma: str) -> list[Any]:
    """Parses of a form that `russian_lemma` would bring to this lemma."""
    found = []
    for parse in _morphology().parse(form):
        plain = parse.normal_form.replace("ё", "е")
        if _RU_LEMMAS.get(plain, plain) == lemma:
            found.append(parse)
    return found


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
