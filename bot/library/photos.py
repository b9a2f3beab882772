"""Photos of posts on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class Photos:
    """Where the posts' photos lie.

    Parameters
    ----------
    roots
        Folders to look in, in this order.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = [root.resolve() for root in roots]

    def find(self, name: str | None) -> Path | None:
        """Path of a post's photo, or None where it is missing or outside the folders."""
        if not name or "\0" in name:
            return None
        for root in self._roots:
            try:
                path = (root / name).resolve()
                if path.is_relative_to(root) and path.is_file():
                    return path
            except (OSError, RuntimeError):
                # A name too long for the file system, or a loop of links.
                continue
        return None

    def read(self, name: str | None) -> bytes | None:
        """Bytes of a post's photo, or None where there is none."""
        path = self.find(name)
        try:
            return path.read_bytes() if path else None
        except OSError:
            return None
