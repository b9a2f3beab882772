"""What people do in the local chat: the side of Telegram that no bot sees."""

from __future__ import annotations

import time

from bot.local import Json
from bot.local.api.answers import message_content
from bot.local.api.context import Part
from bot.local.api.editing import same_content
from bot.local.api.keyboards import inline_keyboard
from bot.local.api.methods import administrator
from bot.local.api.sending import content_of, forward_origin, new_media_group, quoted, read_fields
from bot.local.errors import ApiError, BadRequestError
from bot.local.files import MEDIA, Media
from bot.local.limits import CALLBACK_WAIT, MAX_ALBUM, MAX_CALLBACK_DATA, MAX_INLINE_QUERY
from bot.local.params import Params, Upload
from bot.local.queries import PendingQuery
from bot.local.state import CHANNEL_ID, GROUP_ID, OWNER_ID, Chat

_MAX_WAIT = 120.0
# What send_fields may not set: the chat's own book-keeping.
_OWN_FIELDS = ("message_id", "chat", "from", "sender_chat", "date")


class People(Part):
    """The users' actions: messages, button clicks, inline queries, memberships."""

    def profile(self, params: Params) -> Json:
        """Introduce a user or change one; returns what a client needs to begin."""
        world = self._context.world
        user = world.introduce(params.integer("user_id"), params.values)
        world.emit(world.chats[user["id"]], {"type": "user", "user": user})
        return self.state(user)

    def state(self, user: Json) -> Json:
        """Return the user, the bot and the chats that the user sees."""
        world = self._context.world
        chats = [world.chats[user["id"]], world.chats[GROUP_ID], world.chats[CHANNEL_ID]]
        return {
            "user": user,
            "users": list(world.users.values())[:100],
            "bot": world.bot,
            "owner_id": OWNER_ID,
            "group_id": GROUP_ID,
            "channel_id": CHANNEL_ID,
            "chats": [
                {
                    **chat.raw,
                    "bot_member": chat.bot_member,
                    "started": chat.started,
                    "last": next(reversed(chat.messages.values()), None),
                }
                for chat in chats
            ],
        }

    # Messages ------------------------------------------------------------------------------

    async def send(self, params: Params) -> Json:
        """Send a text, photos (an album when several) or another file.

        Parameters
        ----------
        params
            ``user_id``, ``chat_id``, ``text`` or ``caption``, ``reply_to_message_id`` (of
            ``reply_to_chat_id``), ``message_thread_id`` (the topic of a forum). Files' fields are
            out of `bot.local.files.MEDIA`; beside one that is no picture a ``thumbnail``.
        """
        self.check_room()
        user, chat = self.who_where(params)
        extra = self._reply(user, chat, params) | self._thread(chat, params)
        fields = params.mapping("fields")
        if fields is not None:
            kept = {key: value for key, value in fields.items() if key not in _OWN_FIELDS}
            return {"messages": [self._post(chat, user, kept | extra)]}
        uploads = _uploads(params)
        if not uploads:
            text = read_fields(params, caption=False)
            return {"messages": [self._post(chat, user, text | extra)]}
        if len(uploads) > MAX_ALBUM:
            raise BadRequestError(f"an album holds at most {MAX_ALBUM} photos")
        caption = read_fields(params, caption=True)
        preview = next((file.content for field, file in uploads if field == "thumbnail"), None)
        uploads = [pair for pair in uploads if pair[0] != "thumbnail"]
        media = [await self._store(field, upload, params, preview) for field, upload in uploads]
        await self._keep(chat, media)
        if len(media) > 1:
            extra = {**extra, "media_group_id": new_media_group()}
        return {
            "messages": [
                self._post(chat, user, one.fields(kind) | (caption if place == 0 else {}) | extra)
                for place, (one, (kind, _)) in enumerate(zip(media, uploads, strict=True))
            ]
        }

    async def forward(self, params: Params) -> Json:
        """Forward a message."""
        self.check_room()
        user, chat = self.who_where(params)
        source_chat = self._visible(user, params.integer("from_chat_id"))
        source = self._found(source_chat, params.integer("message_id"))
        fields = content_of(source) | {"forward_origin": forward_origin(source)}
        if photo := source.get("photo"):
            media = self._context.files.media(photo[-1]["file_id"], "photo")
            await self._keep(chat, [media])
        return {"message": self._post(chat, user, fields)}

    async def edit(self, params: Params) -> Json:
        """Edit the text, the caption or the photo of one's own message or post."""
        self.check_room()
        user, chat = self.who_where(params)
        message_id = params.integer("message_id")
        old = self._own(user, chat, message_id)
        media = [await self._store(field, upload, params) for field, upload in _uploads(params)[:1]]
        await self._keep(chat, media)
        new = {k: v for k, v in old.items() if not (media and k in MEDIA)}
        if media:
            new |= media[0].fields()
        has_media = any(name in new for name in MEDIA)
        if "text" in params.values:
            for name in ("text", "entities", "caption", "caption_entities"):
                new.pop(name, None)
            new |= read_fields(params, caption=has_media, name="text")
        if same_content(old, new):
            raise BadRequestError("message is not modified")
        new["edit_date"] = int(time.time())
        self._context.world.replace_message(chat, new)
        self._tell(chat, new, edited=True)
        return {"message": new}

    def delete(self, params: Params) -> Json:
        """Delete a message; no bot is told."""
        user, chat = self.who_where(params)
        message_id = params.integer("message_id")
        if chat.kind != "private":
            self._own(user, chat, message_id)
        self._found(chat, message_id)
        self._context.world.delete_message(chat, message_id)
        return {}

    # Queries -------------------------------------------------------------------------------

    async def press(self, params: Params) -> Json:
        """Press a button and wait for the bot's answer."""
        self.check_room()
        user, chat = self.who_where(params)
        data = params.text("data")
        if len(data.encode(errors="replace")) > MAX_CALLBACK_DATA:
            raise BadRequestError("BUTTON_DATA_INVALID")
        message_id = params.integer("message_id")
        message = self._context.world.message(chat, message_id)
        query = self._context.queries.ask("callback", user["id"])
        update: Json = {
            "id": query.query_id,
            "from": user,
            "chat_instance": str(abs(chat.id) * 7919),
            "data": data,
        }
        if message is not None and "via_bot" in message:
            update["inline_message_id"] = _inline_id(chat, message_id)
        else:
            # What the chat no longer holds is told as Telegram's InaccessibleMessage.
            gone = {"chat": chat.raw, "message_id": message_id, "date": 0}
            update["message"] = message or gone
        self._context.updates.put("callback_query", update)
        return {"answer": await self._context.queries.wait(query, _wait(params))}

    async def inline(self, params: Params) -> Json:
        """Ask an inline query and wait for the bot's results."""
        self.check_room()
        user, chat = self.who_where(params)
        text, offset = params.text("query"), params.text("offset")
        if len(text) > MAX_INLINE_QUERY:
            raise BadRequestError(f"an inline query has at most {MAX_INLINE_QUERY} characters")
        query: PendingQuery | None = None
        if params.flag("cached"):
            query = self._context.queries.remembered(user["id"], text, offset)
        if query is None:
            query = self._context.queries.ask("inline", user["id"], text, offset)
            sender = "sender" if chat.kind == "private" else chat.kind
            self._context.updates.put(
                "inline_query",
                {
                    "id": query.query_id,
                    "from": user,
                    "query": text,
                    "offset": offset,
                    "chat_type": sender,
                },
            )
        answer = await self._context.queries.wait(query, _wait(params))
        thumbs = [_thumb(query.query_id, item) for item in answer["results"]]
        return {"query_id": query.query_id, "answer": answer, "thumbs": thumbs}

    async def choose(self, params: Params) -> Json:
        """Send an inline result to a chat, as the user's message via the bot."""
        self.check_room()
        user, chat = self.who_where(params)
        query, item = self.inline_result(params.text("query_id"), params.text("result_id"))
        fields = message_content(item)
        media = await self._result_media(item) if "text" not in fields else None
        if media is not None:
            fields = media.fields() | fields
        keyboard = inline_keyboard(Params(item).mapping("reply_markup"))
        chosen: Json = {"result_id": item["id"], "from": user, "query": query.text}
        fields["via_bot"] = self._context.world.bot
        if keyboard is not None:
            fields["reply_markup"] = keyboard
        message = self._post(chat, user, fields)
        if keyboard is not None:
            chosen["inline_message_id"] = _inline_id(chat, message["message_id"])
        self._context.updates.put("chosen_inline_result", chosen)
        return {"message": message}

    def inline_result(self, query_id: str, result_id: str) -> tuple[PendingQuery, Json]:
        """Return a result of an answered inline query.

        Raises
        ------
        BadRequestError
            The query or the result is not known.
        """
        query = self._context.queries.find(query_id, "inline")
        if query is not None and query.answer.done() and not query.answer.cancelled():
            for item in query.answer.result()["results"]:
                if item["id"] == result_id:
                    return query, item
        raise BadRequestError("no such inline result")

    async def thumbnail(self, query_id: str, result_id: str) -> Media:
        """Fetch the preview of an inline result that the bot gave by its address."""
        _, item = self.inline_result(query_id, result_id)
        address = item.get("thumbnail_url") or item.get("thumb_url") or item.get("photo_url")
        if not isinstance(address, str):
            raise BadRequestError("the result has no preview")
        return await self._context.media.fetch(address)

    # Memberships ---------------------------------------------------------------------------

    def membership(self, params: Params) -> Json:
        """Block or unblock the bot; add it to the group or channel, or remove it."""
        user, chat = self.who_where(params)
        member = params.flag("member")
        if member != chat.bot_member:
            self._context.world.set_member(chat, member)
            bot = self._context.world.bot
            if chat.kind == "private":
                inside: Json = {"status": "member", "user": bot}
                outside: Json = {"status": "kicked", "user": bot, "until_date": 0}
            else:
                inside = administrator(bot)
                outside = {"status": "left", "user": bot}
            old, new = (outside, inside) if member else (inside, outside)
            self._context.updates.put(
                "my_chat_member",
                {
                    "chat": chat.raw,
                    "from": user,
                    "date": int(time.time()),
                    "old_chat_member": old,
                    "new_chat_member": new,
                },
            )
        return {"member": chat.bot_member}

    def post_at(self, params: Params) -> Json:
        """Return the post of a link: of a chat that is known, or one that came from elsewhere."""
        user, place = self._context.world.user(params.integer("user_id")), params.text("chat")
        number = params.integer("message_id")
        try:
            chat = self._visible(user, self._context.world.chat(place).id)
            return {"known": True, "post": self._context.world.message(chat, number)}
        except BadRequestError:
            posts = self._context.world.chats[CHANNEL_ID].messages.values()
            name = place.removeprefix("@")
            for post in posts:
                origin = post.get("forward_origin", {})
                chat_there = origin.get("chat", {})
                if origin.get("message_id") == number and name in (
                    chat_there.get("username"),
                    str(chat_there.get("id")),
                ):
                    return {"known": True, "post": post}
        return {"known": False, "post": None}

    def check_room(self) -> None:
        """Raise `ApiError` 503 where the bot is too far behind with its updates."""
        if not self._context.updates.room():
            raise ApiError(503, "the bot does not read its updates; is it running?")

    def check_channel(self, chat: Chat, user_id: int) -> None:
        """Raise `ApiError` 403 where a user may not post, or the bot would not see it."""
        self._check_owner(chat, self._context.world.user(user_id))
        if not chat.bot_member:
            raise ApiError(403, "the bot is not in the channel")

    def post(
        self, chat: Chat, user_id: int, fields: Json, *, message_id: int | None = None
    ) -> int | None:
        """Add a message of any fields; returns the number of the update that tells the bot."""
        user = self._context.world.user(user_id)
        message = self._context.world.add_message(chat, user, fields, message_id=message_id)
        return self._tell(chat, message)

    # ---------------------------------------------------------------------------------------

    def who_where(self, params: Params) -> tuple[Json, Chat]:
        """Return the user and the chat of a request, if the user can see it."""
        user = self._context.world.user(params.integer("user_id"))
        return user, self._visible(user, params.integer("chat_id", user["id"]))

    def _visible(self, user: Json, chat_id: int) -> Chat:
        chat = self._context.world.chat(chat_id)
        if chat.kind == "private" and chat.id != user["id"]:
            raise BadRequestError("chat not found")
        return chat

    def _found(self, chat: Chat, message_id: int) -> Json:
        message = self._context.world.message(chat, message_id)
        if message is None:
            raise BadRequestError("message not found")
        return message

    def _own(self, user: Json, chat: Chat, message_id: int) -> Json:
        message = self._found(chat, message_id)
        owner = user["id"] == OWNER_ID
        mine = message.get("from", {}).get("id") == user["id"]
        if not (mine or (owner and chat.kind == "channel")) or message_id in chat.by_bot:
            raise ApiError(403, "it is not your message")
        return message

    def _reply(self, user: Json, chat: Chat, params: Params) -> Json:
        if not params.has("reply_to_message_id"):
            return {}
        source = self._visible(user, params.integer("reply_to_chat_id", chat.id))
        message = self._found(source, params.integer("reply_to_message_id"))
        if source is chat:
            return {"reply_to_message": quoted(message)}
        external: Json = {name: message[name] for name in MEDIA if name in message}
        external["origin"] = forward_origin(message)
        if source.kind != "private":
            external |= {"chat": source.raw, "message_id": message["message_id"]}
        text = message.get("text") or message.get("caption")
        return {
            "external_reply": external,
            **({"quote": {"text": text, "position": 0}} if text else {}),
        }

    @staticmethod
    def _thread(chat: Chat, params: Params) -> Json:
        thread = params.integer("message_thread_id", 0)
        if not thread:
            return {}
        if chat.kind != "supergroup":
            raise BadRequestError("only a group has topics")
        chat.threads.add(thread)
        chat.raw = {**chat.raw, "is_forum": True}
        return {"message_thread_id": thread, "is_topic_message": True}

    async def _store(
        self, field: str, upload: Upload, params: Params, preview: bytes | None = None
    ) -> Media:
        if field == "photo":
            return await self._context.files.add_photo(upload.content)
        guessed = None if upload.mime_type == "application/octet-stream" else upload.mime_type
        mime = params.text("mime_type") or guessed
        return await self._context.files.add_document(upload.content, upload.name, mime, preview)

    async def _keep(self, chat: Chat, media: list[Media]) -> None:
        """Keep what becomes a post of a library; anywhere else photos may go in time."""
        if chat.kind == "channel":
            for one in media:
                await self._context.files.keep(one)

    @staticmethod
    def _check_owner(chat: Chat, user: Json) -> None:
        if chat.kind == "channel" and user["id"] != OWNER_ID:
            raise ApiError(403, "only the channel's owner can post")

    def _post(self, chat: Chat, user: Json, fields: Json) -> Json:
        self._check_owner(chat, user)
        message = self._context.world.add_message(chat, user, fields)
        self._tell(chat, message)
        return message

    def _tell(self, chat: Chat, message: Json, *, edited: bool = False) -> int | None:
        if not chat.bot_member:
            return None
        kind = "channel_post" if chat.kind == "channel" else "message"
        return self._context.updates.put(f"edited_{kind}" if edited else kind, message)

    async def _result_media(self, item: Json) -> Media:
        if item.get("photo_file_id"):
            return self._context.files.media(item["photo_file_id"], "photo")
        return await self._context.media.fetch(item["photo_url"])


def _inline_id(chat: Chat, message_id: int) -> str:
    return f"inline_{chat.id}_{message_id}"


def _wait(params: Params) -> float:
    return min(max(params.number("timeout", CALLBACK_WAIT), 0.0), _MAX_WAIT)


def _thumb(query_id: str, item: Json) -> Json | None:
    file_id = item.get("photo_file_id")
    if isinstance(file_id, str):
        return {"file_id": file_id}
    if item.get("thumbnail_url") or item.get("thumb_url") or item.get("photo_url"):
        return {"query_id": query_id, "result_id": item["id"]}
    return None


def _uploads(params: Params) -> list[tuple[str, Upload]]:
    files = [(name.partition("-")[0], upload) for name, upload in params.uploads.items()]
    for name, _ in files:
        if name not in (*MEDIA, "thumbnail"):
            raise BadRequestError(f"a file's field is one of {', '.join(MEDIA)}")
    return files
