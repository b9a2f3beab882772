"""The engine: a photo or a text goes in, posts, words or reasons come out."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol, Self

import numpy as np
from PIL import Image

from engine import scoring, terms
from engine.encoder import Encoder, open_encoder
from engine.errors import (
    EmptyQueryError,
    IndexFileError,
    ModelError,
    UnknownPostError,
    UnknownWordsError,
)
from engine.explain import heat_maps
from engine.feedback import Feedback, mean_theta, rocchio
from engine.index import NeighbourIndex, Neighbours
from engine.model import Calibration, Model, ModelInfo, load_model
from engine.photo import decode, encoder_input
from engine.pictures import TopicCard, explain_picture
from engine.projection import centre, log_ratio
from engine.results import (
    Annotation,
    Columns,
    Explanation,
    Floats,
    Hit,
    Page,
    PostVector,
    Query,
    QueryKind,
    Topic,
    vector_to_bytes,
    vectors_to_rows,
)
from engine.text import TextPipeline, Token
from engine.text.exact import WORDS_MAX, parse
from engine.text.sentences import (
    SentenceEncoder,
    described,
    sentence_encoder,
    sentence_text,
)
from engine.text.spelling import nearest

DEPTH: Final = 400
"""Posts that are taken from the index and re-ranked; no later page is offered."""

QUERY_CHARS: Final = 4096
"""Longest text of a query, as long as a message may be; of a longer one the rest is not read."""

SUGGESTED: Final = 10
"""Unknown words for which the nearest known ones are looked up."""

MOST_READ: Final = 50
"""Unknown words that the sentence encoder is asked about."""

MINUS: Final = 0.6
"""How much of the excluded words' direction is taken out of a query."""


class ExactWords(Protocol):
    """Looks words up literally; `engine.store` does."""

    def matching(
        self,
        words: Sequence[str],
        phrases: Sequence[Sequence[str]] = (),
        minus: Sequence[Sequence[str]] = (),
        limit: int = 400,
    ) -> list[tuple[int, float]]:
        """Keys of posts that have some of the words and all phrases, by how many."""
        ...

    def containing(self, keys: Sequence[int], phrases: Sequence[Sequence[str]]) -> set[int]:
        """Those of the posts that hold any of the phrases."""
        ...


class Engine:
    """A model and the posts it finds. Synchronous; safe to use from several threads.

    Parameters
    ----------
    model
        A loaded model.
    threads
        Threads of the encoder.
    """

    def __init__(self, model: Model, *, threads: int = 2) -> None:
        self.model = model
        self._threads = threads
        self._encoder: Encoder | None = None
        self._encoder_lock = threading.Lock()
        self._pipeline = TextPipeline()
        self._sentences = _sentence_encoder(model)
        self._index: Neighbours = NeighbourIndex(model.info.topics + 2)
        #: Votes of all people; a search looks at them.
        self.feedback = Feedback()
        #: Looks the words of a query up literally: the store of the posts, if it is set.
        self.exact_words: ExactWords | None = None

    @classmethod
    def open(cls, model: Path, *, threads: int = 2) -> Self:
        """Load a model folder and warm everything up.

        Raises
        ------
        ModelError
            See `engine.model.load_model`.
        """
        engine = cls(load_model(model), threads=threads)
        sentences = threading.Thread(target=engine._warm_sentences)
        sentences.start()
        engine._pipeline("warm тепло")
        size = engine._network().shape.size
        engine._network()(np.zeros((size, size, 3), np.uint8))
        if len(engine.model.words):
            nearest("warm", engine.model.words.surfaces)
        sentences.join()
        return engine

    def _warm_sentences(self) -> None:
        """Load the sentence encoder, which takes longest, beside all else."""
        if self._sentences is not None:
            self._sentences(["warm"])

    @property
    def info(self) -> ModelInfo:
        """What the model says about itself."""
        return self.model.info

    def search_in(self, index: Neighbours) -> None:
        """Search there instead of in an index of its own."""
        self._index = index

    def __len__(self) -> int:
        return len(self._index)

    # Queries

    def query(
        self,
        *,
        photo: bytes | None = None,
        text: str = "",
        photo_weight: float = 0.5,
        written: str = "",
    ) -> Query:
        """Understand a photo, a text (with ``-words`` to exclude), or both.

        Parameters
        ----------
        photo
            An encoded picture.
        text
            In any language; words that no post had are reported, even if they were understood.
        photo_weight
            Share of the photo where there is a text too, 0 to 1.
        written
            Words that were read on the photo.

        Raises
        ------
        EmptyQueryError
            Neither a photo nor a word.
        PhotoError
            The photo cannot be read; PhotoTooLargeError if it is over the limits.
        UnknownWordsError
            No photo, no known word, and none that the sentence encoder can read.
        """
        if not 0 <= photo_weight <= 1:
            raise ValueError(f"photo_weight is a share, 0 to 1, not {photo_weight}")
        bag = self._pipeline.query(text[:QUERY_CHARS])
        known, unknown = self._known((*bag.lemmas, *bag.tags))
        minus, minus_unknown = self._known(bag.minus)
        excluded = {token.key for token in bag.minus}
        known = [token for token in known if token.key not in excluded]
        said = known or self._reads(unknown)
        words = self._words(known, bag.rest, unknown=bool(unknown)) if said else None
        near = self._near([*unknown, *minus_unknown])
        if photo is None and words is None:
            if unknown:
                raise UnknownWordsError(_surfaces(unknown), near)
            if bag.minus:
                raise EmptyQueryError("only words to leave out; say what to look for, too")
            raise EmptyQueryError("send a photo, some words, or both")
        share = 0.0
        minus_z = np.zeros(0, np.float32)
        z = np.zeros((1, self.info.topics), np.float32)
        if photo is not None:
            share = 1.0 if words is None else photo_weight
            z += share * self._seen(photo, written)
        if words is not None:
            z += (1 - share) * words
        z = centre(z)
        if bag.minus:
            without = " ".join(token.surface for token in bag.minus)
            minus_z = self._words(minus, without, unknown=bool(minus_unknown))[0]
            z = centre(z - MINUS * max(0.2, float(z[0] @ minus_z)) * minus_z)
        kind: QueryKind = "text" if photo is None else ("both" if words is not None else "photo")
        return Query(
            kind,
            self.model.projection.theta(z, photo=share)[0],
            _surfaces(known),
            _surfaces(minus),
            _surfaces([*unknown, *minus_unknown]),
            share,
            minus_z,
            text=text[:QUERY_CHARS],
            suggestions={word: tuple(options) for word, options in near.items()},
            written="" if photo is None else written[:QUERY_CHARS],
        )

    def like(self, key: int) -> Query:
        """A query for posts like one that is in the library; UnknownPostError if it is not."""
        there, z = self._vectors([key])
        if not there:
            raise UnknownPostError(key)
        return Query("post", self.model.projection.theta(z, photo=1.0)[0], post=key)

    def with_votes(self, query: Query, liked: Sequence[int], disliked: Sequence[int]) -> Query:
        """The query moved by a person's votes on its answer; posts that are gone do not count."""
        (_, up), (_, down) = self._vectors(liked), self._vectors(disliked)
        if not len(up) and not len(down):
            return query
        z = rocchio(log_ratio(query.theta[None])[0], up, down)
        return replace(query, theta=self.model.projection.theta(z[None], photo=query.share)[0])

    def together(self, queries: Sequence[Query]) -> Query:
        """One query for several photos (an album): the mean of their topic vectors' log-ratios."""
        first = queries[0]
        if len(queries) == 1:
            return first
        return replace(first, theta=mean_theta([query.theta for query in queries]))

    def shares(self, keys: Sequence[int]) -> tuple[list[int], Floats]:
        """Topic vectors of posts: the keys that are there, and p(t | post), shape (n, K)."""
        there, z = self._vectors(keys)
        return there, self.model.projection.theta(z, photo=1.0)

    def _vectors(self, keys: Sequence[int]) -> tuple[list[int], Floats]:
        there, rows = self._index.vectors(keys)
        return there, centre(rows[:, :-2])

    def describe(
        self,
        *,
        photo: bytes | None,
        text: str = "",
        tags: Sequence[str] | None = None,
        written: str = "",
    ) -> PostVector:
        """The vector to keep of a post: of its photo, its text, or both.

        Parameters
        ----------
        written
            Words that were read on the photo.

        Raises
        ------
        EmptyQueryError
            No photo, and no word that the model or its sentence encoder knows.
        PhotoError
            As in `query`.
        """
        bag = self._pipeline(text, tags)
        known, unknown = self._known((*bag.lemmas, *bag.tags))
        plain = sentence_text(text, tags)
        words = None
        if known or self._reads(unknown):
            words = self._words(known, plain, unknown=bool(unknown))
        return self.post_vector(None if photo is None else self._seen(photo, written), words)

    def post_vector(self, seen: Floats | None, words: Floats | None) -> PostVector:
        """The vector to keep of a post by the unit vectors of its photo and text, (1, K) each."""
        if words is not None and not words.any():
            words = None
        if seen is None and words is None:
            raise EmptyQueryError("a post needs a photo or a word that the model knows")
        z = np.zeros((1, self.info.topics), np.float32)
        if seen is not None:
            z += seen
        if words is not None:
            # The photo is what readers look at; the text says more surely what it is about.
            z += words
        z = centre(z)
        kind = "text" if seen is None else ("both" if words is not None else "photo")
        bias = scoring.biases(self.model, z, "text" if kind == "text" else "photo")[0]
        share = {"photo": 1.0, "text": 0.0, "both": 0.5}[kind]
        theta = self.model.projection.theta(z, photo=share)[0]
        return PostVector(theta, vector_to_bytes(theta, (float(bias[0]), float(bias[1]))))

    # Answers

    def search(
        self,
        query: Query,
        *,
        limit: int = 10,
        offset: int = 0,
        among: Collection[int] | None = None,
    ) -> Page:
        """The closest posts, best first; nothing is left out for being less close.

        Parameters
        ----------
        among
            Only posts with these keys; None: all.

        Notes
        -----
        Where `exact_words` looks words up, posts that have words of the query literally gain by
        how much both are of the same words, those on pictures included, and are found even if theta
        is far; a quoted phrase has to be there, and what is excluded must not be.
        """
        _check_page(limit, offset)
        if offset >= DEPTH:
            return Page((), False)
        z = log_ratio(query.theta[None])[0]
        if z.shape[0] != self.info.topics:
            raise ValueError("the query belongs to another model")
        words = len(query.words) + len(query.unknown) if query.kind == "text" else 0
        vector = scoring.search_vector(z, query.share, words)
        literal = parse(query.text)
        asked = (*literal.words, *parse(query.written).words)[:WORDS_MAX]
        exact: dict[int, float] = {}
        if self.exact_words is not None and (asked or literal.phrases):
            exact = dict(self.exact_words.matching(asked, literal.phrases, literal.minus, DEPTH))
            if literal.phrases:
                among = exact.keys() if among is None else exact.keys() & set(among)
        keys, scores = self._index.search(vector, DEPTH, among)
        if exact:
            keys, scores = self._with_exact(vector, exact, among, keys, scores)
        if self.exact_words is not None and literal.minus:
            gone = self.exact_words.containing(keys.tolist(), literal.minus)
            kept = np.array([key not in gone for key in keys.tolist()], bool)
            keys, scores = keys[kept], scores[kept]
        if query.post is not None:
            other = keys != query.post
            keys, scores = keys[other], scores[other]
        if query.minus_z.size:
            there, vectors = self._index.vectors(keys.tolist())
            still = np.isin(keys, there)
            keys, scores = keys[still], scores[still]
            scores = scores - np.maximum(vectors[:, :-2] @ query.minus_z, 0)
        if not keys.size:
            return Page((), False)
        scores = scores + self.feedback.lift(z, keys.tolist())
        order = np.argsort(-scores, kind="stable")[offset : offset + limit]
        calibration = self._calibration(query.kind)
        logit = calibration.slope * scores[order].astype(np.float64) + calibration.offset
        # The hyperbolic tangent, unlike the exponential, never overflows.
        closeness = (1 + np.tanh(logit / 2)) / 2
        hits = tuple(
            Hit(key, near, near >= calibration.cutoff)
            for key, near in zip(keys[order].tolist(), closeness.tolist(), strict=True)
        )
        return Page(hits, len(keys) > offset + limit)

    def _with_exact(
        self,
        vector: Floats,
        exact: Mapping[int, float],
        among: Collection[int] | None,
        keys: Columns,
        scores: Floats,
    ) -> tuple[Columns, Floats]:
        there = set(keys.tolist())
        missing = [key for key in exact if key not in there and (among is None or key in among)]
        if missing:
            missing, more = self._index.vectors(missing)
            keys = np.concatenate([keys, np.array(missing, keys.dtype)])
            scores = np.concatenate([scores, more @ vector])
        share = np.array([exact.get(key, 0.0) for key in keys.tolist()], np.float32)
        return keys, scores + self.model.settings.exact_weight * share

    def topic_posts(self, topic: int, *, limit: int = 10, offset: int = 0) -> Page:
        """Posts in which a topic weighs most."""
        if not 0 <= topic < self.info.topics:
            raise ValueError(f"no topic {topic}; there are {self.info.topics}")
        _check_page(limit, offset)
        axis = np.zeros((1, self.info.topics), np.float32)
        axis[0, topic] = 1
        point = np.concatenate([centre(axis)[0], [0, 0]]).astype(np.float32)
        keys, shares = self.shares(self._index.search(point, DEPTH)[0].tolist())
        theta = shares[:, topic]
        order = np.argsort(-theta, kind="stable")
        hits = [Hit(keys[row], float(theta[row])) for row in order[offset : offset + limit]]
        return Page(tuple(hits), len(keys) > offset + limit)

    def annotate(
        self, query: Query, *, language: str = "en", words: int = 8, tags: int = 5
    ) -> Annotation:
        """Words and hashtags that a query's topic vector suggests."""
        return terms.annotate(
            self.model,
            query.theta,
            self._written(query.written),
            language=language,
            words=words,
            tags=tags,
        )

    def explain(
        self,
        query: Query,
        *,
        photo: bytes | None = None,
        language: str = "en",
        topics: int = 4,
        words: int = 3,
    ) -> Explanation:
        """The main topics of a query, what of each is in it, and where the photo shows that.

        The words of a topic are those that the query speaks for. A photo's map of a topic belongs
        to these words, and the maps of `Explanation.words` to the annotation's main words.
        """
        model = self.model
        theta, written = query.theta, self._written(query.written)
        shares = tuple(
            terms.topic_shares(model, theta, written, language=language, topics=topics, words=words)
        )
        main = terms.annotate(model, theta, written, language=language, words=2, tags=0).words
        if photo is None:
            return Explanation(shares, None, main)
        grid, shape = self._grid(photo), self._network().shape
        directions = [terms.direction(model, [w.column for w in s.words]) for s in shares]
        spoken = [terms.direction(model, [word.column]) for word in main]
        heat = heat_maps(model.projection, grid, shape, np.array([*directions, *spoken]))
        return Explanation(shares, heat[: len(shares)], main, heat[len(shares) :])

    def explain_picture(
        self,
        explanation: Explanation,
        *,
        photo: bytes | None,
        heading: str,
        legend: tuple[str, str] = ("less", "more"),
    ) -> Image.Image:
        """Draw an explanation: its topics and, on a photo, the main words by themselves.

        Parameters
        ----------
        legend
            Words at both ends of the scale of colours.
        """
        cards = [
            TopicCard(first, share.share, rest)
            for share in explanation.topics
            for first, *rest in [[term.text for term in share.words] or [""]]
        ]
        heat = explanation.heat
        if heat is not None and explanation.word_heat is not None:
            # A topic of one word has that word's map already.
            alone = {s.words[0].column for s in explanation.topics if len(s.words) == 1}
            own = [row for row, word in enumerate(explanation.words) if word.column not in alone]
            cards += [TopicCard(explanation.words[row].text, None, []) for row in own]
            heat = np.concatenate([heat, explanation.word_heat[own]])
        image = decode(photo, size_hint=800) if photo is not None else None
        return explain_picture(image, cards, heat, heading=heading, legend=legend)

    def topics(self, *, language: str = "en") -> Sequence[Topic]:
        """The model's subject topics, largest first."""
        return terms.topics(self.model, language=language)

    # The library: the index is a cache of the store

    def load(
        self,
        vectors: Iterable[tuple[int, bytes]],
        *,
        version: int,
        cache: Path | None = None,
        count: int | None = None,
    ) -> bool:
        """Fill the index from a saved file, or if that is stale or damaged, from the store.

        Parameters
        ----------
        vectors
            Key and `PostVector.blob` of each post of this model; read only where needed.
        version
            State of the store.
        cache
            The saved index.
        count
            How many vectors the saved index must have; unchecked where it is None.

        Returns
        -------
        bool
            Whether it was rebuilt.
        """
        if cache is not None:
            try:
                self._index.load(cache, version=version, model=self.info.id, count=count)
                return False
            except IndexFileError:
                pass
        keys, rows = self._rows(list(vectors))
        self._index.build(keys, rows)
        return True

    def save(self, cache: Path, *, version: int) -> None:
        """Save the index atomically; IndexFileError if the disk is full or read-only."""
        self._index.save(cache, version=version, model=self.info.id)

    def add(self, items: Sequence[tuple[int, bytes]]) -> None:
        """Add posts (key, `PostVector.blob`); a key that is there already is replaced."""
        self._index.add(*self._rows(list(items)))

    def remove(self, keys: Sequence[int]) -> None:
        """Remove posts; one that is not there is no error."""
        self._index.remove(keys)

    def __contains__(self, key: object) -> bool:
        return key in self._index

    # Inside

    def _rows(self, items: list[tuple[int, bytes]]) -> tuple[list[int], Floats]:
        theta, biases = vectors_to_rows([blob for _, blob in items], self.info.topics)
        if not items:
            return [], np.zeros((0, self.info.topics + 2), np.float32)
        return [key for key, _ in items], np.concatenate([log_ratio(theta), biases], axis=1)

    def _seen(self, photo: bytes, written: str) -> Floats:
        """Unit vector of a photo, and of what is written on it, shape (1, K)."""
        grid, projection = self._grid(photo), self.model.projection
        # Features are kept in half precision while training; a query's are rounded alike.
        features = grid.mean(0, keepdims=True).astype(np.float16).astype(np.float32)
        visual = self.model.codebook.bag(grid)[None] if projection.visual else None
        z = projection.photos(features, visual)
        weight = self.model.settings.written_weight
        if not weight or not written:
            return z
        bag = self._pipeline(written, ())
        known, unknown = self._known(bag.lemmas)
        if known or self._reads(unknown):
            z = centre(z + weight * self._words(known, written, unknown=bool(unknown)))
        return z

    def _written(self, words: str) -> tuple[int, ...]:
        """Columns of the known words that were read on a photo."""
        known, _ = self._known(self._pipeline(words, ()).lemmas)
        return tuple(map(int, self._columns(known)[0]))

    def _words(self, known: Sequence[Token], plain: str, *, unknown: bool) -> Floats:
        """Unit vector of a text, shape (1, K)."""
        if self._sentences is None:
            sentence = np.zeros(0, np.float32)
        elif any(map(str.isalpha, plain)):
            sentence = self._sentences([plain])[0]
        else:
            sentence = np.zeros(self._sentences.dimensions, np.float32)
        return self.model.projection.text(*self._columns(known), sentence, unknown=unknown)

    def _reads(self, unknown: Sequence[Token]) -> bool:
        """Whether the sentence encoder can read most of the words that no post had."""
        if self._sentences is None or not unknown:
            return False
        read = sum(self._sentences.reads(token.surface) for token in unknown[:MOST_READ])
        return 2 * read > min(len(unknown), MOST_READ)

    def _calibration(self, kind: QueryKind) -> Calibration:
        rows = self.model.settings.calibration
        return rows.get(kind) or rows.get("photo") or Calibration(1.0, 0.0, 0.0)

    def _known(self, tokens: Iterable[Token]) -> tuple[list[Token], list[Token]]:
        known: list[Token] = []
        unknown: list[Token] = []
        for token in tokens:
            there = token.key in self.model.words.index or token.key in self.model.tags.index
            (known if there else unknown).append(token)
        return known, unknown

    def _near(self, tokens: Iterable[Token]) -> dict[str, list[str]]:
        surfaces = self.model.words.surfaces
        typed = list(dict.fromkeys(token.surface for token in tokens))[:SUGGESTED]
        found = {word: nearest(word, surfaces) for word in typed}
        return {word: options for word, options in found.items() if options}

    def _columns(self, tokens: Iterable[Token]) -> tuple[Columns, Floats]:
        counts: dict[int, float] = {}
        width = len(self.model.words)
        for token in tokens:
            for column in (
                self.model.words.index.get(token.key),
                None if (tag := self.model.tags.index.get(token.key)) is None else width + tag,
            ):
                if column is not None:
                    counts[column] = counts.get(column, 0) + 1
        return (
            np.fromiter(counts, np.intp, len(counts)),
            np.fromiter(counts.values(), np.float32, len(counts)),
        )

    def _network(self) -> Encoder:
        with self._encoder_lock:
            if self._encoder is None:
                folder, name = self.model.folder, self.model.info.encoder
                encoder = open_encoder(folder, name, threads=self._threads)
                if encoder.shape != self.model.shape:
                    raise ModelError(
                        folder,
                        f"encoder {name!r} has {encoder.shape}, the model wants "
                        f"{self.model.shape}; install the encoder that it was built with",
                    )
                self._encoder = encoder
        return self._encoder

    def _grid(self, photo: bytes) -> Floats:
        network = self._network()
        return network(encoder_input(photo, network.shape.size))


def _check_page(limit: int, offset: int) -> None:
    if limit < 1 or offset < 0:
        raise ValueError(f"limit {limit} and offset {offset} must be positive")


def _sentence_encoder(model: Model) -> SentenceEncoder | None:
    """The encoder that the model was learnt with; ModelError if it is another one."""
    wanted = model.info.sentences
    if not wanted:
        return None
    try:
        encoder = sentence_encoder(wanted["name"])
    except ValueError as error:
        raise ModelError(model.folder, f"{error}; build the model again") from error
    if described(encoder)["sha256"] != wanted["sha256"]:
        raise ModelError(
            model.folder,
            f"it was learnt with sentence vectors of {wanted['name']} {wanted['version']}, here is "
            f"{encoder.version} with other weights: install that version, or build the model again",
        )
    return encoder


def _surfaces(tokens: Sequence[Token]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(token.surface for token in tokens))
