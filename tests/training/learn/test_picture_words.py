from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from engine.ocr import Tesseract
from training.learn.features import PhotoSource
from training.learn.picture_words import read_picture_words

ROOT = Path(__file__).parents[3]

# Answers any picture with one word, its number of the call; every call is noted.
SCRIPT = """#!/bin/sh
cat > /dev/null
echo call >> {calls}
{more}
printf 'level\\tpage\\tblock\\tpar\\tline\\tword\\tleft\\ttop\\twidth\\theight\\tconf\\ttext\\n'
printf '5\\t1\\t1\\t1\\t1\\t1\\t0\\t0\\t9\\t9\\t96.0\\tgiraffe\\n'
"""

RUN = """
import sys
from pathlib import Path
import engine.ocr
engine.ocr._FEW = 1
from engine.ocr import Tesseract
from training.learn.features import PhotoSource
from training.learn.picture_words import read_picture_words
from training.progress import Progress
folder = Path(sys.argv[1])
sources = [PhotoSource(path.stem, path) for path in sorted(folder.glob("*.png"))]
read_picture_words(sources, folder / "work", Tesseract(sys.argv[2], "eng", "5"), workers=2,
                   progress=Progress())
"""


@pytest.fixture(autouse=True)
def one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second pass for white letters: a call is a photo."""
    monkeypatch.setattr("engine.ocr._FEW", 1)


def fake(folder: Path, more: str = "", languages: str = "eng") -> Tesseract:
    path = folder / "tesseract"
    path.write_text(SCRIPT.format(calls=folder / "calls", more=more))
    path.chmod(0o755)
    return Tesseract(str(path), languages, "5")


def calls(folder: Path) -> int:
    path = folder / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def photos(folder: Path, count: int) -> list[PhotoSource]:
    sources = []
    for number in range(count):
        path = folder / f"{number}.png"
        Image.frombytes("L", (40, 40), random.Random(number).randbytes(1600)).save(path)
        sources.append(PhotoSource(str(number), path))
    return sources


def read(sources: list[PhotoSource], folder: Path, tesseract: Tesseract) -> dict[str, str]:
    return read_picture_words(sources, folder / "work", tesseract, workers=2)


def test_each_photo_is_read_once_by_its_content(tmp_path: Path) -> None:
    tesseract, sources = fake(tmp_path), photos(tmp_path, 4)
    assert read(sources, tmp_path, tesseract) == dict.fromkeys("0123", "giraffe")
    assert calls(tmp_path) == 4
    moved = tmp_path / "elsewhere.png"
    sources[0].photo.rename(moved)
    again = [PhotoSource("other", moved), *sources[1:]]
    assert set(read(again, tmp_path, tesseract)) == {"other", "1", "2", "3"}
    assert calls(tmp_path) == 4
    # A photo that was replaced under an old id is another photo.
    Image.new("L", (50, 50)).save(sources[1].photo)
    read(again, tmp_path, tesseract)
    assert calls(tmp_path) == 5


def test_other_languages_are_read_anew_and_the_old_file_goes(tmp_path: Path) -> None:
    sources = photos(tmp_path, 2)
    read(sources, tmp_path, fake(tmp_path))
    read(sources, tmp_path, fake(tmp_path, languages="eng+deu"))
    assert calls(tmp_path) == 4
    assert len(list((tmp_path / "work").iterdir())) == 1


def test_what_cannot_be_read_is_left_out_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sources = photos(tmp_path, 2)
    sources.append(PhotoSource("broken", tmp_path / "broken.png"))
    (tmp_path / "broken.png").write_bytes(b"no photo")
    with caplog.at_level(logging.WARNING):
        assert read(sources, tmp_path, fake(tmp_path, "exit 1")) == {}
    assert "post broken" in caplog.text
    assert read(sources, tmp_path, fake(tmp_path)) == {"0": "giraffe", "1": "giraffe"}


def test_a_line_that_was_cut_off_is_read_anew(tmp_path: Path) -> None:
    tesseract, sources = fake(tmp_path), photos(tmp_path, 3)
    read(sources, tmp_path, tesseract)
    (path,) = (tmp_path / "work").iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    assert len(read(sources, tmp_path, tesseract)) == 3
    assert calls(tmp_path) == 4
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 3


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on(tmp_path: Path, how: signal.Signals) -> None:
    tesseract, sources = fake(tmp_path, "sleep 0.1"), photos(tmp_path, 60)
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path), tesseract.program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    begun = time.monotonic()
    while calls(tmp_path) < 8 and time.monotonic() - begun < 60:
        time.sleep(0.05)
    run.send_signal(how)
    assert run.wait(10) != 0
    before = calls(tmp_path)
    assert before < 50
    assert len(read(sources, tmp_path, fake(tmp_path))) == 60
    assert calls(tmp_path) - before <= 60 - 8 + 4
