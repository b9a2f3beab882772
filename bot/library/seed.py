"""The library before the bot serves: seeded from the model's posts, brought to a new model."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from engine.corpus.reader import POSTS_FILE as CORPUS_FILE
from engine.engine import Engine
from engine.errors import StoreError
from engine.results import Query, is_vector
from engine.store import ModelPosts, SqliteStore, Store

POSTS_FILE: Final = "posts.sqlite"

_LOGGER = logging.getLogger(__name__)


def open_store(library: Path, url: str | None = None, bot: int = 0) -> Store:
    """Open the library, or make it: in that file, or in PostgreSQL where there is a `url`.

    Raises
    ------
    StoreError
        It cannot be made or read.
    """
    if url is not None:
        return _postgres(url, bot)
    try:
        library.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the library {library.name} cannot be made: {error.strerror}") from error
    return SqliteStore(library, bot=bot)


def _postgres(url: str, bot: int) -> Store:
    try:
        from engine.store.postgres import PostgresStore
    except ImportError as error:
        raise StoreError(
            f"PostgreSQL needs the extra 'postgres' (pip install 'image2pic[postgres]'): {error}"
        ) from error
    return PostgresStore(url, bot=bot)


@contextmanager
def values_in_order() -> Iterator[None]:
    """Say of a value in the library that cannot be read what can be done; StoreError."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise StoreError(
            f"the library has a damaged value ({error}): bring a saved copy back (`image2pic-bot "
            "restore FILE`, or pg_restore), or begin with an empty library (move library.sqlite "
            "aside, or make a new database): the model's posts come in anew"
        ) from error


def sound_vectors(
    store: Store, model: str, topics: int, damaged: list[int]
) -> Iterator[tuple[int, bytes]]:
    """`Store.vectors` without those that are damaged, whose keys are added to `damaged`."""
    for key, blob in store.vectors(model):
        if is_vector(blob, topics):
            yield key, blob
        else:
            damaged.append(key)


@contextmanager
def _posts_of(model: Path) -> Iterator[Store | None]:
    source = model / POSTS_FILE
    if not source.exists():
        yield None
        return
    with ModelPosts(source) as posts:
        yield posts


def prepare(store: Store, model: Path, model_id: str) -> None:
    """Take over what the model's own posts file has, once for each model.

    New posts are added, known ones get their new vectors; posts that an owner removed stay
    removed.

    Raises
    ------
    StoreError
        The library or the model's posts cannot be read.
    """
    if store.meta("model") == model_id:
        return
    with _posts_of(model) as posts:
        if posts is not None:
            store.take_over(posts, model_id)
    store.set_meta("model", model_id)


def search_in_database(engine: Engine, store: Store) -> None:
    """Have the database search the vectors.

    Raises
    ------
    StoreError
        The library is a file.
    """
    if not store.shared:
        raise StoreError("DATABASE_SEARCH needs DATABASE_URL: a file has no index of vectors")
    from engine.store.neighbours import DatabaseIndex
    from engine.store.postgres import PostgresStore

    assert isinstance(store, PostgresStore)
    info = engine.info
    engine.search_in(DatabaseIndex(store, info.id, info.topics + 2))


@values_in_order()
def photo_roots(store: Store, model: Path, extra: Path | None) -> list[Path]:
    """Folders in which posts' photos may lie: the given one, and those of each model so far.

    A model may come from anywhere, and what it names is shown to strangers: so its photos lie in
    its own folder or in a corpus, or the owner names their folder (PHOTOS_DIR).
    """
    earlier: list[str] = json.loads(store.meta("photo_roots") or "[]")
    with _posts_of(model) as posts:
        # Absolute: the next start may be from another folder.
        here = (model / ((posts and posts.meta("photo_root")) or ".")).resolve()
    if here.is_relative_to(model.resolve()) or (here / CORPUS_FILE).is_file():
        all_roots = list(dict.fromkeys([str(here), *earlier]))
    else:
        all_roots = earlier
        if extra is None:
            _LOGGER.warning(
                "the photos of the model's posts are not shown: %s is neither in the model's "
                "folder nor a corpus. If they shall be, set PHOTOS_DIR to it",
                here,
            )
    if all_roots != earlier:
        store.set_meta("photo_roots", json.dumps(all_roots))
    return ([extra] if extra else []) + [Path(root) for root in all_roots]


def take_votes(engine: Engine, store: Store, keys: Sequence[int] | None = None) -> None:
    """Have the engine know the votes on all posts, or those on some anew."""
    engine.feedback.clear(keys or ())
    for vote in store.all_votes(engine.info.id, keys):
        # Of a vote whose question cannot be read nothing follows.
        with suppress(ValueError):
            theta = Query.from_bytes(vote.asked).theta
            engine.feedback.set(
                vote.key, user=vote.user, query=vote.query, theta=theta, value=vote.value
            )


def export_votes(store: Store, out: IO[str]) -> int:
    """Write the votes as judgments, one JSON object a line; how many.

    Each has ``query`` (a number), ``kind``, ``model``, ``theta`` (p(t | query),
    shape (K,)), ``post`` (its id), ``vote`` (1 or -1) and ``voted`` (UTC). Who
    voted is not in it.
    """
    count = 0
    for number, kind, model, query, post, vote, voted in store.judgments():
        theta = Query.from_bytes(query).theta
        judgment = {
            "query": number,
            "kind": kind,
            "model": model,
            "theta": [float(f"{share:.9g}") for share in theta.tolist()],
            "post": post,
            "vote": vote,
            "voted": voted,
        }
        out.write(json.dumps(judgment, ensure_ascii=False) + "\n")
        count += 1
    return count
