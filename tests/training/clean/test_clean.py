from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.cleaning.rules import Verdict
from engine.corpus.reader import Report, read_corpus
from engine.errors import CorpusError, ModelError
from tests.training.collect.helpers import jpeg
from training.clean.photos import PhotoCache
from training.clean.rules import limit_from
from training.commands import clean as cli
from training.corpus.apply import put_back, take_out
from training.corpus.dropped import dropped_file, read_dropped
from training.corpus.writer import CorpusWriter


def corpus(path: Path, *records: dict[str, Any] | bytes) -> Path:
    (path / "photos").mkdir(parents=True, exist_ok=True)
    lines = [r if isinstance(r, bytes) else json.dumps(r, ensure_ascii=False) for r in records]
    data = b"".join((x if isinstance(x, bytes) else x.encode()) + b"\n" for x in lines)
    (path / "posts.jsonl").write_bytes(data)
    return path


def clean(path: Path, *options: object) -> int:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return cli.run(parser.parse_args([str(path), *map(str, options)]))


def ids(path: Path) -> list[str]:
    return [post.id for post in read_corpus(path, report=Report())]


def dropped(path: Path) -> dict[str, str]:
    found = {}
    for entry in read_dropped(path):
        try:
            found[json.loads(entry.line)["id"]] = entry.rule
        except ValueError:
            found[entry.line.decode("utf-8", "replace")] = entry.rule
    return found


def recompressed(seed: int) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(jpeg(seed))).resize((80, 70)).save(file, "JPEG", quality=60)
    return file.getvalue()


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    path = tmp_path / "mixed"
    (path / "photos").mkdir(parents=True)
    for name, data in {
        "a": jpeg(1),
        "copy": jpeg(1),
        "near": recompressed(1),
        "b": jpeg(2),
        "cut": jpeg(3)[:400],
        "tiny": jpeg(4, size=40),
        "c": jpeg(5),
        "d": jpeg(6),
    }.items():
        (path / "photos" / f"{name}.jpg").write_bytes(data)
    lake = "Туманное утро на лесном озере, рыбак стоит в лодке"

    def post(key: str, text: str, photo: str | None = None, **more: Any) -> dict[str, Any]:
        return {"id": key, "photo": photo and f"photos/{photo}.jpg", "text": text} | more

    return corpus(
        path,
        post("good", lake, "a"),
        b"{broken",
        b'{"id": "\xff"}',
        post("copy", "Тихое озеро утром, лодка и рыбак", "copy"),
        post("near", "An early morning on a forest lake", "near"),
        post("cut", "Старый мост через узкую реку", "cut"),
        post("tiny", "Дорога уходит в далёкие горы", "tiny"),
        post("gone", "Дорога уходит в горы", "gone"),
        post("short", "ну вот и всё"),
        post("advert", "Продам диван, 5000 руб, самовывоз, звоните 8 912 345 67 89"),
        post("marked", "Чайки кружат над старым маяком у моря", marked_as_ads=True),
        post("same words", lake, "b"),
        post("said", "Вечером на реке было тихо, только лодки скрипели"),
        post("repost", "RT @anna: ВЕЧЕРОМ НА РЕКЕ БЫЛО ТИХО, ТОЛЬКО ЛОДКИ СКРИПЕЛИ! t.co/x"),
        post("album1", "Три вида старого города с колокольни", "c", album="x"),
        post("album2", "Три вида старого города с колокольни", "d", album="x"),
        post("twice", "Продам гараж, 200 тыс, торг, звоните вечером"),
        post("twice", "A girl in a yellow coat feeds pigeons in the square"),
    )


def test_every_rule(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (mixed / "posts.jsonl").read_bytes()
    assert clean(mixed) == 0
    assert ids(mixed) == ["good", "same words", "said", "album1", "album2", "twice"]
    found = dropped(mixed)
    assert found.pop("{broken") == "unreadable"
    assert found == {
        '{"id": "\ufffd"}': "unreadable",
        "copy": "same photo",
        "near": "near-duplicate photo",
        "cut": "broken photo",
        "tiny": "tiny photo",
        "gone": "unreadable",
        "short": "too short",
        "advert": "advert",
        "marked": "advert",
        "repost": "same text",
        "twice": "replaced",
    }
    said = capsys.readouterr().out
    assert said.startswith(
        "kept 6 of 18: 3 unreadable lines, 1 replaced by a later line, 1 broken photo, "
        "1 tiny photo, 1 too short, 2 adverts, 1 copy of a photo, 1 near-duplicate photo, "
        "1 repost of a text"
    )
    report = (mixed / "cleaning" / "report.md").read_text()
    assert "marked as an advert by its source" in report
    assert "Languages of the posts that stay: ru 5, en 1." in report
    facts = json.loads((mixed / "cleaning" / "report.json").read_text())
    assert facts["kept"] == 6
    assert facts["dropped"]["advert"] == 2
    for sheet in (mixed / "cleaning").glob("sheet-*.jpg"):
        assert sheet.name in report
        with Image.open(sheet) as image:
            assert np.asarray(image.convert("L")).std() > 5
    assert clean(mixed, "--undo") == 0
    assert (mixed / "posts.jsonl").read_bytes() == before
    assert not dropped_file(mixed).exists()


def test_the_best_of_copies_stays_and_takes_over_their_words(tmp_path: Path) -> None:
    path = corpus(
        tmp_path / "c",
        {"id": "thumb", "photo": "photos/thumb.jpg", "text": ""},
        {"id": "small", "photo": "photos/small.jpg", "text": "Лодка у берега тихого озера"},
        {"id": "large", "photo": "photos/large.jpg", "text": "A boat on a quiet lake"},
        {"id": "bare", "photo": "photos/bare.jpg"},
    )
    for name, size in {"thumb": 70, "small": 90, "large": 120, "bare": 160}.items():
        (path / "photos" / f"{name}.jpg").write_bytes(jpeg(1, size=size))
    before = (path / "posts.jsonl").read_bytes()
    clean(path, "--min-tokens", 0)
    (kept,) = read_corpus(path, report=Report())
    assert kept.id == "large"
    assert kept.texts == {"": ("A boat on a quiet lake", "Лодка у берега тихого озера")}
    clean(path, "--min-tokens", 0)  # again
    (kept,) = read_corpus(path, report=Report())
    assert kept.texts == {"": ("A boat on a quiet lake", "Лодка у берега тихого озера")}
    clean(path, "--undo")
    assert (path / "posts.jsonl").read_bytes() == before
    texts = {post.id: post.texts for post in read_corpus(path, report=Report())}
    assert texts["large"] == {"": ("A boat on a quiet lake",)}


def test_one_caption_of_many_photos_is_no_repost(tmp_path: Path) -> None:
    path = corpus(
        tmp_path / "c",
        *(
            {"id": str(n), "photo": f"photos/{n}.jpg", "text": "Обои на телефон, скачать тут"}
            for n in range(6)
        ),
        {"id": "one", "text": "Photo 1 of our long walk along the river"},
        {"id": "two", "text": "Photo 2 of our long walk along the river"},
    )
    for n in range(6):
        (path / "photos" / f"{n}.jpg").write_bytes(jpeg(n))
    clean(path)
    assert dropped(path) == {}


@pytest.mark.parametrize("line", ["👉 Подписывайтесь: @my_channel", "Скидки 50% по промокоду X"])
def test_a_line_under_each_post_makes_none_an_advert(tmp_path: Path, line: str) -> None:
    things = ["лодка", "чайка", "мост", "берег", "парус", "маяк", "песок"]
    said = [f"Вот {one} и {other}, утро у моря" for one in things for other in things]
    posts = [{"id": str(n), "text": f"{text}\n#море\n\n{line}"} for n, text in enumerate(said)]
    path = corpus(tmp_path / "c", *posts)
    clean(path)
    assert dropped(path) == {}
    # Said once, it is an advert.
    advert = {"id": "1", "text": f"Скидки на всё!\n{line}"}
    alone = corpus(tmp_path / "d", advert)
    clean(alone)
    assert dropped(alone) == {"1": "advert"}
    # What went before the line had recurred comes back.
    first = {"id": "0", "text": f"Новый диван на даче\n{line}"}
    growing = corpus(tmp_path / "e", first, advert)
    clean(growing)
    before = dropped(growing)
    with (growing / "posts.jsonl").open("a") as file:
        file.writelines(json.dumps({**post, "id": f"n{post['id']}"}) + "\n" for post in posts)
    clean(growing)
    assert before["1"] == "advert"
    assert "0" not in dropped(growing)


def test_many_adverts_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    things = ["диван", "шкаф", "стол", "стул", "ковёр"]
    sold = [f"Продам {one} и {other}, 5000 руб" for one in things for other in things]
    adverts = [{"id": f"a{n}", "text": text} for n, text in enumerate(sold[:20])]
    posts = [{"id": f"p{n}", "text": f"Утро у моря, чайка номер {n}"} for n in range(20)]
    clean(corpus(tmp_path / "c", *adverts, *posts))
    said = capsys.readouterr().out
    assert "20 of 40 posts (50%) were taken for adverts" in said
    # A small share of all, but not of the source that they are from.
    few = [one | {"source": "Барахолка"} for one in (*adverts[:3], *posts[:17])]
    more = [{"id": f"m{n}", "text": f"Вечер в лесу, сова номер {n}"} for n in range(60)]
    clean(corpus(tmp_path / "d", *few, *more))
    assert "3 of 20 posts of 'Барахолка' (15%) were taken" in capsys.readouterr().out
    long = "Старый мост висит над самой водой и тихо скрипит"
    clean(corpus(tmp_path / "e", *({"id": f"s{n}", "text": long} for n in range(9))))
    assert "8 of 9 posts (89%) were left out: reposts of a text" in capsys.readouterr().out
    assert "image2pic label" in said


def test_options_and_cleaning_again(mixed: Path) -> None:
    before = (mixed / "posts.jsonl").read_bytes()
    clean(mixed)
    clean(mixed, "--keep-adverts", "--min-tokens", 0, "--min-side", 10, "--distance", -1)
    assert set(dropped(mixed)) >= {"copy", "cut", "gone", "repost"}
    assert {"advert", "marked", "short", "tiny", "near"} <= set(ids(mixed))
    clean(mixed, "--threshold", "1", "--min-tokens", 99)
    assert ids(mixed) == []
    clean(mixed, "--undo")
    assert (mixed / "posts.jsonl").read_bytes() == before


def test_dry_run_changes_nothing(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (mixed / "posts.jsonl").read_bytes()
    clean(mixed, "--dry-run")
    assert capsys.readouterr().out.startswith("kept 6 of 18")
    assert (mixed / "posts.jsonl").read_bytes() == before
    assert (mixed / "cleaning" / "report.md").is_file()
    clean(mixed)
    with pytest.raises(CorpusError, match="--undo"):
        clean(mixed, "--dry-run")


def test_posts_that_came_since_are_judged_too(mixed: Path) -> None:
    clean(mixed)
    with CorpusWriter(mixed) as writer:
        # As collected again: unchanged, edited and new.
        assert writer.ids_below("advert") == {"advert"}
        writer.put({"id": "advert", "text": "Лиса перебежала дорогу и скрылась в поле"})
        writer.put({"id": "new", "text": "Скидки 50% на всё, промокод ЛЕТО, заказ на сайте"})
    clean(mixed)
    assert "advert" in ids(mixed)
    assert dropped(mixed)["new"] == "advert"


@given(st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_taking_out_and_putting_back(tmp_path: Path, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 12))
    path = corpus(tmp_path / "c", *[{"id": str(n), "text": "x"} for n in range(count)])
    before = (path / "posts.jsonl").read_bytes()
    out = data.draw(st.sets(st.integers(1, max(1, count))))
    verdicts = {line: Verdict("advert", "why") for line in out}
    take_out(path, verdicts, {}, lambda *_: None)
    with (path / "posts.jsonl").open("ab") as file:
        file.write(b'{"id": "later", "text": "y"}\n')
    assert put_back(path) == len([line for line in out if line <= count])
    assert (path / "posts.jsonl").read_bytes() == before + b'{"id": "later", "text": "y"}\n'


@pytest.mark.parametrize("step", [1, 2, 3])
def test_stopped_between_any_two_steps(
    mixed: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rename and removal in turn is the last thing that happens."""
    before = (mixed / "posts.jsonl").read_bytes()
    clean(mixed, "--keep-adverts")
    steps = 0

    class Killed(BaseException):
        pass

    def counting(original: Any) -> Any:
        def call(self: Path, *args: Any, **options: Any) -> Any:
            nonlocal steps
            result = original(self, *args, **options)
            if self.name.startswith(("posts.jsonl", "dropped.jsonl")):
                steps += 1
                if steps == step:
                    raise Killed
            return result

        return call

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", counting(Path.replace))
        patched.setattr(Path, "unlink", counting(Path.unlink))
        with pytest.raises(Killed):
            clean(mixed)
    clean(mixed)
    assert ids(mixed) == ["good", "same words", "said", "album1", "album2", "twice"]
    clean(mixed, "--undo")
    assert sorted((mixed / "posts.jsonl").read_bytes().splitlines()) == sorted(before.splitlines())


def test_damaged_list_of_what_was_taken_out(mixed: Path) -> None:
    clean(mixed)
    kept = (mixed / "posts.jsonl").read_bytes()
    dropped_file(mixed).write_text('{"at": "x"}\n')
    with pytest.raises(CorpusError, match="damaged"):
        clean(mixed)
    assert (mixed / "posts.jsonl").read_bytes() == kept


def test_not_while_a_collector_writes(mixed: Path) -> None:
    with CorpusWriter(mixed) as writer:
        writer.put({"id": "x", "text": "y"})
        writer.commit()
        with pytest.raises(CorpusError, match="another run"):
            clean(mixed)


def test_what_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="missing"):
        clean(tmp_path)
    path = corpus(tmp_path / "c", {"id": "1", "text": "x"})
    (tmp_path / "bad.npz").write_text("x")
    with pytest.raises(ModelError):
        clean(path, "--filter", tmp_path / "bad.npz")


def test_empty_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean(corpus(tmp_path / "c"))
    assert capsys.readouterr().out.startswith("kept 0 of 0\n")


def test_photos_are_measured_once(mixed: Path) -> None:
    photo = mixed / "photos" / "a.jpg"
    cache = PhotoCache(mixed)
    ((_, first),) = cache.measured([("x", photo)])
    cache.close()
    (mixed / "cleaning" / "photos.sqlite").chmod(0o644)
    stamp = photo.stat()
    photo.write_bytes(bytes(len(photo.read_bytes())))
    os.utime(photo, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    cache = PhotoCache(mixed)
    assert list(cache.measured([("x", photo), ("y", None)])) == [("x", first), ("y", None)]
    os.utime(photo)
    ((_, changed),) = cache.measured([("x", photo)])
    cache.close()
    assert changed is not None
    assert changed.problem is not None
    with contextlib.closing(sqlite3.connect(mixed / "cleaning" / "photos.sqlite")) as database:
        # Of the others, which were not asked for, nothing is kept.
        assert database.execute("SELECT count(*) FROM photos").fetchone() == (1,)
    (mixed / "cleaning" / "photos.sqlite").write_bytes(b"damaged" * 999)
    clean(mixed)


def test_photos_without_words_stay_unless_a_limit_is_given(tmp_path: Path) -> None:
    path = corpus(
        tmp_path / "c",
        {"id": "wordless", "photo": "photos/a.jpg"},
        {"id": "word", "photo": "photos/b.jpg", "text": "ну вот"},
        {"id": "neither", "text": "ну вот и всё"},
    )
    (path / "photos").mkdir(exist_ok=True)
    for number, name in enumerate("ab"):
        (path / "photos" / f"{name}.jpg").write_bytes(jpeg(20 + number))
    assert clean(path) == 0
    assert ids(path) == ["wordless", "word"]
    clean(path, "--min-tokens", "2")
    assert ids(path) == []


def test_limit_from_the_data() -> None:
    assert limit_from([]) == 2
    assert limit_from([6, 6, 7]) == 2
    assert limit_from([30] * 9) == 7
    assert limit_from([500] * 9) == 20


def test_measure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "labelled.jsonl"
    rows = [("Продам гараж 200 тыс, торг", 1), ("Кот спит на окне", 0), ("Sale! 50% off", 1)]
    file.write_text("".join(json.dumps({"text": t, "label": v}) + "\n" for t, v in rows))
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    assert cli.run(parser.parse_args(["--measure", str(file)])) == 0
    said = capsys.readouterr().out
    assert "precision 1.000  recall 1.000" in said
    assert "keywords" in said


def test_tweets(tmp_path: Path) -> None:
    source = Path(__file__).parents[4] / "shared" / "datasets" / "tweets" / "texts.jsonl"
    if not source.is_file():
        pytest.skip("needs ../shared/datasets/tweets")
    (tmp_path / "posts.jsonl").write_bytes(source.read_bytes())
    clean(tmp_path)
    kept, out = ids(tmp_path), dropped(tmp_path)
    lines = source.read_bytes().splitlines()
    assert len(kept) + len(out) == len(lines)
    assert set(out.values()) == {"advert", "too short", "same text"}
    assert 0.05 < sum(rule == "advert" for rule in out.values()) / len(lines) < 0.3
    clean(tmp_path, "--undo")
    assert (tmp_path / "posts.jsonl").read_bytes().splitlines() == lines
