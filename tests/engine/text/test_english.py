import subprocess
import sys

import pytest

from engine.text.english import stem
from engine.text.irregular import APART, BASE, SPELLING


@pytest.mark.parametrize(
    "forms",
    [
        "run runs running ran",
        "dog dogs",
        "child children",
        "man men",
        "woman women",
        "person people persons",
        "foot feet",
        "mouse mice",
        "leaf leaves",
        "swim swims swimming swam swum",
        "sit sits sitting sat",
        "stand stands standing stood",
        "hold holds holding held",
        "wear wears wearing wore worn",
        "catch catches catching caught",
        "ride rides riding rode ridden",
        "throw throws throwing threw thrown",
        "lie lies lying lay laying laid",
        "ski skis skiing skied",
        "bus buses",
        "color colour colored coloured",
        "gray grey",
        "theater theaters theatre theatres",
        "puppy puppies",
    ],
)
def test_forms_of_one_word_share_a_key(forms: str) -> None:
    assert len({stem(form) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    "words",
    [
        "snow snowy",
        "glass glasses",
        "short shorts",
        "box boxing",
        "bowl bowling",
        "even evening",
        "animal anime",
        "university universe",
        "wood woods",
        "cloth clothing",
        "ski skier",
        "rose rise",
        "ground grind",
    ],
)
def test_words_that_differ_keep_apart(words: str) -> None:
    keys = [stem(word) for word in words.split()]
    assert len(set(keys)) == len(keys)


def test_tables_are_consistent() -> None:
    assert not set(BASE) & set(APART)
    assert all(form != base for form, base in BASE.items())
    # A base that is irregular itself would need a second look-up.
    assert not set(BASE.values()) & set(BASE)
    assert not set(SPELLING.values()) & set(SPELLING)


def test_nltk_comes_without_its_heavy_optional_packages() -> None:
    code = (
        "import sys, engine.text; "
        "loaded = {'sklearn', 'scipy', 'pandas', 'matplotlib'} & set(sys.modules); "
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_hidden_packages_can_be_imported_afterwards() -> None:
    code = "import engine.text, sys; assert 'sklearn' not in sys.modules; import sklearn"
    pytest.importorskip("sklearn")
    subprocess.run([sys.executable, "-c", code], check=True)
