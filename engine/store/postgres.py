"""The library in PostgreSQL with pgvector, which many processes share."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Final

import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from psycopg import errors, sql
from psycopg_pool import ConnectionPool, PoolTimeout

from engine.errors import StoreError, StoreFullError
from engine.projection import log_ratio
from engine.results import Floats, vectors_to_rows
from engine.store.database import Connection, Embedded, Row, Values
from engine.store.inbox import Inbox
from engine.store.postgres_schema import MIGRATIONS

CONNECTIONS: Final = 8
"""Connections of one process at most; PostgreSQL takes a hundred by default."""

CONNECT_TIMEOUT: Final = 10.0
"""Seconds to wait for the server, or for a connection that is free."""

CANDIDATES: Final = 1000
"""Neighbours that HNSW keeps while it searches (ef_search), as many as it can: of a million
vectors it finds .92 of the nearest ten with 400, .955 with these."""

POSITIONS: Final = 16_000
"""PostgreSQL counts the words of a text no further."""

_LOCKS: Final = 0x1239
"""The first half of our advisory locks; the second is `_SCHEMA`, `_INBOX`, `_LEADER`, a worker."""
_SCHEMA, _INBOX, _LEADER = -1, -2, -3


class PostgresStore(Inbox):
    """The store in PostgreSQL.

    Parameters
    ----------
    url
        ``postgresql://user:password@host/database``.
    bot
        See `Database.bot`.

    Raises
    ------
    StoreError
        The server cannot be reached, has no pgvector or no UTF-8, or its library is of a newer
        image2pic.
    """

    shared = True

    def __init__(self, url: str, *, bot: int = 0) -> None:
        self.bot, self._url = bot, url
        self._session: psycopg.Connection[Any] | None = None
        self._session_lock = threading.RLock()
        if url.count("@") > 1:
            # The driver would take for the host, and name, what is the end of a password.
            raise StoreError(
                "the database's address has more than one @: write that of the password as %40, "
                "and / as %2F"
            )
        with _translated():
            with self._connect() as connection:
                encoding = connection.info.parameter_status("server_encoding")
                if encoding != "UTF8":
                    raise StoreError(
                        f"the database has the encoding {encoding}, which does not hold all texts: "
                        "CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0 makes another"
                    )
                _migrate(connection)
            self._pool = ConnectionPool(
                url,
                min_size=1,
                max_size=CONNECTIONS,
                timeout=CONNECT_TIMEOUT,
                kwargs={"autocommit": True},
                configure=register_vector,
                check=ConnectionPool.check_connection,
                open=True,
            )

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True, connect_timeout=int(CONNECT_TIMEOUT))

    def close(self) -> None:
        """Let go of the database; a second call does nothing."""
        with self._session_lock:
            if self._session is not None:
                self._session.close()
                self._session = None
        self._pool.close()

    def _read(self, statement: str, values: Values = ()) -> list[Row]:
        with _translated(), self._pool.connection() as connection:
            return _execute(connection, statement, values).fetchall()

    def _stream(self, statement: str, values: Values = ()) -> Iterator[Row]:
        # A connection of its own: those of the pool are for short statements.
        with (
            _translated(),
            self._connect() as connection,
            connection.transaction(),
            connection.cursor(name="rows") as cursor,
        ):
            cursor.itersize = 2000
            cursor.execute(_dialect(statement), _plain(values), binary=True)
            yield from cursor

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with _translated(), self._pool.connection() as connection, connection.transaction():
            yield _Transaction(connection)

    # Words

    def _having(
        self, phrase: Sequence[str], *, limit: int, among: Sequence[int] | None = None
    ) -> list[int]:
        words = " <-> ".join(_lexeme(word) for word in phrase)
        part = "" if among is None else " AND key = ANY(?)"
        rows = self._read(
            f"SELECT key FROM words WHERE words @@ CAST(? AS tsquery){part}"
            " ORDER BY key DESC LIMIT ?",
            (words, *([] if among is None else [list(among)]), limit),
        )
        return [key for (key,) in rows]

    def _lengths(self, keys: Sequence[int]) -> dict[int, int]:
        return dict(
            self._read("SELECT key, length(words) FROM words WHERE key = ANY(?)", (list(keys),))
        )

    def _index_words(self, db: Connection, rows: Iterable[Values]) -> None:
        db.executemany(
            "INSERT INTO words (key, edition, words) VALUES (?, ?, CAST(? AS tsvector))"
            " ON CONFLICT (key) DO UPDATE SET edition = excluded.edition, words = excluded.words",
            [(key, edition, _tsvector(text, picture)) for key, edition, text, picture in rows],
        )

    # Vectors

    def _embed(self, db: Connection, rows: Iterable[Embedded]) -> None:
        rows = list(rows)
        db.execute("DELETE FROM embeddings WHERE key = ANY(?)", ([key for key, *_ in rows],))
        blobs = [vector for _, vector, model in rows if vector and model]
        if not blobs:
            return
        given = [row for row in rows if row[1] and row[2]]
        # What is no vector is found by who reads it.
        with suppress(ValueError):
            theta, biases = vectors_to_rows(blobs, int.from_bytes(blobs[0][4:6], "little"))
            points = np.concatenate([log_ratio(theta), biases], axis=1)
            db.executemany(
                "INSERT INTO embeddings (key, model, embedding) VALUES (?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET model = excluded.model,"
                " embedding = excluded.embedding",
                [
                    (key, model, HalfVector(point))
                    for (key, _, model), point in zip(given, points, strict=True)
                ],
            )

    def finish_copy(self) -> None:
        """After rows were written with their numbers: go on counting from there."""
        # Of posts that were removed, their changes still know the numbers.
        newest = {
            "posts.key": "SELECT greatest((SELECT max(key) FROM posts), max(key)) FROM changes",
            "queries.id": "SELECT max(id) FROM queries",
            "inbox.number": "SELECT max(number) FROM inbox",
            "left_out.number": "SELECT max(number) FROM left_out",
        }
        for place, largest in newest.items():
            table, column = place.split(".")
            self._read(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'),"
                f" coalesce(({largest}), 0) + 1, false)"
            )

    def index_vectors(self, model: str, dimensions: int) -> None:
        """Build the HNSW index of a model's vectors where there is none, beside all other work."""
        name = "embeddings_" + hashlib.sha256(model.encode()).hexdigest()[:16]
        with _translated(), self._connect() as connection:
            # The graph of a million vectors fits; beyond, building it takes many times longer.
            connection.execute("SET maintenance_work_mem = '1GB'")
            known = connection.execute(
                "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c"
                " ON c.oid = i.indexrelid WHERE c.relname LIKE 'embeddings\\_%'"
                " AND c.relname != 'embeddings_pkey'"
            ).fetchall()
            for other, valid in known:
                # Of another model, or left half-built by a process that was ended.
                if other != name or not valid:
                    connection.execute(
                        sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(
                            sql.Identifier(other)
                        )
                    )
            connection.execute(
                sql.SQL(
                    "CREATE INDEX CONCURRENTLY IF NOT EXISTS {} ON embeddings"
                    " USING hnsw ((embedding::halfvec({})) halfvec_ip_ops) WHERE model = {}"
                ).format(sql.Identifier(name), sql.Literal(dimensions), sql.Literal(model))
            )

    def nearest(
        self, model: str, point: Floats, count: int, among: Iterable[int] | None = None
    ) -> tuple[list[int], list[float]]:
        """Keys of the `count` vectors of largest inner product, best first, and the products.

        Parameters
        ----------
        point
            Shape (dimensions,).
        among
            Only these keys; HNSW goes on until `count` of them are found.
        """
        keys = [] if among is None else [list(among)]
        statement = sql.SQL(
            "SELECT key, embedding::halfvec({width}) <#> %s::halfvec({width}) AS far"
            " FROM embeddings WHERE model = {model} {among} ORDER BY far LIMIT %s"
        ).format(
            # Written out: only so does the planner see that the model's own index serves.
            model=sql.Literal(model),
            among=sql.SQL("AND key = ANY(%s)") if keys else sql.SQL(""),
            width=sql.Literal(len(point)),
        )
        with (
            _translated(),
            self._pool.connection() as connection,
            connection.transaction(),
        ):
            connection.execute(
                f"SET LOCAL hnsw.ef_search = {CANDIDATES};"
                " SET LOCAL hnsw.iterative_scan = strict_order"
            )
            rows = connection.execute(
                statement, (HalfVector(point), *keys, count), binary=True
            ).fetchall()
        # The operator gives the product with its sign turned.
        return [key for key, _ in rows], [-far for _, far in rows]

    def embeddings(self, model: str, keys: Iterable[int]) -> dict[int, Floats]:
        """The vectors of those of the posts that have one."""
        with _translated(), self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT key, embedding FROM embeddings WHERE key = ANY(%s) AND model = %s",
                (list(keys), model),
                binary=True,
            ).fetchall()
        return {key: vector.to_numpy() for key, vector in rows}

    # What processes tell each other

    def _gone(self, db: Connection, posts: Iterable[tuple[int, str]]) -> None:
        db.executemany(
            "INSERT INTO gone (key, id) VALUES (?, ?) ON CONFLICT (key) DO NOTHING", posts
        )

    def gone(self, keys: Sequence[int]) -> list[str]:
        """Ids of those of the posts that another process may have removed."""
        return [id_ for (id_,) in self._read("SELECT id FROM gone WHERE key = ANY(?)", (keys,))]

    def _voted(self, db: Connection, keys: Iterable[int]) -> None:
        # One transaction at a time: whoever sees a version sees all that belong to it.
        ((version,),) = db.execute(
            "INSERT INTO meta AS m (name, value) VALUES ('votes', '1') ON CONFLICT (name)"
            " DO UPDATE SET value = CAST(CAST(m.value AS BIGINT) + 1 AS TEXT)"
            " RETURNING CAST(value AS BIGINT)"
        ).fetchall()
        db.executemany(
            "INSERT INTO voted (key, version) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET version = excluded.version",
            [(key, version) for key in keys],
        )

    def voted_since(self, version: int) -> list[int]:
        """Posts whose votes have changed since that version, perhaps in another process."""
        return [key for (key,) in self._read("SELECT key FROM voted WHERE version > ?", (version,))]

    # Processes that share the work

    def claim(self, name: str) -> bool:
        """See `Inbox.claim`."""
        return bool(
            self._write(
                "INSERT INTO claims (name, worker) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET"
                f" worker = excluded.worker WHERE NOT {self._alive('claims')}",
                (name, self._worker),
            )
        )

    def unclaim(self, name: str) -> None:
        """See `Inbox.unclaim`."""
        self._write("DELETE FROM claims WHERE name = ? AND worker = ?", (name, self._worker))

    def begin_work(self) -> None:
        """Get a number of its own, known by an advisory lock that ends with the process.

        A second call gets another where the server has ended the session, and the lock with it.
        """
        with self._session_lock, _translated():
            if self._session is not None:
                with suppress(psycopg.Error):
                    self._session.execute("SELECT 1")
            if self._session is None or self._session.closed:
                self._session = self._connect()
                ((self._worker,),) = self._session.execute(
                    "SELECT nextval('workers')::int"
                ).fetchall()
                self._session.execute("SELECT pg_advisory_lock(%s, %s)", (_LOCKS, self._worker))
        self._write(f"DELETE FROM claims WHERE NOT {self._alive('claims')}")
        super().begin_work()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While it lasts no other process prepares the library."""
        with _translated(), self._connect() as connection:
            connection.execute("SELECT pg_advisory_lock(%s, %s)", (_LOCKS, _SCHEMA))
            yield

    def lead(self) -> bool:
        """Whether this process does the background work; another takes over when it ends."""
        with self._session_lock:
            try:
                if self._session is None or self._session.closed:
                    self.begin_work()
                assert self._session is not None
                # A lock that is held is taken once more: it is let go of by the session's end.
                held = self._session.execute(
                    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
                    " AND objid = %s::bigint::oid AND pid = pg_backend_pid()",
                    (_LOCKS, _LEADER & 0xFFFFFFFF),
                ).fetchall()
                return bool(held) or bool(
                    self._session.execute(
                        "SELECT pg_try_advisory_lock(%s, %s)", (_LOCKS, _LEADER)
                    ).fetchall()[0][0]
                )
            except psycopg.Error:
                with suppress(psycopg.Error):
                    if self._session is not None:
                        self._session.close()
                self._session = None
                return False

    def reserve(self, name: str, *, rate: float, burst: int) -> float:
        """See `Inbox.reserve`: the time from which on nobody waits is moved on by each turn."""
        with self._transaction() as db:
            ((wait,),) = db.execute(
                "INSERT INTO limits AS l (name, free) VALUES (?, extract(epoch FROM now()) + ?)"
                " ON CONFLICT (name) DO UPDATE SET"
                " free = greatest(l.free, extract(epoch FROM now())) + ?"
                " RETURNING free - ? - extract(epoch FROM now())",
                (name, 1 / rate, 1 / rate, burst / rate),
            ).fetchall()
        return max(0.0, float(wait))

    def _lock_inbox(self, db: Connection) -> None:
        db.execute("SELECT pg_advisory_xact_lock(?, ?)", (_LOCKS, _INBOX))
        self._note_ended(db)

    def _busy(self, row: str) -> str:
        return f"coalesce({row}.worker != {self._worker} AND {row}.worker IN ({_ALIVE}), false)"

    def _alive(self, row: str) -> str:
        return f"coalesce({row}.worker IN ({_ALIVE}), false)"

    _claimed = " FOR UPDATE SKIP LOCKED"

    def _ended_workers(self, db: Connection) -> list[tuple[int, int]]:
        return db.execute(
            f"SELECT worker, number FROM in_work WHERE worker NOT IN ({_ALIVE}) FOR UPDATE"
        ).fetchall()


_ALIVE: Final = (
    "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory'"
    f" AND classid = {_LOCKS} AND granted AND objid < 2147483648"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class _Transaction:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Values = (), /) -> psycopg.Cursor[Any]:
        return _execute(self._connection, statement, values)

    def executemany(self, statement: str, values: Iterable[Values], /) -> psycopg.Cursor[Any]:
        cursor = self._connection.cursor()
        cursor.executemany(_dialect(statement), [_plain(row) for row in values])
        return cursor


def _execute(
    connection: psycopg.Connection[Any], statement: str, values: Values
) -> psycopg.Cursor[Any]:
    return connection.execute(_dialect(statement), _plain(values), binary=True)


@lru_cache(maxsize=256)
def _dialect(statement: str) -> Any:
    return statement.replace("%", "%%").replace("?", "%s")


def _plain(values: Values) -> list[Any]:
    """Values without the one character that PostgreSQL's texts cannot hold."""
    return [
        value.replace("\0", "") if isinstance(value, str) and "\0" in value else value
        for value in values
    ]


def _lexeme(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _tsvector(*texts: str) -> str:
    places: dict[str, list[int]] = defaultdict(list)
    place = 0
    for text in texts:
        for word in text.split():
            place += 1
            if place < POSITIONS:
                places[word].append(place)
        place += 1  # so that no phrase reaches from one into the next
    return " ".join(
        f"{_lexeme(word)}:{','.join(map(str, found[:255]))}" for word, found in places.items()
    )


def _migrate(connection: psycopg.Connection[Any]) -> None:
    """Bring the database to the newest version, one migration a transaction; others wait."""
    connection.execute("SELECT pg_advisory_lock(%s, %s)", (_LOCKS, _SCHEMA))
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS image2pic_schema (version INTEGER NOT NULL)")
        rows = connection.execute("SELECT version FROM image2pic_schema").fetchall()
        version = rows[0][0] if rows else 0
        if version > len(MIGRATIONS):
            raise StoreError(
                f"the library has schema version {version}, this image2pic knows up to "
                f"{len(MIGRATIONS)}: upgrade image2pic, or restore an older library"
            )
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            with connection.transaction():
                connection.execute(script)
                connection.execute("DELETE FROM image2pic_schema")
                connection.execute("INSERT INTO image2pic_schema VALUES (%s)", (number,))
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s, %s)", (_LOCKS, _SCHEMA))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except errors.DiskFull as error:
        raise StoreFullError("the database's disk is full: nothing was written") from error
    except (PoolTimeout, psycopg.OperationalError) as error:
        raise StoreError(f"the database cannot be reached: {_first_line(error)}") from error
    except psycopg.errors.UndefinedFile as error:
        raise StoreError("PostgreSQL has no pgvector: install it, or use its image") from error
    except psycopg.Error as error:
        raise StoreError(f"the database failed: {_first_line(error)}") from error
    except UnicodeEncodeError as error:
        raise StoreError("a post holds half of a surrogate pair: no text") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
