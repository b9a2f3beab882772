import pytest

from engine.text.emoji_names import emoji_names, things_in


def test_things_have_names_in_both_languages() -> None:
    assert len(emoji_names()) > 400
    for english, russian in emoji_names().values():
        assert english.strip(), russian.strip()
    assert emoji_names()["🏜"][1] == "пустыня"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a 🐶 and a 🐶", [("dog", "собаки")]),
        ("🐕\u200d🦺", [("dog", "собака")]),
        ("☀️ 🌊", [("sun", "солнце"), ("water wave", "волна")]),
        ("😀 ❤️ 👍 👉 ⭐ 🎉 🚫", []),
        ("plain", []),
    ],
)
def test_things(text: str, names: list[tuple[str, str]]) -> None:
    assert things_in(text) == names
