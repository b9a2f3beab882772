"""Renew the table of packages in THIRD_PARTY.md: ``python -m tools.licences``.

It is run in an environment with the bot's dependencies; the licences are those that the installed
packages name themselves.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageMetadata, distribution, requires
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FILE: Final = Path("THIRD_PARTY.md")

ROWS: Final = "| package | version | licence |\n| --- | --- | --- |\n"


def closure(name: str) -> set[str]:
    """A package's dependencies, direct and not, as far as they are needed on this machine."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requires(name) or () if "extra ==" not in text]
    while waiting:
        wanted = waiting.pop()
        key = canonicalize_name(wanted.name)
        if key in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found.add(key)
        for text in requires(wanted.name) or ():
            inner = Requirement(text)
            extras = wanted.extras or {""}
            if inner.marker is None or any(inner.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(Requirement(text.split(";")[0]))
    return found


def licence(about: PackageMetadata) -> str:
    """The licence in a package's metadata: SPDX, else its classifiers, else its own short words."""
    known = about.json
    if "license_expression" in known:
        return str(known["license_expression"])
    classified = [
        text.rsplit(" :: ", 1)[1]
        for text in known.get("classifier", [])
        if text.startswith("License :: ") and text.count(" :: ") > 1
    ]
    words = re.sub(r"\s+", " ", str(known.get("license", ""))).strip()
    return ", ".join(classified) or (words if 0 < len(words) <= 60 else "see the package")


def table() -> str:
    """The rows of the bot's packages."""
    rows = []
    for name in sorted(closure("image2pic")):
        found = distribution(name)
        rows.append(f"| {found.metadata['Name']} | {found.version} | {licence(found.metadata)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    before = FILE.read_text(encoding="utf-8").partition(ROWS)[0]
    FILE.write_text(before + ROWS + table(), encoding="utf-8")
