"""Rules of the house that a reader cannot see at a glance: who may import whom, and no circles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("engine", "bot", "training", "tools", "bench")
FORBIDDEN = {
    "engine": {"bot", "training", "tools", "bench", "tests"},
    "bot": {"training", "tools", "bench", "tests"},
    "training": {"bot", "tools", "bench", "tests"},
    "tools": {"tests"},
    "bench": set(),
}
#: Whoever runs the bot does not install these.
TRAINING_ONLY = {"artm", "keras", "matplotlib", "scipy", "sklearn", "tensorflow"}

LONGEST = 72


def modules() -> dict[str, Path]:
    """Name -> file of all modules of the product."""
    found = {}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[str]:
    """What a module imports, in functions too, but for type checking alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in typing:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


GRAPH = {name: set(imports(path)) for name, path in MODULES.items()}


def test_rooms_import_only_whom_they_may() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in others
        if other.split(".")[0] in FORBIDDEN[name.split(".")[0]]
    ]
    assert wrong == []


def test_the_bot_needs_no_training_package() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in others
        if name.split(".")[0] in ("engine", "bot") and other.split(".")[0] in TRAINING_ONLY
    ]
    assert wrong == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    # What is left after modules that import none of the rest have been taken away, again and again.
    left = {
        name: {o for o in others if o in MODULES and o != name} for name, others in GRAPH.items()
    }
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    assert {name: sorted(others & left.keys()) for name, others in left.items()} == {}


@pytest.mark.parametrize("room", ["engine", "bot", "training"])
def test_nothing_of_the_product_looks_outside_the_checkout(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (ROOT / room).rglob("*")
        if path.suffix in (".py", ".js")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "../shared" in line or "/work/" in line
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ["engine", "bot"])
def test_no_function_is_longer_than_a_reader_takes_in_at_once(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {node.name} has {lines} lines, at most {LONGEST}"
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno
        and (lines := node.end_lineno - node.lineno + 1) > LONGEST
    ]
    assert wrong == []
