"""People: questions, what was shown for them, votes, settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.results import Query
from engine.store.database import Connection, Database, fits, marks, now
from engine.store.records import Asked, Counts, Vote

_ASKED: Final = 'SELECT id, "user", chat, kind, query, photo, model, asked FROM queries'


class History(Database):
    """What people asked and chose."""

    def counts(self) -> Counts:
        """Count everything."""
        rows = self._read(
            "SELECT (SELECT count(*) FROM posts), (SELECT count(*) FROM votes),"
            ' (SELECT count(DISTINCT "user") FROM queries), (SELECT count(*) FROM queries),'
            " (SELECT count(*) FROM inbox WHERE payload IS NOT NULL)"
        )
        return Counts(*rows[0])

    def remember(
        self, *, user: int, chat: int, kind: str, query: bytes, photo: str | None, model: str
    ) -> int:
        """Keep a question; return its number, which is never used again."""
        with self._transaction() as db:
            ((number,),) = db.execute(
                'INSERT INTO queries ("user", chat, kind, query, photo, model, asked)'
                " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (user, chat, kind, query, photo, model, now()),
            ).fetchall()
        return int(number)

    def asked(self, query: int) -> Asked | None:
        """Look up the question of that number."""
        rows = self._read(f"{_ASKED} WHERE id = ?", (query,)) if fits(query) else []
        return Asked(*rows[0]) if rows else None

    def history(self, user: int, limit: int) -> list[Asked]:
        """Return a person's last questions, the newest first."""
        rows = self._read(f'{_ASKED} WHERE "user" = ? ORDER BY id DESC LIMIT ?', (user, limit))
        return [Asked(*row) for row in rows]

    def show(self, query: int, chat: int, messages: Mapping[int, int]) -> None:
        """Keep which message (value) shows which post (key) for a question."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO shown (query, key, chat, message)"
                " SELECT id, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT) FROM queries"
                " WHERE id = ? ON CONFLICT (query, key) DO UPDATE SET chat = excluded.chat,"
                " message = excluded.message",
                [(key, chat, message, query) for key, message in messages.items()],
            )

    def shown(self, query: int) -> dict[int, int]:
        """Return the posts shown for a question so far: key to message."""
        if not fits(query):
            return {}
        return dict(self._read("SELECT key, message FROM shown WHERE query = ?", (query,)))

    def shown_in(self, chat: int, message: int) -> list[int]:
        """Return the keys of the posts that a message of the bot shows."""
        rows = self._read(
            "SELECT DISTINCT key FROM shown WHERE chat = ? AND message = ?", (chat, message)
        )
        return [key for (key,) in rows]

    def vote(
        self, *, user: int, query: int, key: int, value: int, update: int | None = None
    ) -> None:
        """Keep a vote, +1 or -1, in place of an earlier one by the same person; 0 takes it back.

        Parameters
        ----------
        update
            The update that it came in, which is done with it: done twice, it would be undone.
        """
        with self._transaction() as db:
            if value:
                db.execute(
                    'INSERT INTO votes (query, key, "user", value, voted) VALUES (?, ?, ?, ?, ?)'
                    ' ON CONFLICT (query, key, "user") DO UPDATE SET value = excluded.value,'
                    " voted = excluded.voted",
                    (query, key, user, value, now()),
                )
            else:
                db.execute(
                    'DELETE FROM votes WHERE query = ? AND key = ? AND "user" = ?',
                    (query, key, user),
                )
            db.execute("UPDATE questions SET payload = NULL WHERE update_id = ?", (update,))
            self._voted(db, [key])

    def votes(self, query: int, user: int) -> dict[int, int]:
        """Return a person's votes on one answer: key to +1 or -1."""
        rows = self._read(
            'SELECT key, value FROM votes WHERE query = ? AND "user" = ?', (query, user)
        )
        return dict(rows)

    def all_votes(self, model: str, keys: Sequence[int] | None = None) -> list[Vote]:
        """Each vote under that model, on all posts or on those, in their order."""
        among = "" if keys is None else f" AND v.key IN ({marks(keys)})"
        rows = self._read(
            'SELECT v."user", v.query, v.key, v.value, q.query FROM votes v'
            f" JOIN queries q ON q.id = v.query WHERE q.model = ?{among} ORDER BY v.voted",
            (model, *(keys or ())),
        )
        return [Vote(*row) for row in rows]

    def votes_version(self) -> int:
        """Return a number that grows with each vote, where several processes take votes."""
        return int(self.meta("votes") or 0)

    def voted_since(self, version: int) -> list[int]:
        """Posts whose votes have changed since that version, perhaps in another process."""
        return []

    def judgments(self) -> Iterator[tuple[int, str, str, bytes, str, int, str]]:
        """Number, kind, model and bytes of the question, post's id, vote, time; not whose."""
        yield from self._stream(
            "SELECT q.id, q.kind, q.model, q.query, p.id, v.value, v.voted FROM votes v"
            " JOIN queries q ON q.id = v.query JOIN posts p ON p.key = v.key ORDER BY v.voted"
        )

    def language(self, user: int) -> str | None:
        """Return the language that the person chose, if any."""
        rows = self._read("SELECT language FROM users WHERE id = ?", (user,))
        return rows[0][0] if rows else None

    def set_language(self, user: int, language: str) -> None:
        """Keep the person's choice of a language."""
        self._write(
            "INSERT INTO users (id, language) VALUES (?, ?)"
            " ON CONFLICT (id) DO UPDATE SET language = excluded.language",
            (user, language),
        )

    def forget(self, user: int) -> tuple[int, int]:
        """Delete a person's votes, questions and settings; how many votes and questions."""
        with self._transaction() as db:
            rows = db.execute('DELETE FROM votes WHERE "user" = ? RETURNING key', (user,))
            keys = [key for (key,) in rows.fetchall()]
            self._voted(db, set(keys))
            queries = db.execute('DELETE FROM queries WHERE "user" = ?', (user,)).rowcount
            db.execute("DELETE FROM users WHERE id = ?", (user,))
        self._expunge()
        return len(keys), queries

    def _expunge(self) -> None:
        """See to it that nothing of what was deleted lies in the database's files."""

    def _prune_queries(self, db: Connection, before: str) -> int:
        """Of old questions those with a vote stay, without their words."""
        gone = db.execute(
            "DELETE FROM queries WHERE asked < ? AND id NOT IN (SELECT query FROM votes)", (before,)
        ).rowcount
        rows = db.execute("SELECT id, query FROM queries WHERE asked < ?", (before,)).fetchall()
        bare = ((_without_words(query), number) for number, query in rows)
        db.executemany("UPDATE queries SET query = ?, photo = NULL WHERE id = ?", bare)
        return gone


def days_ago(days: int) -> str:
    """That time as the tables keep it."""
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")


def _without_words(query: bytes) -> bytes:
    try:
        full = Query.from_bytes(query)
    except ValueError:
        return b""
    return Query(full.kind, full.theta, share=full.share).to_bytes()
