from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from corpora import SCENES, draw, write_corpus

import training.learn.features as module
from engine.codebook import Codebook
from engine.corpus.posts import SourceReport
from engine.corpus.reader import Report, load_corpus
from engine.corpus.source import SourceOptions
from engine.encoder import LiteRtEncoder
from engine.errors import Image2PicError
from tests.training.collect.helpers import contents
from tests.user.balancer import free_port
from training.cluster import Cluster, ClusterError
from training.collect.add import collect
from training.corpus.writer import CorpusWriter
from training.learn.describe import photo_sources
from training.learn.features import Chunk, PhotoSource, describe_photos, sample_grids
from training.learn.picture_words import read_picture_words

pytest.importorskip("distributed", reason="needs Dask: pip install '.[cluster]'")

COUNT = 24


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster("local", workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> LiteRtEncoder:
    return LiteRtEncoder(tiny_encoder, threads=1)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[PhotoSource]:
    """Photos in chunks of four; one cannot be read."""
    monkeypatch.setattr(module, "CHUNK", 4)
    found = []
    for number in range(COUNT):
        path = tmp_path / f"{number:03d}.jpg"
        draw(list(SCENES)[number % 6], number).save(path)
        found.append(PhotoSource(f"p{number}", path))
    found[5].photo.write_bytes(b"no photo")
    return found


def same(some: list[Chunk], others: list[Chunk]) -> None:
    assert [chunk.ids for chunk in some] == [chunk.ids for chunk in others]
    for a, b in zip(some, others, strict=True):
        for name in ("mean", "words", "weights"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_the_same_bits_as_on_one_machine(
    cluster: Cluster,
    encoder: LiteRtEncoder,
    codebook: Codebook,
    sources: list[PhotoSource],
    tmp_path: Path,
) -> None:
    ids, grids = sample_grids(encoder, sources[:10], tmp_path / "g", seed=1)
    again, _ = sample_grids(encoder, sources[:10], tmp_path / "h", seed=1, cluster=cluster)
    assert again == ids
    for path in sorted((tmp_path / "g").iterdir()):
        with np.load(path) as a, np.load(tmp_path / "h" / path.name) as b:
            np.testing.assert_array_equal(a["grids"], b["grids"])
    plain = list(describe_photos(encoder, codebook, sources, tmp_path / "a", grids=grids))
    spread = list(
        describe_photos(
            encoder,
            codebook,
            sources,
            tmp_path / "b",
            grids=grids,
            cluster=cluster,
        )
    )
    same(plain, spread)
    assert sum(len(chunk.ids) for chunk in spread) == COUNT - 1


def test_a_lost_worker_costs_a_chunk(
    encoder: LiteRtEncoder, codebook: Codebook, sources: list[PhotoSource], tmp_path: Path
) -> None:
    plain = list(describe_photos(encoder, codebook, sources, tmp_path / "a"))
    with Cluster("local", workers=2) as running:
        chunks = describe_photos(encoder, codebook, sources, tmp_path / "b", cluster=running)
        found = [next(chunks)]
        (first, *_) = running.client.run(os.getpid).values()
        os.kill(first, signal.SIGKILL)
        found += chunks
    same(plain, found)


def test_photos_by_address(
    encoder: LiteRtEncoder, codebook: Codebook, sources: list[PhotoSource], tmp_path: Path
) -> None:
    far = [PhotoSource(source.id, f"file://{source.photo}") for source in sources]
    gone = PhotoSource("gone", f"file://{tmp_path}/none.jpg")
    plain = list(describe_photos(encoder, codebook, sources, tmp_path / "a"))
    found = list(describe_photos(encoder, codebook, [*far, gone], tmp_path / "b"))
    same(plain, found[: len(plain)])
    assert [name for chunk in found for name in chunk.ids] == [
        name for chunk in plain for name in chunk.ids
    ]


@pytest.mark.parametrize("spread", [False, True])
def test_a_storage_that_fails_ends_the_work_and_is_named(
    cluster: Cluster,
    encoder: LiteRtEncoder,
    codebook: Codebook,
    sources: list[PhotoSource],
    tmp_path: Path,
    spread: bool,
) -> None:
    refused: list[str] = []

    class Storage(SimpleHTTPRequestHandler):
        def send_head(self) -> BytesIO | BinaryIO | None:
            if any(name in self.path for name in refused):
                self.send_error(HTTPStatus.FORBIDDEN)
                return None
            return super().send_head()

        def log_message(self, *_: object) -> None:
            pass

    plain = list(describe_photos(encoder, codebook, sources, tmp_path / "a"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Storage, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        far = [
            PhotoSource(one.id, f"http://127.0.0.1:{server.server_port}/{Path(one.photo).name}")
            for one in sources
        ]
        asked = cluster if spread else None

        def described() -> list[Chunk]:
            return list(describe_photos(encoder, codebook, far, tmp_path / "b", cluster=asked))

        refused.append("017.jpg")
        with pytest.raises(Image2PicError, match=r"/017\.jpg cannot be read: 403"):
            described()
        refused.clear()
        same(plain, described())
        server.shutdown()
    with pytest.raises(Image2PicError, match=r"/0\d\d\.jpg cannot be read: Cannot connect"):
        described()


def test_a_photo_that_has_changed_is_described_anew(
    encoder: LiteRtEncoder, codebook: Codebook, sources: list[PhotoSource], tmp_path: Path
) -> None:
    before = list(describe_photos(encoder, codebook, sources, tmp_path / "a"))
    draw("night", 99).save(sources[9].photo, quality=95)
    after = list(describe_photos(encoder, codebook, sources, tmp_path / "a"))
    changed = [
        number
        for number, (a, b) in enumerate(zip(before, after, strict=True))
        if not np.array_equal(a.mean, b.mean)
    ]
    assert changed == [2]


def test_words_on_photos(cluster: Cluster, sources: list[PhotoSource], tmp_path: Path) -> None:
    from engine.ocr import find_tesseract

    tesseract = find_tesseract("eng")
    if tesseract is None:
        pytest.skip("needs Tesseract")
    plain = read_picture_words(sources[:4], tmp_path / "a", tesseract, workers=2)
    spread = read_picture_words(sources[:4], tmp_path / "b", tesseract, workers=2, cluster=cluster)
    assert spread == plain
    again = read_picture_words(sources[:4], tmp_path / "b", tesseract, workers=2, cluster=cluster)
    assert again == plain


@pytest.mark.slow
def test_what_ends_all_work_is_said_in_a_line() -> None:
    processes: list[subprocess.Popen[bytes]] = []
    address = f"tcp://127.0.0.1:{free_port()}"
    dask, plain = [sys.executable, "-m", "dask"], "--no-dashboard"
    with ExitStack() as stack:
        for words in (
            ["scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2], plain],
            ["worker", address, "--nthreads", "1", plain],
        ):
            process = stack.enter_context(subprocess.Popen([*dask, *words]))
            stack.callback(process.kill)
            processes.append(process)
        with Cluster(address) as running:
            with pytest.raises(ClusterError, match="a task ended its workers"):
                list(running.map(signal.raise_signal, [signal.SIGKILL]))
            found = running.map(abs, range(100))
            next(found)
            processes[0].kill()
            with pytest.raises(ClusterError, match="scheduler is gone"):
                list(found)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "no address"])
def test_nobody_answers(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.cluster.TIMEOUT", 0.5)
    with pytest.raises(ClusterError, match="no Dask scheduler answers"):
        Cluster(address)


def test_collecting_on_a_cluster(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "cats"
    folder.mkdir()
    for number in range(70):
        draw(list(SCENES)[number % 6], number).save(folder / f"{number}.jpg")
    found = []
    for name, where in (("here", None), ("there", cluster)):
        with CorpusWriter(tmp_path / name) as writer:
            collect(folder, writer, SourceReport(), SourceOptions(), cluster=where)
        found.append(contents(tmp_path / name))
    assert found[0] == found[1]
    assert len(found[0]) == 71


def test_photos_that_lie_elsewhere_than_the_corpus(
    encoder: LiteRtEncoder, codebook: Codebook, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "corpus", per_scene=2)
    posts = load_corpus(corpus, report=Report())
    plain = list(describe_photos(encoder, codebook, photo_sources(posts), tmp_path / "a"))
    (corpus / "photos").rename(tmp_path / "photos")
    posts = load_corpus(corpus, photos_here=False, report=Report())
    sources = photo_sources(posts, corpus, f"file://{tmp_path}")
    same(plain, list(describe_photos(encoder, codebook, sources, tmp_path / "b")))
