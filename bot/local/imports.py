"""Posts written elsewhere and taken over into the channel: each once, however often it is sent."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from bot.local.api.context import Context
from bot.local.api.sending import read_caption, text_fields
from bot.local.errors import ApiError, BadRequestError
from bot.local.limits import MAX_KEYS_AT_ONCE, MIN_FREE_BYTES
from bot.local.params import Params, Upload
from bot.local.people import People
from bot.local.state import CHANNEL_ID

Json = dict[str, Any]

#: Clocks differ a little; a post of the day after tomorrow is a mistake.
_AHEAD: Final = 2 * 86_400


def post_key(photo: bytes, caption: str) -> str:
    """Return what a post is known by; the chat page computes the same.

    Parameters
    ----------
    photo
        The photo's file, as it was before the server made its own sizes of it.
    """
    inner = hashlib.sha256(photo).hexdigest()
    return hashlib.sha256(f"{inner}\n{caption}".encode(errors="replace")).hexdigest()


class Imports:
    """Taking posts over, and telling how far the bot is with them.

    Parameters
    ----------
    folder
        Where the files lie: it has to have room.
    """

    def __init__(self, people: People, context: Context, folder: Path) -> None:
        self._people, self._context, self._folder = people, context, folder
        self._database = context.database
        # Updates that the bot has not confirmed yet, and what they bring.
        self._waiting: dict[int, str] = {}
        sent = self._database.sent_posts()
        for update_id, update in context.updates.pending():
            post = update.get("channel_post", {})
            if key := sent.get(post.get("message_id")):
                self._waiting[update_id] = key
        self._waiting_keys = set(self._waiting.values())
        context.updates.on_settled = self._settled

    async def post(self, params: Params, uploads: list[tuple[str, Upload]]) -> Json:
        """Post one photo into the channel unless it has been taken over before.

        Parameters
        ----------
        params
            ``user_id``, ``caption``, ``date`` (seconds since 1970, optional).
        uploads
            One photo.

        Returns
        -------
        dict
            ``new``: whether it was posted now.
        """
        self._people.check_room()
        if len(uploads) != 1 or uploads[0][0] != "photo":
            raise BadRequestError("a post to take over has exactly one photo")
        content, caption = uploads[0][1].content, params.text("caption")
        fields = text_fields(read_caption(caption), caption=True)
        if params.has("date"):
            fields["date"] = _date(params.integer("date"))
        key = post_key(content, caption)
        if self._known(key):
            return {"new": False}
        if shutil.disk_usage(self._folder).free < MIN_FREE_BYTES:
            raise ApiError(507, "the disk is nearly full")
        media = await self._context.files.add_photo(content)
        # The same post may have come by another way while this one was decoded.
        if self._known(key):
            return {"new": False}
        self._announce(key, params.integer("user_id"), media.fields() | fields)
        await self._context.files.keep(media)
        return {"new": True}

    def status(self, params: Params) -> Json:
        """Tell which of some keys are known, and how many posts the bot has seen and read."""
        keys = params.sequence("keys") or []
        if len(keys) > MAX_KEYS_AT_ONCE:
            raise BadRequestError(f"at most {MAX_KEYS_AT_ONCE} keys at once")
        known = [key for key in keys if isinstance(key, str) and self._known(key)]
        sent, read = self._database.post_counts()
        return {"known": known, "sent": sent, "read": read}

    # ---------------------------------------------------------------------------------------

    def _known(self, key: str) -> bool:
        return key in self._waiting_keys or self._database.taken(key)

    def _announce(self, key: str, user_id: int, fields: Json) -> None:
        """Write the post down, then post it: it is in the ledger before any bot sees it.

        One that an earlier run has posted, but no bot has confirmed, gets its old number, so that
        a bot which did see it takes it for the same post.
        """
        chat = self._context.world.chat(CHANNEL_ID)
        self._people.check_channel(chat, user_id)
        earlier = self._database.message_of(key)
        number = chat.next_id if earlier is None else earlier
        try:
            self._database.add_post(key, number, fields["photo"][-1]["file_unique_id"])
        except sqlite3.Error as error:
            raise ApiError(507, f"the post cannot be noted: {error}") from error
        update_id = self._people.post(chat, user_id, fields, message_id=earlier)
        if update_id is not None:
            self._waiting[update_id] = key
            self._waiting_keys.add(key)

    def _settled(self, update_id: int, taken: bool) -> None:
        key = self._waiting.pop(update_id, None)
        if key is None:
            return
        self._waiting_keys.discard(key)
        if taken:
            self._database.take_post(key)


def _date(value: int) -> int:
    if not 0 < value < time.time() + _AHEAD:
        raise BadRequestError("the date is not one of the past")
    return value
