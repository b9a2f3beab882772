"""The webhook: who does not know the secret is refused before anything is read."""

from __future__ import annotations

import hmac
import json
import logging
from typing import Final

from aiohttp import web
from telegram import Bot, Update

from bot.telegram.intake import Intake
from bot.telegram.request import readable

_LOGGER = logging.getLogger(__name__)

BODY_MAX: Final = 1_000_000
"""Bytes of the largest update that is read; Telegram's are far smaller."""

SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a name


class Webhook:
    """A small HTTP server that hands updates on.

    Python-telegram-bot's own reads up to 100 MB before it looks at the secret, and answers 400 to
    an update that it cannot read, which Telegram then sends again and again before all others.

    Parameters
    ----------
    path
        Of the address that Telegram was told.
    secret
        What Telegram sends along.
    """

    def __init__(
        self, *, host: str, port: int, path: str, secret: str, bot: Bot, intake: Intake
    ) -> None:
        self._host, self._port = host, port
        self._path, self._secret = path, secret
        self._bot, self._intake = bot, intake
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Begin to listen."""
        app = web.Application(client_max_size=BODY_MAX)
        app.router.add_post(f"/{self._path}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def stop(self) -> None:
        """Stop listening; what is being taken is taken."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        given = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode(errors="replace"), self._secret.encode()):
            return web.Response(status=403)
        if (request.content_length or 0) > BODY_MAX:
            return web.Response(status=413)
        try:
            item = json.loads(await request.read())
            number = item["update_id"]
            if not isinstance(number, int):
                raise TypeError("update_id")
        except ConnectionError:
            # Whoever sent it has gone, and sends it again.
            return web.Response(status=400)
        except (ValueError, TypeError, LookupError, RecursionError):
            _LOGGER.error("what came to the webhook is no update")
            return web.Response(status=400)
        # One that cannot be read is taken and passed over: the rest must not wait for it.
        await self._intake.put(Update.de_json(readable(item), self._bot))
        return web.Response()
