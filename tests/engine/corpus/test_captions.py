from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from engine.corpus.captions import TableCaptions, read_embedded, read_sidecar, read_table
from engine.errors import CorpusError

SUNSET = "Закат над морем, «красивый»"


def read(path: Path, content: str | bytes) -> dict[str, tuple[str, ...]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return {name: tuple(caption.texts) for name, caption in read_table(path).items()}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("excel.csv", f"\ufeffsep=;\r\nphoto;text\r\na.jpg;{SUNSET}\r\n"),
        ("russian.csv", f"Имя файла;Описание\r\na.jpg;{SUNSET}\r\n".encode("cp1251")),
        ("tab.csv", f"photo\ttext\r\na.jpg\t{SUNSET}\r\n".encode("utf-16")),
        ("quoted.csv", f'photo,text\na.jpg,"{SUNSET}"\n'),
        ("bare.csv", f'a.jpg,"{SUNSET}"\n'),
        ("other-names.csv", f'id,picture_file,what it is\n1,a.jpg,"{SUNSET}"\n'),
        ("pipe.csv", f"image_name| comment_number| comment\na.jpg| 0| {SUNSET}\n"),
        ("mac.csv", f"photo;text\ra.jpg;{SUNSET}\r"),
        ("flickr.token.txt", f"a.jpg#0\t{SUNSET}\n"),
        ("spaces.token", f"a.jpg#0 {SUNSET}\n"),
        ("colons.txt", f"a.jpg: {SUNSET}\n"),
        ("dashes.txt", f"a.jpg - {SUNSET}\n"),
        ("title.csv", f'My album,,\nphoto,text\na.jpg,"{SUNSET}"\n'),
        ("sep.csv", f"SEP=;\r\nphoto;text\r\na.jpg;{SUNSET}\r\n"),
        ("split.json", json.dumps({"columns": ["photo", "text"], "data": [["a.jpg", SUNSET]]})),
        ("columns.json", json.dumps({"photo": {"0": "a.jpg"}, "text": {"0": SUNSET}})),
        ("fields.json", json.dumps({"n": 1, "data": [{"image": "a.jpg", "caption": SUNSET}]})),
        ("nan.json", f'[{{"photo": "a.jpg", "text": NaN}}, ["a.jpg", "{SUNSET}"]]'),
        ("list.json", json.dumps([{"photo": "a.jpg", "text": SUNSET}], indent=1)),
        ("pairs.json", json.dumps([["a.jpg", SUNSET]])),
        ("names.json", json.dumps({"a.jpg": SUNSET})),
        ("lists.json", json.dumps({"a.jpg": [SUNSET]})),
        ("objects.json", json.dumps({"a.jpg": {"caption": SUNSET}})),
        ("one.json", json.dumps({"photo": "a.jpg", "text": SUNSET})),
        (
            "coco.json",
            json.dumps(
                {
                    "images": [{"id": "7", "file_name": "a.jpg"}],
                    "annotations": [{"image_id": 7, "caption": SUNSET}, {"image_id": 8}],
                }
            ),
        ),
        (
            "karpathy.json",
            json.dumps({"images": [{"filename": "a.jpg", "sentences": [{"raw": SUNSET}]}]}),
        ),
        ("lines.jsonl", json.dumps({"file_name": "a.jpg", "text": SUNSET}) + "\n"),
    ],
)
def test_forms_of_tables(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert read(tmp_path / name, content) == {"a.jpg": (SUNSET,)}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *(("Закат над морем", name) for name in ("koi8-r", "cp866", "mac-cyrillic", "utf-16-le")),
        *(("Москва-река, ёлки", name) for name in ("cp1251", "koi8-r", "cp866", "utf-16-be")),
        *(("Déjà vu à l'été", name) for name in ("cp1252", "utf-8-sig", "utf-16")),
    ],
)
def test_encodings(tmp_path: Path, text: str, encoding: str) -> None:
    content = f"photo;text\r\na.jpg;{text}\r\n".encode(encoding)
    assert read(tmp_path / "t.csv", content) == {"a.jpg": (text,)}


def test_a_file_put_together_of_two_encodings(tmp_path: Path) -> None:
    content = f"photo;text\na.jpg;{SUNSET}\n".encode() + "b.jpg;Лодка\n".encode("cp1251")
    assert read(tmp_path / "t.csv", content) == {"a.jpg": (SUNSET,), "b.jpg": ("Лодка",)}


def test_excel(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Файл", "Описание", "Дата"])
    book.active.append(["a.jpg", SUNSET, "24.11.2026 18:30"])
    book.active.append(["b.jpg", 7, None])
    book.save(tmp_path / "captions.xlsx")
    table = read_table(tmp_path / "captions.xlsx")
    assert (table["a.jpg"].texts, table["a.jpg"].date) == ([SUNSET], "2026-11-24T18:30:00")
    assert table["b.jpg"].texts == ["7"]


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_lines_end_at_line_feeds_alone(tmp_path: Path, mark: str) -> None:
    text = f"one{mark}two"
    assert read(tmp_path / "t.csv", f"photo,text\na.jpg,{text}\nb.jpg,x\n") == {
        "a.jpg": (text,),
        "b.jpg": ("x",),
    }
    line = json.dumps({"photo": "a.jpg", "text": text}, ensure_ascii=False)
    assert read(tmp_path / "t.jsonl", line + "\n")["a.jpg"] == (text,)


def test_a_quotation_mark_that_is_never_closed(tmp_path: Path) -> None:
    table = read(tmp_path / "t.csv", 'photo,text\na.jpg,"Sunset over the sea\nb.jpg,Boat\n')
    assert table == {"a.jpg": ("Sunset over the sea",), "b.jpg": ("Boat",)}
    table = read(tmp_path / "t.csv", 'photo,text\na.jpg,"Sunset\nover the sea"\nb.jpg,Boat\n')
    assert table == {"a.jpg": ("Sunset\nover the sea",), "b.jpg": ("Boat",)}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (b"PK\x03\x04" + bytes(range(200)), "look like an Excel workbook, but cannot be read"),
        (b"%PDF-1.7", "a PDF"),
        (bytes(64), "no text"),
        (
            b'{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1}]}',
            "no photos with captions",
        ),
        (b"", "it is empty"),
        (b"year,colour\n2020,red\n", "its columns are colour, year"),
    ],
)
def test_what_cannot_be_used_says_what_it_is(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(CorpusError, match=what):
        read(tmp_path / "captions.xlsx", content)


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("24.11.2026 18:30", "2026-11-24T18:30:00"),
        ("24.11.26", "2026-11-24T00:00:00"),
        ("24 ноября 2026 г., 18:30", "2026-11-24T18:30:00"),
        ("November 24, 2026", "2026-11-24T00:00:00"),
        ("24 Nov 2026", "2026-11-24T00:00:00"),
        ("2026/11/24", "2026-11-24T00:00:00"),
        ("2026:11:24 18:30:00", "2026-11-24T18:30:00"),
        ("24/11/2026", "2026-11-24T00:00:00"),
        ("24-Nov-26", "2026-11-24T00:00:00"),
        ("Tue, 24 Nov 2026 18:30:00 +0300", "2026-11-24T18:30:00+03:00"),
        ("Tue Nov 24 18:30:00 2026", "2026-11-24T18:30:00"),
        ("1700000000", "2023-11-14T22:13:20+00:00"),
        ("31.02.2026", None),
        ("soon", None),
    ],
)
def test_dates_of_many_countries(tmp_path: Path, written: str, date: str | None) -> None:
    (tmp_path / "t.csv").write_text(f'photo;text;date\na.jpg;x;"{written}"\n')
    assert read_table(tmp_path / "t.csv")["a.jpg"].date == date


def test_a_column_of_dates_tells_its_country(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("photo,text,date\na.jpg,x,03/04/2026\nb.jpg,x,11/24/2026\n")
    table = read_table(tmp_path / "t.csv")
    assert [table[name].date for name in ("a.jpg", "b.jpg")] == [
        "2026-03-04T00:00:00",
        "2026-11-24T00:00:00",
    ]


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ("New York, golden hour; море", ["New York", "golden hour", "море"]),
        ("#NewYork #golden hour", ["NewYork", "golden hour"]),
        ("sea sun", ["sea", "sun"]),
        ('""New York"" sea', ["New York", "sea"]),
        ('[""New York"", ""sea""]', ["New York", "sea"]),
    ],
)
def test_tags_with_blanks(tmp_path: Path, cell: str, tags: list[str]) -> None:
    (tmp_path / "t.csv").write_text(f'photo,text,tags\na.jpg,x,"{cell}"\n')
    assert read_table(tmp_path / "t.csv")["a.jpg"].tags == tags


@pytest.mark.parametrize(
    "name",
    [
        "IMG 1.jpg",
        "img 1.JPG",
        "IMG%201.jpg",
        "https://x.ru/a/IMG%201.jpg?w=9",
        r"C:\Users\me\IMG 1.jpg",
        "IMG 1",
        "/x/IMG 1.jpg",
    ],
)
def test_names_of_other_computers(tmp_path: Path, name: str) -> None:
    (tmp_path / "t.csv").write_text(f'photo,text\n"{name}",sunset\n')
    table = TableCaptions(read_table(tmp_path / "t.csv"))
    found = table.get("IMG 1.jpg")
    assert found is not None
    assert found.texts == ["sunset"]
    assert table.unused() == []


def test_the_strictest_name_wins(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("photo,text\na.jpg,small\nA.jpg,large\n")
    table = TableCaptions(read_table(tmp_path / "t.csv"))
    texts = {name: found.texts for name in ("a.jpg", "A.jpg") if (found := table.get(name))}
    assert texts == {"a.jpg": ["small"], "A.jpg": ["large"]}
    assert table.get("x/A.JPG") is None


TAKEOUT = json.dumps(
    {"title": "a.jpg", "description": "a boat", "photoTakenTime": {"timestamp": "1700000000"}}
)
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
    '<rdf:li xml:lang="x-default">a boat</rdf:li></rdf:Alt></dc:description>'
    "<dc:subject><rdf:Bag><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)


@pytest.mark.parametrize(
    ("photo", "name", "content"),
    [
        ("a.jpg", "a.txt", b"a boat"),
        ("a.jpg", "A.TXT", b"a boat\r\n"),
        ("a.jpg", "a.caption", b"a boat"),
        ("a.jpg", "a.jpg.txt", "\ufeffa boat".encode()),
        ("a.jpg", "a.txt", "a boat".encode("utf-16")),
        ("a.jpg", "a.xmp", XMP.encode()),
        ("a.jpg", "a.jpg.xmp", XMP.encode()),
        ("a.jpg", "a.jpg.json", TAKEOUT.encode()),
        ("a.jpg", "a.jpg.supplemental-metadata.json", TAKEOUT.encode()),
        ("a.jpg", "a.jpg.supplemental-me.json", TAKEOUT.encode()),
        ("a(2).jpg", "a.jpg(2).json", TAKEOUT.encode()),
        ("a(2).jpg", "a.jpg.supplemental-metadata(2).json", TAKEOUT.encode()),
        ("a-edited.jpg", "a.jpg.supplemental-metadata.json", TAKEOUT.encode()),
        ("a-измененный(2).jpg", "a.jpg(2).json", TAKEOUT.encode()),
        ("a" * 47 + ".jpg", "a" * 46 + ".json", TAKEOUT.encode()),
        ("a.jpg", "a.json", b'{"caption": "a boat", "date": "2023-11-14T22:13:20+00:00"}'),
        ("2024_UTC_2.jpg", "2024_UTC.txt", b"a boat"),
    ],
)
def test_files_beside(tmp_path: Path, photo: str, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    caption = read_sidecar(tmp_path / photo, {name.casefold(): tmp_path / name})
    assert caption is not None
    assert caption.texts == ["a boat"]
    if name.endswith("json"):
        assert caption.date == "2023-11-14T22:13:20+00:00"
    if name.endswith("xmp"):
        assert caption.tags == ["sea"]


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"{", b"<a", b"\xff" * 20, b'{"descripted": "x"}']
)
@pytest.mark.parametrize("ending", [".json", ".xmp"])
def test_files_beside_that_are_something_else(tmp_path: Path, content: bytes, ending: str) -> None:
    (tmp_path / f"a.jpg{ending}").write_bytes(content)
    beside = {f"a.jpg{ending}": tmp_path / f"a.jpg{ending}"}
    caption = read_sidecar(tmp_path / "a.jpg", beside)
    assert caption is None or caption.texts == []


def described(path: Path, text: bytes | str, **more: Any) -> Path:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = text
    Image.new("RGB", (32, 32)).save(path, exif=exif, **more)
    return path


@pytest.mark.parametrize(
    "text",
    [
        *("cof", "oznor", "_cuva", "hdr", "dav", "HELLOMOTO", "My beautiful picture", "dav_soft"),
        *("OLYMPUS DIGITAL CAMERA         ", "SONY DSC", "KONICA MINOLTA DIGITAL CAMERA"),
        *("Created with GIMP", "Processed with VSCO with f2 preset", "IMG_20200101_123456"),
        *("Exif_JPEG_PICTURE", "Screenshot", "fznorHDR", "sdr_vivid", "DCIM\\100MEDIA\\DJI_0001"),
        *("untitled", "Снимок экрана 2024-01-01", "***", "oplus_131072", "DCIM/100GOPRO"),
        *("filter: 0; jpegRotation: 90;", '{"mirror":false}', "<KENOX S630  >"),
    ],
)
def test_what_a_camera_writes_is_no_caption(tmp_path: Path, text: str) -> None:
    caption = read_embedded(described(tmp_path / "a.jpg", text))
    assert caption is not None
    assert caption.texts == []


@pytest.mark.parametrize(
    "text",
    [
        "a dog on a hill",
        "David",
        "Camera museum in Riga",
        "Photo of the year",
        "Шум моря",
        "hdrezka",
        "Filter coffee",
        "(dunes at dusk)",
    ],
)
def test_what_a_person_writes_is_one(tmp_path: Path, text: str) -> None:
    caption = read_embedded(described(tmp_path / "a.jpg", text.encode()))
    assert caption is not None
    assert caption.texts == [text]


def test_russian_of_windows_in_exif(tmp_path: Path) -> None:
    caption = read_embedded(described(tmp_path / "a.jpg", "Закат над морем".encode("cp1251")))
    assert caption is not None
    assert caption.texts == ["Закат над морем"]
    caption = read_embedded(described(tmp_path / "a.jpg", "Crème brûlée".encode("latin-1")))
    assert caption is not None
    assert caption.texts == ["Crème brûlée"]


def test_notes_within_other_formats(tmp_path: Path) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Software", "paint")
    notes.add_itxt("Description", SUNSET)
    image = Image.new("RGB", (32, 32))
    image.save(tmp_path / "a.png", pnginfo=notes)
    notes = PngImagePlugin.PngInfo()
    notes.add_itxt("XML:com.adobe.xmp", XMP.replace("a boat", SUNSET))
    image.save(tmp_path / "b.png", pnginfo=notes)
    image.save(tmp_path / "c.jpg", comment=SUNSET.encode())
    image.save(tmp_path / "d.gif", comment=SUNSET.encode("cp1251"))
    image.save(tmp_path / "e.webp", xmp=XMP.replace("a boat", SUNSET).encode())
    found = {path.name: read_embedded(path) for path in tmp_path.iterdir()}
    assert {name: one and one.texts for name, one in found.items()} == {
        name: [SUNSET] for name in ("a.png", "b.png", "c.jpg", "d.gif", "e.webp")
    }
    image.save(tmp_path / "a.png")
    broken = (tmp_path / "b.png").read_bytes().replace(b"iTXt", b"iTXt\xff", 1)
    (tmp_path / "b.png").write_bytes(broken)
    read_embedded(tmp_path / "b.png")
