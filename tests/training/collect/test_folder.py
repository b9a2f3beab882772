from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from engine.corpus.captions import read_embedded, read_table
from engine.corpus.folder import FolderOptions, read_folder
from engine.corpus.posts import SourceReport
from engine.corpus.source import CorpusOptions, SourceOptions
from engine.errors import CorpusError, PhotoError
from engine.photo import decode
from tests.training.collect.helpers import Collect, contents, jpeg, load, photos_in
from training.collect.add import add_posts, claim_name
from training.collect.add import collect as collect_source
from training.collect.metadata import without_metadata
from training.corpus.writer import CorpusWriter


def folder(path: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(jpeg(number))
    return path


def collect_to(corpus: Path, path: Path, **options: Any) -> SourceReport:
    report = SourceReport()
    with CorpusWriter(corpus) as writer:
        name = options.get("name")
        claim_name(writer, name or path.name, path, given=name is not None)
        posts = read_folder(path, FolderOptions(**options), report)
        add_posts(posts, writer, report, authors=options.get("authors", False))
    return report


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.csv", 'image,caption\na.jpg,"кот, рыжий"\na.jpg,a red cat\nsub/b.jpg,dog\n'),
        ("c.tsv", "photo\ttext\na.jpg\tкот, рыжий\na.jpg\ta red cat\nb.jpg\tdog\n"),
        ("c.csv", "File;Text;Tags\na.jpg;кот, рыжий;\na.jpg;a red cat;\nsub\\b.jpg;dog;\n"),
        (
            "c.jsonl",
            '{"photo": "a.jpg", "text": ["кот, рыжий", "a red cat"]}\n\n'
            '{"photo": "./sub/b.jpg", "caption": "dog"}\n',
        ),
    ],
)
def test_tables(tmp_path: Path, name: str, text: str) -> None:
    path = folder(tmp_path / "my", "a.jpg", "sub/b.jpg", "c.png")
    table = tmp_path / name
    for encoding in ("utf-8", "utf-8-sig", "cp1251"):
        if encoding == "cp1251" and name.endswith("jsonl"):
            continue
        table.write_text(text, encoding)
        corpus = tmp_path / f"corpus-{encoding}"
        report = collect_to(corpus, path, captions=table)
        posts = load(corpus)
        assert list(posts) == ["my/a.jpg", "my/c.png", "my/sub/b.jpg"]
        assert posts["my/a.jpg"].texts == {"": ("кот, рыжий", "a red cat")}
        assert posts["my/sub/b.jpg"].texts == {"": ("dog",)}
        assert posts["my/c.png"].texts == {}
        assert report.captions == {"from the table": 2, "none": 1}


def test_a_table_of_the_folder_itself_is_found(tmp_path: Path) -> None:
    path = folder(tmp_path / "my", "a.jpg")
    (path / "Captions.CSV").write_text("photo,text\na.jpg,a cat\n")
    report = collect_to(tmp_path / "corpus", path)
    assert load(tmp_path / "corpus")["my/a.jpg"].texts == {"": ("a cat",)}
    assert report.captions == {"from the table": 1}


def test_table_with_all_columns(tmp_path: Path) -> None:
    path = folder(tmp_path / "my", "a.jpg")
    table = tmp_path / "c.csv"
    table.write_text(
        'photo,text,tags,date,url\na.jpg,hi @anna,"#sea, sun",2024-05-01,https://x.org/1\n'
        "gone.jpg,x,,,\n"
    )
    report = collect_to(tmp_path / "corpus", path, captions=table, name="mine")
    (post,) = load(tmp_path / "corpus").values()
    assert post.tags == ("sea", "sun")
    assert (post.date, post.url) == ("2024-05-01T00:00:00", "https://x.org/1")
    assert post.texts[""] == ("hi @user",)
    assert report.examples["unnamed"] == ["gone.jpg"]
    assert "not in the folder 1" in str(report)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "{not json", "photo\n"])
def test_tables_that_are_none(tmp_path: Path, text: str) -> None:
    for name in ("c.csv", "c.jsonl"):
        (tmp_path / name).write_text(text)
        with pytest.raises(CorpusError):
            read_table(tmp_path / name)
    with pytest.raises(CorpusError):
        read_table(tmp_path / "gone.csv")


def test_sidecars(tmp_path: Path) -> None:
    path = folder(tmp_path / "my", "a.jpg", "b.jpg", ".hidden/c.jpg")
    (path / "a.txt").write_text("бухта на закате\n")
    (path / "b.jpg.txt").write_text("a boat")
    collect_to(tmp_path / "corpus", path)
    texts = {key: post.texts[""] for key, post in load(tmp_path / "corpus").items()}
    assert texts == {"my/a.jpg": ("бухта на закате",), "my/b.jpg": ("a boat",)}


def test_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "a lighthouse in fog"
    exif[ExifTags.Base.Artist] = "Anna Petrova"
    exif[0x9C9E] = "sea;fog".encode("utf-16-le") + b"\0\0"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2021:07:03 18:30:00"
    path = folder(tmp_path / "my", "a.jpg")
    Image.open(io.BytesIO(jpeg(1))).save(path / "a.jpg", exif=exif)
    collect_to(tmp_path / "corpus", path)
    (post,) = load(tmp_path / "corpus").values()
    assert post.texts[""] == ("a lighthouse in fog",)
    assert post.tags == ("sea", "fog")
    assert post.date == "2021-07-03T18:30:00"
    assert "Anna" not in (tmp_path / "corpus" / "posts.jsonl").read_text()
    collect_to(tmp_path / "with", path, authors=True)
    assert "Anna Petrova" in (tmp_path / "with" / "posts.jsonl").read_text()


@pytest.mark.parametrize("orientation", [1, 6, None])
def test_copies_name_nobody(tmp_path: Path, orientation: int | None) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Anna Petrova"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (55.0, 45.0, 7.0)
    if orientation:
        exif[ExifTags.Base.Orientation] = orientation
    path = folder(tmp_path / "my", "a.jpg")
    photo = Image.open(io.BytesIO(jpeg(1)))
    photo.save(path / "a.jpg", exif=exif, comment=b"by Anna", icc_profile=b"profile")
    with_iptc = (path / "a.jpg").read_bytes()
    (path / "a.jpg").write_bytes(with_iptc[:2] + iptc((80, b"Anna")) + with_iptc[2:])
    collect_to(tmp_path / "corpus", path)
    (post,) = load(tmp_path / "corpus").values()
    assert post.photo is not None
    data = post.photo.read_bytes()
    assert b"Anna" not in data
    with Image.open(io.BytesIO(data)) as copy, Image.open(path / "a.jpg") as original:
        assert copy.tobytes() == original.tobytes()
        assert copy.getexif().get(ExifTags.Base.Orientation, 1) == (orientation or 1)
        assert not copy.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        assert copy.info["icc_profile"] == b"profile"
    collect_to(tmp_path / "with", path, authors=True)
    (post,) = load(tmp_path / "with").values()
    assert post.photo is not None
    assert b"Anna" in post.photo.read_bytes()


@given(st.binary(max_size=60), st.integers(0, 600))
@settings(max_examples=60, deadline=None)
def test_any_bytes_can_be_copied(noise: bytes, cut: int) -> None:
    without_metadata(noise)
    without_metadata(b"\xff\xd8" + noise)
    without_metadata(jpeg(0)[:cut] + noise)
    # Of what has no pixels nothing is kept: it may tell who took it, and where.
    assert without_metadata(jpeg(0)[:15]) == b""


def test_exif_that_only_the_camera_wrote(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "OLYMPUS DIGITAL CAMERA         "
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + "кот".encode(
        "utf-16-le"
    )
    place = tmp_path / "a.jpg"
    Image.open(io.BytesIO(jpeg(1))).save(place, exif=exif)
    caption = read_embedded(place)
    assert caption is not None
    assert caption.texts == ["кот"]


def iptc(*fields: tuple[int, bytes]) -> bytes:
    data = b"".join(
        b"\x1c\x02" + bytes([number]) + len(value).to_bytes(2, "big") + value
        for number, value in fields
    )
    block = b"8BIM\x04\x04\0\0" + len(data).to_bytes(4, "big") + data + b"\0" * (len(data) % 2)
    payload = b"Photoshop 3.0\0" + block
    return b"\xff\xed" + (len(payload) + 2).to_bytes(2, "big") + payload


def test_iptc_and_xmp(tmp_path: Path) -> None:
    photo = jpeg(1)
    fields = [(120, "рыбак чинит сеть".encode()), (25, b"sea"), (25, b"net"), (80, b"Ivan")]
    (tmp_path / "iptc.jpg").write_bytes(photo[:2] + iptc(*fields) + photo[2:])
    caption = read_embedded(tmp_path / "iptc.jpg")
    assert caption is not None
    assert (caption.texts, caption.tags, caption.author) == (
        ["рыбак чинит сеть"],
        ["sea", "net"],
        "Ivan",
    )
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        b'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
        b'<rdf:li xml:lang="x-default">an old mill</rdf:li></rdf:Alt></dc:description>'
        b"<dc:subject><rdf:Bag><rdf:li>mill</rdf:li><rdf:li>river</rdf:li></rdf:Bag></dc:subject>"
        b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    Image.open(io.BytesIO(photo)).save(tmp_path / "xmp.jpg", xmp=xmp)
    caption = read_embedded(tmp_path / "xmp.jpg")
    assert caption is not None
    assert caption.texts == ["an old mill"]
    assert caption.tags == ["mill", "river"]


def test_damaged_photos_do_no_harm(tmp_path: Path) -> None:
    path = folder(tmp_path / "my", "a.jpg")
    for number in range(0, len(jpeg(0)), 97):
        (path / f"cut{number}.jpg").write_bytes(jpeg(0)[:number])
    report = collect_to(tmp_path / "corpus", path)
    assert report.skipped == {"empty_file": 1}
    assert "my/a.jpg" in load(tmp_path / "corpus")


def test_again_adds_only_what_is_new(tmp_path: Path) -> None:
    path = folder(tmp_path / "my", "a.jpg", "b.jpg")
    collect_to(tmp_path / "corpus", path)
    (path / "a.txt").write_text("now it has a caption")
    (path / "c.jpg").write_bytes(jpeg(9))
    with CorpusWriter(tmp_path / "corpus") as writer:
        report = SourceReport()
        add_posts(read_folder(path, FolderOptions(), report), writer, report)
        changes = writer.changes
    assert (changes.new, changes.edited, changes.same) == (1, 1, 1)
    assert len(load(tmp_path / "corpus")) == 3


def test_a_replaced_photo_of_the_same_size_is_taken(tmp_path: Path) -> None:
    path = folder(tmp_path / "my", "a.jpg", "b.jpg")
    one, two = (jpeg(number).ljust(4000, b"\0") for number in (1, 9))
    (path / "a.jpg").write_bytes(one)
    collect_to(tmp_path / "corpus", path)
    before = load(tmp_path / "corpus")["my/a.jpg"]
    (path / "a.jpg").write_bytes(two)
    with CorpusWriter(tmp_path / "corpus") as writer:
        report = SourceReport()
        add_posts(read_folder(path, FolderOptions(), report), writer, report)
        changes = writer.changes
    assert (changes.new, changes.edited, changes.same) == (0, 1, 1)
    after = load(tmp_path / "corpus")["my/a.jpg"]
    with Image.open(before.photo) as stored, Image.open(io.BytesIO(two)) as given_photo:
        assert stored.tobytes() == given_photo.tobytes()
    assert before.photo == after.photo


def test_two_folders_of_one_name(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "1" / "my", "a.jpg"), folder(tmp_path / "2" / "my", "a.jpg")
    collect_to(tmp_path / "corpus", one)
    with pytest.raises(CorpusError, match="--name"):
        collect_to(tmp_path / "corpus", two)
    collect_to(tmp_path / "corpus", two, name="other")
    assert list(load(tmp_path / "corpus")) == ["my/a.jpg", "other/a.jpg"]


def test_kill_and_go_on(tmp_path: Path, collect: Collect) -> None:
    path = folder(tmp_path / "my", *[f"{n:03}.jpg" for n in range(400)])
    for number in range(0, 400, 2):
        (path / f"{number:03}.txt").write_text(f"снимок {number}")
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert collect("folder", path, "--out", undisturbed).returncode == 0
    for stored in (1, 150, 300):
        collect.kill_when(
            lambda stored=stored: photos_in(killed) >= stored,  # type: ignore[misc]
            "folder",
            path,
            "--out",
            killed,
        )
    done = collect("folder", path, "--out", killed)
    assert done.returncode == 0, done.stderr
    assert contents(killed) == contents(undisturbed)
    assert len(load(killed)) == 400


# Corpora


def corpus(path: Path, *records: dict[str, Any]) -> Path:
    (path / "photos").mkdir(parents=True)
    for number, record in enumerate(records):
        if "photo" in record:
            (path / record["photo"]).write_bytes(jpeg(number))
    (path / "posts.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def merge(folder: Path, writer: CorpusWriter, **options: Any) -> SourceReport:
    report = SourceReport()
    collect_source(folder, writer, report, SourceOptions(corpus=CorpusOptions(**options)))
    return report


def test_tables_of_the_folders_themselves(tmp_path: Path) -> None:
    path = folder(tmp_path / "my")
    for name in ("one", "two"):
        (path / name).mkdir(parents=True)
        (path / name / "1.jpg").write_bytes(jpeg(1))
        (path / name / "metadata.csv").write_text(f"file_name,text\n1.jpg,words of {name}\n")
    (path / "metadata.json").write_text('{"title": "An album of Google Takeout"}')
    (path / "metadata.tsv").write_text("year\tcolour\n2020\tred\n")
    report = collect_to(tmp_path / "corpus", path)
    found = [post.texts.get("", ()) for post in load(tmp_path / "corpus").values()]
    assert found == [("words of one",), ("words of two",)]
    (note,) = report.losses()
    assert "metadata.tsv names no photos" in note
    assert note.endswith("it was passed over")


def test_a_table_of_other_photos(tmp_path: Path) -> None:
    path = folder(tmp_path / "my")
    path.mkdir()
    (path / "a.jpg").write_bytes(jpeg(1))
    table = tmp_path / "t.csv"
    table.write_text("photo,text\nx.jpg,sea\n")
    with pytest.raises(CorpusError, match=r"such as x\.jpg, is in .* where there is a\.jpg"):
        collect_to(tmp_path / "corpus", path, captions=table)
    assert not (tmp_path / "corpus").exists()
    table.write_text("photo,text\nx.jpg,sea\na.jpg,lake\n")
    report = collect_to(tmp_path / "corpus", path, captions=table)
    assert report.losses() == ["1 photos that the table names are not there, such as x.jpg"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("results.token", "a.jpg#0\tsea\nb.jpg#0\tlake\n"),
        ("описания.csv", "файл;подпись\na.jpg;море\nb.jpg;озеро\n"),
        (
            "annotations.json",
            '{"images": [{"id": 1, "file_name": "a.jpg"}],'
            ' "annotations": [{"image_id": 1, "caption": "sea"}]}',
        ),
    ],
)
def test_a_table_that_is_not_read_is_named(tmp_path: Path, name: str, text: str) -> None:
    path = folder(tmp_path / "my", "a.jpg", "b.jpg")
    (path / name).write_text(text)
    (path / "list.csv").write_text("size,count\n1,2\n")
    (path / "a.jpg.json").write_text('{"title": "a.jpg"}')
    (path / "b.txt").write_text("a.jpg\tsea\n")
    (said,) = collect_to(tmp_path / "corpus", path).losses()
    assert said.startswith(f"{name} names photos of the folder")
    report = collect_to(tmp_path / "corpus", path, captions=path / name)
    assert report.losses() == []


def test_merge(tmp_path: Path) -> None:
    one = corpus(
        tmp_path / "one",
        {"id": "1", "photo": "photos/a.jpg", "text": "кот", "album": "x", "author": "Anna"},
        {"id": "2", "texts": {"en": ["a dog", "dog"]}, "split": "dev", "date": "2024-01-01"},
        {"id": "2", "texts": {"en": ["a big dog"]}, "split": "dev", "date": "2024-01-01"},
    )
    two = corpus(tmp_path / "two", {"id": "1", "photo": "photos/a.jpg", "text": "other"})
    with CorpusWriter(tmp_path / "all") as writer:
        report = merge(one, writer)
        assert report.skipped == {"replaced by a later line with the same id": 1}
        merge(two, writer, prefix=True)
    posts = load(tmp_path / "all")
    assert list(posts) == ["1", "2", "two/1"]
    assert posts["2"].texts == {"en": ("a big dog",)}
    assert posts["2"].split == "dev"
    assert posts["1"].photo != posts["two/1"].photo
    text = (tmp_path / "all" / "posts.jsonl").read_text()
    assert '"album": "x"' in text
    assert "Anna" not in text
    with CorpusWriter(tmp_path / "all") as writer:
        merge(one, writer)
        assert (writer.changes.new, writer.changes.edited, writer.changes.photos) == (0, 0, 0)
        with pytest.raises(CorpusError, match="into itself"):
            merge(tmp_path / "all", writer)


def test_merge_by_command(tmp_path: Path, collect: Collect) -> None:
    one = corpus(tmp_path / "one", {"id": "1", "text": "кот"})
    two = corpus(tmp_path / "two", {"id": "2", "text": "пёс"})
    done = collect("merge", one, two, "--out", tmp_path / "all")
    assert done.returncode == 0, done.stderr
    done = collect("folder", one, "--out", tmp_path / "all")
    assert "1 known already" in done.stdout
    assert list(load(tmp_path / "all")) == ["1", "2"]
    done = collect("folder", tmp_path / "gone", "--out", tmp_path / "new")
    assert done.returncode == 1
    assert "does not exist" in done.stderr
    assert not (tmp_path / "new").exists()


def test_merge_killed(tmp_path: Path, collect: Collect) -> None:
    records = [
        {"id": str(n), "photo": f"photos/{n}.jpg", "text": f"снимок {n}"} for n in range(300)
    ]
    one = corpus(tmp_path / "one", *records)
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert collect("merge", one, "--out", undisturbed).returncode == 0
    collect.kill_when(lambda: photos_in(killed) >= 120, "merge", one, "--out", killed)
    assert collect("merge", one, "--out", killed).returncode == 0
    assert contents(killed) == contents(undisturbed)


def ids(corpus: Path) -> list[str]:
    return sorted(load(corpus))


def test_photos_are_told_by_their_content(tmp_path: Path) -> None:
    names = ("a.jpg", "b.JPG", "c.jfif", "d.jpe", "e.heif", "f.webp", "g.jp2", "h.psd", "noext")
    path = folder(tmp_path / "my", *names)
    (path / "film.mkv").write_bytes(b"no film")
    (path / "raw.nef").write_bytes(b"MM\0*" + bytes(50))
    (path / "drawing.svg").write_text("<svg/>")
    (path / "tune.mp3").write_bytes(b"ID3")
    (path / "broken.jpg").write_bytes(b"no photo")
    (path / "empty.png").write_bytes(b"")
    (path / "a.txt").write_text("a caption")
    report = collect_to(tmp_path / "corpus", path)
    assert ids(tmp_path / "corpus") == sorted(f"my/{name}" for name in names)
    assert all(post.photo.suffix == ".jpg" for post in load(tmp_path / "corpus").values())
    assert report.skipped == {
        "thumbnail": 1,
        "raw": 1,
        "other_picture": 1,
        "no_photo": 1,
        "damaged_file": 1,
        "empty_file": 1,
    }


def test_many_pictures_that_cannot_be_taken_are_told(tmp_path: Path) -> None:
    path = folder(tmp_path / "my", *(f"{n}.jpg" for n in range(9)))
    for name in ("a.CR2", "b.CR2", "c.psd"):
        (path / name).write_bytes(b"II*\0" + bytes(60))
    assert collect_to(tmp_path / "corpus", path).losses() == [
        "2 of 12 pictures were left out: raw photos of cameras, such as a.CR2: save them as JPEG"
    ]


def test_folders_of_small_copies_are_not_read(tmp_path: Path) -> None:
    path = folder(
        tmp_path / "my",
        "a.jpg",
        "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg",
        "#recycle/b.jpg",
        ".thumbnails/c.jpg",
        "sub/@Recycle/d.jpg",
        "sub/e.jpg",
        "__MACOSX/f.jpg",
        "Lightroom Previews.lrdata/g.jpg",
        "iPod Photo Cache/h.jpg",
        "x/Thumbs/i.jpg",
        "Photos.photoslibrary/originals/A/j.jpg",
        "Photos.photoslibrary/resources/derivatives/j.jpg",
    )
    report = collect_to(tmp_path / "corpus", path)
    kept = ["my/Photos.photoslibrary/originals/A/j.jpg", "my/a.jpg", "my/sub/e.jpg"]
    assert ids(tmp_path / "corpus") == kept
    assert report.skipped == {"small_copies": 8}


def test_names_that_some_file_systems_take_for_one(tmp_path: Path) -> None:
    composed, apart = "caf\u00e9.jpg", "cafe\u0301.jpg"
    names = ("IMG.jpg", "img.jpg", "img.JPG", "img.jfif", composed, apart, "x.jpg")
    path = folder(tmp_path / "my", *names)
    if len(list(path.iterdir())) != len(names):
        pytest.skip("this file system takes them for one")
    for run in range(2):
        report = collect_to(tmp_path / "corpus", path)
        assert report.read["photos"] == len(names), run
        posts = load(tmp_path / "corpus")
        assert len(posts) == len(names)
        places = [str(post.photo).casefold() for post in posts.values()]
        assert len(set(places)) == len(names)
        contents = {post.photo.read_bytes() for post in posts.values() if post.photo}
        assert len(contents) == len(names)
    assert posts["my/x.jpg"].photo == tmp_path / "corpus" / "photos" / "my" / "x.jpg"


def test_names_of_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = folder(tmp_path / "my", "a.jpg")
    for number, name in enumerate((b"\xcf\xf0\xe8\xe2\xe5\xf2.jpg", b"\xff\xfe.jpg"), 1):
        try:
            (path / os.fsdecode(name)).write_bytes(jpeg(number))
        except OSError:
            pytest.skip("this file system has no such names")
    for _ in range(2):
        collect_to(tmp_path / "corpus", path)
        assert len(load(tmp_path / "corpus")) == 3
    assert "my/\\xff\\xfe.jpg" in ids(tmp_path / "corpus")


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    path = folder(tmp_path / "my", "a.jpg", "sub/b.jpg")
    folder(tmp_path / "other", "c.jpg")
    (path / "link").symlink_to(tmp_path / "other")
    (path / "again").symlink_to(tmp_path / "other")
    (path / "sub" / "up").symlink_to(path)
    collect_to(tmp_path / "corpus", path)
    assert len(ids(tmp_path / "corpus")) == 3


def test_a_corpus_is_known_however_it_is_spelt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(tmp_path / "my", "a.jpg", "Corpus/photos/b.jpg")
    (tmp_path / "corpus").symlink_to(path / "Corpus")
    # As where a file system takes several spellings of a name, which paths do not tell.
    monkeypatch.setattr(Path, "resolve", lambda path, strict=False: path.absolute())
    with CorpusWriter(tmp_path / "corpus") as writer:
        collect_source(path, writer, SourceReport(), SourceOptions(), kind="folder")
    assert ids(tmp_path / "corpus") == ["my/a.jpg"]
    with (
        CorpusWriter(path / "Corpus") as writer,
        pytest.raises(CorpusError, match="into itself"),
    ):
        collect_source(tmp_path / "corpus", writer, SourceReport(), SourceOptions(), kind="corpus")


@pytest.mark.parametrize(
    ("text", "camera"),
    [
        *((text, True) for text in ("myphone", "ACME CAM", "zplus_32", "Zenox S630", "PicsApp")),
        *((text, False) for text in ("Italy 2019", "Anna", "Red boat", "Рим", "кот", "ROMA 2019")),
    ],
)
def test_short_descriptions_of_many_days(tmp_path: Path, text: str, camera: bool) -> None:
    path = folder(tmp_path / "my")
    path.mkdir()
    for number, words in enumerate([text] * 4 + ["a red boat"]):
        exif = Image.Exif()
        exif[ExifTags.Base.ImageDescription] = words.encode()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = (
            f"2019:07:0{1 + number} 12:00:00"
        )
        Image.open(io.BytesIO(jpeg(number))).save(path / f"{number}.jpg", exif=exif)
    report = collect_to(tmp_path / "corpus", path)
    found = [post.texts.get("", ()) for post in load(tmp_path / "corpus").values()]
    assert found == [() if camera else (text,)] * 4 + [("a red boat",)]
    assert bool(report.losses()) == camera


def test_heic(tmp_path: Path) -> None:
    path = tmp_path / "my"
    path.mkdir()
    image = Image.open(io.BytesIO(jpeg(1))).resize((64, 64))
    pillow_heif.from_pillow(image).save(path / "IMG_1.HEIC")
    pillow_heif.from_pillow(image.rotate(90)).save(path / "renamed.jpg", format="HEIF")
    collect_to(tmp_path / "corpus", path)
    posts = load(tmp_path / "corpus")
    assert list(posts) == ["my/IMG_1.HEIC", "my/renamed.jpg"]
    for post in posts.values():
        assert post.photo is not None
        assert post.photo.suffix == ".heic"
        assert decode(post.photo).size == (64, 64)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_of_videos_the_first_frame(tmp_path: Path) -> None:
    path = folder(tmp_path / "my", "live.jpg")
    film = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=red:size=64x48:duration=0.2"]
    subprocess.run([*film, str(path / "film.mp4")], check=True, stdin=subprocess.DEVNULL)
    (path / "film.txt").write_text("a red film")
    shutil.copy(path / "film.mp4", path / "live.MOV")
    (path / "broken.mp4").write_bytes(b"no film")
    report = collect_to(tmp_path / "corpus", path)
    posts = load(tmp_path / "corpus")
    assert sorted(posts) == ["my/film.mp4", "my/live.jpg"]
    film_post = posts["my/film.mp4"]
    assert film_post.photo is not None
    red, green, _ = decode(film_post.photo).getpixel((5, 5))  # type: ignore[misc]
    assert red > 200 > 60 > green
    assert film_post.texts[""] == ("a red film",)
    assert report.skipped == {"thumbnail": 1}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "AVIF", "HEIF"])
@pytest.mark.parametrize("turned", [1, 6])
def test_no_format_keeps_what_names_people_and_places(kind: str, turned: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Anna Petrova"
    exif[ExifTags.Base.Orientation] = turned
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (55.0, 45.0, 7.0)
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.BodySerialNumber] = "SERIAL7"
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><a>Anna Petrova</a></x:xmpmeta>"
    image = Image.open(io.BytesIO(jpeg(1))).convert("RGB").resize((64, 48))
    out = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(out, exif=exif.tobytes(), xmp=xmp)
    elif kind == "GIF":
        image.save(out, kind, comment=b"Anna Petrova")
    else:
        image.save(out, kind, exif=exif, **({"xmp": xmp} if kind != "TIFF" else {}))
    data = out.getvalue() + (b"Anna Petrova" if kind == "JPEG" else b"")
    assert b"Anna" in data
    plain = without_metadata(data)
    assert b"Anna" not in plain
    assert b"SERIAL7" not in plain
    assert decode(plain).tobytes() == decode(data).tobytes()
    with Image.open(io.BytesIO(plain)) as opened:
        assert not opened.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    assert without_metadata(plain) == plain or kind == "TIFF"


def test_names_and_places_go_from_odd_files_too() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Anna Petrova"
    image = Image.open(io.BytesIO(jpeg(1))).convert("RGB")

    def saved(kind: str, **more: Any) -> bytes:
        out = io.BytesIO()
        image.save(out, kind, **more)
        return out.getvalue()

    whole = saved("JPEG", exif=exif)
    tables = whole.index(b"\xff\xdb")
    between = whole[:tables] + b"\0\x11" + whole[tables:]
    trailing = saved("BMP") + b"Anna Petrova"
    for data in (between, trailing):
        plain = without_metadata(data)
        assert b"Anna" not in plain
        assert decode(plain).tobytes() == decode(data).tobytes()
    assert without_metadata(whole[:tables] + b"Anna") == b""
    cut = saved("WEBP", exif=exif, xmp=b"Anna Petrova")[:-60]
    assert b"Anna" not in without_metadata(cut)
    with pytest.raises(PhotoError):
        decode(without_metadata(cut))


@given(st.sampled_from(["PNG", "WEBP", "GIF", "TIFF", "AVIF"]), st.integers(0, 2000), st.binary())
@settings(max_examples=60, deadline=None)
def test_damaged_photos_of_any_format_can_be_copied(kind: str, cut: int, noise: bytes) -> None:
    out = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(out, kind)
    without_metadata(out.getvalue()[:cut] + noise)


def test_a_table_that_cannot_be_used_leaves_no_empty_corpus(
    tmp_path: Path, collect: Collect
) -> None:
    path = folder(tmp_path / "my", "a.jpg")
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04 and then nothing")
    done = collect(
        "folder", path, "--captions", tmp_path / "book.xlsx", "--out", tmp_path / "corpus"
    )
    assert done.returncode != 0
    assert "look like an Excel workbook" in done.stderr
    assert not (tmp_path / "corpus").exists()
