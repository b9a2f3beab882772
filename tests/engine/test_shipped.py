from __future__ import annotations

import sys
from pathlib import Path

import pytest

import engine.shipped
from engine.shipped import shipped

ROOT = Path(__file__).parent.parent.parent


def test_in_a_checkout() -> None:
    assert shipped("adverts", "model.npz") == ROOT / "data" / "adverts" / "model.npz"
    assert shipped("adverts", "model.npz").is_file()


def test_where_the_packages_are_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    monkeypatch.setattr(engine.shipped, "__file__", str(packages / "engine" / "shipped.py"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert shipped("adverts") == tmp_path / "data" / "adverts"
