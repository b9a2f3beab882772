"""What the asking commands share: opening a model with its library, reading a photo."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from engine.engine import Engine
from engine.errors import Image2PicError, PhotoError
from engine.photo import decode
from engine.pictures import SheetItem
from engine.results import Hit, Term
from engine.store import Post, SqlitePostStore


def model_argument(parser: argparse.ArgumentParser) -> None:
    """The model's folder, as the first argument."""
    parser.add_argument("model", type=Path, help="the model's folder, as `build` wrote it")


def open_library(folder: Path) -> tuple[Engine, SqlitePostStore]:
    """The engine with its index loaded (rebuilt and saved where stale), and the posts."""
    engine = Engine.open(folder)
    store = SqlitePostStore(folder / "posts.sqlite")
    version = store.content_version()
    cache = folder / "index.faiss"
    if engine.load(store.vectors(engine.info.id), version=version, cache=cache):
        engine.save(cache, version=version)
    return engine, store


def read_photo(path: Path) -> bytes:
    """The bytes of a photo file; PhotoError if it cannot be opened."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PhotoError(f"{path} cannot be read: {error.strerror}") from error


def write_picture(path: Path, png: bytes) -> None:
    """Write a PNG; Image2PicError where that is not possible."""
    try:
        path.write_bytes(png)
    except OSError as error:
        raise Image2PicError(f"{path} cannot be written: {error.strerror}") from error


def share(text: str) -> float:
    """A number from 0 to 1, for argparse."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def count(text: str) -> int:
    """A whole number from 0 on, for argparse."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def positive(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    value = count(text)
    if not value:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def picture_of(store: SqlitePostStore, post: Post, folder: Path) -> Image.Image | None:
    """A post's photo, or None where it is gone; `folder` is the model's."""
    root = store.photo_root
    if post.photo is None or root is None:
        return None
    try:
        return decode(folder / root / post.photo, size_hint=400)
    except PhotoError:
        return None


def sheet_items(store: SqlitePostStore, hits: Sequence[Hit], folder: Path) -> list[SheetItem]:
    """Found posts as tiles of a contact sheet."""
    items = []
    for hit, post in zip(hits, store.get([hit.key for hit in hits]), strict=True):
        if post is not None:
            badge = f"{100 * hit.closeness:.0f} %"
            items.append(SheetItem(picture_of(store, post, folder), post.id, post.text, badge))
    return items


def line(terms: Sequence[Term]) -> str:
    """Terms in a row."""
    return ", ".join(term.text for term in terms)
