"""How a key is shown: a reader sees "beautiful", never "beauti"."""

from __future__ import annotations

from engine.text.tokens import Token
from engine.text.words import russian_heading


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

        The most frequent form, for ties the shorter one, then the first in the alphabet. A
        Russian word is shown as a dictionary heads it, since the most frequent form of a noun
        is often a case that makes no sense alone ("на траве": "трава", not "траве"); with ``ё``
        or ``е`` as it was typed.
        """
        forms = self._forms.get(key)
        if not forms:
            return key

        def rank(form: str) -> tuple[int, int, str]:
            return -forms[form], len(form), form

        if self._language[key] == "ru":
            heading = russian_heading(key, forms)
            plain = key if heading is None else heading.replace("ё", "е")
            typed = [form for form in forms if form.replace("ё", "е") == plain]
            if typed or heading is not None:
                return min(typed, key=rank, default=heading or key)
        return min(forms, key=rank)

    def language(self, key: str) -> str:
        """``"en"``, ``"ru"``, or ``""`` for another script or an unknown key."""
        return self._language.get(key, "")
