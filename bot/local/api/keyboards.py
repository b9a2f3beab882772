"""Reply markup: inline keyboards checked as Telegram checks them."""

from __future__ import annotations

from typing import Any

from bot.local import Json
from bot.local.api.markup import link_entity
from bot.local.errors import BadRequestError
from bot.local.limits import MAX_CALLBACK_DATA, MAX_KEYBOARD_BUTTONS, MIN_CALLBACK_DATA

_ACTIONS = (
    *("callback_data", "url", "switch_inline_query", "switch_inline_query_current_chat"),
    *("switch_inline_query_chosen_chat", "copy_text", "login_url", "web_app", "pay"),
    "callback_game",
)


def inline_keyboard(markup: Json | None) -> Json | None:
    """Check a ``reply_markup``.

    Parameters
    ----------
    markup
        As the bot sent it; None when it sent none.

    Returns
    -------
    dict or None
        What the message keeps: the inline keyboard. None when there is none to keep: other
        kinds of markup are no part of a message.

    Raises
    ------
    BadRequestError
        A button without text or action, or with data or a link that is not allowed.
    """
    if not markup or "inline_keyboard" not in markup:
        return None
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise BadRequestError(
            "can't parse inline keyboard button: InlineKeyboardButton must be an Array of Arrays"
        )
    checked = [[_button(button) for button in row] for row in rows if row]
    if sum(map(len, checked)) > MAX_KEYBOARD_BUTTONS:
        raise BadRequestError("REPLY_MARKUP_TOO_LONG")
    return {"inline_keyboard": checked} if checked else None


def _button(button: Any) -> Json:
    if not isinstance(button, dict):
        raise BadRequestError("can't parse inline keyboard button: expected an Object")
    text = button.get("text")
    if not isinstance(text, str) or not text.strip():
        raise BadRequestError("can't parse inline keyboard button: Text must be non-empty")
    actions = [name for name in _ACTIONS if button.get(name) is not None]
    if not actions:
        raise BadRequestError(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    action = actions[0]
    value = button[action]
    if action == "callback_data":
        if not isinstance(value, str) or not (
            MIN_CALLBACK_DATA <= len(value.encode(errors="replace")) <= MAX_CALLBACK_DATA
        ):
            raise BadRequestError("BUTTON_DATA_INVALID")
    elif action == "url":
        link = link_entity(value) if isinstance(value, str) else None
        if link is None:
            raise BadRequestError(
                f"inline keyboard button URL '{value}' is invalid: Wrong HTTP URL"
            )
        if link[0] == "text_link":
            value = link[1]["url"]
    checked = {"text": text.strip(), action: value}
    if button.get("style") in ("danger", "success", "primary"):
        checked["style"] = button["style"]
    return checked
