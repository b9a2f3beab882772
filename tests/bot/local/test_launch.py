"""The local chat's server as a child process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from bot.app import StartError
from bot.local.launch import LOCAL_OWNER, LocalChat
from bot.settings import Settings
from tests.user.client import LocalUser


def settings(folder: Path, port: int = 0) -> Settings:
    return Settings(_env_file=None, data_dir=folder / "var", local_port=port)  # type: ignore[call-arg]


async def serves(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def test_it_serves_the_page_and_ends(tmp_path: Path) -> None:
    async with LocalChat(settings(tmp_path)) as chat:
        assert await serves(chat.url)
        made = chat.settings
        assert made.telegram_base_url == chat.url
        assert made.owner_ids == {LOCAL_OWNER}
        assert made.telegram_bot_token is not None
    assert not await serves(chat.url)


async def test_a_taken_port_is_said(tmp_path: Path) -> None:
    async with LocalChat(settings(tmp_path)) as chat:
        port = int(chat.url.rpartition(":")[2])
        with pytest.raises(StartError, match=str(port)):
            async with LocalChat(settings(tmp_path / "other", port)):
                pass


async def test_a_server_that_dies_is_started_again_with_its_queue(tmp_path: Path) -> None:
    async with LocalChat(settings(tmp_path)) as chat:
        url, token = chat.url, chat.settings.telegram_bot_token
        assert token is not None
        async with LocalUser(url) as anna:
            await anna.send_text("before")
        os.kill(chat._process.pid, signal.SIGKILL)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("bot.local.launch.LIVED_SECONDS", 0.0)
            async with asyncio.timeout(20):
                while not await serves(url):
                    await asyncio.sleep(0.1)
        # The same token, the same address: a bot goes on, and so does the chat.
        address = f"{url}/bot{token.get_secret_value()}/getUpdates"
        async with aiohttp.ClientSession() as session, session.get(address) as response:
            (update,) = (await response.json())["result"]
        assert update["message"]["text"] == "before"
        async with LocalUser(url) as anna:
            assert [message.text for message in await anna.history()] == ["before"]
            sent = await anna.send_text("after")
            assert sent.message_id == 2
        # One that ends at once each time is given up.
        lost = asyncio.Event()
        chat.on_loss = lost.set
        os.kill(chat._process.pid, signal.SIGKILL)
        await asyncio.wait_for(lost.wait(), 20)
        with pytest.raises(StartError, match="again and again"):
            chat.check()


async def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from bot.local.launch import LocalChat\n"
        "from bot.settings import Settings\n"
        "async def main():\n"
        "    made = Settings(_env_file=None, data_dir=Path(sys.argv[1]), local_port=0)\n"
        "    async with LocalChat(made) as chat:\n"
        "        print(chat.url, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    url = (await parent.stdout.readline()).decode().strip()
    assert await serves(url)
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    async with asyncio.timeout(10):
        while await serves(url):
            await asyncio.sleep(0.1)
