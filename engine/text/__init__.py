"""Texts in English, Russian, both at once or anything else: from characters to tokens.

`TextPipeline` is the way in; `SurfaceForms` remembers how its keys are shown, and
`engine.text.spelling.nearest` suggests known words for a mistyped one.
"""

from engine.text.pipeline import TextPipeline
from engine.text.surface import SurfaceForms
from engine.text.tokens import TextBag, Token

__all__ = ["SurfaceForms", "TextBag", "TextPipeline", "Token"]
