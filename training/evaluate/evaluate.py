"""Measure a model on held-out posts, beside what it must beat: one command, one table.

The baselines learn from what the model's folder keeps of its training posts, so the corpus may
hold nothing but the held-out ones.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.corpus.reader import TRAIN_SPLIT, Report, read_corpus
from engine.encoder import encoder_file, open_encoder
from engine.errors import CorpusError, Image2PicError, ModelError
from engine.model import Model, load_model, read_manifest
from engine.ocr import find_tesseract
from engine.text.sentences import sentence_encoder
from training.evaluate.baselines import BASELINES, Task, fit_baseline
from training.evaluate.engine_row import EngineMethod
from training.evaluate.judgments import measure_judgments
from training.evaluate.measure import Heldout, Row, chance_row, measure, median_ms
from training.evaluate.report import UNITS, markdown, plot
from training.learn.dataset import Dataset
from training.progress import QUIET, Progress

Result = dict[str, Any]

ENCODER_RUNS: Final = 10
"""Forward passes that are timed."""

_log = logging.getLogger(__name__)


def evaluate(
    model_folder: Path,
    corpus: Path,
    *,
    split: str | None,
    out: Path | None = None,
    json_file: Path | None = None,
    baselines: Sequence[str] | None = None,
    judgments: Path | None = None,
    workers: int = 2,
    progress: Progress = QUIET,
) -> Result:
    """Measure everything, and write the table, its picture and the numbers.

    Parameters
    ----------
    model_folder
        A built model; ``work/train`` in it holds what baselines learn from.
    corpus
        Folder of the held-out posts.
    split
        Only posts of this split; None: all, but those of `train` where there are others.
    out
        The Markdown file; the picture lies beside it. None: ``quality.md`` in the model's folder.
    json_file
        Where the same numbers go as JSON, if anywhere.
    baselines
        Names out of `BASELINES`; None: all of them.
    judgments
        Votes exported by the bot, if any.
    workers
        Photos encoded at a time.
    progress
        Is told what is done.

    Raises
    ------
    Image2PicError
        The model, its training posts, the corpus or the judgments cannot be used.
    """
    unknown = sorted(set(baselines or ()) - set(BASELINES))
    if unknown:
        raise Image2PicError(
            f"no baseline {', '.join(map(repr, unknown))}; there are: {', '.join(BASELINES)}"
        )
    out = out or model_folder / "quality.md"
    for file in (out, json_file):
        if file is not None and not file.parent.is_dir():
            raise Image2PicError(f"{file.parent} is no folder: {file.name} cannot be written there")
    model = load_model(model_folder)
    # Of a model that was handed on the posts it learnt from are seldom there.
    alone = baselines is not None and not baselines and not _training_folder(model).exists()
    learnt_from = None if alone else training_posts(model)
    manifest = read_manifest(model_folder)
    reads = learnt_from is not None and learnt_from.written.nnz > 0
    splits = _held_out(corpus, progress) if split is None else {split}
    held = _describe(model, corpus, splits, ocr=reads, workers=workers, progress=progress)
    result = compare(
        model,
        held if learnt_from is None else learnt_from,
        held,
        baselines=BASELINES if baselines is None else baselines,
        cache=model_folder / "work" / "baselines",
        seconds=_training_seconds(manifest),
        judgments=judgments,
        progress=progress,
    )
    file = encoder_file(model_folder, model.info.encoder)
    result["about"] |= {
        "corpus": corpus.name,
        "split": ", ".join(sorted(splits)) if splits else None,
        "counted_over": "the held-out posts" if alone else "the training posts",
        "encoder_ms": encoder_ms(model),
        "encoder_mb": file.stat().st_size / 1e6 if file.is_file() else 0.0,
        "tried": manifest.get("training", {}).get("tried", []),
    }
    picture = out.with_suffix(".png")
    plot(result, picture)
    out.write_text(markdown(result, picture.name), encoding="utf-8")
    if json_file is not None:
        text = json.dumps(without_nan(result), ensure_ascii=False, indent=1, allow_nan=False)
        json_file.write_text(text + "\n", encoding="utf-8")
    return result


def compare(
    model: Model,
    train: Dataset,
    held: Dataset,
    *,
    baselines: Sequence[str],
    cache: Path | None,
    seconds: float = math.nan,
    judgments: Path | None = None,
    progress: Progress = QUIET,
) -> Result:
    """All rows on the same posts.

    Parameters
    ----------
    model
        What is measured.
    train, held
        The posts it learnt from, and those it did not.
    baselines
        Names out of `training.evaluate.baselines.BASELINES`.
    cache
        Folder for what baselines learn; None keeps nothing.
    seconds
        What the model's training took.
    judgments
        Votes exported by the bot, if any.
    progress
        Is told what is done.

    Returns
    -------
    dict
        ``rows`` (name -> what `training.evaluate.measure.measure` gives), ``units`` and ``about``.
    """
    languages = np.array(model.words.languages, np.str_)
    task = Task(train, len(model.words), model.info.topics, languages)
    name = model.info.sentences.get("name")
    heldout = Heldout(
        held, train, languages, model.words.surfaces, sentence_encoder(name) if name else None
    )
    start = time.perf_counter()
    progress("measuring the model")
    rows: dict[str, Row] = {
        "image2pic": measure(EngineMethod(model), heldout) | {"seconds_to_train": seconds},
        "chance": chance_row(heldout),
    }
    for name in baselines:
        fitted = fit_baseline(name, task, cache=cache, progress=progress)
        progress(f"measuring {name}")
        row = measure(fitted.method, heldout) | {"seconds_to_train": fitted.seconds}
        rows[name] = row | ({"chosen": fitted.chosen} if fitted.chosen else {})
    about: dict[str, Any] = {
        "model": model.info.id,
        "topics": model.info.topics,
        "background": model.info.background,
        "photos": len(held),
        "language": heldout.language,
        "texts": len(heldout.main.owner),
        "posts": len(np.unique(heldout.main.owner)),
        "texts_ru": len(heldout.russian.owner),
        "posts_ru": len(np.unique(heldout.russian.owner)),
        "training_posts": len(train),
        "training_texts": len(train.owner),
        "seconds_to_evaluate": time.perf_counter() - start,
    }
    if judgments is not None:
        about["judgments"] = measure_judgments(judgments, model, [held, train])
    return {"rows": rows, "units": UNITS, "about": about}


def _training_folder(model: Model) -> Path:
    return model.folder / "work" / "train"


def training_posts(model: Model) -> Dataset:
    """Read what the model's folder keeps of the posts it learnt from.

    Raises
    ------
    ModelError
        It is not there, or not this model's.
    """
    folder = _training_folder(model)
    try:
        train = Dataset.load(folder)
    except FileNotFoundError:
        raise ModelError(
            model.folder,
            "work/train is missing, without which no baseline can learn; build the model again",
        ) from None
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            model.folder, f"work/train is damaged ({error}); build it again"
        ) from error
    wanted = len(model.words) + len(model.tags)
    if train.texts.shape[1] != wanted:
        raise ModelError(
            model.folder,
            f"work/train is of another model ({train.texts.shape[1]} words, not {wanted})",
        )
    return train


def encoder_ms(model: Model) -> float:
    """Median time of the encoder's forward pass on one photo, in milliseconds."""
    encoder = open_encoder(model.folder, model.info.encoder)
    size = encoder.shape.size
    photo = np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)
    encoder(photo)
    return median_ms(lambda number: encoder(photo), ENCODER_RUNS)


def without_nan(value: Any) -> Any:
    """Turn what is not a finite number into None: JSON has no word for it."""
    if isinstance(value, dict):
        return {str(key): without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(inner) for inner in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def recorded(result: Result) -> dict[str, Any]:
    """What a model says of itself after an evaluation: `engine.model.ModelInfo.measured`."""
    about, row = result["about"], result["rows"]["image2pic"]
    figures = {
        "text_to_photo_r10": row.get("text_to_photo", {}).get("r10"),
        "photo_to_text_r10": row.get("photo_to_text", {}).get("r10"),
        "text_to_photo_ru_r10": row.get("text_to_photo_ru", {}).get("r10"),
        "annotation_p5": row.get("annotation", {}).get("p5"),
    }
    corpus = about["corpus"] + (f", {about['split']}" if about["split"] else "")
    return {
        "corpus": corpus,
        "held_out_posts": float(about["photos"]),
        **{
            name: round(float(v), 1)
            for name, v in figures.items()
            if v is not None and math.isfinite(v)
        },
    }


def _held_out(corpus: Path, progress: Progress) -> set[str] | None:
    """Splits of a corpus that a model did not learn from; None where it is not divided."""
    found = {post.split or "" for post in read_corpus(corpus, report=Report())}
    if TRAIN_SPLIT not in found or found <= {TRAIN_SPLIT, ""}:
        return None
    progress(f"posts of the split {TRAIN_SPLIT} are left out, for models learn from these")
    return found - {TRAIN_SPLIT, ""}


def _describe(
    model: Model,
    corpus: Path,
    splits: set[str] | None,
    *,
    ocr: bool,
    workers: int,
    progress: Progress,
) -> Dataset:
    """The held-out posts; with the words on their photos, if the model learnt from such."""
    # Imported here: comparing on described posts needs no photos.
    from training.learn.describe import describe_corpus

    report = Report()
    held = describe_corpus(
        model,
        corpus,
        splits=splits,
        cache=model.folder / "work" / "heldout",
        workers=workers,
        progress=progress,
        report=report,
        tesseract=find_tesseract() if ocr else None,
    )
    progress(f"{corpus}: {report.summary()}")
    if len(held) < 2 or not len(held.owner):
        raise CorpusError(
            f"{corpus} has {len(held)} posts with a photo and {len(held.owner)} texts"
            + (f" in the split {', '.join(map(repr, sorted(splits)))}" if splits else "")
            + ": at least two photos and a text are needed to measure anything"
        )
    return held


def _training_seconds(manifest: dict[str, Any]) -> float:
    seconds = manifest.get("training", {}).get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else math.nan
