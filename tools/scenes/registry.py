"""The kinds of scene, by name. Each is a function from random numbers to a large picture."""

from __future__ import annotations

from collections.abc import Callable

from tools.scenes.paint import Array, Rng

Painter = Callable[[Rng], Array]

PAINTERS: dict[str, Painter] = {}


def kind(name: str) -> Callable[[Painter], Painter]:
    """Register a painter under a name."""

    def register(painter: Painter) -> Painter:
        PAINTERS[name] = painter
        return painter

    return register
