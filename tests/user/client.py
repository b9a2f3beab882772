"""A person in the local chat, driven from Python: what end-to-end tests play the bot with.

>>> async with LocalUser(server.url, language_code="en") as anna:  # doctest: +SKIP
...     await anna.send_text("/start")
...     hello = await anna.wait_reply()
...     await anna.press(hello, "Sunset")
...     answer = await anna.wait_reply()

Every action (a message, a press, an edit, ...) sets a mark in the stream of events, and the
``wait_...`` methods return what happened after the mark, each thing once and in order. So a
late leftover of an earlier answer is the only thing that can be mistaken for an answer: take
all of an answer (`LocalUser.wait_replies`) before the next action where that matters.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp

from bot.local.limits import CALLBACK_WAIT, EVENT_POLL_LIMIT
from tests.user.objects import (
    Button,
    ButtonAnswer,
    ChatMessage,
    InlineAnswer,
    Json,
    LocalChatError,
    LocalTimeoutError,
)

__all__ = [
    "Button",
    "ButtonAnswer",
    "ChatMessage",
    "InlineAnswer",
    "LocalChatError",
    "LocalTimeoutError",
    "LocalUser",
]

DEFAULT_TIMEOUT = 20.0
"""Seconds that a ``wait_...`` method waits unless told otherwise."""

_REQUEST_SLACK = 15.0
_INBOX_LIMIT = 10_000


class LocalUser:
    """One person who uses the bot through a `bot.local.server.LocalServer`.

    Parameters
    ----------
    url
        The server's address, `LocalServer.url`.
    user_id
        Who it is. The first user (`bot.local.state.OWNER_ID`, 1001) created the group and the
        channel. A user that the server does not know is introduced to it and joins the group.
    first_name, username, language_code
        How Telegram describes the user to the bot. Left out: unchanged for a known user, and
        for a new one a made-up name, no user name, English.
    timeout
        Seconds that the ``wait_...`` methods wait unless told otherwise.

    Attributes
    ----------
    chat_id
        Where actions go unless told otherwise: at first the private chat with the bot. Set it
        to `group_id` or act with ``chat_id=`` to speak in the group.
    group_id, channel_id
        The server's group and channel.
    bot
        The bot's ``User`` object, as the server knows it.
    """

    def __init__(
        self,
        url: str,
        *,
        user_id: int = 1001,
        first_name: str | None = None,
        username: str | None = None,
        language_code: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.url = url.rstrip("/")
        self.user_id = user_id
        self.timeout = timeout
        self.chat_id = user_id
        self.group_id = 0
        self.channel_id = 0
        self.bot: Json = {}
        self._profile = {
            "first_name": first_name,
            "username": username,
            "language_code": language_code,
        }
        self._session: aiohttp.ClientSession | None = None
        self._mark = 0
        self._fetched = 0
        self._events: deque[Json] = deque(maxlen=_INBOX_LIMIT)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Introduce the user to the server; called by ``async with``."""
        self._session = aiohttp.ClientSession()
        try:
            known = {key: value for key, value in self._profile.items() if value is not None}
            state = await self._post("user", {"user_id": self.user_id, **known})
        except BaseException:
            await self.close()
            raise
        self.bot = state["bot"]
        self.group_id = state["group_id"]
        self.channel_id = state["channel_id"]
        self._mark = self._fetched = state["seq"]

    async def close(self) -> None:
        """Close the connection; the chat and its history stay on the server."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    # What the person does ------------------------------------------------------------------

    async def send_text(
        self,
        text: str,
        *,
        chat_id: int | None = None,
        reply_to: ChatMessage | None = None,
        thread: int | None = None,
    ) -> ChatMessage:
        """Write a message (a command too: ``/start``).

        Parameters
        ----------
        text
            Up to 4096 characters; commands, mentions, hashtags and links become entities.
        chat_id
            Where; `chat_id` of the user when left out.
        reply_to
            The message it replies to; one of another chat comes as ``external_reply``.
        thread
            The topic, which makes the group a forum.

        Returns
        -------
        ChatMessage
            The user's own message.

        Raises
        ------
        LocalChatError
            The server refused it (empty, too long, unknown chat).
        """
        payload: Json = {"text": text}
        if thread is not None:
            payload["message_thread_id"] = thread
        return await self._send(payload, chat_id, reply_to)

    async def send_photo(
        self,
        photo: bytes,
        caption: str = "",
        *,
        chat_id: int | None = None,
        reply_to: ChatMessage | None = None,
    ) -> ChatMessage:
        """Send a photo (encoded bytes of any common format), compressed as Telegram does.

        Raises
        ------
        LocalChatError
            400 when it is no photo or has impossible dimensions, 413 when it is over 10 MB:
            what a Telegram client refuses too, so that the bot never sees it. Use
            `send_document` to get such bytes to the bot.
        """
        messages = await self._upload(
            {"caption": caption}, [("photo", "photo.jpg", photo)], chat_id, reply_to
        )
        return messages[0]

    async def send_album(
        self,
        photos: Sequence[bytes],
        caption: str = "",
        *,
        chat_id: int | None = None,
        reply_to: ChatMessage | None = None,
    ) -> list[ChatMessage]:
        """Send 2 to 10 photos as one album; the caption belongs to the first.

        Returns
        -------
        list of ChatMessage
            One message per photo, all with one ``media_group_id``.
        """
        files = [("photo", f"photo{i}.jpg", photo) for i, photo in enumerate(photos)]
        return await self._upload({"caption": caption, "album": True}, files, chat_id, reply_to)

    async def send_document(
        self,
        content: bytes,
        filename: str = "photo.jpg",
        caption: str = "",
        *,
        mime_type: str | None = None,
        chat_id: int | None = None,
        reply_to: ChatMessage | None = None,
    ) -> ChatMessage:
        """Send a file as it is, up to 50 MB (the bot can download 20 MB of it).

        Parameters
        ----------
        mime_type
            What the file claims to be; guessed from the name when left out.
        """
        payload: Json = {"caption": caption}
        if mime_type is not None:
            payload["mime_type"] = mime_type
        messages = await self._upload(payload, [("document", filename, content)], chat_id, reply_to)
        return messages[0]

    async def send_media(
        self,
        kind: str,
        content: bytes,
        filename: str,
        thumbnail: bytes | None = None,
        caption: str = "",
        *,
        chat_id: int | None = None,
        reply_to: ChatMessage | None = None,
    ) -> ChatMessage:
        """Send a ``sticker``, ``animation``, ``video`` or ``video_note``.

        Parameters
        ----------
        thumbnail
            The picture that Telegram makes of it; left out, that of the content if it is one.
        """
        files = [(kind, filename, content)]
        if thumbnail is not None:
            files.append(("thumbnail", "thumbnail.jpg", thumbnail))
        return (await self._upload({"caption": caption}, files, chat_id, reply_to))[0]

    async def send_fields(
        self, fields: Mapping[str, Any], *, chat_id: int | None = None
    ) -> ChatMessage:
        """Send a message with any fields of the Bot API's ``Message`` (sticker, voice, ...).

        For what this driver has no method for: media that the bot does not support, or
        malformed fields. The server adds the sender, the chat, the id and the date.
        """
        return await self._send({"fields": dict(fields)}, chat_id, None)

    async def forward(self, message: ChatMessage, *, chat_id: int | None = None) -> ChatMessage:
        """Forward a message from another chat (or the same) to a chat."""
        result = await self._act(
            "forward",
            {
                "from_chat_id": message.chat_id,
                "message_id": message.message_id,
                "chat_id": self._to(chat_id),
            },
        )
        return ChatMessage(result["message"])

    async def edit(self, message: ChatMessage, text: str) -> ChatMessage:
        """Edit the text or the caption of one's own message (or of a channel post)."""
        result = await self._act(
            "edit", {"chat_id": message.chat_id, "message_id": message.message_id, "text": text}
        )
        return ChatMessage(result["message"])

    async def delete(self, message: ChatMessage) -> None:
        """Delete a message; Telegram does not tell bots about it."""
        await self._act("delete", {"chat_id": message.chat_id, "message_id": message.message_id})

    async def channel_post(
        self, text: str = "", photos: Sequence[bytes] = (), *, channel_id: int | None = None
    ) -> list[ChatMessage]:
        """Post to the channel: a text, a photo with caption, or an album with caption.

        Returns
        -------
        list of ChatMessage
            One message, or one per photo of the album.
        """
        to = self.channel_id if channel_id is None else channel_id
        if not photos:
            return [await self._send({"text": text}, to, None)]
        files = [("photo", f"photo{i}.jpg", photo) for i, photo in enumerate(photos)]
        return await self._upload({"caption": text, "album": len(photos) > 1}, files, to, None)

    async def edit_channel_post(
        self, post: ChatMessage, text: str | None = None, photo: bytes | None = None
    ) -> ChatMessage:
        """Edit a channel post: its text or caption, its photo, or both."""
        payload: Json = {"chat_id": post.chat_id, "message_id": post.message_id}
        if text is not None:
            payload["text"] = text
        files = [] if photo is None else [("photo", "photo.jpg", photo)]
        result = await self._act("edit", payload, files)
        return ChatMessage(result["message"])

    async def press(
        self,
        message: ChatMessage,
        button: str | Button,
        *,
        timeout: float | None = None,
    ) -> ButtonAnswer:
        """Press a button and wait for the bot's ``answerCallbackQuery``.

        Parameters
        ----------
        message
            The message that carries the keyboard, as it was last seen.
        button
            The button, its whole text, or a part of the text that no other button has.
        timeout
            Seconds to wait for the answer; a Telegram client gives up after 15.

        Raises
        ------
        LocalTimeoutError
            The bot did not answer the callback query: a client would show an endless spinner.
        LocalChatError
            No such button, or it carries no ``callback_data``.
        """
        chosen = message.button(button) if isinstance(button, str) else button
        if chosen.data is None:
            raise LocalChatError(400, f"the button {chosen.text!r} has no callback data")
        return await self.press_data(message, chosen.data, timeout=timeout)

    async def press_data(
        self,
        message: ChatMessage,
        data: str,
        *,
        timeout: float | None = None,
    ) -> ButtonAnswer:
        """Send a callback query with any data, also forged or stale, under any message.

        Raises
        ------
        LocalTimeoutError
            The bot did not answer the callback query.
        """
        wait = CALLBACK_WAIT if timeout is None else timeout
        result = await self._act(
            "press",
            {
                "chat_id": message.chat_id,
                "message_id": message.message_id,
                "data": data,
                "timeout": wait,
            },
            wait=wait,
        )
        answer = result["answer"]
        return ButtonAnswer(
            answer.get("text", ""), bool(answer.get("show_alert")), answer.get("url")
        )

    async def inline(
        self,
        query: str,
        offset: str = "",
        *,
        chat_id: int | None = None,
        cached: bool = False,
        timeout: float | None = None,
    ) -> InlineAnswer:
        """Type ``@bot query`` and wait for the bot's ``answerInlineQuery``.

        Parameters
        ----------
        query
            Up to 256 characters.
        offset
            Empty, or ``next_offset`` of the page before; anything else to forge one.
        cached
            Whether the server may answer from what the bot gave before and allowed to keep
            (``cache_time``), as Telegram does; False always asks the bot.

        Raises
        ------
        LocalTimeoutError
            The bot did not answer.
        """
        wait = CALLBACK_WAIT if timeout is None else timeout
        result = await self._act(
            "inline",
            {
                "query": query,
                "offset": offset,
                "chat_id": self._to(chat_id),
                "cached": cached,
                "timeout": wait,
            },
            wait=wait,
        )
        answer = result["answer"]
        return InlineAnswer(
            result["query_id"], answer["results"], answer.get("next_offset", ""), answer
        )

    async def choose(
        self, answer: InlineAnswer, result: int | str = 0, *, chat_id: int | None = None
    ) -> ChatMessage:
        """Choose an inline result: it is sent to the chat as the user's message via the bot.

        Parameters
        ----------
        result
            Its place in `InlineAnswer.results`, or its id.
        """
        result_id = answer.results[result]["id"] if isinstance(result, int) else result
        done = await self._act(
            "choose",
            {"query_id": answer.query_id, "result_id": result_id, "chat_id": self._to(chat_id)},
        )
        return ChatMessage(done["message"])

    async def set_language(self, language_code: str) -> None:
        """Change the ``language_code`` that the bot sees from now on."""
        await self._act("user", {"language_code": language_code})

    async def block_bot(self, blocked: bool = True) -> None:
        """Block the bot (it then gets 403 for this chat) or unblock it."""
        await self._act("membership", {"chat_id": self.user_id, "member": not blocked})

    async def set_membership(self, chat_id: int, member: bool) -> None:
        """Add the bot to the group or the channel (as administrator), or remove it."""
        await self._act("membership", {"chat_id": chat_id, "member": member})

    # What the person sees ------------------------------------------------------------------

    async def wait_reply(
        self,
        timeout: float | None = None,
        *,
        chat_id: int | None = None,
    ) -> ChatMessage:
        """Wait for the bot's next message after the last action (or after the one before).

        Parameters
        ----------
        timeout
            Seconds.
        chat_id
            The chat to watch; `chat_id` of the user when left out.

        Raises
        ------
        LocalTimeoutError
            Nothing came.
        """
        chat = self._to(chat_id)
        event = await self._next(
            lambda e: e["type"] == "message" and _is_bots(e, chat), timeout, "no message"
        )
        return ChatMessage(event["message"])

    async def wait_replies(
        self,
        timeout: float | None = None,
        *,
        quiet: float = 0.5,
        chat_id: int | None = None,
    ) -> list[ChatMessage]:
        """Wait for the bot's next message and all that follow until `quiet` seconds of silence.

        Raises
        ------
        LocalTimeoutError
            Not even one came within `timeout`.
        """
        replies = [await self.wait_reply(timeout, chat_id=chat_id)]
        while True:
            try:
                replies.append(await self.wait_reply(quiet, chat_id=chat_id))
            except LocalTimeoutError:
                return replies

    async def wait_edit(
        self,
        message: ChatMessage,
        timeout: float | None = None,
    ) -> ChatMessage:
        """Wait until a message is edited after the last action; returns its new state."""
        event = await self._next(
            lambda e: (
                e["type"] == "edited"
                and e["message"]["chat"]["id"] == message.chat_id
                and e["message"]["message_id"] == message.message_id
            ),
            timeout,
            "no edit",
        )
        return ChatMessage(event["message"])

    async def wait_deleted(
        self,
        message: ChatMessage,
        timeout: float | None = None,
    ) -> None:
        """Wait until a message is deleted after the last action."""
        await self._next(
            lambda e: (
                e["type"] == "deleted"
                and e["chat_id"] == message.chat_id
                and e["message_id"] == message.message_id
            ),
            timeout,
            "not deleted",
        )

    async def wait_action(
        self,
        action: str | None = None,
        timeout: float | None = None,
        *,
        chat_id: int | None = None,
    ) -> str:
        """Wait for a chat action ("typing", "upload_photo", ...) after the last action."""
        chat = self._to(chat_id)
        event = await self._next(
            lambda e: (
                e["type"] == "action" and e["chat_id"] == chat and action in (None, e["action"])
            ),
            timeout,
            "no chat action",
        )
        return str(event["action"])

    async def history(self, *, chat_id: int | None = None, limit: int = 100) -> list[ChatMessage]:
        """Return the chat's last messages, oldest first."""
        result = await self._get("messages", {"chat_id": self._to(chat_id), "limit": limit})
        return [ChatMessage(raw) for raw in result["messages"]]

    async def messages_since(self, message: ChatMessage) -> list[ChatMessage]:
        """Return the messages of a chat after one of its messages, oldest first."""
        result = await self._get(
            "messages", {"chat_id": message.chat_id, "after": message.message_id, "limit": 1000}
        )
        return [ChatMessage(raw) for raw in result["messages"]]

    async def refresh(self, message: ChatMessage) -> ChatMessage | None:
        """Return a message as it is now; None when it was deleted."""
        result = await self._get(
            "messages",
            {"chat_id": message.chat_id, "after": message.message_id - 1, "limit": 1},
        )
        return next(
            (
                ChatMessage(raw)
                for raw in result["messages"]
                if raw["message_id"] == message.message_id
            ),
            None,
        )

    async def commands(self, *, chat_id: int | None = None) -> dict[str, str]:
        """Return the command menu that this user sees in a chat: command -> description."""
        result = await self._get("commands", {"chat_id": self._to(chat_id)})
        return {item["command"]: item["description"] for item in result["commands"]}

    async def download(self, message: ChatMessage) -> bytes:
        """Return the bytes of a message's photo (the largest size) or document."""
        media = message.photo[-1] if message.photo else message.raw["document"]
        session = self._open_session()
        async with session.get(
            f"{self.url}/local/file", params={"file_id": media["file_id"]}
        ) as response:
            if response.status != 200:
                raise LocalChatError(response.status, await response.text())
            return await response.read()

    # How it talks to the server ------------------------------------------------------------

    def _to(self, chat_id: int | None) -> int:
        return self.chat_id if chat_id is None else chat_id

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise LocalChatError(400, "use LocalUser with `async with`, or call start() first")
        return self._session

    async def _send(
        self, payload: Json, chat_id: int | None, reply_to: ChatMessage | None
    ) -> ChatMessage:
        return (await self._upload(payload, [], chat_id, reply_to))[0]

    async def _upload(
        self,
        payload: Json,
        files: Sequence[tuple[str, str, bytes]],
        chat_id: int | None,
        reply_to: ChatMessage | None,
    ) -> list[ChatMessage]:
        payload = {**payload, "chat_id": self._to(chat_id)}
        if reply_to is not None:
            payload["reply_to_message_id"] = reply_to.message_id
            payload["reply_to_chat_id"] = reply_to.chat_id
        result = await self._act("send", payload, files)
        return [ChatMessage(raw) for raw in result["messages"]]

    async def _act(
        self,
        path: str,
        payload: Json,
        files: Sequence[tuple[str, str, bytes]] = (),
        *,
        wait: float = 0.0,
    ) -> Json:
        result = await self._post(path, {**payload, "user_id": self.user_id}, files, wait=wait)
        self._mark = max(self._mark, int(result["seq"]))
        return result

    async def _post(
        self,
        path: str,
        payload: Json,
        files: Sequence[tuple[str, str, bytes]] = (),
        *,
        wait: float = 0.0,
    ) -> Json:
        body: dict[str, Any]
        if files:
            form = aiohttp.FormData()
            form.add_field("payload", json.dumps(payload))
            for place, (field, filename, content) in enumerate(files):
                form.add_field(f"{field}-{place}", content, filename=filename)
            body = {"data": form}
        else:
            body = {"json": payload}
        timeout = aiohttp.ClientTimeout(total=wait + _REQUEST_SLACK)
        async with self._open_session().post(
            f"{self.url}/local/{path}", timeout=timeout, **body
        ) as response:
            return await _result(response)

    async def _get(self, path: str, query: Mapping[str, Any], wait: float = 0.0) -> Json:
        timeout = aiohttp.ClientTimeout(total=wait + _REQUEST_SLACK)
        async with self._open_session().get(
            f"{self.url}/local/{path}",
            params={"user_id": self.user_id, **query},
            timeout=timeout,
        ) as response:
            return await _result(response)

    async def _next(
        self,
        fits: Callable[[Json], bool],
        seconds: float | None,
        missing: str,
    ) -> Json:
        limit = self.timeout if seconds is None else seconds
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        while True:
            for event in self._events:
                if event["seq"] > self._mark and fits(event):
                    self._mark = event["seq"]
                    return event
            left = deadline - loop.time()
            if left <= 0:
                raise LocalTimeoutError(f"{missing} from the bot within {limit:g} s")
            wait = min(left, EVENT_POLL_LIMIT)
            result = await self._get("changes", {"after": self._fetched, "wait": wait}, wait)
            self._events.extend(result["events"])
            self._fetched = int(result["seq"])


def _is_bots(event: Json, chat_id: int) -> bool:
    message = event["message"]
    return message["chat"]["id"] == chat_id and bool(message.get("from", {}).get("is_bot"))


async def _result(response: aiohttp.ClientResponse) -> Json:
    answer = await response.json()
    if answer.get("ok"):
        result = answer["result"]
        if not isinstance(result, dict):
            raise LocalChatError(500, "the local server answered without a result")
        return result
    if response.status == 408:
        raise LocalTimeoutError(answer.get("description", "timeout"))
    raise LocalChatError(response.status, answer.get("description", "no description"))
