"""The Bot API's methods by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bot.local import Json
from bot.local.api.answers import Answerer
from bot.local.api.context import Part, ServerContext
from bot.local.api.editing import Editor
from bot.local.api.sending import Sender
from bot.local.errors import ApiError, BadRequestError
from bot.local.limits import DEFAULT_WEBHOOK_CONNECTIONS, MAX_DOWNLOAD, MAX_UPDATES_AT_ONCE
from bot.local.params import Params
from bot.local.state import OWNER_ID
from bot.local.updates import WebhookDelivery

Method = Callable[[Params], Awaitable[Any]]


class BotMethods(Part):
    """Every method that the local server knows, by its name in lower case."""

    def __init__(self, context: ServerContext) -> None:
        super().__init__(context)
        sender, editor, answerer = Sender(context), Editor(context), Answerer(context)
        methods: dict[str, Method] = {
            "getMe": self._get_me,
            "getUpdates": self._get_updates,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._drop_webhook,
            "getWebhookInfo": self._webhook_info,
            "sendMessage": sender.send_message,
            "sendPhoto": sender.send_photo,
            "sendChatAction": sender.send_chat_action,
            "editMessageText": editor.edit_text,
            "editMessageCaption": editor.edit_caption,
            "editMessageMedia": editor.edit_media,
            "editMessageReplyMarkup": editor.edit_markup,
            "deleteMessage": editor.delete,
            "answerCallbackQuery": answerer.answer_callback,
            "answerInlineQuery": answerer.answer_inline,
            "getFile": self._get_file,
            "setMyCommands": self._set_commands,
            "getChat": self._get_chat,
            "getChatMember": self._get_chat_member,
            "getChatMemberCount": self._get_member_count,
            # Old names that Telegram still takes.
            "getChatMembersCount": self._get_member_count,
        }
        self.names = tuple(methods)
        self._methods = {name.lower(): method for name, method in methods.items()}

    async def call(self, name: str, params: Params) -> Any:
        """Carry out a method.

        Raises
        ------
        ApiError
            404 for an unknown method, else what the method refuses.
        """
        method = self._methods.get(name.lower())
        if method is None:
            raise ApiError(404, "Not Found: method not found")
        return await method(params)

    # The bot itself and its updates --------------------------------------------------------

    async def _get_me(self, params: Params) -> Json:
        return self._context.world.bot

    async def _get_updates(self, params: Params) -> list[Json]:
        updates = self._context.updates
        updates.allow(params.sequence("allowed_updates"))
        return await updates.poll(
            params.integer("offset", 0),
            params.integer("limit", MAX_UPDATES_AT_ONCE),
            params.number("timeout", 0.0),
        )

    async def _set_webhook(self, params: Params) -> bool:
        url = params.text("url").strip()
        if not url:
            return await self._drop_webhook(params)
        updates = self._context.updates
        webhook = WebhookDelivery(
            updates,
            url,
            secret=params.text("secret_token"),
            connections=params.integer("max_connections", DEFAULT_WEBHOOK_CONNECTIONS),
            reply=self._webhook_reply,
        )
        updates.allow(params.sequence("allowed_updates"))
        await self._drop_webhook(params)
        updates.webhook = webhook
        updates.wake()
        webhook.start()
        return True

    async def _drop_webhook(self, params: Params) -> bool:
        updates = self._context.updates
        webhook, updates.webhook = updates.webhook, None
        if webhook is not None:
            await webhook.stop()
        if params.flag("drop_pending_updates"):
            updates.clear()
        return True

    async def _webhook_reply(self, call: Json) -> None:
        values = {key: value for key, value in call.items() if key != "method"}
        await self.call(call["method"], Params(values))

    async def _webhook_info(self, params: Params) -> Json:
        updates = self._context.updates
        webhook = updates.webhook
        info: Json = {
            "url": webhook.url if webhook else "",
            "has_custom_certificate": False,
            "pending_update_count": len(updates),
        }
        if webhook is not None:
            info["max_connections"] = webhook.connections
            if webhook.last_error is not None:
                info["last_error_date"], info["last_error_message"] = webhook.last_error
        if updates.allowed is not None:
            info["allowed_updates"] = updates.allowed
        return info

    # Files and commands --------------------------------------------------------------------

    async def _get_file(self, params: Params) -> Json:
        if not params.has("file_id"):
            raise BadRequestError("file_id is not specified")
        _, file = self._context.files.find(params.text("file_id"))
        if file.size > MAX_DOWNLOAD:
            raise BadRequestError("file is too big")
        return {
            "file_id": file.file_id,
            "file_unique_id": file.file_unique_id,
            "file_size": file.size,
            "file_path": file.file_path,
        }

    async def _set_commands(self, params: Params) -> bool:
        commands = params.sequence("commands")
        if commands is None:
            raise BadRequestError('parameter "commands" is required')
        self._context.commands.set(commands, params.text("language_code"))
        return True

    # Chats ---------------------------------------------------------------------------------

    async def _get_chat(self, params: Params) -> Json:
        chat = self._context.world.chat_for_bot(params.text("chat_id"))
        return {
            **chat.raw,
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": {
                "unlimited_gifts": False,
                "limited_gifts": False,
                "unique_gifts": False,
                "premium_subscription": False,
                "gifts_from_channels": False,
            },
        }

    async def _get_chat_member(self, params: Params) -> Json:
        chat = self._context.world.chat_for_bot(params.text("chat_id"))
        user_id = params.integer("user_id")
        if user_id == self._context.world.bot["id"]:
            return administrator(self._context.world.bot)
        user = self._context.world.users.get(user_id)
        if user is None:
            raise BadRequestError("PARTICIPANT_ID_INVALID")
        if chat.kind != "private" and user["id"] == OWNER_ID:
            return {"status": "creator", "user": user, "is_anonymous": False}
        return {"status": "member", "user": user}

    async def _get_member_count(self, params: Params) -> int:
        chat = self._context.world.chat_for_bot(params.text("chat_id"))
        return 2 if chat.kind == "private" else len(self._context.world.users) + 1


def administrator(user: Json) -> Json:
    """Return a ``ChatMemberAdministrator``."""
    rights = (
        *("can_manage_chat", "can_delete_messages", "can_manage_video_chats"),
        *("can_restrict_members", "can_promote_members", "can_change_info", "can_invite_users"),
        *("can_post_stories", "can_edit_stories", "can_delete_stories", "can_post_messages"),
        *("can_edit_messages", "can_pin_messages", "can_manage_topics"),
        *("can_manage_direct_messages", "can_manage_tags", "can_send_welcome_messages"),
    )
    return {
        "status": "administrator",
        "user": user,
        "can_be_edited": False,
        "is_anonymous": False,
        **dict.fromkeys(rights, True),
    }
