"""Is a text an advert? Its words and style, and the sentence as a whole, count equally.

A linear model over words, character n-grams and style knows what adverts say; a sum of bumps around
typical texts, over the sentence encoder's vectors, knows what they mean, in words that no example
had. The decision is here, with numpy alone, so that the bot can judge live posts; how the numbers
are learnt is in `training.clean.adverts`, from the same features.
"""

from __future__ import annotations

import functools
import html
import itertools
import json
import math
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.cleaning.privacy import redact
from engine.errors import ModelError
from engine.files import open_arrays, shipped, whole_file
from engine.text.clean import fold, repair_encoding
from engine.text.sentences import DEFAULT, SentenceEncoder, sentence_encoder
from engine.text.words import analyse

FORMAT: Final = 3

MAX_CHARS: Final = 4096
"""Of a longer text only so much is judged: Telegram's longest message."""

SENTENCE_CHARS: Final = 1000
"""Of a longer text only so much goes to the sentence encoder: a page has several subjects."""

SHIPPED: Final = shipped("adverts", "model.npz")
"""The model that comes with the project."""

BLOCKS: Final = ("word", "char", "style")
"""Kinds of features; each is scaled to unit length alone, so that none outweighs another."""

SCALES: Final[Mapping[str, float]] = {"word": 1.0, "char": 1.0, "style": 0.4}

NGRAMS: Final = (3, 4, 5)

SHARPNESS: Final = 4.0
"""A bump falls to 1/e where the cosine with its centre has fallen by one part in so many."""

Floats = npt.NDArray[np.float64]

_RETWEET: Final = re.compile(r"^\W{0,3}(?:RT|MT)\s*:?\s*@\w+\s*:?\s*")
_URL: Final = re.compile(
    r"(?:(?:https?://|www\.)|(?<![\w@.])(?=[\w-]+\.(?:com|co|ru|net|org|me|ly|gl|рф|io|shop|store|"
    r"cc|to|be|by|su|biz|info|link|site|online)(?:/|\b)))(?P<host>[\w.-]{0,80})\S{0,300}"
    r"|\bhtt?p?s?[:/.…]{1,6}(?:\s|$)",
    re.IGNORECASE,
)
_SHORTENERS: Final = frozenset(
    re.split(
        r"\s+",
        "t.co bit.ly goo.gl ow.ly fb.me tinyurl.com dlvr.it buff.ly ift.tt is.gd j.mp clck.ru "
        "vk.cc youtu.be wp.me lnkd.in",
    )
)
_CURRENCY: Final = r"(?:руб(?:лей|ля|ль)?|р|тыс|тг|тенге|грн|uah|usd|eur|gbp|rub|usdt|bucks|k)"
_PRICE: Final = re.compile(
    rf"[$£€₽₴₸¥]\s?\d[\d.,\s]{{0,12}}(?:k\b|к\b)?"
    rf"|\b\d[\d.,\s]{{0,12}}\s?(?:[$£€₽₴₸]|{_CURRENCY}\b\.?)",
    re.IGNORECASE,
)
_PERCENT: Final = re.compile(r"[-–−+]?\d{1,4}\s?%")
_TIME: Final = re.compile(r"\b\d{1,2}(?::\d\d(?:\s?[ap]m)?|\s?[ap]m)\b", re.IGNORECASE)
_DATE: Final = re.compile(r"\b\d{1,4}[./-]\d{1,2}[./-]\d{2,4}\b")
_NUMBER: Final = re.compile(r"\b\d+\b")
_DIGIT: Final = re.compile(r"\d")
_TOKEN: Final = re.compile(
    r"_[a-z]+_|[^\W_](?:[\w'’]|-(?=\w))*|[\u2190-\u2bff\U0001f000-\U0001faff]"
)
_WORD: Final = re.compile(r"[^\W\d_][\w'’-]*")
_PERSON: Final = frozenset(
    re.split(
        r"\s+",
        "i i'm im i've i'd i'll my me we our us я мы мне меня мой моя мои мое нас нам наш наша у",
    )
)


class Piece(NamedTuple):
    """A part of a text that spoke for (above 0) or against (below 0) its being an advert."""

    text: str
    weight: float


def normalise(text: str) -> str:
    """Bring a text to the form whose words and n-grams are counted.

    Lower case, NFKC; addresses, handles, prices, shares, times, dates and figures each become
    one word between underscores, since it matters that there is a price and not which.

    Parameters
    ----------
    text
        Any string; its first `MAX_CHARS` characters are read.
    """
    text = repair_encoding(text[:MAX_CHARS])
    if "&" in text:
        text = html.unescape(text)
    text = fold(text)
    text = _RETWEET.sub("", text)
    text = _URL.sub(_host, text)
    text = redact(text)
    text = text.replace("@phone", " _phone_ ").replace("@mail", " _mail_ ")
    text = text.replace("@user", " _user_ ")
    text = _PRICE.sub(" _price_ ", text)
    text = _PERCENT.sub(" _percent_ ", text)
    text = _DATE.sub(" _date_ ", text)
    text = _TIME.sub(" _time_ ", text)
    text = _NUMBER.sub(lambda m: " _long_ " if len(m.group()) > 5 else " _num_ ", text)
    text = _DIGIT.sub("0", text)
    return text.lower().replace("ё", "е")


def _host(match: re.Match[str]) -> str:
    host = (match["host"] or "").lower().removeprefix("www.")
    # Nearly every post has a shortened link; only a shop's own name says something.
    return " " if not host or host in _SHORTENERS else f" {host.replace('.', ' ')} "


def features(text: str) -> dict[str, frozenset[str]]:
    """Features of a text by block, each counted once.

    Returns
    -------
    dict
        ``"word"``: words, lemmas (``~``), pairs of words; ``"char"``: n-grams within words, with
        the blanks around them; ``"style"``: lengths, capitals, digits, links in a few steps.
    """
    plain = normalise(text)
    tokens = [match.group() for match in _TOKEN.finditer(plain)]
    words = set(tokens)
    words.update(f"{first} {second}" for first, second in itertools.pairwise(tokens))
    for token in tokens:
        if token[0] != "_" and len(token) > 1:
            words.update("~" + lemma.key for lemma in analyse(token))
    chars: set[str] = set()
    for token in tokens:
        chars.update(_ngrams(token))
    return {
        "word": frozenset(words),
        "char": frozenset(chars),
        "style": frozenset(_style(text[:MAX_CHARS], plain, tokens)),
    }


def sentences(texts: Iterable[str], encoder: SentenceEncoder) -> Floats:
    """Vectors of texts as posted, but without names; shape (texts, dimensions)."""
    plain = (redact(fold(repair_encoding(text[:SENTENCE_CHARS]))) for text in texts)
    return encoder([text or " " for text in plain]).astype(np.float64)


def bumps(vectors: Floats, centres: Floats) -> Floats:
    """How near each vector is to each centre: 1 at the centre; shape (vectors, centres)."""
    return np.exp(SHARPNESS * (vectors @ centres.T - 1))


@functools.lru_cache(maxsize=32_768)
def _ngrams(token: str) -> tuple[str, ...]:
    if token[0] == "_":
        return ()
    padded = f" {token[:40]} "
    return tuple(
        padded[start : start + size]
        for size in NGRAMS
        for start in range(max(1, len(padded) - size + 1))
    )


def _style(text: str, plain: str, tokens: list[str]) -> Iterator[str]:
    bare = _URL.sub(" ", _RETWEET.sub("", text))
    words = _WORD.findall(bare)
    letters = sum(map(len, words)) or 1
    many = len(words) or 1
    yield f"length{min(6, int(math.log2(1 + len(tokens))))}"
    yield f"lines{min(4, text.count(chr(10)))}"
    yield f"tags{min(5, text.count('#'))}"
    yield f"prices{min(3, plain.count('_price_') + plain.count('_percent_'))}"
    yield f"numbers{min(4, plain.count('_num_') + plain.count('_long_'))}"
    yield f"shouts{min(3, text.count('!'))}"
    yield f"questions{min(2, text.count('?'))}"
    yield f"phones{min(1, plain.count('_phone_'))}"
    yield f"capitals{int(5 * sum(c.isupper() for word in words for c in word) / letters)}"
    yield f"titled{int(4 * sum(word[0].isupper() for word in words[1:]) / many)}"
    yield f"digits{min(4, int(20 * sum(c.isdigit() for c in bare) / max(1, len(bare))))}"
    yield f"emoji{min(4, sum(token >= chr(0x2190) for token in tokens))}"
    yield f"person{min(2, sum(token in _PERSON for token in tokens))}"
    yield f"stops{min(4, int(8 * sum(not analyse(t) for t in tokens if t[0] != '_') / many))}"


class AdvertFilter:
    """Tells how probable it is that a text is an advert.

    Safe to use from several threads.

    Parameters
    ----------
    vocabulary
        Block -> features, in the order of the rows; the blocks in the order of `BLOCKS`.
    idf
        Inverse document frequencies, shape (features,).
    weights
        The linear model's coefficients, shape (features,).
    centres
        Unit rows, shape (bumps, dimensions of the encoder).
    heights
        Of the bumps around the centres, shape (bumps,).
    bias
        What a text scores of which nothing is known.
    slope, offset
        Platt's calibration: ``p = 1 / (1 + exp(slope * score + offset))``.
    info
        What the model says about itself: examples, measured quality.
    encoder
        What the centres are vectors of.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, Iterable[str]],
        idf: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        centres: npt.ArrayLike | None = None,
        heights: npt.ArrayLike = (),
        bias: float = 0.0,
        slope: float = -1.0,
        offset: float = 0.0,
        info: Mapping[str, Any] | None = None,
        encoder: SentenceEncoder | None = None,
    ) -> None:
        self._rows: dict[str, dict[str, int]] = {}
        self._names: list[str] = []
        for block in BLOCKS:
            rows: dict[str, int] = {}
            for name in vocabulary[block]:
                rows[name] = len(self._names)
                self._names.append(name)
            self._rows[block] = rows
        self.encoder = encoder or sentence_encoder(DEFAULT)
        self.idf = np.asarray(idf, np.float64)
        self.weights = np.zeros_like(self.idf) if weights is None else np.asarray(weights)
        dimensions = self.encoder.dimensions
        self.heights = np.asarray(heights, np.float64)
        self.centres = (
            np.zeros((0, dimensions)) if centres is None else np.asarray(centres, np.float64)
        )
        if not len(self._names) == len(self.idf) == len(self.weights):
            raise ValueError(
                f"{len(self._names)} features, {len(self.idf)} idf, {len(self.weights)} weights"
            )
        if self.centres.shape != (len(self.heights), dimensions):
            raise ValueError(
                f"centres of shape {self.centres.shape}, {len(self.heights)} heights, vectors of "
                f"{dimensions} numbers"
            )
        self._rarest = float(self.idf.max()) if len(self.idf) else 0.0
        self.bias, self.slope, self.offset = bias, slope, offset
        self.info = dict(info or {})

    def __len__(self) -> int:
        return len(self._names)

    def vocabulary(self) -> dict[str, list[str]]:
        """Return the known features, block by block."""
        return {block: list(rows) for block, rows in self._rows.items()}

    def vector(self, text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Rows and values of the known features of a text: idf, scaled block by block.

        Returns
        -------
        rows
            Shape (n,), ascending.
        values
            Shape (n,).
        """
        return self.vector_of(features(text))

    def vector_of(
        self, found: Mapping[str, Collection[str]]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Do the same for features that `features` found."""
        rows: list[npt.NDArray[np.int64]] = []
        values: list[npt.NDArray[np.float64]] = []
        for block in BLOCKS:
            known = self._rows[block]
            here = np.array(sorted(known[name] for name in found[block] if name in known), np.int64)
            value = self.idf[here]
            # Unknown features count as rare ones: a text with few known features scores near 0.
            unknown = len(found[block]) - len(here)
            length = float(np.sqrt(value @ value + unknown * self._rarest**2))
            rows.append(here)
            values.append(value * (SCALES[block] / length) if length else value)
        return np.concatenate(rows), np.concatenate(values)

    def scores(self, texts: Sequence[str]) -> Floats:
        """Signed distances from the border: above 0 suggests an advert; shape (texts,)."""
        scores = bumps(sentences(texts, self.encoder), self.centres) @ self.heights + self.bias
        for place, text in enumerate(texts):
            rows, values = self.vector(text)
            scores[place] += self.weights[rows] @ values
        return scores

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Probability that each text is an advert, 0 to 1; 0 for one without any word."""
        power = self.slope * self.scores(texts) + self.offset
        blank = np.array([not text.strip() for text in texts], bool)
        return np.where(blank, 0.0, 1 / (1 + np.exp(np.minimum(power, 700.0))))

    def probability(self, text: str) -> float:
        """Probability that a text is an advert, 0 to 1; 0 for a text without any word."""
        return float(self.probabilities([text])[0])

    def why(self, text: str, count: int = 5) -> list[Piece]:
        """Words that spoke for an advert, the strongest first."""
        rows, values = self.vector(text)
        words = rows < len(self._rows["word"])
        spoke = self.weights[rows[words]] * values[words]
        loudest: dict[str, float] = {}
        for place in np.argsort(-spoke):
            # A word and its lemma are one word to a reader.
            name = self._names[rows[words][place]].strip("~_").replace("_", "")
            if spoke[place] <= 0 or len(loudest) == count:
                break
            loudest.setdefault(name, float(spoke[place]))
        return [Piece(name, weight) for name, weight in loudest.items()]

    def save(self, path: Path) -> None:
        """Write a plain ``.npz`` (no pickle), all at once or not at all."""
        meta = {
            "format": FORMAT,
            "bias": self.bias,
            "slope": self.slope,
            "offset": self.offset,
            "sizes": [len(self._rows[block]) for block in BLOCKS],
            "sentences": [self.encoder.name, self.encoder.version],
            "info": self.info,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            np.savez_compressed(
                file,
                meta=np.frombuffer(json.dumps(meta).encode(), np.uint8),
                names=np.frombuffer("\n".join(self._names).encode(), np.uint8),
                idf=self.idf.astype(np.float32),
                weights=self.weights.astype(np.float32),
                centres=self.centres.astype(np.float16),
                heights=self.heights.astype(np.float32),
            )

    @classmethod
    def load(cls, path: Path = SHIPPED) -> AdvertFilter:
        """Read what `save` wrote.

        Raises
        ------
        ModelError
            The file is missing, damaged, or of another version.
        """
        try:
            with open_arrays(path) as file:
                meta = json.loads(file["meta"].tobytes())
                names = file["names"].tobytes().decode().split("\n")
                idf, weights = file["idf"], file["weights"]
                centres, heights = file["centres"], file["heights"]
        except FileNotFoundError:
            raise ModelError(path, "there is no such file") from None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(path, f"not an advert filter, or damaged ({error})") from None
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise ModelError(
                path, f"an advert filter of format {FORMAT} is expected; train it anew"
            )
        try:
            name, version = map(str, meta["sentences"])
            encoder = sentence_encoder(name)
            if encoder.version != version:
                raise ValueError(f"made with {name} {version}, here is {encoder.version}")
            sizes = [int(size) for size in meta["sizes"]]
            ends = np.cumsum(sizes).tolist()
            vocabulary = {
                block: names[end - size : end]
                for block, size, end in zip(BLOCKS, sizes, ends, strict=True)
            }
            if ends[-1] != len(names) or not all(
                np.isfinite(array).all() for array in (idf, weights, centres, heights)
            ):
                raise ValueError("the numbers do not fit together")
            return cls(
                vocabulary,
                idf,
                weights.astype(np.float64),
                centres,
                heights,
                bias=float(meta["bias"]),
                slope=float(meta["slope"]),
                offset=float(meta["offset"]),
                info=meta["info"],
                encoder=encoder,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(path, f"not an advert filter, or damaged ({error})") from None
