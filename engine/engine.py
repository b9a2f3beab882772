"""The engine: a photo or a text goes in, posts, words or reasons come out."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import numpy as np

from engine import scoring, terms
from engine.encoder import Encoder, open_encoder
from engine.errors import EmptyQueryError, IndexFileError, ModelError, UnknownWordsError
from engine.explain import topic_heat
from engine.feedback import Feedback, mean_theta, rocchio
from engine.index import NeighbourIndex, Neighbours
from engine.model import Calibration, Model, ModelInfo, load_model
from engine.photo import decode, to_input
from engine.pictures import TopicCard, explain_picture, to_png
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
    TopicShare,
    vector_to_bytes,
    vectors_to_rows,
)
from engine.text import TextPipeline, Token
from engine.text.spelling import nearest

DEPTH: Final = 400
"""Posts that are taken from the index and re-ranked; nobody turns pages further."""

QUERY_CHARS: Final = 4096
"""Longest text of a query, as long as a message may be; of a longer one the rest is not read."""

SHORT: Final = 2
"""Words up to which a text is always answered: the cut-off is learnt from whole sentences, and a
word or two that the model knows cannot be nonsense."""

SUGGESTED: Final = 10
"""Unknown words for which the nearest known ones are looked up."""

MINUS: Final = 0.6
"""How much of the excluded words' direction is taken out of a query."""


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
        self._index: Neighbours = NeighbourIndex(model.info.topics + 2)
        #: Votes of all people; a search looks at them.
        self.feedback = Feedback()

    @classmethod
    def open(cls, model: Path, *, threads: int = 2) -> Self:
        """Load a model folder and warm everything up.

        Raises
        ------
        ModelError
            See `engine.model.load_model`.
        """
        engine = cls(load_model(model), threads=threads)
        engine._pipeline("warm тепло")
        size = engine._network().shape.size
        engine._network()(np.zeros((size, size, 3), np.uint8))
        if len(engine.model.words):
            nearest("warm", engine.model.words.surfaces)
        _ = engine._tag_floors
        return engine

    @property
    def info(self) -> ModelInfo:
        """What the model says about itself."""
        return self.model.info

    def search_in(self, index: Neighbours) -> None:
        """Search there instead of in an index of its own."""
        self._index = index

    def __len__(self) -> int:
        return len(self._index)

    @cached_property
    def _tag_floors(self) -> Floats:
        return terms.tag_floors(self.model)

    # Queries

    def query(
        self, *, photo: bytes | None = None, text: str = "", photo_weight: float = 0.5
    ) -> Query:
        """Understand a photo, a text (with ``-words`` to exclude), or both.

        Parameters
        ----------
        photo
            An encoded picture.
        text
            In any language; unknown words are reported in the answer.
        photo_weight
            Share of the photo where there is a text too, 0 to 1.

        Raises
        ------
        EmptyQueryError
            Neither a photo nor a word.
        PhotoError
            The photo cannot be read; PhotoTooLargeError if it is over the limits.
        UnknownWordsError
            There is no photo and none of the words is known.
        """
        if not 0 <= photo_weight <= 1:
            raise ValueError(f"photo_weight is a share, 0 to 1, not {photo_weight}")
        bag = self._pipeline.query(text[:QUERY_CHARS])
        known, unknown = self._known((*bag.lemmas, *bag.tags))
        minus, minus_unknown = self._known(bag.minus)
        excluded = {token.key for token in minus}
        known = [token for token in known if token.key not in excluded]
        unknown = [*unknown, *minus_unknown]
        if photo is None and not known:
            if unknown and not minus:
                raise UnknownWordsError(
                    tuple(dict.fromkeys(token.surface for token in unknown)), self._near(unknown)
                )
            if minus:
                raise EmptyQueryError("only words to leave out; say what to look for, too")
            raise EmptyQueryError("send a photo, some words, or both")
        share = 0.0
        columns, counts = self._columns(known)
        minus_z = np.zeros(0, np.float32)
        z = np.zeros((1, self.info.topics), np.float32)
        if photo is not None:
            share = photo_weight if known else 1.0
            z += share * self.model.projection.photos(self._photo_features(photo))
        if known:
            z += (1 - share) * self.model.projection.text(columns, counts)
        z = centre(z)
        if minus:
            minus_z = self.model.projection.text(*self._columns(minus))[0]
            z = centre(z - MINUS * max(0.2, float(z[0] @ minus_z)) * minus_z)
        kind: QueryKind = "text" if photo is None else ("both" if known else "photo")
        return Query(
            kind,
            self.model.projection.theta(z, photo=share)[0],
            tuple(dict.fromkeys(token.surface for token in known)),
            tuple(dict.fromkeys(token.surface for token in minus)),
            tuple(dict.fromkeys(token.surface for token in unknown)),
            share,
            columns,
            np.sqrt(counts) * self.model.projection.idf[columns],
            minus_z,
        )

    def like(self, key: int) -> Query:
        """A query for posts like one that is in the library; UnknownPostError if it is not."""
        z = centre(self._index.vector(key)[None, :-2])
        return Query("post", self.model.projection.theta(z, photo=1.0)[0], post=key)

    def with_votes(self, query: Query, liked: Sequence[int], disliked: Sequence[int]) -> Query:
        """The query moved by a person's votes on its answer; posts that are gone do not count."""
        up, down = self._vectors(liked), self._vectors(disliked)
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
        there = [key for key in keys if key in self._index]
        z = self._vectors(there)
        return there, self.model.projection.theta(z, photo=1.0)

    def _vectors(self, keys: Sequence[int]) -> Floats:
        rows = [self._index.vector(key)[:-2] for key in keys if key in self._index]
        return centre(np.stack(rows)) if rows else np.zeros((0, self.info.topics), np.float32)

    def describe(
        self, *, photo: bytes | None, text: str = "", tags: Sequence[str] | None = None
    ) -> PostVector:
        """The vector to keep of a post: of its photo, its text, or both.

        Raises
        ------
        EmptyQueryError
            No photo, and no known word.
        PhotoError
            As in `query`.
        """
        features = self._photo_features(photo) if photo is not None else None
        bag = self._pipeline(text, tags)
        known, _ = self._known((*bag.lemmas, *bag.tags))
        return self.describe_features(features, known)

    def describe_features(self, features: Floats | None, known: Sequence[Token]) -> PostVector:
        """`describe` for what has been encoded and tokenised already; features (1, channels)."""
        if features is None and not known:
            raise EmptyQueryError("a post needs a photo or a word that the model knows")
        z = np.zeros((1, self.info.topics), np.float32)
        if features is not None:
            z += self.model.projection.photos(features)
        if known:
            # The photo is what readers look at; the text says more surely what it is about.
            z += self.model.projection.text(*self._columns(known))
        z = centre(z)
        kind = "text" if features is None else ("both" if known else "photo")
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
        """The closest posts, best first; an empty first page means nothing is close enough.

        A text of at most `SHORT` known words is answered by whatever is closest.

        Parameters
        ----------
        among
            Only posts with these keys; None: all.
        """
        _check_page(limit, offset)
        if offset >= DEPTH:
            return Page((), False)
        z = log_ratio(query.theta[None])[0]
        if z.shape[0] != self.info.topics:
            raise ValueError("the query belongs to another model")
        vector = scoring.search_vector(z, query.share)
        keys, scores, vectors = self._index.search(vector, DEPTH, among)
        if not keys.size:
            return Page((), False)
        if query.post is not None:
            other = keys != query.post
            keys, scores, vectors = keys[other], scores[other], vectors[other]
        order_by = scores + self._rerank(query, vectors[:, :-2])
        order_by += self.feedback.lift(z, keys.tolist())
        order = np.argsort(-order_by, kind="stable")
        calibration = self._calibration(query.kind)
        logit = calibration.slope * scores[order].astype(np.float64) + calibration.offset
        # The hyperbolic tangent, unlike the exponential, never overflows.
        closeness = (1 + np.tanh(logit / 2)) / 2
        short = query.kind == "text" and len(query.words) <= SHORT
        hits = [
            Hit(int(key), close)
            for key, close in zip(keys[order], closeness.tolist(), strict=True)
            if short or close >= calibration.cutoff
        ]
        page = tuple(hits[offset : offset + limit])
        return Page(page, len(hits) > offset + limit)

    def topic_posts(self, topic: int, *, limit: int = 10, offset: int = 0) -> Page:
        """Posts in which a topic weighs most."""
        if not 0 <= topic < self.info.topics:
            raise ValueError(f"no topic {topic}; there are {self.info.topics}")
        _check_page(limit, offset)
        axis = np.zeros((1, self.info.topics), np.float32)
        axis[0, topic] = 1
        keys, _, vectors = self._index.search(
            np.concatenate([centre(axis)[0], [0, 0]]).astype(np.float32), DEPTH
        )
        theta = self.model.projection.theta(centre(vectors[:, :-2]), photo=1.0)[:, topic]
        order = np.argsort(-theta, kind="stable")
        hits = [Hit(int(keys[row]), float(theta[row])) for row in order[offset : offset + limit]]
        return Page(tuple(hits), len(keys) > offset + limit)

    def annotate(
        self, query: Query, *, language: str = "en", words: int = 8, tags: int = 5
    ) -> Annotation:
        """Words and hashtags that a query's topic vector suggests."""
        return terms.annotate(
            self.model,
            query.theta,
            language=language,
            words=words,
            tags=tags,
            floors=self._tag_floors,
        )

    def explain(
        self, query: Query, *, photo: bytes | None = None, language: str = "en", topics: int = 4
    ) -> Explanation:
        """The main topics of a query, their words, and where the photo shows them."""
        subject = self.info.topics - self.info.background
        order = np.argsort(-query.theta[:subject])[:topics]
        chosen = [int(topic) for topic in order]
        shares = tuple(
            TopicShare(
                topic,
                float(query.theta[topic]),
                terms.topic_words(self.model, topic, 6, language),
            )
            for topic in chosen
        )
        heat = None
        if photo is not None:
            grid = self._grid(photo)
            heat = topic_heat(self.model.projection, grid, self._network().shape, chosen)
        return Explanation(shares, heat)

    def explain_picture(
        self, explanation: Explanation, *, photo: bytes | None, heading: str
    ) -> bytes:
        """An explanation as a PNG."""
        cards = [
            TopicCard(f"#{share.topic + 1}", share.share, [term.text for term in share.words])
            for share in explanation.topics
        ]
        image = decode(photo, size_hint=800) if photo is not None else None
        return to_png(explain_picture(image, cards, explanation.heat, heading=heading))

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

    def _rerank(self, query: Query, z: Floats) -> Floats:
        gain = np.zeros(len(z), np.float32)
        weight = self.model.settings.rerank_weight
        if weight and query.kind == "text" and query.columns.size:
            gain += weight * scoring.word_lift(self.model, z, query.columns, query.weights)
        if query.minus_z.size:
            gain -= np.maximum(z @ query.minus_z, 0)
        return gain

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
        size = network.shape.size
        return network(to_input(decode(photo, size_hint=size), size))

    def _photo_features(self, photo: bytes) -> Floats:
        grid: Floats = self._grid(photo).mean(0, keepdims=True)
        # Features are kept in half precision while training; a query's are rounded alike.
        return grid.astype(np.float16).astype(np.float32)


def _check_page(limit: int, offset: int) -> None:
    if limit < 1 or offset < 0:
        raise ValueError(f"limit {limit} and offset {offset} must be positive")
