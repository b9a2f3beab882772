"""The server from the outside: refusals, secrets, bounds, the command line."""

# ruff: noqa: E501 - tables of cases read better one to a line

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.local import limits
from bot.local.server import LocalServer
from bot.local.updates import is_loopback
from tests.user.client import LocalChatError, LocalUser
from tests.user.faults import FaultyServer

from .conftest import TOKEN, make_photo

SECRET = TOKEN.partition(":")[2]


@pytest.fixture
async def http(server: LocalServer):
    async with aiohttp.ClientSession(server.url) as session:
        yield session


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "example.org", "192.168.1.1", "", "127.0.0.1.example.org"]
)
def test_other_hosts_are_refused(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ValueError, match="loopback"):
        LocalServer(TOKEN, host=host)


@pytest.mark.parametrize("token", ["", "secret", "x:y", "1:", ":abc", "1:a b c", "1:abc/def"])
def test_malformed_tokens_are_refused_without_being_repeated(token: str) -> None:
    with pytest.raises(ValueError, match="token") as caught:
        LocalServer(token)
    assert not token or token == "x:y" or token not in str(caught.value)


async def test_only_this_machines_own_page_is_answered(server: LocalServer, http) -> None:
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ):
        async with http.post("/local/user", json={"user_id": 5}, headers=headers) as response:
            assert response.status == 403
    assert 5 not in server.context.world.users
    # A form of another site needs no permission of ours to be posted: it is not read.
    async with http.post("/local/user", data="user_id=5") as response:
        assert response.status == 400
    async with http.post(
        "/local/user", json={"user_id": 5}, headers={"Origin": server.url}
    ) as response:
        assert response.status == 200


async def test_page_and_its_headers(http) -> None:
    async with http.get("/") as response:
        assert response.status == 200
        text = await response.text()
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        assert "unsafe" not in response.headers["Content-Security-Policy"]
    linked = re.findall(r'(?:href|src)="([^"#]+)"', text)
    assert set(linked) >= {"chat.css", "main.js", "icon.svg"}
    for name in linked:
        async with http.get(f"/{name}") as response:
            assert response.status == 200, name
    for path in ("/../server.py", "/%2e%2e/server.py", "/server.py", "/__init__.py"):
        async with http.get(path) as response:
            assert response.status == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/bot{TOKEN}/getMe", 200),
        (f"/bot{TOKEN}/GETME", 200),
        (f"/bot{TOKEN}/noSuchMethod", 404),
        ("/bot4242:other-token/getMe", 401),
        ("/botnonsense/getMe", 404),
        (f"/file/bot{TOKEN}/photos/none.jpg", 404),
        (f"/file/bot{TOKEN}/../../../../etc/passwd", 404),
        (f"/file/bot{TOKEN}/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404),
        ("/file/bot4242:other-token/photos/none.jpg", 401),
        ("/nowhere", 404),
    ],
)
async def test_statuses(http, path: str, status: int) -> None:
    async with http.get(path) as response:
        assert response.status == status
        answer = await response.json()
        assert answer["ok"] is (status == 200)
        if status != 200:
            assert answer["error_code"] == status


async def test_all_body_forms_mean_the_same(http, anna: LocalUser) -> None:
    await anna.send_text("hi")
    markup = {"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]}
    text = "Привет, <b>мир</b> 😀"
    form = aiohttp.FormData()
    for name, value in (("chat_id", "1001"), ("text", text), ("parse_mode", "HTML")):
        form.add_field(name, value)
    form.add_field("reply_markup", json.dumps(markup))
    form.add_field("file", b"x", filename="unused.bin")
    fields = {"chat_id": 1001, "text": text, "parse_mode": "HTML"}
    spelled = {**fields, "reply_markup": json.dumps(markup)}
    results = []
    for body in (
        {"json": {**fields, "reply_markup": markup}},
        {"json": spelled},
        {"data": spelled},
        {"data": form},
        {"params": spelled},
    ):
        async with http.post(f"/bot{TOKEN}/sendMessage", **body) as response:
            result = (await response.json())["result"]
        results.append({k: v for k, v in result.items() if k not in ("message_id", "date")})
    assert all(result == results[0] for result in results)
    assert results[0]["entities"] == [{"type": "bold", "offset": 8, "length": 3}]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[1]"),
        ("application/json", b'"x"'),
        ("application/json", b"[" * 100_000),
        ("application/json", b'{"chat_id": 1001, "text": "\\ud800"}'),
        ("application/json", b'{"chat_id": [1], "text": "x"}'),
        ("application/json", b'{"chat_id": 1001, "text": {"a": 1}}'),
        ("application/json", b'{"chat_id": 1001, "text": "x", "reply_markup": 5}'),
        ("application/json", b'{"chat_id": 1001, "text": "x", "reply_markup": {"inline_keyboard": 5}}'),
        ("application/json", b'{"chat_id": 1001, "text": "x", "reply_markup": {"inline_keyboard": [[5]]}}'),
        ("application/json", b'{"chat_id": 1001, "text": "x", "reply_parameters": {"message_id": "x"}}'),
        ("application/json", b'{"chat_id": 1e400, "text": "x"}'),
        ("application/x-www-form-urlencoded", b"chat_id=1001&text=%ff"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % i for i in range(500))),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n\xff\r\n--x--\r\n'),
        ("text/plain", b"hello"),
    ],
)  # fmt: skip
async def test_broken_bodies_are_bad_requests(
    http, anna: LocalUser, kind: str, body: bytes
) -> None:
    await anna.send_text("hi")
    async with http.post(
        f"/bot{TOKEN}/sendMessage", data=body, headers={"Content-Type": kind}
    ) as response:
        assert response.status == 400
        assert (await response.json())["description"].startswith("Bad Request: ")


async def test_parameters_in_the_body_of_a_get(http, anna: LocalUser) -> None:
    await anna.send_text("hi")
    async with http.get(
        f"/bot{TOKEN}/sendMessage", json={"chat_id": 1001, "text": "x"}
    ) as response:
        assert (await response.json())["result"]["text"] == "x"


@pytest.mark.parametrize("filename", ["photo.jpg", "my photo.jpg", "фото.jpg", '"a;b.jpg"'])
async def test_file_names_without_quotes(http, anna: LocalUser, filename: str) -> None:
    await anna.send_text("hi")
    parts = [
        b"Content-Disposition: form-data; name=chat_id\r\n\r\n1001",
        f"Content-Disposition: form-data; name=photo; filename={filename}\r\n\r\n".encode()
        + make_photo(),
    ]
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    async with http.post(f"/bot{TOKEN}/sendPhoto", data=body, headers=kind) as response:
        assert (await response.json())["result"]["photo"]


async def test_too_many_requests_say_when_in_a_header_too(server: FaultyServer, http) -> None:
    server.plan_fault("too_many_requests", retry_after=7)
    async with http.get(f"/bot{TOKEN}/getMe") as response:
        assert response.headers["Retry-After"] == "7"


async def test_double_slashes_in_the_path_of_a_file(http, anna: LocalUser) -> None:
    sent = await anna.send_photo(make_photo())
    asked = {"file_id": sent.photo[-1]["file_id"]}
    async with http.get(f"/bot{TOKEN}/getFile", params=asked) as response:
        path = (await response.json())["result"]["file_path"]
    for spelled in (path, f"/{path}", path.replace("/", "//")):
        async with http.get(f"/file/bot{TOKEN}/{spelled}") as response:
            assert await response.read() == make_photo()


async def test_what_a_message_says_of_itself_is_echoed(http, anna: LocalUser) -> None:
    await anna.send_text("in a topic", chat_id=anna.group_id, thread=5)
    fields = {
        "chat_id": anna.group_id,
        "text": "x",
        "message_thread_id": 5,
        "link_preview_options": {"is_disabled": True},
        "protect_content": True,
    }
    async with http.post(f"/bot{TOKEN}/sendMessage", json=fields) as response:
        result = (await response.json())["result"]
    assert (result["message_thread_id"], result["is_topic_message"]) == (5, True)
    assert result["link_preview_options"] == {"is_disabled": True}
    assert result["has_protected_content"] is True
    assert result["chat"]["is_forum"] is True
    action = {"chat_id": anna.group_id, "action": "typing", "message_thread_id": 6}
    async with http.post(f"/bot{TOKEN}/sendChatAction", json=action) as response:
        assert "thread not found" in (await response.json())["description"]
    # An old name that Telegram still takes.
    async with http.get(f"/bot{TOKEN}/getChatMembersCount?chat_id={anna.group_id}") as response:
        assert (await response.json())["result"] == 2


async def test_a_group_that_became_a_supergroup(server: FaultyServer, http, anna) -> None:
    new = server.migrate_group()
    async with http.get(f"/bot{TOKEN}/getUpdates") as response:
        told = [update["message"] for update in (await response.json())["result"]]
    assert [told[0]["migrate_to_chat_id"], told[1]["chat"]["id"]] == [new, new]
    body = {"chat_id": anna.group_id, "text": "x"}
    async with http.post(f"/bot{TOKEN}/sendMessage", json=body) as response:
        assert (await response.json())["parameters"] == {"migrate_to_chat_id": new}


SURROGATE = "\\ud800"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/local/send", '{"user_id": 1001, "text": "%s"}'),
        ("/local/send", '{"user_id": 1001, "fields": {"sticker": {"emoji": "%s"}}}'),
        ("/local/send", '{"user_id": 1001, "fields": {"%s": 1}}'),
        ("/local/send", '{"user_id": 1001, "fields": {"x": 1e400}}'),
        ("/local/send", '{"user_id": 1001, "fields": {"x": NaN}}'),
        ("/local/user", '{"user_id": 1001, "first_name": "%s"}'),
        ("/local/press", '{"user_id": 1001, "message_id": 1, "data": "%s", "timeout": 0}'),
        ("/local/inline", '{"user_id": 1001, "query": "%s", "timeout": 0}'),
        ("/bot/sendMessage", '{"chat_id": 1001, "text": "%s"}'),
        ("/bot/sendMessage", '{"chat_id": 1001, "text": "x", "reply_markup": "{\\"inline_keyboard\\": [[{\\"text\\": \\"\\%s\\", \\"url\\": \\"https://e.org\\"}]]}"}'),
        ("/bot/setMyCommands", '{"commands": [{"command": "a", "description": "%s"}]}'),
    ],
)  # fmt: skip
async def test_strings_that_are_no_text_are_refused_and_block_nothing(
    server: FaultyServer, http, anna: LocalUser, path: str, body: str
) -> None:
    await anna.send_text("hi")
    path = path.replace("/bot/", f"/bot{TOKEN}/")
    kind = {"Content-Type": "application/json"}
    async with http.post(path, data=body.replace("%s", SURROGATE), headers=kind) as response:
        assert response.status == 400, await response.text()
        assert "UTF-8" in (await response.json())["description"]
    await anna.send_text("still here")
    async with http.get(f"/bot{TOKEN}/getUpdates") as response:
        told = (await response.json())["result"]
    assert [update["message"]["text"] for update in told] == ["hi", "still here"]


async def test_a_body_over_the_limit_is_not_read(http, monkeypatch) -> None:
    monkeypatch.setattr("bot.local.params.MAX_FORM_BYTES", 1000)
    async with http.post(f"/bot{TOKEN}/sendMessage", json={"text": "x" * 2000}) as response:
        assert response.status == 413


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("chat_id", "text", "photo", "document", "media", "message_id", "caption", "parse_mode"),
        *("entities", "caption_entities", "reply_markup", "reply_parameters", "url", "file_id"),
        *("callback_query_id", "inline_query_id", "results", "next_offset", "commands", "scope"),
        *("language_code", "offset", "limit", "allowed_updates", "action", "user_id"),
        *("from_chat_id", "message_ids", "cache_time", "show_alert", "secret_token"),
        *("max_connections", "inline_message_id"),
    ]
)


async def test_no_call_breaks_the_server(server: LocalServer, http, anna: LocalUser) -> None:
    """Hypothesis throws anything at every method: never a 500, never a hang."""
    from bot.local.api.methods import BotMethods

    await anna.send_text("hi")
    names = [n for n in BotMethods(server.context).names if n != "setWebhook"]
    usual = st.fixed_dictionaries(
        {},
        optional={"chat_id": st.sampled_from([1001, "@photo_channel"]), "message_id": st.just(1)},
    )
    cases: list[tuple[str, dict]] = []

    @settings(
        max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.sampled_from(names), st.dictionaries(NAMES, VALUES, max_size=5), usual)
    def collect(name: str, values: dict, known: dict) -> None:
        cases.append((name, {**values, **known, "timeout": 0}))

    collect()
    for name, values in cases:
        async with http.post(f"/bot{TOKEN}/{name}", json=values) as response:
            assert response.status in (200, 400, 403, 404, 409), (name, values)


async def test_no_action_of_people_breaks_the_server(
    server: LocalServer, http, anna: LocalUser
) -> None:
    await anna.send_text("hi")
    paths = [
        "user",
        "send",
        "forward",
        "edit",
        "delete",
        "press",
        "inline",
        "choose",
        "membership",
    ]
    keys = st.sampled_from(
        [
            *("user_id", "chat_id", "text", "caption", "message_id", "from_chat_id", "data"),
            *("query", "offset", "query_id", "fields", "result_id", "reply_to_message_id"),
            *("member", "language_code", "first_name", "kind", "times", "cached"),
        ]
    )
    cases: list[tuple[str, dict]] = []

    @settings(
        max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.sampled_from(paths), st.dictionaries(keys, VALUES, max_size=5), st.booleans())
    def collect(path: str, values: dict, known: bool) -> None:
        person = {"user_id": 1001} if known else {}
        cases.append((path, {**values, **person, "timeout": 0}))

    collect()
    for path, values in cases:
        async with http.post(f"/local/{path}", json=values) as response:
            assert response.status in (200, 400, 403, 408, 503), (path, values)


async def test_the_token_is_never_logged_nor_answered(
    server: LocalServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    port = int(server.url.rpartition(":")[2])
    raw = [
        f"GET /bot{TOKEN}/getMe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        f"GET /bot{TOKEN}/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        f"GET /bot{TOKEN} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        f"PUT /file/bot{TOKEN}/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        f"GET /file/bot{TOKEN}/x HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        f"GET /bot{TOKEN}/getMe HTTP/9.9 nonsense\r\n\r\n",
        f"/bot{TOKEN}\r\n\r\n",
        f"GET /bot{TOKEN}/getMe HTTP/1.1\r\nBad Header {TOKEN}\r\n\r\n",
        f"GET /{'x' * 9000}/bot{TOKEN}/getMe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        f"POST /bot{TOKEN}/sendMessage HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x{SECRET}\r\n\r\n",
        f"POST /bot{TOKEN}/sendMessage HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n{{",
    ]
    answers = []
    for request in raw:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            request.replace("HTTP/1.1\r\n", "HTTP/1.1\r\nConnection: close\r\n", 1).encode()
        )
        if request == raw[-1]:
            writer.write_eof()
        answers.append(await asyncio.wait_for(reader.read(), 5))
        writer.close()
    # A fault inside of the server is not told to the one who asked either.
    server.context.files.find = lambda file_id: 1 / 0  # type: ignore[method-assign,assignment]
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/bot{TOKEN}/getFile?file_id=x") as response,
    ):
        assert response.status == 500
        answers.append(await response.read())
    assert b"4242" in answers[0]
    logged = "\n".join(
        record.getMessage() + str(record.exc_text) + str(record.args)
        for record in caplog.records
        if not record.name.startswith("aiohttp.client")
    )
    assert "ZeroDivisionError" in logged
    assert SECRET not in logged
    assert all(SECRET.encode() not in answer for answer in answers)
    assert all(b"Traceback" not in answer and b"/bot/local/" not in answer for answer in answers)


async def test_history_events_and_updates_are_bounded(
    server: LocalServer, anna: LocalUser, monkeypatch
) -> None:
    monkeypatch.setattr("bot.local.state.HISTORY_LIMIT", 10)
    monkeypatch.setattr("bot.local.updates.MAX_PENDING_UPDATES", 30)
    for i in range(30):
        await anna.send_text(f"m{i}")
    with pytest.raises(LocalChatError, match="does not read") as caught:
        await anna.send_text("one too many")
    assert caught.value.code == 503
    chat = server.context.world.chats[1001]
    assert [m["text"] for m in chat.messages.values()] == [f"m{i}" for i in range(20, 30)]
    assert len(server.context.updates) == 30


@pytest.mark.parametrize("seen", ["9" * 5000, "x", str(2**70)])
async def test_an_event_of_no_number_is_refused(http, seen: str) -> None:
    headers = {"Last-Event-ID": seen}
    async with http.get("/local/events?user_id=1001", headers=headers) as response:
        assert response.status == 400


async def test_server_sent_events(server: LocalServer, http, anna: LocalUser) -> None:
    async with (
        LocalUser(server.url, user_id=7) as other,
        http.get("/local/events?user_id=1001&after=0") as stream,
    ):
        await other.send_text("not for Anna")
        await anna.send_text("one")
        await other.send_text("for the group", chat_id=other.group_id)
        seen = []
        while len(seen) < 2:
            line = await asyncio.wait_for(stream.content.readline(), 5)
            if line.startswith(b"data: "):
                event = json.loads(line[6:])
                if event["type"] == "message":
                    seen.append(event["message"]["text"])
        assert seen == ["one", "for the group"]


async def test_a_photo_by_its_address(
    server: LocalServer, http, anna: LocalUser, unused_tcp_port: int
) -> None:
    from aiohttp import web

    app = web.Application()
    served = {
        "/ok.jpg": (make_photo(3), "image/jpeg"),
        "/text": (b"text", "text/html"),
        "/big": (bytes(limits.MAX_URL_PHOTO + 1), "image/jpeg"),
    }

    async def serve(request: web.Request) -> web.Response:
        if request.path not in served:
            raise web.HTTPNotFound
        body, kind = served[request.path]
        return web.Response(body=body, content_type=kind)

    app.router.add_get("/{path}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    base = f"http://127.0.0.1:{unused_tcp_port}"
    await anna.send_text("hi")
    for path, said in (
        ("/ok.jpg", None),
        ("/text", "wrong type of the web page content"),
        ("/big", "failed to get HTTP URL content"),
        ("/none", "failed to get HTTP URL content"),
    ):
        async with http.post(
            f"/bot{TOKEN}/sendPhoto", json={"chat_id": 1001, "photo": base + path}
        ) as response:
            answer = await response.json()
        assert answer.get("description") == (said and f"Bad Request: {said}")
    # An inline result with an address: its preview comes through this server, then it is chosen.
    asked = asyncio.create_task(anna.inline("x"))
    while True:
        async with http.get(f"/bot{TOKEN}/getUpdates?offset=-1") as response:
            update = (await response.json())["result"][-1]
        if "inline_query" in update:
            break
    item = {
        "type": "photo",
        "id": "1",
        "photo_url": f"{base}/ok.jpg",
        "thumbnail_url": f"{base}/ok.jpg",
    }
    async with http.post(
        f"/bot{TOKEN}/answerInlineQuery",
        json={"inline_query_id": update["inline_query"]["id"], "results": [item]},
    ) as response:
        assert response.status == 200
    page = await asked
    thumb = {"query_id": page.query_id, "result_id": "1"}
    async with http.get("/local/thumb", params=thumb) as response:
        assert response.content_type == "image/jpeg"
    assert await anna.download(await anna.choose(page)) == make_photo(3)
    await runner.cleanup()


async def test_chats_are_private_and_posts_are_the_owners(
    server: LocalServer, anna: LocalUser
) -> None:
    sent = await anna.send_text("mine")
    async with LocalUser(server.url, user_id=8, first_name="Eve") as eve:
        assert (eve.bot["username"], eve.group_id) == ("image2pic_local_bot", anna.group_id)
        for attempt in (
            eve.send_text("x", chat_id=1001),
            eve.history(chat_id=1001),
            eve.forward(sent),
            eve.edit(sent, "x"),
            eve.delete(sent),
        ):
            with pytest.raises(LocalChatError, match="chat not found"):
                await attempt
        with pytest.raises(LocalChatError, match="only the channel's owner"):
            await eve.channel_post("x")
        said = await anna.send_text("in the group", chat_id=anna.group_id)
        with pytest.raises(LocalChatError, match="not your message"):
            await eve.edit(said, "x")
    with pytest.raises(LocalChatError, match="async with"):
        await LocalUser(server.url).send_text("x")


async def test_stopping_lets_everybody_go(tmp_path: Path) -> None:
    server = LocalServer(TOKEN)
    with pytest.raises(RuntimeError, match="not been started"):
        _ = server.url
    await server.start()
    folder = server.context.files.folder
    async with aiohttp.ClientSession(server.url) as session:
        poll = asyncio.create_task(session.get(f"/bot{TOKEN}/getUpdates?timeout=50"))
        events = asyncio.create_task(session.get("/local/changes?user_id=1001&after=0&wait=20"))
        await asyncio.sleep(0.2)
        began = asyncio.get_running_loop().time()
        await server.stop()
        assert asyncio.get_running_loop().time() - began < 3
        assert (await poll).status == 200
        assert (await events).status == 200
    assert not folder.exists()


def test_the_command_line(tmp_path: Path) -> None:
    environment = {**os.environ, "LOCAL_BOT_TOKEN": TOKEN}
    command = [sys.executable, "-m", "bot.local", "--port", "0", "--data-dir", str(tmp_path)]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert re.fullmatch(r"chat page: +http://127\.0\.0\.1:\d+/\n", first)
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 0
    assert SECRET not in first + out + errors
    refused = subprocess.run(
        [*command, "--host", "0.0.0.0"], env=environment, capture_output=True, text=True, timeout=20
    )
    assert refused.returncode == 2
    assert "loopback" in refused.stderr
