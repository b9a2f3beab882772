"""A server that answers as VK's documentation says, faults included."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from tests.training.collect.helpers import jpeg

Answer = dict[str, Any]


def error(code: int, message: str = "refused", **more: Any) -> Answer:
    return {"error": {"error_code": code, "error_msg": message, "request_params": [], **more}}


class VkServer:
    """Walls and albums; faults are taken from `faults` before anything is answered."""

    def __init__(self) -> None:
        self.walls: dict[int, list[Answer]] = {}
        self.albums: dict[int, list[Answer]] = {}
        self.photos: dict[tuple[int, str], list[Answer]] = {}
        self.denied: dict[str, Answer] = {}
        self.faults: list[Answer | int | str] = []
        self.photo_faults: dict[str, list[Any]] = {}
        self.calls: list[tuple[str, dict[str, str], float]] = []
        self.downloads: list[str] = []
        self.delay = 0.0
        self.url = ""

    def photo(self, owner: int, number: int, **more: Any) -> Answer:
        def size(kind: str, side: int) -> Answer:
            url = f"{self.url}/photo/{owner}_{number}_{kind}.jpg"
            return {"type": kind, "width": side, "height": side, "url": url}

        sizes = [size("s", 75), size("z", 1080), size("x", 604), size("m", 130)]
        return {
            "id": number,
            "owner_id": owner,
            "date": 1700000000,
            "text": "",
            "sizes": sizes,
        } | more

    def post(self, owner: int, number: int, text: str, *photos: int, **more: Any) -> Answer:
        attachments = [{"type": "photo", "photo": self.photo(owner, photo)} for photo in photos]
        attachments.append({"type": "link", "link": {"url": "https://x.ru"}})
        return {
            "id": number,
            "owner_id": owner,
            "from_id": owner,
            "date": 1700000000 + number,
            "text": text,
            "post_type": "post",
            "attachments": attachments,
        } | more

    async def method(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        name = request.match_info["name"]
        self.calls.append((name, form, asyncio.get_running_loop().time()))
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, int):
                return web.Response(status=fault)
            if isinstance(fault, str):
                return web.Response(text=fault)
            return web.json_response(fault)
        if form.get("access_token") != "secret":
            return web.json_response(error(5, "User authorization failed"))
        if not form.get("v"):
            return web.json_response(error(8, "Invalid request: v is required"))
        return web.json_response(self._answer(name, form))

    def _answer(self, name: str, form: dict[str, str]) -> Answer:
        owner = int(form.get("owner_id", 0))
        if refused := self.denied.get(f"{name} {form.get('album_id', owner)}"):
            return refused
        offset, count = int(form.get("offset", 0)), int(form.get("count", 20))
        if name == "wall.get":
            found = self.walls.get(owner, [])
            return self._page(found, offset, min(count, 100))
        if name == "photos.getAlbums":
            return self._page(self.albums.get(owner, []), 0, 1000)
        if name == "photos.get":
            found = self.photos.get((owner, form["album_id"]), [])
            return self._page(found, offset, min(count, 1000))
        if name == "utils.resolveScreenName":
            known = form["screen_name"] == "sunsets"
            return {"response": {"type": "group", "object_id": 7} if known else []}
        return error(3, "Unknown method passed")

    @staticmethod
    def _page(found: list[Answer], offset: int, count: int) -> Answer:
        return {"response": {"count": len(found), "items": found[offset : offset + count]}}

    async def image(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self.downloads.append(name)
        await asyncio.sleep(self.delay)
        data = jpeg(int(name.split("_")[1]))
        if faults := self.photo_faults.get(name.split("_")[1]):
            fault = faults.pop(0)
            if fault == "cut":
                return web.Response(body=data[: len(data) // 2])
            if fault == "html":
                return web.Response(text="<html>")
            return web.Response(status=fault)
        return web.Response(body=data, content_type="image/jpeg")


@contextmanager
def serving(server: VkServer) -> Iterator[VkServer]:
    """Run the server in a thread of its own."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    app = web.Application()
    app.router.add_post("/method/{name}", server.method)
    app.router.add_get("/photo/{name}", server.image)
    runner = web.AppRunner(app, shutdown_timeout=1)

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = "http://{}:{}".format(*runner.addresses[0][:2])
        started.set()

    def work() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
