"""What is kept between runs, and what a damaged file does."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from bot.local.database import ChatDatabase


def test_numbers_are_never_given_twice(tmp_path: Path) -> None:
    database = ChatDatabase(tmp_path)
    assert (database.next_message(5), database.next_update(100)) == (1, 101)
    database.put_message(5, 1, False, "{}")
    database.put_message(5, 2, True, '{"text": "x"}')
    database.drop_message(5, 2)
    database.put_update(101, "{}")
    database.drop_updates(0, 101)
    database.close()
    database = ChatDatabase(tmp_path)
    assert (database.next_message(5), database.next_update(100)) == (3, 102)
    assert database.messages(5, 10) == [(1, False, {})]
    assert database.updates() == []
    database.close()


def test_numbers_of_earlier_versions_are_known(tmp_path: Path) -> None:
    (tmp_path / "messages.number").write_text("3001\n")
    (tmp_path / "updates.number").write_text("no number")
    database = ChatDatabase(tmp_path)
    assert (database.next_message(5), database.next_update(100)) == (3001, 3101)
    database.close()


def test_old_messages_are_forgotten(tmp_path: Path) -> None:
    database = ChatDatabase(tmp_path)
    for number in range(1, 8):
        database.put_message(5, number, False, "{}")
    assert [number for number, _, _ in database.messages(5, 3)] == [5, 6, 7]
    assert [number for number, _, _ in database.messages(5, 100)] == [5, 6, 7]
    database.close()


def test_a_damaged_file_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "posts.sqlite"
    path.write_bytes(b"no database at all, but long enough to be taken for one" * 100)
    database = ChatDatabase(tmp_path)
    database.add_post("k", 1, "f")
    assert database.message_of("k") == 1
    assert not database.taken("k")
    database.take_post("k")
    assert database.taken("k")
    assert database.post_counts() == (1, 0)
    database.read_file("f")
    assert database.post_counts() == (1, 1)
    database.close()
    assert path.with_name("posts.sqlite.damaged").exists()
    assert "put aside" in caplog.text


def test_a_file_that_is_only_busy_stays(tmp_path: Path) -> None:
    ChatDatabase(tmp_path).close()
    holder = sqlite3.connect(tmp_path / "posts.sqlite", isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OSError, match=r"posts.sqlite cannot be opened: .*locked"):
        ChatDatabase(tmp_path)
    holder.close()
    assert [path.name for path in tmp_path.glob("*.damaged")] == []


def test_a_full_disk_ends_no_chat(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = ChatDatabase(tmp_path)
    database._db.execute("PRAGMA max_page_count = 8")
    caplog.set_level(logging.WARNING)
    database.put_message(5, 1, False, "x" * 100_000)
    assert "not kept" in caplog.text
    with pytest.raises(sqlite3.Error):
        database.add_post("k" * 100_000, 1, "f")
    database.close()


def test_damaged_values_are_skipped(tmp_path: Path) -> None:
    database = ChatDatabase(tmp_path)
    database.put_message(5, 1, False, "{")
    database.put_update(7, "[1]")
    database._db.execute("INSERT INTO kept VALUES ('user:1', 'x')")
    assert database.messages(5, 10) == []
    assert database.updates() == []
    assert database.kept("user:") == {}
    database.close()
