"""``image2pic-bot --check``: everything that a start needs, tested one by one."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

from telegram import Bot
from telegram.error import InvalidToken, TelegramError

from bot.app import open_engine, open_gate, open_library
from bot.library import seed
from bot.library.lock import InUseError, locked
from bot.settings import Settings
from bot.telegram.request import Request
from engine.errors import Image2PicError, StoreError


async def check(settings: Settings) -> int:
    """Print a line for each part; 0 where all are well, else 2."""
    parts: dict[str, Callable[[Settings], Awaitable[str]]] = {
        "model": _model,
        "library": _library,
        "telegram": _telegram,
    }
    if settings.metrics_port is not None or settings.webhook_url:
        parts["addresses"] = _addresses
    print("ok    settings")
    failed = False
    for name, part in parts.items():
        try:
            print(f"ok    {name}: {await part(settings)}")
        except (Image2PicError, ImportError) as error:
            failed = True
            print(f"FAIL  {name}: {error}")
    return 2 if failed else 0


async def _model(settings: Settings) -> str:
    engine = await asyncio.to_thread(open_engine, settings.model, threads=1)
    info = engine.info
    return f"{info.topics} topics, encoder {info.encoder}, learnt from {info.posts} posts"


async def _library(settings: Settings) -> str:
    if settings.database is not None:
        with await asyncio.to_thread(
            seed.open_store, settings.library, url=settings.database
        ) as store:
            open_gate(settings, store)
            return f"{store.count()} posts, in PostgreSQL"
    folder = settings.data_dir
    existing = next(
        path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()
    )
    if not os.access(existing, os.W_OK):
        raise StoreError("DATA_DIR cannot be written")
    if not settings.library.exists():
        with tempfile.TemporaryDirectory() as elsewhere:
            new = settings.model_copy(update={"data_dir": Path(elsewhere)})
            return f"new, {await asyncio.to_thread(_opened, new)}"
    try:
        with closing(sqlite3.connect(settings.library)) as connection:
            (state,) = connection.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"cannot be read: {error}") from error
    if state != "ok":
        raise StoreError(f"damaged: {state}")
    return await asyncio.to_thread(_opened, settings)


def _opened(settings: Settings) -> str:
    """Do with the library what a start does."""
    try:
        with locked(settings.data_dir), seed.open_store(settings.library) as store:
            engine, _, _ = open_library(settings, store, open_engine)
            open_gate(settings, store)
            seed.photo_roots(store, settings.model, settings.photos_dir)
            return f"{store.count()} posts, {len(engine)} of them found"
    except InUseError as error:
        return f"in use ({error})"


async def _addresses(settings: Settings) -> str:
    hosts = [settings.metrics_host] if settings.metrics_port is not None else []
    hosts += [settings.webhook_host] if settings.webhook_url else []
    for host in hosts:
        try:
            # A free port: the bot that runs has its own.
            server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, 0)
            server.close()
        except OSError as error:
            raise StoreError(f"cannot listen on {host}: {error.strerror or error}") from None
    return ", ".join(hosts)


async def _telegram(settings: Settings) -> str:
    if settings.telegram_bot_token is None:
        return "no token: the local chat will be started"
    bot = Bot(
        settings.telegram_bot_token.get_secret_value(),
        base_url=f"{settings.telegram_base_url}/bot",
        request=Request(proxy=settings.proxy),
        get_updates_request=Request(proxy=settings.proxy),
    )
    try:
        async with bot:
            how = "webhook" if settings.webhook_url else "polling"
            return f"@{bot.username}, {how}"
    except InvalidToken:
        raise StoreError("the token is unknown") from None
    except TelegramError as error:
        raise StoreError(f"cannot be reached: {error}") from error
