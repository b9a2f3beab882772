from __future__ import annotations

import subprocess
import sys

import pytest

from engine.cleaning.adverts import features
from engine.cleaning.subjects import subjects_of
from engine.text.words import analyse, russian_verb


@pytest.mark.parametrize(
    ("word", "subject"),
    [
        ("earrings", "jewel"),
        ("batteries", "device"),
        ("bedrooms", "property"),
        ("nurses", "job"),
        ("arrested", "news"),
        ("серёжки", ""),
        ("серьгами", "jewel"),
        ("продаётся", "sell"),
        ("маникюра", "service"),
        ("задержали", "news"),
        ("xyzzy", ""),
    ],
)
def test_a_form_of_a_word_has_its_subjects(word: str, subject: str) -> None:
    found = {t for lemma in analyse(word) for t in subjects_of(lemma.key)}
    assert subject in found if subject else not found


def test_the_filter_sees_subjects() -> None:
    found = features("Silver earrings, new")["subject"]
    assert {"jewel", "colour", "condition", "^colour", "condition$", "goods=5"} <= found
    assert features("")["subject"] == {"goods=0", "people=0", "unknown=0"}


@pytest.mark.parametrize(
    ("word", "form"),
    [
        ("продам", "1per"),
        ("звоните", "impr"),
        ("гуляли", "past"),
        ("спать", "infn"),
        ("кот", ""),
        ("їжак", ""),
        ("cat", ""),
        ("а" * 100, ""),
    ],
)
def test_russian_verbs(word: str, form: str) -> None:
    assert russian_verb(word) == form


def test_english_texts_need_no_russian_dictionary() -> None:
    code = (
        "import sys; from engine.cleaning.adverts import features;"
        "features('Silver earrings for sale'); print('pymorphy3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
