"""What every handler needs: the parts of the running bot, and the conversation that is going on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from telegram import InlineKeyboardMarkup, InputMediaPhoto, Message, ReplyParameters, Update, User
from telegram.constants import ChatType
from telegram.error import BadRequest, Forbidden, TelegramError
from telegram.ext import CallbackContext, ExtBot

from bot.chat.albums import Albums
from bot.chat.pictures import Pictures
from bot.chat.storage import Storage
from bot.chat.texts import Html, Texts, known
from bot.chat.turns import Turns
from bot.library.library import Library
from bot.library.photos import Photos
from bot.library.picture_words import PictureWords
from bot.library.store import Store
from bot.library.thumbnails import Thumbnails
from bot.metrics import Metrics
from bot.settings import Settings
from bot.telegram.questions import Questions
from bot.work import Work
from engine.engine import Engine

_LOGGER = logging.getLogger(__name__)

KEY: Final = "services"
LANGUAGES_MAX: Final = 10_000
#: Telegram shows an action for five seconds.
ACTION_EVERY: Final = 4.5
#: Seconds after which "sending a photo" is shown: most answers are there before.
ACTION_AFTER: Final = 0.7


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
    picture_words: PictureWords
    turns: Turns
    questions: Questions
    storage: Storage
    pictures: Pictures = field(default_factory=Pictures)
    albums: Albums = field(default_factory=Albums)
    #: Languages of those who asked lately: most updates need no look into the store for it.
    languages: dict[int, str | None] = field(default_factory=dict)
    #: Topics with a post each, by language, and for how many posts of the library they were found.
    topics: dict[str, tuple[int, Sequence[Any]]] = field(default_factory=dict)
    #: Telegram's clock against this machine's, in seconds.
    clock_ahead: Callable[[], float] = lambda: 0.0
    #: Chats that were told that the bot was away.
    told_away: set[int] = field(default_factory=set)
    #: Groups that were told that the bot may not send photos there.
    no_photos: set[int] = field(default_factory=set)

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
        self.engine.feedback.forget(user.id)
        # Again: an update in between may have read the old choice.
        self.languages.pop(user.id, None)
        return counts

    async def move_chat(self, old: int, new: int) -> None:
        """A group became a supergroup: what is kept for it moves to its new number."""
        _LOGGER.info("group %d is now supergroup %d", old, new)
        await self.store.move_chat(old, new)
        if old in self.library.groups:
            self.library.groups.discard(old)
            self.library.groups.add(new)

    def is_owner(self, user: User | None) -> bool:
        """Whether the person owns the bot."""
        return user is not None and user.id in self.settings.owner_ids

    def may_ask(self, *people: int | None) -> bool:
        """Whether one of them (a person, or a chat that speaks for itself) may ask."""
        allowed = self.settings.allowed_ids
        return not allowed or any(one in allowed | self.settings.owner_ids for one in people)


class Context(CallbackContext[ExtBot[Any], dict[Any, Any], dict[Any, Any], dict[Any, Any]]):
    """The library's context, with what this bot is made of."""

    @property
    def services(self) -> Services:
        """The parts of the running bot."""
        found: Services = self.bot_data[KEY]
        return found

    async def conversation(self, update: Update) -> Conversation:
        """The conversation that an update belongs to."""
        user = update.effective_user
        message = update.effective_message
        assert message is not None
        pressed = update.callback_query is not None
        return Conversation(
            self.services,
            self.bot,
            await self.services.texts(user),
            chat=message.chat.id,
            user=(user.id if user else 0) if pressed else asker(message),
            reply_to=message.message_id,
            thread=thread_of(message),
            group=message.chat.type != ChatType.PRIVATE,
            update=update.update_id,
        )


def asker(message: Message) -> int:
    """Who asks: a person, or the chat in whose name an anonymous administrator writes."""
    if message.sender_chat is not None:
        return message.sender_chat.id
    return message.from_user.id if message.from_user else 0


def thread_of(message: object) -> int | None:
    """Topic of a forum that a message is in; replies outside of forums have a thread, too."""
    if isinstance(message, Message) and message.is_topic_message:
        return message.message_thread_id
    return None


@dataclass(frozen=True, slots=True)
class Screen:
    """What one message shows: a picture, its caption in HTML, and its buttons.

    Attributes
    ----------
    photo
        file_id or bytes; None: the caption alone, as a text.
    """

    photo: str | bytes | None
    caption: str
    keyboard: InlineKeyboardMarkup | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """Whom the bot talks to, in which language, and where its answers go.

    Attributes
    ----------
    user
        Who asked; the chat's own number for an anonymous administrator.
    reply_to
        The message that is answered, or whose button was pressed.
    thread
        Topic of a forum.
    update
        Number of the update that is answered.
    """

    services: Services
    bot: ExtBot[Any]
    texts: Texts
    chat: int
    user: int
    reply_to: int | None
    thread: int | None = None
    group: bool = False
    update: int | None = None

    def about(self, message: int) -> Conversation:
        """The same, as an answer to another message."""
        return replace(self, reply_to=message)

    @asynccontextmanager
    async def turn(self, kind: str) -> AsyncIterator[None]:
        """Wait for a turn, and show that something is coming if it takes long; both are timed.

        Raises
        ------
        BusyError
            At once, where there are too many questions.
        """
        with self.services.metrics.timed(kind):
            async with self.services.turns.turn(self.chat, self.user), self._acting():
                if self.update is not None:
                    await self.services.questions.begin(self.update)
                yield

    @asynccontextmanager
    async def _acting(self) -> AsyncIterator[None]:
        async def show() -> None:
            await asyncio.sleep(ACTION_AFTER)
            # An action counts as a message: not while others wait for their answers, too.
            while self.services.turns.waiting + self.services.turns.answering <= 1:
                with suppress(TelegramError):
                    await self.bot.send_chat_action(
                        self.chat, "upload_photo", message_thread_id=self.thread
                    )
                await asyncio.sleep(ACTION_EVERY)

        task = asyncio.create_task(show())
        try:
            yield
        finally:
            task.cancel()

    async def _sent(self) -> None:
        """Note at once that the answer is out: killed before that, the bot sends it again."""
        if self.update is not None:
            await self.services.questions.answered(self.update)

    async def say(self, text: str, keyboard: InlineKeyboardMarkup | None = None) -> Message:
        """Send a text in HTML."""
        message = await self.bot.send_message(
            self.chat,
            Html(text),
            reply_markup=keyboard,
            reply_parameters=self._reply(),
            message_thread_id=self.thread,
        )
        await self._sent()
        return message

    async def show(self, screen: Screen) -> Message:
        """Send a screen as a message."""
        if screen.photo is None:
            return await self.say(screen.caption, screen.keyboard)
        try:
            message = await self.bot.send_photo(
                self.chat,
                screen.photo,
                caption=screen.caption or None,
                reply_markup=screen.keyboard,
                reply_parameters=self._reply(),
                message_thread_id=self.thread,
            )
        except (BadRequest, Forbidden) as error:
            if not (self.group and no_right(error)):
                raise
            return await self._without_photos(screen)
        await self._sent()
        self.services.no_photos.discard(self.chat)
        return message

    async def _without_photos(self, screen: Screen) -> Message:
        """Answer in words where a group lets the bot send no photos; it is told so once."""
        note = "" if self.chat in self.services.no_photos else "\n\n" + self.texts("no_photos")
        self.services.no_photos.add(self.chat)
        return await self.say(screen.caption + note, screen.keyboard)

    async def replace(self, message: int, screen: Screen) -> Message | None:
        """Put another screen in the place of one; None where that changes nothing."""
        try:
            if screen.photo is None:
                edited = await self.bot.edit_message_caption(
                    self.chat, message, caption=screen.caption or None, reply_markup=screen.keyboard
                )
            else:
                edited = await self.bot.edit_message_media(
                    InputMediaPhoto(screen.photo, caption=screen.caption),
                    self.chat,
                    message,
                    reply_markup=screen.keyboard,
                )
        except BadRequest as error:
            if "not modified" in error.message.lower():
                return None
            if "no media in the message" in error.message.lower():
                # The group lets the bot send no photos: the answer is a text.
                return await self._replace_text(message, screen)
            raise
        return edited if isinstance(edited, Message) else None

    async def _replace_text(self, message: int, screen: Screen) -> Message | None:
        edited = await self.bot.edit_message_text(
            screen.caption, self.chat, message, reply_markup=screen.keyboard
        )
        return edited if isinstance(edited, Message) else None

    def _reply(self) -> ReplyParameters | None:
        return None if self.reply_to is None else ReplyParameters(self.reply_to)


def no_right(error: TelegramError) -> bool:
    """Whether Telegram says that the bot may not send photos in a chat."""
    said = error.message.lower()
    return "not enough rights" in said or "photos_forbidden" in said
