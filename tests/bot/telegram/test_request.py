"""Requests against a server that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from telegram.error import BadRequest, NetworkError, TimedOut

from bot.telegram import request as module
from bot.telegram.request import AnswerTooLargeError, PollRequest, Request
from engine.errors import Image2PicError

OK = '{"ok": true, "result": true}'


class Misbehaving:
    """Answers each path in a way of its own, and counts."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        how, method = request.match_info["how"], request.match_info["method"]
        self.counts[how] = count = self.counts.get(how, 0) + 1
        if how == "twice500" and count <= 2:
            return web.Response(status=500, text='{"ok": false, "description": "no"}')
        if how == "twicebreak" and count <= 2:
            assert request.transport is not None
            request.transport.abort()
        if how == "bad":
            return web.Response(status=400, text='{"ok": false, "description": "Bad Request: x"}')
        if how == "large":
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(22):
                await response.write(bytes(1_000_000))
            return response
        return web.Response(text=OK if method else "")


@pytest.fixture
async def server() -> AsyncIterator[Misbehaving]:
    server = Misbehaving()
    app = web.Application()
    app.router.add_route("*", "/{how}/{method}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def request_(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Request]:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    made = Request(connections=4)
    await made.initialize()
    yield made
    await made.shutdown()


async def test_a_server_error_is_tried_again(server: Misbehaving, request_: Request) -> None:
    assert await request_.post(f"{server.url}/twice500/sendMessage") is True  # type: ignore[comparison-overlap]
    assert server.counts["twice500"] == 3


async def test_a_broken_connection_only_where_it_does_no_harm(
    server: Misbehaving, request_: Request
) -> None:
    with pytest.raises(NetworkError):
        await request_.post(f"{server.url}/twicebreak/sendMessage")
    assert server.counts["twicebreak"] == 1
    await request_.post(f"{server.url}/twicebreak/editMessageText")
    assert server.counts["twicebreak"] == 3


async def test_a_refusal_is_not_tried_again(server: Misbehaving, request_: Request) -> None:
    with pytest.raises(BadRequest):
        await request_.post(f"{server.url}/bad/getMe")
    assert server.counts["bad"] == 1


async def test_a_file_without_end_is_not_read_into_memory(
    server: Misbehaving, request_: Request
) -> None:
    with pytest.raises(AnswerTooLargeError):
        await request_.retrieve(f"{server.url}/large/file")


async def test_no_connection(request_: Request) -> None:
    with pytest.raises(NetworkError) as caught:
        await request_.post("http://127.0.0.1:9/bot1:secret/sendMessage")
    assert "secret" not in str(caught.value)
    assert not isinstance(caught.value, TimedOut)


async def test_telegrams_clock_is_known(server: Misbehaving, request_: Request) -> None:
    await request_.post(f"{server.url}/fine/getMe")
    assert abs(request_.clock_ahead) < 2


@pytest.mark.parametrize("setting", ["PROXY", "HTTPS_PROXY"])
async def test_a_proxy_by_setting_or_environment(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().strip())
        writer.close()

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    if setting == "HTTPS_PROXY":
        monkeypatch.setenv("HTTPS_PROXY", address)
    made = Request(proxy=address if setting == "PROXY" else None)
    await made.initialize()
    with pytest.raises(NetworkError):
        await made.post("https://api.telegram.org/bot1:secret/getMe")
    await made.shutdown()
    proxy.close()
    assert asked[0] == "CONNECT api.telegram.org:443 HTTP/1.1"


def test_an_update_that_cannot_be_read_does_not_hold_up_the_rest() -> None:
    payload = (
        b'{"ok": true, "result": [{"update_id": 1, "message": {"chat": "nonsense"}},'
        b' {"no_number": 1}, 5, {"update_id": 2}]}'
    )
    assert PollRequest.parse_json_payload(payload)["result"] == [
        {"update_id": 1},
        {"update_id": 2},
    ]


def test_a_proxy_that_cannot_be_used_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:hush@host:1")
    with pytest.raises(Image2PicError, match=r"httpx\[socks\]") as caught:
        Request()
    assert "hush" not in str(caught.value)
