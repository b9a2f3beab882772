"""What the asking commands share: opening a model with its library, reading a photo."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from PIL import Image

from engine.engine import Engine
from engine.errors import Image2PicError, IndexFileError, PhotoError
from engine.files import STARTER, model_folder, write_whole
from engine.photo import decode
from engine.pictures import SheetItem
from engine.results import Hit, Term
from engine.store import ModelPosts, Post, SqliteStore

Number = TypeVar("Number", int, float)


def model_argument(parser: argparse.ArgumentParser) -> None:
    """The model's folder, as the first argument."""
    parser.add_argument(
        "model", type=model_folder, help=f"the model's folder; {STARTER}: the one that ships"
    )


def open_library(folder: Path) -> tuple[Engine, SqliteStore]:
    """The engine with its index loaded (rebuilt and saved where stale), and the posts to read.

    Nothing of the model is changed by asking it; its folder may be read-only.
    """
    engine = Engine.open(folder)
    store = ModelPosts(folder / "posts.sqlite")
    version = store.version()
    cache = folder / "index.faiss"
    if engine.load(store.vectors(engine.info.id), version=version, cache=cache):
        with contextlib.suppress(IndexFileError):
            engine.save(cache, version=version)
    engine.exact_words = store
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
        write_whole(path, png)
    except OSError as error:
        raise Image2PicError(f"{path} cannot be written: {error.strerror}") from error


def folder_path(text: str) -> Path:
    """A path, for argparse; ``~`` is the home folder, also where the shell leaves it."""
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"{text!r} is an address, not a folder or file of this machine: `image2pic collect` "
            "copies what lies at one"
        )
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def storage_address(text: str) -> str:
    """An address of photos, for argparse."""
    if "://" not in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as s3://bucket/folder")
    return text


def cluster_argument(parser: argparse.ArgumentParser) -> None:
    """Where the work over photos is done."""
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="work over photos on a Dask cluster: tcp://scheduler:8786, or local",
    )


def within(
    kind: Callable[[str], Number], low: Number, high: Number | None = None
) -> Callable[[str], Number]:
    """What argparse reads a number with, from `low` on, up to `high`."""

    def number(text: str) -> Number:
        value = kind(text)
        if high is not None and not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low} and {high}")
        if not low <= value:
            raise argparse.ArgumentTypeError(f"{text} is below {low}")
        return value

    return number


share = within(float, 0.0, 1.0)
count = within(int, 0)
positive = within(int, 1)


def picture_of(store: SqliteStore, post: Post, folder: Path) -> Image.Image | None:
    """A post's photo, or None where it is gone; `folder` is the model's."""
    root = store.photo_root
    if post.photo is None or root is None:
        return None
    try:
        return decode(folder / root / post.photo, size_hint=400)
    except PhotoError:
        return None


def sheet_items(store: SqliteStore, hits: Sequence[Hit], folder: Path) -> list[SheetItem]:
    """Found posts as tiles of a contact sheet."""
    items, posts = [], store.posts([hit.key for hit in hits])
    for hit in hits:
        if post := posts.get(hit.key):
            badge = f"{100 * hit.closeness:.0f} %"
            items.append(SheetItem(picture_of(store, post, folder), post.id, post.text, badge))
    return items


def line(terms: Sequence[Term]) -> str:
    """Terms in a row."""
    return ", ".join(term.text for term in terms)
