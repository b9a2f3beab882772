from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont

from engine import pictures
from engine.pictures import (
    SheetItem,
    TopicCard,
    contact_sheet,
    explain_picture,
    heat_colours,
    to_png,
)

COLOURS = [(200, 30, 30), (30, 160, 30), (30, 30, 200), (180, 160, 20), (120, 30, 160)]
TOPICS = [
    TopicCard("собака", 0.5, ["собака", "dog", "щенок"]),
    TopicCard("snow", 0.25, ["snow", "снег"]),
]


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.new("RGB", size, colour)


def has_colour(image: Image.Image, colour: tuple[int, int, int], tolerance: int = 6) -> int:
    """Count the pixels of about that colour."""
    difference = np.abs(np.asarray(image).astype(int) - np.array(colour)).max(axis=-1)
    return int((difference <= tolerance).sum())


class TestWrap:
    font = pictures.font_of(20)

    @given(
        text=st.text(st.characters(codec="utf-8"), max_size=200),
        width=st.integers(40, 400),
        lines=st.integers(1, 4),
    )
    @settings(deadline=None)
    def test_lines_fit_and_nothing_is_lost_silently(
        self, text: str, width: int, lines: int
    ) -> None:
        wrapped = pictures.wrap_text(text, self.font, width, lines)
        assert len(wrapped) <= lines
        assert all(self.font.getlength(line) <= width for line in wrapped)
        shown = "".join("".join(wrapped).split())
        whole = "".join(pictures._printable(text).split())
        assert shown == whole or wrapped[-1].endswith("…")

    def test_it_is_cut_at_a_word(self) -> None:
        text = "Собака бежит по заснеженному полю к своему хозяину"
        wrapped = pictures.wrap_text(text, self.font, 200, 2)
        assert len(wrapped) == 2
        assert wrapped[1].endswith("…")
        whole = " ".join(wrapped).removesuffix("…").split()
        assert whole == text.split()[: len(whole)]

    def test_a_long_word_is_broken(self) -> None:
        wrapped = pictures.wrap_text("a" * 100, self.font, 100, 50)
        assert "".join(wrapped) == "a" * 100

    def test_what_the_font_does_not_have_is_left_out(self) -> None:
        assert pictures._printable("Кот 🐈 и\u200b dog\n猫 …") == "Кот и dog …"

    def test_nothing(self) -> None:
        assert pictures.wrap_text("", self.font, 100, 3) == []
        assert pictures.wrap_text("🐈", self.font, 100, 3) == []


class TestFont:
    def test_letters_of_both_languages_are_there(self) -> None:
        letters = "abcxyzABCXYZабвгдеёжзийклмнопрстуфхцчшщъыьэюяЁЖЩЯ0123456789%·…—«»#"
        assert [c for c in letters if not pictures._has_glyph(c)] == []
        for strong in (False, True):
            font = pictures.font_of(30, strong=strong)
            shapes = {bytes(font.getmask(c)) for c in "дждщыюя"}
            assert len(shapes) == 6

    def test_the_packaged_font_is_used(self) -> None:
        font = pictures.font_of(30)
        assert isinstance(font, ImageFont.FreeTypeFont)
        assert font.getname() == ("Source Sans Pro", "Regular")


class TestContactSheet:
    def test_tiles_stand_in_reading_order(self) -> None:
        items = [SheetItem(plain(colour), f"title {n}") for n, colour in enumerate(COLOURS)]
        page = contact_sheet(items, columns=3, tile=100)
        gap = 10
        assert page.width == 3 * 100 + 4 * gap
        pixels = np.asarray(page).astype(int)
        centres = []
        for colour in COLOURS:
            rows, columns = np.nonzero(np.abs(pixels - colour).max(axis=-1) <= 2)
            assert len(rows) > 9000  # nearly all of a tile; its corners are round
            centres.append((round(rows.mean()), round(columns.mean())))
        (y, _), xs = centres[0], [x for _, x in centres]
        assert [row for row, _ in centres[:3]] == [y] * 3
        assert centres[3][0] == centres[4][0] > y + 100
        assert xs[0] < xs[1] < xs[2]
        assert xs[3:] == xs[:2]

    def test_texts_badge_and_heading_are_drawn(self) -> None:
        def ink(**fields: str) -> bytes:
            heading = fields.pop("heading", "")
            item = SheetItem(plain(COLOURS[0]), **{"title": "t", "caption": "c"} | fields)
            return contact_sheet([item] * 3, heading=heading).tobytes()

        base = ink()
        for field in ("title", "caption", "badge", "heading"):
            assert ink(**{field: "собака"}) != ink(**{field: "кошка"}) != base

    def test_a_post_without_a_photo_shows_its_text(self) -> None:
        page = contact_sheet([SheetItem(None, "t", "Собака бежит по снегу"), SheetItem(None)])
        assert has_colour(page, pictures.TRACK) > 20_000
        assert page.tobytes() != contact_sheet([SheetItem(None, "t"), SheetItem(None)]).tobytes()

    def test_the_query_photo(self) -> None:
        page = contact_sheet([SheetItem(plain(COLOURS[0]))], query_image=plain(COLOURS[2]))
        assert has_colour(page, COLOURS[2]) > 20_000

    @pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
    def test_images_of_any_mode(self, mode: str) -> None:
        image = plain(COLOURS[0]).convert(mode)
        assert contact_sheet([SheetItem(image)], query_image=image).mode == "RGB"

    def test_no_posts(self) -> None:
        assert contact_sheet([], heading="nothing close enough").height > 20
        assert contact_sheet([]).width > 0

    @pytest.mark.parametrize(("columns", "tile"), [(0, 240), (-1, 240), (5, 10)])
    def test_wrong_sizes(self, columns: int, tile: int) -> None:
        with pytest.raises(ValueError, match=f"got {columns} and {tile}"):
            contact_sheet([], columns=columns, tile=tile)

    @settings(max_examples=40, deadline=None)
    @given(
        texts=st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=5),
        heading=st.text(),
        columns=st.integers(1, 6),
        tile=st.integers(64, 300),
    )
    def test_any_texts(
        self, texts: list[tuple[str, str, str]], heading: str, columns: int, tile: int
    ) -> None:
        items = [SheetItem(plain(COLOURS[0]), *fields) for fields in texts]
        page = contact_sheet(items, columns=columns, tile=tile, heading=heading)
        assert page.width >= tile


class TestHeatColours:
    def test_lightness_grows_evenly(self) -> None:
        colours = heat_colours(np.linspace(0, 1, 256)) / 255
        linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
        luminance = linear @ [0.2126, 0.7152, 0.0722]
        lightness = 116 * np.cbrt(np.maximum(luminance, 0.008856)) - 16
        steps = np.diff(lightness[::16])
        assert (steps > 0).all()
        assert steps.max() < 2.5 * steps.min()

    def test_shape_ends_and_senseless_values(self) -> None:
        assert heat_colours(np.zeros((2, 3))).shape == (2, 3, 3)
        cold, hot, under, over, unknown = heat_colours(np.array([0, 1, -5, 7, np.nan])).tolist()
        assert sum(cold) < 120 < 600 < sum(hot)
        assert (under, over, unknown) == (cold, hot, cold)


class TestExplain:
    def heat(self, *places: tuple[int, int]) -> np.ndarray:
        heat = np.zeros((len(places), 8, 8), np.float32)
        for layer, place in zip(heat, places, strict=True):
            layer[place] = 1
        return heat

    def test_the_glow_lies_where_the_heat_is(self) -> None:
        photo = plain((90, 90, 90), (160, 160))
        for row, column in [(1, 1), (6, 2), (4, 7)]:
            overlay = pictures._overlay(photo, self.heat((row, column))[0])
            glow = np.asarray(overlay).astype(int).sum(axis=-1)
            y, x = np.unravel_index(glow.argmax(), glow.shape)
            assert abs(y / 20 - row - 0.5) < 0.7
            assert abs(x / 20 - column - 0.5) < 0.7

    def test_no_heat_dims_the_whole_photo(self) -> None:
        photo = plain((200, 100, 50), (80, 80))
        overlay = pictures._overlay(photo, np.zeros((8, 8)))
        assert overlay.tobytes() == pictures._mono(photo).tobytes()

    def test_one_view_for_the_photo_and_each_topic(self) -> None:
        photo = plain((10, 200, 200))
        one = explain_picture(photo, TOPICS[:1], self.heat((1, 1)))
        two = explain_picture(photo, TOPICS, self.heat((1, 1), (5, 5)))
        assert two.width == one.width
        assert two.height > 1.8 * one.height
        assert has_colour(two, (10, 200, 200)) > 100_000  # the photo itself

    def test_bars_are_as_long_as_the_shares(self) -> None:
        page = explain_picture(None, [TopicCard("", share, []) for share in (0.8, 0.2)], tile=400)
        red = np.abs(np.asarray(page).astype(int) - pictures.ACCENT).max(axis=-1) == 0
        lengths = sorted({int(n) for n in red[:, :-150].sum(axis=1) if n > 30})
        assert lengths[-1] == pytest.approx(0.8 * 600, abs=30)
        assert any(length == pytest.approx(0.2 * 600, abs=4) for length in lengths)

    def test_a_single_word_has_no_share(self) -> None:
        photo, heat = plain((10, 200, 200)), self.heat((1, 1))
        topic = explain_picture(photo, [TopicCard("dog", 0.5, [])], heat)
        word = explain_picture(photo, [TopicCard("dog", None, [])], heat)
        assert has_colour(topic, pictures.ACCENT) > 500
        assert not has_colour(word, pictures.ACCENT)
        assert explain_picture(photo, [TopicCard("", None, [])], heat).tobytes() != word.tobytes()

    def test_without_a_photo_the_words_are_listed(self) -> None:
        some = explain_picture(None, TOPICS, heading="собака на снегу")
        other = explain_picture(None, TOPICS[:1], heading="собака на снегу")
        assert some.height > other.height
        assert some.tobytes() != explain_picture(None, TOPICS, heading="кошка").tobytes()

    def test_a_photo_without_heat_stands_beside_the_words(self) -> None:
        page = explain_picture(plain((10, 200, 200)), TOPICS)
        assert has_colour(page, (10, 200, 200)) > 50_000

    def test_no_topics(self) -> None:
        assert explain_picture(None, []).width > 0
        assert explain_picture(plain(COLOURS[0]), [], np.zeros((0, 8, 8))).height > 100

    @pytest.mark.parametrize("size", [(1, 1), (4000, 3), (3, 4000), (300, 200), (200, 300)])
    def test_photos_of_any_shape(self, size: tuple[int, int]) -> None:
        page = explain_picture(plain(COLOURS[1], size), TOPICS, self.heat((0, 0), (7, 7)))
        assert page.height < 3000

    @pytest.mark.parametrize("shape", [(2, 8), (3, 8, 8), (1, 8, 8), (2, 0, 8), (2, 8, 8, 1)])
    def test_wrong_heat(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"heat must have shape \(2, rows, columns\), got"):
            explain_picture(plain(COLOURS[0]), TOPICS, np.zeros(shape))

    def test_wrong_tile(self) -> None:
        with pytest.raises(ValueError, match="tile must be >= 64, got 3"):
            explain_picture(None, TOPICS, tile=3)

    @settings(max_examples=40, deadline=None)
    @given(
        topics=st.lists(
            st.tuples(st.text(), st.floats(), st.lists(st.text(), max_size=12)), max_size=6
        ),
        legend=st.tuples(st.text(), st.text()),
        tile=st.integers(64, 400),
        value=st.floats(width=32),
    )
    def test_anything(
        self,
        topics: list[tuple[str, float, list[str]]],
        legend: tuple[str, str],
        tile: int,
        value: float,
    ) -> None:
        heat = np.full((len(topics), 5, 7), value, np.float32)
        page = explain_picture(plain(COLOURS[0]), topics, heat, legend=legend, tile=tile)
        assert page.mode == "RGB"


class TestEncoding:
    def noise(self) -> Image.Image:
        return Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8))

    def test_png_keeps_every_pixel(self) -> None:
        assert Image.open(BytesIO(to_png(self.noise()))).tobytes() == self.noise().tobytes()


def test_letters_are_read_on_both_papers_and_no_picture_glares() -> None:
    """Contrasts by WCAG 2: 4.5 for letters, 3 for bars; in a dark chat the paper stays quiet."""

    def luminance(colour: pictures.Colour) -> float:
        parts = np.array(colour) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    def contrast(one: pictures.Colour, other: pictures.Colour) -> float:
        dark, light = sorted((luminance(one), luminance(other)))
        return (light + 0.05) / (dark + 0.05)

    for paper in (pictures.PAPER, pictures.CARD):
        for ink in (pictures.INK, pictures.QUIET, pictures.ACCENT):
            assert contrast(ink, paper) >= 4.5
    assert contrast(pictures.ACCENT, pictures.TRACK) >= 3
    # Telegram's dark and light backgrounds.
    assert contrast(pictures.PAPER, (14, 22, 33)) < 1.5
    assert contrast(pictures.PAPER, (255, 255, 255)) > 10


def test_matplotlib_is_not_imported() -> None:
    code = "import sys, engine.pictures; assert not {'matplotlib', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
