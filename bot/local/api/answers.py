"""Bot API methods that answer queries: answerCallbackQuery and answerInlineQuery."""

from __future__ import annotations

from bot.local import Json
from bot.local.api.context import Part
from bot.local.api.keyboards import inline_keyboard
from bot.local.api.sending import read_fields
from bot.local.errors import BadRequestError
from bot.local.limits import (
    DEFAULT_INLINE_CACHE,
    MAX_CALLBACK_ANSWER,
    MAX_INLINE_OFFSET,
    MAX_INLINE_RESULT_ID,
    MAX_INLINE_RESULTS,
)
from bot.local.params import Params, as_object


class Answerer(Part):
    """The methods that answer what a user asked by a button or inline."""

    async def answer_callback(self, params: Params) -> bool:
        """``answerCallbackQuery``."""
        text = params.text("text")
        if len(text) > MAX_CALLBACK_ANSWER:
            raise BadRequestError("MESSAGE_TOO_LONG")
        answer: Json = {"text": text, "show_alert": params.flag("show_alert")}
        if params.has("url"):
            answer["url"] = params.text("url")
        self._context.queries.answer(params.text("callback_query_id"), "callback", answer)
        return True

    async def answer_inline(self, params: Params) -> bool:
        """``answerInlineQuery``."""
        results = params.sequence("results")
        if results is None:
            raise BadRequestError("can't parse inline query results: expected an Array")
        if len(results) > MAX_INLINE_RESULTS:
            raise BadRequestError("RESULTS_TOO_MUCH")
        offset = params.text("next_offset")
        if len(offset.encode()) > MAX_INLINE_OFFSET:
            raise BadRequestError("NEXT_OFFSET_INVALID")
        objects = [as_object(item, "InlineQueryResult") for item in results]
        for item in objects:
            self._check(item)
        if len({item["id"] for item in objects}) < len(objects):
            raise BadRequestError("RESULT_ID_DUPLICATE")
        answer: Json = {
            "results": objects,
            "next_offset": offset,
            "is_personal": params.flag("is_personal"),
        }
        button = params.mapping("button")
        if button is not None:
            answer["button"] = button
        query = self._context.queries.answer(params.text("inline_query_id"), "inline", answer)
        seconds = params.number("cache_time", DEFAULT_INLINE_CACHE)
        self._context.queries.remember(query, answer, seconds)
        return True

    def _check(self, item: Json) -> None:
        values = Params(item)
        result_id, kind = values.text("id"), values.text("type")
        if not 1 <= len(result_id.encode(errors="replace")) <= MAX_INLINE_RESULT_ID:
            raise BadRequestError("RESULT_ID_INVALID")
        item["id"] = result_id
        inline_keyboard(values.mapping("reply_markup"))
        content = values.mapping("input_message_content")
        if content is not None:
            item["input_message_content"] = content
            if "message_text" not in content:
                raise BadRequestError("input message content is not supported by the local server")
            message_content(item)
        if kind == "article":
            if not values.text("title"):
                raise BadRequestError("ARTICLE_TITLE_EMPTY")
            if content is None:
                raise BadRequestError("MESSAGE_EMPTY")
            return
        if kind != "photo":
            raise BadRequestError(
                f'inline results of type "{kind[:32]}" are not supported by the local server'
            )
        message_content(item)
        if values.has("photo_file_id"):
            self._context.files.media(values.text("photo_file_id"), "photo")
            return
        # The old name is one that Telegram still takes.
        thumbnail = values.text("thumbnail_url") or values.text("thumb_url")
        for name, address in (("photo_url", values.text("photo_url")), ("thumb_url", thumbnail)):
            if not address:
                raise BadRequestError(f"PHOTO_INVALID: {name} is empty")
            if not address.startswith(("http://", "https://")):
                raise BadRequestError("WEBDOCUMENT_URL_INVALID")


def message_content(item: Json) -> Json:
    """Return the text or caption that an inline result sends, as message fields.

    Raises
    ------
    BadRequestError
        It is too long, empty or cannot be parsed.
    """
    content = Params(item).mapping("input_message_content")
    if content is not None:
        return read_fields(Params(content), caption=False, name="message_text")
    return read_fields(Params(item), caption=True)
