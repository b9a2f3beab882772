import numpy as np
import pytest

from engine.text.sentences import sentence_encoder


def test_alike_in_meaning_is_near_in_any_language() -> None:
    encoder = sentence_encoder()
    vectors = encoder(["a dog", "собака", "the tax office", ""])
    assert vectors.shape == (4, encoder.dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    assert encoder([]).shape == (0, encoder.dimensions)


def test_one_by_one_and_together_are_the_same() -> None:
    encoder = sentence_encoder()
    texts = ["snow", "Белая собака бежит по снегу", "x" * 10_000]
    together = encoder(texts)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(encoder([text])[0], vector, atol=1e-5)


def test_what_a_manifest_needs() -> None:
    encoder = sentence_encoder()
    assert encoder.name == "use-multilingual-v3"
    assert encoder.version
    assert len(encoder.digest) == 64


def test_an_unknown_name_lists_those_that_are_there() -> None:
    with pytest.raises(ValueError, match="use-multilingual-v3"):
        sentence_encoder("other")
