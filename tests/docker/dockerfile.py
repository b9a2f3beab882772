"""As much of Dockerfile, .dockerignore and docker-compose.yml as is needed to ask about them."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


@dataclass
class Stage:
    """One FROM and what follows it."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def values(self, word: str) -> list[str]:
        """What follows each instruction of that name."""
        return [value for instruction, value in self.steps if instruction == word]


class Dockerfile:
    """The stages, in order, and the arguments before the first."""

    def __init__(self, text: str) -> None:
        self.arguments: dict[str, str] = {}
        self.stages: list[Stage] = []
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
            if not line.strip():
                continue
            word, value = line.split(maxsplit=1)
            if word == "FROM":
                base, name = re.fullmatch(r"(\S+) AS (\S+)", value).groups()
                self.stages.append(Stage(name, base))
            elif self.stages:
                self.stages[-1].steps.append((word, value.strip()))
            else:
                assert word == "ARG", line
                name, _, default = value.partition("=")
                self.arguments[name] = default

    def __getitem__(self, name: str) -> Stage:
        return next(stage for stage in self.stages if stage.name == name)

    def line(self, name: str) -> list[Stage]:
        """The stage and those that it is FROM, the nearest first."""
        names = [stage.name for stage in self.stages]
        found = [self[name]]
        while found[-1].base in names:
            found.append(self[found[-1].base])
        return found

    def last(self, name: str, word: str) -> str:
        """The value that counts in that stage: of the nearest instruction."""
        return next(s.values(word)[-1] for s in self.line(name) if s.values(word))

    def variables(self, name: str) -> dict[str, str]:
        """Each ENV of the stage."""
        found: dict[str, str] = {}
        for stage in reversed(self.line(name)):
            for value in stage.values("ENV"):
                found |= dict(pair.split("=", 1) for pair in shlex.split(value))
        return found

    def copies(self) -> list[tuple[str, list[str], str]]:
        """Each COPY: the stage it is from ("": the context), what, and where to."""
        found = []
        for stage in self.stages:
            for value in stage.values("COPY"):
                words = value.split()
                options = [word for word in words if word.startswith("--")]
                *sources, target = [word for word in words if not word.startswith("--")]
                source = next((o[7:] for o in options if o.startswith("--from=")), "")
                found.append((source, sources, target))
        return found

    def health_check(self, name: str) -> list[str]:
        """The command that asks how the stage is."""
        return json.loads(self.last(name, "HEALTHCHECK").partition("CMD ")[2])


class Ignored:
    """What .dockerignore keeps from the builder: the last pattern that fits decides."""

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines()]
        self._rules = [
            (not line.startswith("!"), _pattern(line.lstrip("!").strip("/")))
            for line in lines
            if line and not line.startswith("#")
        ]

    def __contains__(self, path: str) -> bool:
        ignored = False
        parts = path.split("/")
        # A pattern that fits a folder fits all that is in it.
        parents = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        for says, pattern in self._rules:
            if any(pattern.fullmatch(parent) for parent in parents):
                ignored = says
        return ignored


def _pattern(glob: str) -> re.Pattern[str]:
    pieces = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile(
        "".join(pieces.get(p, re.escape(p)) for p in re.split(r"(\*\*/|\*\*|\*|\?)", glob))
    )


def compose(variables: dict[str, str] | None = None) -> dict[str, Any]:
    """docker-compose.yml, its ``${NAME:-default}`` filled in."""
    text = (ROOT / "docker-compose.yml").read_text()
    known = variables or {}
    return yaml.safe_load(
        re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: known.get(found[1]) or found[2], text)
    )


def mounts(service: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Source, target and mode of each volume of a service."""
    found = []
    for volume in service.get("volumes", []):
        source, target, *mode = volume.split(":")
        found.append((source, target, mode[0] if mode else "rw"))
    return found
