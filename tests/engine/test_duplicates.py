from __future__ import annotations

import io

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from engine.duplicates import NEAR, SeenHashes, near_pairs, photo_hash, text_key
from engine.text import TextPipeline


def blobs(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    cells = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


def pairs_of(hashes: np.ndarray, distance: int) -> set[tuple[int, int]]:
    found = [(int(a), int(b)) for part in near_pairs(hashes, distance) for a, b in part]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize("distance", [0, 1, 4, 6, 8])
def test_pairs_are_those_of_an_exhaustive_search(distance: int) -> None:
    rng = np.random.default_rng(distance)
    centres = rng.integers(0, 2**64, 300, dtype=np.uint64)
    flips = np.uint64(1) << rng.integers(0, 64, (300, 9)).astype(np.uint64)
    near = centres[:, None] ^ np.bitwise_xor.accumulate(flips, axis=1)
    hashes = np.unique(np.concatenate([centres, near.ravel()]))
    index = faiss.IndexBinaryFlat(64)
    codes = hashes.view(np.uint8).reshape(-1, 8)
    index.add(codes)
    limits, _, found = index.range_search(codes, distance + 1)
    expected = {
        (row, int(other))
        for row in range(len(hashes))
        for other in found[limits[row] : limits[row + 1]]
        if row < other
    }
    assert pairs_of(hashes, distance) == expected
    assert distance == 0 or expected


@given(st.lists(st.integers(0, 2**64 - 1), max_size=30), st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_any_hashes(values: list[int], distance: int) -> None:
    hashes = np.unique(np.array(values, np.uint64))
    expected = {
        (a, b)
        for a in range(len(hashes))
        for b in range(a + 1, len(hashes))
        if (int(hashes[a]) ^ int(hashes[b])).bit_count() <= distance
    }
    assert pairs_of(hashes, distance) == expected


def test_many_alike_do_not_need_much_memory() -> None:
    # All share most bands: runs of thousands, compared a slice at a time.
    hashes = np.arange(3000, dtype=np.uint64) << np.uint64(3)
    parts = list(near_pairs(hashes, 1))
    expected = sum((a ^ b).bit_count() == 1 for a in range(3000) for b in range(a))
    assert len({tuple(p) for part in parts for p in part.tolist()}) == expected


def test_distances_out_of_range() -> None:
    for distance in (-1, 9):
        with pytest.raises(ValueError, match="distance"):
            list(near_pairs(np.zeros(0, np.uint64), distance))
        with pytest.raises(ValueError, match="distance"):
            SeenHashes(distance)


def test_copies_are_near_and_others_are_not() -> None:
    originals = [photo_hash(blobs(seed)) for seed in range(40)]
    for seed in range(40):
        photo = blobs(seed)
        file = io.BytesIO()
        photo.resize((200, 150)).save(file, "JPEG", quality=40)
        copies = [
            Image.open(file),
            photo.resize((97, 211)),
            ImageEnhance.Brightness(photo).enhance(0.7),
            photo.convert("L"),
        ]
        for copy in copies:
            value = photo_hash(copy)
            assert value is not None
            apart = [(value ^ (other or 0)).bit_count() for other in originals]
            assert apart[seed] <= NEAR
            assert min(apart[:seed] + apart[seed + 1 :]) > NEAR


def test_blank_photos_are_like_nothing() -> None:
    assert photo_hash(Image.new("RGB", (50, 50), "white")) is None
    assert photo_hash(Image.new("RGB", (1, 1), "red")) is None


@given(
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.booleans()), max_size=40),
    st.integers(0, 2**64 - 1),
)
@settings(max_examples=60, deadline=None)
def test_seen_hashes(history: list[tuple[int, bool]], value: int) -> None:
    seen = SeenHashes(8)
    kept: dict[int, int] = {}
    for key, (one, stays) in enumerate(history):
        seen.add(one, key)
        if stays:
            kept[key] = one
        else:
            seen.remove(one, key)
            seen.remove(one, key)
    assert len(seen) == len(kept)
    near = {key: (one ^ value).bit_count() for key, one in kept.items()}
    best = min(near.values(), default=99)
    found = seen.nearest(value)
    assert (found is None) == (best > 8)
    if found is not None:
        assert near[found] == best  # type: ignore[index]
    for flipped in range(9):
        close = value ^ ((1 << flipped) - 1)
        seen.add(value, "x")
        assert seen.nearest(close) is not None


def test_text_keys() -> None:
    pipeline = TextPipeline()

    def key(text: str) -> bytes | None:
        return text_key(pipeline(text))

    text = "Рыжий кот спит на старом тёплом подоконнике"
    assert key(text) == key(f"RT @anna: {text.upper()}!!! 😻 http://t.co/abc")
    assert key(text) != key(text + " рядом с собакой")
    assert key("Доброе утро!") is None
