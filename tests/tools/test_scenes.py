"""The starter posts: every kind renders, the same numbers give the same post, texts are good."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.corpus.reader import Report, read_corpus
from tools.scenes import posts, words
from tools.scenes.__main__ import main
from tools.scenes.paint import PHOTO, blur, mix, noise, ramp, smooth
from tools.scenes.registry import PAINTERS
from tools.scenes.terrain import SIDE, View, cast

STARTER = Path(__file__).parents[2] / "data" / "starter"
KINDS = sorted(PAINTERS)


def test_there_are_many_kinds_and_all_have_words() -> None:
    assert len(KINDS) >= 24
    assert set(words.ENGLISH) == set(words.RUSSIAN) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_renders_a_picture_with_something_in_it(kind: str) -> None:
    image = posts.photo(kind, 0)
    assert image.size == PHOTO
    assert image.mode == "RGB"
    pixels = np.asarray(image, np.float32)
    assert 8 < pixels.mean() < 235
    assert pixels.std() > 12
    # No part is one flat colour, as a forgotten or failed layer would be.
    tiles = pixels.reshape(4, 75, 4, 100, 3).std(axis=(1, 3)).max(-1)
    assert tiles.min() > 1.0


def test_a_photo_depends_on_its_numbers_alone() -> None:
    first, again = (np.asarray(posts.photo("foggy-bridge", 3, seed=5)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != np.asarray(posts.photo("foggy-bridge", 4, seed=5))).any()
    assert (first != np.asarray(posts.photo("foggy-bridge", 3, seed=6))).any()


def test_texts_are_distinct_and_repeatable() -> None:
    made = list(posts.posts(posts.COUNT))
    assert len(made) == posts.COUNT >= 360
    assert len({post.text for post in made}) == len({post.id for post in made}) == len(made)
    assert made[:40] == list(posts.posts(40))
    assert [post.text for post in made[:40]] != [post.text for post in posts.posts(40, seed=8)]


def test_texts_are_in_both_languages_with_their_hashtags() -> None:
    made = list(posts.posts(posts.COUNT))
    russian = sum(bool(re.search("[а-яё]", post.text)) for post in made)
    english = sum(bool(re.search("[a-z]{4}", post.text)) for post in made)
    assert russian > len(made) * 0.4
    assert english > len(made) * 0.4
    for post in made:
        body, _, tags = post.text.rpartition("\n")
        assert [tag.removeprefix("#") for tag in tags.split()] == post.tags
        assert 2 <= len(post.tags) == len(set(post.tags))
        assert len(body) > 20
        assert body.endswith((".", "?", "!"))
        assert ".." not in body
        assert "{" not in body


def test_more_posts_than_there_are_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    few = words.Words(("Sand",), ("Wind", "Sun"), ("Hot",), ("dunes", "sand", "sun"))
    monkeypatch.setitem(words.ENGLISH, "dunes", few)
    monkeypatch.setitem(words.RUSSIAN, "dunes", few)
    monkeypatch.setattr(posts, "PAINTERS", {"dunes": PAINTERS["dunes"]})
    with pytest.raises(ValueError, match="no more different texts for dunes"):
        list(posts.posts(1000))


def test_the_command_line_writes_a_corpus(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    out = tmp_path / "starter"
    assert main(["--out", str(out), "--count", "2", "--sheet", str(sheet)]) == 0
    report = Report()
    read = list(read_corpus(out, report=report))
    assert [post.id for post in read] == [post.id for post in posts.posts(2)]
    assert not report.skipped
    assert all(post.source == "starter" and post.date and post.tags for post in read)
    assert Image.open(sheet).size == (PHOTO[0], PHOTO[1] // 2) or sheet.stat().st_size > 1000


def test_the_command_line_refuses_no_posts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--out", "unused", "--count", "0"])
    assert "0 is below 1" in capsys.readouterr().err


def test_what_ships_is_what_the_program_writes() -> None:
    report = Report()
    shipped = list(read_corpus(STARTER, report=report))
    assert not report.skipped
    made = list(posts.posts(posts.COUNT))
    assert [post.id for post in shipped] == [post.id for post in made]
    for ours, theirs in zip(made, shipped, strict=True):
        assert ours.tags == list(theirs.tags or ())
        assert [ours.text] == [text for texts in theirs.texts.values() for text in texts]
    photos = [post.photo for post in shipped if post.photo]
    assert len(photos) == len(shipped)
    assert sum(photo.stat().st_size for photo in photos) < 14_000_000
    # Other versions of numpy and Pillow may round differently; the picture is the same.
    for index in (5, 200):
        fresh = np.asarray(posts.photo(made[index].kind, made[index].number), np.float32)
        stored = np.asarray(Image.open(photos[index]), np.float32)
        assert np.abs(fresh - stored).mean() < 6


def test_tools_keep_their_ranges() -> None:
    rng = np.random.default_rng(0)
    plane = noise(rng, 4, 5, shape=(60, 80))
    assert plane.shape == (60, 80)
    assert plane.min() == pytest.approx(0, abs=1e-6)
    assert plane.max() == pytest.approx(1, abs=1e-6)
    assert smooth(0.2, 0.4, np.array([0.1, 0.3, 0.5])).tolist() == pytest.approx([0, 0.5, 1])
    assert smooth(0.4, 0.2, np.array([0.1, 0.5])).tolist() == [1, 0]
    assert ramp(np.array([0.5]), (0, "#000000"), (1, "#ffffff"))[0] == pytest.approx([0.5] * 3)
    flat = np.full((120, 160), 0.3, np.float32)
    for sigma in (1, 8, 40):
        np.testing.assert_allclose(blur(flat, sigma), 0.3, atol=1e-4)
    np.testing.assert_allclose(mix(np.zeros((2, 2, 3)), "#ff0000", 0.5)[0, 0], [0.5, 0, 0])


def test_flat_land_is_seen_up_to_the_horizon_at_the_right_distance() -> None:
    view = View(eye=10, horizon=0.4, zoom=1.0, near=5, far=2000)
    land = cast(np.zeros((SIDE, SIDE), np.float32), view)
    rows = land.mask.shape[0]
    assert land.mask[: int(0.39 * rows)].max() == 0
    assert land.mask[int(0.42 * rows) :].min() == 1
    row = int(0.8 * rows)
    # Similar triangles: eye height over distance is rows below the horizon over focal length.
    expected = 10 * 1.0 / (row / (rows - 1) - 0.4)
    np.testing.assert_allclose(land.depth[row], expected, rtol=0.01)


def test_a_wall_hides_what_is_behind_it() -> None:
    height = np.zeros((SIDE, SIDE), np.float32)
    height[100:110] = 40
    land = cast(height, View(eye=10, horizon=0.5, near=5, far=900))
    assert land.depth[land.mask > 0].max() < 111
