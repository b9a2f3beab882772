"""Words on pictures, read by Tesseract where it is installed.

Tesseract is started as a program of its own for each picture: what it takes ends with it, it can be
stopped at any moment, and a picture that makes it fail affects nothing else. (The Python wrappers
add a dependency and 41 MB of pandas, or a second Tesseract, to these few lines.)

A photo of a meadow has "words", too: some strokes of grass that look like letters. So a word counts
only by its confidence and its form, a Russian one also by the dictionary, and a picture counts only
where at least one of its words is certain.
"""

from __future__ import annotations

import functools
import logging
import math
import os
import re
import shutil
import subprocess
import time
import unicodedata
from dataclasses import dataclass
from typing import Final, NamedTuple

from PIL import Image

from engine.errors import OcrError
from engine.text.scripts import look_alike, one_alphabet, script_of
from engine.text.words import is_russian_word

LANGUAGES: Final = "rus+eng"
"""What is read by default; a name for each of Tesseract's language files."""

SECONDS: Final = 10.0
"""Longest time for one picture; one of 900 x 900 pixels takes .3 s, .6 s where it has few words."""

MAX_CHARACTERS: Final = 4000
"""Longest text of one picture; more is a page of a book."""

VERSION: Final = 1
"""Of what this module makes of a picture; words that were kept are read anew where it differs."""

# Letters of a meme that was shrunk to 450 pixels are 10 pixels high, and Tesseract wants 20 to 30.
_LEAST_PIXELS: Final = 800_000
_MOST_PIXELS: Final = 4_000_000
_MOST_SCALE: Final = 4.0
_LEAST_SIDE: Final = 24

# Where fewer words than this are found, white letters are looked for: a third more time for memes,
# a tenth more right words.
_FEW: Final = 8
_WHITE_TO_BLACK: Final = [255] * 221 + [0] * 35

# Least confidence (0 to 100) of a word, chosen on the training memes, against photos of people
# outdoors: none of 100 of these is left with a word, and 97 % of the right words of memes stay.
_KNOWN, _USUAL, _THREE, _SHORT, _UNKNOWN = 30, 60, 75, 80, 85
_BEYOND_DOUBT: Final = 65
_SHORT_BEYOND_DOUBT: Final = 90

_ONE_LETTER: Final = frozenset("авикосуяai")
_WORD: Final = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_LATIN_VOWELS, _CYRILLIC_VOWELS = frozenset("aeiouy"), frozenset("аеёиоуыэюяіїє")
_NOT_SPELT: Final = re.compile(r"(.)\1\1|[bcdfghjklmnpqrstvwxz]{5}|[бвгджзйклмнпрстфхцчшщ]{5}")
_LANGUAGE: Final = re.compile(r"[A-Za-z][\w/-]*")

_log = logging.getLogger(__name__)


class Reading(NamedTuple):
    """What Tesseract takes for a word, and how sure it is (0 to 100)."""

    text: str
    confidence: float


@dataclass(frozen=True)
class Tesseract:
    """Reads the words on pictures. Safe to call from several threads; each call is one process.

    Attributes
    ----------
    program
        Path of the program.
    languages
        Names of its language files, joined by ``+``.
    version
        The program's version.
    """

    program: str
    languages: str
    version: str

    @property
    def identity(self) -> str:
        """What decides which words are read: words that were kept hold while it is the same."""
        return f"{self.version} {self.languages} {VERSION}"

    def read_words(
        self, image: Image.Image, *, seconds: float = SECONDS, gently: bool = False
    ) -> str:
        """Read the words on a picture.

        Parameters
        ----------
        image
            Of any size and mode; small ones are scaled up, large ones down.
        seconds
            After so long Tesseract is stopped.
        gently
            With the processor time that nothing else wants (by ``nice``).

        Returns
        -------
        str
            Words in lower case with a space between, in the order in which they stand; empty if
            there are none.

        Raises
        ------
        OcrError
            Tesseract failed or took longer than `seconds`.
        """
        if min(image.size) < _LEAST_SIDE:
            return ""
        grey = _scaled(image.convert("L"))
        until = time.monotonic() + seconds
        words = select_words(self._readings(grey, seconds, gently))
        if words.count(" ") + 1 >= _FEW:
            return words
        # The white letters of memes, outlined in black, stand out where all else becomes white.
        try:
            left = until - time.monotonic()
            white = self._readings(grey.point(_WHITE_TO_BLACK), left, gently)
        except OcrError:
            return words
        return " ".join(dict.fromkeys([*words.split(), *select_words(white).split()]))

    def _readings(self, grey: Image.Image, seconds: float, gently: bool) -> list[Reading]:
        picture = b"P5 %d %d 255\n" % grey.size + grey.tobytes()
        command = [*(("nice", "-n", "19") if gently else ()), self.program]
        command += ["stdin", "stdout", "-l", self.languages]
        command += ["--psm", "11", "--dpi", "150", "tsv"]
        try:
            done = subprocess.run(  # noqa: S603
                command,
                input=picture,
                capture_output=True,
                timeout=seconds,
                check=True,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            )
        except subprocess.TimeoutExpired:
            raise OcrError(f"Tesseract took longer than {seconds:g} s for a picture") from None
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode("utf-8", "replace").strip().splitlines()
            raise OcrError(f"Tesseract failed: {said[-1] if said else error.returncode}") from None
        except OSError as error:
            raise OcrError(f"Tesseract cannot be started: {error.strerror}") from None
        return _readings(done.stdout.decode("utf-8", "replace"))


@functools.cache
def find_tesseract(languages: str = LANGUAGES) -> Tesseract | None:
    """Find Tesseract on the PATH; None where it is missing, which is said once.

    Parameters
    ----------
    languages
        Names of language files by ``+``; those that are not installed are left out, which is said.

    Raises
    ------
    OcrError
        `languages` are no such names.
    """
    wanted = languages.split("+")
    for name in wanted:
        if not _LANGUAGE.fullmatch(name):
            raise OcrError(f"{languages!r} are no languages of Tesseract: such as {LANGUAGES}")
    program = shutil.which("tesseract")
    if program is None:
        _log.warning(
            "Tesseract is not installed: what is written on pictures is not read, and memes, signs "
            "and screenshots are not found by it (Debian: apt install tesseract-ocr %s)",
            " ".join(map(_package, wanted)),
        )
        return None
    try:
        version = _output(program, "--version").split()[1]
        installed = set(_output(program, "--list-langs").split("\n")[1:])
    except (OSError, subprocess.SubprocessError, IndexError):
        _log.warning(
            "Tesseract (%s) does not run: what is written on pictures is not read", program
        )
        return None
    if missing := [name for name in wanted if name not in installed]:
        _log.warning(
            "Tesseract lacks %s: pictures are not read in it (Debian: apt install %s)",
            ", ".join(missing),
            " ".join(map(_package, missing)),
        )
    found = [name for name in wanted if name in installed]
    return Tesseract(program, "+".join(found), version) if found else None


def select_words(readings: list[Reading]) -> str:
    """Leave the noise out; see `Tesseract.read_words` for what comes back."""
    found = [
        Reading(word, reading.confidence)
        for reading in readings
        for word in _WORD.findall(unicodedata.normalize("NFC", reading.text))
    ]
    sure = "".join(word for word, confidence in found if confidence >= _USUAL)
    scripts = [script_of(char) for char in sure]
    russian_here = scripts.count("cyrillic") > scripts.count("latin")
    words: list[str] = []
    certain = False
    for typed, confidence in found:
        word = _in_one_alphabet(typed.lower(), russian_here)
        letters = [script for char in word if (script := script_of(char)) is not None]
        if len(set(letters)) > 1 or (letters and any(char.isdigit() for char in word)):
            continue
        script = letters[0] if letters else None
        russian = script == "cyrillic" and is_russian_word(word)
        if confidence < _least_confidence(word, script, russian=russian):
            continue
        if letters and not (_is_usual_case(typed) and _is_spelt(word, confidence)):
            continue
        words.append(word)
        if len(letters) > 3 and confidence >= _USUAL and look_alike(word) is None:
            russian_here = russian
        certain |= confidence >= (_BEYOND_DOUBT if len(word) > 3 else _SHORT_BEYOND_DOUBT) and (
            len(word) > 2 or script not in ("latin", "cyrillic", None)
        )
    return " ".join(words)[:MAX_CHARACTERS].strip() if certain else ""


def _least_confidence(word: str, script: str | None, *, russian: bool) -> float:
    if script == "cyrillic" and not russian:
        return _UNKNOWN
    if script not in ("latin", "cyrillic", None):
        return _USUAL
    if len(word) > 3:
        return _KNOWN if russian else _USUAL
    if len(word) == 3:
        return _USUAL if russian else _THREE
    return _SHORT


def _is_usual_case(typed: str) -> bool:
    return typed.isupper() or typed == typed.lower() or typed[1:].islower()


def _is_spelt(word: str, confidence: float) -> bool:
    """Whether letters stand together as in words: vowels among them, no long runs of others."""
    if len(word) == 1:
        return word in _ONE_LETTER or script_of(word) not in ("latin", "cyrillic")
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    for script, vowels in (("latin", _LATIN_VOWELS), ("cyrillic", _CYRILLIC_VOWELS)):
        if script_of(word[0]) == script and not vowels.intersection(plain):
            return False
    return confidence >= _UNKNOWN or not _NOT_SPELT.search(plain)


def _in_one_alphabet(word: str, russian_here: bool) -> str:
    """Undo what Tesseract mixes up where letters of two alphabets look alike.

    A word that can be read in both (``Ho`` and но, ``my`` and му) is in that of the words before.
    """
    word = one_alphabet(word)
    other = look_alike(word)
    if other is None or len(word) == 1:
        return word
    latin, cyrillic = sorted((word, other))
    return cyrillic if russian_here and is_russian_word(cyrillic) else latin


def _readings(table: str) -> list[Reading]:
    """Words of Tesseract's table: twelve columns, the last two being confidence and text."""
    rows = (line.split("\t") for line in table.split("\n")[1:])
    return [Reading(row[11], float(row[10])) for row in rows if len(row) == 12 and row[11].strip()]


def _scaled(image: Image.Image) -> Image.Image:
    pixels = image.width * image.height
    if pixels < _LEAST_PIXELS:
        scale = min(math.sqrt(_LEAST_PIXELS / pixels), _MOST_SCALE)
    else:
        scale = min(math.sqrt(_MOST_PIXELS / pixels), 1.0)
    if scale == 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)


def _output(program: str, option: str) -> str:
    done = subprocess.run(  # noqa: S603
        [program, option], capture_output=True, timeout=10, check=True
    )
    return done.stdout.decode("utf-8", "replace").strip()


def _package(language: str) -> str:
    return "tesseract-ocr-" + language.lower().replace("_", "-")
