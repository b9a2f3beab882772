"""Without a token: a local Bot API server in a process of its own, and settings that point there.

From here on the bot does not know the difference; it has a token and a base address.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
from typing import Final, Self

from pydantic import SecretStr

from bot.app import StartError
from bot.settings import Settings

#: The number of the bot in the local chat, always the same: file_ids stay valid.
LOCAL_BOT: Final = 4242
#: The person who opens the local chat owns the bot.
LOCAL_OWNER: Final = 1001
START_SECONDS: Final = 15
STOP_SECONDS: Final = 3


class LocalChat:
    """The local server, from start to end; `settings` are those for the bot."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._token = f"{LOCAL_BOT}:{secrets.token_urlsafe(24)}"
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    @property
    def settings(self) -> Settings:
        """Settings with token and base address of the local server."""
        return self._settings.model_copy(
            update={
                "telegram_bot_token": SecretStr(self._token),
                "telegram_base_url": self.url,
                # Nobody has to be spared here.
                "telegram_rate": 0.0,
                "owner_ids": self._settings.owner_ids or frozenset({LOCAL_OWNER}),
            }
        )

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.local.chat_server",
            str(self._settings.local_port),
            str(self._settings.data_dir / "chat"),
            # Held open as long as this process lives.
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "LOCAL_BOT_TOKEN": self._token},
            # Ctrl-C goes to the bot alone, which sends its last answers and then ends the server.
            start_new_session=True,
        )
        try:
            self.url = await asyncio.wait_for(self._read_address(), START_SECONDS)
        except (TimeoutError, StartError) as error:
            await self._end()
            raise StartError(
                f"the local chat did not start (is port {self._settings.local_port} taken? "
                "LOCAL_PORT=0 takes a free one)"
            ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def _read_address(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise StartError("the local chat ended at once")
        return line.decode().strip()

    async def _end(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
