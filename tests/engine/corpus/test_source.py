from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.corpus.posts import SourcePost, SourceReport
from engine.corpus.source import find_sources, read_source, unpacked
from engine.errors import CorpusError
from engine.photo import decode


def photo(path: Path, colour: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32), (colour, 90, 90)).save(path)


def export(folder: Path, *numbers: int, **chat: Any) -> Path:
    messages = []
    for number in numbers:
        photo(folder / "photos" / f"{number}.jpg", number)
        messages.append(
            {
                "id": number,
                "type": "message",
                "date": "2024-05-01T13:00:00",
                "text": f"пост {number}, пишите @anna",
                "photo": f"photos/{number}.jpg",
            }
        )
    whole = {"name": "Закаты", "type": "public_channel", "id": 7, "messages": messages, **chat}
    (folder / "result.json").write_text(json.dumps(whole))
    return folder


def zipped(folder: Path, target: Path, *, top: str = "") -> Path:
    target.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{top}{path.relative_to(folder)}")
        archive.writestr(f"__MACOSX/{top}._result.json", b"junk")
    return target


def read(path: Path) -> tuple[list[SourcePost], SourceReport]:
    report = SourceReport()
    posts = []
    for post in read_source(path, report):
        # A zip is only there while it is read.
        assert post.file is None or decode(post.file).size == (32, 32)
        posts.append(post)
    return posts, report


def ids(path: Path) -> list[str]:
    return [post.record["id"] for post in read(path)[0]]


KEYS = [f"telegram/-1007/{number}" for number in (1, 2, 3)]


def test_an_export_however_it_is_given(tmp_path: Path) -> None:
    folder = export(tmp_path / "ChatExport", 1, 2, 3)
    posts, report = read(folder)
    assert [post.record["id"] for post in posts] == KEYS
    assert posts[0].shown_text == "пост 1, пишите @user"
    assert report.read == {"chats": 1, "messages": 3}
    assert report.place == report.size > 0
    assert ids(folder / "result.json") == KEYS
    assert ids(zipped(folder, tmp_path / "a.zip")) == KEYS
    assert ids(zipped(folder, tmp_path / "b.zip", top="ChatExport/")) == KEYS
    # A browser that saved it a second time.
    (folder / "result.json").rename(folder / "result (1).json")
    assert ids(folder) == KEYS


def test_a_folder_above_exports_is_no_folder_of_photos(tmp_path: Path) -> None:
    export(tmp_path / "all" / "2024" / "ChatExport_2024-06-01", 2, 3)
    export(tmp_path / "all" / "ChatExport_2024-05-01", 1, 2)
    photo(tmp_path / "all" / "holiday.jpg")
    (tmp_path / "all" / "result.json.txt").write_text("no")
    found = ids(tmp_path / "all")
    assert sorted(set(found)) == KEYS
    assert len(find_sources(tmp_path / "all")) == 2


def test_other_kinds(tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "day" / "a.jpg")
    (tmp_path / "photos" / "day" / "a.txt").write_text("бухта")
    (tmp_path / "photos" / "result.json").mkdir()
    posts, report = read(tmp_path / "photos")
    assert [post.shown_text for post in posts] == ["бухта"]
    assert report.read == {"photos": 1}
    photo(tmp_path / "corpus" / "a.jpg")
    lines = [
        {"id": "1", "photo": "a.jpg", "texts": {"en": ["a bay", "x"], "ru": ["бухта"]}, "n": 1},
        {"id": "2", "photo": "gone.jpg", "text": "x"},
    ]
    (tmp_path / "corpus" / "posts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    posts, report = read(tmp_path / "corpus")
    assert [post.shown_text for post in posts] == ["a bay\nбухта"]
    assert posts[0].record["n"] == 1
    assert report.examples == {"photo missing": ["line 2 (gone.jpg)"]}
    assert [source.kind for source in find_sources(tmp_path / "corpus" / "posts.jsonl")] == [
        "corpus"
    ]


def test_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.zip").write_bytes(b"PK")
    (tmp_path / "a.mp4").write_bytes(b"x")
    for name, words in [
        ("empty", "no Telegram export"),
        ("gone", "does not exist"),
        ("a.zip", "not a zip"),
        ("a.mp4", "no corpus"),
    ]:
        with pytest.raises(CorpusError, match=words):
            list(read_source(tmp_path / name, SourceReport()))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("chats/chat_001/messages2.html", "<html>", "Machine-readable JSON"),
        ("result.json", "", "is empty"),
        ("result.json", '[{"id": 1, "type": "message", "text": "x"}]', "export"),
        ("result.json", '{"messages": [{"id": 1, "type": "message", "text": "x"}]}', "which chat"),
    ],
)
def test_what_holds_an_export_is_not_read_as_photos_without_words(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    photo(tmp_path / "e" / "photos" / "a.jpg")
    (tmp_path / "e" / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "e" / name).write_text(content)
    with pytest.raises(CorpusError, match=words):
        list(read_source(tmp_path / "e", SourceReport()))


def test_zips_in_a_folder_are_named(tmp_path: Path) -> None:
    zipped(export(tmp_path / "e", 1), tmp_path / "zips" / "takeout-001.zip")
    with pytest.raises(CorpusError, match=r"such as takeout-001\.zip"):
        list(read_source(tmp_path / "zips", SourceReport()))


@pytest.mark.parametrize("encoding", ["utf-8", "cp866"])
def test_names_in_zips_of_old_programs(tmp_path: Path, encoding: str) -> None:
    data = io.BytesIO()
    Image.new("RGB", (32, 32)).save(data, "PNG")
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (("PQRST.png", data.getvalue()), ("PQRST.txt", "Чайки".encode())):
            archive.writestr(name, content)
    name = "Бухта" if encoding == "cp866" else "Яё1"
    path.write_bytes(path.read_bytes().replace(b"PQRST", name.encode(encoding)))
    (post,) = read(path)[0]
    assert (post.record["id"], post.shown_text) == (f"a/{name}.png", "Чайки")


def test_a_zip_does_not_leave_its_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        data = io.BytesIO()
        Image.new("RGB", (32, 32)).save(data, "PNG")
        archive.writestr("../../evil.png", data.getvalue())
        archive.writestr("/abs/b.png", data.getvalue())
    with unpacked(tmp_path / "a.zip") as folder:
        assert all(path.is_relative_to(folder) for path in folder.rglob("*"))
        kept = folder
    assert not kept.exists()
    assert not list(tmp_path.parent.glob("evil.png"))


def test_stopping_cleans_up(tmp_path: Path) -> None:
    posts = read_source(zipped(export(tmp_path / "e", 1, 2), tmp_path / "e.zip"), SourceReport())
    file = next(posts).file
    assert file is not None
    assert file.is_file()
    posts.close()  # type: ignore[attr-defined]
    assert not file.exists()
