from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.corpus.posts import photo_name
from engine.errors import CorpusError
from training.corpus.dropped import Dropped, write_dropped
from training.corpus.writer import STATE_FILE, CorpusWriter


def post(key: str, text: str = "a", **more: Any) -> dict[str, Any]:
    return {"id": key, "text": text, **more}


def lines(corpus: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (corpus / "posts.jsonl").read_bytes().splitlines()]


def test_new_edited_same(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path) as writer:
        writer.put(post("1"))
        writer.put(post("2", date=None))
    with CorpusWriter(tmp_path) as writer:
        assert writer.is_known(post("1"))
        assert not writer.is_known(post("2", "b"))
        writer.put(post("2", "b"))
        writer.put(post("3"))
        changes = writer.changes
    assert (changes.new, changes.edited, changes.same) == (1, 1, 1)
    assert lines(tmp_path) == [post("1"), post("2", "b"), post("3")]


def test_state_is_only_a_cache(tmp_path: Path) -> None:
    for damage in ("missing", "garbage", "old"):
        corpus = tmp_path / damage
        with CorpusWriter(corpus) as writer:
            writer.put(post("1"))
        if damage == "missing":
            (corpus / STATE_FILE).unlink()
        elif damage == "garbage":
            (corpus / STATE_FILE).write_bytes(b"not a database, but long enough" * 99)
        else:
            with (corpus / "posts.jsonl").open("a") as file:
                file.write(json.dumps(post("2")) + "\n")
        with CorpusWriter(corpus) as writer:
            assert writer.is_known(post("1"))
            assert writer.is_known(post("2")) == (damage == "old")


@given(cut=st.integers(0, 200))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_unfinished_last_line_is_cut_off(tmp_path: Path, cut: int) -> None:
    corpus = tmp_path / str(cut)
    with CorpusWriter(corpus) as writer:
        for number in range(4):
            writer.put(post(str(number), "кот " * number))
    file = corpus / "posts.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[: min(cut, len(whole))])
    with CorpusWriter(corpus) as writer:
        for number in range(4):
            writer.put(post(str(number), "кот " * number))
    assert file.read_bytes() == whole


def test_a_last_line_without_its_break_is_kept(tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_text('{"id": "mine", "text": "x"}')
    with CorpusWriter(tmp_path) as writer:
        writer.put(post("2"))
    assert [line["id"] for line in lines(tmp_path)] == ["mine", "2"]


def test_lines_that_are_not_understood_stay(tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_bytes(b'{"id": "1", "text": "a"}\nnot json\n')
    with CorpusWriter(tmp_path) as writer:
        writer.put(post("1", "edited"))
    assert (tmp_path / "posts.jsonl").read_bytes().splitlines()[0] == b"not json"


def test_photo_that_went_missing_is_stored_again(tmp_path: Path) -> None:
    name = photo_name("vk", -1, 2, suffix=".JPG")
    record = post("1", photo=name)
    with CorpusWriter(tmp_path) as writer:
        sha256 = writer.store_photo(name, b"photo")
        writer.put({**record, "sha256": sha256})
        assert writer.is_known(record)
    (tmp_path / name).unlink()
    with CorpusWriter(tmp_path) as writer:
        assert not writer.is_known(record)


def test_photos_go_with_the_last_post_that_has_them(tmp_path: Path) -> None:
    names = {key: photo_name("vk", key, suffix=".jpg") for key in ("old", "new", "shared", "gone")}
    with CorpusWriter(tmp_path) as writer:
        for name in names.values():
            writer.store_photo(name, name.encode())
        writer.put(post("1", photo=names["old"]))
        writer.put(post("2", photo=names["shared"]))
        writer.put(post("3", photo=names["shared"]))
        writer.put(post("4", photo=names["gone"]))
        writer.put(post("5", photo="posts.jsonl"))
    with CorpusWriter(tmp_path) as writer:
        writer.put(post("1", photo=names["new"]))
        for key in ("2", "4", "5"):
            writer.discard(key)
    left = {key for key, name in names.items() if (tmp_path / name).is_file()}
    assert left == {"new", "shared"}
    assert [line["id"] for line in lines(tmp_path)] == ["3", "1"]


def test_dropped_posts_are_known_and_come_back_when_edited(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path) as writer:
        writer.put(post("1"))
        writer.put(post("2"))
    first, second = (tmp_path / "posts.jsonl").read_bytes().splitlines()
    (tmp_path / "posts.jsonl").write_bytes(first + b"\n")
    write_dropped(tmp_path, [Dropped(1, "advert", "0.9", second)])
    with CorpusWriter(tmp_path) as writer:
        assert writer.is_known(post("2"))
        writer.put(post("2", "no longer an advert"))
    assert [line["text"] for line in lines(tmp_path)] == ["a", "no longer an advert"]


def test_discard(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path) as writer:
        for key in ("a/1", "a/2", "b"):
            writer.put(post(key))
        assert writer.ids_below("a/") == {"a/1", "a/2"}
        writer.discard("a/1")
        assert writer.ids_below("a/") == {"a/2"}
    assert [line["id"] for line in lines(tmp_path)] == ["a/2", "b"]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path) as writer:
        writer.put(post("1"))
        writer.commit()
        with pytest.raises(CorpusError, match="another run"):
            CorpusWriter(tmp_path)
    assert len(lines(tmp_path)) == 1


def test_notes_last(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path) as writer:
        assert writer.note("x") is None
        writer.set_note("x", "1")
    with CorpusWriter(tmp_path) as writer:
        assert writer.note("x") == "1"


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match="cannot be written"):
        CorpusWriter(tmp_path / "file" / "corpus")


def test_halves_of_surrogates_are_written_as_utf8(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path) as writer:
        writer.put(post("1", "\ud83d\ude00 \ud83d"))
    assert lines(tmp_path)[0]["text"] == "😀 �"


@given(st.text(max_size=80), st.text(max_size=80))
def test_photo_names_are_harmless_and_apart(one: str, other: str) -> None:
    name = photo_name("folder", one, suffix=".png")
    assert name.isascii()
    assert ".." not in name
    assert name.count("/") == 2
    assert (name == photo_name("folder", other, suffix=".png")) == (one == other)
