"""What is installed is pinned with hashes, and the same versions everywhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {"bot": ["postgres"]}


def locked(name: str) -> dict[str, str]:
    """Name -> version of a lock file."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            pin = re.match(r"([\w.\[\],-]+)==([\w.!+-]+)", line)
            assert pin, line
            assert "--hash=sha256:" in line, line
            found[canonicalize_name(pin[1].split("[")[0])] = pin[2]
    return found


def constrained() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pins}


@pytest.mark.parametrize("name", LOCKS)
def test_each_dependency_is_locked(name: str) -> None:
    wanted = [*PROJECT["dependencies"], "setuptools>=77"]
    for extra in LOCKS[name]:
        wanted += PROJECT["optional-dependencies"][extra]
    # The locks are made for Linux x86-64 with Python 3.11.
    where = {
        **default_environment(),
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "python_version": "3.11",
        "implementation_name": "cpython",
    }
    found = locked(name)
    for requirement in map(Requirement, wanted):
        if requirement.marker is None or requirement.marker.evaluate(where):
            version = found.get(canonicalize_name(requirement.name))
            assert version, f"{requirement.name} is not in requirements/{name}.txt: run make lock"
            assert requirement.specifier.contains(version, prereleases=True)


@pytest.mark.parametrize("name", LOCKS)
def test_locks_and_constraints_agree(name: str) -> None:
    pins = constrained()
    for package, version in locked(name).items():
        assert pins.get(package, version) == version, package


def test_the_licences_of_what_the_image_holds_are_listed() -> None:
    listed = (ROOT / "THIRD_PARTY.md").read_text()
    names = {
        canonicalize_name(row.split("|")[1].strip()) for row in listed.splitlines() if "|" in row
    }
    there = locked("bot").keys() - {"setuptools"}
    missing = there - names
    assert missing <= {"psycopg", "psycopg-binary", "psycopg-pool", "pgvector"}, (
        f"{missing}: run python -m tools.licences"
    )
