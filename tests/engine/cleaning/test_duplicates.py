from __future__ import annotations

import io

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from engine.cleaning.duplicates import (
    BEST,
    NEAR,
    Copy,
    Fingerprint,
    SeenPosts,
    fingerprint,
    near_pairs,
    photo_hash,
    text_key,
)
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
        SeenPosts(9)
    everything = SeenPosts(-1)
    everything.add("1", Fingerprint(look=1))
    assert everything.copy_of("2", Fingerprint(look=1)) is None


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
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2**64 - 1), st.booleans()), max_size=150),
    st.integers(1, 2**64 - 1),
)
@settings(max_examples=60, deadline=None)
def test_seen_posts(history: list[tuple[int, int, bool]], value: int) -> None:
    seen = SeenPosts(8)
    kept: dict[str, int] = {}
    for number, look, stays in history:
        key = str(number)
        if stays:
            seen.add(key, Fingerprint(look=look, photo=look, words=look))
            kept[key] = look
        else:
            seen.discard(key)
            kept.pop(key, None)
    assert len(seen) == len(kept)
    assert all(seen[key].look == look for key, look in kept.items())
    wanted = Fingerprint(value, value, value)
    near = {key: (look ^ value).bit_count() for key, look in kept.items() if look}
    best = min(near.values(), default=99)
    found = seen.copy_of("new", Fingerprint(look=value))
    assert (found is None) == (best > 8)
    assert found is None or near[found.key] == best == found.bits
    for key, look in kept.items():
        one = Fingerprint(look, look, look)
        others = {other for other, same in kept.items() if same == look and other != key}
        for one in (Fingerprint(photo=look), Fingerprint(look, look, look)):
            copy = seen.copy_of(key, one)
            if look and others:
                assert copy is not None
                assert copy.key in others
                assert copy.rule == "same photo"
    for flipped in range(1, 9):
        seen.add("x", wanted)
        close = Fingerprint(look=value ^ ((1 << flipped) - 1))
        assert close.look == 0 or seen.copy_of("new", close) is not None
        own = seen.copy_of("x", close)
        assert own is None or own.key != "x"


def test_photos_of_an_album_share_their_words() -> None:
    seen = SeenPosts()
    seen.add("1", Fingerprint(words=5), "trip")
    seen.add("2", Fingerprint(words=5), "trip")
    assert seen.copy_of("3", Fingerprint(words=5), "trip") is None
    assert seen.copy_of("3", Fingerprint(words=5), "other") == Copy("same text", "1")
    assert seen.copy_of("3", Fingerprint(words=5)) == Copy("same text", "1")


def test_a_repost_has_the_words_and_a_like_photo_or_no_photo() -> None:
    seen = SeenPosts()
    seen.add("1", Fingerprint(photo=1, look=0xFFFF, words=5))
    assert seen.copy_of("2", Fingerprint(photo=2, look=0xFFFF << 30, words=5)) is None
    assert seen.copy_of("2", Fingerprint(words=5)) is None
    like = Fingerprint(photo=2, look=0xFFFF ^ 0b1111_1111, words=5)
    assert seen.copy_of("2", like) == Copy("same text", "1", 8)
    assert seen.copy_of("2", like._replace(words=6)) is None


def test_fingerprints_are_written_and_read() -> None:
    text = "Рыжий кот спит на старом тёплом подоконнике"
    found = fingerprint(text_key(text, TextPipeline()(text)), b"12345678", photo_hash(blobs(1)))
    assert min(found[:3]) > 0
    assert Fingerprint.from_bytes(found.to_bytes()) == found
    assert Fingerprint.from_bytes(found.to_bytes()[:24]) == found._replace(worth=BEST)
    assert fingerprint(None) == Fingerprint()
    worded, large, small = (
        fingerprint(None, worded=w, pixels=p) for w, p in ((True, 9), (False, 99), (False, 9))
    )
    assert worded.worth > large.worth > small.worth
    with pytest.raises(ValueError, match="32 bytes"):
        Fingerprint.from_bytes(b"short")


def test_text_keys() -> None:
    pipeline = TextPipeline()

    def key(text: str) -> bytes | None:
        return text_key(text, pipeline(text))

    text = "Рыжий кот спит на старом тёплом подоконнике"
    assert key(text) == key(f"RT @anna: {text.upper()}!!! 😻 http://t.co/abc")
    assert key(text) != key(text + " рядом с собакой")
    assert key("Доброе утро!") is None
    assert key(f"{text}, фото 1") != key(f"{text}, фото 2")
