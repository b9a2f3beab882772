"""How a benchmark reports: tables of numbers measured side by side, and the goals they are held to.

The same table is written as Markdown for people and as JSON for programs.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

Cell = str | float | int | None
LIBRARIES: Final = (
    "numpy",
    "faiss-cpu",
    "ai-edge-litert",
    "bigartm",
    "tensorflow-cpu",
    "pymorphy3",
)


@dataclass(frozen=True, slots=True)
class Goal:
    """A number and the bound it is held to.

    Attributes
    ----------
    name
        What the number is.
    value, bound
        In the same unit.
    at_least
        Whether the bound is a least value; else it is a greatest one.
    unit
        Shown after the value.
    """

    name: str
    value: float
    bound: float
    at_least: bool = False
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the value is on the right side of the bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        side = "at least" if self.at_least else "at most"
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{self.name}: {show(self.value)}{unit} (goal: {side} {show(self.bound)}{unit}), "
            f"{'met' if self.met else '**missed**'}"
        )


@dataclass(frozen=True)
class Table:
    """What one benchmark found.

    Attributes
    ----------
    title
        What was measured, on what.
    columns
        Heads; the first names the row.
    rows
        Cells, as many as there are columns; None where there is nothing.
    goals
        Numbers with their bounds.
    notes
        What a reader must know to judge the numbers.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    goals: Sequence[Goal] = field(default=())
    notes: Sequence[str] = field(default=())

    def markdown(self) -> str:
        """The table with its goals and notes."""
        lines = [f"## {self.title}", "", _line(self.columns)]
        lines.append(_line(["---", *["---:"] * (len(self.columns) - 1)]))
        lines += [_line([show(cell) for cell in row]) for row in self.rows]
        lines += ["", *[f"- {goal}" for goal in self.goals]] if self.goals else []
        lines += ["", *self.notes] if self.notes else []
        return "\n".join(lines)

    def plain(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "title": self.title,
            "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows],
            "goals": [{**asdict(goal), "met": goal.met} for goal in self.goals],
            "notes": list(self.notes),
        }


def show(value: Cell) -> str:
    """A number with three digits that matter, thousands apart; text as it is."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine() -> dict[str, str]:
    """The machine a result belongs to, and the versions of what was measured."""
    facts = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "system": platform.system(),
        "Python": platform.python_version(),
    }
    for name in LIBRARIES:
        try:
            facts[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return facts


def heading() -> str:
    """The machine as a line of Markdown."""
    facts = machine()
    return (
        f"{facts.pop('processor')}, {facts.pop('cores')} cores, {facts.pop('memory')}, "
        f"load {facts.pop('load')} at the start; "
        + ", ".join(f"{name} {value}" for name, value in facts.items())
    )


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Median and 99th percentile, in milliseconds."""
    p50, p99 = np.percentile(np.asarray(seconds, np.float64) * 1000, [50, 99])
    return float(p50), float(p99)


def status_bytes(name: str) -> int:
    """A figure of this process's memory from the system, e.g. ``VmRSS`` or ``VmHWM``, in bytes.

    0 where there is no ``/proc``.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def timed(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds that `work` takes by `clock`."""
    start = clock()
    work()
    return clock() - start


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> str:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return "memory unknown"
    return f"{total / 2**30:.0f} GiB"
