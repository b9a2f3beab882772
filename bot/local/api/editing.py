"""Bot API methods that change or remove messages."""

from __future__ import annotations

import re
import time

from bot.local import Json
from bot.local.api.context import Part
from bot.local.api.keyboards import inline_keyboard
from bot.local.api.sending import input_media, read_fields
from bot.local.errors import BadRequestError
from bot.local.files import MEDIA
from bot.local.params import Params, as_object
from bot.local.state import Chat

# What `People` calls a message that was sent by way of the bot: its chat and its number.
INLINE_ID = re.compile(r"inline_(-?\d{1,18})_(\d{1,18})")
_TEXT = ("text", "entities", "caption", "caption_entities")


def same_content(old: Json, new: Json) -> bool:
    """Whether two states of a message show the same, keyboards included."""
    names = (*_TEXT, "reply_markup")
    if any(old.get(name) != new.get(name) for name in names):
        return False
    return _unique(old) == _unique(new)


def _unique(message: Json) -> list[str]:
    sizes = message.get("photo", []) + [message[name] for name in MEDIA[1:] if name in message]
    return [size["file_unique_id"] for size in sizes]


class Editor(Part):
    """The methods that edit and delete."""

    async def edit_text(self, params: Params) -> Json | bool:
        """``editMessageText``."""
        chat, message = self._target(params)
        if any(name in message for name in MEDIA):
            raise BadRequestError("there is no text in the message to edit")
        new = _without(message, *_TEXT, "link_preview_options")
        new |= read_fields(params, caption=False)
        preview = params.mapping("link_preview_options")
        if preview is not None:
            new["link_preview_options"] = preview
        return self._replace(chat, message, new, params)

    async def edit_caption(self, params: Params) -> Json | bool:
        """``editMessageCaption``."""
        chat, message = self._target(params)
        if not any(name in message for name in MEDIA):
            raise BadRequestError("there is no caption in the message to edit")
        new = _without(message, *_TEXT) | read_fields(params, caption=True)
        return self._replace(chat, message, new, params)

    async def edit_media(self, params: Params) -> Json | bool:
        """``editMessageMedia``: another photo, with its caption."""
        chat, message = self._target(params)
        item = as_object(params.mapping("media") or {}, "InputMedia")
        caption = read_fields(Params(item), caption=True)
        media = await input_media(self._context, params, item)
        # Decoding took its time: the message may have been edited or deleted meanwhile.
        chat, message = self._target(params)
        new = _without(message, *_TEXT, *MEDIA)
        new |= media.fields() | caption
        return self._replace(chat, message, new, params)

    async def edit_markup(self, params: Params) -> Json | bool:
        """``editMessageReplyMarkup``."""
        chat, message = self._target(params)
        return self._replace(chat, message, dict(message), params)

    async def delete(self, params: Params) -> bool:
        """``deleteMessage``."""
        chat = self._context.world.chat_for_bot(params.text("chat_id"))
        message_id = params.integer("message_id")
        message = self._context.world.message(chat, message_id)
        if message is None:
            raise BadRequestError("message to delete not found")
        self._context.world.delete_message(chat, message_id)
        return True

    # ---------------------------------------------------------------------------------------

    def _target(self, params: Params) -> tuple[Chat, Json]:
        world = self._context.world
        if params.has("inline_message_id"):
            place = INLINE_ID.fullmatch(params.text("inline_message_id"))
            if place is None:
                raise BadRequestError("MESSAGE_ID_INVALID")
            chat, message_id = world.chat(place[1]), int(place[2])
        else:
            chat = world.chat_for_bot(params.text("chat_id"))
            message_id = params.integer("message_id", 0)
            if not message_id:
                raise BadRequestError("message identifier is not specified")
        message = world.message(chat, message_id)
        if message is None:
            raise BadRequestError("message to edit not found")
        own = message.get("from", {}).get("id") == world.bot["id"]
        via = message.get("via_bot", {}).get("id") == world.bot["id"]
        posted = chat.kind == "channel" and message["message_id"] in chat.by_bot
        if not (own or posted or (via and params.has("inline_message_id"))):
            raise BadRequestError("message can't be edited")
        return chat, message

    def _replace(self, chat: Chat, old: Json, new: Json, params: Params) -> Json | bool:
        # A keyboard that is not sent along is removed: that is how Telegram does it.
        new = _without(new, "reply_markup")
        keyboard = inline_keyboard(params.mapping("reply_markup"))
        if keyboard is not None:
            new["reply_markup"] = keyboard
        if same_content(old, new):
            raise BadRequestError(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        new["edit_date"] = int(time.time())
        self._context.world.replace_message(chat, new)
        return True if params.has("inline_message_id") else new


def _without(message: Json, *names: str) -> Json:
    return {key: value for key, value in message.items() if key not in names}
