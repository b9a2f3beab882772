"""Keys of English words: NLTK's Porter2 stemmer behind a table of irregular forms.

NLTK's WordNet lemmatiser would need a download; the stemmer needs none. What it cannot know
(`children`, `ran`) is written out in `engine.text.irregular`.

M. F. Porter, "Snowball: a language for stemming algorithms", 2001.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from engine.text.irregular import APART, BASE, SPELLING


@contextlib.contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Make optional packages look absent during an import, unless they are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: "not there"
    try:
        yield
    finally:
        for name in hidden:
            if sys.modules.get(name) is None:
                sys.modules.pop(name, None)


# `import nltk` pulls scikit-learn, SciPy and pandas in where they are installed: 1.6 s and
# 170 MB, against 0.3 s and 50 MB without them. The stemmer needs none of the three.
with _hidden("sklearn", "scipy", "pandas", "matplotlib"):
    from nltk.stem.snowball import EnglishStemmer

_stemmer = EnglishStemmer()
_respelled = {
    str(_stemmer.stem(other)): str(_stemmer.stem(spelling)) for other, spelling in SPELLING.items()
}


def stem(word: str) -> str:
    """Key of an English word.

    Parameters
    ----------
    word
        Lower-cased, Latin letters (and digits), no apostrophe.

    Returns
    -------
    str
        `runs`, `running` and `ran` give ``run``; `children` gives ``child``; never
        empty.
    """
    apart = APART.get(word)
    if apart is not None:
        return apart
    key = str(_stemmer.stem(BASE.get(word, word))) or word
    return _respelled.get(key, key)
