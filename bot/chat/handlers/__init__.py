"""What the bot does with each kind of update."""

from __future__ import annotations

from typing import Any

from telegram.ext import Application

from bot.chat.handlers import album, chats, commands, errors, guard, inline, owner, photo, text
from bot.chat.handlers import buttons as press


def register(application: Application[Any, Any, Any, Any, Any, Any]) -> None:
    """Give the application all handlers; the first that fits takes an update."""
    application.add_handlers(guard.handlers(), group=-1)
    for module in (chats, owner, commands, press, inline, album, photo, text):
        application.add_handlers(module.handlers())
    application.add_error_handler(errors.on_error)
