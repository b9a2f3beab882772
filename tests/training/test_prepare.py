"""From an export or a folder of photos to a corpus and a model, by one command."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpora import SCENES
from PIL import Image

from engine.corpus.reader import Report, load_corpus, read_corpus
from engine.errors import CorpusError
from engine.model import load_model
from training.__main__ import main
from training.commands.prepare import prepare
from training.progress import QUIET, Progress

ADVERT = "Selling my iPhone, $200, free shipping, DM me to order now! #sale"


def scene(name: str, seed: int) -> Image.Image:
    """A photo in the scene's colour, with shapes of its own."""
    cells = np.random.default_rng(seed).integers(0, 90, (6, 6, 1))
    tinted = np.clip(np.array(SCENES[name][0]) * 0.7 + cells, 0, 255).astype(np.uint8)
    return Image.fromarray(tinted).resize((96, 96), Image.Resampling.BICUBIC)


def export(folder: Path, per_scene: int) -> Path:
    """Write what Telegram Desktop writes of a channel."""
    (folder / "photos").mkdir(parents=True)
    messages = []
    for place in range(per_scene * len(SCENES)):
        name = list(SCENES)[place % len(SCENES)]
        words = SCENES[name][2].split()
        text = f"{words[place // len(SCENES) % 3]} and {words[-1]} "
        scene(name, place).save(folder / "photos" / f"{place}.jpg")
        messages.append(
            {
                "id": place + 1,
                "type": "message",
                "date_unixtime": str(1_700_000_000 + 60 * place),
                "photo": f"photos/{place}.jpg",
                "text": [
                    text,
                    {"type": "hashtag", "text": "#a"},
                ],
            }
        )
    messages[5]["text"] = ADVERT
    record = {"name": "My channel", "type": "public_channel", "id": 77, "messages": messages}
    (folder / "result.json").write_text(json.dumps(record))
    return folder


class Said(Progress):
    """Keeps the lines."""

    def __init__(self) -> None:
        super().__init__(loud=False)
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def __str__(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_corpus_is_taken_as_it_is(here: Path) -> None:
    (here / "mine").mkdir()
    (here / "mine" / "posts.jsonl").write_text("")
    assert prepare(here / "mine", QUIET).folder == here / "mine"
    assert [path.name for path in here.iterdir()] == ["mine"]


def test_what_was_read_is_handed_on(here: Path) -> None:
    source = export(here / "ChatExport", 3)
    record = json.loads((source / "result.json").read_text())
    # A copy of a photo, whose words the other takes over.
    record["messages"].append(record["messages"][0] | {"id": 99, "text": "seen from afar by boat"})
    (source / "result.json").write_text(json.dumps(record))
    prepared = prepare(source, QUIET)
    read = load_corpus(prepared.folder, report=Report())
    assert any("seen from afar by boat" in found for post in read for found in post.texts.values())
    assert prepared.posts == [
        replace(post, line=p.line) for post, p in zip(read, prepared.posts or (), strict=True)
    ]


def test_an_export_is_collected_cleaned_and_goes_on(here: Path) -> None:
    said = Said()
    source = export(here / "ChatExport", 3)
    corpus = prepare(source, said).folder
    assert corpus == Path("corpus/My channel")
    assert "kept 17 of 18: 1 advert" in str(said)
    posts = list(read_corpus(corpus, report=Report()))
    assert len(posts) == 17
    assert posts[0].id == "telegram/-10077/1"
    # Once more, by its file: nothing new, nothing lost.
    said = Said()
    assert prepare(source / "result.json", said).folder == corpus
    assert "kept 17 of 18: 1 advert" in str(said)
    assert [post.id for post in read_corpus(corpus, report=Report())] == [p.id for p in posts]


def test_later_and_partial_exports_add(here: Path) -> None:
    whole = export(here / "ChatExport_2024-05-01", 3)
    corpus = prepare(whole, QUIET).folder
    # A later one of half of the channel; one post is edited, one is gone.
    record = json.loads((whole / "result.json").read_text())
    later = here / "ChatExport_2024-06-01"
    (whole / "photos").rename(here / "photos")
    later.mkdir()
    (here / "photos").rename(later / "photos")
    record["messages"] = record["messages"][9:]
    record["messages"][1]["text"] = "sea and another boat"
    del record["messages"][3]
    (later / "result.json").write_text(json.dumps(record))
    said = Said()
    assert prepare(later, said).folder == corpus
    assert "1 edited" in str(said)
    posts = {post.id: post for post in read_corpus(corpus, report=Report())}
    assert len(posts) == 17
    assert posts["telegram/-10077/11"].texts[""] == ("sea and another boat",)
    assert posts["telegram/-10077/11"].photo is not None
    assert "telegram/-10077/13" in posts
    record["name"] = "A new name"
    (later / "result.json").write_text(json.dumps(record))
    assert prepare(later, QUIET, prune=True).folder == corpus
    posts = {post.id: post for post in read_corpus(corpus, report=Report())}
    assert "telegram/-10077/13" not in posts
    assert len(posts) == 16
    assert len(list((here / "corpus").iterdir())) == 1


def test_an_export_that_breaks_off_is_not_built_from(here: Path) -> None:
    source = export(here / "ChatExport", 3)
    text = (source / "result.json").read_text()
    (source / "result.json").write_text(text[: len(text) // 2])
    with pytest.raises(CorpusError, match=r"ended too early.*--partial"):
        prepare(source, QUIET)
    assert main(["build", str(source), "--quiet"]) == 2
    prepared = prepare(source, QUIET, partial=True)
    assert "ended too early" in prepared.losses[0]
    assert 5 < len(list(read_corpus(prepared.folder, report=Report()))) < 12


def test_what_was_lost_is_told(here: Path) -> None:
    source = export(here / "ChatExport", 3)
    record = json.loads((source / "result.json").read_text())
    for message in record["messages"]:
        message["photo"] = "(File not included. Change data exporting settings to download.)"
    (source / "result.json").write_text(json.dumps(record))
    said = Said()
    prepared = prepare(source, said, username="https://t.me/my_channel")
    assert said.lines[0].startswith("None of the 18 photos is in the export")
    assert prepared.losses == said.lines[:1]
    urls = {post.url for post in read_corpus(prepared.folder, report=Report())}
    assert "https://t.me/my_channel/1" in urls


def test_two_chats_of_one_name(here: Path) -> None:
    assert prepare(export(here / "a", 3), QUIET).folder == Path("corpus/My channel")
    other = export(here / "b", 3)
    text = (other / "result.json").read_text()
    (other / "result.json").write_text(text.replace('"id": 77', '"id": 78'))
    assert prepare(other, QUIET).folder == Path("corpus/My channel 10078")


def test_a_folder_of_photos(here: Path) -> None:
    folder = here / "Holidays" / "day 1"
    folder.mkdir(parents=True)
    scene("sea", 1).save(folder / "a.jpg")
    (folder / "a.txt").write_text("sea and beach")
    scene("snow", 2).save(folder / "b.png")
    posts = list(read_corpus(prepare(here / "Holidays", QUIET).folder, report=Report()))
    assert [post.id for post in posts] == ["Holidays/day 1/a.jpg", "Holidays/day 1/b.png"]


def test_what_is_none_of_these_is_refused(here: Path) -> None:
    (here / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"no corpus .*no Telegram export .*no folder with photo"):
        prepare(here / "empty", QUIET)
    with pytest.raises(CorpusError, match="does not exist"):
        prepare(here / "nowhere", QUIET)
    (here / "html" / "photos").mkdir(parents=True)
    (here / "html" / "messages.html").write_text("<html>")
    scene("sea", 1).save(here / "html" / "photos" / "a.jpg")
    with pytest.raises(CorpusError, match="export in HTML"):
        prepare(here / "html", QUIET)
    (here / "a.zip").write_bytes(b"PK")
    with pytest.raises(CorpusError, match="not a zip"):
        prepare(here / "a.zip", QUIET)
    assert not (here / "corpus" / "empty").exists()


@pytest.mark.skipif(
    importlib.util.find_spec("artm") is None,
    reason="needs BigARTM (pip install '.[training]' on Linux x86-64, Python 3.11)",
)
def test_from_an_export_to_a_model(here: Path, tiny_encoder: Path) -> None:
    source = export(here / "ChatExport", 8)
    words = ["build", str(source), "--encoder", str(tiny_encoder), "--topics", "16"]
    assert main([*words, "--words", "48", "--epochs", "2", "--quiet"]) == 0
    assert load_model(here / "models" / "My channel").info.posts == 47
    with closing(sqlite3.connect(here / "models" / "My channel" / "posts.sqlite")) as library:
        texts = {text for (text,) in library.execute("SELECT text FROM posts")}
    assert "sea and boat #a" in texts
    assert ADVERT not in texts
