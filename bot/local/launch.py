"""Without a token: a local Bot API server in a process of its own, and settings that point there.

From here on the bot does not know the difference; it has a token and a base address.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable
from typing import Final, Self

from pydantic import SecretStr

from bot.app import StartError
from bot.local.state import GROUP_ID
from bot.settings import Settings

#: The number of the bot in the local chat, always the same: file_ids stay valid.
LOCAL_BOT: Final = 4242
#: The person who opens the local chat owns the bot.
LOCAL_OWNER: Final = 1001
START_SECONDS: Final = 15
STOP_SECONDS: Final = 3
#: A server that lived no longer than this is not started again.
LIVED_SECONDS: Final = 5.0

_LOGGER = logging.getLogger(__name__)


class LocalChat:
    """The local server, from start to end; started again, with all that it kept, when it dies.

    Attributes
    ----------
    url
        Its address, the same after a new start.
    on_loss
        Called when it cannot be started again.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._token = f"{LOCAL_BOT}:{secrets.token_urlsafe(24)}"
        self._port = settings.local_port
        self._process: asyncio.subprocess.Process
        self._watch: asyncio.Task[None] | None = None
        self.url = ""
        self.on_loss: Callable[[], object] = lambda: None
        self._lost: StartError | None = None

    @property
    def settings(self) -> Settings:
        """Settings with token and base address of the local server."""
        return self._settings.model_copy(
            update={
                "telegram_bot_token": SecretStr(self._token),
                "telegram_base_url": self.url,
                # There is no limit to keep here.
                "telegram_rate": 0.0,
                # Not the owner's own chat, which somebody looks at.
                "storage_chat": GROUP_ID,
                "owner_ids": self._settings.owner_ids or frozenset({LOCAL_OWNER}),
            }
        )

    def check(self) -> None:
        """Raise `StartError` where the server was lost."""
        if self._lost is not None:
            raise self._lost

    async def __aenter__(self) -> Self:
        await self._start()
        self._watch = asyncio.create_task(self._restart())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._watch is not None
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        await self._end()

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.local", "--until-input-ends"),
            *("--port", str(self._port), "--data-dir", str(self._settings.data_dir / "chat")),
            # Held open as long as this process lives.
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "LOCAL_BOT_TOKEN": self._token},
            # Ctrl-C goes to the bot alone, which sends its last answers and then ends the server.
            start_new_session=True,
        )
        try:
            assert self._process.stdout is not None
            line = await asyncio.wait_for(self._process.stdout.readline(), START_SECONDS)
        except TimeoutError:
            line = b""
        if not line:
            await self._end()
            raise StartError(
                f"the local chat did not start (is port {self._port} taken? "
                "LOCAL_PORT=0 takes a free one)"
            )
        self.url = line.decode().partition(":")[2].strip().rstrip("/")
        self._port = int(self.url.rpartition(":")[2])

    async def _restart(self) -> None:
        while True:
            began = time.monotonic()
            code = await self._process.wait()
            _LOGGER.error("the local chat's server ended (%d); it is started again", code)
            try:
                if time.monotonic() - began < LIVED_SECONDS:
                    raise StartError("the local chat's server ends again and again")
                await self._start()
            except StartError as error:
                self._lost = error
                self.on_loss()
                return

    async def _end(self) -> None:
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
