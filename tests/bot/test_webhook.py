"""Updates by webhook; health and metrics."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import aiohttp
import pytest

from bot.app import StartError
from bot.check import check
from tests.bot.conftest import SUNSET, fill, jpeg, make_settings, running, until
from tests.user.client import LocalUser
from tests.user.faults import FaultyServer

SECRET = "a-secret-of-the-webhook"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def test_webhook(
    tmp_path: Path, server: FaultyServer, capfd: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    settings = make_settings(
        server,
        tmp_path,
        webhook_url=f"http://127.0.0.1:{port}",
        webhook_secret=SECRET,
        webhook_port=port,
        log_level="DEBUG",
    )
    async with running(settings) as runner, LocalUser(server.url) as anna:
        (hook,) = server.calls("setWebhook")
        address = hook.values["url"]
        assert hook.values["secret_token"] == SECRET
        await fill(anna, runner, 3)
        await anna.send_text("sunset")
        assert (await anna.wait_replies())[-1].buttons

        post = await anna.send_photo(jpeg(SUNSET, 77), "x", chat_id=anna.channel_id)
        await until(lambda: len(runner.services.engine) == 7)
        update = {"update_id": 5, "channel_post": {**post.raw, "message_id": 4444}}
        right = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
        async with aiohttp.ClientSession() as session:
            for url, headers, data, status in (
                (address, {}, json.dumps(update), 403),
                (address, {"X-Telegram-Bot-Api-Secret-Token": "wrong"}, json.dumps(update), 403),
                (f"http://127.0.0.1:{port}/", right, json.dumps(update), 404),
                (address, right, "not json", 400),
                (address, right, "[1, 2]", 400),
                # One that cannot be read must not hold up the rest.
                (address, right, json.dumps({"update_id": 6, "message": {"chat": 1}}), 200),
                (address, right, "x" * 1_000_001, 413),
                (address, right, json.dumps(update), 200),
                # Delivered twice, it is taken once.
                (address, right, json.dumps(update), 200),
            ):
                headers = {"Content-Type": "application/json", **headers}
                async with session.post(url, data=data, headers=headers) as response:
                    assert response.status == status, (url, data)
                    assert SECRET not in await response.text()
            deep = "[" * 20_000 + "]" * 20_000
            odd = (True, -1, 2**70, 1.5, "\ud83d", "x" * 9000, [], [[]], {"id": {}}, {"id": 2**70})
            bodies = [
                *(json.dumps({"update_id": one}) for one in odd),
                *(
                    json.dumps({"update_id": 50 + n, kind: {**post.raw, field: value}})
                    for n, value in enumerate(odd)
                    for kind in ("message", "channel_post", "callback_query", "inline_query")
                    for field in ("message_id", "chat", "from", "photo", "date", "caption", "id")
                ),
                '{"update_id": NaN}',
                '{"update_id": 99, "update_id": "a"}',
                f'{{"update_id": 98, "message": {deep}}}',
                '{"update_id": ' + "9" * 5000 + "}",
            ]
            for body in bodies:
                headers = {"Content-Type": "application/json", **right}
                async with session.post(address, data=body.encode(), headers=headers) as response:
                    assert response.status in (200, 400), body[:200]
        # What is no HTTP, or a secret that is no text, costs no traceback.
        for line in (b"\x16\x03\x01\0", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(line + b"\r\n\r\n")
            assert await reader.read(100)
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        path = address.partition(f":{port}")[2]
        name = b"X-Telegram-Bot-Api-Secret-Token"
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\n".encode() + name + b": \xff\r\n\r\n")
        assert b" 403 " in await reader.readline()
        writer.close()
        # A balancer that goes away in the middle of an update costs no traceback.
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        path = address.partition(f":{port}")[2]
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n"
        writer.write(f"{head}X-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n\r\n{{".encode())
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.transport.abort()
        await until(lambda: len(runner.services.engine) == 8)
    log = "".join(capfd.readouterr())
    assert "Error handling request" not in log
    path = address.rpartition("/")[2]
    for secret in (SECRET, path, server.token, server.token.partition(":")[2], str(tmp_path)):
        assert secret not in log


async def test_health_and_metrics(tmp_path: Path, server: FaultyServer) -> None:
    settings = make_settings(server, tmp_path, metrics_port=0)
    async with (
        running(settings) as runner,
        LocalUser(server.url) as anna,
        aiohttp.ClientSession(f"http://127.0.0.1:{runner.health_port}") as session,
    ):
        await fill(anna, runner, 3)
        await anna.send_text("sunset")
        await anna.wait_replies()
        await anna.send_text("xyzzy")
        await anna.wait_reply()
        async with session.get("/health") as response:
            assert response.status == 200
            report = await response.json()
        assert report["posts"] == 6
        async with session.get("/metrics") as response:
            text = await response.text()
        assert 'image2pic_queries_total{kind="text",outcome="answered"} 1.0' in text
        assert 'image2pic_queries_total{kind="text",outcome="UnknownWordsError"} 1.0' in text
        assert 'image2pic_answer_seconds_count{kind="text"} 1.0' in text
        assert "image2pic_posts 6.0" in text
        assert "image2pic_queue 0.0" in text
        runner.services.library.disk_full = True
        async with session.get("/health") as response:
            assert response.status == 503
        runner.services.library.disk_full = False


async def test_an_address_that_cannot_be_had_is_one_message(
    tmp_path: Path, server: FaultyServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = make_settings(server, tmp_path, metrics_port=taken.getsockname()[1])
        with pytest.raises(StartError, match="another METRICS_PORT"):
            async with running(settings):
                pass
    settings = make_settings(server, tmp_path, metrics_port=0, metrics_host="192.0.2.1")
    with pytest.raises(StartError, match="METRICS_HOST"):
        async with running(settings):
            pass
    assert await check(settings) == 2
    assert "FAIL  addresses: cannot listen on 192.0.2.1" in capsys.readouterr().out
