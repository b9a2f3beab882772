"""Painters of the kinds of scene; importing this package registers them all."""

from tools.scenes.kinds import fields, forests, heights, nights, places, waters

__all__ = ["fields", "forests", "heights", "nights", "places", "waters"]
