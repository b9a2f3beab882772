"""Posts, their vectors, and their words."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, TypeVar

from engine.store.database import BATCH, Connection, Cursor, Database, as_post, fits, marks
from engine.store.records import Change, Post
from engine.text.exact import EDITION, index_text

VARIABLES: Final = 500
"""Values in one statement; SQLite's own limit was 999 for long."""

MATCHES: Final = 20_000
"""Newest posts with a word that are looked at; a word that more have tells little."""

VERSIONS: Final = 20
"""Versions whose changes are read at once; each is of `BATCH` posts at most."""

_COLUMNS: Final = (
    "id, photo, text, tags, date, source, url, thread, media, picture_words, vector, model"
)
_FINGERPRINTS: Final = (
    "SELECT p.id, m.chat || ' ' || m.album, f.fingerprint FROM fingerprints f"
    " JOIN posts p ON p.key = f.key LEFT JOIN messages m ON m.key = f.key"
)
_UPSERT: Final = (
    f"INSERT INTO posts ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET photo = excluded.photo, text = excluded.text,"
    " tags = excluded.tags, date = excluded.date, source = excluded.source, url = excluded.url,"
    " thread = excluded.thread, media = excluded.media, vector = excluded.vector,"
    " model = excluded.model, picture_words = CASE WHEN excluded.photo IS NOT DISTINCT FROM"
    " posts.photo THEN COALESCE(excluded.picture_words, posts.picture_words)"
    " ELSE excluded.picture_words END RETURNING key, picture_words"
)


T = TypeVar("T")


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _keys(cursor: Cursor) -> list[int]:
    return [key for (key,) in cursor.fetchall()]


class Posts(Database):
    """The library itself."""

    def upsert(self, posts: Iterable[Post]) -> list[int]:
        """Write posts; one whose id is known replaces that post entirely, under its old key.

        The posts are taken and written in batches. If `posts` raises, the batches before stay.

        Returns
        -------
        list of int
            Their keys, in order. `Post.key` of what is passed is not looked at.
        """
        keys: list[int] = []
        # The batch is taken before the transaction begins: `posts` may be slow to produce them.
        for batch in _batches(posts):
            words = [index_text(post.text, post.tags) for post in batch]
            with self._transaction() as db:
                rows = [self._put(db, post, text) for post, text in zip(batch, words, strict=True)]
                self._index_words(db, rows)
                fresh = [row[0] for row in rows]
                self._embed(db, [(k, p.vector, p.model) for k, p in zip(fresh, batch, strict=True)])
                self._changed(db, fresh)
            keys += fresh
        return keys

    def _put(
        self, db: Connection, post: Post, words: str, *, photo: str | None = None
    ) -> tuple[int, int, str, str]:
        """Write a post; its row for `_index_words`, which begins with its key.

        `photo` is its photo on disk, where it is known and `post` has none.
        """
        # Telegram's copy of a photo is no longer this post's photo if the post has another.
        db.execute(
            "DELETE FROM files WHERE key IN (SELECT key FROM posts WHERE id = ? AND photo != ?)",
            (post.id, post.photo),
        )
        ((key, picture),) = db.execute(
            _UPSERT,
            (
                post.id,
                post.photo or photo,
                post.text,
                json.dumps(post.tags, ensure_ascii=False),
                post.date,
                post.source,
                post.url,
                post.thread,
                post.media,
                post.picture_words,
                post.vector,
                post.model,
            ),
        ).fetchall()
        return key, EDITION, words, index_text(picture or "")

    def take_over(self, other: Posts, model: str) -> int:
        """Take the posts of a model from its own library; how many.

        Those that the owner removed stay removed.
        """
        removed, count = self.removed_ids(), 0
        rows = other._stream(
            "SELECT p.key, p.id, p.photo, p.text, p.tags, p.date, p.source, p.url, p.thread,"
            " p.media, NULL, p.picture_words, p.vector, p.model FROM posts p"
            " WHERE p.model = ? AND p.vector IS NOT NULL ORDER BY p.key",
            (model,),
        )
        for batch in _batches(as_post(row) for row in rows):
            count += len(self.upsert(post for post in batch if post.id not in removed))
        return count

    def posts(self, keys: Sequence[int]) -> dict[int, Post]:
        """Return those of the posts that exist, by key."""
        usable = [int(key) for key in keys if fits(key)]
        found: dict[int, Post] = {}
        for start in range(0, len(usable), VARIABLES):
            part = usable[start : start + VARIABLES]
            found |= {
                post.key: post for post in self._posts(f"WHERE p.key IN ({marks(part)})", part)
            }
        return found

    def by_id(self, id: str) -> Post | None:  # noqa: A002
        """Look up the post of that id."""
        found = self._posts("WHERE p.id = ?", (id,))
        return found[0] if found else None

    def recent(self, limit: int, offset: int = 0) -> list[Post]:
        """Newest posts first; those without a date last."""
        return self._posts(
            "ORDER BY p.date DESC NULLS LAST, p.key DESC LIMIT ? OFFSET ?", (limit, offset)
        )

    def since(self, date: str) -> list[tuple[int, str]]:
        """Key and date of the posts from that date (ISO 8601) on, by date."""
        rows = self._read("SELECT key, date FROM posts WHERE date >= ? ORDER BY date, key", (date,))
        return [(key, when) for key, when in rows]

    def filtered(
        self,
        *,
        since: str | None = None,
        until: str | None = None,
        source: str | None = None,
        thread: str | None = None,
        media: str | None = None,
        tags: Sequence[str] = (),
        phrases: Sequence[Sequence[str]] = (),
    ) -> list[int]:
        """Keys of the posts that pass all filters, newest first, `MATCHES` at most.

        Parameters
        ----------
        since, until
            ISO 8601: from the first on, and before the second.
        source, thread, media
            As in `Post`, in any case of letters.
        tags
            Hashtags without ``#``.
        phrases
            As in `engine.text.exact.ExactQuery`.
        """
        wanted = [*phrases, *(tuple(index_text("#" + tag.lstrip("#")).split()[:1]) for tag in tags)]
        filters = {
            "date >= ?": since,
            "date < ?": until,
            "lower(source) = lower(?)": source,
            "lower(thread) = lower(?)": thread,
            "media = ?": media,
        }
        given = {sql: value for sql, value in filters.items() if value is not None}
        clause = " AND ".join(given) or "0 = 0"
        keys = [
            key
            for (key,) in self._read(
                f"SELECT key FROM posts WHERE {clause} ORDER BY key DESC LIMIT ?",
                (*given.values(), MATCHES),
            )
        ]
        for phrase in wanted:
            among = set(self._having(phrase, limit=MATCHES))
            keys = [key for key in keys if key in among]
        return keys

    def count(self) -> int:
        """Return the number of posts."""
        return int(self._read("SELECT count(*) FROM posts")[0][0])

    def delete(self, ids: Iterable[str]) -> int:
        """Delete posts (they may come again), and tell how many there were."""
        count = 0
        for batch in _batches(ids):
            with self._transaction() as db:
                gone: list[int] = []
                for id_ in batch:
                    gone += self._delete(db, id_)
                self._changed(db, gone)
            count += len(gone)
        return count

    def remove(self, key: int) -> Post | None:
        """Delete a post for good: it does not come back by an edit or a new model."""
        if not (post := self.posts([key]).get(key)):
            return None
        return None if self.remove_forever(post.id) is None else post

    def remove_forever(self, post: str) -> int | None:
        """Delete the post of that id, present or still to come; its key if it was present."""
        with self._transaction() as db:
            db.execute("INSERT INTO removed (id) VALUES (?) ON CONFLICT DO NOTHING", (post,))
            db.execute("DELETE FROM left_out WHERE id = ?", (post,))
            gone = self._delete(db, post)
            self._changed(db, gone)
        return gone[0] if gone else None

    def _delete(self, db: Connection, id_: str) -> list[int]:
        """Delete the post of that id; its key, if it was there."""
        keys = _keys(db.execute("DELETE FROM posts WHERE id = ? RETURNING key", (id_,)))
        self._gone(db, [(key, id_) for key in keys])
        return keys

    def gone(self, keys: Sequence[int]) -> list[str]:
        """Ids of those of the posts that another process may have removed."""
        return []

    def removed_ids(self) -> set[str]:
        """Ids that the owner removed for good: do not bring them back."""
        return {id_ for (id_,) in self._read("SELECT id FROM removed")}

    def is_removed(self, post: str) -> bool:
        """Tell whether the owner removed the post of that id."""
        return bool(self._read("SELECT 1 FROM removed WHERE id = ?", (post,)))

    # Telegram's copies of photos

    def set_files(self, files: Mapping[int, str]) -> None:
        """Keep the file_ids under which Telegram has the posts' photos (key to file_id)."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO files (bot, key, file) SELECT ?, key, ? FROM posts WHERE key = ?"
                " ON CONFLICT (bot, key) DO UPDATE SET file = excluded.file",
                [(self.bot, file, key) for key, file in files.items()],
            )

    def drop_file(self, key: int, file: str) -> None:
        """Forget a file_id that Telegram no longer takes, unless it was replaced meanwhile."""
        self._write(
            "DELETE FROM files WHERE bot = ? AND key = ? AND file = ?", (self.bot, key, file)
        )

    def without_file(self, *, after: int, limit: int) -> list[Post]:
        """Posts with a photo on disk that Telegram has no copy of, by key."""
        return self._posts(
            "WHERE f.file IS NULL AND p.photo IS NOT NULL AND p.key > ? ORDER BY p.key LIMIT ?",
            (after, limit),
        )

    # Vectors

    def vectors(self, model: str) -> Iterator[tuple[int, bytes]]:
        """Stream key and vector of each post described by that model, by ascending key.

        It is one state of the library, whatever is written meanwhile.
        """
        yield from self._stream(
            "SELECT key, vector FROM posts WHERE model = ? AND vector IS NOT NULL ORDER BY key",
            (model,),
        )

    def described(self, model: str) -> int:
        """Return the number of posts that have a vector of that model."""
        rows = self._read(
            "SELECT count(*) FROM posts WHERE model = ? AND vector IS NOT NULL", (model,)
        )
        return int(rows[0][0])

    def set_vectors(self, vectors: Iterable[tuple[int, bytes]], model: str) -> int:
        """Give posts their vectors; how many there were (a post removed meanwhile is left out)."""
        count = 0
        for batch in _batches(vectors):
            with self._transaction() as db:
                known: list[int] = []
                for key, vector in batch:
                    known += _keys(
                        db.execute(
                            "UPDATE posts SET vector = ?, model = ? WHERE key = ? RETURNING key",
                            (vector, model, int(key)),
                        )
                    )
                there = set(known)
                self._embed(db, [(k, vector, model) for k, vector in batch if k in there])
                self._changed(db, known)
            count += len(known)
        return count

    def drop_vectors(self, keys: Iterable[int]) -> None:
        """Take vectors that are damaged away: these posts are described anew."""
        with self._transaction() as db:
            db.executemany("UPDATE posts SET vector = NULL WHERE key = ?", [(key,) for key in keys])

    def undescribed(self, model: str, *, after: int, limit: int) -> list[Post]:
        """Return posts whose vector is missing or of another model, by key."""
        return self._posts(
            "WHERE (p.vector IS NULL OR p.model IS DISTINCT FROM ?) AND p.key > ?"
            " ORDER BY p.key LIMIT ?",
            (model, after, limit),
        )

    def changes(self, model: str, *, after: int) -> list[Change]:
        """What was written or removed in the next `VERSIONS` versions after that one, in order."""
        rows = self._read(
            "SELECT c.version, c.key, p.vector FROM changes c LEFT JOIN posts p"
            " ON p.key = c.key AND p.model = ? WHERE c.version > ? AND c.version <= ?"
            " ORDER BY c.version, c.key",
            (model, after, after + VERSIONS),
        )
        return [Change(*row) for row in rows]

    # Words

    def matching(
        self,
        words: Sequence[str],
        phrases: Sequence[Sequence[str]] = (),
        minus: Sequence[Sequence[str]] = (),
        limit: int = 400,
    ) -> list[tuple[int, float]]:
        """Posts that hold the asked words in their text, hashtags or picture, best first.

        Parameters
        ----------
        words, phrases, minus
            As in `engine.text.exact.ExactQuery`. Each phrase has to be there, none of `minus`.
        limit
            Posts at most.

        Returns
        -------
        list of (int, float)
            Key, and how much query and post are of the same words, 0 to 1: the mean of the share of
            the asked words that the post holds and of the share of its words that are asked for.
            An asked word weighs ``(ln(1 + N / df) / ln(1 + N)) ** 2``: rare words count more.
        """
        ((newest,),) = self._read("SELECT coalesce(max(key), 0) FROM posts")
        scores: dict[int, float] = defaultdict(float)
        total = 0.0
        for word in words:
            keys = self._having((word,), limit=MATCHES)
            gain = (math.log1p(newest / max(1, len(keys))) / math.log1p(max(1, newest))) ** 2
            total += gain
            for key in keys:
                scores[key] += gain
        for phrase in phrases:
            among = self._having(phrase, limit=MATCHES)
            scores = (
                {key: scores.get(key, 0.0) for key in among}
                if not scores
                else {key: scores[key] for key in among if key in scores}
            )
        best = sorted(scores, key=lambda key: (-scores[key], -key))
        if minus:
            gone = self.containing(best, minus)
            best = [key for key in best if key not in gone]
        lengths = self._lengths(best[:limit])
        shares = {
            key: (scores[key] / total + scores[key] / max(1, length)) / 2 if total else 1.0
            for key, length in lengths.items()
        }
        return sorted(shares.items(), key=lambda item: (-item[1], -item[0]))

    def containing(self, keys: Sequence[int], phrases: Sequence[Sequence[str]]) -> set[int]:
        """Those of the posts that hold any of the phrases."""
        found: set[int] = set()
        for phrase in phrases if keys else ():
            found.update(self._having(phrase, limit=len(keys), among=keys))
        return found

    def set_picture_words(self, key: int, text: str) -> None:
        """Keep the words that stand on a post's picture; none where nothing does."""
        with self._transaction() as db:
            rows = db.execute(
                "UPDATE posts SET picture_words = ? WHERE key = ? RETURNING text, tags", (text, key)
            ).fetchall()
            for own, tags in rows:
                words = index_text(own, json.loads(tags))
                self._index_words(db, [(key, EDITION, words, index_text(text))])

    def without_picture_words(self, *, after: int, limit: int) -> list[Post]:
        """Posts whose picture nobody has read yet, by key."""
        return self._posts(
            "WHERE p.picture_words IS NULL AND p.key > ? ORDER BY p.key LIMIT ?", (after, limit)
        )

    def index_some(self, limit: int) -> int:
        """Index posts that are not, or by an older `EDITION`, as of an older library; how many."""
        posts = self._posts(
            "LEFT JOIN words w ON w.key = p.key WHERE w.edition IS DISTINCT FROM ? LIMIT ?",
            (EDITION, limit),
        )
        rows = [
            (p.key, EDITION, index_text(p.text, p.tags), index_text(p.picture_words or ""))
            for p in posts
        ]
        with self._transaction() as db:
            # One that was removed or written meanwhile is not written over.
            there = [row for row in rows if self._stale(db, row[0])]
            self._index_words(db, there)
        return len(posts)

    def _stale(self, db: Connection, key: int) -> bool:
        return bool(
            db.execute(
                "SELECT 1 FROM posts p LEFT JOIN words w ON w.key = p.key"
                " WHERE p.key = ? AND w.edition IS DISTINCT FROM ?",
                (key, EDITION),
            ).fetchall()
        )

    # What copies are known by

    def fingerprints(self) -> Iterator[tuple[str, str | None, bytes]]:
        """Id, album and fingerprint of each post whose fingerprint is known."""
        yield from self._stream(_FINGERPRINTS)

    def fingerprints_of(self, keys: Sequence[int]) -> list[tuple[str, str | None, bytes]]:
        """The same, of those posts."""
        rows: list[tuple[str, str | None, bytes]] = []
        for start in range(0, len(keys), VARIABLES):
            part = keys[start : start + VARIABLES]
            rows += self._read(f"{_FINGERPRINTS} WHERE f.key IN ({marks(part)})", part)
        return rows

    def without_fingerprint(self, *, after: int, limit: int, except_source: str = "") -> list[Post]:
        """Return posts without a fingerprint, by key, but those of one source."""
        return self._posts(
            "LEFT JOIN fingerprints n ON n.key = p.key WHERE n.key IS NULL AND p.key > ?"
            " AND p.source IS DISTINCT FROM ? ORDER BY p.key LIMIT ?",
            (after, except_source, limit),
        )

    def set_fingerprints(self, fingerprints: Mapping[int, bytes]) -> None:
        """Keep what copies of posts are known by (key to fingerprint)."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO fingerprints (key, fingerprint)"
                " SELECT key, ? FROM posts WHERE key = ?"
                " ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint",
                [(value, key) for key, value in fingerprints.items()],
            )
