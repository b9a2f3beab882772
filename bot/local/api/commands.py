"""The command menu: setMyCommands per scope and language, and what a user then sees."""

from __future__ import annotations

import re
from typing import Any

from bot.local.database import Database
from bot.local.errors import BadRequestError
from bot.local.limits import MAX_COMMAND, MAX_COMMAND_DESCRIPTION, MAX_COMMANDS

Json = dict[str, Any]
ScopeKey = tuple[str, str, str]

_SCOPES = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}


class CommandBook:
    """Command lists by scope and language.

    Parameters
    ----------
    database
        Where they are kept: a bot sets them once, when it starts.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lists: dict[tuple[ScopeKey, str], list[Json]] = {}
        for kept in database.kept("commands").values():
            for *scope, language, commands in kept["lists"]:
                self._lists[(scope[0], scope[1], scope[2]), language] = commands

    def set(self, commands: list[Any], scope: Json | None, language: str) -> None:
        """Set the list of a scope and a language; an empty list removes it.

        Raises
        ------
        BadRequestError
            A command, its description, the scope or the language is not allowed.
        """
        key = (_scope_key(scope), _language(language))
        if len(commands) > MAX_COMMANDS:
            raise BadRequestError("BOT_COMMANDS_TOO_MUCH")
        checked = [_command(item) for item in commands]
        if checked:
            self._lists[key] = checked
        else:
            self._lists.pop(key, None)
        lists = [[*scope, spoken, found] for (scope, spoken), found in self._lists.items()]
        self._database.keep("commands", {"lists": lists})

    def get(self, scope: Json | None, language: str) -> list[Json]:
        """Return the list of exactly this scope and language."""
        return self._lists.get((_scope_key(scope), _language(language)), [])

    def seen_by(
        self, user_id: int, chat_id: int, kind: str, admin: bool, language: str
    ) -> list[Json]:
        """Return the list that a user sees in a chat: the narrowest scope that has one."""
        here = str(chat_id)
        scopes: list[ScopeKey] = []
        if kind == "private":
            scopes = [("chat", here, ""), ("all_private_chats", "", "")]
        else:
            scopes = [("chat_member", here, str(user_id))]
            scopes += [("chat_administrators", here, "")] if admin else []
            scopes += [("chat", here, "")]
            scopes += [("all_chat_administrators", "", "")] if admin else []
            scopes += [("all_group_chats", "", "")]
        for scope in [*scopes, ("default", "", "")]:
            for spoken in (language[:2].lower(), ""):
                found = self._lists.get((scope, spoken))
                if found:
                    return found
        return []


def _scope_key(scope: Json | None) -> ScopeKey:
    if not scope:
        return "default", "", ""
    kind = scope.get("type")
    if not isinstance(kind, str) or kind not in _SCOPES:
        raise BadRequestError("can't parse BotCommandScope: Unsupported type specified")
    values = [str(scope.get(name, "")) for name in _SCOPES[kind]]
    if not all(values):
        raise BadRequestError("can't parse BotCommandScope: chat_id or user_id is missing")
    first, second = [*values, "", ""][:2]
    return kind, first, second


def _language(language: str) -> str:
    if language and not re.fullmatch(r"[a-z]{2}", language):
        raise BadRequestError("LANGUAGE_CODE_INVALID")
    return language


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
