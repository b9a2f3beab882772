"""What the bot does with each kind of update."""

from __future__ import annotations

from typing import Any

from telegram.ext import Application

from bot.chat.handlers import buttons as press
from bot.chat.handlers import chats, commands, errors, guard, inline, owner, photos, text


def register(application: Application[Any, Any, Any, Any, Any, Any]) -> None:
    """Give the application all handlers; the first that fits takes an update."""
    application.add_handlers(guard.handlers(), group=-1)
    for module in (chats, owner, commands, press, inline, photos, text):
        application.add_handlers(module.handlers())
    application.add_error_handler(errors.on_error)
