"""The command menu: setMyCommands per language, and what a user then sees."""

from __future__ import annotations

import re
from typing import Any

from bot.local import Json
from bot.local.database import ChatDatabase
from bot.local.errors import BadRequestError
from bot.local.limits import MAX_COMMAND, MAX_COMMAND_DESCRIPTION, MAX_COMMANDS


class CommandBook:
    """Command lists by language, kept in a database: a bot sets them once, when it starts."""

    def __init__(self, database: ChatDatabase) -> None:
        self._database = database
        self._lists: dict[str, list[Json]] = database.kept("commands").get("", {})

    def set(self, commands: list[Any], language: str) -> None:
        """Set the list of a language ("": of all that have none); an empty list removes it.

        Raises
        ------
        BadRequestError
            A command, its description or the language is not allowed.
        """
        if language and not re.fullmatch(r"[a-z]{2}", language):
            raise BadRequestError("LANGUAGE_CODE_INVALID")
        if len(commands) > MAX_COMMANDS:
            raise BadRequestError("BOT_COMMANDS_TOO_MUCH")
        self._lists[language] = [_command(item) for item in commands]
        self._database.keep("commands", self._lists)

    def seen_by(self, language: str) -> list[Json]:
        """Return the list that a user of a language sees."""
        return self._lists.get(language[:2].lower()) or self._lists.get("", [])


def _command(item: Any) -> Json:
    if not isinstance(item, dict):
        raise BadRequestError("can't parse BotCommand: expected an Object")
    command, description = item.get("command"), item.get("description")
    if not isinstance(command, str) or not isinstance(description, str):
        raise BadRequestError("can't parse BotCommand: command and description must be strings")
    command = command.removeprefix("/")
    if not re.fullmatch(rf"[a-z0-9_]{{1,{MAX_COMMAND}}}", command):
        raise BadRequestError("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= MAX_COMMAND_DESCRIPTION:
        raise BadRequestError("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": command, "description": description}
