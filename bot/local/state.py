"""The local chat's world: users, chats, messages, and the events that tell about them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.local import Json
from bot.local.database import ChatDatabase
from bot.local.errors import ApiError, BadRequestError, ForbiddenError
from bot.local.limits import EVENT_LIMIT, HISTORY_LIMIT, MAX_CHATS
from bot.local.params import encoded

OWNER_ID = 1001
GROUP_ID = -1001000000001
CHANNEL_ID = -1001000000002

_NAMES = ("Anna", "Boris", "Clara", "Daniil", "Emma", "Fyodor", "Grace", "Hanna")


@dataclass(slots=True)
class Chat:
    """One chat and its history.

    Attributes
    ----------
    raw
        The Bot API's ``Chat``.
    messages
        By id, oldest first. A message is never changed in place: an edit puts a new object
        here, for the old one may still wait in an update.
    bot_member
        Private chat: the user has started and not blocked the bot. Else: the bot is in it.
    started
        Whether the user ever wrote here: before that a bot may not.
    by_bot
        The messages that the bot wrote (a channel post does not say who did).
    threads
        The topics of a forum that were written in.
    migrated_to
        The supergroup that a group has become.
    """

    raw: Json
    bot_member: bool
    next_id: int
    messages: OrderedDict[int, Json] = field(default_factory=OrderedDict)
    started: bool = False
    by_bot: set[int] = field(default_factory=set)
    threads: set[int] = field(default_factory=set)
    migrated_to: int | None = None

    @property
    def id(self) -> int:
        """The chat's id; a private chat has its user's."""
        return int(self.raw["id"])

    @property
    def kind(self) -> str:
        """``"private"``, ``"supergroup"`` or ``"channel"``."""
        return str(self.raw["type"])


class World:
    """All that the local chat knows, in memory and bounded.

    Parameters
    ----------
    bot
        The bot's ``User``.
    database
        Where it is kept, and found again by the next run.
    """

    def __init__(self, bot: Json, database: ChatDatabase) -> None:
        self.bot = bot
        self._database = database
        self._kept_chats = database.kept("chat:")
        self.users: dict[int, Json] = {}
        self.chats: OrderedDict[int, Chat] = OrderedDict()
        # Above all of an earlier run: a page that comes back tells the last that it has seen.
        self.seq = time.time_ns() // 1_000_000
        self._events: deque[tuple[int | None, Json]] = deque(maxlen=EVENT_LIMIT)
        self._waiters: dict[int, set[asyncio.Future[None]]] = {}
        #: The server stops: nobody should wait any longer.
        self.closed = False
        for number, kind, title in (
            (GROUP_ID, "supergroup", "Photo friends"),
            (CHANNEL_ID, "channel", "Photo channel"),
        ):
            username = title.lower().replace(" ", "_")
            self.add_chat({"id": number, "type": kind, "title": title, "username": username})
        self.introduce(OWNER_ID, {})
        for user_id, user in database.kept("user:").items():
            self.introduce(int(user_id), user)

    # Users and chats -----------------------------------------------------------------------

    def introduce(self, user_id: int, fields: Json) -> Json:
        """Add a user, or change what is known of one; returns the ``User``.

        Raises
        ------
        BadRequestError
            The id cannot be a user's, or a field is no text.
        ApiError
            There are too many users.
        """
        if not 0 < user_id < 2**52 or user_id == self.bot["id"]:
            raise BadRequestError("user_id must be a positive number that is not the bot's")
        known = self.users.get(user_id)
        if known is None and len(self.chats) >= MAX_CHATS:
            raise ApiError(503, f"more than {MAX_CHATS} chats; restart the local server")
        user = known or {
            "id": user_id,
            "is_bot": False,
            "first_name": _NAMES[(user_id - OWNER_ID) % len(_NAMES)],
            "language_code": "en",
        }
        changes = {}
        for name in ("first_name", "last_name", "username", "language_code"):
            if fields.get(name) is not None:
                value = fields[name]
                if not isinstance(value, str) or not value.strip() or len(value) > 64:
                    raise BadRequestError(f"{name} must be a text of 1-64 characters")
                changes[name] = value.strip()
        if changes or known is None:
            user = {**user, **changes}
            self._database.keep(f"user:{user_id}", user)
        self.users[user_id] = user
        private = {"id": user_id, "type": "private", "first_name": user["first_name"]}
        if "username" in user:
            private["username"] = user["username"]
        if user_id in self.chats:
            self.chats[user_id].raw = private
        else:
            self.add_chat(private)
        return user

    def add_chat(self, raw: Json) -> Chat:
        """Add a chat, with what an earlier run kept of it."""
        number = raw["id"]
        chat = Chat(raw, bot_member=True, next_id=self._database.next_message(number))
        for message_id, by_bot, message in self._database.messages(number, HISTORY_LIMIT):
            chat.messages[message_id] = message
            if "message_thread_id" in message:
                chat.threads.add(message["message_thread_id"])
            if by_bot:
                chat.by_bot.add(message_id)
            else:
                chat.started = True
        chat.bot_member = bool(self._kept_chats.get(str(number), {}).get("member", True))
        self.chats[number] = chat
        return chat

    def set_member(self, chat: Chat, member: bool) -> None:
        """Let the bot into a chat, or put it out (block it)."""
        chat.bot_member = member
        self._database.keep(f"chat:{chat.id}", {"member": member})

    def user(self, user_id: int) -> Json:
        """Return a user.

        Raises
        ------
        BadRequestError
            There is none of that id.
        """
        user = self.users.get(user_id)
        if user is None:
            raise BadRequestError("user not found")
        return user

    def chat(self, chat_id: int | str) -> Chat:
        """Return a chat by its id or ``@username``.

        Raises
        ------
        BadRequestError
            "chat not found".
        """
        key = str(chat_id).strip()
        if key.startswith("@"):
            for chat in self.chats.values():
                if chat.raw.get("username", "").lower() == key[1:].lower() and chat.id < 0:
                    return chat
            raise BadRequestError("chat not found")
        try:
            return self.chats[int(key[:24])]
        except (KeyError, ValueError):
            raise BadRequestError("chat not found") from None

    def chat_for_bot(self, chat_id: int | str) -> Chat:
        """Return a chat that the bot may write to.

        Raises
        ------
        BadRequestError
            "chat is empty" or "chat not found".
        ForbiddenError
            The user never wrote to the bot or blocked it, or the bot is not a member.
        """
        if chat_id in ("", None):
            raise BadRequestError("chat_id is empty")
        chat = self.chat(chat_id)
        if chat.migrated_to is not None:
            raise ApiError(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                {"migrate_to_chat_id": chat.migrated_to},
            )
        if chat.kind == "private":
            if not chat.bot_member:
                raise ForbiddenError("bot was blocked by the user")
            if not chat.started:
                raise ForbiddenError("bot can't initiate conversation with a user")
        elif not chat.bot_member:
            raise ForbiddenError(
                "bot is not a member of the channel chat"
                if chat.kind == "channel"
                else "bot was kicked from the supergroup chat"
            )
        return chat

    # Messages ------------------------------------------------------------------------------

    def message(self, chat: Chat, message_id: int) -> Json | None:
        """Return a message; None when there is none (or no longer)."""
        return chat.messages.get(message_id)

    def add_message(
        self, chat: Chat, sender: Json, fields: Json, *, message_id: int | None = None
    ) -> Json:
        """Add a message to a chat and tell who watches.

        Parameters
        ----------
        sender
            The ``User`` who wrote it.
        fields
            Everything but the id, the sender and the chat; the date is now unless given.
        message_id
            A number that an earlier run gave this very message; None: the next.
        """
        number = chat.next_id if message_id is None else message_id
        message: Json = {"message_id": number}
        if chat.kind == "channel":
            message["sender_chat"] = chat.raw
        else:
            message["from"] = sender
        message |= {"chat": chat.raw, "date": int(time.time()), **fields}
        by_bot = sender is self.bot
        self._database.put_message(chat.id, number, by_bot, encoded(message))
        chat.next_id = max(chat.next_id, number + 1)
        chat.messages[number] = message
        if by_bot:
            chat.by_bot.add(number)
        else:
            chat.started = True
        while len(chat.messages) > HISTORY_LIMIT:
            chat.by_bot.discard(chat.messages.popitem(last=False)[0])
        self.emit(chat, {"type": "message", "message": message})
        return message

    def replace_message(self, chat: Chat, message: Json) -> None:
        """Put a message's new state in place of the old and tell who watches."""
        number = message["message_id"]
        self._database.put_message(chat.id, number, number in chat.by_bot, encoded(message))
        chat.messages[message["message_id"]] = message
        self.emit(chat, {"type": "edited", "message": message})

    def delete_message(self, chat: Chat, message_id: int) -> None:
        """Remove a message and tell who watches."""
        del chat.messages[message_id]
        chat.by_bot.discard(message_id)
        self._database.drop_message(chat.id, message_id)
        self.emit(chat, {"type": "deleted", "chat_id": chat.id, "message_id": message_id})

    def history(
        self, chat: Chat, *, after: int | None = None, before: int | None = None, limit: int = 100
    ) -> list[Json]:
        """Return messages, oldest first: the next after an id, or the last before one."""
        ids: Iterable[int] = chat.messages
        if after is not None:
            chosen = [number for number in ids if number > after][:limit]
        else:
            chosen = [number for number in ids if before is None or number < before][-limit:]
        return [chat.messages[number] for number in chosen]

    # Events --------------------------------------------------------------------------------

    def emit(self, chat: Chat | None, event: Json) -> None:
        """Add an event for those who can see a chat; None: for everybody."""
        audience = chat.id if chat is not None and chat.kind == "private" else None
        self.seq += 1
        self._events.append((audience, {"seq": self.seq, **event}))
        self._wake(list(self._waiters) if audience is None else [audience])

    def _wake(self, users: Iterable[int]) -> None:
        for user_id in users:
            for waiter in self._waiters.get(user_id, ()):
                if not waiter.done():
                    waiter.set_result(None)

    def events_after(self, seq: int, user_id: int) -> list[Json]:
        """Return the events after one that a user can see, as far as they are kept."""
        found: list[Json] = []
        for audience, event in reversed(self._events):
            if event["seq"] <= seq:
                break
            if audience in (None, user_id):
                found.append(event)
        return found[::-1]

    async def wait_events(self, seq: int, user_id: int, seconds: float) -> list[Json]:
        """Return the events after one, waiting for the first if there is none yet."""
        found = self.events_after(seq, user_id)
        if found or seconds <= 0 or self.closed:
            return found
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(user_id, set())
        waiters.add(waiter)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(waiter, seconds)
        finally:
            waiters.discard(waiter)
            if not waiters:
                self._waiters.pop(user_id, None)
        return self.events_after(seq, user_id)

    def close(self) -> None:
        """Let everybody who waits for events go."""
        self.closed = True
        self._wake(list(self._waiters))
