"""HTTP routes of the people's side, and the chat page's files."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any

from aiohttp import web

from bot.local import Json
from bot.local.api.context import ServerContext
from bot.local.errors import BadRequestError
from bot.local.files import StoredFile
from bot.local.imports import Imports
from bot.local.limits import EVENT_POLL_LIMIT
from bot.local.params import Params, read_params
from bot.local.people import People
from engine.files import shipped

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MAX_HISTORY = 1000
_SSE_PING = 15.0
_PAGE_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
#: Kinds of scene that a first visit shows to ask with.
_EXAMPLES = ("sunset-sea", "snowy-forest", "night-city")
_PAGE_HEADERS = {
    # Nothing from elsewhere is ever loaded, and nothing inline is ever run.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_routes() -> list[web.RouteDef]:
    """Return the routes of the chat page: its files are read once, here."""
    routes = []
    for file in resources.files("bot.local").joinpath("page").iterdir():
        suffix = "." + file.name.rpartition(".")[2]
        if suffix not in _PAGE_TYPES:
            continue
        path = "/" if file.name == "index.html" else f"/{file.name}"
        routes.append(web.get(path, _page_file(file.read_bytes(), _PAGE_TYPES[suffix])))
    for name in _EXAMPLES:
        photo = shipped("starter", "photos", f"{name}-03.jpg")
        if photo.is_file():
            view = _page_file(photo.read_bytes(), "image/jpeg")
            routes.append(web.get(f"/examples/{name}.jpg", view))
    return routes


def _page_file(content: bytes, content_type: str) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=content, content_type=content_type, charset="utf-8", headers=_PAGE_HEADERS
        )

    return serve


def people_routes(people: People, imports: Imports, context: ServerContext) -> list[web.RouteDef]:
    """Return the routes under ``/local/``, which the page and `LocalUser` use."""
    pages = _Views(people, imports, context)
    acts: dict[str, Callable[[Params], Any]] = {
        "user": people.profile,
        "send": people.send,
        "forward": people.forward,
        "edit": people.edit,
        "delete": people.delete,
        "press": people.press,
        "inline": people.inline,
        "choose": people.choose,
        "membership": people.membership,
        "import/begin": imports.begin,
        "import/wanted": lambda params: asyncio.to_thread(imports.wanted, params),
        "import/end": lambda _: imports.end(),
        "import/stop": lambda _: imports.stop(),
        "import/dismiss": lambda _: imports.dismiss(),
    }
    return [
        *(web.post(f"/local/{name}", pages.act(action)) for name, action in acts.items()),
        web.get("/local/import", pages.import_state),
        web.put("/local/import/file", pages.import_file),
        web.get("/local/messages", pages.messages),
        web.get("/local/post", pages.post),
        web.get("/local/changes", pages.changes),
        web.get("/local/events", pages.events),
        web.get("/local/commands", pages.commands),
        web.get("/local/file", pages.file),
        web.get("/local/thumb", pages.thumb),
    ]


class _Views:
    def __init__(self, people: People, imports: Imports, context: ServerContext) -> None:
        self._people, self._imports, self._context = people, imports, context

    def act(self, action: Callable[[Params], Any]) -> Handler:
        """Wrap an action: read the body, answer with the result and the mark before it."""

        async def view(request: web.Request) -> web.StreamResponse:
            params = await _action_params(request)
            seq = self._context.world.seq
            result = action(params)
            return _ok({"seq": seq, **(await result if inspect.isawaitable(result) else result)})

        return view

    async def import_state(self, request: web.Request) -> web.StreamResponse:
        return _ok(self._imports.state)

    async def import_file(self, request: web.Request) -> web.StreamResponse:
        pieces = request.content.iter_chunked(1024 * 1024)
        return _ok(await self._imports.upload(Params(dict(request.query)), pieces))

    async def messages(self, request: web.Request) -> web.StreamResponse:
        params = Params(dict(request.query))
        _, chat = self._people.who_where(params)
        seq = self._context.world.seq
        found = self._context.world.history(
            chat,
            after=params.integer("after") if params.has("after") else None,
            before=params.integer("before") if params.has("before") else None,
            limit=min(max(params.integer("limit", 100), 1), _MAX_HISTORY),
        )
        return _ok({"seq": seq, "messages": found})

    async def post(self, request: web.Request) -> web.StreamResponse:
        return _ok(self._people.post_at(Params(dict(request.query))))

    async def commands(self, request: web.Request) -> web.StreamResponse:
        user, _ = self._people.who_where(Params(dict(request.query)))
        return _ok({"commands": self._context.commands.seen_by(user.get("language_code", ""))})

    async def changes(self, request: web.Request) -> web.StreamResponse:
        params = Params(dict(request.query))
        user = self._context.world.user(params.integer("user_id"))
        wait = min(params.number("wait", 0.0), EVENT_POLL_LIMIT)
        events = await self._context.world.wait_events(params.integer("after", 0), user["id"], wait)
        return _ok({"seq": self._context.world.seq, "events": events})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events; a browser that reconnects tells the last it has seen."""
        world = self._context.world
        params = Params(dict(request.query))
        user = world.user(params.integer("user_id"))
        seen = request.headers.get("Last-Event-ID", "")
        seq = Params({"after": seen}).integer("after", params.integer("after", world.seq))
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        await response.write(b"retry: 1000\n\n")
        try:
            while not world.closed:
                for event in await world.wait_events(seq, user["id"], _SSE_PING):
                    seq = event["seq"]
                    data = json.dumps(event, ensure_ascii=False)
                    await response.write(f"id: {seq}\ndata: {data}\n\n".encode())
                await response.write(b": still here\n\n")
        except (ConnectionResetError, asyncio.CancelledError):
            pass
        return response

    async def file(self, request: web.Request) -> web.StreamResponse:
        _, file = self._context.files.find(request.query.get("file_id", ""))
        return self._serve(file)

    async def thumb(self, request: web.Request) -> web.StreamResponse:
        media = await self._people.thumbnail(
            request.query.get("query_id", ""), request.query.get("result_id", "")
        )
        sizes = [file for file in media.files if max(file.width, file.height) <= 320]
        return self._serve(sizes[-1] if sizes else media.files[0])

    def _serve(self, file: StoredFile) -> web.StreamResponse:
        # Only pictures that this server has encoded are shown; the rest is for saving.
        shown = file.role in ("photo", "thumbnail")
        headers = {
            "Content-Type": "image/jpeg" if shown else "application/octet-stream",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, max-age=86400",
        }
        if not shown:
            headers["Content-Disposition"] = "attachment"
        return web.FileResponse(self._context.files.location(file), headers=headers)


def _ok(result: Json) -> web.Response:
    return web.Response(
        text=json.dumps({"ok": True, "result": result}, ensure_ascii=False),
        content_type="application/json",
    )


async def _action_params(request: web.Request) -> Params:
    """Read an action: JSON, or a form whose field ``payload`` is JSON and the rest files."""
    if request.content_type not in ("application/json", "multipart/form-data"):
        raise BadRequestError("an action is JSON, or multipart with a payload and files")
    params = await read_params(request)
    payload = params.mapping("payload")
    if payload is not None:
        params.values = payload
    return params
