from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from engine.errors import OcrError
from engine.files import shipped
from engine.ocr import Reading, Tesseract, find_tesseract, select_words

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="Tesseract is not installed"
)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    find_tesseract.cache_clear()
    yield
    find_tesseract.cache_clear()


def picture(*lines: str, size: int = 28, width: int = 500) -> Image.Image:
    image = Image.new("RGB", (width, (size + 16) * len(lines) + 40), (250, 240, 220))
    font = ImageFont.truetype(str(shipped("font", "SourceSansPro-Semibold.ttf")), size)
    for number, line in enumerate(lines):
        place = (30, 20 + number * (size + 16))
        ImageDraw.Draw(image).text(place, line, font=font, fill=(20, 20, 60))
    return image


def program(folder: Path, script: str) -> str:
    """A program called tesseract that does as the script says."""
    path = folder / "tesseract"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@needs_tesseract
class TestReading:
    @pytest.fixture
    def tesseract(self) -> Tesseract:
        found = find_tesseract()
        assert found is not None
        return found

    def test_words_of_two_languages_in_order(self, tesseract: Tesseract) -> None:
        image = picture("Привет, это собака", "Hello my giraffe 2024")
        assert tesseract.read_words(image) == "привет это собака hello my giraffe 2024"

    def test_small_pictures_are_scaled_up(self, tesseract: Tesseract) -> None:
        small = picture("Осторожно, злая собака", size=12, width=220)
        assert "осторожно злая собака" in tesseract.read_words(small)

    def test_large_pictures_are_scaled_down(self, tesseract: Tesseract) -> None:
        large = picture("The giraffe waits", size=28).resize((6000, 1008))
        assert tesseract.read_words(large) == "the giraffe waits"

    @pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
    def test_every_mode(self, tesseract: Tesseract, mode: str) -> None:
        image = picture("my giraffe", size=40)
        image = image.convert(mode, dither=Image.Dither.NONE)
        assert "giraffe" in tesseract.read_words(image)

    def test_white_letters_on_a_busy_ground(self, tesseract: Tesseract) -> None:
        noise = np.random.default_rng(0).normal(128, 60, (40, 120)).clip(0, 200).astype(np.uint8)
        image = Image.fromarray(noise).convert("RGB").resize((480, 160))
        font = ImageFont.truetype(str(shipped("font", "SourceSansPro-Semibold.ttf")), 48)
        ImageDraw.Draw(image).text(
            (30, 40), "NOBODY SIMPLY", font=font, fill="white", stroke_width=3, stroke_fill="black"
        )
        assert "simply" in tesseract.read_words(image, seconds=100)

    def test_a_picture_without_words_has_none(self, tesseract: Tesseract) -> None:
        noise = Image.effect_noise((60, 40), 80).convert("RGB")
        assert tesseract.read_words(noise) == ""
        assert tesseract.read_words(Image.linear_gradient("L")) == ""

    def test_a_picture_of_a_few_pixels_is_not_tried(self) -> None:
        assert Tesseract("/nowhere", "eng", "5").read_words(Image.new("L", (8, 400))) == ""

    def test_from_several_threads(self, tesseract: Tesseract) -> None:
        images = [picture(f"giraffe {number}") for number in range(100, 104)]
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(tesseract.read_words, images))
        assert found == [f"giraffe {number}" for number in range(100, 104)]


class TestTrouble:
    def test_a_picture_that_takes_too_long_is_given_up(self, tmp_path: Path) -> None:
        slow = Tesseract(program(tmp_path, "exec sleep 60"), "eng", "5")
        begun = time.monotonic()
        with pytest.raises(OcrError, match=r"longer than 0\.3 s"):
            slow.read_words(picture("giraffe"), seconds=0.3)
        assert time.monotonic() - begun < 5

    def test_a_failure_says_what_tesseract_said(self, tmp_path: Path) -> None:
        broken = Tesseract(program(tmp_path, "echo out of paper >&2; exit 3"), "eng", "5")
        with pytest.raises(OcrError, match="out of paper"):
            broken.read_words(picture("giraffe"))

    def test_a_program_that_is_gone(self, tmp_path: Path) -> None:
        with pytest.raises(OcrError, match="cannot be started"):
            Tesseract(str(tmp_path / "gone"), "eng", "5").read_words(picture("giraffe"))


class TestFinding:
    def test_missing_it_says_once_what_it_would_bring(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with caplog.at_level(logging.WARNING):
            assert find_tesseract() is None
            assert find_tesseract() is None
        assert len(caplog.messages) == 1
        assert "tesseract-ocr-rus" in caplog.text

    def test_languages_that_are_not_installed_are_left_out(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
    ) -> None:
        program(
            tmp_path,
            'case "$1" in --version) echo tesseract 5.3.0;; *) echo List:; echo eng;; esac',
        )
        monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
        found = find_tesseract("eng+chi_sim")
        assert found is not None
        assert (found.languages, found.version) == ("eng", "5.3.0")
        assert "lacks chi_sim" in caplog.text
        assert "tesseract-ocr-chi-sim" in caplog.text

    def test_a_program_that_does_not_run_is_as_good_as_none(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
    ) -> None:
        program(tmp_path, "exit 127")
        monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
        assert find_tesseract() is None
        assert "does not run" in caplog.text

    @pytest.mark.parametrize("languages", ["", "eng,rus", "eng+", "-c eng", "eng rus"])
    def test_languages_of_no_such_form(self, languages: str) -> None:
        with pytest.raises(OcrError, match="no languages of Tesseract"):
            find_tesseract(languages)


class TestNoise:
    def test_strokes_of_grass_are_no_words(self) -> None:
        strokes = [("We", 65), ("ab.", 69), ("Se", 65), ("Vig", 71), ("==", 91), ("[Е", 86)]
        assert select_words([Reading(*stroke) for stroke in strokes]) == ""

    def test_words_of_the_dictionary_count_where_others_do_not(self) -> None:
        readings = [Reading("разделить", 96), Reading("друзья,", 35), Reading("друзьй,", 37)]
        assert select_words(readings) == "разделить друзья"

    def test_look_alikes_of_the_other_alphabet(self) -> None:
        readings = [Reading("больше", 96), Reading("Ho", 85), Reading("Kem", 87)]
        assert select_words(readings) == "больше но кем"
        assert select_words([Reading("bigger", 96), Reading("Ho", 85)]) == "bigger ho"

    @pytest.mark.parametrize("strange", ["gOiNg", "xkcdwq", "aaaah", "qwrt", "h3llo", "иaaи"])
    def test_what_is_not_spelt_like_a_word(self, strange: str) -> None:
        assert select_words([Reading("giraffe", 96), Reading(strange, 70)]) == "giraffe"

    def test_one_letter_words(self) -> None:
        readings = [Reading("Я", 95), Reading("люблю", 95), Reading("q", 95), Reading("ж", 95)]
        assert select_words(readings) == "я люблю"

    def test_other_scripts_count_by_confidence(self) -> None:
        assert select_words([Reading("小心地滑", 90), Reading("水", 20)]) == "小心地滑"

    def test_a_long_text_is_cut(self) -> None:
        assert len(select_words([Reading("giraffe", 96)] * 2000)) <= 4000
