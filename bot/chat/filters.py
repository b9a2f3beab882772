"""Filters that anyone can type: since:2025-01, from:@channel, #tag, "exact words"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from telegram import Bot
from telegram.error import TelegramError

from bot.chat.failures import UserError
from bot.library.store import Store
from engine.text.exact import parse as parse_exact

_SINCE, _UNTIL, _FROM = ("since", "с", "после"), ("until", "до"), ("from", "от", "из")
_NAMES: Final = "|".join((*_SINCE, *_UNTIL, *_FROM))
_NAMED: Final = re.compile(rf'(?<!\S)({_NAMES}):("[^"]+"|«[^»]+»|\S+)', re.IGNORECASE)
_QUOTED: Final = re.compile(r'(?<![\S-])["“„«][^"“”„«»]+["”“»]')
_TAG: Final = re.compile(r"(?<![\w&-])#\w*[^\W\d]\w*")
_DATE: Final = re.compile(
    r"(?:19|20)[0-9]{2}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?"
)
#: Sorts behind every day of a month, and every moment of a day.
_END: Final = "~"


@dataclass(frozen=True, slots=True)
class Typed:
    """A question without its filters, and the filters as they were typed."""

    words: str
    filters: tuple[str, ...]


def split(text: str) -> Typed:
    """Take the filters out of a question. Hashtags and quoted words stay in it, too.

    Raises
    ------
    UserError
        A date is none.
    """
    found = [match[0] for match in _NAMED.finditer(text)]
    for filter_ in found:
        name, _, value = filter_.partition(":")
        if name.lower() not in _FROM and not _DATE.fullmatch(value):
            raise UserError("bad_date", date=value)
    words = _NAMED.sub(" ", text)
    found += [match[0] for match in _QUOTED.finditer(words)]
    found += [match[0] for match in _TAG.finditer(_QUOTED.sub(" ", words))]
    return Typed(" ".join(words.split()), tuple(found))


def only_filters(typed: Typed) -> bool:
    """Whether nothing is asked but what has to pass the filters."""
    return bool(typed.filters) and not _TAG.sub(" ", _QUOTED.sub(" ", typed.words)).strip()


async def passing(store: Store, bot: Bot, filters: Sequence[str]) -> list[int]:
    """Keys of the posts that pass filters, newest first."""
    since = until = source = None
    tags: list[str] = []
    phrases: list[Sequence[str]] = []
    for filter_ in filters:
        name, _, value = filter_.partition(":")
        if name.lower() in _SINCE:
            since = value
        elif name.lower() in _UNTIL:
            until = value + _END
        elif name.lower() in _FROM:
            source = await _title(bot, value.strip('"«»'))
        elif filter_.startswith("#"):
            tags.append(filter_[1:])
        else:
            phrases += parse_exact(filter_).phrases
    return await store.filtered(since=since, until=until, source=source, tags=tags, phrases=phrases)


async def _title(bot: Bot, name: str) -> str:
    """Name of a channel by its @name; posts carry the name that readers see."""
    if not name.startswith("@"):
        return name
    try:
        return (await bot.get_chat(name)).title or name[1:]
    except TelegramError:
        return name[1:]
