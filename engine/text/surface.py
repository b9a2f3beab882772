"""How a key is shown: a reader sees "beautiful", never "beauti"."""

from __future__ import annotations

import json
from collections.abc import Container

from engine.text.tokens import Token


class SurfaceForms:
    """Counts the forms in which each key was typed, and picks the one to show.

    Words and hashtags may share keys, so keep one of these for each.
    """

    def __init__(self) -> None:
        self._forms: dict[str, dict[str, int]] = {}
        self._language: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._forms)

    def __contains__(self, key: object) -> bool:
        return key in self._forms

    def add(self, token: Token, count: int = 1) -> None:
        """Count one more sight of a token."""
        forms = self._forms.setdefault(token.key, {})
        forms[token.surface] = forms.get(token.surface, 0) + count
        self._language.setdefault(token.key, token.language)

    def best(self, key: str) -> str:
        """Form to show for a key; the key itself if it was never added.

        The most frequent form. A Russian word is shown in its dictionary form, which is its
        key, if it was ever typed so: "трава", though captions say "на траве" more often. Ties
        go to the shorter form, then to the first in the alphabet.
        """
        forms = self._forms.get(key)
        if not forms:
            return key
        if self._language[key] == "ru":
            forms = {
                form: count for form, count in forms.items() if form.replace("ё", "е") == key
            } or forms
        return min(forms, key=lambda form: (-forms[form], len(form), form))

    def language(self, key: str) -> str:
        """``"en"``, ``"ru"``, or ``""`` for another script or an unknown key."""
        return self._language.get(key, "")

    def restrict(self, keys: Container[str]) -> None:
        """Forget all keys but these: a vocabulary keeps a small part of what it has seen."""
        for key in [key for key in self._forms if key not in keys]:
            del self._forms[key], self._language[key]

    def to_json(self) -> str:
        """Serialise; `from_json` reads it."""
        rows = {key: [self._language[key], forms] for key, forms in self._forms.items()}
        return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> SurfaceForms:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            The text is not JSON, or not of this form.
        """
        forms = cls()
        rows = json.loads(text)
        if not isinstance(rows, dict):
            raise ValueError("surface forms: a JSON object is expected")
        for key, row in rows.items():
            match row:
                case [str(language), dict(counts)] if counts and all(
                    type(count) is int and count > 0 for count in counts.values()
                ):
                    forms._forms[key], forms._language[key] = dict(counts), language
                case _:
                    raise ValueError(f"surface forms of {key!r}: [language, {{form: count}}]")
        return forms
