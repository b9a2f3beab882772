"""Pictures of answers: a contact sheet of posts, and why a query was understood so.

Pillow alone draws them. Its built-in font has no Cyrillic: Source Sans Pro ships (``data/font``).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from io import BytesIO
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from engine.files import shipped

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont

# Dark, in chats of either theme, which a bot is not told: beside messages a dark picture looks like
# a photo, and a light one glares in a dark chat.
PAPER: Final[Colour] = (28, 29, 33)
CARD: Final[Colour] = (46, 48, 56)
INK: Final[Colour] = (242, 242, 245)
QUIET: Final[Colour] = (174, 176, 188)
TRACK: Final[Colour] = (74, 77, 88)
ACCENT: Final[Colour] = (246, 124, 150)
JPEG_QUALITY: Final = 80

CAPTION_LINES: Final = 3
WORDS_LINES: Final = 2
_SUPERSAMPLED: Final = 4  # corners are drawn so many times larger, then reduced

# Regular and strong; the first of each that exists is taken.
_FONTS: Final = {False: "SourceSansPro-Regular.ttf", True: "SourceSansPro-Semibold.ttf"}


class SheetItem(NamedTuple):
    """One tile of a contact sheet.

    Attributes
    ----------
    image
        The post's photo, or None: then its text fills the tile.
    title
        One line in strong letters, cut where it ends.
    caption
        A few lines, cut at a word.
    badge
        A few characters on the photo, such as the closeness.
    """

    image: Image.Image | None
    title: str = ""
    caption: str = ""
    badge: str = ""


class TopicCard(NamedTuple):
    """A topic as `explain_picture` shows it: its title, its share 0 to 1, and its words.

    A single word has no share (None) and no more words.
    """

    title: str
    share: float | None
    words: Sequence[str]


def contact_sheet(
    items: Sequence[SheetItem],
    *,
    columns: int = 5,
    tile: int = 240,
    heading: str = "",
    query_image: Image.Image | None = None,
) -> Image.Image:
    """Draw posts on one page, in reading order.

    Parameters
    ----------
    items
        The posts, best first.
    columns
        Tiles in a row, at least 1.
    tile
        Width of a tile in pixels, at least 64; letters and gaps follow it.
    heading
        What was asked, as text.
    query_image
        The photo that was asked with, shown beside the heading.

    Returns
    -------
    PIL.Image.Image
        Mode ``"RGB"``.

    Raises
    ------
    ValueError
        `columns` or `tile` is too small.
    """
    if columns < 1 or tile < 64:
        raise ValueError(f"columns must be >= 1 and tile >= 64, got {columns} and {tile}")
    gap, pad = tile // 10, tile // 18
    title_font, text_font = font_of(tile // 13, strong=True), font_of(tile // 14)
    columns = max(1, min(columns, len(items)))
    width = columns * tile + (columns + 1) * gap

    wrapped = [
        (
            wrap_text(item.title, title_font, tile - 2 * pad, 1),
            # Without a photo the tile itself shows the text.
            wrap_text(item.caption, text_font, tile - 2 * pad, CAPTION_LINES) if item.image else [],
        )
        for item in items
    ]
    title_height, text_height = line_height(title_font), line_height(text_font)
    heights = []
    for start in range(0, len(items), columns):
        texts = max(
            len(title) * title_height + len(caption) * text_height
            for title, caption in wrapped[start : start + columns]
        )
        heights.append(tile + (texts + 2 * pad if texts else 0))

    header = _header(heading, query_image, width - 2 * gap, tile)
    top = gap + (header.height + gap if header else 0)
    page = Image.new("RGB", (width, top + sum(heights) + gap * len(heights)), PAPER)
    if header:
        page.paste(header, (gap, gap))
    for number, (item, (title, caption)) in enumerate(zip(items, wrapped, strict=True)):
        row, column = divmod(number, columns)
        x, y = gap + column * (tile + gap), top + sum(heights[:row]) + gap * row
        card = Image.new("RGB", (tile, heights[row]), CARD)
        card.paste(_tile(item, tile), (0, 0))
        draw = ImageDraw.Draw(card)
        write_lines(draw, (pad, tile + pad), title, title_font, INK)
        write_lines(draw, (pad, tile + pad + len(title) * title_height), caption, text_font, QUIET)
        _place_card(page, card, (x, y), radius=tile // 16)
    return page


def explain_picture(
    photo: Image.Image | None,
    topics: Sequence[tuple[str, float | None, Sequence[str]]],
    heat: npt.NDArray[np.floating] | None = None,
    *,
    heading: str = "",
    legend: tuple[str, str] = ("less", "more"),
    tile: int = 400,
) -> Image.Image:
    """Draw the main topics of a query and, on its photo, where each is seen.

    Parameters
    ----------
    photo
        The query's photo, or None for a text: then the topics are listed with their bars.
    topics
        One for each topic, largest share first, then single words.
    heat
        Shape (len(topics), rows, columns), 0 to 1, over the whole photo; None: the photo is
        shown once, and the topics are listed beside it.
    heading
        Printed above.
    legend
        Words at the cold and the hot end of the scale of colours.
    tile
        Width of one view of the photo in pixels, at least 64; letters and gaps follow it.

    Returns
    -------
    PIL.Image.Image
        Mode ``"RGB"``.

    Raises
    ------
    ValueError
        `heat` has another shape, or `tile` is too small.
    """
    cards = [TopicCard(*topic) for topic in topics]
    if tile < 64:
        raise ValueError(f"tile must be >= 64, got {tile}")
    if heat is not None and (heat.ndim != 3 or len(heat) != len(cards) or 0 in heat.shape[1:]):
        raise ValueError(f"heat must have shape ({len(cards)}, rows, columns), got {heat.shape}")
    gap = tile // 16
    shown = None if photo is None else _shown(photo, tile)
    if shown is not None and heat is not None and cards:
        views = [_overlay(shown, layer) for layer in heat]
        body = _grid(shown, views, cards, tile=tile, gap=gap, legend=legend)
    else:
        body = _listing(shown, cards, tile=tile, gap=gap)
    header = _header(heading, None, body.width - 2 * gap, tile * 3 // 4)
    top = gap + (header.height if header else 0)
    page = Image.new("RGB", (body.width, top + body.height), PAPER)
    if header:
        page.paste(header, (gap, gap))
    page.paste(body, (0, top))
    return page


def heat_colours(heat: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Colour values from 0 (dark violet) over red and orange to 1 (pale yellow).

    The path is laid in OKLab with evenly growing lightness, so that equal steps of heat look
    like equal steps and the order survives printing in grey.

    Returns
    -------
    numpy.ndarray
        Shape heat.shape + (3,), uint8 sRGB.
    """
    index = np.rint(np.clip(np.nan_to_num(heat), 0, 1) * 255).astype(np.intp)
    colours: npt.NDArray[np.uint8] = _colour_table()[index]
    return colours


def to_photo(image: Image.Image, quality: int = JPEG_QUALITY) -> bytes:
    """Encode as a JPEG for Telegram: in a hundredth of the time that a PNG takes."""
    out = BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def to_png(image: Image.Image) -> bytes:
    """Encode as PNG."""
    out = BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


# Letters


@functools.lru_cache(maxsize=64)
def font_of(size: int, *, strong: bool = False) -> Font:
    """The font in a size in pixels."""
    return ImageFont.truetype(shipped("font", _FONTS[strong]), max(size, 8))


@functools.lru_cache(maxsize=4096)
def _has_glyph(character: str) -> bool:
    font = font_of(24)
    shape, missing = font.getmask(character), font.getmask("\U0010ffff")
    return shape.size != missing.size or bytes(shape) != bytes(missing)


def _printable(text: str) -> str:
    """Leave out what the font would draw as a box (emoji, scripts it does not have)."""
    kept = "".join(
        c if c.isspace() or _has_glyph(c) else "" for c in text if c.isprintable() or c.isspace()
    )
    return " ".join(kept.split())


def line_height(font: Font) -> int:
    """From one line to the next, in pixels."""
    size = font.size if isinstance(font, ImageFont.FreeTypeFont) else 11
    return math.ceil(size * 1.28)


def wrap_text(text: str, font: Font, width: int, lines: int) -> list[str]:
    """Break a text into at most `lines` lines; where it is cut, it is cut at a word."""
    words = _printable(text[:2000]).split()
    done: list[str] = []
    line = ""
    while words:
        word = words.pop(0)
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= width:
            line = longer
            continue
        if not line:
            # One word alone is too long: break it.
            fits = _prefix(word, font, width)
            line, word = word[:fits], word[fits:]
        words.insert(0, word)
        done.append(line)
        line = ""
        if len(done) == lines:
            break
    if line:
        done.append(line)
    elif words and done:
        done[-1] = _with_ellipsis(done[-1], font, width)
    return done


def _prefix(word: str, font: Font, width: float) -> int:
    fits = 1
    while fits < len(word) and font.getlength(word[: fits + 1]) <= width:
        fits += 1
    return fits


def _with_ellipsis(line: str, font: Font, width: int) -> str:
    while line and font.getlength(line + "…") > width:
        line = line.rpartition(" ")[0] if " " in line else line[:-1]
    return line.rstrip(" ,.;:-—–") + "…"


def write_lines(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], lines: Sequence[str], font: Font, ink: Colour
) -> None:
    """Write lines below each other."""
    for number, line in enumerate(lines):
        draw.text((at[0], at[1] + number * line_height(font)), line, font=font, fill=ink)


# Cards


def rounded_mask(size: tuple[int, int], radius: int) -> Image.Image:
    """Mode ``"L"``: 255 within a rectangle with round corners."""
    large = Image.new("L", (size[0] * _SUPERSAMPLED, size[1] * _SUPERSAMPLED))
    ImageDraw.Draw(large).rounded_rectangle(
        (0, 0, large.width - 1, large.height - 1), radius * _SUPERSAMPLED, fill=255
    )
    return large.reduce(_SUPERSAMPLED)


def _place_card(page: Image.Image, card: Image.Image, at: tuple[int, int], *, radius: int) -> None:
    mask = rounded_mask(card.size, radius)
    margin = max(radius, 4)
    shadow = Image.new("L", (card.width + 2 * margin, card.height + 2 * margin))
    shadow.paste(mask.point(lambda value: value * 40 // 255), (margin, margin))
    shadow = shadow.filter(ImageFilter.GaussianBlur(margin / 2.5))
    page.paste((0, 0, 0), (at[0] - margin, at[1] - margin + margin // 4), shadow)
    page.paste(card, at, mask)


def _tile(item: SheetItem, size: int) -> Image.Image:
    if item.image is not None:
        square = ImageOps.fit(item.image.convert("RGB"), (size, size), Image.Resampling.LANCZOS)
    else:
        square = Image.new("RGB", (size, size), TRACK)
        font = font_of(size // 11)
        lines = wrap_text(item.caption, font, size - size // 5, 6)
        top = (size - len(lines) * line_height(font)) // 2
        write_lines(ImageDraw.Draw(square), (size // 10, top), lines, font, INK)
    if badge := _printable(item.badge):
        _draw_badge(square, badge, size)
    return square


def _draw_badge(square: Image.Image, text: str, size: int) -> None:
    font = font_of(size // 14, strong=True)
    height = line_height(font) + size // 60
    width = max(height, math.ceil(font.getlength(text)) + size // 12)
    mask = rounded_mask((width, height), height // 2).point(lambda value: value * 190 // 255)
    at = (size // 24, size // 24)
    square.paste((18, 18, 24), at, mask)
    ImageDraw.Draw(square).text(
        (at[0] + width / 2, at[1] + height / 2), text, font=font, fill=INK, anchor="mm"
    )


def _header(
    heading: str, query_image: Image.Image | None, width: int, tile: int
) -> Image.Image | None:
    font = font_of(tile // 8, strong=True)
    side = tile * 2 // 3 if query_image is not None else 0
    left = side + tile // 10 if side else 0
    lines = wrap_text(heading, font, max(width - left, tile // 2), 3)
    if not lines and not side:
        return None
    text_height = len(lines) * line_height(font)
    header = Image.new("RGB", (width, max(side, text_height)), PAPER)
    if query_image is not None:
        small = ImageOps.fit(query_image.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
        header.paste(small, (0, 0), rounded_mask((side, side), tile // 16))
    write_lines(
        ImageDraw.Draw(header), (left, (header.height - text_height) // 2), lines, font, INK
    )
    return header


# Explanation


def _shown(photo: Image.Image, tile: int) -> Image.Image:
    """Scale to fit a tile that may be a little taller than wide; nothing is cut off."""
    scale = min(tile / photo.width, tile * 5 / 4 / photo.height)
    size = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    return photo.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _mono(photo: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(ImageEnhance.Color(photo).enhance(0.3)).enhance(0.68)


def _overlay(photo: Image.Image, heat: npt.NDArray[np.floating]) -> Image.Image:
    """Glow of a topic over the dimmed photo, which keeps its own colours where it is hot."""
    cells = np.clip(np.nan_to_num(heat), 0, 1).astype(np.float32)
    smooth = np.asarray(Image.fromarray(cells).resize(photo.size, Image.Resampling.BICUBIC))
    smooth = np.clip(smooth, 0, 1)
    lit = Image.fromarray(np.uint8(255 * np.clip(smooth * 1.4, 0, 1)))
    base = Image.composite(photo, _mono(photo), lit)
    alpha = Image.fromarray(np.uint8(255 * 0.55 * smooth**0.8))
    return Image.composite(Image.fromarray(heat_colours(smooth)), base, alpha)


@functools.cache
def _colour_table() -> npt.NDArray[np.uint8]:
    """256 colours along a path in OKLab (B. Ottosson, 2020), shape (256, 3)."""
    position = np.linspace(0, 1, 256)
    stops = [0, 0.3, 0.55, 0.8, 1]
    lightness = 0.22 + 0.74 * position
    chroma = np.interp(position, stops, [0.08, 0.17, 0.185, 0.165, 0.10])
    hue = np.radians(np.interp(position, stops, [-70, -28, 24, 70, 105]))
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    lms = (
        np.stack(
            [
                lightness + 0.3963377774 * a + 0.2158037573 * b,
                lightness - 0.1055613458 * a - 0.0638541728 * b,
                lightness - 0.0894841775 * a - 1.2914855480 * b,
            ]
        )
        ** 3
    )
    to_linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip(to_linear @ lms, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    table: npt.NDArray[np.uint8] = np.rint(255 * srgb).astype(np.uint8).T
    return table


def _grid(
    photo: Image.Image,
    views: Sequence[Image.Image],
    cards: Sequence[TopicCard],
    *,
    tile: int,
    gap: int,
    legend: tuple[str, str],
) -> Image.Image:
    """Lay out the photo, then each topic over it, as cards."""
    pad = tile // 20
    # No more: on a phone three columns of words are too small to read.
    columns = 2
    texts = [_topic_text(card, tile - 2 * pad) for card in cards]
    rows = math.ceil((len(cards) + 1) / columns)
    key = _legend(legend, tile - 2 * pad)
    heights = [
        photo.height
        + max(text.height for text in [key, *texts][row * columns :][:columns])
        + 2 * pad
        for row in range(rows)
    ]
    page = Image.new(
        "RGB", (columns * tile + (columns + 1) * gap, sum(heights) + gap * (rows + 1)), PAPER
    )
    for number, (view, text) in enumerate(zip([photo, *views], [key, *texts], strict=True)):
        row, column = divmod(number, columns)
        card = Image.new("RGB", (tile, heights[row]), CARD)
        card.paste(TRACK, (0, 0, tile, photo.height))
        card.paste(view, ((tile - view.width) // 2, (photo.height - view.height) // 2))
        card.paste(text, (pad, photo.height + pad))
        # The last one by itself stands in the middle.
        single = number == len(cards) and not column
        left = (page.width - tile) // 2 if single and row else gap + column * (tile + gap)
        at = left, gap + sum(heights[:row]) + gap * row
        _place_card(page, card, at, radius=tile // 20)
    return page


def _listing(
    photo: Image.Image | None, cards: Sequence[TopicCard], *, tile: int, gap: int
) -> Image.Image:
    """Lay out topics below each other, beside the photo if there is one."""
    pad = tile // 16
    texts = [_topic_text(card, tile * 3 // 2) for card in cards]
    list_height = sum(text.height + pad for text in texts) + pad if texts else 0
    left = photo.width + pad if photo is not None else 0
    width = left + pad + (tile * 3 // 2 + pad if texts else 0)
    height = max(list_height, photo.height + 2 * pad if photo is not None else 0)
    page = Image.new("RGB", (max(width, tile) + 2 * gap, height + 2 * gap), PAPER)
    if not height:
        return page
    card = Image.new("RGB", (width, height), CARD)
    if photo is not None:
        card.paste(photo, (pad, pad), rounded_mask(photo.size, tile // 20))
    top = pad
    for text in texts:
        card.paste(text, (left + pad, top))
        top += text.height + pad
    _place_card(page, card, (gap, gap), radius=tile // 20)
    return page


def _topic_text(card: TopicCard, width: int) -> Image.Image:
    """Draw title and share, a bar of the share, and the words."""
    # Two such cards side by side are 300 points wide on a phone.
    size = max(width // 10, 14) if width < 480 else max(width // 20, 14)
    strong, plain = font_of(size * 9 // 8, strong=True), font_of(size)
    if card.share is None:
        page = Image.new("RGB", (width, line_height(strong)), CARD)
        write_lines(
            ImageDraw.Draw(page), (0, 0), wrap_text(card.title, strong, width, 1), strong, INK
        )
        return page
    share = min(max(card.share if math.isfinite(card.share) else 0.0, 0.0), 1.0)
    percent = f"{share:.0%}" if share >= 0.01 or share == 0 else "<1%"
    title = wrap_text(card.title, strong, width - math.ceil(strong.getlength("100% ")), 1)
    words = wrap_text(", ".join(card.words), plain, width, WORDS_LINES)
    bar = max(size // 3, 4)
    bar_top = line_height(strong) + size // 3
    words_top = bar_top + bar + size // 2
    page = Image.new("RGB", (width, words_top + len(words) * line_height(plain)), CARD)
    draw = ImageDraw.Draw(page)
    write_lines(draw, (0, 0), title, strong, INK)
    draw.text((width - strong.getlength(percent), 0), percent, font=strong, fill=ACCENT)
    page.paste(TRACK, (0, bar_top), rounded_mask((width, bar), bar // 2))
    if filled := round(width * share):
        filled = max(filled, bar)
        page.paste(ACCENT, (0, bar_top), rounded_mask((filled, bar), bar // 2))
    write_lines(draw, (0, words_top), words, plain, QUIET)
    return page


def _legend(words: tuple[str, str], width: int) -> Image.Image:
    """Draw the scale of colours between its two words."""
    font = font_of(max(width // 10, 14))
    low, high = (wrap_text(word, font, width // 3, 1) for word in words)
    height = line_height(font)
    page = Image.new("RGB", (width, height), CARD)
    left = math.ceil(font.getlength(low[0])) + height // 2 if low else 0
    right = width - (math.ceil(font.getlength(high[0])) + height // 2 if high else 0)
    bar = height // 2
    scale = Image.fromarray(
        np.tile(heat_colours(np.linspace(0, 1, right - left))[None], (bar, 1, 1))
    )
    draw = ImageDraw.Draw(page)
    write_lines(draw, (0, 0), low, font, QUIET)
    if high:
        write_lines(draw, (round(width - font.getlength(high[0])), 0), high, font, QUIET)
    page.paste(scale, (left, (height - bar) // 2), rounded_mask((right - left, bar), bar // 2))
    return page
