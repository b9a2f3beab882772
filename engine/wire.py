"""Queries and post vectors as bytes: plain arrays and JSON, never pickle."""

from __future__ import annotations

import io
import json
import struct
from typing import Any, Final

import numpy as np

from engine.results import Floats, PostVector, Query

_MAGIC: Final = b"i2v1"
_HEADER: Final = struct.Struct("<4sHff")


def vector_to_bytes(theta: Floats, bias: tuple[float, float]) -> bytes:
    """A post's topic vector (K,) and its two hubness biases, little-endian float32."""
    return _HEADER.pack(_MAGIC, theta.size, *bias) + theta.astype("<f4").tobytes()


def vector_from_bytes(data: bytes) -> tuple[PostVector, tuple[float, float]]:
    """Read what `vector_to_bytes` wrote.

    Raises
    ------
    ValueError
        Anything else.
    """
    if len(data) < _HEADER.size:
        raise ValueError("not a post's vector: too short")
    magic, topics, first, second = _HEADER.unpack_from(data)
    if magic != _MAGIC or len(data) != _HEADER.size + 4 * topics:
        raise ValueError("not a post's vector, or cut off")
    theta = np.frombuffer(data, "<f4", offset=_HEADER.size).astype(np.float32)
    return PostVector(theta, data), (first, second)


def vectors_to_rows(blobs: list[bytes], topics: int) -> tuple[Floats, Floats]:
    """Many post vectors at once: theta (n, topics) and biases (n, 2).

    Raises
    ------
    ValueError
        A blob is not a vector of so many topics.
    """
    size = _HEADER.size + 4 * topics
    if any(len(blob) != size or blob[:4] != _MAGIC for blob in blobs):
        raise ValueError(f"not the vector of a post in {topics} topics")
    raw = np.frombuffer(b"".join(blobs), np.uint8).reshape(len(blobs), size)
    biases = np.ascontiguousarray(raw[:, 6:14]).view("<f4").astype(np.float32)
    theta = np.ascontiguousarray(raw[:, _HEADER.size :]).view("<f4").astype(np.float32)
    return theta, biases


def query_to_bytes(query: Query) -> bytes:
    """A query as a small ``.npz`` archive."""
    facts = {
        "kind": query.kind,
        "words": query.words,
        "minus": query.minus,
        "unknown": query.unknown,
    }
    text = np.frombuffer(json.dumps(facts, ensure_ascii=False).encode(), np.uint8)
    buffer = io.BytesIO()
    extra = {f"extra_{name}": value for name, value in query.extra.items()}
    np.savez(buffer, allow_pickle=False, facts=text, theta=query.theta, **extra)
    return buffer.getvalue()


def query_from_bytes(data: bytes) -> Query:
    """Read what `query_to_bytes` wrote.

    Raises
    ------
    ValueError
        Anything else.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            facts = json.loads(arrays["facts"].tobytes())
            theta = _vector(arrays["theta"])
            extra = {
                name.removeprefix("extra_"): _vector(arrays[name])
                for name in arrays.files
                if name.startswith("extra_")
            }
        if facts["kind"] not in ("photo", "text", "both", "post") or not theta.size:
            raise ValueError("unknown kind, or no topics")
        return Query(
            facts["kind"],
            theta,
            tuple(map(str, facts["words"])),
            tuple(map(str, facts["minus"])),
            tuple(map(str, facts["unknown"])),
            extra,
        )
    except Exception as error:
        # On damaged archives zipfile and numpy raise a dozen kinds of error, MemoryError too.
        raise ValueError(f"not a stored query ({error})") from error


def _vector(array: Any) -> Floats:
    if array.dtype != np.float32 or array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError("not a vector of float32 numbers")
    vector: Floats = array
    return vector
