"""What a server lacks is said in one line, with the way out."""

from __future__ import annotations

import psycopg
import pytest

from engine.errors import StoreError
from engine.store.postgres import PostgresStore


def test_a_database_that_does_not_hold_all_letters(postgres_server: str) -> None:
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(
            "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
        )
        with pytest.raises(StoreError, match=r"SQL_ASCII.*ENCODING 'UTF8' TEMPLATE template0"):
            PostgresStore(postgres_server.replace("/postgres?", "/ascii?"))
        connection.execute("DROP DATABASE ascii")


def test_a_password_that_would_have_to_be_encoded_is_not_shown() -> None:
    with pytest.raises(StoreError, match="%40") as caught:
        PostgresStore("postgresql://me:hush@hush@127.0.0.1/posts")
    assert "hush" not in str(caught.value)


def test_a_library_of_a_newer_version(postgres_url: str) -> None:
    PostgresStore(postgres_url).close()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE image2pic_schema SET version = 999")
    with pytest.raises(StoreError, match="schema version 999"):
        PostgresStore(postgres_url)
