from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from corpora import SCENES, draw

from engine.codebook import Codebook
from engine.encoder import LiteRtEncoder
from engine.errors import Image2PicError
from engine.photo import encoder_input
from training.learn import features as module
from training.learn.features import (
    Chunk,
    PhotoSource,
    describe_photos,
    encode,
    learn_codebook,
    sample_grids,
)

ROOT = Path(__file__).parents[3]
COUNT = 30

# In the middle of describing, the process gets a kill -9: at once and without a word.
KILLED = """
import os, signal, sys
from pathlib import Path
import training.learn.features as module
from engine.encoder import LiteRtEncoder

folder, encoder_file, after = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
sys.path.insert(0, sys.argv[4])
from test_features import read_codebook, sources_of

module.CHUNK = 8
encoder = LiteRtEncoder(encoder_file, threads=1)
forward, seen = LiteRtEncoder.__call__, 0

def counted(self, photo):
    global seen
    seen += 1
    if seen > after:
        os.kill(os.getpid(), signal.SIGKILL)
    return forward(self, photo)

LiteRtEncoder.__call__ = counted
codebook = read_codebook(folder / "codebook.npz")
list(module.describe_photos(encoder, codebook, sources_of(folder), folder / "chunks"))
"""


class CountingEncoder(LiteRtEncoder):
    """The real encoder, which remembers how many photos it has seen."""

    seen = 0

    def __call__(self, photo):  # type: ignore[no-untyped-def]
        self.seen += 1
        return super().__call__(photo)


def sources_of(folder: Path) -> list[PhotoSource]:
    return [PhotoSource(path.stem, path) for path in sorted((folder / "photos").glob("*.jpg"))]


def read_codebook(path: Path) -> Codebook:
    with np.load(path) as arrays:
        return Codebook(arrays["mean"], arrays["components"], arrays["centroids"], 0.5, 3)


@pytest.fixture
def folder(tmp_path: Path, codebook: Codebook, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty photos, in chunks of eight."""
    monkeypatch.setattr(module, "CHUNK", 8)
    (tmp_path / "photos").mkdir()
    for number in range(COUNT):
        scene = list(SCENES)[number % 6]
        draw(scene, number).save(tmp_path / "photos" / f"{number:03d}.jpg")
    np.savez(
        tmp_path / "codebook.npz",
        mean=codebook.mean,
        components=codebook.components,
        centroids=codebook.centroids,
    )
    return tmp_path


@pytest.fixture
def encoder(tiny_encoder: Path) -> CountingEncoder:
    return CountingEncoder(tiny_encoder, threads=1)


def describe(
    encoder: LiteRtEncoder, codebook: Codebook, folder: Path, **options: object
) -> list[Chunk]:
    return list(
        describe_photos(
            encoder,
            codebook,
            sources_of(folder),
            folder / "chunks",
            **options,  # type: ignore[arg-type]
        )
    )


def assert_same(some: list[Chunk], others: list[Chunk]) -> None:
    assert [chunk.ids for chunk in some] == [chunk.ids for chunk in others]
    for a, b in zip(some, others, strict=True):
        np.testing.assert_array_equal(a.mean, b.mean)
        np.testing.assert_array_equal(a.words, b.words)
        np.testing.assert_array_equal(a.weights, b.weights)


class TestDescribe:
    def test_mean_features_and_visual_words_of_each_photo(
        self, encoder: CountingEncoder, codebook: Codebook, folder: Path
    ) -> None:
        chunks = describe(encoder, codebook, folder)
        assert [len(chunk.ids) for chunk in chunks] == [8, 8, 8, 6]
        assert encoder.seen == COUNT
        for chunk in chunks:
            for row, name in enumerate(chunk.ids):
                grid = encoder(encoder_input(folder / "photos" / f"{name}.jpg", 64))
                np.testing.assert_allclose(chunk.mean[row], grid.mean(0), atol=1e-3, rtol=1e-3)
                words, weights = codebook.words(grid)
                np.testing.assert_allclose(chunk.weights[row], weights, atol=2e-3)
                clear = weights[:, 0] - weights[:, 1] > 0.01
                np.testing.assert_array_equal(chunk.words[row][clear, 0], words[clear, 0])

    def test_a_second_run_reads_what_is_there(
        self, encoder: CountingEncoder, codebook: Codebook, folder: Path
    ) -> None:
        first = describe(encoder, codebook, folder)
        encoder.seen = 0
        assert_same(describe(encoder, codebook, folder), first)
        assert encoder.seen == 0

    @pytest.mark.parametrize("workers", [1, 3])
    def test_workers_make_no_difference(
        self, tiny_encoder: Path, codebook: Codebook, folder: Path, workers: int
    ) -> None:
        several = LiteRtEncoder(tiny_encoder, threads=1, workers=workers)
        pairs = list(encode(several, sources_of(folder)))
        assert [name for name, _ in pairs] == [source.id for source in sources_of(folder)]
        alone = LiteRtEncoder(tiny_encoder, threads=1)
        for (_, grid), (_, other) in zip(pairs, encode(alone, sources_of(folder)), strict=True):
            np.testing.assert_array_equal(grid, other)

    def test_killed_in_the_middle_it_goes_on_with_the_chunk_that_is_missing(
        self, encoder: CountingEncoder, codebook: Codebook, folder: Path, tiny_encoder: Path
    ) -> None:
        whole = list(describe_photos(encoder, codebook, sources_of(folder), folder / "straight"))
        after = 19  # in the third chunk
        run = subprocess.run(
            [
                *(sys.executable, "-c", KILLED, str(folder), str(tiny_encoder), str(after)),
                str(Path(__file__).parent),
            ],
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parents[2])])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == -signal.SIGKILL, run.stderr
        assert {path.name for path in (folder / "chunks").glob("chunk-*.npz")} == {
            "chunk-00000.npz",
            "chunk-00001.npz",
        }
        encoder.seen = 0
        assert_same(describe(encoder, codebook, folder), whole)
        assert encoder.seen == COUNT - 16

    @pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text"])
    def test_a_damaged_chunk_is_made_again(
        self, encoder: CountingEncoder, codebook: Codebook, folder: Path, damage: str
    ) -> None:
        first = describe(encoder, codebook, folder)
        path = folder / "chunks" / "chunk-00001.npz"
        whole = path.read_bytes()
        middle = whole.index(first[1].mean.tobytes()) + 10
        path.write_bytes(
            {
                "empty": b"",
                "cut": whole[: len(whole) // 2],
                "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
                "text": b"something else",
            }[damage]
        )
        encoder.seen = 0
        assert_same(describe(encoder, codebook, folder), first)
        assert encoder.seen == 8

    def test_a_photo_is_known_by_its_content(
        self, encoder: CountingEncoder, codebook: Codebook, folder: Path
    ) -> None:
        first = describe(encoder, codebook, folder)
        rows = {name: chunk.mean[row] for chunk in first for row, name in enumerate(chunk.ids)}
        # In another order, under other names, one of them twice.
        turned = [PhotoSource(f"new {s.id}", s.photo) for s in sources_of(folder)[::-1]]
        turned.append(PhotoSource("copy", turned[0].photo))
        encoder.seen = 0
        chunks = list(describe_photos(encoder, codebook, turned, folder / "chunks"))
        assert [name for chunk in chunks for name in chunk.ids] == [s.id for s in turned]
        assert encoder.seen == 0
        for chunk in chunks:
            for row, name in enumerate(chunk.ids[:-1] if "copy" in chunk.ids else chunk.ids):
                np.testing.assert_array_equal(chunk.mean[row], rows[name.removeprefix("new ")])
        # Two new ones, and one that was replaced under its old name.
        photos = folder / "photos"
        for name, seed in (("000", 91), ("030", 92), ("031", 93)):
            draw("sea", seed).save(photos / f"{name}.jpg")
        later = describe(encoder, codebook, folder)
        assert encoder.seen == 3
        assert sum(len(chunk.ids) for chunk in later) == 32
        assert np.abs(later[0].mean[0].astype(float) - rows["000"]).max() > 1e-3

    def test_what_is_no_longer_asked_for_goes(
        self, encoder: CountingEncoder, codebook: Codebook, folder: Path
    ) -> None:
        describe(encoder, codebook, folder)
        for path in sorted((folder / "photos").glob("*.jpg"))[:17]:
            path.unlink()
        describe(encoder, codebook, folder)
        names = sorted(path.name for path in (folder / "chunks").glob("*"))
        assert names == ["chunk-00002.npz", "chunk-00003.npz"]
        # Visual words of another codebook are of no use.
        other = Codebook(
            codebook.mean, codebook.components, codebook.centroids + 1, codebook.softness, 3
        )
        encoder.seen = 0
        describe(encoder, other, folder)
        assert encoder.seen == 13
        assert len(list((folder / "chunks").glob("*"))) == 2

    def test_a_broken_photo_is_skipped_with_a_message(
        self,
        encoder: CountingEncoder,
        codebook: Codebook,
        folder: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        photos = folder / "photos"
        (photos / "003.jpg").write_bytes(b"no photo")
        (photos / "009.jpg").write_bytes((photos / "010.jpg").read_bytes()[:200])
        for number in range(16, 24):
            (photos / f"{number:03d}.jpg").write_bytes(b"broken %d" % number)
        with caplog.at_level(logging.WARNING):
            chunks = describe(encoder, codebook, folder)
        assert [len(chunk.ids) for chunk in chunks] == [7, 7, 0, 6]
        assert chunks[2].words.shape == (0, 64, 3)
        assert "003" not in chunks[0].ids
        messages = [record.getMessage() for record in caplog.records]
        assert any(text.startswith("post 003: its photo cannot be") for text in messages)
        assert len(messages) == 20  # of each what the decoder says, and the post that has it
        caplog.clear()
        assert_same(describe(encoder, codebook, folder), chunks)
        assert not caplog.records

    def test_a_photo_that_vanishes_is_skipped(
        self, encoder: CountingEncoder, codebook: Codebook, folder: Path
    ) -> None:
        sources = [*sources_of(folder)[:4], PhotoSource("gone", folder / "photos" / "gone.jpg")]
        (chunk,) = describe_photos(encoder, codebook, sources, folder / "chunks")
        assert chunk.ids == ("000", "001", "002", "003")

    def test_no_photos(self, encoder: CountingEncoder, codebook: Codebook, folder: Path) -> None:
        assert not list(describe_photos(encoder, codebook, [], folder / "chunks"))


class TestSample:
    def test_its_photos_are_not_encoded_again(
        self,
        encoder: CountingEncoder,
        codebook: Codebook,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(module, "SAMPLE", 12)
        straight = describe(encoder, codebook, folder)
        ids, sample = sample_grids(encoder, sources_of(folder), folder / "sample", seed=1)
        assert len(set(ids)) == 12
        assert len(list(sample.glob("grids-*.npz"))) == 2
        encoder.seen = 0
        chunks = list(
            describe_photos(
                encoder,
                codebook,
                sources_of(folder),
                folder / "again",
                grids=sample,
            )
        )
        assert encoder.seen == COUNT - 12
        for chunk, other in zip(chunks, straight, strict=True):
            assert chunk.ids == other.ids
            # Sampled grids are kept in half precision.
            np.testing.assert_allclose(chunk.mean, other.mean, atol=2e-3, rtol=2e-3)

    def test_it_is_drawn_by_the_seed_and_resumed(
        self, encoder: CountingEncoder, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "SAMPLE", 12)
        drawn = {
            seed: sample_grids(encoder, sources_of(folder), folder / f"s{seed}", seed=seed)[0]
            for seed in (1, 2)
        }
        assert drawn[1] != drawn[2]
        (folder / "s1" / "grids-0001.npz").unlink()
        encoder.seen = 0
        again, _ = sample_grids(encoder, sources_of(folder), folder / "s1", seed=1)
        assert again == drawn[1]
        assert encoder.seen == 4
        (folder / "s1" / "grids-0000.npz").write_bytes(b"PK\x03\x04 cut off")
        encoder.seen = 0
        again, _ = sample_grids(encoder, sources_of(folder), folder / "s1", seed=1)
        assert again == drawn[1]
        assert encoder.seen == 8

    def test_no_photo_can_be_read(self, encoder: CountingEncoder, tmp_path: Path) -> None:
        gone = [PhotoSource(str(n), tmp_path / f"{n}.jpg") for n in range(3)]
        with pytest.raises(Image2PicError, match="none of the photos"):
            sample_grids(encoder, gone, tmp_path / "sample", seed=1)


class TestCodebook:
    def sampled(self, encoder: CountingEncoder, folder: Path) -> Path:
        return sample_grids(encoder, sources_of(folder), folder / "sample", seed=1)[1]

    def test_its_words_stand_for_the_cells(self, encoder: CountingEncoder, folder: Path) -> None:
        sample = self.sampled(encoder, folder)
        book = learn_codebook(sample, words=24, dimensions=10, seed=1)
        assert book.centroids.shape == (24, 10)
        assert book.components.shape == (48, 10)
        np.testing.assert_allclose(book.components.T @ book.components, np.eye(10), atol=1e-4)
        assert book.softness > 0
        with np.load(next(sample.glob("grids-*.npz"))) as arrays:
            cells = arrays["grids"].reshape(-1, 48).astype(np.float32)
        points = book.project(cells)
        words, weights = book.words(cells)
        error = ((points - book.centroids[words[:, 0]]) ** 2).sum(1).mean()
        assert error < 0.5 * ((points - points.mean(0)) ** 2).sum(1).mean()
        assert len(np.unique(words[:, 0])) > 12
        # Soft: the first word does not say everything.
        assert 0.3 < weights[:, 0].mean() < 0.95

    def test_the_same_seed_gives_the_same_words(
        self, encoder: CountingEncoder, folder: Path
    ) -> None:
        sample = self.sampled(encoder, folder)
        first, second = (learn_codebook(sample, words=16, dimensions=8, seed=3) for _ in "ab")
        np.testing.assert_array_equal(first.centroids, second.centroids)
        np.testing.assert_array_equal(first.components, second.components)
        assert first.softness == second.softness

    def test_it_is_smaller_where_there_are_few_cells(
        self, encoder: CountingEncoder, folder: Path
    ) -> None:
        for path in sorted((folder / "photos").glob("*.jpg"))[1:]:
            path.unlink()
        book = learn_codebook(self.sampled(encoder, folder), words=1024, dimensions=96, seed=1)
        assert book.centroids.shape == (16, 48)
        assert np.isfinite(book.centroids).all()

    def test_only_so_many_cells_are_held(self, encoder: CountingEncoder, folder: Path) -> None:
        book = learn_codebook(
            self.sampled(encoder, folder), words=8, dimensions=4, seed=1, most_cells=200
        )
        assert len(book) == 8
