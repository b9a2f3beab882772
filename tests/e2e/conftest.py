"""The real bot process, driven over HTTP."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.user.client import ChatMessage, LocalUser
from tests.user.faults import FaultyServer

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
START_SECONDS = 60.0
_READY = re.compile(r"ready after [\d.]+ s")
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


class BotProcess:
    """The bot with the given environment, its output kept.

    Parameters
    ----------
    command
        How it is started: ``python -m bot`` by default.
    folder
        Where it is started.
    environment
        Its variables, beside a few that are kept.
    """

    def __init__(
        self, command: Sequence[str] = (), folder: Path | None = None, **environment: str
    ) -> None:
        self._command, self._folder = command or [sys.executable, "-m", "bot"], folder
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "PYTHONPATH", "LANG"}}
        self._environment = {**kept, **environment}
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self.output = ""

    async def start(self) -> None:
        self.output = ""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=self._folder,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._readers.append(asyncio.create_task(self._read()))
        async with asyncio.timeout(START_SECONDS):
            while not _READY.search(self.output):
                assert self._process.returncode is None, self.output
                await asyncio.sleep(0.05)

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while chunk := await self._process.stdout.read(4096):
            self.output += chunk.decode(errors="replace")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def address(self) -> str:
        """Address of the chat page, where there is one."""
        found = _ADDRESS.search(self.output)
        assert found, self.output
        return found[0]

    def memory(self, what: str = "VmRSS") -> int:
        """Resident memory, in bytes; VmHWM: its peak."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"{what}:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        status = await asyncio.wait_for(self._process.wait(), 20)
        await asyncio.gather(*self._readers)
        return status


@asynccontextmanager
async def bot_process(
    command: Sequence[str] = (), folder: Path | None = None, **environment: str
) -> AsyncIterator[BotProcess]:
    process = BotProcess(command, folder, **environment)
    try:
        await process.start()
        yield process
    finally:
        if process.running:
            await process.end(signal.SIGKILL)


@pytest.fixture
async def server() -> AsyncIterator[FaultyServer]:
    """A Bot API server that lives on when the bot is killed."""
    async with FaultyServer(TOKEN) as local:
        yield local


@dataclass(frozen=True)
class Example:
    """A post of the model's library."""

    name: str
    text: str
    photo: bytes


@pytest.fixture
def examples(small_model: Path) -> list[Example]:
    """Posts that the model has learnt from, with photo and text."""
    with closing(sqlite3.connect(small_model / "posts.sqlite")) as connection:
        root = dict(connection.execute("SELECT name, value FROM meta")).get("photo_root", ".")
        rows = connection.execute(
            "SELECT id, text, photo FROM posts WHERE photo IS NOT NULL AND text != '' ORDER BY key"
        ).fetchall()
    return [
        Example(name, text, (small_model / root / photo).read_bytes()) for name, text, photo in rows
    ]


async def answer_of(user: LocalUser) -> ChatMessage:
    """The bot's next message with buttons: the end of an answer."""
    while True:
        message = await user.wait_reply()
        if message.buttons:
            return message


def environment(server: FaultyServer, model: Path, folder: Path, **more: str) -> dict[str, str]:
    """Environment of a bot that talks to that server."""
    return {
        "TELEGRAM_BOT_TOKEN": server.token,
        "TELEGRAM_BASE_URL": server.url,
        "TELEGRAM_RATE": "0",
        "MODEL": str(model),
        "DATA_DIR": str(folder / "var"),
        "OWNER_IDS": "1001",
        # Drawn photos bear no words; to look for some takes more than all else.
        "OCR": "false",
        **more,
    }
