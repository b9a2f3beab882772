"""The comparison as a person reads it: a Markdown table and a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from engine.errors import Image2PicError

Row = Mapping[str, Any]
Value = Callable[[Row], float]

UNITS: Final = {
    "r1, r5, r10, p5": "per cent",
    "median_rank": "rank, from 1",
    "similar_posts": "mean cosine of tf-idf, 0 to 1",
    "coherence": "NPMI -1 to 1; PMI in nats",
    "seconds_to_train": "seconds, features apart",
    "ms_text_query, ms_photo_query, encoder_ms": (
        "milliseconds, median; from counts or features to the ten best, without the encoder"
    ),
    "mb_model, encoder_mb": "megabytes",
    "kb_per_post": "kilobytes of vectors in an exact index",
}

NAMES: Final = {
    "image2pic": "image2pic",
    "chance": "chance",
    "original_recipe": "original recipe (ARTM, 44 topics)",
    "plsa": "multimodal PLSA",
    "lda": "multimodal LDA",
    "cca_bags": "ridge CCA, visual words",
    "cca_mean": "ridge CCA, mean features",
    "cca_mean_hub": "ridge CCA, mean features, hubs corrected",
    "cca_sentences": "ridge CCA with sentence vectors, hubs corrected",
    "cca_written": "the same, with the words on photos",
    "knn": "nearest neighbours, mean features",
    "knn_written": "the same, with the words on photos",
    "frequency": "most frequent words",
}


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table: its head, what is shown and which value is best."""

    head: str
    show: Callable[[Row], str]
    value: Value


def markdown(result: Mapping[str, Any], picture: str) -> str:
    """Write the table with its explanations.

    Parameters
    ----------
    result
        What `training.evaluate.evaluate.compare` gives.
    picture
        File name of the plot.
    """
    rows: Mapping[str, Row] = result["rows"]
    about = result["about"]
    columns = _columns()
    lines = [
        "# Measured quality",
        "",
        _where(about),
        "",
        f"![R@10, annotation, similar posts and coherence by method]({picture})",
        "",
        "| " + " | ".join(["method", *(column.head for column in columns)]) + " |",
        "|" + " --- |" * (len(columns) + 1),
    ]
    best = {id(column): _best(column, rows) for column in columns}
    for name, row in rows.items():
        cells = []
        for column in columns:
            text = column.show(row)
            value = column.value(row)
            cells.append(f"**{text}**" if text and value == best[id(column)] else text)
        label = NAMES.get(name, name)
        lines.append(
            "| " + " | ".join([f"**{label}**" if name == "image2pic" else label, *cells]) + " |"
        )
    lines += ["", *_notes(result)]
    bars = _bars(rows, result["about"])
    if bars:
        lines += ["", "## Against the bars", "", *bars]
    if about.get("tried"):
        lines += ["", "## What was tried", "", *_tried(about["tried"])]
    return "\n".join(lines) + "\n"


def plot(result: Mapping[str, Any], file: Path) -> None:
    """Draw the comparison into a PNG file.

    Raises
    ------
    Image2PicError
        matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise Image2PicError("plots need matplotlib: pip install 'image2pic[training]'") from error

    rows: Mapping[str, Row] = result["rows"]
    figure = Figure(figsize=(13, 9), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 3, width_ratios=(1, 1, 1))
    figure.suptitle(_where(result["about"]).replace("`", ""), fontsize=10, color="#444444")
    two_ways = (("text → photo", "#2f6f9f"), ("photo → text", "#e0a33e"))
    english, russian = (
        [(*way, _of(key + end, "r10")) for way, key in zip(two_ways, _WAYS, strict=True)]
        for end in ("", "_ru")
    )
    both = [
        ("by a caption", "#2f6f9f", _of("both_together", "0", "r10")),
        ("by both", "#5f9e6e", _of("both_together", "0.5", "r10")),
        ("by the photo", "#e0a33e", _of("both_together", "1", "r10")),
    ]
    words = [
        ("P@5", "#5f9e6e", _of("annotation", "p5")),
        ("R@10", "#b5c99a", _of("annotation", "r10")),
    ]
    similar = [("", "#7a5195", _of("similar_posts"))]
    coherent = [("", "#8a6d5c", _of("coherence", "npmi"))]
    for axes, title, series, digits in (
        (panels[0][0], "R@10 by texts in the main language, %", english, 1),
        (panels[0][1], "R@10 by Russian captions, %", russian, 1),
        (panels[0][2], "R@10 of other captions, %", both, 1),
        (panels[1][0], "Annotation, %", words, 1),
        (panels[1][1], "Similar posts: cosine of texts", similar, 3),
        (panels[1][2], "Topic coherence, NPMI", coherent, 2),
    ):
        _bars_panel(axes, title, rows, series, digits)
    try:
        figure.savefig(file, dpi=120)
    except OSError as error:
        raise Image2PicError(f"{file} cannot be written: {error}") from error


_RIVALS: Final = ("cca_mean", "cca_mean_hub", "cca_sentences", "cca_written")
_WAYS: Final = ("text_to_photo", "photo_to_text")


def _of(*path: str) -> Value:
    def value(row: Row) -> float:
        found: Any = row
        for key in path:
            if not isinstance(found, Mapping) or key not in found:
                return math.nan
            found = found[key]
        return float(found) if isinstance(found, int | float) else math.nan

    return value


def _columns() -> list[_Column]:
    both = [_of("both_together", weight, "r10") for weight in ("0", "0.5", "1")]
    words, russian = (
        [_of(f"annotation{end}", name) for name in ("p5", "r10")] for end in ("", "_ru")
    )
    queries = [_of("ms_text_query"), _of("ms_photo_query")]
    explained = [_of("explained", "right"), _of("explained", "words")]
    return [
        _recall("text → photo R@1 / 5 / 10, median rank", "text_to_photo"),
        _recall("photo → text", "photo_to_text"),
        _recall("Russian: text → photo", "text_to_photo_ru"),
        _recall("Russian: photo → text", "photo_to_text_ru"),
        _numbers("both together R@10: text alone / both / photo alone", both, 1, best=both[1]),
        _numbers("annotation P@5 / R@10", words, 1, best=words[0]),
        _numbers("Russian: annotation", russian, 1, best=russian[0]),
        _number("similar posts", _of("similar_posts"), 3),
        _number("NPMI", _of("coherence", "npmi"), 3),
        _number("cosine of a topic's words", _of("coherence", "vectors"), 3),
        _numbers("words shown with topics: right / a photo", explained, 2, 1, best=explained[0]),
        _numbers("same top words", [_of("coherence", "same_top_words")], 0),
        _numbers("seconds to train", [_of("seconds_to_train")], 0),
        _numbers("ms a query: text / photo", queries, 2),
        _numbers("MB", [_of("mb_model")], 1),
        _numbers("kB a post", [_of("kb_per_post")], 1),
    ]


def _recall(head: str, key: str) -> _Column:
    values = [_of(key, name) for name in ("r1", "r5", "r10")]
    rank = _of(key, "median_rank")
    low, high = _of(key, "r10_low"), _of(key, "r10_high")

    def show(row: Row) -> str:
        if math.isnan(values[0](row)):
            return ""
        recalls = " / ".join("–" if math.isnan(v := value(row)) else f"{v:.1f}" for value in values)
        bounds = "" if math.isnan(low(row)) else f" ({low(row):.1f}–{high(row):.1f})"
        return f"{recalls}{bounds}, {rank(row):g}"

    return _Column(head, show, values[2])


def _number(head: str, value: Value, digits: int) -> _Column:
    return _numbers(head, [value], digits, best=value)


def _numbers(
    head: str, values: Sequence[Value], *digits: int, best: Value = lambda row: math.nan
) -> _Column:
    """Numbers side by side, with so many digits each (the last count holds for the rest)."""

    def show(row: Row) -> str:
        numbers = [value(row) for value in values]
        if any(map(math.isnan, numbers)):
            return ""
        pairs = zip_longest(numbers, digits, fillvalue=digits[-1])
        return " / ".join(f"{number:.{count}f}" for number, count in pairs)

    return _Column(head, show, best)


def _best(column: _Column, rows: Mapping[str, Row]) -> float:
    values = [value for row in rows.values() if not math.isnan(value := column.value(row))]
    return max(values, default=math.nan)


def _where(about: Mapping[str, Any]) -> str:
    split = f", split `{about['split']}`" if about.get("split") else ""
    posts, russian = (f" of {about[name]:,} posts" for name in ("posts", "posts_ru"))
    return (
        f"Model `{about['model']}`, {about['topics']} topics, learnt on"
        f" {about['training_posts']:,} posts; measured on {about.get('corpus', 'held-out posts')}"
        f"{split}: {about['photos']:,} photos, {about['texts']:,} texts"
        f" ({about.get('language') or 'any language'}){posts}, {about['texts_ru']:,} Russian"
        f" ones{russian}."
    )


TIMES: Final = 3  # place of the note about times


def _notes(result: Mapping[str, Any]) -> list[str]:
    about = result["about"]
    notes = [
        "Single texts of the corpus's main language are queries, and candidates, each by itself."
        " In brackets behind R@10: 95 % of a bootstrap over the held-out posts; R@10 is left out"
        " where fewer than 20 candidates stand against each other. Text → photo: the rank of its"
        " own photo among all photos. Photo → text: the rank of its best own text among all texts"
        " of the language; photos without one do not ask. Recall is in per cent.",
        "Both together: a photo and one of its captions ask for its other captions among all"
        " others; the photo's weight is 0, 0.5 and 1.",
        "Annotation: words against those of the post's texts in the main language (of all its"
        " texts where none is). Words shown with topics: how many of those of the explanation"
        " stand in the post's texts, and how many a photo has. Similar posts: mean cosine of the"
        " tf-idf of the texts of a photo and of its five found neighbours, idf ="
        " log((1 + n) / (1 + n_w)) over the training posts."
        " NPMI: of the ten top words of each shown topic over the training posts.",
        "Times are medians on this machine from counts or mean features to the ten best;"
        " kB a post are those of an exact index.",
    ]
    if about.get("counted_over", "") == "the held-out posts":
        notes.append(
            "The posts that the model learnt from are not here: idf and NPMI were counted over the"
            " held-out posts, and no baseline can learn."
        )
    if "encoder_ms" in about:
        notes[TIMES] += (
            f" The encoder's forward pass takes {about['encoder_ms']:.0f} ms and"
            f" {about['encoder_mb']:.1f} MB, the same for all rows."
        )
    for name, row in result["rows"].items():
        if row.get("chosen"):
            chosen = ", ".join(f"{key} {value}" for key, value in row["chosen"].items())
            notes.append(f"Chosen on held-out training posts, {NAMES.get(name, name)}: {chosen}.")
    votes = about.get("judgments")
    if votes:
        notes.append(
            f"Votes: {votes['votes']:,}, {votes['liked']:.1f} % liked; of {votes['scored']:,} on"
            f" known posts, a liked one is scored above a disliked one with chance"
            f" {votes['auc']:.3f}."
        )
    return [f"- {note}" for note in notes]


def _bars(rows: Mapping[str, Row], about: Mapping[str, Any]) -> list[str]:
    """The model beside what it must reach, one line each."""
    model = rows["image2pic"]
    comparisons = [
        ("text → photo R@10", _of("text_to_photo", "r10"), _RIVALS, 1),
        ("photo → text R@10", _of("photo_to_text", "r10"), _RIVALS, 1),
        ("annotation P@5", _of("annotation", "p5"), ("knn", "knn_written", "frequency"), 1),
        ("similar posts", _of("similar_posts"), ("knn",), 3),
        ("NPMI", _of("coherence", "npmi"), ("lda",), 3),
        ("cosine of a topic's words", _of("coherence", "vectors"), ("lda",), 3),
    ]
    lines = []
    for head, value, rivals, digits in comparisons:
        found = [
            f"{NAMES[rival]} {value(rows[rival]):.{digits}f}"
            f" ({value(model) - value(rows[rival]):+.{digits}f})"
            for rival in rivals
            if rival in rows and not math.isnan(value(rows[rival]))
        ]
        if found and not math.isnan(value(model)):
            lines.append(f"- {head}: image2pic {value(model):.{digits}f}; {'; '.join(found)}")
    for way, key in (("text → photo", "text_to_photo"), ("photo → text", "photo_to_text")):
        english, russian = _of(key, "r10")(model), _of(f"{key}_ru", "r10")(model)
        if about.get("language") != "ru" and english > 0 and not math.isnan(russian):
            lines.append(f"- Russian of English, {way} R@10: {russian / english:.2f}")
    return lines


def _tried(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Settings that `build` chose between, a line of the table each; what came out best is bold."""
    lines = [
        "`build` chose between these values, one setting after the other, on posts that it held out"
        " of those it learnt from, and kept the best (bold): by the sum of R@1, R@5 and R@10 both"
        " ways in per cent (`hub_photo`, `hub_text`: one way; words of the annotation: P@5)."
        " `topics` that find nearly as well as the best are compared by `coherence` (NPMI and"
        " cosine of a topic's words together). Epoch 0 is the CCA before the refinement.",
        "",
        "| setting | value: what it gave |",
        "| --- | --- |",
    ]
    for row in rows:
        best = max(row["values"].values())
        cells = [
            f"**{option}: {value:g}**" if value == best else f"{option}: {value:g}"
            for option, value in row["values"].items()
        ]
        lines.append(f"| {row['setting']} | {', '.join(cells)} |")
    return lines


def _bars_panel(
    axes: Any,
    title: str,
    rows: Mapping[str, Row],
    series: list[tuple[str, str, Value]],
    digits: int,
) -> None:
    """Horizontal bars, a group for each method that has any of the values."""
    names = [
        name for name, row in rows.items() if any(not math.isnan(v(row)) for _, _, v in series)
    ]
    names.reverse()
    height = 0.8 / len(series)
    largest = 0.0
    for number, (label, colour, value) in enumerate(series):
        values = [value(rows[name]) for name in names]
        places = [place + 0.4 - height * (number + 0.5) for place in range(len(names))]
        shown = [0.0 if math.isnan(v) else v for v in values]
        largest = max([largest, *shown])
        axes.barh(places, shown, height=height * 0.92, color=colour, label=label or None)
        for place, v in zip(places, values, strict=True):
            if not math.isnan(v):
                axes.annotate(
                    f"{v:.{digits}f}",
                    (max(v, 0), place),
                    xytext=(3, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8 if len(series) < 3 else 7,
                    color="#333333",
                )
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_yticks(range(len(names)), [_SHORT.get(name, name) for name in names], fontsize=9)
    for tick, name in zip(axes.get_yticklabels(), names, strict=True):
        tick.set_fontweight("bold" if name == "image2pic" else "normal")
    axes.set_xlim(right=largest * 1.15 or 1)
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if any(label for label, _, _ in series) and names:
        axes.legend(
            fontsize=9,
            frameon=False,
            ncols=len(series),
            loc="upper center",
            bbox_to_anchor=(0.4, -0.05),
        )
    if not names:
        axes.set_axis_off()


_SHORT: Final = {
    "image2pic": "image2pic",
    "chance": "chance",
    "original_recipe": "original recipe",
    "plsa": "PLSA",
    "lda": "LDA",
    "cca_bags": "CCA, visual words",
    "cca_mean": "CCA, mean features",
    "cca_mean_hub": "CCA, hubs corrected",
    "cca_sentences": "CCA, sentences",
    "cca_written": "CCA, words on photos",
    "knn": "nearest neighbours",
    "knn_written": "neighbours, words on photos",
    "frequency": "frequent words",
}
