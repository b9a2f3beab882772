from __future__ import annotations

import subprocess
import sys

import pytest

from engine.adverts import features
from engine.text.words import analyse, russian_verb
from engine.topics import topics_of


@pytest.mark.parametrize(
    ("word", "topic"),
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
def test_a_form_of_a_word_has_its_topics(word: str, topic: str) -> None:
    found = {t for lemma in analyse(word) for t in topics_of(lemma.key)}
    assert topic in found if topic else not found


def test_the_filter_sees_topics() -> None:
    found = features("Silver earrings, new")["topic"]
    assert {"jewel", "colour", "condition", "^colour", "condition$", "goods=5"} <= found
    assert features("")["topic"] == {"goods=0", "people=0", "unknown=0"}


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
        "import sys; from engine.adverts import features;"
        "features('Silver earrings for sale'); print('pymorphy3' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
