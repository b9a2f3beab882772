"""Emoji that stand for things, as words: Unicode's own short names in English and Russian."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final

# Animals, plants, food, weather, places, vehicles, instruments, games. Faces, hearts, hands, arrows
# and signs say how something is meant, and stars and party poppers only adorn.
_THINGS: Final = re.compile(
    "[\U0001f304-\U0001f30c\U0001f311-\U0001f31e\U0001f320-\U0001f37f\U0001f381-\U0001f388"
    "\U0001f38d-\U0001f393\U0001f3a0-\U0001f3a4\U0001f3a8\U0001f3aa\U0001f3b1-\U0001f3b3"
    "\U0001f3b7-\U0001f3bb\U0001f3be-\U0001f3e6\U0001f3e8-\U0001f43f\U0001f490\U0001f4da"
    "\U0001f680-\U0001f6a9\U0001f6ac\U0001f6b2\U0001f6b4-\U0001f6b6\U0001f6bf-\U0001f6c1"
    "\U0001f6cb-\U0001f6cf\U0001f6d5-\U0001f6d9\U0001f6dd-\U0001f6df\U0001f6e3-\U0001f6fc"
    "\U0001f950-\U0001f96f\U0001f980-\U0001f9ae\U0001f9c0-\U0001f9cb\U0001f9f8"
    "☀-☄☕⚓⚽⚾⛄⛅⛈⛪⛲⛳⛵⛺✈❄]"
)
# Words of the names that are not about the thing: "dog face", "морда собаки".
_FRAME: Final = re.compile(
    r"\b(?:faces?|showing|heads?|button|behind|front-facing|морда|голова|лицом|боком|спереди|знак)\b"
)


@functools.cache
def emoji_names() -> Mapping[str, tuple[str, str]]:
    """Emoji, one character each -> name in English and in Russian (without ``ё``)."""
    # Imported at the first emoji: a process whose texts have none never loads the names.
    import emoji

    emoji.config.load_language("ru")
    found: dict[str, tuple[str, str]] = {}
    for characters, data in emoji.EMOJI_DATA.items():
        plain = characters.replace("\ufe0f", "")
        if not _THINGS.fullmatch(plain) or not {"en", "ru"} <= data.keys():
            continue
        # The name that is given with the variation selector is the one without slips.
        if plain not in found or plain != characters:
            found[plain] = (_words(data["en"]), _words(data["ru"]))
    return found


def _words(name: str) -> str:
    plain = name.strip(":").replace("_", " ")
    return " ".join(_FRAME.sub(" ", plain).split()) or plain


def things_in(text: str) -> list[tuple[str, str]]:
    """Names in English and in Russian of the emoji in a text that stand for things, each once."""
    if text.isascii() or not (found := _THINGS.findall(text)):
        return []
    names = emoji_names()
    return [names[char] for char in dict.fromkeys(found) if char in names]
