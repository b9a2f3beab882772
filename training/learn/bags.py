"""From texts and photo chunks to counts: vocabularies with frequency limits, and a `Dataset`."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from engine.codebook import LEAST, LIMIT
from engine.corpus.reader import CorpusPost
from engine.results import Floats
from engine.text import SurfaceForms, TextBag, TextPipeline
from engine.text.sentences import sentence_text
from engine.vocabulary import Vocabulary
from training.clean.rules import without_signatures
from training.learn.dataset import KEYS, Dataset
from training.learn.features import Chunk
from training.learn.kept_sentences import KeptSentences


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a post, tokenised.

    Attributes
    ----------
    language
        As the corpus says, else the language of most of its words.
    plain
        What a sentence encoder reads.
    """

    post: str
    language: str
    bag: TextBag
    plain: str


def tokenise(posts: Iterable[CorpusPost], pipeline: TextPipeline) -> list[Text]:
    """All texts of the posts; a post with hashtags but no text gives one text of the hashtags."""
    texts = []
    for post in without_signatures(posts):
        rows = [(language, text) for language, many in post.texts.items() for text in many]
        for language, text in rows or [("", "")]:
            bag = pipeline(text, post.tags)
            if bag.lemmas or bag.tags:
                plain = sentence_text(text, post.tags)
                texts.append(Text(post.id, language or _language(bag), bag, plain))
    return texts


def _language(bag: TextBag) -> str:
    found = Counter(token.language for token in bag.lemmas or bag.tags)
    return found.most_common(1)[0][0]


def learn_vocabularies(
    texts: Sequence[Text], *, min_df: int, max_df: float, largest: int = 50_000
) -> tuple[Vocabulary, Vocabulary]:
    """Vocabularies of words and of hashtags.

    Parameters
    ----------
    min_df
        Texts that a word must be in, and posts that a hashtag must be on.
    max_df
        Largest share of the texts that a word may be in.
    largest
        Most words kept, the most frequent.
    """
    words: Counter[str] = Counter()
    tags: Counter[str] = Counter()
    shown, shown_tags = SurfaceForms(), SurfaceForms()
    for text in texts:
        words.update({token.key for token in text.bag.lemmas})
        tags.update({token.key for token in text.bag.tags})
        for token in text.bag.lemmas:
            shown.add(token)
        for token in text.bag.tags:
            shown_tags.add(token)
    ceiling = max(max_df * len(texts), min_df)
    return (
        _vocabulary(words, shown, min_df, ceiling, largest),
        _vocabulary(tags, shown_tags, min_df, float("inf"), largest),
    )


def _vocabulary(
    counts: Counter[str], shown: SurfaceForms, min_df: float, ceiling: float, largest: int
) -> Vocabulary:
    keys = [key for key, n in counts.most_common(largest) if min_df <= n <= ceiling]
    keys.sort()
    return Vocabulary(tuple(keys), tuple(map(shown.best, keys)), tuple(map(shown.language, keys)))


def text_columns(words: Vocabulary, tags: Vocabulary, bag: TextBag) -> Counter[int]:
    """Columns (words, then hashtags) and counts of the known tokens of a text."""
    found: Counter[int] = Counter()
    for token in bag.lemmas:
        column = words.index.get(token.key)
        if column is not None:
            found[column] += 1
    for token in bag.tags:
        column = tags.index.get(token.key)
        if column is not None:
            found[len(words) + column] += 1
    return found


def counts_matrix(rows: Sequence[Counter[int]], width: int) -> Any:
    """Counters of columns to a CSR matrix, shape (len(rows), width), float32."""
    indptr = np.cumsum([0, *(len(row) for row in rows)])
    indices = np.array([column for row in rows for column in row], np.int32)
    data = np.array([n for row in rows for n in row.values()], np.float32)
    matrix = sparse.csr_matrix((data, indices, indptr), shape=(len(rows), width))
    matrix.sort_indices()
    return matrix


def visual_counts(chunk: Chunk, width: int) -> Any:
    """Visual words of a chunk's photos, CSR of shape (n, width)."""
    count = len(chunk.ids)
    rows = np.repeat(np.arange(count), chunk.words[0].size if count else 0)
    matrix = sparse.csr_matrix(
        (chunk.weights.astype(np.float32).ravel(), (rows, chunk.words.astype(np.int32).ravel())),
        shape=(count, width),
    )
    matrix.sum_duplicates()
    matrix.data = np.minimum(matrix.data, LIMIT)
    # Weights that round to nothing only make the matrix longer.
    matrix.data[matrix.data < LEAST] = 0
    matrix.eliminate_zeros()
    return matrix


def assemble(
    chunks: Iterable[Chunk],
    texts: Sequence[Text],
    words: Vocabulary,
    tags: Vocabulary,
    visual: int,
    sentences: KeptSentences | None = None,
    written: Mapping[str, Text] | None = None,
) -> Dataset:
    """A data set of the posts whose photo could be described.

    Parameters
    ----------
    visual
        Size of the codebook of visual words.
    sentences
        Vectors of whole texts, if the model has an encoder of them.
    written
        What is written on photos, by the posts' ids.
    """
    ids: list[str] = []
    means: list[Floats] = []
    bags = []
    for chunk in chunks:
        ids += chunk.ids
        means.append(chunk.mean.astype(np.float32))
        bags.append(visual_counts(chunk, visual))
    place = {name: row for row, name in enumerate(ids)}
    used = [text for text in texts if text.post in place]
    width = len(words) + len(tags)
    on = written or {}
    matrix = counts_matrix([text_columns(words, tags, text.bag) for text in used], width)
    return Dataset(
        tuple(ids),
        np.concatenate(means) if means else np.zeros((0, 1), np.float32),
        sparse.vstack(bags).tocsr() if bags else sparse.csr_matrix((0, visual), dtype=np.float32),
        matrix,
        np.array([place[text.post] for text in used], np.int64),
        np.array([text.language for text in used], np.str_),
        _sentences(sentences, [text.plain for text in used]),
        counts_matrix(
            [text_columns(words, tags, on[i].bag) if i in on else Counter() for i in ids], width
        ),
        _sentences(sentences, [on[i].plain if i in on else "" for i in ids]),
        counts_matrix([_keys(text.bag) for text in used], KEYS),
        counts_matrix([_keys(on[i].bag) if i in on else Counter() for i in ids], KEYS),
    )


def _keys(bag: TextBag) -> Counter[int]:
    return Counter(zlib.crc32(token.key.encode()) % KEYS for token in bag.lemmas)


def _sentences(encoder: KeptSentences | None, texts: Sequence[str]) -> Floats:
    """Sentence vectors; zero where there is no text."""
    if encoder is None:
        return np.zeros((len(texts), 0), np.float32)
    vectors = np.zeros((len(texts), encoder.dimensions), np.float32)
    there = [row for row, text in enumerate(texts) if text]
    vectors[there] = encoder([texts[row] for row in there])
    return vectors
