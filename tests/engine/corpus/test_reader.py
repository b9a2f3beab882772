from __future__ import annotations

import json
import logging
import os
import tracemalloc
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.corpus import reader as corpus
from engine.corpus.reader import CorpusPost, Problem, Report, load_corpus, read_corpus
from engine.errors import CorpusError


def write(folder: Path, *lines: dict[str, Any] | bytes | str) -> Path:
    folder.mkdir(exist_ok=True)
    encoded = [
        line
        if isinstance(line, bytes)
        else (line if isinstance(line, str) else json.dumps(line)).encode()
        for line in lines
    ]
    (folder / "posts.jsonl").write_bytes(b"".join(line + b"\n" for line in encoded))
    return folder


def read(folder: Path, **options: Any) -> tuple[list[CorpusPost], Report, list[Problem]]:
    problems: list[Problem] = []
    report = Report(on_problem=problems.append)
    with patch("engine.corpus.reader.IN_MEMORY", -1):
        posts = read_corpus(folder, report=report, **options)
    found = list(posts)
    assert list(posts) == found
    assert len(posts) == len(found) == report.posts
    again = Report(on_problem=lambda _: None)
    assert load_corpus(folder, report=again, **options) == found
    assert again.summary() == report.summary()
    # A small file is held in memory.
    assert list(read_corpus(folder, report=Report(on_problem=lambda _: None), **options)) == found
    return found, report, problems


def one_problem(tmp_path: Path, line: dict[str, Any] | bytes | str) -> Problem:
    """A bad line between two good ones: they are read, it is reported with its number."""
    write(tmp_path, {"id": "a", "text": "one"}, line, {"id": "b", "text": "two"})
    posts, report, problems = read(tmp_path)
    assert [post.id for post in posts] == ["a", "b"]
    assert report.posts == 2
    assert report.skipped.total() == 1
    (problem,) = problems
    assert problem.line == 2
    return problem


def test_all_fields(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "кот.jpg").write_bytes(b"x")
    write(
        tmp_path,
        {
            "id": "кот/1",
            "photo": "photos/кот.jpg",
            "texts": {"en": ["a cat", "  "], "ru": ["кот", "кошка"], "de": []},
            "text": "мяу",
            "tags": ["#cat", "кот", "#", ""],
            "date": "2024-05-01T10:00:00Z",
            "source": "@cats",
            "url": "https://t.me/cats/1",
            "split": "train",
            "likes": 7,
        },
    )
    (post,), report, _ = read(tmp_path)
    assert post == CorpusPost(
        id="кот/1",
        photo=tmp_path / "photos" / "кот.jpg",
        texts={"en": ("a cat",), "ru": ("кот", "кошка"), "": ("мяу",)},
        tags=("cat", "кот"),
        date="2024-05-01T10:00:00Z",
        source="@cats",
        url="https://t.me/cats/1",
        split="train",
        line=1,
        extra={"likes": 7},
    )
    assert report.summary() == "1 of 1 posts"


def test_absent_and_null_fields(tmp_path: Path) -> None:
    nulls = dict.fromkeys(["photo", "texts", "tags", "date", "source", "url", "split"])
    write(tmp_path, {"id": "1", "text": "t"}, {"id": "2", "text": "t", **nulls, "photo": ""})
    posts, _, _ = read(tmp_path)
    for post in posts:
        assert post.photo is None
        assert post.tags is None
        assert post.date is post.source is post.url is post.split is None
        assert post.texts == {"": ("t",)}


def test_no_tags_is_not_the_same_as_unknown_tags(tmp_path: Path) -> None:
    write(tmp_path, {"id": "1", "text": "t", "tags": []})
    assert read(tmp_path)[0][0].tags == ()


def test_bom_crlf_and_blank_lines(tmp_path: Path) -> None:
    text = (
        '{"id": "1", "text": "a"}\r\n\r\n  \t\r\n{"id": "2", "text": "b"}\r\n{"id":"3","text":"c"}'
    )
    (tmp_path / "posts.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    posts, report, _ = read(tmp_path)
    assert [(post.id, post.line) for post in posts] == [("1", 1), ("2", 4), ("3", 5)]
    assert report.summary() == "3 of 3 posts"


def test_an_empty_corpus_is_a_corpus(tmp_path: Path) -> None:
    write(tmp_path)
    assert read(tmp_path)[1].summary() == "0 of 0 posts"


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        ('{"id": "x", "text": "cut of', "broken JSON", "Unterminated string"),
        ("[" * 100_000, "broken JSON", "nested too deeply"),
        ('{"id": "x", "n": ' + "9" * 5000 + "}", "broken JSON", "digits"),
        (b'{"id": "x", "text": "\xff\xfe"}', "not UTF-8", "byte 22"),
        ('["x"]', "not a JSON object", ""),
        ("null", "not a JSON object", ""),
        ({"text": "t"}, "no id", ""),
        ({"id": "", "text": "t"}, "no id", ""),
        ({"id": None, "text": "t"}, "no id", ""),
        ({"id": 7, "text": "t"}, "wrong type", "id is not a string"),
        ({"id": "x", "text": ["t"]}, "wrong type", "text is not a string"),
        ({"id": "x", "photo": 1}, "wrong type", "photo is not a string"),
        ({"id": "x", "text": "t", "tags": "sea"}, "wrong type", "tags"),
        ({"id": "x", "text": "t", "tags": ["sea", 1]}, "wrong type", "an item of tags"),
        ({"id": "x", "texts": ["t"]}, "wrong type", "texts is not an object"),
        ({"id": "x", "texts": {"en": "t"}}, "wrong type", "texts of 'en'"),
        ({"id": "x", "text": "t", "split": 1}, "wrong type", "split"),
        ({"id": "x", "text": "t", "date": "yesterday"}, "date is not ISO 8601", "'yesterday'"),
        ({"id": "x", "text": " "}, "empty post", ""),
    ],
)
def test_bad_line(
    tmp_path: Path, line: dict[str, Any] | bytes | str, reason: str, detail: str
) -> None:
    problem = one_problem(tmp_path, line)
    assert problem.reason == reason
    assert detail in problem.detail


def test_half_of_a_surrogate_pair_is_replaced(tmp_path: Path) -> None:
    write(tmp_path, '{"id": "1", "text": "a \\ud83d b"}', '{"id": "2", "text": "a \\ud83d\\ude00"}')
    posts, _, _ = read(tmp_path)
    assert [post.texts[""][0] for post in posts] == ["a \N{REPLACEMENT CHARACTER} b", "a 😀"]


def test_long_line_is_skipped_without_being_held(tmp_path: Path) -> None:
    size = 40 * corpus.MAX_LINE_BYTES
    line = b'{"id": "x", "text": "' + b"a" * size + b'"}'
    write(tmp_path, {"id": "a", "text": "1"}, line, {"id": "b", "text": "2"})
    del line
    tracemalloc.start()
    posts, _, problems = read(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [post.id for post in posts] == ["a", "b"]
    assert [(p.line, p.reason) for p in problems] == [(2, "line too long")]
    assert peak < 6 * corpus.MAX_LINE_BYTES


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_the_limit_of_a_line_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: int
) -> None:
    monkeypatch.setattr(corpus, "MAX_LINE_BYTES", 64)
    frame = len('{"id": "x", "text": ""}')
    line = '{"id": "x", "text": "' + "a" * (64 - frame + extra) + '"}'
    write(tmp_path, line, {"id": "y", "text": "after"})
    posts, _, _ = read(tmp_path)
    assert [post.id for post in posts] == (["y"] if extra > 0 else ["x", "y"])


class TestPhotos:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "corpus"
        (folder / "photos").mkdir(parents=True)
        (folder / "photos" / "1.jpg").write_bytes(b"x")
        (tmp_path / "secret.jpg").write_bytes(b"x")
        (tmp_path / "corpus2").mkdir()
        (tmp_path / "corpus2" / "1.jpg").write_bytes(b"x")
        return folder

    @pytest.mark.parametrize(
        ("photo", "reason"),
        [
            ("photos/2.jpg", "photo missing"),
            ("nowhere/2.jpg", "photo missing"),
            ("photos/1.jpg/2.jpg", "photo missing"),
            ("photos/\0.jpg", "photo missing"),
            ("photos/" + "a" * 300, "photo missing"),
            ("photos/" + "a/" * 4000, "photo missing"),
            ("photos", "photo is not a file"),
            (".", "photo outside of the folder"),
            ("photos/..", "photo outside of the folder"),
            ("../secret.jpg", "photo outside of the folder"),
            ("photos/../../secret.jpg", "photo outside of the folder"),
            ("../corpus2/1.jpg", "photo outside of the folder"),
            ("../nowhere.jpg", "photo outside of the folder"),
            ("/etc/passwd", "photo outside of the folder"),
            ("..", "photo outside of the folder"),
        ],
    )
    def test_refused(self, folder: Path, photo: str, reason: str) -> None:
        assert one_problem(folder, {"id": "x", "photo": photo}).reason == reason

    def test_symlinks_may_not_leave_the_folder(self, folder: Path) -> None:
        (folder / "photos" / "out.jpg").symlink_to(folder.parent / "secret.jpg")
        (folder / "out").symlink_to(folder.parent)
        (folder / "photos" / "in.jpg").symlink_to("1.jpg")
        (folder / "photos" / "loop.jpg").symlink_to("loop.jpg")
        names = ["photos/out.jpg", "out/secret.jpg", "photos/in.jpg", "photos/loop.jpg"]
        write(folder, *({"id": name, "photo": name} for name in names))
        posts, _, problems = read(folder)
        assert [post.id for post in posts] == ["photos/in.jpg"]
        assert [(p.line, p.reason) for p in problems] == [
            (1, "photo outside of the folder"),
            (2, "photo outside of the folder"),
            (4, "photo is not a file"),
        ]

    def test_a_path_that_stays_inside_is_fine(self, folder: Path) -> None:
        write(folder, {"id": "1", "photo": "photos/../photos/./1.jpg"})
        (post,), _, _ = read(folder)
        assert post.photo is not None
        assert post.photo.read_bytes() == b"x"

    def test_a_pipe_is_not_a_photo(self, folder: Path) -> None:
        os.mkfifo(folder / "photos" / "pipe")
        assert one_problem(folder, {"id": "x", "photo": "photos/pipe"}).reason == (
            "photo is not a file"
        )

    def test_the_corpus_itself_may_be_a_symlink(self, folder: Path) -> None:
        write(folder, {"id": "1", "photo": "photos/1.jpg"})
        link = folder.parent / "link"
        link.symlink_to(folder)
        (post,), _, _ = read(link)
        assert post.photo == link / "photos" / "1.jpg"

    def test_relative_folder(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(folder, {"id": "1", "photo": "photos/1.jpg"})
        monkeypatch.chdir(folder)
        (post,), _, _ = read(Path())
        assert post.photo == Path("photos/1.jpg")


class TestReplacing:
    def test_a_later_line_replaces_the_first(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {"id": "a", "text": "old"},
            {"id": "b", "text": "b"},
            {"id": "a", "text": "new"},
        )
        posts, report, _ = read(tmp_path)
        assert [(p.id, p.texts[""], p.line) for p in posts] == [
            ("b", ("b",), 2),
            ("a", ("new",), 3),
        ]
        assert report.summary() == "2 of 2 posts; 1 replaced by a later line with the same id"

    def test_a_bad_line_replaces_nothing(self, tmp_path: Path) -> None:
        write(tmp_path, {"id": "a", "text": "old"}, {"id": "a", "photo": "missing.jpg"})
        posts, _, problems = read(tmp_path)
        assert [post.texts[""] for post in posts] == [("old",)]
        assert [str(p) for p in problems] == ["line 2: photo missing: missing.jpg"]

    def test_a_post_that_moved_to_another_split(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            {"id": "a", "text": "1", "split": "train"},
            {"id": "b", "text": "2", "split": "train"},
            {"id": "a", "text": "3", "split": "test"},
        )
        assert [p.id for p in read(tmp_path, splits={"train"})[0]] == ["b"]
        assert [p.line for p in read(tmp_path, splits=["test"])[0]] == [3]


def test_splits(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"id": "1", "text": "t", "split": "train"},
        {"id": "2", "photo": "missing.jpg", "split": "dev"},
        {"id": "3", "text": "t", "split": "dev"},
        {"id": "4", "text": "t"},
    )
    posts, report, _ = read(tmp_path, splits={"train"})
    assert [post.id for post in posts] == ["1"]
    assert report.summary() == "1 of 1 posts"
    posts, report, _ = read(tmp_path, splits={"train", "dev"})
    assert [post.id for post in posts] == ["1", "3"]
    assert report.summary() == "2 of 3 posts; 1 skipped: photo missing 1 (line 2)"


def test_summary_groups_by_reason_and_names_the_first_lines(tmp_path: Path) -> None:
    good = [{"id": f"{n}", "text": "t"} for n in range(1200)]
    write(tmp_path, *good, *(["{"] * 7), {"text": "no id"})
    _, report, problems = read(tmp_path)
    assert len(problems) == 8
    assert report.summary() == (
        "1,200 of 1,208 posts; 8 skipped: "
        "broken JSON 7 (lines 1201, 1202, 1203, 1204, 1205, ...), no id 1 (line 1208)"
    )


def test_problems_are_logged_unless_asked_otherwise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "{")
    with caplog.at_level(logging.WARNING):
        assert list(read_corpus(tmp_path, report=Report())) == []
    assert "line 1: broken JSON: Expecting property name" in caplog.text


def test_the_report_is_complete_before_the_first_post(tmp_path: Path) -> None:
    write(tmp_path, {"id": "1", "text": "t"}, "{")
    report = Report(on_problem=lambda _: None)
    read_corpus(tmp_path, report=report)
    assert report.summary().startswith("1 of 2 posts; 1 skipped")


class TestNoCorpus:
    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(CorpusError, match=r"nowhere is not a folder: give the folder"):
            read_corpus(tmp_path / "nowhere", report=Report())

    def test_a_file_in_place_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "posts.jsonl").write_text("")
        with pytest.raises(CorpusError, match="is not a folder"):
            read_corpus(tmp_path / "posts.jsonl", report=Report())

    def test_no_posts_file(self, tmp_path: Path) -> None:
        with pytest.raises(CorpusError, match=r"posts\.jsonl is missing: a corpus is"):
            read_corpus(tmp_path, report=Report())

    def test_posts_file_is_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "posts.jsonl").mkdir()
        with pytest.raises(CorpusError, match="is missing"):
            read_corpus(tmp_path, report=Report())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
records = st.fixed_dictionaries(
    {"id": st.one_of(st.sampled_from(["a", "b", "c"]), json_values)},
    optional=dict.fromkeys(
        ["photo", "text", "texts", "tags", "date", "source", "url", "split"],
        st.one_of(
            st.text(),
            json_values,
            st.sampled_from(["1.jpg", "../1.jpg", "/", "train", "2024-01-01"]),
            st.lists(st.text()),
            st.dictionaries(st.text(), st.lists(st.text(), max_size=2), max_size=2),
        ),
    ),
)


@settings(max_examples=300, deadline=None)
@given(
    lines=st.lists(st.one_of(st.binary(), records, json_values.map(json.dumps)), max_size=8),
    splits=st.none() | st.sets(st.sampled_from(["train", "dev"])),
)
def test_anything_at_all(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Any], splits: set[str] | None
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "1.jpg").write_bytes(b"x")
    write(folder, *lines)
    posts, report, problems = read(folder, splits=splits)
    assert report.posts == len(posts)
    assert report.skipped.total() == len(problems)
    assert len({post.id for post in posts}) == len(posts)
    assert [post.line for post in posts] == sorted(post.line for post in posts)
    assert not {post.line for post in posts} & {problem.line for problem in problems}
    for post in posts:
        assert splits is None or post.split in splits
        assert post.photo is None or post.photo.resolve() == (folder / "1.jpg").resolve()
        repr(post).encode()  # no half of a surrogate pair is left


@settings(max_examples=200, deadline=None)
@given(ids=st.lists(st.sampled_from("abcd"), max_size=12))
def test_each_id_is_read_once_from_its_last_line(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("ids")
    write(folder, *({"id": i, "text": str(n)} for n, i in enumerate(ids, start=1)))
    posts, report, _ = read(folder)
    assert {post.id: post.line for post in posts} == {i: n for n, i in enumerate(ids, start=1)}
    assert report.posts + report.replaced == len(ids)


def test_flickr8k_reads_without_a_problem() -> None:
    folder = Path(__file__).parents[3] / ".." / "shared" / "datasets" / "flickr8k"
    if not folder.is_dir():
        pytest.skip("needs ../shared/datasets/flickr8k")
    posts, report, _ = read(folder)
    assert report.summary() == "7,000 of 7,000 posts"
    assert sum("ru" in post.texts for post in posts) == 5608
