from __future__ import annotations

import json
import shutil
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.corpus.posts import SourceReport
from engine.corpus.source import SourceOptions
from engine.corpus.telegram import TelegramOptions, message_text, public_name, read_export
from engine.errors import CorpusError
from tests.training.collect.helpers import Collect, contents, jpeg, load, photos_in
from training.collect.add import add_posts
from training.collect.add import collect as collect_source
from training.corpus.writer import CorpusWriter

CHANNEL = {"name": "Закаты", "type": "public_channel", "id": 1234567890}


def message(number: int, text: Any = "", **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "type": "message",
        "date": "2024-05-01T13:00:00",
        "date_unixtime": str(1714557600 + number),
        "from": "Закаты",
        "from_id": "channel1234567890",
        "text": text,
    } | more


def export(folder: Path, *messages: dict[str, Any], **chat: Any) -> Path:
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    for one in messages:
        photo = str(one.get("photo") or one.get("file") or "(")
        if not photo.startswith(("(", "..", "gone")):
            (folder / photo).parent.mkdir(exist_ok=True)
            (folder / photo).write_bytes(jpeg(one["id"]))
    whole = {**CHANNEL, **chat, "messages": list(messages)}
    (folder / "result.json").write_text(json.dumps(whole, ensure_ascii=False, indent=1))
    return folder


def collect_to(corpus: Path, path: Path, **options: Any) -> SourceReport:
    report = SourceReport()
    with CorpusWriter(corpus) as writer:
        add_posts(read_export(path, TelegramOptions(**options), report), writer, report)
    return report


def fields(corpus: Path) -> dict[str, dict[str, Any]]:
    found = map(json.loads, (corpus / "posts.jsonl").read_text().splitlines())
    return {record["id"]: record for record in found}


def test_all_of_a_channel(tmp_path: Path) -> None:
    path = export(
        tmp_path / "export",
        {"id": 1, "type": "service", "action": "create_channel", "text": ""},
        message(
            2,
            ["Море ", {"type": "hashtag", "text": "#закат"}, "!"],
            photo="photos/photo_1@01-05-2024.jpg",
            edited="2024-05-02T10:00:00",
            edited_unixtime="1714644000",
        ),
        message(3, "просто слова", reply_to_message_id=2),
        message(4, "", photo="photos/photo_2.jpg"),
        message(5, "", media_type="sticker", file="stickers/s.webp", mime_type="image/webp"),
        message(6, "как файл", file="files/x.png", mime_type="image/png"),
        message(7, "чужое", forwarded_from="Канал", forwarded_from_id="channel77"),
        message(8, "личное", forwarded_from="Иван Петров", forwarded_from_id="user77"),
    )
    report = collect_to(tmp_path / "corpus", path)
    posts = load(tmp_path / "corpus")
    raw = fields(tmp_path / "corpus")
    key = "telegram/-1001234567890/"
    assert [post.removeprefix(key) for post in posts] == ["2", "3", "4", "6", "7", "8"]
    first = posts[key + "2"]
    assert first.texts == {"": ("Море #закат!",)}
    assert first.photo is not None
    assert first.photo.read_bytes() == jpeg(2)
    assert first.date == "2024-05-01T10:00:02Z"
    assert first.url == "https://t.me/c/1234567890/2"
    assert first.source == "Закаты"
    assert raw[key + "2"]["edited"] == "2024-05-02T10:00:00Z"
    assert raw[key + "3"]["reply_to"] == key + "2"
    assert raw[key + "7"]["forwarded_from"] == "Канал"
    assert "Иван" not in (tmp_path / "corpus" / "posts.jsonl").read_text()
    assert not any("author" in record for record in raw.values())
    assert report.read["messages"] == 8
    assert report.skipped == {"thumbnail": 1}


def test_authors_only_when_asked_for(tmp_path: Path) -> None:
    path = export(
        tmp_path / "export",
        message(1, "пост", author="Анна", forwarded_from="Пётр", forwarded_from_id="user7"),
    )
    collect_to(tmp_path / "corpus", path, authors=True, username="@sunsets")
    (record,) = fields(tmp_path / "corpus").values()
    assert (record["author"], record["forwarded_from"]) == ("Анна", "Пётр")
    assert record["url"] == "https://t.me/sunsets/1"


def test_text_entities_hide_people() -> None:
    entities = [
        {"type": "plain", "text": "Пишите "},
        {"type": "mention", "text": "@anna_p"},
        {"type": "mention_name", "text": "Анне Петровой", "user_id": 5},
        {"type": "phone", "text": "8-912-345-67-89"},
        {"type": "email", "text": "a@b.ru"},
        {"type": "bank_card", "text": "4111 1111 1111 1111"},
        {"type": "bold", "text": " сегодня"},
        {"type": "text_link", "text": " тут", "href": "https://x.ru"},
    ]
    text = message_text({"text": "ignored", "text_entities": entities})
    assert text == "Пишите @user@user@phone@mail@card сегодня тут"
    assert message_text({"text": [1, {"text": 2}, {"type": "bold"}, "ok"]}) == "ok"
    handles = [
        {"type": "hashtag", "text": "#закат@my_channel"},
        " ",
        {"type": "bot_command", "text": "/start@some_bot"},
    ]
    assert message_text({"text": handles}) == "#закат /start"
    assert message_text({"text": "#закат@my_channel /start@some_bot"}) == "#закат /start"
    assert message_text({"text": "", "rich_message": {"blocks": [{"text": ["a", {"text": "b"}]}]}})
    assert message_text({"text": "звоните +7 912 345-67-89, @anna"}) == "звоните @phone, @user"


def test_albums_share_their_text(tmp_path: Path) -> None:
    same = {"date_unixtime": "1714557600", "date": "2024-05-01T13:00:00"}
    path = export(
        tmp_path / "export",
        message(10, "", photo="photos/a.jpg", **same),
        message(11, "три вида города", photo="photos/b.jpg", **same),
        message(12, "", photo="photos/c.jpg", **same),
        message(13, "другой пост", photo="photos/d.jpg", **same),
        message(15, "", photo="photos/e.jpg", **same),
        message(16, "", photo="photos/f.jpg", **same, from_id="user5"),
    )
    collect_to(tmp_path / "corpus", path)
    raw = fields(tmp_path / "corpus")
    texts = {int(key.rpartition("/")[2]): record["text"] for key, record in raw.items()}
    assert texts == {
        10: "три вида города",
        11: "три вида города",
        12: "три вида города",
        13: "другой пост",
        15: "",
        16: "",
    }
    albums = {record.get("album") for record in raw.values()}
    assert albums == {"-1001234567890/10", None}


def test_photos_that_are_not_there(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(jpeg(1))
    path = export(
        tmp_path / "export",
        message(1, "text", photo="(File not included. Change data exporting settings.)"),
        message(2, "", photo="(File exceeds maximum size. Change data exporting settings.)"),
        message(3, "text", photo="gone/photo.jpg"),
        message(4, "text", photo="../secret.jpg"),
    )
    report = collect_to(tmp_path / "corpus", path)
    posts = load(tmp_path / "corpus")
    assert [post.photo for post in posts.values()] == [None, None, None]
    assert report.skipped == {
        "excluded": 1,
        "oversize": 1,
        "missing": 1,
        "outside": 1,
    }


def test_whole_account(tmp_path: Path) -> None:
    def chat(number: int, kind: str, name: str) -> dict[str, Any]:
        return {"name": name, "type": kind, "id": number, "messages": [message(1, f"in {name}")]}

    listed = [
        chat(1, "public_channel", "channel"),
        chat(2, "private_group", "group"),
        chat(3, "personal_chat", "Anna"),
        {"name": "empty", "type": "private_channel", "id": 9, "messages": []},
        chat(4, "private_supergroup", "super"),
    ]
    whole = {
        "about": "x",
        "personal_information": {"first_name": "Me", "id": 1, "name": "Me"},
        "chats": {"about": "x", "list": listed},
        "left_chats": {"about": "x", "list": [chat(5, "public_supergroup", "left")]},
    }
    file = tmp_path / "result.json"
    file.write_text(json.dumps(whole))
    report = collect_to(tmp_path / "corpus", file)
    keys = ["-1001/1", "-2/1", "-1004/1", "-1005/1"]
    assert list(load(tmp_path / "corpus")) == [f"telegram/{key}" for key in keys]
    assert report.skipped == {"private": 1}
    collect_to(tmp_path / "private", file, private=True)
    private = fields(tmp_path / "private")["telegram/3/1"]
    assert private["source"] == "telegram"
    collect_to(tmp_path / "one", file, only=["Group", "5"])
    assert list(load(tmp_path / "one")) == ["telegram/-2/1", "telegram/-1005/1"]


def test_media_of_other_kinds_have_their_thumbnail(tmp_path: Path) -> None:
    def media(number: int, kind: str | None, file: str, **more: Any) -> dict[str, Any]:
        known = {"media_type": kind} if kind else {}
        return message(number, f"post {number}", file=file, **known, **more)

    path = export(
        tmp_path / "export",
        media(1, "video_file", "video_files/a.mp4", thumbnail="video_files/a_thumb.jpg"),
        media(2, "animation", "video_files/b.mp4", thumbnail="video_files/b_thumb.jpg"),
        media(3, "video_message", "round/c.mp4", thumbnail="round/c_thumb.jpg"),
        media(4, "sticker", "stickers/d.webp", thumbnail="stickers/d_thumb.jpg"),
        media(5, None, "files/e.mp4", mime_type="video/mp4", thumbnail="files/e_thumb.jpg"),
        media(6, "audio_file", "files/f.mp3", thumbnail="files/f_thumb.jpg"),
        media(7, None, "files/g.JPG", mime_type="application/octet-stream"),
        media(9, None, "files/i.bin", mime_type="application/octet-stream"),
        media(8, None, "files/h.pdf", mime_type="application/pdf", thumbnail="files/h_thumb.jpg"),
    )
    for name in ("video_files/a", "video_files/b", "round/c", "stickers/d", "files/e"):
        (path / f"{name}_thumb.jpg").write_bytes(jpeg(ord(name[-1])))
    collect_to(tmp_path / "corpus", path)
    raw = fields(tmp_path / "corpus")
    found = {int(key.rpartition("/")[2]): record for key, record in raw.items()}
    kinds = {n: record.get("media") for n, record in found.items() if "photo" in record}
    assert kinds == {
        1: "video",
        2: "animation",
        3: "round video",
        4: "sticker",
        5: "video",
        7: None,
        # By its content.
        9: None,
        8: None,
    }
    assert (tmp_path / "corpus" / found[4]["photo"]).read_bytes() == jpeg(ord("d"))


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_first_frame_where_there_is_no_thumbnail(tmp_path: Path) -> None:
    path = export(
        tmp_path / "export",
        message(1, "", media_type="video_file", file="video_files/a.mp4"),
        message(9, "words", media_type="video_file", file="video_files/b.mp4"),
    )
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        "color=red:s=64x48:d=1",
        "-c:v",
        "mjpeg",
        "-f",
        "avi",
    ]
    subprocess.run([*command, str(path / "video_files" / "a.mp4")], check=True)
    (path / "video_files" / "b.mp4").write_bytes(b"no video")
    report = collect_to(tmp_path / "corpus", path)
    first, second = load(tmp_path / "corpus").values()
    assert first.photo is not None
    with Image.open(first.photo) as frame:
        assert frame.size == (64, 48)
        assert frame.convert("RGB").getpixel((9, 9))[0] > 200  # type: ignore[index]
    assert second.photo is None
    assert report.skipped == {"thumbnail": 1}


def test_albums_of_any_media(tmp_path: Path) -> None:
    def part(number: int, seconds: int, text: str = "", **more: Any) -> dict[str, Any]:
        stamp = {"date_unixtime": str(1714557600 + seconds)}
        return message(number, text, **({"photo": f"photos/{number}.jpg"} | stamp | more))

    video: dict[str, Any] = {
        "photo": None,
        "file": "(File not included.)",
        "media_type": "video_file",
    }
    path = export(
        tmp_path / "export",
        part(1, 0, "альбом с видео"),
        part(2, 1, **video),
        part(3, 3),
        part(4, 60, "слова у видео", **video),
        part(5, 60),
        part(6, 90),
        part(7, 95, "отдельно"),
        part(9, 95),
        message(10, "только слова", date_unixtime=str(1714557695)),
    )
    collect_to(tmp_path / "corpus", path)
    raw = fields(tmp_path / "corpus")
    texts = {int(key.rpartition("/")[2]): record["text"] for key, record in raw.items()}
    assert texts == {
        1: "альбом с видео",
        3: "альбом с видео",
        5: "слова у видео",
        6: "",
        7: "отдельно",
        9: "",
        10: "только слова",
    }


def test_albums_in_a_busy_group(tmp_path: Path) -> None:
    def part(number: int, text: str = "", sender: str = "user1", **more: Any) -> dict[str, Any]:
        fields: dict[str, Any] = {"from_id": sender, "photo": f"photos/{number}.jpg"}
        fields["date_unixtime"] = str(1714557600 + number // 10)
        return message(number, text, **(fields | more))

    path = export(
        tmp_path / "export",
        part(1, "поход в горы"),
        part(2, "ого!", "user2", photo=None),
        part(3),
        part(4, "чужой снимок", "user2"),
        part(5),
        part(6, "а это уже о другом", photo=None),
        part(7),
        part(40, "первый", grouped_id=5),
        part(41, "", grouped_id=5),
        part(42, "третий", grouped_id=5),
        part(43, "", grouped_id=6),
        type="private_supergroup",
    )
    collect_to(tmp_path / "corpus", path)
    raw = fields(tmp_path / "corpus")
    found = {
        int(key.rpartition("/")[2]): (one["text"], (one.get("album") or "/").rpartition("/")[2])
        for key, one in raw.items()
    }
    assert found == {
        **dict.fromkeys((1, 3, 5), ("поход в горы", "1")),
        2: ("ого!", ""),
        4: ("чужой снимок", ""),
        6: ("а это уже о другом", ""),
        7: ("", ""),
        **{40: ("первый", "40"), 41: ("первый", "40"), 42: ("третий", "40")},
        43: ("", ""),
    }


def test_links(tmp_path: Path) -> None:
    messages = [message(-5, "из старой группы"), message(5, "новое")]
    path = export(tmp_path / "export", *messages, type="private_supergroup")
    collect_to(tmp_path / "corpus", path)
    assert [post.url for post in load(tmp_path / "corpus").values()] == [
        None,
        "https://t.me/c/1234567890/5",
    ]
    for form in (
        "sun_sets",
        "@sun_sets",
        "t.me/sun_sets",
        "https://t.me/sun_sets/17",
        "http://telegram.me/s/sun_sets?before=9",
        "sun_sets.t.me",
        "tg://resolve?domain=sun_sets&post=3",
    ):
        assert public_name(form) == "sun_sets"
    for form in ("Закаты", "a", "https://t.me/+AbCdEf", "", "two words"):
        with pytest.raises(CorpusError, match="public name"):
            public_name(form)


def test_the_chat_by_name_id_or_link(tmp_path: Path) -> None:
    listed = [
        {"name": name, "type": kind, "id": number, "messages": [message(1, name)]}
        for number, kind, name in [
            (1234567890, "public_channel", "Sun Sets"),
            (55, "private_group", "Закаты"),
            (66, "personal_chat", "Anna"),
        ]
    ]
    file = tmp_path / "result.json"
    file.write_text(json.dumps({"chats": {"list": listed}}))

    def ids(*only: str) -> list[str]:
        posts = read_export(file, TelegramOptions(only=only), SourceReport())
        return [post.record["id"].split("/")[1] for post in posts]

    for asked in (
        "1234567890",
        "-1001234567890",
        "channel1234567890",
        "sun sets",
        "https://t.me/c/1234567890/77",
        "t.me/sun_sets",
        "@sunsets",
    ):
        assert ids(asked) == ["-1001234567890"], asked
    assert ids("закаты") == ids("-55") == ids("55") == ["-55"]
    assert ids("Anna") == ["66"]
    with pytest.raises(CorpusError, match=r"no chat 'nobody'; it has Sun Sets \(-1001234567890\)"):
        ids("nobody")
    report = SourceReport()
    posts = list(read_export(file, TelegramOptions(only=("nobody", "Anna")), report))
    assert len(posts) == 1
    assert "no chat 'nobody'" in report.notes[0]
    with pytest.raises(CorpusError, match="names one chat"):
        list(read_export(file, TelegramOptions(username="sun_sets"), SourceReport()))


def test_photos_that_were_not_ticked_are_said_first(tmp_path: Path) -> None:
    lost = "(File not included. Change data exporting settings to download.)"
    path = export(
        tmp_path / "export",
        *[message(n, f"слова {n}", photo=lost) for n in range(1, 4)],
        message(4, "", photo="(File exceeds maximum size. Change data exporting settings.)"),
        message(5, "", photo="(File unavailable, please try again later)"),
    )
    report = collect_to(tmp_path / "corpus", path)
    assert report.notes[0].startswith("None of the 5 photos is in the export: 'Photos' was not")
    assert "size limit" in report.notes[1]
    assert report.skipped == {"excluded": 3, "oversize": 1, "unavailable": 1}


def test_a_later_export_without_photos_takes_none_away(tmp_path: Path) -> None:
    first = [message(n, f"пост {n}", photo=f"photos/{n}.jpg") for n in (1, 2)]
    collect_to(
        tmp_path / "corpus", export(tmp_path / "one", *first, message(3, "", photo="photos/3.jpg"))
    )
    before = contents(tmp_path / "corpus")
    lost = "(File not included. Change data exporting settings to download.)"
    second = [dict(one, photo=lost) for one in [*first, message(3, "")]]
    path = export(tmp_path / "two", *second, message(4, "", photo=lost))
    collect_to(tmp_path / "corpus", path)
    assert contents(tmp_path / "corpus") == before
    second[1]["text"] = "исправлено"
    collect_to(tmp_path / "corpus", export(tmp_path / "two", *second))
    post = load(tmp_path / "corpus")["telegram/-1001234567890/2"]
    assert post.texts == {"": ("исправлено",)}
    assert post.photo is not None
    assert post.photo.read_bytes() == jpeg(2)


def test_an_album_in_a_later_export_without_photos(tmp_path: Path) -> None:
    same = {"date_unixtime": "1714557600"}
    texts = {1: "три вида", 2: "", 3: ""}
    album = [message(n, t, photo=f"photos/{n}.jpg", **same) for n, t in texts.items()]
    corpus = tmp_path / "corpus"
    collect_to(corpus, export(tmp_path / "one", *album))
    before = contents(corpus)
    lost = "(File not included. Change data exporting settings to download.)"
    for lacking in ({1, 2, 3}, {2}, {1}):
        messages = [m | ({"photo": lost} if m["id"] in lacking else {}) for m in album]
        with CorpusWriter(corpus) as writer:
            path = export(tmp_path / f"two{len(lacking)}", *messages)
            assert collect_source(path, writer, SourceReport(), SourceOptions()) == []
        assert contents(corpus) == before
        # Without an earlier export its words are with what there is.
        fresh = tmp_path / f"fresh{min(lacking)}{len(lacking)}"
        collect_to(fresh, path)
        found = {int(key[-1]): record.get("text") for key, record in fields(fresh).items()}
        kept = {1} if len(lacking) == 3 else {1, 2, 3} - lacking
        assert found == dict.fromkeys(kept, "три вида")


def test_names_from_other_systems(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "files/Йод.jpg")
    path = export(
        tmp_path / "export",
        message(1, "мак", file=decomposed, mime_type="image/jpeg"),
        message(9, "окна", photo="photos/9.jpg"),
    )
    text = (path / "result.json").read_text()
    text = text.replace(json.dumps(decomposed, ensure_ascii=False), '"files/Йод.jpg"')
    (path / "result.json").write_text(text.replace("photos/9.jpg", r"photos\\9.jpg"))
    collect_to(tmp_path / "corpus", path)
    assert all(post.photo for post in load(tmp_path / "corpus").values())
    assert len(load(tmp_path / "corpus")) == 2


def test_what_a_range_no_longer_has(tmp_path: Path) -> None:
    posts = [message(n, f"пост {n}") for n in range(1, 9)]
    corpus = tmp_path / "corpus"

    def gone(*messages: dict[str, Any]) -> list[str]:
        path = export(tmp_path / "export", *messages)
        with CorpusWriter(corpus) as writer:
            found = collect_source(path, writer, SourceReport(), SourceOptions())
        return [key.rpartition("/")[2] for key in found]

    assert gone(*posts) == []
    # Only a part of the channel: what lies outside of it is as it was.
    assert gone(*posts[2:4], *posts[5:7]) == ["5"]
    assert len(load(corpus)) == 8
    path = export(tmp_path / "export", *posts[2:7])
    text = (path / "result.json").read_text()
    (path / "result.json").write_text(text.replace('"text": "пост 4"', '"text": "пост 4'))
    report = SourceReport()
    with CorpusWriter(corpus) as writer:
        assert collect_source(path, writer, report, SourceOptions()) == []
    assert report.skipped == {"damaged": 1}
    assert "message 4" in report.notes[0]


def test_header_after_the_messages(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    whole = {"messages": [message(1, "x"), message(2, "y")], **CHANNEL}
    file.write_text(json.dumps(whole))
    collect_to(tmp_path / "corpus", file)
    assert list(load(tmp_path / "corpus")) == [f"telegram/-1001234567890/{n}" for n in (1, 2)]


def test_topics(tmp_path: Path) -> None:
    path = export(
        tmp_path / "export",
        message(1, "", type="service", action="topic_created", title="Коты"),
        message(2, "кот", reply_to_message_id=1),
        message(3, "ответ", reply_to_message_id=2),
        message(4, "не в теме"),
        message(
            5, "", type="service", action="topic_edit", new_title="Кошки", reply_to_message_id=1
        ),
        message(6, "кошка", reply_to_message_id=3),
        type="private_supergroup",
    )
    collect_to(tmp_path / "corpus", path)
    topics = [record.get("topic") for record in fields(tmp_path / "corpus").values()]
    assert topics == ["Коты", "Коты", None, "Кошки"]


def test_again_adds_only_what_is_new_or_edited(tmp_path: Path) -> None:
    first = [message(n, f"пост {n}", photo=f"photos/p{n}.jpg") for n in range(1, 6)]
    collect_to(tmp_path / "corpus", export(tmp_path / "one", *first))
    newer = [dict(one, photo=f"photos/renamed{one['id']}.jpg") for one in first]
    newer[1] |= {"text": "исправлено", "edited_unixtime": "1714644000"}
    newer.append(message(6, "новый"))
    with CorpusWriter(tmp_path / "corpus") as writer:
        report = SourceReport()
        two = export(tmp_path / "two", *newer)
        add_posts(read_export(two, TelegramOptions(), report), writer, report)
        changes = writer.changes
    assert (changes.new, changes.edited, changes.same, changes.photos) == (1, 1, 4, 1)
    posts = load(tmp_path / "corpus")
    assert len(posts) == 6
    assert posts["telegram/-1001234567890/2"].texts[""] == ("исправлено",)


@pytest.mark.parametrize("cut", [60, 400, 900, -3])
def test_export_that_breaks_off(tmp_path: Path, cut: int) -> None:
    path = export(tmp_path / "export", *[message(n, "слова " * 5) for n in range(1, 6)])
    data = (path / "result.json").read_bytes()
    (path / "result.json").write_bytes(data[:cut])
    if cut == 60:
        with pytest.raises(CorpusError, match="not a Telegram export"):
            collect_to(tmp_path / "corpus", path)
        return
    report = collect_to(tmp_path / "corpus", path)
    assert report.broken is not None
    assert 1 <= len(load(tmp_path / "corpus")) <= 5


def test_not_an_export(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"result\.json"):
        collect_to(tmp_path / "corpus", tmp_path)
    for text in ("{}", "[1, 2]", "", "\xff\xfe", '{"messages": [{"id": 1}]}'):
        file = tmp_path / "result.json"
        file.write_text(text)
        with pytest.raises(CorpusError):
            collect_to(tmp_path / "corpus", file)


def test_odd_messages_do_no_harm(tmp_path: Path) -> None:
    odd = [
        {"id": "x", "text": "no number"},
        message(2, {"type": "bold"}),
        message(3, "ok", date_unixtime="soon", date=5),
        message(4, None, photo=7),
        message(5, "ok", edited_unixtime=10**18, reply_to_message_id="x"),
    ]
    collect_to(tmp_path / "corpus", export(tmp_path / "export", *odd))
    assert len(load(tmp_path / "corpus")) == 2


def test_kill_and_go_on(tmp_path: Path, collect: Collect) -> None:
    same = {"date_unixtime": "1714557600"}
    messages = [
        message(n, f"пост номер {n}" if n % 3 else "", photo=f"photos/p{n}.jpg", **same)
        for n in range(1, 401)
    ]
    path = export(tmp_path / "export", *messages)
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert collect("telegram-export", path, "--out", undisturbed).returncode == 0
    for stored in (1, 100, 300):
        collect.kill_when(
            lambda stored=stored: photos_in(killed) >= stored,  # type: ignore[misc]
            "telegram-export",
            path,
            "--out",
            killed,
        )
    done = collect("telegram-export", path, "--out", killed)
    assert done.returncode == 0, done.stderr
    assert contents(killed) == contents(undisturbed)
    assert len(load(killed)) == 400
