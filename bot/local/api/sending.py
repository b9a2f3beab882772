"""Bot API methods that send: sendMessage, sendPhoto and sendChatAction."""

from __future__ import annotations

import itertools
import time

from bot.local import Json
from bot.local.api.context import Part, ServerContext
from bot.local.api.entities import FormattedText, format_text
from bot.local.api.keyboards import inline_keyboard
from bot.local.errors import BadRequestError
from bot.local.files import MEDIA, Media
from bot.local.limits import MAX_CAPTION, MAX_MARKUP, MAX_TEXT
from bot.local.params import Params
from bot.local.state import Chat

_ACTIONS = frozenset(
    {
        *("typing", "upload_photo", "record_video", "upload_video", "record_voice"),
        *("upload_voice", "upload_document", "choose_sticker", "find_location"),
        *("record_video_note", "upload_video_note"),
    }
)
_groups = itertools.count(int(time.time()) * 1000)


def new_media_group() -> str:
    """Return an id for a new album."""
    return str(next(_groups))


def text_fields(formatted: FormattedText, *, caption: bool) -> Json:
    """Return a message's text (or caption) and entities; nothing for an empty caption."""
    if caption and not formatted.text:
        return {}
    name, entities = ("caption", "caption_entities") if caption else ("text", "entities")
    fields: Json = {name: formatted.text}
    if formatted.entities:
        fields[entities] = formatted.entities
    return fields


def read_fields(params: Params, *, caption: bool, name: str = "") -> Json:
    """Read a text, or a caption (which may be empty), as a message's fields.

    Parameters
    ----------
    name
        Of the parameter, where it is another than ``text`` or ``caption``.

    Raises
    ------
    BadRequestError
        It is too long or cannot be parsed, or a text is empty.
    """
    if params.sequence("caption_entities" if caption else "entities"):
        raise BadRequestError("the local server takes HTML, not entities")
    text = params.text(name or ("caption" if caption else "text"))
    formatted = FormattedText()
    if len(text) <= MAX_MARKUP:
        formatted = format_text(text, params.text("parse_mode"))
    if len(text) > MAX_MARKUP or len(formatted.text) > (MAX_CAPTION if caption else MAX_TEXT):
        raise BadRequestError(f"message {'caption ' if caption else ''}is too long")
    if not caption and not formatted.text:
        raise BadRequestError("message text is empty")
    return text_fields(formatted, caption=caption)


def quoted(message: Json) -> Json:
    """Return a message as it is shown in a reply to it: without what it replies to itself."""
    return {key: value for key, value in message.items() if key != "reply_to_message"}


class Sender(Part):
    """The methods that put messages into chats."""

    async def send_message(self, params: Params) -> Json:
        """``sendMessage``."""
        chat = self._chat(params)
        return self._add(chat, params, read_fields(params, caption=False))

    async def send_photo(self, params: Params) -> Json:
        """``sendPhoto``."""
        chat = self._chat(params)
        caption = read_fields(params, caption=True)
        media = await self._context.media.read(params, params.text("photo"), "photo")
        fields = media.fields() | caption
        if params.flag("show_caption_above_media"):
            fields["show_caption_above_media"] = True
        if params.flag("has_spoiler"):
            fields["has_media_spoiler"] = True
        return self._add(chat, params, fields)

    async def send_chat_action(self, params: Params) -> bool:
        """``sendChatAction``."""
        chat = self._chat(params)
        action = params.text("action")
        if action not in _ACTIONS:
            raise BadRequestError("wrong parameter action in request")
        event = {"type": "action", "chat_id": chat.id, "action": action}
        self._context.world.emit(chat, event | self._thread(chat, params))
        return True

    # ---------------------------------------------------------------------------------------

    def _chat(self, params: Params) -> Chat:
        return self._context.world.chat_for_bot(params.text("chat_id"))

    def _add(self, chat: Chat, params: Params, fields: Json) -> Json:
        keyboard = inline_keyboard(params.mapping("reply_markup"))
        if keyboard is not None:
            fields = {**fields, "reply_markup": keyboard}
        preview = params.mapping("link_preview_options")
        if preview is None and params.flag("disable_web_page_preview"):
            preview = {"is_disabled": True}
        if preview is not None and "text" in fields:
            fields["link_preview_options"] = preview
        fields |= self._about(chat, params)
        return self._context.world.add_message(chat, self._context.world.bot, fields)

    def _about(self, chat: Chat, params: Params) -> Json:
        """Return what any message says of itself: its topic, what it replies to, protection."""
        about = self._thread(chat, params) | self._reply(chat, params)
        if "message_thread_id" in about:
            about["is_topic_message"] = True
        if params.flag("protect_content"):
            about["has_protected_content"] = True
        return about

    def _thread(self, chat: Chat, params: Params) -> Json:
        thread = params.integer("message_thread_id", 0)
        if thread and thread not in chat.threads:
            raise BadRequestError("message thread not found")
        return {"message_thread_id": thread} if thread else {}

    def _reply(self, chat: Chat, params: Params) -> Json:
        reply = params.mapping("reply_parameters") or {}
        wanted = reply.get("message_id", params.values.get("reply_to_message_id"))
        if wanted in (None, "", 0, "0"):
            return {}
        target = self._context.world.message(
            chat, Params({"message_id": wanted}).integer("message_id")
        )
        if target is not None:
            return {"reply_to_message": quoted(target)}
        lenient = Params(reply).flag("allow_sending_without_reply") or params.flag(
            "allow_sending_without_reply"
        )
        if not lenient:
            raise BadRequestError("message to be replied not found")
        return {}


async def input_media(context: ServerContext, params: Params, item: Json) -> Media:
    """Read the file of an ``InputMediaPhoto``."""
    if item.get("type") != "photo":
        raise BadRequestError("can't parse InputMedia: the local server takes photos only")
    source = item.get("media")
    if not isinstance(source, str) or not source:
        raise BadRequestError("can't parse InputMedia: media not found")
    return await context.media.read(params, source, "media")


def content_of(message: Json) -> Json:
    """Return what a copy of a message carries."""
    names = ("text", "entities", "caption", "caption_entities", *MEDIA)
    return {name: message[name] for name in names if name in message}


def forward_origin(message: Json) -> Json:
    """Return the ``MessageOrigin`` of a message that is forwarded (or was before)."""
    if "forward_origin" in message:
        return dict(message["forward_origin"])
    date = message["date"]
    if message["chat"]["type"] == "channel":
        return {
            "type": "channel",
            "date": date,
            "chat": message["chat"],
            "message_id": message["message_id"],
        }
    return {"type": "user", "date": date, "sender_user": message["from"]}
