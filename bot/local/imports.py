"""A folder of posts, uploaded by the chat page, read here and taken over into the channel.

Each post comes once, however often its folder is dropped and whatever ends in between: what was
uploaded stays until it has been taken over, and a post is known by its photo and its caption.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import re
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from bot.local import Json
from bot.local.api.context import ServerContext
from bot.local.api.entities import format_text
from bot.local.api.sending import text_fields
from bot.local.errors import ApiError, BadRequestError, ConflictError
from bot.local.files import Media
from bot.local.limits import MAX_IMPORT_FILES, MAX_KEYS_AT_ONCE, MAX_PATH, MAX_TEXT, MIN_FREE_BYTES
from bot.local.params import Params
from bot.local.people import People
from bot.local.state import CHANNEL_ID, OWNER_ID
from engine.corpus.posts import MAX_PHOTO_BYTES, SourcePost, SourceReport, is_photo_name
from engine.corpus.source import read_source
from engine.errors import CorpusError
from engine.files import write_whole

#: What a reader of posts looks at beside photos.
_LISTS: Final = frozenset(
    (
        *(".json", ".jsonl", ".csv", ".tsv", ".xlsx", ".html", ".zip"),
        *(".txt", ".caption", ".md", ".xmp"),
    )
)
#: Clocks differ a little; a post of the day after tomorrow is a mistake.
_AHEAD: Final = 2 * 86_400
#: Photos that are decoded at a time; their posts still go in order.
_AT_ONCE: Final = 8
_AT_ONCE_BYTES: Final = 32 * 1024 * 1024
#: Seconds: between two reports to the page; before a bot that is behind is asked again; without
#: any progress of the bot after which it is not waited for.
_TELL, _PAUSE, _PATIENCE = 0.25, 0.5, 20.0
_REFUSED: Final = {"IMAGE_PROCESS_FAILED": "broken", "PHOTO_INVALID_DIMENSIONS": "dimensions"}
_TELEGRAM: Final = re.compile(r"https://t\.me/(?:c/(\d+)|(\w+))/(\d+)")

_log = logging.getLogger(__name__)


def post_key(photo: bytes, caption: str) -> str:
    """Return what a post is known by.

    Parameters
    ----------
    photo
        The photo's file, as it was before the server made its own sizes of it.
    """
    inner = hashlib.sha256(photo).hexdigest()
    return hashlib.sha256(f"{inner}\n{caption}".encode(errors="replace")).hexdigest()


class Imports:
    """One folder at a time: its upload, its posts, and how far the bot is with them.

    Parameters
    ----------
    folder
        Where the uploaded files lie; its disk has to have room.

    Attributes
    ----------
    state
        What the page shows: ``phase`` (``none``, ``uploading``, ``reading``, ``waiting``,
        ``done``, ``stopped`` or ``failed``), ``name``, counts, and what was left out.
    """

    def __init__(self, people: People, context: ServerContext, folder: Path) -> None:
        self._people, self._context = people, context
        self._database = context.database
        self._folder = folder
        self._files = folder / "files"
        self._count = 0
        self._task: asyncio.Task[None] | None = None
        self._told = 0.0
        self.state: Json = {"phase": "none"}
        # Updates that the bot has not confirmed yet, and what they bring.
        self._waiting: dict[int, str] = {}
        sent = self._database.sent_posts()
        for update_id, update in context.updates.pending():
            post = update.get("channel_post", {})
            if key := sent.get(post.get("message_id")):
                self._waiting[update_id] = key
        self._waiting_keys = set(self._waiting.values())
        context.updates.on_done = self._done

    # The upload ----------------------------------------------------------------------------

    async def begin(self, params: Params) -> Json:
        """Begin the upload of a folder, or go on with one that was stopped.

        Raises
        ------
        ConflictError
            Another folder is being taken over.
        ApiError
            403: the bot is not in the channel. 507: the disk is nearly full.
        """
        if self._task is not None:
            raise ConflictError("a folder is being taken over already")
        self._people.check_channel(self._context.world.chat(CHANNEL_ID), OWNER_ID)
        self._check_disk()
        name = params.text("name")[:200] or "?"
        if await asyncio.to_thread(self._uploaded) != name:
            await asyncio.to_thread(self._forget)
        self._files.mkdir(parents=True, exist_ok=True)
        write_whole(self._folder / "name", name)
        self._count = 0
        self._change("uploading", name=name)
        return {}

    def wanted(self, params: Params) -> Json:
        """Return the places of those files that are to be uploaded.

        Parameters
        ----------
        params
            ``files``: path, size in bytes and time of the last change of some files.
        """
        files = params.sequence("files") or []
        self._count += len(files)
        if len(files) > MAX_KEYS_AT_ONCE or self._count > MAX_IMPORT_FILES:
            raise BadRequestError(f"a folder holds at most {MAX_IMPORT_FILES} files")
        wanted = []
        for place, item in enumerate(files):
            if not isinstance(item, list) or len(item) != 3:
                raise BadRequestError("a file is its path, its size and its time")
            size, changed = _whole(item[1]), _whole(item[2])
            try:
                path = self._place(str(item[0]))
            except BadRequestError:
                continue
            photo = is_photo_name(path.name) or not path.suffix
            if photo and size > MAX_PHOTO_BYTES:
                # Its size is enough for the reader to leave it out, and takes no room.
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    file.truncate(size)
            elif photo or path.suffix.lower() in _LISTS:
                there = path.stat() if path.is_file() else None
                if there is None or (there.st_size, int(there.st_mtime * 1000)) != (size, changed):
                    wanted.append(place)
        return {"wanted": wanted}

    async def upload(self, params: Params, content: AsyncIterator[bytes]) -> Json:
        """Store one file; it is there as a whole or not at all."""
        if self.state["phase"] != "uploading":
            raise ConflictError("no folder is being uploaded")
        path, size = self._place(params.text("path")), params.integer("size")
        changed = params.integer("time", 0)
        part = path.with_name(f"{path.name}.{os.urandom(4).hex()}.part")
        try:
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            self._check_disk(size)
            with part.open("wb") as file:
                left = size
                async for piece in content:
                    left -= len(piece)
                    if left < 0:
                        break
                    await asyncio.to_thread(file.write, piece)
            if left:
                raise BadRequestError("the file changed while it was read")
            os.utime(part, (changed / 1000, changed / 1000))
            part.replace(path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError, OverflowError):
            raise BadRequestError("no file can have this path") from None
        except OSError as error:
            raise ApiError(507, f"the file cannot be stored: {error.strerror}") from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        return {}

    def end(self) -> Json:
        """End the upload: from here on the page is not needed any more."""
        if self.state["phase"] != "uploading":
            raise ConflictError("no folder is being uploaded")
        write_whole(self._folder / "complete", "")
        self._start(self.state["name"])
        return {}

    async def stop(self) -> Json:
        """Stop; what was uploaded stays, so that the same folder can go on."""
        await self.close()
        self._change("stopped")
        (self._folder / "complete").unlink(missing_ok=True)
        return {}

    async def dismiss(self) -> Json:
        """Forget a folder that is done, or that nobody goes on with."""
        if self._task is None:
            self._change("none")
            await asyncio.to_thread(self._forget)
        return {}

    def resume(self) -> None:
        """Go on with what an earlier run was taking over."""
        name = self._uploaded()
        if name is None:
            return
        if (self._folder / "complete").exists():
            self._start(name)
        else:
            self._change("stopped", name=name)

    async def close(self) -> None:
        """End the work; the next run goes on with it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _place(self, text: str) -> Path:
        """Return where a file of a relative path goes, which is always below the folder."""
        path = PurePosixPath(text)
        parts = path.parts
        if (
            not parts
            or path.is_absolute()
            or len(text) > MAX_PATH
            or any(part == ".." or len(part.encode()) > 200 for part in parts)
            or re.search(r"[\x00-\x1f\\]", text)
        ):
            raise BadRequestError(f"no file can have the path {text[:80]!r}")
        return self._files.joinpath(*parts)

    def _uploaded(self) -> str | None:
        try:
            return (self._folder / "name").read_text()
        except (OSError, ValueError):
            return None

    def _forget(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _check_disk(self, more: int = 0) -> None:
        if shutil.disk_usage(self._context.files.folder).free < MIN_FREE_BYTES + more:
            raise ApiError(507, "the disk is nearly full")

    # The posts -----------------------------------------------------------------------------

    def _start(self, name: str) -> None:
        self._change("reading", name=name)
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        report = SourceReport()
        files = list(self._files.iterdir())
        # A single archive is read by itself.
        archive = len(files) == 1 and files[0].suffix.lower() == ".zip"
        source = files[0] if archive else self._files
        try:
            posts = read_source(source, report)
            await self._take_all(posts, report)
            await self._wait_for_bot()
        except CorpusError as error:
            await asyncio.to_thread(self._forget)
            self._change("failed", error=str(error).replace(str(source), self.state["name"]))
        except ApiError as error:
            # The files stay: when the reason is gone, the folder goes on where it was.
            (self._folder / "complete").unlink(missing_ok=True)
            self._change("failed", error=error.description, code=error.code)
        except Exception as error:
            _log.exception("a folder was not taken over: %s", type(error).__name__)
            self._change("failed", error="the folder cannot be read")
        else:
            await asyncio.to_thread(self._forget)
            self._change("done")
        finally:
            self._task = None

    async def _take_all(self, posts: Iterator[SourcePost], report: SourceReport) -> None:
        while some := await asyncio.to_thread(_some, posts):
            await self._context.updates.wait_for_room(_PAUSE)
            self._check_disk()
            taken = await asyncio.gather(*(self._decode(*one, report) for one in some))
            for (post, _), found in zip(some, taken, strict=True):
                if found is not None:
                    await self._take(post, *found)
            self._progress(report)
        self._progress(report, now=True)

    async def _decode(
        self, post: SourcePost, content: bytes | None, report: SourceReport
    ) -> tuple[str, str, Media | None] | None:
        """Return the key, the caption and, of a new post, the photo; None for what is no post."""
        if post.file is None:
            report.skip("noPhoto", post.record.get("id", ""))
            return None
        if content is None:
            report.skip("missing", post.file.name)
            return None
        caption = cut(post.shown_text)
        key = post_key(content, caption)
        if self._known(key):
            return key, caption, None
        try:
            return key, caption, await self._context.files.add_photo(content, scaled=True)
        except BadRequestError as error:
            reason = error.description.rpartition(" ")[2]
            report.skip(_REFUSED.get(reason, "broken"), post.file.name)
        return None

    async def _take(self, post: SourcePost, key: str, caption: str, media: Media | None) -> None:
        self.state["example"] = self.state.get("example") or _example(caption)
        # The same post may stand in the folder twice.
        if media is None or self._known(key):
            self.state["there"] = self.state.get("there", 0) + 1
            return
        self._announce(key, media.fields() | _fields(post, caption))
        await self._context.files.keep(media)
        self.state["sent"] = self.state.get("sent", 0) + 1

    def _announce(self, key: str, fields: Json) -> None:
        """Write the post down, then post it: it is noted before any bot sees it.

        One that was posted before, but that no bot has confirmed, gets its old number, so that a
        bot which did see it takes it for the same post.
        """
        chat = self._context.world.chat(CHANNEL_ID)
        self._people.check_channel(chat, OWNER_ID)
        earlier = self._database.message_of(key)
        number = chat.next_id if earlier is None else earlier
        try:
            self._database.add_post(key, number, fields["photo"][-1]["file_unique_id"])
        except sqlite3.Error as error:
            raise ApiError(507, f"the post cannot be noted: {error}") from error
        update_id = self._people.post(chat, OWNER_ID, fields, message_id=earlier)
        if update_id is not None:
            self._waiting[update_id] = key
            self._waiting_keys.add(key)

    def _known(self, key: str) -> bool:
        return key in self._waiting_keys or self._database.taken(key)

    def _done(self, update_id: int, taken: bool) -> None:
        key = self._waiting.pop(update_id, None)
        if key is None:
            return
        self._waiting_keys.discard(key)
        if taken:
            self._database.take_post(key)

    async def _wait_for_bot(self) -> None:
        """Wait until the bot has fetched all photos, or does nothing any longer."""
        before, since = -1, time.monotonic()
        while time.monotonic() - since < _PATIENCE:
            sent, read = self._database.post_counts()
            self._change("waiting", bot={"sent": sent, "read": read})
            if read >= sent:
                return
            if read != before:
                before, since = read, time.monotonic()
            await asyncio.sleep(_PAUSE)

    # What the page is told -----------------------------------------------------------------

    def _progress(self, report: SourceReport, *, now: bool = False) -> None:
        left = [
            {"reason": reason, "count": count, "names": report.examples.get(reason, [])}
            for reason, count in report.skipped.most_common()
        ]
        self.state |= {"place": report.place, "size": report.size, "left": left}
        self.state |= {"notes": report.notes, "broken": report.broken}
        if now or time.monotonic() - self._told > _TELL:
            self._tell()

    def _change(self, phase: str, **more: Any) -> None:
        begins = phase in ("uploading", "none") or self.state["phase"] == "none"
        self.state = {**({} if begins else self.state), "phase": phase, **more}
        self._tell()

    def _tell(self) -> None:
        self._told = time.monotonic()
        self._context.world.emit(None, {"type": "import", "state": dict(self.state)})


def _some(posts: Iterator[SourcePost]) -> list[tuple[SourcePost, bytes | None]]:
    """Return the next few posts with their photos: a reader may remove its own copies of them."""
    found: list[tuple[SourcePost, bytes | None]] = []
    size = 0
    for post in posts:
        content = None
        if post.file is not None:
            with contextlib.suppress(OSError):
                content = post.file.read_bytes()
        found.append((post, content))
        size += len(content or b"")
        if len(found) == _AT_ONCE or size > _AT_ONCE_BYTES:
            break
    return found


def _fields(post: SourcePost, caption: str) -> Json:
    """Return the message's fields of a post: its text, its date, and where it came from."""
    fields = text_fields(format_text(caption), caption=True)
    fields["date"] = date = _seconds(post.record.get("date"))
    source, url = post.record.get("source"), post.record.get("url")
    place = _TELEGRAM.fullmatch(url) if isinstance(url, str) else None
    name = str(source or (place and place[2]) or "")[:64]
    if place is not None:
        chat = {"id": int(f"-100{place[1] or 0}"), "type": "channel", "title": name or "?"}
        if place[2]:
            chat["username"] = place[2]
        fields["forward_origin"] = {
            "type": "channel",
            "date": date,
            "chat": chat,
            "message_id": int(place[3]),
        }
    elif name:
        origin = {"type": "hidden_user", "date": date, "sender_user_name": name}
        fields["forward_origin"] = origin
    if place is None and isinstance(url, str) and (word := re.match(r"\S+", caption)):
        # The first word is the link to where the post stands.
        link = {"type": "text_link", "url": url[:2000], "offset": 0}
        link["length"] = len(word[0].encode("utf-16-le")) // 2
        fields["caption_entities"] = [link, *fields.get("caption_entities", [])]
    return fields


def _seconds(date: Any) -> int:
    """Return an ISO date in seconds since 1970; now for what is none or lies ahead."""
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        found = datetime.fromisoformat(date)
        seconds = int(found.replace(tzinfo=found.tzinfo or UTC).timestamp())
        if 0 < seconds < time.time() + _AHEAD:
            return seconds
    return int(time.time())


def cut(text: str) -> str:
    """Return a caption as Telegram takes it from those who pay, cut at a word."""
    text = text.strip()
    if len(text) <= MAX_TEXT:
        return text
    short, space, _ = text[: MAX_TEXT - 1].rpartition(" ")
    return f"{short if space else text[: MAX_TEXT - 1]}…"


def _example(caption: str) -> str:
    """Return a few words of a caption, to be searched with."""
    plain = re.sub(r"#\w+|https?://\S+|@\w+", " ", caption)
    lines = (line.strip() for line in re.split(r"[\n.!?…]", plain))
    words = next((line for line in lines if line), "").split()
    example = " ".join(words[:7]).rstrip(",:;–—-").strip()
    return example if len(example) <= 80 else ""


def _whole(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**53:
        raise BadRequestError("a size or a time is no number")
    return value
