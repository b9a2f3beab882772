"""The running bot: its parts put together, started, and ended in order."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final

from telegram.error import InvalidToken, TelegramError
from telegram.ext import AIORateLimiter, Application, ApplicationBuilder, ContextTypes

from bot import logs
from bot.chat.context import KEY, Services
from bot.chat.handlers import commands, register
from bot.chat.handlers.album import answer_open_albums
from bot.health import Health
from bot.library import seed
from bot.library.cleaning import Gate, open_cleaner
from bot.library.library import Library
from bot.library.photos import Photos
from bot.library.store import Store
from bot.library.thumbnails import Thumbnails
from bot.metrics import Metrics
from bot.settings import Settings
from bot.telegram.polling import ALLOWED_UPDATES, Intake, Poller
from bot.telegram.request import AiohttpRequest
from bot.work import Work
from engine.cleaning.duplicates import Fingerprint
from engine.cleaning.rules import Cleaner
from engine.engine import Engine
from engine.errors import Image2PicError
from engine.store import Store as SyncStore

_LOGGER = logging.getLogger(__name__)

#: Updates handled at a time; their processor work waits in a queue of its own.
CONCURRENT_UPDATES: Final = 256
#: Retries of a call that Telegram put off (429).
RETRIES: Final = 5
#: Messages a minute in one group (Telegram's limit).
GROUP_RATE: Final = 20
#: Seconds for in-flight answers when the bot ends; less than Docker's ten, and systemd's.
GRACE: Final = 3.5
#: Seconds without an answer to getUpdates after which the bot is unwell.
POLL_SILENCE: Final = 120
PAUSE_MAX: Final = 30.0
DAY: Final = 86_400

OpenEngine = Callable[..., Engine]
App = Application[Any, Any, Any, Any, Any, Any]


class StartError(Image2PicError):
    """The bot cannot start; the text says why and what to do."""


def open_engine(model: Path, *, threads: int) -> Engine:
    """Open the real engine (imported here: --help need not wait for it)."""
    from engine.engine import Engine

    return Engine.open(model, threads=threads)


class Runner:
    """One bot from start to end.

    Parameters
    ----------
    settings
        Validated, with a token.
    engine
        Opens the model folder.
    """

    def __init__(self, settings: Settings, *, engine: OpenEngine = open_engine) -> None:
        assert settings.telegram_bot_token is not None
        self._settings = settings
        self._open_engine = engine
        self._token = settings.telegram_bot_token.get_secret_value()
        self._started = time.monotonic()
        self.stop = asyncio.Event()
        self.ready = asyncio.Event()
        self.services: Services
        self.application: App
        self._poller: Poller | None = None
        self.health_port: int | None = None

    async def run(self) -> None:
        """Serve until `stop` is set or a signal comes.

        Raises
        ------
        StartError
            Telegram does not know the token.
        Image2PicError
            Model or library cannot be opened.
        """
        logs.set_up(self._settings.log_level, self._secrets())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError, RuntimeError):
                loop.add_signal_handler(number, self.stop.set)
        async with AsyncExitStack() as stack:
            await self._open(stack)
            _LOGGER.info(
                "ready after %.1f s: @%s, %d posts",
                time.monotonic() - self._started,
                self.application.bot.username,
                len(self.services.engine),
            )
            self.ready.set()
            await self._until_stopped()
            _LOGGER.info("ending")

    def _secrets(self) -> list[str]:
        secret = self._settings.webhook_secret
        found = [self._token, self._token.partition(":")[2], self._path()]
        found += [self._settings.database] if self._settings.database else []
        return found + ([secret.get_secret_value()] if secret else [])

    def _path(self) -> str:
        """Path of the webhook: not to be guessed, beside the secret token."""
        return hashlib.sha256(f"webhook {self._token}".encode()).hexdigest()[:32]

    # Opening

    async def _open(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        metrics = Metrics()
        work = Work(workers=settings.workers, limit=settings.queue_limit)
        stack.callback(work.close)
        metrics.queue.set_function(lambda: work.pending)
        bot_id = int(self._token.partition(":")[0])
        store = Store(
            await asyncio.to_thread(
                seed.open_store, settings.library, url=settings.database, bot=bot_id
            )
        )
        stack.push_async_callback(store.close)
        engine, version, saved = await asyncio.to_thread(self._open_library, store.sync)
        roots = await asyncio.to_thread(
            seed.photo_roots, store.sync, settings.model, settings.photos_dir
        )
        request = AiohttpRequest()
        poll_request = AiohttpRequest(connections=2)
        photos = Photos(roots)
        thumbnails = Thumbnails(settings.thumbnails, photos, self._fetch)
        cleaner = await asyncio.to_thread(self._open_cleaner, store.sync)
        library = Library(
            store=store,
            engine=engine,
            work=work,
            photos=photos,
            thumbnails=thumbnails,
            fetch=self._fetch,
            gate=Gate(cleaner, store, work, photos),
            metrics=metrics,
            channels=settings.channel_ids,
            index=settings.index,
            photo_bytes=settings.photo_bytes,
            groups=await store.groups(),
        )
        intake = Intake(library, metrics)
        self.application = self._build(request, poll_request, intake)
        library.bot = self.application.bot
        self.services = Services(
            settings, engine, store, work, library, metrics, photos, thumbnails
        )
        self.application.bot_data[KEY] = self.services
        register(self.application)
        metrics.posts.set(len(engine))
        metrics.inbox.set_function(lambda: library.waiting)
        await self._initialise()
        stack.push_async_callback(self.application.shutdown)
        # The last to start is the first to end: no updates, then no library, then no answers.
        await self.application.start()
        stack.push_async_callback(self._finish_answers)
        await library.start(version=version, saved=saved)
        stack.push_async_callback(library.stop)
        await self._start_updates(stack, intake, poll_request, library)
        if settings.metrics_port is not None:
            health = Health(
                host=settings.metrics_host,
                port=settings.metrics_port,
                metrics=metrics,
                report=self.report,
            )
            self.health_port = await health.start()
            stack.push_async_callback(health.stop)
        self._schedule()

    def _open_library(self, store: SyncStore) -> tuple[Engine, int, bool]:
        """Engine with its index loaded, the library's version that it has, whether from disk."""
        settings = self._settings
        engine = self._open_engine(settings.model, threads=settings.workers)
        model = engine.info.id
        with store.alone():
            seed.prepare(store, settings.model, model)
        if settings.database_search:
            seed.search_in_database(engine, store)
        version = store.version()
        rebuilt = engine.load(
            store.vectors(model),
            version=version,
            cache=settings.index,
            count=store.described(model),
        )
        if rebuilt:
            _LOGGER.info("the index was built from the library: %d posts", len(engine))
        return engine, version, not rebuilt

    def _open_cleaner(self, store: SyncStore) -> Cleaner | None:
        """What judges new posts, with what is known of those that are there."""
        cleaner = open_cleaner(self._settings)
        if cleaner is not None:
            for post, album, found in store.fingerprints():
                cleaner.seen.add(post, Fingerprint.from_bytes(found), album)
        return cleaner

    def _build(self, request: AiohttpRequest, poll_request: AiohttpRequest, intake: Intake) -> App:
        rate = self._settings.telegram_rate
        return (
            ApplicationBuilder()
            .token(self._token)
            .base_url(f"{self._settings.telegram_base_url}/bot")
            .base_file_url(f"{self._settings.telegram_base_url}/file/bot")
            .request(request)
            .get_updates_request(poll_request)
            .rate_limiter(
                AIORateLimiter(
                    overall_max_rate=rate,
                    overall_time_period=1 if rate else 0,
                    group_max_rate=GROUP_RATE if rate else 0,
                    group_time_period=60 if rate else 0,
                    max_retries=RETRIES,
                )
            )
            .concurrent_updates(CONCURRENT_UPDATES)
            .update_queue(intake)
            .context_types(ContextTypes())
            .build()
        )

    async def _fetch(self, file_id: str) -> bytes:
        file = await self.application.bot.get_file(file_id)
        return bytes(await file.download_as_bytearray())

    async def _initialise(self) -> None:
        """getMe, as long as it takes for the Bot API to be there."""
        pause = 0.5
        while True:
            try:
                await self.application.initialize()
                return
            except InvalidToken:
                raise StartError(
                    "Telegram does not know TELEGRAM_BOT_TOKEN: ask @BotFather"
                ) from None
            except TelegramError as error:
                _LOGGER.warning("the Bot API cannot be reached, again in %.1f s: %s", pause, error)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.stop.wait(), pause)
                    raise StartError("stopped before the Bot API could be reached") from None
                pause = min(PAUSE_MAX, 2 * pause)

    async def _start_updates(
        self, stack: AsyncExitStack, intake: Intake, request: AiohttpRequest, library: Library
    ) -> None:
        settings, bot = self._settings, self.application.bot
        if settings.webhook_url:
            assert settings.webhook_secret is not None
            updater = self.application.updater
            assert updater is not None
            await updater.start_webhook(
                listen=settings.webhook_host,
                port=settings.webhook_port,
                url_path=self._path(),
                webhook_url=f"{settings.webhook_url}/{self._path()}",
                secret_token=settings.webhook_secret.get_secret_value(),
                allowed_updates=list(ALLOWED_UPDATES),
                bootstrap_retries=-1,
            )
            stack.push_async_callback(updater.stop)
            return
        await bot.delete_webhook()
        self._poller = Poller(bot=bot, request=request, intake=intake, library=library)
        self._poller.start()
        stack.push_async_callback(self._poller.stop)

    def _schedule(self) -> None:
        jobs = self.application.job_queue
        assert jobs is not None

        async def publish(_: object) -> None:
            try:
                await commands.publish(self.application.bot)
            except TelegramError as error:
                _LOGGER.warning("the commands were not published: %s", error)

        async def prune(_: object) -> None:
            if await self.services.store.lead():
                await self.services.store.prune(days=self._settings.history_days)

        jobs.run_once(publish, 0, name="publish commands")
        jobs.run_repeating(prune, DAY, first=60, name="prune")

    # Running and ending

    async def _until_stopped(self) -> None:
        waits = [asyncio.create_task(self.stop.wait())]
        if self._poller is not None:
            waits.append(asyncio.create_task(self._poller.stopped.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._poller is not None and self._poller.failed is not None:
            raise StartError("Telegram no longer knows TELEGRAM_BOT_TOKEN: ask @BotFather")

    async def _finish_answers(self) -> None:
        """Let what was taken be answered, but not for ever."""

        async def finish() -> None:
            try:
                await answer_open_albums(self.services, self.application.bot)
            finally:
                await self.application.stop()

        try:
            await asyncio.wait_for(finish(), GRACE)
        except TimeoutError:
            _LOGGER.warning("some answers took too long and were given up")
        except Exception:
            _LOGGER.exception("some answers were not sent")

    def report(self) -> dict[str, Any]:
        """State for /health: no secrets, no paths."""
        library = self.services.library
        polling = self._poller is None or time.monotonic() - self._poller.last_answer < POLL_SILENCE
        return {
            "ok": polling and not library.disk_full,
            "telegram": polling,
            "disk_full": library.disk_full,
            "posts": len(self.services.engine),
            "queue": self.services.work.pending,
            "uptime_s": round(time.monotonic() - self._started),
        }
