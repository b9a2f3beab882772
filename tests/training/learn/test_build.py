from __future__ import annotations

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from corpora import SCENES, draw, write_corpus

from engine.engine import Engine
from engine.errors import CorpusError, Image2PicError, ModelError
from engine.model import load_model, read_manifest, write_manifest
from engine.store import SqliteStore
from training.__main__ import main
from training.learn.build import build
from training.learn.dataset import Dataset
from training.learn.model import install
from training.learn.settings import BuildSettings

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("artm") is None,
    reason="needs BigARTM (pip install '.[training]' on Linux x86-64, Python 3.11)",
)

ROOT = Path(__file__).parents[3]
TRAIN = 36
"""Posts to learn from in `corpus`, one of which has a broken photo."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A smaller corpus with a line and a photo that cannot be read."""
    folder = write_corpus(tmp_path_factory.mktemp("build") / "corpus", per_scene=8)
    with (folder / "posts.jsonl").open("a") as file:
        file.write("{not a post\n")
    (folder / "photos" / "sea-000.jpg").write_bytes(b"no photo")
    return folder


def call(corpus: Path, out: Path, encoder: Path, *more: str) -> list[str]:
    return [
        *("build", str(corpus), "--out", str(out), "--encoder", str(encoder)),
        *("--topics", "16", "--words", "48", "--epochs", "2", "--workers", "1", "--no-ocr", *more),
    ]


def stopped(words: list[str], sign: Path, how: signal.Signals) -> tuple[int, str]:
    """Run the program until a file appears, then send it a signal."""
    with subprocess.Popen(
        [sys.executable, "-m", "training", *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 120
        while not list(sign.parent.parent.glob(f"{sign.parent.name}/{sign.name}")):
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(how)
        assert process.stderr is not None
        return process.wait(60), process.stderr.read()


def chunks(out: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in out.rglob("chunk-*.npz")}


@pytest.fixture(scope="module")
def interrupted(
    corpus: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, tuple[int, str], dict[str, int]]:
    """A build that got a Ctrl-C while BigARTM was at work, and was then called again."""
    out = tmp_path_factory.mktemp("models") / "interrupted"
    words = call(corpus, out, tiny_encoder)
    end = stopped(words, out / "work" / "artm" / "batches", signal.SIGINT)
    assert not (out / "manifest.json").exists()
    described = chunks(out)
    assert main(words) == 0
    return out, end, described


class TestResume:
    def test_a_stop_says_how_to_go_on(self, interrupted) -> None:
        _, (code, errors), _ = interrupted
        assert code == 130
        assert "goes on from here" in errors
        assert "Traceback" not in errors

    def test_photos_are_not_described_again(self, interrupted) -> None:
        out, _, described = interrupted
        assert described
        assert chunks(out) == described

    def test_the_model_is_whole(self, interrupted) -> None:
        out, _, _ = interrupted
        model = load_model(out)
        assert model.info.topics == 16
        assert model.info.posts == TRAIN - 1
        assert model.info.languages == ("en", "ru")
        assert model.info.name == "interrupted"
        assert not (out / ".next").exists()
        assert (out / "training.png").read_bytes().startswith(b"\x89PNG")
        training = read_manifest(out)["training"]
        assert training["settings"]["seed"] == 1
        assert "1 skipped" in training["corpus"]

    def test_killed_and_built_again_it_is_the_same_and_a_better_one_stays(
        self, interrupted, corpus: Path, tiny_encoder: Path, tmp_path: Path, capsys
    ) -> None:
        """Kill -9 while photos are described; a model that claims more is in the way."""
        first = load_model(interrupted[0])
        out = tmp_path / "killed"
        words = call(corpus, out, tiny_encoder)
        code, _ = stopped(words, out / "work" / "features-*", signal.SIGKILL)
        assert code == -signal.SIGKILL
        out.mkdir(exist_ok=True)
        manifest = read_manifest(interrupted[0])
        names = ("text_to_photo_r10", "photo_to_text_r10")
        manifest["quality"] |= dict.fromkeys(names, 200.0)
        write_manifest(out, manifest)

        assert main(words) == 2
        refusal = capsys.readouterr().err
        assert "worse than the one in" in refusal
        assert "--replace" in refusal
        assert read_manifest(out)["quality"] == manifest["quality"]
        kept = load_model(out / ".next")
        # The same seed, corpus and settings: the same model to the last bit.
        assert kept.info.id == first.info.id

        assert main([*words, "--replace"]) == 0
        assert load_model(out).info.id == first.info.id
        assert not (out / ".next").exists()

    def test_new_and_replaced_photos_alone_are_described(
        self, interrupted, corpus: Path, tiny_encoder: Path, tmp_path: Path, capsys
    ) -> None:
        out, larger = tmp_path / "model", tmp_path / "corpus"
        shutil.copytree(interrupted[0], out)
        shutil.copytree(corpus, larger)
        before = chunks(out)
        assert not list(out.rglob("grids-*.npz"))
        lines = (larger / "posts.jsonl").read_text().splitlines(keepends=True)
        (larger / "posts.jsonl").write_text("".join(x for x in lines if '"night-' not in x))
        with (larger / "posts.jsonl").open("a") as file:
            for number in range(3):
                draw("sea", 900 + number).save(larger / "photos" / f"new{number}.jpg")
                post = {"id": f"new{number}", "photo": f"photos/new{number}.jpg", "text": "sea"}
                more = {"split": "train", "topic": "Boats", "media": "video"}
                file.write(json.dumps(post | more) + "\n")
        draw("snow", 777).save(larger / "photos" / "sea-001.jpg")
        old = out / "work" / "features-of-another-encoder"
        old.mkdir()
        assert main(call(larger, out, tiny_encoder, "--replace")) == 0
        (added,) = set(chunks(out)) - set(before)
        with np.load(added) as arrays:
            assert len(arrays["keys"]) == 4
        assert set(before) <= set(chunks(out))
        assert not old.exists()
        assert load_model(out).info.posts == TRAIN - 1 + 3 - 6
        # That many do not leave the library unasked.
        assert "6 posts of the library" in (said := capsys.readouterr().err)
        assert "--prune removes them" in said
        with SqliteStore(out / "posts.sqlite") as store:
            assert store.count() == TRAIN - 1 + 3
            new, old = store.by_id("new0"), store.by_id("snow-001")
            assert new is not None
            assert old is not None
            assert (new.thread, new.media) == ("Boats", "video")
            assert (old.thread, old.media) == (None, "photo")


class TestInstall:
    def test_a_half_moved_model_is_refused_not_used(
        self, small_model: Path, interrupted, tmp_path: Path
    ) -> None:
        out, staging = tmp_path / "out", tmp_path / "out" / ".next"
        names = ("manifest.json", "vocabulary.json", "arrays.npz", "encoder.tflite")
        staging.mkdir(parents=True)
        for name in names:
            shutil.copy(small_model / name, out / name)
            shutil.copy(interrupted[0] / name, staging / name)
        # As if it had been stopped after the first file.
        (staging / "arrays.npz").replace(out / "arrays.npz")
        with pytest.raises(ModelError, match="is damaged or of another model"):
            load_model(out)
        install(staging, out)
        assert load_model(out).info.id == load_model(interrupted[0]).info.id
        assert {path.name for path in out.iterdir()} == set(names)


class TestLibrary:
    def test_it_holds_the_posts_that_were_learnt_from(self, interrupted, corpus: Path) -> None:
        out, _, _ = interrupted
        model = load_model(out)
        with SqliteStore(out / "posts.sqlite") as store:
            found = store.recent(store.count())
            assert len(found) == TRAIN - 1
            assert {post.id.split("-")[0] for post in found} == set(SCENES)
            assert store.by_id("sea-000") is None  # its photo is broken
            assert store.by_id("sea-003") is None  # of the split "dev"
            post = store.by_id("snow-001")
            assert post is not None
            assert post.tags == ("winter",)
            assert post.date is not None
            assert store.described(model.info.id) == len(found)
            assert post.text.count("\n") == 1  # one text of each language
            assert store.photo_root is not None
            assert post.photo is not None
            assert (out / store.photo_root / post.photo).is_file()

    def test_the_index_is_fresh(self, interrupted) -> None:
        out, _, _ = interrupted
        engine = Engine(load_model(out))
        with SqliteStore(out / "posts.sqlite") as store:
            rebuilt = engine.load([], version=store.version(), cache=out / "index.faiss")
            assert not rebuilt
            assert len(engine) == store.count()
            keys = {post.key for post in store.recent(store.count())}
        page = engine.search(engine.query(text="sea"), limit=100)
        assert {hit.key for hit in page.hits} <= keys
        assert page.hits

    def test_the_numbers_it_learnt_from_are_kept_for_the_evaluation(self, interrupted) -> None:
        out, _, _ = interrupted
        data = Dataset.load(out / "work" / "train")
        assert len(data) == TRAIN - 1
        assert data.texts.shape[0] == 3 * (TRAIN - 1)
        model = load_model(out)
        assert data.texts.shape[1] == len(model.words) + len(model.tags)


def lines(corpus: Path) -> list[dict]:
    rows = (corpus / "posts.jsonl").read_text().splitlines()
    return [json.loads(row) for row in rows if row.endswith("}")]


def with_posts(folder: Path, posts: list[dict]) -> Path:
    (folder / "posts.jsonl").write_text("\n".join(map(json.dumps, posts)) + "\n")
    return folder


class TestRefused:
    def refused(self, corpus: Path, out: Path, **settings: object) -> str:
        with pytest.raises(Image2PicError) as caught:
            build(corpus, out, BuildSettings(**settings))  # type: ignore[arg-type]
        assert not (out / "manifest.json").exists()
        return str(caught.value)

    def test_no_corpus(self, tmp_path: Path, tiny_encoder: Path) -> None:
        with pytest.raises(CorpusError):
            build(tmp_path / "none", tmp_path / "out", BuildSettings(encoder=str(tiny_encoder)))
        assert not (tmp_path / "out").exists()

    def test_too_few_posts(self, corpus: Path, tmp_path: Path, tiny_encoder: Path) -> None:
        folder = tmp_path / "few"
        shutil.copytree(corpus, folder)
        with_posts(folder, lines(corpus)[:12])
        text = self.refused(folder, tmp_path / "out", encoder=str(tiny_encoder))
        assert "at least 20 are needed" in text
        assert not (tmp_path / "out").exists()

    def test_too_few_photos_that_can_be_read(
        self, corpus: Path, tmp_path: Path, tiny_encoder: Path
    ) -> None:
        folder = tmp_path / "broken"
        shutil.copytree(corpus, folder)
        for number, path in enumerate(sorted((folder / "photos").iterdir())):
            if number % 4:
                path.write_bytes(b"no photo")
        text = self.refused(folder, tmp_path / "out", encoder=str(tiny_encoder))
        assert "at least 20 are needed" in text

    def test_no_texts(self, corpus: Path, tmp_path: Path, tiny_encoder: Path) -> None:
        folder = tmp_path / "silent"
        shutil.copytree(corpus, folder)
        silent = [
            {key: value for key, value in post.items() if key not in ("texts", "tags")}
            for post in lines(corpus)
        ]
        with_posts(folder, silent)
        text = self.refused(folder, tmp_path / "out", encoder=str(tiny_encoder))
        assert "has a text with words" in text

    def test_no_word_twice(self, corpus: Path, tmp_path: Path, tiny_encoder: Path) -> None:
        folder = tmp_path / "strange"
        shutil.copytree(corpus, folder)
        strange = [
            {
                "id": post["id"],
                "photo": post["photo"],
                "text": f"qw{chr(97 + n // 26)}{chr(97 + n % 26)}",
            }
            for n, post in enumerate(lines(corpus))
        ]
        with_posts(folder, strange)
        text = self.refused(folder, tmp_path / "out", encoder=str(tiny_encoder))
        assert "collect more posts, or lower --min-df" in text

    def test_no_encoder(self, corpus: Path, tmp_path: Path) -> None:
        text = self.refused(corpus, tmp_path / "out", encoder="resnet")
        assert "unknown encoder 'resnet'" in text
        assert "inception_v3" in text
        assert "no encoder file" in self.refused(corpus, tmp_path / "out", encoder="none.tflite")
        broken = tmp_path / "broken.tflite"
        broken.write_bytes(b"no network")
        assert "not an encoder" in self.refused(corpus, tmp_path / "out", encoder=str(broken))

    def test_no_weights(self, corpus: Path, tmp_path: Path) -> None:
        text = self.refused(corpus, tmp_path / "out", weights=str(tmp_path / "none.npz"))
        assert "none.npz" in text

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--topics", "7"),
            ("--topics", "5000"),
            ("--words", "0"),
            ("--words", "100000"),
            ("--min-df", "0"),
            ("--workers", "0"),
            ("--epochs", "-1"),
            ("--precision", "int4"),
        ],
    )
    def test_a_setting_out_of_range(
        self, corpus: Path, tmp_path: Path, tiny_encoder: Path, option: str, value: str, capsys
    ) -> None:
        words = [*call(corpus, tmp_path / "out", tiny_encoder), option, value]
        try:
            code = main(words)
        except SystemExit as exit_:
            code = exit_.code
        assert code == 2
        assert option in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
