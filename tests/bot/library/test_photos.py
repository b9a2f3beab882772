from __future__ import annotations

from pathlib import Path

import pytest

from bot.library.photos import Photos


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.jpg").write_bytes(name.encode())
    (tmp_path / "two" / "sub").mkdir()
    (tmp_path / "two" / "sub" / "deep.jpg").write_bytes(b"deep")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (tmp_path / "one" / "link.jpg").symlink_to(tmp_path / "secret.txt")
    return Photos([tmp_path / "one", tmp_path / "two"])


def test_the_first_folder_wins(photos: Photos) -> None:
    assert photos.read("same.jpg") == b"one"
    assert photos.read("sub/deep.jpg") == b"deep"


@pytest.mark.parametrize(
    "name",
    [None, "", "none.jpg", "../secret.txt", "link.jpg", "/etc/passwd", "a\0b", "x" * 5000, "sub"],
)
def test_anything_else_is_none(photos: Photos, name: str | None) -> None:
    assert photos.read(name) is None
