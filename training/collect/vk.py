"""Walls and albums of VK.

A wall is read from its newest post on. As long as a wall has not once been read to its end, each
run goes through all of it (what is there already costs no download); after that a run ends at the
first page that holds nothing new.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from engine.cleaning.privacy import redact
from engine.corpus.posts import photo_name
from engine.files import sha256_of
from training.collect.metadata import without_metadata
from training.collect.vk_api import VkClient, VkDeniedError, VkError, VkPhotoGoneError
from training.corpus.writer import CorpusWriter
from training.progress import QUIET, Progress

WALL_PAGE: Final = 100
PHOTOS_PAGE: Final = 1000
DOWNLOADS: Final = 4

_SYSTEM_ALBUMS: Final = {-6: "profile", -7: "wall", -15: "saved"}
# From small to large, for old photos whose sizes are not told.
_SIZES: Final = "smxopqryzw"
_OLD_SIZE: Final = re.compile(r"photo_(\d+)")
_OWNER: Final = re.compile(
    r"(id|club|public|event|wall|albums?|photos?|videos?|clips?)?(-?\d+)(?:_\d+)?"
)
MEDIA: Final = {
    "photo": "photos",
    "posted_photo": "photos",
    "graffiti": "photos",
    "doc": "pictures of documents",
    "link": "pictures of links",
    "article": "pictures of articles",
    "video": "previews of videos",
    "album": "covers of albums",
    "market": "pictures of goods",
    "market_album": "pictures of goods",
    "pretty_cards": "pictures of goods",
}
"""Attachments that have a picture, as they are counted; others are other pictures."""
OTHERS: Final = "other pictures"
_NO_PICTURES: Final = frozenset(("audio", "audio_playlist", "poll"))  # a cover or a background
_KIND: Final = re.compile(r"[a-z_]{1,30}")
# Where the picture of a thing stands: a list of its sizes, or within another thing.
_SIZE_LISTS: Final = ("sizes", "image", "images", "first_frame")
_WITHIN: Final = ("photo", "thumb", "preview", "graffiti", "cover", "podcast_info", "cover_photo")
_DEPTH: Final = 3
_YEAR_3000: Final = 32_503_680_000
_PICTURE_FILES: Final = (3, 4)  # kinds of documents: GIFs and pictures

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VkOptions:
    """What to take of an owner.

    Attributes
    ----------
    wall, albums
        Which of them.
    full
        Read to the end again, so that edits of old posts are seen.
    authors
        Keep links to those who wrote.
    limit
        Posts of a wall, and photos of an album, at most; None: all.
    progress
        Is told how far each is.
    """

    wall: bool = True
    albums: bool = False
    full: bool = False
    authors: bool = False
    limit: int | None = None
    progress: Progress = QUIET


@dataclass
class VkReport:
    """What was found and what could not be fetched."""

    posts: int = 0
    photos: int = 0
    attached: Counter[str] = field(default_factory=Counter)
    denied: list[str] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    failed: int = 0

    def __str__(self) -> str:
        text = f"{self.posts:,} wall posts and {self.photos:,} album photos read"
        if self.attached:
            text += "; with the posts: " + ", ".join(
                f"{kind} {count:,}" for kind, count in self.attached.most_common()
            )
        if self.lost:
            text += "; photos that are not there: " + ", ".join(
                f"{reason} {count:,}" for reason, count in self.lost.most_common()
            )
        if self.failed:
            text += f"; {self.failed:,} photos failed: run the same command again for them"
        return text + "".join(f"\nleft out: {reason}" for reason in self.denied)


class _Wanted(NamedTuple):
    record: dict[str, Any]
    url: str | None


class _Group(NamedTuple):
    """Records of one post; `post` is the start of their ids if it may have lost photos since."""

    post: str | None
    wanted: list[_Wanted]


class VkCollector:
    """Adds an owner's posts and photos to a corpus.

    Parameters
    ----------
    client
        Entered.
    writer
        Of the corpus.
    options
        What to take.
    """

    def __init__(self, client: VkClient, writer: CorpusWriter, options: VkOptions) -> None:
        self._client, self._writer, self._options = client, writer, options
        self.report = VkReport()

    async def collect(self, owner: str) -> None:
        """Collect what the options say of one owner.

        Parameters
        ----------
        owner
            ``12345`` for a person, ``-12345`` for a community, or a short name.

        Raises
        ------
        VkError
            VK refuses to go on; what was collected is kept.
        """
        number = await self._resolve(owner)
        parts: list[tuple[str, Any]] = []
        if self._options.wall:
            parts.append((f"the wall of {owner}", self._wall(number)))
        if self._options.albums:
            parts.append((f"the albums of {owner}", self._albums(number)))
        for name, part in parts:
            try:
                await part
            except VkDeniedError as error:
                self.report.denied.append(f"{name}: {error}")
                _log.warning("%s: %s", name, error)

    async def _resolve(self, owner: str) -> int:
        name = owner.strip().rstrip("/").rpartition("/")[2].partition("?")[0].lstrip("@")
        if told := _OWNER.fullmatch(name):
            community = told[1] in ("club", "public", "event")
            return -int(told[2]) if community else int(told[2])
        found = await self._client.call("utils.resolveScreenName", screen_name=name)
        found = _dict(found)
        if found.get("type") not in ("user", "group", "page", "event"):
            raise VkError(f"VK knows no person or community {name!r}")
        return _number(found.get("object_id")) * (1 if found["type"] == "user" else -1)

    # Walls

    async def _wall(self, owner: int) -> None:
        async with _Course(self, f"wall {owner}") as course:
            name = f"wall of {owner}"
            pages = self._pages(name, "wall.get", WALL_PAGE, owner_id=owner)
            async for page in pages:
                self.report.posts += len(page)
                if await course.take([self._post(post) for post in page if _whole(post)]):
                    break

    def _post(self, post: Mapping[str, Any]) -> _Group:
        """Make records of a post, one for each photo."""
        key = f"wall{post['owner_id']}_{post['id']}"
        record: dict[str, Any] = {"id": f"vk/{key}", "photo": None}
        # A repost of a repost has both, the first one last.
        shown = [post, *_dicts(post.get("copy_history"))]
        if len(shown) > 1:
            owner, number = _number(shown[1].get("owner_id")), _number(shown[1].get("id"))
            if owner < 0 or (owner and self._options.authors):
                record["forwarded_from"] = f"https://vk.com/wall{owner}_{number}"
        pictures = [
            picture
            for one in shown
            for attachment in _dicts(one.get("attachments"))
            for picture in _pictures(attachment)
        ]
        texts = [_text(one.get("text")) for one in shown]
        words = redact("\n\n".join(text for text in texts if text.strip())).strip()
        record |= {
            "text": words,
            "date": _iso(post.get("date")),
            "edited": _iso(post.get("edited")),
            "source": _page(post["owner_id"]),
            "url": f"https://vk.com/{key}",
            "album": f"vk/{key}" if len(pictures) > 1 else None,
            "marked_as_ads": True if post.get("marked_as_ads") else None,
        }
        if self._options.authors:
            record["author"] = _page(post.get("signer_id") or post.get("from_id"))
        if not pictures:
            return _Group(record["id"], [_Wanted(record, None)])
        found = {}
        for picture in pictures:
            counted = MEDIA.get(picture.kind, OTHERS)
            self.report.attached[counted] += 1
            here = {
                **record,
                "id": f"vk/{key}/{picture.name}",
                "photo": photo_name("vk", *picture.place, suffix=".jpg"),
                "text": words or redact(picture.words).strip(),
                "media": None if counted == "photos" else picture.kind,
            }
            found[here["id"]] = _Wanted(here, picture.url)
        return _Group(record["id"], list(found.values()))

    # Albums

    async def _albums(self, owner: int) -> None:
        answer = await self._client.call("photos.getAlbums", owner_id=owner, need_system=1)
        for album in _dicts(_dict(answer).get("items")):
            number = _number(album.get("id"))
            if number == -7 and self._options.wall:
                continue  # its photos come with the posts
            title = _text(album.get("title"))
            if number <= 0 and number not in _SYSTEM_ALBUMS:
                self.report.denied.append(f"album {title!r} of {owner}: it is a view of others")
                continue
            try:
                await self._album(owner, number, title)
            except VkDeniedError as error:
                self.report.denied.append(f"album {number} of {owner}: {error}")

    async def _album(self, owner: int, number: int, title: str) -> None:
        async with _Course(self, f"album {owner} {number}") as course:
            key = _SYSTEM_ALBUMS.get(number, number)
            name = title or f"album {number}"
            pages = self._pages(
                name, "photos.get", PHOTOS_PAGE, owner_id=owner, album_id=key, rev=1
            )
            async for page in pages:
                self.report.photos += len(page)
                wanted = [self._album_photo(photo, title) for photo in page if _whole(photo)]
                if await course.take([_Group(None, [photo]) for photo in wanted]):
                    break

    def _album_photo(self, photo: Mapping[str, Any], title: str) -> _Wanted:
        key = f"photo{photo['owner_id']}_{photo['id']}"
        record: dict[str, Any] = {
            "id": f"vk/{key}",
            "photo": photo_name("vk", photo["owner_id"], photo["id"], suffix=".jpg"),
            "text": redact(_text(photo.get("text"))).strip(),
            "date": _iso(photo.get("date")),
            "source": _page(photo["owner_id"]),
            "url": f"https://vk.com/{key}",
            "topic": redact(title) or None,
        }
        if self._options.authors:
            record["author"] = _page(photo.get("user_id"))
        return _Wanted(record, largest(photo))

    # Both

    async def _pages(
        self, name: str, method: str, size: int, **params: object
    ) -> AsyncIterator[list[dict[str, Any]]]:
        offset = 0
        left = self._options.limit
        with self._options.progress.bar(desc=name[:30], unit="") as bar:
            while left is None or left > 0:
                count = size if left is None else min(size, left)
                answer = await self._client.call(method, count=count, offset=offset, **params)
                items = _dicts(_dict(answer).get("items"))
                total = _number(_dict(answer).get("count"))
                bar.total = total if left is None else min(total, offset + left)
                if items:
                    yield items
                bar.update(len(items))
                offset += count
                left = None if left is None else left - count
                if offset >= total:
                    return

    async def _photo(
        self, record: Mapping[str, Any], url: str | None, slots: asyncio.Semaphore
    ) -> str | None:
        """Fetch a record's photo; returns its sha256, or None if it cannot be fetched."""
        name = record["photo"]
        if name is None:
            return None
        place = self._writer.folder / name
        if place.is_file():
            # A photo never changes under its number, and a file here is whole.
            return await asyncio.to_thread(sha256_of, place)
        if url is None:
            self.report.lost["no address"] += 1
            return None
        if self._writer.dry:
            return self._writer.store_photo(name, b"")
        async with slots:
            try:
                data = await self._client.download(url)
            except VkPhotoGoneError as error:
                self.report.lost[str(error)] += 1
                return None
        return self._writer.store_photo(name, without_metadata(data))


class _Course:
    """Pages of one wall or album: what is known ends the run, if all was read before."""

    def __init__(self, collector: VkCollector, name: str) -> None:
        self._collector, self._note = collector, f"vk {name}"
        self._writer = collector._writer
        self._failed = False

    async def __aenter__(self) -> _Course:
        self._short = self._writer.note(self._note) == "read" and not self._collector._options.full
        # Until the end is reached again a later run must not stop at what this one added.
        self._writer.set_note(self._note, "begun")
        self._writer.commit()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and not self._failed and self._collector._options.limit is None:
            self._writer.set_note(self._note, "read")
        self._writer.commit()

    async def take(self, groups: list[_Group]) -> bool:
        """Add a page of posts; tells whether the rest is known."""
        collector, writer = self._collector, self._writer
        before = writer.changes.new + writer.changes.edited
        for group in groups:
            if group.post is not None:
                current = {wanted.record["id"] for wanted in group.wanted}
                for key in writer.ids_below(group.post) - current:
                    if key == group.post or key.startswith(group.post + "/"):
                        writer.discard(key)
        fresh = [
            wanted
            for group in groups
            for wanted in group.wanted
            if not writer.is_known(wanted.record)
        ]
        slots = asyncio.Semaphore(DOWNLOADS)
        photos = await asyncio.gather(
            *(collector._photo(*wanted, slots) for wanted in fresh), return_exceptions=True
        )
        for (record, _), sha256 in zip(fresh, photos, strict=True):
            if isinstance(sha256, VkError):
                _log.warning("%s: %s", record["id"], sha256)
                collector.report.failed += 1
                self._failed = True
            elif isinstance(sha256, BaseException):
                raise sha256
            else:
                if sha256 is None:
                    record["photo"] = None
                if record["photo"] or record["text"]:
                    writer.put({**record, "sha256": sha256})
        writer.commit()
        return self._short and before == writer.changes.new + writer.changes.edited


def _whole(item: Mapping[str, Any]) -> bool:
    """Tell posts and photos from what stands in place of deleted ones."""
    numbers = isinstance(item.get("id"), int) and isinstance(item.get("owner_id"), int)
    return numbers and not item.get("is_deleted") and not item.get("deleted_reason")


# VK leaves out fields, and has other types in them than its documentation says.


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    # Whatever VK sends may be asked for its number; what has none is caught.
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return 0


def largest(photo: Mapping[str, Any]) -> str | None:
    """Address of a picture in its largest size; None where there is none."""
    sizes = [size for name in _SIZE_LISTS for size in _dicts(photo.get(name))]
    # Answers of old versions, and previews of videos.
    sizes += [
        {"url": url, "width": told[1], "height": told[1]}
        for name, url in photo.items()
        if (told := _OLD_SIZE.fullmatch(name))
    ]
    sizes.append({"url": photo.get("thumb_photo")})
    sizes.append({**_dict(photo.get("orig_photo")), "type": "w"})

    def area(size: Mapping[str, Any]) -> tuple[int, int]:
        pixels = _number(size.get("width")) * _number(size.get("height"))
        return pixels, _SIZES.find(_text(size.get("type")))

    found = [size for size in sizes if _address(size)]
    return _address(max(found, key=area)) if found else None


def _address(size: Mapping[str, Any]) -> str | None:
    addresses = (_text(size.get(name)) for name in ("url", "src"))
    return next((url for url in addresses if url.startswith(("http://", "https://"))), None)


class _Picture(NamedTuple):
    """The picture of an attachment: its name within the post, its place, its address and words."""

    kind: str
    name: str
    place: tuple[object, ...]
    url: str | None
    words: str


def _pictures(attachment: Mapping[str, Any]) -> Iterator[_Picture]:
    kind = _text(attachment.get("type"))
    thing = _dict(attachment.get(kind))
    if not _KIND.fullmatch(kind) or kind in _NO_PICTURES:
        return
    for one in _dicts(thing.get("cards")) or [thing]:
        if (picture := _picture(kind, one)) is not None:
            yield picture


def _picture(kind: str, thing: Mapping[str, Any]) -> _Picture | None:
    url, named = _found_in(thing)
    if url is None and kind == "graffiti":
        url = _address(thing)
    if url is None and kind == "doc" and thing.get("type") in _PICTURE_FILES:
        url = _address(thing)
    if url is None and kind != "photo":
        return None
    words = [_text(thing.get("text")) or _text(thing.get("title")) if kind != "doc" else ""]
    if kind == "link":
        words.append(_text(thing.get("description")))
    # Links have no number of their own, but their pictures may.
    named = thing if "id" in thing else named
    owner, number = named.get("owner_id"), named.get("id")
    if not isinstance(owner, int) or not isinstance(number, int | str):
        if kind == "photo":
            return None
        told = str(thing.get("url") or thing.get("card_id") or url)
        owner, number = 0, hashlib.blake2b(told.encode(errors="replace"), digest_size=6).hexdigest()
    place = (owner, number) if kind == "photo" else (owner, f"{kind}{number}")
    return _Picture(kind, f"{kind}{owner}_{number}", place, url, "\n".join(filter(None, words)))


def _found_in(
    thing: Mapping[str, Any], depth: int = _DEPTH
) -> tuple[str | None, Mapping[str, Any]]:
    """Address of the picture of a thing, and the thing that the picture is of."""
    if (url := largest(thing)) is not None or depth == 0:
        return url, thing
    for name in _WITHIN:
        within = _dict(thing.get(name))
        url, named = _found_in(within, depth - 1)
        if url is None and name == "graffiti":
            url = _address(within)
        if url is not None:
            return url, named
    return None, thing


def _iso(stamp: object) -> str | None:
    seconds = _number(stamp)
    if not 0 < seconds < _YEAR_3000:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _page(owner: object) -> str | None:
    if not isinstance(owner, int) or owner == 0:
        return None
    return f"https://vk.com/{'id' if owner > 0 else 'club'}{abs(owner)}"
