"""The local Bot API server: what a bot talks to in place of api.telegram.org."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.local import Json
from bot.local.api.commands import CommandBook
from bot.local.api.context import ServerContext
from bot.local.api.media import MediaReader
from bot.local.api.methods import BotMethods
from bot.local.database import ChatDatabase
from bot.local.errors import ApiError
from bot.local.files import FileStore
from bot.local.imports import Imports
from bot.local.limits import MAX_DOWNLOAD, MAX_REQUEST_BYTES
from bot.local.params import PARAMS, read_params
from bot.local.people import People
from bot.local.queries import Queries
from bot.local.routes import page_routes, people_routes
from bot.local.state import World
from bot.local.updates import UpdateQueue, is_loopback
from bot.logs import SecretFilter

_TOKEN = re.compile(r"(\d{1,19}):([A-Za-z0-9_-]{3,})")
_STOP_TIMEOUT = 2.0

_log = logging.getLogger("bot.local")


class _TersePeer(web.RequestHandler):
    """A connection whose answer to broken HTTP does not repeat what was sent.

    aiohttp quotes the broken line, and a request line holds the token.
    """

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Log as ever, answer with the status alone."""
        return super().handle_error(request, status, exc, f"{status}: the request is broken")


class LocalServer:
    """A Bot API server on loopback, with a chat page for people at its root.

    Parameters
    ----------
    token
        The token that the bot uses, ``NUMBER:LETTERS``; any will do, for it is checked here
        alone. The number is the bot's id.
    host
        A loopback address; anything else is refused.
    port
        0: any free one.
    data_dir
        Where files are kept. With the same folder again, file_ids stay valid. None: a
        temporary folder, removed when the server stops.
    username, name
        How the bot is called.
    query_ttl
        Seconds after which a callback or inline query is too old to be answered.
    middlewares
        Of tests: they see each request, and each answer before its errors become JSON.

    Attributes
    ----------
    context
        The state, for tests that look behind the scenes.

    Examples
    --------
    >>> server = LocalServer("4242:local")  # doctest: +SKIP
    >>> await server.start()  # doctest: +SKIP
    >>> ApplicationBuilder().token(server.token)  # doctest: +SKIP
    ...     .base_url(f"{server.url}/bot").base_file_url(f"{server.url}/file/bot")

    Raises
    ------
    ValueError
        The host is not loopback or the token is malformed.
    """

    def __init__(
        self,
        token: str,
        port: int = 0,
        data_dir: Path | None = None,
        *,
        host: str = "127.0.0.1",
        username: str = "image2pic_local_bot",
        name: str = "image2pic",
        query_ttl: float | None = None,
        middlewares: Sequence[Middleware] = (),
    ) -> None:
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise ValueError("the token must look like 4242:letters_and-digits")
        if not is_loopback(host):
            raise ValueError(f"the local server binds to loopback only, not to {host!r}")
        self.token = token
        self._host, self._port = host, port
        self._data_dir = data_dir
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self._query_ttl = query_ttl
        self._middlewares = middlewares
        self._bot: Json = {
            "id": int(match[1]),
            "is_bot": True,
            "first_name": name,
            "username": username,
            "can_join_groups": True,
            "can_read_all_group_messages": True,
            "supports_inline_queries": True,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }
        self.context: ServerContext

    @property
    def url(self) -> str:
        """``http://HOST:PORT``, without a slash at its end."""
        if self._port == 0:
            raise RuntimeError("the server has not been started yet")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Bind and serve.

        Raises
        ------
        OSError
            The port is taken, or the data folder cannot be written.
        """
        folder = self._data_dir
        if folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="local-chat-")
            folder = Path(self._temporary.name)
        files = await asyncio.to_thread(FileStore, folder, self._bot["id"])
        database = ChatDatabase(folder)
        self.context = ServerContext(
            World(self._bot, database),
            files,
            MediaReader(files),
            UpdateQueue(database),
            database,
            CommandBook(database),
        )
        if self._query_ttl is not None:
            self.context.queries = Queries(self._query_ttl)
        app = self._application()
        # aiohttp logs request lines and bad bytes; the token is part of a request line.
        logger = logging.getLogger("bot.local.http")
        logger.filters[:] = [SecretFilter([self.token, self.token.partition(":")[2]])]
        self._runner = web.AppRunner(
            app, access_log=None, logger=logger, shutdown_timeout=_STOP_TIMEOUT
        )
        await self._runner.setup()
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._connection, self._host, self._port, reuse_address=True
            )
        except BaseException:
            await self.stop()
            raise
        self._port = self._listener.sockets[0].getsockname()[1]
        self._imports.resume()

    def _connection(self) -> web.RequestHandler:
        assert self._runner is not None
        assert self._runner.server is not None
        handler = self._runner.server()
        handler.__class__ = _TersePeer
        return handler

    async def stop(self) -> None:
        """Let go of everybody who waits, close, and remove the temporary folder."""
        context = getattr(self, "context", None)
        if context is not None:
            await self._imports.close()
            context.updates.close()
            context.world.close()
            webhook, context.updates.webhook = context.updates.webhook, None
            if webhook is not None:
                await webhook.stop()
            await context.media.close()
            context.database.close()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._temporary is not None:
            await asyncio.to_thread(self._temporary.cleanup)
            self._temporary = None

    async def __aenter__(self) -> LocalServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # Serving -------------------------------------------------------------------------------

    def _application(self) -> web.Application:
        app = web.Application(
            client_max_size=MAX_REQUEST_BYTES,
            middlewares=[self._guard, self._answer_errors, *self._middlewares],
        )
        methods = BotMethods(self.context)

        async def call(request: web.Request) -> web.StreamResponse:
            return await self._call(request, methods)

        app.router.add_route("*", "/bot{token:[^/]+}/{method:[^/]+}", call)
        app.router.add_get("/file/bot{token:[^/]+}/{path:.+}", self._download)
        people = People(self.context)
        self._imports = Imports(people, self.context, self.context.files.folder / "import")
        app.add_routes(people_routes(people, self._imports, self.context))
        app.add_routes(page_routes())
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what a web site elsewhere could make a browser on this machine do."""
        host = urlsplit(f"//{request.host}").hostname or ""
        if not is_loopback(host):
            raise web.HTTPForbidden(text="this server answers on loopback only")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="this server answers its own page only")
        return await handler(request)

    @web.middleware
    async def _answer_errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            response = _json(error.payload(), error.code)
            if "retry_after" in error.parameters:
                response.headers["Retry-After"] = str(error.parameters["retry_after"])
            return response
        except web.HTTPNotFound:
            return _json(ApiError(404, "Not Found").payload(), 404)
        except web.HTTPMethodNotAllowed:
            return _json(ApiError(405, "Method Not Allowed").payload(), 405)
        except web.HTTPRequestEntityTooLarge:
            return _json(ApiError(413, "Request Entity Too Large").payload(), 413)
        except (web.HTTPException, ConnectionResetError, asyncio.CancelledError):
            raise
        except Exception as error:
            # Only the kind of the error is logged: its text could hold what a user wrote.
            _log.exception("a request failed: %s", type(error).__name__)
            return _json(ApiError(500, "Internal Server Error").payload(), 500)

    async def _call(self, request: web.Request, methods: BotMethods) -> web.StreamResponse:
        self._authorise(request.match_info["token"])
        method = request.match_info["method"]
        if PARAMS not in request:
            # A middleware may have read them already.
            request[PARAMS] = await read_params(request)
        params = request[PARAMS]
        began = time.perf_counter()
        result = await methods.call(method, params)
        _log.debug("%s took %.1f ms", method[:64], (time.perf_counter() - began) * 1000)
        return _json({"ok": True, "result": result}, 200)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        self._authorise(request.match_info["token"])
        path = "/".join(part for part in request.match_info["path"].split("/") if part)
        file = self.context.files.by_path(path)
        if file is None or file.size > MAX_DOWNLOAD:
            raise ApiError(404, "Not Found")
        location = self.context.files.location(file)
        self.context.database.read_file(file.file_unique_id)
        return web.FileResponse(location, headers={"Content-Type": "application/octet-stream"})

    def _authorise(self, token: str) -> None:
        if not _TOKEN.fullmatch(token):
            raise ApiError(404, "Not Found")
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            raise ApiError(401, "Unauthorized")


def _json(payload: Json, status: int) -> web.Response:
    return web.Response(
        text=json.dumps(payload, ensure_ascii=False, separators=(",", ":")),
        status=status,
        content_type="application/json",
    )
