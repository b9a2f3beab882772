"""The running bot: its parts put together, started, and ended in order."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from telegram import LinkPreviewOptions, Update
from telegram.constants import ParseMode
from telegram.error import Conflict, InvalidToken, TelegramError
from telegram.ext import Application, ApplicationBuilder, ContextTypes, Defaults

from bot import logs
from bot.chat import answers
from bot.chat.addressing import is_for_me, is_private
from bot.chat.context import KEY, Context, Services
from bot.chat.handlers import commands, register
from bot.chat.handlers.photos import answer_open_albums
from bot.chat.storage import PAUSE, Storage
from bot.chat.texts import Texts, known
from bot.chat.turns import Turns
from bot.health import Health
from bot.library import seed
from bot.library.cleaning import Gate, open_cleaner
from bot.library.library import ENDED, Library
from bot.library.photos import Photos
from bot.library.picture_words import PictureWords
from bot.library.store import Store
from bot.library.thumbnails import Thumbnails
from bot.metrics import Metrics
from bot.settings import Settings
from bot.telegram.intake import ALLOWED_UPDATES, LONG_POLL, Intake, PollingBot, Processor
from bot.telegram.limits import SendingLimits
from bot.telegram.questions import Questions
from bot.telegram.request import PollRequest, Request
from bot.telegram.webhook import Webhook
from bot.work import Work
from engine.cleaning.duplicates import Fingerprint
from engine.cleaning.rules import Cleaner
from engine.engine import Engine
from engine.errors import Image2PicError, StoreError
from engine.ocr import find_tesseract
from engine.store import Store as SyncStore

_LOGGER = logging.getLogger(__name__)

#: Answers in the making at a time.
SLOTS: Final = 32
#: Seconds for the last poll, and for answers in the making, when the bot ends: it is gone within
#: five seconds (Docker waits for ten).
LAST_POLL: Final = 1.0
GRACE: Final = 2.5
#: Posts set aside that the owners are shown at once.
SET_ASIDE_SHOWN: Final = 10
#: Seconds between looks for questions of other bots that died.
LEFT_EVERY: Final = 2.0
#: Seconds without an answer to getUpdates after which the bot is unwell.
POLL_SILENCE: Final = 120
PAUSE_MAX: Final = 30.0
HOUR: Final = 3600

OpenEngine = Callable[..., Engine]
App = Application[Any, Any, Any, Any, Any, Any]


class StartError(Image2PicError):
    """The bot cannot start; the text says why and what to do."""


def open_engine(model: Path, *, threads: int) -> Engine:
    """Open the real engine (imported here: --help need not wait for it)."""
    from engine.engine import Engine

    return Engine.open(model, threads=threads)


def _polling_failed(error: TelegramError) -> None:
    hint = " (another bot process polls, too: several need WEBHOOK_URL)"
    hint = hint if isinstance(error, Conflict) else ""
    _LOGGER.warning("polling failed: %s%s", error, hint)


@contextmanager
def _listening(name: str, host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartError(
            f"cannot listen on {host}:{port} ({error.strerror or error}): another {name}_PORT or "
            f"{name}_HOST may do"
        ) from None


def open_library(
    settings: Settings, store: SyncStore, open_model: OpenEngine
) -> tuple[Engine, int, bool]:
    """Engine with its index loaded, the library's version that it has, whether from disk.

    Raises
    ------
    Image2PicError
        Model or library cannot be read; damaged vectors alone are made anew later.
    """
    engine = open_model(settings.model, threads=settings.workers)
    model = engine.info.id
    damaged: list[int] = []
    with seed.values_in_order():
        with store.alone():
            seed.prepare(store, settings.model, model)
        if settings.database_search:
            seed.search_in_database(engine, store)
        engine.exact_words = store
        version = store.version()
        rebuilt = engine.load(
            seed.sound_vectors(store, model, engine.info.topics, damaged),
            version=version,
            cache=settings.index,
            count=store.described(model),
        )
        engine.feedback.version = store.votes_version()
        seed.take_votes(engine, store)
    if damaged:
        _LOGGER.warning("%d posts have damaged vectors and are described anew", len(damaged))
        store.drop_vectors(damaged)
    if rebuilt:
        _LOGGER.info("the index was built from the library: %d posts", len(engine))
    return engine, version, not rebuilt


def open_gate(settings: Settings, store: SyncStore) -> Cleaner | None:
    """What judges new posts, with what is known of those that are there."""
    cleaner = open_cleaner(settings)
    damaged = 0
    if cleaner is not None:
        for post, album, found in store.fingerprints():
            try:
                cleaner.seen.add(post, Fingerprint.from_bytes(found), album)
            except (ValueError, TypeError):
                damaged += 1
    if damaged:
        _LOGGER.warning("%d posts have damaged fingerprints: copies of them may come in", damaged)
    return cleaner


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
        self._polling: PollingBot | None = None
        self._refused = asyncio.Event()
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
            # What was made up to here stays: looking through it again and again takes time.
            gc.collect()
            gc.freeze()
            await self._until_stopped()
            _LOGGER.info("ending")

    def _secrets(self) -> list[str]:
        secret = self._settings.webhook_secret
        found = [self._token, self._token.partition(":")[2], self._path()]
        found += [self._settings.database] if self._settings.database else []
        return found + ([secret.get_secret_value()] if secret else [])

    def _path(self) -> str:
        """Path of the webhook, which cannot be guessed (the secret token is checked, too)."""
        return hashlib.sha256(f"webhook {self._token}".encode()).hexdigest()[:32]

    # Opening

    async def _open(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        metrics = Metrics()
        work = Work(workers=settings.workers)
        stack.callback(work.close)
        bot = int(self._token.partition(":")[0])
        opened = asyncio.to_thread(
            seed.open_store, settings.library, url=settings.database, bot=bot
        )
        store = Store(await opened)
        stack.push_async_callback(store.close)
        engine, version, saved = await asyncio.to_thread(
            open_library, settings, store.sync, self._open_engine
        )
        folders = settings.model, settings.photos_dir
        roots = await asyncio.to_thread(seed.photo_roots, store.sync, *folders)
        photos = Photos(roots, self._fetch)
        request = Request(proxy=settings.proxy)
        thumbnails = Thumbnails(settings.thumbnails, photos, self._fetch)
        languages = settings.ocr_languages
        tesseract = await asyncio.to_thread(find_tesseract, languages) if settings.ocr else None
        picture_words = PictureWords(tesseract, store, photos, self._fetch)
        cleaner = await asyncio.to_thread(open_gate, settings, store.sync)
        library = Library(
            store=store,
            engine=engine,
            work=work,
            photos=photos,
            thumbnails=thumbnails,
            picture_words=picture_words,
            fetch=self._fetch,
            gate=Gate(cleaner, store, work, photos),
            metrics=metrics,
            channels=settings.channel_ids,
            index=settings.index,
            photo_bytes=settings.photo_bytes,
            groups=await store.groups(),
        )
        questions = Questions(store, self._is_question)
        processor = Processor(questions)
        intake = Intake(library, metrics, processor, questions)
        limits = SendingLimits(
            settings.telegram_rate,
            reserve=store.reserve if store.sync.shared else None,
            moved=lambda old, new: self.services.move_chat(old, new),
            refused=metrics.waits.inc,
        )
        self.application = self._build(request, intake, processor, limits)
        library.bot = self.application.bot
        library.on_set_aside = self._tell_owners
        self.services = Services(
            settings,
            engine,
            store,
            work,
            library,
            metrics,
            photos,
            thumbnails,
            picture_words,
            Turns(slots=SLOTS, patience=settings.busy_seconds, delay=limits.delay),
            questions,
            Storage(
                bot=self.application.bot,
                store=store,
                photos=photos,
                chat=settings.storage or None,
                pause=PAUSE if settings.telegram_rate else 0.0,
            ),
            clock_ahead=lambda: request.clock_ahead,
        )
        await self._start(stack, intake, version=version, saved=saved)

    async def _start(
        self, stack: AsyncExitStack, intake: Intake, *, version: int, saved: bool
    ) -> None:
        settings, services = self._settings, self.services
        library = services.library
        self.application.bot_data[KEY] = services
        register(self.application)
        services.metrics.posts.set(len(services.engine))
        services.metrics.inbox.set_function(lambda: library.waiting)
        services.metrics.queue.set_function(lambda: services.work.pending)
        await self._initialise()
        stack.push_async_callback(self.application.shutdown)
        # The last to start is the first to end: no updates, then no library, then no answers.
        await self.application.start()
        stack.push_async_callback(self._finish_answers)
        await library.start(version=version, saved=saved)
        stack.push_async_callback(library.stop)
        services.storage.start()
        stack.push_async_callback(services.storage.stop)
        intake.on_set_aside = self._tell_asker
        await intake.resume(self.application.bot)
        suspects = asyncio.create_task(intake.hand_on_suspects(), name="suspects")
        stack.callback(suspects.cancel)
        if services.store.sync.shared:
            others = asyncio.create_task(self._answer_for_others(intake), name="others")
            stack.callback(others.cancel)
        await self._start_updates(stack, intake)
        if settings.metrics_port is not None:
            health = Health(
                host=settings.metrics_host,
                port=settings.metrics_port,
                metrics=services.metrics,
                report=self.report,
            )
            with _listening("METRICS", settings.metrics_host, settings.metrics_port):
                self.health_port = await health.start()
            stack.push_async_callback(health.stop)
        self._schedule()

    def _is_question(self, update: Update) -> bool:
        """Whether an update will be answered: a press of a button, or a message to the bot."""
        message = update.message
        if message is None:
            return update.callback_query is not None
        return (
            is_private(message)
            or is_for_me(message, self.application.bot)
            or (message.text or message.caption or "").startswith("/")
        )

    def _build(
        self, request: Request, intake: Intake, processor: Processor, limits: SendingLimits
    ) -> App:
        base = self._settings.telegram_base_url
        self._polling = PollingBot(
            self._token,
            base_url=f"{base}/bot",
            base_file_url=f"{base}/file/bot",
            request=request,
            get_updates_request=PollRequest(connections=2, proxy=self._settings.proxy),
            defaults=Defaults(
                parse_mode=ParseMode.HTML,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
                allow_sending_without_reply=True,
            ),
            rate_limiter=limits,
            refused=self._refused.set,
        )
        self._polling.attach(intake)
        return (
            ApplicationBuilder()
            .bot(self._polling)
            .concurrent_updates(processor)
            .update_queue(intake)
            .context_types(ContextTypes(context=Context))
            .build()
        )

    async def _answer_for_others(self, intake: Intake) -> None:
        """Answer what another bot had in hand when it died."""
        while True:
            await asyncio.sleep(LEFT_EVERY)
            # What other bots changed of people's settings is read anew.
            self.services.languages.clear()
            try:
                await intake.resume(self.application.bot)
            except StoreError as error:
                _LOGGER.error("open questions cannot be read: %s", error)

    async def _tell_owners(self) -> None:
        """Show the owners the posts that were set aside because they ended the bot."""
        store, bot = self.services.store, self.application.bot
        items = [one for one in await store.left_out(limit=SET_ASIDE_SHOWN) if one.rule == ENDED]
        for owner in self._settings.owner_ids:
            texts = Texts(await store.language(owner) or known(None))
            text, keyboard = answers.left_out_page(texts, items, {ENDED: len(items)})
            with suppress(TelegramError):
                await bot.send_message(owner, text, reply_markup=keyboard)

    async def _tell_asker(self, update: Update) -> None:
        """Say that a question was set aside because it ended the bot."""
        if update.effective_message is None:
            return
        conversation = await Context(self.application).conversation(update)
        with suppress(TelegramError):
            await conversation.say(conversation.texts("set_aside"))

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

    async def _start_updates(self, stack: AsyncExitStack, intake: Intake) -> None:
        settings, bot = self._settings, self.application.bot
        if settings.webhook_url:
            assert settings.webhook_secret is not None
            secret = settings.webhook_secret.get_secret_value()
            webhook = Webhook(
                host=settings.webhook_host,
                port=settings.webhook_port,
                path=self._path(),
                secret=secret,
                bot=bot,
                intake=intake,
            )
            with _listening("WEBHOOK", settings.webhook_host, settings.webhook_port):
                await webhook.start()
            stack.push_async_callback(webhook.stop)
            await bot.set_webhook(
                f"{settings.webhook_url}/{self._path()}",
                allowed_updates=list(ALLOWED_UPDATES),
                secret_token=secret,
            )
            return
        updater = self.application.updater
        assert updater is not None
        # Its own bootstrap deletes a webhook, and waits for Telegram as long as it takes.
        await updater.start_polling(
            timeout=timedelta(seconds=LONG_POLL),
            bootstrap_retries=-1,
            allowed_updates=list(ALLOWED_UPDATES),
            error_callback=_polling_failed,
        )
        stack.push_async_callback(self._stop_polling)

    async def _stop_polling(self) -> None:
        updater = self.application.updater
        assert updater is not None
        with suppress(TimeoutError):
            # What was not acknowledged comes again, and is known by its number.
            await asyncio.wait_for(updater.stop(), LAST_POLL)

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
        jobs.run_repeating(prune, HOUR, first=60, name="prune")

    # Running and ending

    async def _until_stopped(self) -> None:
        waits = [asyncio.create_task(self.stop.wait()), asyncio.create_task(self._refused.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._refused.is_set():
            raise StartError("Telegram no longer knows TELEGRAM_BOT_TOKEN: ask @BotFather")

    async def _finish_answers(self) -> None:
        """Let what was taken be answered, but not for ever."""

        async def finish() -> None:
            try:
                await answer_open_albums(Context(self.application))
            finally:
                await self.application.stop()

        try:
            await asyncio.wait_for(finish(), GRACE)
        except TimeoutError:
            _LOGGER.warning("some answers took too long and were given up")
            self.services.turns.close()
        except Exception:
            _LOGGER.exception("some answers were not sent")
        await self.services.questions.stop()

    def report(self) -> dict[str, Any]:
        """State for /health: no secrets, no paths."""
        library = self.services.library
        silence = time.monotonic() - self._polling.last_answer if self._polling else 0.0
        polling = bool(self._settings.webhook_url) or silence < POLL_SILENCE
        return {
            "ok": polling and library.reachable and not library.disk_full,
            "telegram": polling,
            "disk_full": library.disk_full,
            "database": library.reachable,
            "posts": len(self.services.engine),
            "queue": self.services.work.pending,
            "uptime_s": round(time.monotonic() - self._started),
        }
