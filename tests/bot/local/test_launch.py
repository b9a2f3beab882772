"""The local chat's server as a child process."""

from __future__ import annotations

import asyncio
import contextlib
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


async def test_nothing_that_was_taken_is_lost_by_a_kill(tmp_path: Path) -> None:
    """Messages are sent without a pause while the server is killed again and again."""
    token, taken = "4242:test-secret_part", []
    command = (sys.executable, "-m", "bot.local", "--port", "0", "--data-dir", str(tmp_path))
    environment = {**os.environ, "LOCAL_BOT_TOKEN": token}
    for kill in range(4):
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, env=environment
        )
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().partition(":")[2].strip().rstrip("/")
        async with aiohttp.ClientSession(url) as http:
            async with http.get("/local/messages?user_id=1001&limit=1000") as response:
                kept = [one["text"] for one in (await response.json())["result"]["messages"]]
            async with http.get(f"/bot{token}/getUpdates?limit=100") as response:
                told = [one["message"] for one in (await response.json())["result"]]
            # The last one may have been written without the answer that says so.
            assert kept[: len(taken)] == taken
            assert len(kept) <= len(taken) + 1
            assert [one["text"] for one in told] == kept[:100]
            assert [one["message_id"] for one in told] == list(range(1, len(told) + 1))
            taken = kept
            asyncio.get_running_loop().call_later(0.05 * (kill + 1), process.kill)
            with contextlib.suppress(aiohttp.ClientError):
                while len(taken) < 240 * (kill + 1):  # as many as the page tells at once
                    text = f"{kill}.{len(taken)}"
                    body = {"user_id": 1001, "text": text}
                    async with http.post("/local/send", json=body) as response:
                        assert response.status == 200
                    taken.append(text)
        await process.wait()
    assert len(taken) > 20


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
