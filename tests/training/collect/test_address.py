from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import CorpusError
from tests.training.collect.helpers import contents, jpeg, load
from training.__main__ import main
from training.collect.address import fetched

fsspec = pytest.importorskip("fsspec", reason="needs fsspec: pip install '.[cluster]'")


@pytest.fixture
def cats(tmp_path: Path) -> Path:
    folder = tmp_path / "cats"
    (folder / "small").mkdir(parents=True)
    for number in range(3):
        (folder / "small" / f"{number}.jpg").write_bytes(jpeg(number))
    (folder / "small" / "1.txt").write_text("a red cat")
    return folder


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_folder_at_an_address_is_as_one_here(cats: Path, tmp_path: Path, kind: str) -> None:
    address = f"file://{cats}"
    if kind == "memory":
        address = "memory://bucket/cats"
        fsspec.filesystem("memory").put(str(cats), "/bucket/cats", recursive=True)
    here, far = tmp_path / "here", tmp_path / "far"
    assert main(["collect", "folder", str(cats), "--out", str(here)]) == 0
    assert main(["collect", "folder", address, "--out", str(far)]) == 0
    assert contents(far) == contents(here)
    assert len(load(far)) == 3
    # A second time nothing is new.
    assert main(["collect", "folder", address, "--out", str(far)]) == 0
    assert contents(far) == contents(here)


@pytest.mark.parametrize("address", ["memory://nothing/here", "nonsense://a/b"])
def test_nothing_is_there(address: str) -> None:
    with pytest.raises(CorpusError, match=address), fetched(address):
        pass
