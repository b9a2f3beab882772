from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.collect.helpers import Collect, contents, jpeg, load, photos_in
from tests.training.collect.vk_server import VkServer, error, serving
from training.__main__ import main
from training.collect.vk import VkCollector, VkOptions, VkReport, _whole, largest
from training.collect.vk_api import Ask, VkClient, VkError
from training.corpus.writer import Changes, CorpusWriter
from training.progress import Progress


@pytest.fixture
def server() -> Iterator[VkServer]:
    with serving(VkServer()) as found:
        yield found


async def run(
    server: VkServer, corpus: Path, owner: str = "-7", ask: Ask | None = None, **options: Any
) -> tuple[VkReport, Changes]:
    token, urls = options.pop("token", "secret"), options.pop("urls", None)
    with CorpusWriter(corpus) as writer:
        async with VkClient(token, urls=urls or [server.url], pause=0.01, ask=ask) as client:
            collector = VkCollector(client, writer, VkOptions(**options))
            await collector.collect(owner)
        return collector.report, writer.changes


def raw(corpus: Path) -> dict[str, dict[str, Any]]:
    return {
        record["id"]: record
        for record in map(json.loads, (corpus / "posts.jsonl").read_text().splitlines())
    }


async def test_wall(server: VkServer, tmp_path: Path) -> None:
    origin = server.post(-9, 5, "из другой группы", 50)
    server.walls[-7] = [
        server.post(
            -7, 4, "Пишите [id5|Ане] или @petya, 8 912 345 67 89", from_id=33, signer_id=33
        ),
        server.post(-7, 3, "", copy_history=[origin]),
        server.post(-7, 2, "два вида", 21, 22, marked_as_ads=1),
        server.post(-7, 1, "закат", 11, edited=1700009999),
        {"id": 0, "owner_id": -7, "is_deleted": True},
        server.post(-7, -1, ""),
    ]
    report, changes = await run(server, tmp_path)
    posts, fields = load(tmp_path), raw(tmp_path)
    assert list(posts) == [
        "vk/wall-7_4",
        "vk/wall-7_3/photo-9_50",
        "vk/wall-7_2/photo-7_21",
        "vk/wall-7_2/photo-7_22",
        "vk/wall-7_1/photo-7_11",
    ]
    assert posts["vk/wall-7_4"].texts[""] == ("Пишите @user или @user, @phone",)
    repost = fields["vk/wall-7_3/photo-9_50"]
    assert repost["forwarded_from"] == "https://vk.com/wall-9_5"
    assert repost["text"] == "из другой группы"
    assert fields["vk/wall-7_2/photo-7_22"]["album"] == "vk/wall-7_2"
    assert fields["vk/wall-7_2/photo-7_22"]["marked_as_ads"] is True
    sunset = posts["vk/wall-7_1/photo-7_11"]
    assert sunset.photo is not None
    assert sunset.photo.read_bytes() == jpeg(11)
    assert sunset.date == "2023-11-14T22:13:21Z"
    assert (sunset.url, sunset.source) == ("https://vk.com/wall-7_1", "https://vk.com/club7")
    assert fields["vk/wall-7_1/photo-7_11"]["edited"] == "2023-11-15T00:59:59Z"
    assert all(name.endswith("_z.jpg") for name in server.downloads)
    assert "33" not in "".join(str(record.get("author")) for record in fields.values())
    assert all(form["v"] == "5.199" for _, form, _ in server.calls)
    assert (report.posts, changes.new, changes.photos) == (6, 5, 4)


async def test_again_only_what_is_new(server: VkServer, tmp_path: Path) -> None:
    server.walls[-7] = [server.post(-7, n, f"пост {n}", n) for n in range(350, 0, -1)]
    await run(server, tmp_path)
    calls, downloads = len(server.calls), len(server.downloads)
    assert (calls, downloads) == (4, 350)
    server.walls[-7].insert(0, server.post(-7, 351, "новый", 351))
    server.walls[-7][1]["text"] = "исправлено"
    _, changes = await run(server, tmp_path)
    assert (changes.new, changes.edited) == (1, 1)
    # The first page had news, the second had none.
    assert len(server.calls) - calls == 2
    assert len(server.downloads) - downloads == 1
    server.walls[-7][320]["text"] = "старое исправлено"
    _, changes = await run(server, tmp_path)
    assert changes.edited == 0
    _, changes = await run(server, tmp_path, full=True)
    assert changes.edited == 1
    assert len(load(tmp_path)) == 351


async def test_photos_that_a_post_lost_or_gained(server: VkServer, tmp_path: Path) -> None:
    server.walls[-7] = [server.post(-7, 1, "текст", 1, 2), server.post(-7, 12, "текст", 5)]
    await run(server, tmp_path)
    server.walls[-7][0] = server.post(-7, 1, "текст", 2, 3)
    _, changes = await run(server, tmp_path)
    assert changes.removed == 1
    assert sorted(load(tmp_path)) == [
        "vk/wall-7_1/photo-7_2",
        "vk/wall-7_1/photo-7_3",
        "vk/wall-7_12/photo-7_5",
    ]


async def test_albums(server: VkServer, tmp_path: Path) -> None:
    server.albums[-7] = [
        {"id": 100, "title": "Море", "size": 2},
        {"id": -6, "title": "Фото профиля", "size": 1},
        {"id": -7, "title": "Со стены", "size": 1},
        {"id": 200, "title": "Закрытый", "size": 1},
    ]
    server.photos[-7, "100"] = [server.photo(-7, 1, text="волна"), server.photo(-7, 2)]
    server.photos[-7, "profile"] = [server.photo(-7, 3)]
    server.photos[-7, "wall"] = [server.photo(-7, 4)]
    server.denied["photos.get 200"] = error(200, "Access denied")
    report, _ = await run(server, tmp_path, wall=False, albums=True)
    posts = load(tmp_path)
    assert list(posts) == [f"vk/photo-7_{n}" for n in (1, 2, 3, 4)]
    assert posts["vk/photo-7_1"].texts[""] == ("волна",)
    assert raw(tmp_path)["vk/photo-7_2"]["topic"] == "Море"
    assert len(report.denied) == 1
    assert "album 200" in report.denied[0]


@pytest.mark.parametrize(
    "fault",
    [
        error(6, "Too many requests per second"),
        error(9, "Flood control"),
        error(10, "Internal server error"),
        error(1, "Unknown error occurred"),
        502,
        "<html>not json",
        "[]",
    ],
)
async def test_faults_that_pass(server: VkServer, tmp_path: Path, fault: Any) -> None:
    server.walls[-7] = [server.post(-7, 1, "пост")]
    server.faults = [fault, fault]
    await run(server, tmp_path)
    assert len(load(tmp_path)) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (error(5, "User authorization failed"), "does not accept the token"),
        (error(29, "Rate limit reached"), "tomorrow"),
        (error(14, "Captcha needed", captcha_sid="1", captcha_img="http://x/c.jpg"), "captcha"),
        (error(100, "One of the parameters is invalid"), "error 100"),
    ],
)
async def test_faults_that_stop(server: VkServer, tmp_path: Path, fault: Any, message: str) -> None:
    server.walls[-7] = [server.post(-7, n, f"пост {n}") for n in range(150, 0, -1)]
    server.faults = [{"response": {"count": 150, "items": server.walls[-7][:100]}}, fault]
    with pytest.raises(VkError, match=message) as caught:
        await run(server, tmp_path)
    assert "secret" not in str(caught.value)
    # What was collected is kept, and the next run does not stop at it.
    assert len(load(tmp_path)) == 100
    await run(server, tmp_path)
    assert len(load(tmp_path)) == 150


async def test_a_fault_that_stays(server: VkServer, tmp_path: Path) -> None:
    server.faults = [500] * 99
    with pytest.raises(VkError, match="failed 6 times"):
        await run(server, tmp_path)


@pytest.mark.parametrize("code", [15, 18, 30])
async def test_closed_walls_are_passed_over(server: VkServer, tmp_path: Path, code: int) -> None:
    server.denied["wall.get -7"] = error(code)
    server.albums[-7] = [{"id": 100, "title": "x"}]
    server.photos[-7, "100"] = [server.photo(-7, 1, text="волна")]
    report, _ = await run(server, tmp_path, albums=True)
    assert len(report.denied) == 1
    assert len(load(tmp_path)) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (37, "the page is banned"),
        (1051, "this kind of token may not read it"),
        (1117, "the token: it has expired"),
        (5, "the token: it is not valid"),
        (104, "it is not there"),
        (4242, "error 4242"),
    ],
)
def test_only_that_owner_stops(
    server: VkServer,
    tmp_path: Path,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VK_TOKEN", "secret")
    server.denied["wall.get -7"] = error(code)
    server.walls[-9] = [server.post(-9, 1, "пост")]
    command = ["collect", "vk", "--owner", "-7", "--owner", "club9", "--api", server.url]
    status = main([*command, "--out", str(tmp_path)])
    captured = capsys.readouterr()
    assert words in captured.out + captured.err
    assert status == (0 if code in (37, 1051, 104) else 1)
    assert list(load(tmp_path)) == ["vk/wall-9_1"]


def test_a_dry_run_downloads_nothing(
    server: VkServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VK_TOKEN", "secret")
    server.walls[-7] = [server.post(-7, n, f"пост {n}", n) for n in (2, 1)]
    corpus = tmp_path / "corpus"
    command = ["collect", "vk", "--owner", "-7", "--api", server.url, "--out", str(corpus)]
    assert main([*command, "--dry-run"]) == 0
    assert "would be 2 new" in capsys.readouterr().out
    assert server.downloads == []
    assert not corpus.exists()
    assert main(command) == 0
    assert len(load(corpus)) == 2


async def test_the_other_address_is_tried(server: VkServer, tmp_path: Path) -> None:
    server.walls[-7] = [server.post(-7, n, f"пост {n}") for n in range(150, 0, -1)]
    await run(server, tmp_path, urls=["http://127.0.0.1:9", server.url])
    assert len(load(tmp_path)) == 150
    with pytest.raises(VkError, match="failed 6 times"):
        await run(server, tmp_path, urls=["http://127.0.0.1:9", "http://127.0.0.1:9"])


async def test_pictures_of_all_attachments(server: VkServer, tmp_path: Path) -> None:
    def url(number: int) -> str:
        return f"{server.url}/photo/-7_{number}_z.jpg"

    def sizes(number: int, name: str = "sizes", key: str = "url") -> dict[str, Any]:
        return {name: [{key: url(number), "width": 640, "height": 480, "type": "z"}]}

    def attached(kind: str, number: int | str, **more: Any) -> dict[str, Any]:
        return {"type": kind, kind: {"id": number, "owner_id": -7, **more}}

    link = {"url": "https://x.ru", "title": "О чём", "description": "статья"}
    attachments: list[dict[str, Any]] = [
        {"type": "photo", "photo": server.photo(-7, 1, text="слова у фото")},
        attached("doc", 2, title="IMG.png", preview={"photo": sizes(2, key="src")}),
        {"type": "link", "link": {**link, "photo": {"id": 3, "owner_id": -7, **sizes(3)}}},
        attached("video", 4, title="Ролик", **sizes(4, "image")),
        attached("video", 5, photo_320=url(5)),
        attached("posted_photo", 6, photo_604=url(6)),
        attached("album", "7", title="Море", thumb=server.photo(-7, 7)),
        attached("audio", 8, title="песня"),
        {"type": "link", "link": {"url": "https://y.ru", "title": "без картинки"}},
        attached("doc", 9, title="a.pdf"),
        {"type": "photo", "photo": None},
    ]
    second, reposted = server.post(-8, 1, "второй", 11), server.post(-9, 1, "первый", 10)
    server.walls[-7] = [
        server.post(-7, 1, "", attachments=attachments),
        server.post(-7, 2, "со словами", 1, copy_history=[second, reposted]),
    ]
    report, _ = await run(server, tmp_path)
    fields = {key.removeprefix("vk/wall-7_"): record for key, record in raw(tmp_path).items()}
    first = {key: record for key, record in fields.items() if key.startswith("1/")}
    assert {key: (record["text"], record.get("media")) for key, record in first.items()} == {
        "1/photo-7_1": ("слова у фото", None),
        "1/doc-7_2": ("", "doc"),
        "1/link-7_3": ("О чём\nстатья", "link"),
        "1/video-7_4": ("Ролик", "video"),
        "1/video-7_5": ("", "video"),
        "1/posted_photo-7_6": ("", None),
        "1/album-7_7": ("Море", "album"),
    }
    assert len({record["album"] for record in first.values()}) == 1
    assert [key for key in fields if key.startswith("2/")] == [
        "2/photo-7_1",
        "2/photo-8_11",
        "2/photo-9_10",
    ]
    assert fields["2/photo-9_10"]["text"] == "со словами\n\nвторой\n\nпервый"
    assert report.attached["photos"] == 5
    assert report.attached["previews of videos"] == 2
    assert "pictures of links 1" in str(report)


async def test_owners_in_every_form(server: VkServer, tmp_path: Path) -> None:
    server.walls[-7] = [server.post(-7, 1, "пост")]
    for number, form in enumerate(
        (
            "club7",
            "public7",
            "https://vk.com/club7",
            "vk.ru/event7",
            "https://m.vk.com/wall-7_1",
            "https://vk.com/photo-7_12?z=x",
            "@club7",
        )
    ):
        await run(server, tmp_path / str(number), owner=form)
        assert len(load(tmp_path / str(number))) == 1, form


async def test_captcha_is_answered(server: VkServer, tmp_path: Path) -> None:
    server.walls[-7] = [server.post(-7, 1, "пост")]
    server.faults = [error(14, "Captcha needed", captcha_sid="77", captcha_img="http://x/c.jpg")]
    asked: list[str] = []

    def ask(picture: str) -> str:
        asked.append(picture)
        return "z8k"

    await run(server, tmp_path, ask=ask)
    assert asked == ["http://x/c.jpg"]
    form = server.calls[-1][1]
    assert (form["captcha_sid"], form["captcha_key"]) == ("77", "z8k")


async def test_three_calls_a_second(server: VkServer, tmp_path: Path) -> None:
    server.walls[-7] = [server.post(-7, n, f"пост {n}") for n in range(601, 0, -1)]
    await run(server, tmp_path)
    times = [time for _, _, time in server.calls]
    assert len(times) == 7
    assert times[-1] - times[0] >= 6 / 3 - 0.1


async def test_downloads(server: VkServer, tmp_path: Path) -> None:
    server.walls[-7] = [server.post(-7, n, f"пост {n}", n) for n in range(1, 6)]
    server.photo_faults = {
        "1": [500, "cut", "html"],
        "2": [404],
        "3": ["html"] * 9,
        "4": [503] * 99,
    }
    report, _ = await run(server, tmp_path)
    fields = raw(tmp_path)
    assert fields["vk/wall-7_1/photo-7_1"]["sha256"]
    assert "photo" not in fields["vk/wall-7_2/photo-7_2"]
    assert "photo" not in fields["vk/wall-7_3/photo-7_3"]
    assert "vk/wall-7_4/photo-7_4" not in fields
    assert report.failed == 1
    assert report.lost.total() == 2
    # What failed for the moment is fetched by the next run.
    server.photo_faults.clear()
    await run(server, tmp_path)
    assert load(tmp_path)["vk/wall-7_4/photo-7_4"].photo is not None


async def test_short_names(server: VkServer, tmp_path: Path) -> None:
    server.walls[-7] = [server.post(-7, 1, "пост")]
    await run(server, tmp_path, owner="https://vk.com/sunsets")
    assert len(load(tmp_path)) == 1
    with pytest.raises(VkError, match="knows no person"):
        await run(server, tmp_path, owner="nobody")


async def test_pictures_of_rare_attachments(server: VkServer, tmp_path: Path) -> None:
    def size(number: int, **more: Any) -> dict[str, Any]:
        url = f"{server.url}/photo/-7_{number}_z.jpg"
        return {"url": url, "width": 640, "height": 480, **more}

    card = {"card_id": "-7_3", "title": "Кружка", "images": [size(3)]}
    attachments: list[Any] = [
        # A drawing that was sent as a document; a picture without a preview, and a book.
        {"type": "doc", "doc": {"id": 1, "owner_id": 5, "preview": {"graffiti": size(1)}}},
        {"type": "doc", "doc": {"id": 2, "owner_id": 5, "type": 4, "url": size(2)["url"]}},
        {"type": "doc", "doc": {"id": 9, "owner_id": 5, "type": 7, "url": size(9)["url"]}},
        {"type": "pretty_cards", "pretty_cards": {"cards": [card, {**card, "card_id": "-7_4"}]}},
        {"type": "graffiti", "graffiti": {"id": 5, "owner_id": 5, **size(5)}},
        {"type": "podcast", "podcast": {"id": 6, "owner_id": -7, "title": "Выпуск",
         "podcast_info": {"cover": {"sizes": [size(6)]}}}},
        {"type": "sticker", "sticker": {"sticker_id": 7, "images": [size(7)]}},
        {"type": "poll", "poll": {"id": 8, "owner_id": -7, "photo": {"images": [size(8)]}}},
        {"type": "photo", "photo": {"id": 10, "owner_id": -7, "orig_photo": size(10, type="base")}},
        {"type": "photo", "photo": {"id": 11, "owner_id": -7, "sizes": [{"url": "/a.png"}]}},
        {"type": "photos_list", "photos_list": ["-7_1"]},
        {"type": "../x", "../x": size(12)},
        None,
    ]  # fmt: skip
    gone = {"id": 3, "owner_id": -9, "deleted_reason": "Пост удалён"}
    server.walls[-7] = [
        None,  # type: ignore[list-item]
        server.post(-7, 1, "", attachments=attachments, copy_history=[gone, None]),
    ]
    report, _ = await run(server, tmp_path)
    kept = [key.removeprefix("vk/wall-7_1/") for key in load(tmp_path)]
    assert [re.sub(r"[0-9a-f]{12}", "#", key) for key in kept] == [
        *("doc5_1", "doc5_2", "pretty_cards0_#", "pretty_cards0_#", "graffiti5_5", "podcast-7_6"),
        *("sticker0_#", "photo-7_10"),
    ]
    assert report.attached["other pictures"] == 2
    assert report.lost["no address"] == 1


ODD: list[Any] = [None, True, "", "12", "\ud83d", -1, 1.5, 2**70, [], {}, [None], [[]], {"id": {}}]


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_no_field_is_relied_on(data: st.DataObject) -> None:
    server = VkServer()
    server.url = "http://x"
    video = {"id": 1, "owner_id": -7, "image": [{"url": "http://x/1.jpg", "width": 1}]}
    origin = server.post(-9, 5, "первый", 50)
    post = server.post(-7, 1, "второй", 1, copy_history=[origin], edited=5, signer_id=5)
    post["attachments"].append({"type": "video", "video": video})
    photo = origin["attachments"][0]["photo"]
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], dict | list):
                walk(value[key])

    walk(post)
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(st.sampled_from(ODD))
    collector = VkCollector(None, None, VkOptions(authors=True))  # type: ignore[arg-type]
    if _whole(post):
        group = collector._post(post)
        assert all(json.dumps(one.record) and "photo" in one.record for one in group.wanted)
    if _whole(photo):
        collector._album_photo(photo, "x")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            {"error": "invalid_token", "error_description": "was revoked"},
            "invalid_token was revoked",
        ),
        ({"error": {"error_code": "15", "error_msg": "no"}}, "access is denied"),
        ({"error": {"error_code": [], "error_msg": None}}, "error 0"),
        ({"error": {"error_code": 3609}}, "has to be renewed"),
        ({"error": {"error_code": 14, "redirect_uri": "https://id.vk.com/x"}}, "Wait an hour"),
        ({"response": None}, ""),
        ({"response": False, "execute_errors": [{"error_code": 1}]}, ""),
        ({"response": {"count": None, "items": {"a": 1}}}, ""),
    ],
)
async def test_odd_answers(server: VkServer, tmp_path: Path, answer: Any, words: str) -> None:
    server.faults = [answer]
    said = ""
    try:
        report, _ = await run(server, tmp_path, ask=lambda _: "x")
        said = "\n".join(report.denied)
    except VkError as error:
        said = str(error)
    assert words in said
    assert bool(words) == bool(said)


async def test_albums_that_are_views_are_left_out(server: VkServer, tmp_path: Path) -> None:
    server.albums[-7] = [{"id": -9000, "title": "Со мной"}, {"id": "100", "title": None}]
    server.photos[-7, "100"] = [server.photo(-7, 1)]
    report, _ = await run(server, tmp_path, wall=False, albums=True)
    assert "Со мной" in str(report)
    assert len(load(tmp_path)) == 1


def test_largest() -> None:
    def size(kind: str, side: int) -> dict[str, Any]:
        return {"type": kind, "width": side, "height": side, "url": f"https://{kind}"}

    assert largest({"sizes": [size("w", 2560), size("z", 1080)]}) == "https://w"
    assert largest({"sizes": [size("s", 0), size("z", 0), size("m", 0)]}) == "https://z"
    orig = {"url": "https://orig", "width": 4000, "height": 3000}
    assert largest({"sizes": [size("w", 2560)], "orig_photo": orig}) == "https://orig"
    assert largest({"sizes": []}) is None
    assert largest({}) is None


def test_kill_and_go_on(server: VkServer, tmp_path: Path, collect: Collect) -> None:
    server.walls[-7] = [server.post(-7, n, f"пост {n}", n) for n in range(240, 0, -1)]
    server.delay = 0.003
    command = ("vk", "--owner", "-7", "--wall", "--api", server.url, "--out")
    token = {"VK_TOKEN": "secret"}
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert collect(*command, undisturbed, env=token).returncode == 0
    for stored in (1, 90, 160):
        collect.kill_when(
            lambda stored=stored: photos_in(killed) >= stored,  # type: ignore[misc]
            *command,
            killed,
            env=token,
        )
    done = collect(*command, killed, env=token)
    assert done.returncode == 0, done.stderr
    assert "secret" not in done.stdout + done.stderr
    assert contents(killed) == contents(undisturbed)
    assert len(load(killed)) == 240


def test_no_token(tmp_path: Path, collect: Collect) -> None:
    done = collect("vk", "--owner", "-7", "--out", tmp_path / "c", env={"VK_TOKEN": ""})
    assert done.returncode == 1
    assert "VK_TOKEN" in done.stderr
    assert not (tmp_path / "c").exists()


async def test_progress_is_shown_where_there_is_a_terminal(
    server: VkServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    server.walls[-7] = [server.post(-7, n, f"пост {n}") for n in range(150, 0, -1)]
    await run(server, tmp_path / "loud", progress=Progress())
    assert "wall of -7: 100%" in capsys.readouterr().err
    await run(server, tmp_path / "quiet")
    assert capsys.readouterr().err == ""
