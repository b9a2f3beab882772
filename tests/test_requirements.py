"""What is installed is pinned with hashes, and the same versions everywhere."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {"bot": ["postgres"], "training": ["training"], "dev": ["training", "dev"]}


#: The images' platform; the locks are for all.
WHERE = {
    **default_environment(),
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "python_version": "3.11",
    "python_full_version": "3.11.13",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}


def locked(name: str) -> dict[str, str]:
    """Name -> version of what a lock file installs there."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            pin, *hashes = line.split("--hash=sha256:")
            assert hashes, line
            requirement = Requirement(pin)
            if requirement.marker is None or requirement.marker.evaluate(WHERE):
                (version,) = requirement.specifier
                assert version.operator == "=="
                found[canonicalize_name(requirement.name)] = version.version
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
    found = locked(name)
    for requirement in map(Requirement, wanted):
        if requirement.marker is None or requirement.marker.evaluate(WHERE):
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
