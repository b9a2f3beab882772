"""The bot's words in each language. One file a language, the same keys in each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape, unescape
from typing import Final

from bot.chat.texts import en, ru

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "ru": "Русский"}
DEFAULT: Final = "en"


@dataclass(frozen=True, slots=True)
class _Catalogue:
    texts: Mapping[str, str | tuple[str, ...]]
    examples: tuple[str, ...]
    commands: Mapping[str, str]
    quality: Mapping[str, str]


_CATALOGUES: Final = {
    "en": _Catalogue(en.TEXTS, en.EXAMPLES, en.COMMANDS, en.QUALITY),
    "ru": _Catalogue(ru.TEXTS, ru.EXAMPLES, ru.COMMANDS, ru.QUALITY),
}


def plain(html: str) -> str:
    """Text of the bot's own HTML, for places that show no markup."""
    return unescape(re.sub(r"<[^<>]*>", "", html))


class Html(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of one language: ``texts("found", posts=3)``."""

    language: str

    def __call__(self, key: str, /, **values: object) -> str:
        """Fill in a text; strings are escaped for Telegram's HTML unless they are `Html`.

        A text in several forms is chosen by the value ``n``.
        """
        text = _CATALOGUES[self.language].texts[key]
        if not isinstance(text, str):
            n = values["n"]
            assert isinstance(n, int)
            text = text[form(self.language, n)]
        shown = {
            name: value if not isinstance(value, str) or isinstance(value, Html) else escape(value)
            for name, value in values.items()
        }
        return text.format(**shown)

    @property
    def examples(self) -> tuple[str, ...]:
        """Queries to press on /start."""
        return _CATALOGUES[self.language].examples

    @property
    def commands(self) -> Mapping[str, str]:
        """Name and meaning of each command, for Telegram's menu."""
        return _CATALOGUES[self.language].commands

    @property
    def quality(self) -> Mapping[str, str]:
        """Meaning of each figure that a model's quality is measured by."""
        return _CATALOGUES[self.language].quality


def known(code: str | None) -> str:
    """Return the nearest language that the bot speaks to an IETF tag as Telegram gives it.

    Speakers of Ukrainian, Belarusian or Kazakh get English too: they are not
    assumed to want Russian, and /language changes it.
    """
    base = (code or "").split("-")[0].lower()
    return base if base in LANGUAGES else DEFAULT


def form(language: str, n: int) -> int:
    """Index of the plural form of ``n`` (Unicode CLDR's cardinal rules).

    English has two forms (one, other), Russian three (one, few, many).
    """
    n = abs(n)
    if language == "ru":
        if n % 10 == 1 and n % 100 != 11:
            return 0
        return 1 if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else 2
    return 0 if n == 1 else 1
