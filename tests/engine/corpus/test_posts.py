import unicodedata

import pytest

from engine.corpus.posts import file_place


@pytest.mark.parametrize(
    "names",
    [
        ("IMG_1.jpg", "img_1.jpg", "Img_1.JPG", "IMG_1.jpeg", "IMG_1.jpe", "IMG_1", "IMG_1."),
        ("Straße.jpg", "STRASSE.JPG", "strasse.jpg"),
        (unicodedata.normalize("NFC", "Й/ё.jpg"), unicodedata.normalize("NFD", "Й/ё.jpg")),
        ("a b.jpg", "a_b.jpg", "a/b.jpg", "a\\xff.jpg", "con.jpg", "a.jpg.jpg"),
    ],
)
def test_no_file_system_takes_two_places_for_one(names: tuple[str, ...]) -> None:
    folders = {"Cats", "cats", "ﬁsh", "fish"}
    places = [file_place(folder, name, ".jpg") for folder in folders for name in names]
    assert len({unicodedata.normalize("NFKD", place).casefold() for place in places}) == len(places)


@pytest.mark.parametrize("name", ["con", "NUL", "com1", "a:b", "a?", "dot.", "..", "blank "])
def test_names_that_some_systems_refuse(name: str) -> None:
    stem = file_place("cats", f"{name}.jpg", ".jpg").rpartition("/")[2].removesuffix(".jpg")
    assert stem.lower() != name.lower()
    assert stem.replace("-", "").replace("_", "").isalnum()


def test_a_plain_name_stays() -> None:
    assert file_place("cats", "img_1.jpg", ".JPG") == "photos/cats/img_1.jpg"
