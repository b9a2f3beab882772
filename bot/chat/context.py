"""What every handler needs, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from telegram import Update, User
from telegram.ext import CallbackContext, ExtBot

from bot.chat.albums import Albums
from bot.chat.texts import Texts, known
from bot.library.library import Library
from bot.library.photos import Photos
from bot.library.store import Store
from bot.library.thumbnails import Thumbnails
from bot.metrics import Metrics
from bot.settings import Settings
from bot.work import Work
from engine.engine import Engine

Context = CallbackContext[ExtBot[Any], dict[Any, Any], dict[Any, Any], dict[Any, Any]]
KEY = "services"
LANGUAGES_MAX = 10_000


@dataclass(frozen=True)
class Services:
    """The parts of a running bot."""

    settings: Settings
    engine: Engine
    store: Store
    work: Work
    library: Library
    metrics: Metrics
    photos: Photos
    thumbnails: Thumbnails
    albums: Albums = field(default_factory=Albums)
    #: Languages of those who asked lately: most updates need no look into the store for it.
    languages: dict[int, str | None] = field(default_factory=dict)

    async def texts(self, user: User | None) -> Texts:
        """Return the words in the language that the person chose, else that of their Telegram."""
        if user is None:
            return Texts(known(None))
        if user.id not in self.languages:
            if len(self.languages) >= LANGUAGES_MAX:
                self.languages.clear()
            self.languages[user.id] = await self.store.language(user.id)
        return Texts(self.languages[user.id] or known(user.language_code))

    async def choose_language(self, user: User, language: str) -> None:
        """Keep a person's choice of a language."""
        await self.store.set_language(user.id, language)
        self.languages.pop(user.id, None)

    async def forget(self, user: User) -> tuple[int, int]:
        """Delete what is kept of a person; how many votes and questions."""
        self.languages.pop(user.id, None)
        counts = await self.store.forget(user.id)
        # Again: an update in between may have read the old choice.
        self.languages.pop(user.id, None)
        return counts

    def is_owner(self, user: User | None) -> bool:
        """Whether the person owns the bot."""
        return user is not None and user.id in self.settings.owner_ids

    def may_ask(self, user: User | None) -> bool:
        """Whether the person may ask (anyone, where there is no list)."""
        allowed = self.settings.allowed_ids
        return not allowed or (user is not None and (user.id in allowed or self.is_owner(user)))


def services(context: Context) -> Services:
    """Return the services of the running bot."""
    return cast(Services, context.bot_data[KEY])


def user_of(update: object) -> User | None:
    """Return the person behind an update."""
    return update.effective_user if isinstance(update, Update) else None
