"""Updates on their way: posts of chats until they are in the library, questions until answered."""

from __future__ import annotations

import hashlib
import time
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final

from engine.store.database import POST, Connection, Database, as_post, fits, now
from engine.store.history import History, days_ago
from engine.store.posts import Posts
from engine.store.records import Entry, LeftOut, OpenQuestion, PendingUpdate, Sibling
from engine.text.exact import index_text

REMEMBER_UPDATES: Final = 3 * 86_400
"""Seconds for which updates that are done are remembered, so that one delivered again is known."""

LATER_MAX: Final = 3600.0
"""Seconds for which an update is put off at most."""


class Inbox(Posts, History, Database):
    """The live library, and questions that are not answered yet."""

    # Groups

    def groups(self) -> set[int]:
        """Return the groups whose photos become posts."""
        return {chat for (chat,) in self._read("SELECT chat FROM groups")}

    def add_group(self, chat: int, title: str) -> None:
        """From now on the group's photos become posts."""
        self._write(
            "INSERT INTO groups (chat, title) VALUES (?, ?)"
            " ON CONFLICT (chat) DO UPDATE SET title = excluded.title",
            (chat, title),
        )

    def drop_group(self, chat: int) -> bool:
        """No longer; False where they did not."""
        return self._write("DELETE FROM groups WHERE chat = ?", (chat,)) > 0

    def move_chat(self, old: int, new: int) -> None:
        """A group became a supergroup: what is known of it is known of its new number."""
        with self._transaction() as db:
            for table in ("groups", "queries", "shown", "messages", "left_out"):
                db.execute(f"UPDATE {table} SET chat = ? WHERE chat = ?", (new, old))

    # Posts that wait

    def accept(
        self, update_id: int, subject: str, digest: str, payload: str, album: str | None = None
    ) -> bool:
        """Store an update about a post; False where the very same one is known.

        Telegram may start its numbers anew after a quiet week, so a known
        number with another content is another update.
        """
        with self._transaction() as db:
            known = db.execute(
                "SELECT 1 FROM inbox WHERE update_id = ? AND digest = ?", (update_id, digest)
            ).fetchall()
            if not known:
                _enter(db, update_id, subject, digest, payload, album)
        return not known

    def pending_updates(self, *, now: float, limit: int) -> list[PendingUpdate]:
        """Claim stored updates that are due (seconds since 1970), in the order they came.

        What ended a process comes last. What is due later than anything is ever put off was put
        off before the clock was set back: it is due now. Updates about one post or album are
        claimed by one process at a time; `release` gives them back.
        """
        with self._transaction() as db:
            self._lock_inbox(db)
            rows = db.execute(
                "SELECT number, subject, payload, tries, ended FROM inbox i"
                f" WHERE payload IS NOT NULL AND (due <= ? OR due > ?) AND NOT {self._busy('i')}"
                " AND NOT EXISTS (SELECT 1 FROM inbox o WHERE o.together = i.together"
                f" AND o.payload IS NOT NULL AND {self._busy('o')})"
                f" ORDER BY ended, number LIMIT ?{self._claimed}",
                (now, now + LATER_MAX, limit),
            ).fetchall()
            db.executemany(
                "UPDATE inbox SET worker = ? WHERE number = ?",
                [(self._worker, row[0]) for row in rows],
            )
        return [PendingUpdate(*row) for row in rows]

    _worker = 0
    _claimed = ""
    """SQL that passes over rows which another process is about to claim."""

    def _lock_inbox(self, db: Connection) -> None:
        """Let one process at a time claim updates."""

    def _busy(self, row: str) -> str:
        """SQL: whether another process works on that row of the inbox."""
        return "(0 = 1)"

    def _alive(self, row: str) -> str:
        """SQL: whether the process that has that row in hand lives."""
        return f"coalesce({row}.worker = {self._worker}, false)"

    def begin_work(self) -> None:
        """Call once before updates are processed: note which update ended a process."""
        with self._transaction() as db:
            self._note_ended(db)

    def _note_ended(self, db: Connection) -> None:
        for worker, number in self._ended_workers(db):
            db.execute("UPDATE inbox SET ended = ended + 1 WHERE number = ?", (number,))
            db.execute("DELETE FROM in_work WHERE worker = ?", (worker,))

    def _ended_workers(self, db: Connection) -> list[tuple[int, int]]:
        return db.execute("SELECT worker, number FROM in_work").fetchall()

    def reserve(self, name: str, *, rate: float, burst: int) -> float:
        """Take a turn at something that all processes do `rate` times a second at most.

        Parameters
        ----------
        burst
            How many may come at once after a pause.

        Returns
        -------
        float
            Seconds to wait before it is done; nothing where a process has the library for itself,
            and keeps the limit itself.
        """
        return 0.0

    @abstractmethod
    def claim(self, name: str) -> bool:
        """Begin something of that name; False where it is being done, by whichever process."""

    @abstractmethod
    def unclaim(self, name: str) -> None:
        """Say that it is done; the end of the process says so, too."""

    def lead(self) -> bool:
        """Whether this process does the background work, of all that share the library."""
        return True

    def working_on(self, number: int | None) -> None:
        """Write down the try: should it end the process, it is known by which update."""
        if number is None:
            self._write("DELETE FROM in_work WHERE worker = ?", (self._worker,))
            return
        self._write(
            "INSERT INTO in_work (worker, number) VALUES (?, ?)"
            " ON CONFLICT (worker) DO UPDATE SET number = excluded.number",
            (self._worker, number),
        )

    def release(self) -> None:
        """Give back what was claimed and is not done: it is not this update that failed."""
        with self._transaction() as db:
            db.execute("UPDATE inbox SET worker = NULL WHERE worker = ?", (self._worker,))
            db.execute("DELETE FROM in_work WHERE worker = ?", (self._worker,))

    def postpone(self, number: int, *, due: float) -> None:
        """Try an update again at that time (seconds since 1970)."""
        self._write(
            "UPDATE inbox SET tries = tries + 1, ended = 0, due = ?, worker = NULL"
            " WHERE number = ?",
            (due, number),
        )

    def finish(self, pending: Iterable[PendingUpdate], entries: Sequence[Entry] = ()) -> list[int]:
        """Write posts and mark the updates they came in as done, in one transaction.

        Earlier updates about the same posts are done with them: one that was put off must not
        bring an old state back.

        Returns
        -------
        list of int
            Keys of the posts written.
        """
        words = [index_text(entry.post.text, entry.post.tags) for entry in entries]
        written: list[int] = []
        taken: list[Entry] = []
        with self._transaction() as db:
            for entry, text in zip(entries, words, strict=True):
                if not _has(db, "removed", entry.post.id):
                    written.append(self._take_in(db, entry, text))
                    taken.append(entry)
            self._embed(
                db,
                [(key, e.post.vector, e.post.model) for key, e in zip(written, taken, strict=True)],
            )
            self._done(db, pending)
            self._changed(db, written)
        return written

    def _take_in(self, db: Connection, entry: Entry, words: str) -> int:
        # A post that was also collected has its photo on disk.
        known = db.execute("SELECT photo FROM posts WHERE id = ?", (entry.post.id,)).fetchall()
        row = self._put(db, entry.post, words, photo=known[0][0] if known else None)
        self._index_words(db, [row])
        key = row[0]
        db.execute(
            "INSERT INTO files (bot, key, file) VALUES (?, ?, ?)"
            " ON CONFLICT (bot, key) DO UPDATE SET file = excluded.file",
            (self.bot, key, entry.post.file),
        )
        db.execute(
            "INSERT INTO messages (chat, message, key, album, caption) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (chat, message) DO UPDATE SET key = excluded.key,"
            " album = excluded.album, caption = excluded.caption",
            (entry.chat, entry.message, key, entry.album, entry.own_text),
        )
        if entry.fingerprint is not None:
            db.execute(
                "INSERT INTO fingerprints (key, fingerprint) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint",
                (key, entry.fingerprint),
            )
        db.execute("DELETE FROM left_out WHERE id = ?", (entry.post.id,))
        return key

    def _done(self, db: Connection, pending: Iterable[PendingUpdate]) -> None:
        db.executemany(
            "UPDATE inbox SET payload = NULL, worker = NULL"
            " WHERE payload IS NOT NULL AND subject = ? AND number <= ?",
            [(one.subject, one.number) for one in pending],
        )
        db.execute("DELETE FROM in_work WHERE worker = ?", (self._worker,))

    def siblings(self, chat: int, album: str) -> list[Sibling]:
        """Return the posts that came in the same album."""
        rows = self._read(
            POST.replace("SELECT ", "SELECT m.chat, m.message, m.caption, ", 1)
            + " JOIN messages m ON m.key = p.key WHERE m.chat = ? AND m.album = ?"
            " ORDER BY m.message",
            (self.bot, chat, album),
        )
        return [Sibling(as_post(post), *own) for *own, post in ((*r[:3], r[3:]) for r in rows)]

    def as_it_came(self, id_: str) -> Entry | None:
        """Return the post of that id with the message that it came as; None if there is none."""
        rows = self._read(
            POST.replace("SELECT ", "SELECT m.chat, m.message, m.album, m.caption, ", 1)
            + " JOIN messages m ON m.key = p.key WHERE p.id = ?",
            (self.bot, id_),
        )
        return Entry(as_post(rows[0][4:]), *rows[0][:4]) if rows else None

    def post_of(self, chat: int, message: int) -> int | None:
        """Return the key of the post that came as that message."""
        rows = self._read(
            "SELECT key FROM messages WHERE chat = ? AND message = ?", (chat, message)
        )
        return rows[0][0] if rows else None

    # Posts that were left out

    def leave_out(self, pending: Iterable[PendingUpdate], items: Sequence[LeftOut]) -> list[int]:
        """Keep posts out of the library and mark their updates as done, in one transaction.

        Returns the keys of those that were in it, as what they were before an edit.
        """
        gone: list[int] = []
        with self._transaction() as db:
            for item in items:
                db.execute("DELETE FROM left_out WHERE id = ?", (item.id,))
                if not _has(db, "removed", item.id):
                    db.execute(
                        "INSERT INTO left_out (id, chat, album, rule, why, text, url, payload, at)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (
                            item.id,
                            item.chat,
                            item.album,
                            item.rule,
                            item.why,
                            item.text,
                            item.url,
                            item.payload,
                            now(),
                        ),
                    )
                gone += self._delete(db, item.id)
            self._done(db, pending)
            self._changed(db, gone)
        return gone

    def left_out(self, *, limit: int, rule: str | None = None) -> list[LeftOut]:
        """Return the posts that were left out, or those by one rule, the newest first."""
        rows = self._read(
            "SELECT id, chat, album, rule, why, text, url, payload, number FROM left_out"
            f"{'' if rule is None else ' WHERE rule = ?'} ORDER BY number DESC LIMIT ?",
            (limit,) if rule is None else (rule, limit),
        )
        return [LeftOut(*row) for row in rows]

    def left_out_counts(self) -> dict[str, int]:
        """Count what was left out, by rule."""
        rows = self._read("SELECT rule, count(*) FROM left_out GROUP BY rule")
        return dict(rows)

    def texts_left_out(self, same: str, like: str) -> list[str]:
        """Return texts of posts that were left out for a reason, or for one that begins so."""
        rows = self._read(
            "SELECT text FROM left_out WHERE text != '' AND (why = ? OR substr(why, 1, ?) = ?)"
            " ORDER BY number",
            (same, len(like), like),
        )
        return [text for (text,) in rows]

    def left_out_album(self, chat: int, album: str) -> tuple[str, str] | None:
        """Return rule and reason by which a photo of that album was left out for its text."""
        rows = self._read(
            "SELECT rule, why FROM left_out WHERE chat = ? AND album = ? AND text != ''"
            " ORDER BY number LIMIT 1",
            (chat, album),
        )
        return (rows[0][0], rows[0][1]) if rows else None

    def put_back(self, number: int, *, wanted: bool = True) -> int:
        """Take a post that was left out (and its album) in after all; how many updates it is.

        They come by `pending_updates` once more, and `is_kept` tells that the owner wants them;
        where he did not ask for it they are judged again.
        """
        if not fits(number):
            return 0
        with self._transaction() as db:
            rows = db.execute(
                "SELECT o.number, o.id, o.payload, o.album FROM left_out o JOIN left_out n"
                " ON n.number = ? AND (o.number = n.number"
                " OR (o.chat = n.chat AND o.album = n.album)) ORDER BY o.number",
                (number,),
            ).fetchall()
            for own, post, payload, album in rows:
                if wanted:
                    db.execute("INSERT INTO kept (id) VALUES (?) ON CONFLICT DO NOTHING", (post,))
                db.execute("DELETE FROM left_out WHERE number = ?", (own,))
                # Telegram's numbers are above zero, so these are never taken for one of them.
                _enter(db, -own, post, "kept", payload, album)
        return len(rows)

    def is_kept(self, post: str) -> bool:
        """Tell whether the owner put the post of that id back: it is not judged any more."""
        return bool(self._read("SELECT 1 FROM kept WHERE id = ?", (post,)))

    # Questions

    def take(self, updates: Sequence[tuple[int, str, str]]) -> set[int]:
        """Keep questions until they are answered; the ids that are new.

        As with posts, a known number with another content is another update.

        Parameters
        ----------
        updates
            update_id, payload, and what is the same for all photos of one album (else nothing).
        """
        new: set[int] = set()
        with self._transaction() as db:
            for number, payload, together in updates:
                digest = hashlib.sha256(payload.encode(errors="replace")).hexdigest()[:32]
                rows = db.execute(
                    "INSERT INTO questions (update_id, payload, digest, taken, together, worker)"
                    " VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (update_id) DO UPDATE SET payload = excluded.payload,"
                    " digest = excluded.digest, begun = 0, ended = 0, taken = excluded.taken,"
                    " together = excluded.together, worker = excluded.worker"
                    " WHERE questions.digest != excluded.digest RETURNING update_id",
                    (number, payload, digest, time.time(), together, self._worker),
                ).fetchall()
                new.update(one for (one,) in rows)
        return new

    def begun(self, update_id: int) -> None:
        """Write down that a question is being answered: should it end the process, it is known."""
        self._write("UPDATE questions SET begun = 1 WHERE update_id = ?", (update_id,))

    def answered(self, update_ids: Sequence[int]) -> None:
        """Delete what was asked; only the ids are remembered for a while."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE questions SET begun = 0, payload = NULL WHERE update_id = ?",
                [(number,) for number in update_ids],
            )

    def open_questions(self) -> list[OpenQuestion]:
        """Claim the questions that processes which ended had in hand, in the order they came."""
        with self._transaction() as db:
            left = f"payload IS NOT NULL AND NOT {self._alive('questions')}"
            rows = db.execute(
                "UPDATE questions SET ended = ended + begun, begun = 0, worker = ?"
                f" WHERE {left} RETURNING update_id, payload, together, ended",
                (self._worker,),
            ).fetchall()
        return [OpenQuestion(*row) for row in sorted(rows)]

    def release_questions(self) -> None:
        """Say that this process ends in order: none of its questions is what ended it."""
        self._write("UPDATE questions SET begun = 0 WHERE worker = ?", (self._worker,))

    def claim_album(self, together: str) -> list[tuple[int, str]]:
        """Photos of an album (update_id, payload), for the first process that asks."""
        with self._transaction() as db:
            rows = db.execute(
                "SELECT update_id, payload FROM questions WHERE together = ? AND begun = 0"
                f" AND payload IS NOT NULL{self._claimed}",
                (together,),
            ).fetchall()
            db.executemany(
                "UPDATE questions SET begun = 1, worker = ? WHERE update_id = ?",
                [(self._worker, number) for number, _ in rows],
            )
        return [(number, payload) for number, payload in rows]

    # Expiry

    def prune(self, *, days: int) -> int:
        """Delete what is older than that; how many questions (those with a vote stay)."""
        before, done = days_ago(days), time.time() - REMEMBER_UPDATES
        with self._transaction() as db:
            gone = self._prune_queries(db, before)
            db.execute("DELETE FROM inbox WHERE payload IS NULL AND taken < ?", (done,))
            db.execute("DELETE FROM questions WHERE taken < ?", (done,))
            db.execute("DELETE FROM left_out WHERE at < ?", (before,))
        self._expunge()
        return gone


def _enter(
    db: Connection, update_id: int, subject: str, digest: str, payload: str, album: str | None
) -> None:
    chat = subject.rpartition("/")[0]
    db.execute("DELETE FROM inbox WHERE update_id = ?", (update_id,))
    db.execute(
        "INSERT INTO inbox (update_id, subject, digest, payload, taken, together)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (update_id, subject, digest, payload, time.time(), f"{chat} {album}" if album else subject),
    )


def _has(db: Connection, table: str, id_: str) -> bool:
    return bool(db.execute(f"SELECT 1 FROM {table} WHERE id = ?", (id_,)).fetchall())
