"""A model: one folder, plain files, checked when read.

Files: ``manifest.json``, ``encoder.tflite``, ``vocabulary.json`` and ``arrays.npz``. The manifest
names the sha256 of the others, and its own; a model whose files do not belong together is refused.
The encoder may lie elsewhere: see `engine.encoder`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.codebook import Codebook
from engine.encoder import ENCODER_FILE, EncoderShape, encoder_file
from engine.errors import ModelError
from engine.files import open_arrays, sha256_of, write_whole
from engine.projection import Projection
from engine.results import Columns, Floats
from engine.vocabulary import Vocabulary

FORMAT: Final = 2
MODALITIES: Final = ("text", "tag", "visual")
_FILES: Final = ("vocabulary.json", "arrays.npz")
_WAY_OUT: Final = "copy the whole folder, or build it again"


@dataclass(frozen=True, slots=True)
class Calibration:
    """From a score to a closeness: ``sigmoid(slope * score + offset)``, and where to cut off."""

    slope: float
    offset: float
    cutoff: float


@dataclass(frozen=True)
class QuerySettings:
    """How queries are answered, chosen on held-out posts when the model was built.

    Attributes
    ----------
    hub_neighbours
        How many neighbours in the other modality measure the hubness of a photo and of a text.
    hub_weight
        How much of it is taken off a score, for a photo and for a text.
    written_weight
        Weight of what is written on a photo beside what is seen on it.
    exact_weight
        Weight of how much query and post are of the same words, beside the score of theta.
    annotation_power
        Words are ranked by ``p(w | theta) / p(w) ** annotation_power``.
    neighbours, neighbour_sharpness, neighbour_share
        p(w | theta) is the readout's, mixed with the share of the nearest posts that have the
        word: so many of them, with a weight of ``exp(sharpness * cosine)``, and their part in it.
    written_share
        How likely a known word that is written on a photo is said of it, whatever else speaks for
        it.
    explained
        Words that are shown for a topic are at least so likely.
    calibration
        By kind of query.
    """

    hub_neighbours: tuple[int, int] = (10, 60)
    hub_weight: tuple[float, float] = (0.5, 0.75)
    written_weight: float = 0.5
    exact_weight: float = 1.0
    annotation_power: float = 0.0
    neighbours: int = 1280
    neighbour_sharpness: float = 10.0
    neighbour_share: float = 0.0
    written_share: float = 0.0
    explained: float = 0.0
    calibration: Mapping[str, Calibration] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelInfo:
    """What a model says about itself.

    Attributes
    ----------
    id
        Identity: the sha256 of its arrays. Vectors of different models do not mix.
    quality
        Measured while it was built, on posts that were held out.
    measured
        Measured afterwards on another corpus, if it was (`evaluate --record`); figures have the
        names of those in `quality`, and ``corpus`` tells on what.
    sentences
        The sentence encoder: name, version, dimensions and sha256 of its weights; empty without
        one.
    """

    id: str
    name: str
    encoder: str
    topics: int
    background: int
    posts: int
    languages: tuple[str, ...]
    created: str
    quality: Mapping[str, float]
    measured: Mapping[str, Any] = field(default_factory=dict)
    sentences: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bank:
    """Training posts whose words speak for what is near them.

    Attributes
    ----------
    z
        Unit vectors of the posts, photo and texts together, shape (n, K).
    starts, columns
        Words and hashtags of post i are ``columns[starts[i] : starts[i + 1]]``; shapes (n + 1,)
        and (words in all,).
    """

    z: Floats
    starts: Columns
    columns: Columns


@dataclass(frozen=True)
class Model:
    """Everything learnt together.

    Attributes
    ----------
    phi
        Modality -> p(w | t), shape (W_modality, K); columns sum to 1.
    prior
        p(t) over the training posts, shape (K,). The last `info.background` topics are background.
    coherence
        NPMI of each topic, shape (K,).
    readout, presence
        The share of posts with topic vector theta that have a word or hashtag is estimated as
        ``presence + readout . clr(theta)``; shapes (W_text + W_tag, K) and (W_text + W_tag,).
    text_bank, photo_bank
        Unit vectors of training texts and photos, shape (n, K): by their closeness a post's
        hubness is measured.
    bank
        Posts whose words speak for a photo that is near them.
    tag_floors
        How likely a hashtag must be to be shown, shape (W_tag,).
    folder
        Where the model was read from.
    """

    info: ModelInfo
    shape: EncoderShape
    codebook: Codebook
    words: Vocabulary
    tags: Vocabulary
    phi: Mapping[str, Floats]
    prior: Floats
    coherence: Floats
    projection: Projection
    readout: Floats
    presence: Floats
    text_bank: Floats
    photo_bank: Floats
    bank: Bank
    tag_floors: Floats
    settings: QuerySettings
    folder: Path

    @cached_property
    def usual(self) -> Floats:
        """The share of training posts that have each word and hashtag, shape (W,)."""
        if not len(self.photo_bank):
            return self.presence
        share: Floats = self.presence + self.photo_bank.mean(0) @ self.readout.T
        return share


def save_model(model: Model, folder: Path, encoder: Path | None, extra: Mapping[str, Any]) -> str:
    """Write a model into an empty folder; its id is computed here and returned.

    Parameters
    ----------
    model
        Its `info.id` and `folder` are ignored.
    folder
        Created if missing.
    encoder
        The LiteRT file to copy; None for an encoder that is installed as a class.
    extra
        Training settings, for the manifest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = list(_FILES)
    if encoder is not None:
        shutil.copyfile(encoder, folder / ENCODER_FILE)
        files.insert(0, ENCODER_FILE)
    words = {"text": model.words.to_dict(), "tag": model.tags.to_dict()}
    (folder / "vocabulary.json").write_text(
        json.dumps(words, ensure_ascii=False, separators=(",", ":")), encoding="utf-8"
    )
    projection = model.projection
    # A zip archive's bytes hold no time stamp here, so the same arrays give the same id.
    np.savez(
        folder / "arrays.npz",
        allow_pickle=False,
        codebook_mean=model.codebook.mean,
        codebook_components=model.codebook.components,
        codebook_centroids=model.codebook.centroids,
        codebook_other=np.array([model.codebook.softness, model.codebook.per_cell], np.float32),
        prior=model.prior,
        coherence=model.coherence,
        photo_weights=projection.photo_weights,
        photo_bias=projection.photo_bias,
        text_weights=projection.text_weights,
        text_bias=projection.text_bias,
        sentence_weights=projection.sentence_weights,
        sentence_bias=projection.sentence_bias,
        idf=projection.idf,
        projection_other=np.array(
            [*projection.sharpness, projection.power, projection.single_word], np.float32
        ),
        visual_weight=np.float32(projection.visual),
        readout=model.readout,
        presence=model.presence,
        text_bank=model.text_bank.astype(np.float16),
        photo_bank=model.photo_bank.astype(np.float16),
        bank_z=model.bank.z.astype(np.float16),
        bank_starts=model.bank.starts.astype(np.int32),
        bank_columns=model.bank.columns.astype(np.int32),
        tag_floors=model.tag_floors,
        **{f"phi_{name}": matrix for name, matrix in model.phi.items()},
    )
    hashes = {name: sha256_of(folder / name) for name in files}
    identity = hashlib.sha256("".join(hashes.values()).encode()).hexdigest()[:16]
    manifest = {
        "format": FORMAT,
        **asdict(model.info),
        "id": identity,
        "shape": asdict(model.shape),
        "settings": asdict(model.settings),
        "sha256": hashes,
        "training": dict(extra),
    }
    write_manifest(folder, manifest)
    return identity


def load_model(folder: Path) -> Model:
    """Read a model.

    Raises
    ------
    ModelError
        A file is missing or damaged, or the format is another one.
    """
    manifest = read_manifest(folder)
    files = {name: folder / name for name in _FILES}
    if ENCODER_FILE in manifest["sha256"]:
        files[ENCODER_FILE] = encoder_file(folder, str(manifest.get("encoder")))
    for name, path in files.items():
        if not path.is_file():
            raise ModelError(folder, f"{name} is missing; {_WAY_OUT}")
        try:
            found = sha256_of(path)
        except OSError as error:
            raise ModelError(folder, f"{name}: {error.strerror}; {_WAY_OUT}") from error
        if found != manifest["sha256"].get(name):
            raise ModelError(folder, f"{name} is damaged or of another model; build it again")
    try:
        return _assemble(folder, manifest)
    except Exception as error:
        # numpy, zipfile and json raise a dozen kinds of error on files that are not theirs.
        raise ModelError(folder, f"not a complete model ({error!r}); build it again") from error


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest alone, with its format checked; ModelError as in `load_model`."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            folder, "there is no manifest.json; make one by `image2pic build CORPUS`"
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(folder, f"manifest.json cannot be read ({error}); {_WAY_OUT}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise ModelError(
            folder,
            f"format version {found!r}, this image2pic reads {FORMAT}; build the model again",
        )
    if manifest.get("checksum") != _checksum(manifest):
        raise ModelError(folder, f"manifest.json is damaged, or of an older image2pic; {_WAY_OUT}")
    if not isinstance(manifest.get("sha256"), dict):
        raise ModelError(folder, "manifest.json is incomplete; build it again")
    return manifest


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, with the checksum of all that it says."""
    plain = json.loads(json.dumps(dict(manifest), default=_plain))
    plain["checksum"] = _checksum(plain)
    write_whole(folder / "manifest.json", json.dumps(plain, ensure_ascii=False, indent=1))


def _checksum(manifest: Mapping[str, Any]) -> str:
    said = {name: value for name, value in manifest.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def record_measured(folder: Path, measured: Mapping[str, Any]) -> None:
    """Write into the manifest what was measured of the model; ModelError as in `load_model`."""
    write_manifest(folder, read_manifest(folder) | {"measured": dict(measured)})


def _assemble(folder: Path, manifest: dict[str, Any]) -> Model:
    with open_arrays(folder / "arrays.npz") as arrays:
        a = {name: arrays[name] for name in arrays}
    words = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    settings = dict(manifest["settings"])
    settings["calibration"] = {
        kind: Calibration(**row) for kind, row in settings["calibration"].items()
    }
    for name in ("hub_neighbours", "hub_weight"):
        settings[name] = tuple(settings[name])
    info = {name: manifest[name] for name in ModelInfo.__dataclass_fields__ if name in manifest}
    info["languages"] = tuple(info["languages"])
    model = Model(
        info=ModelInfo(**info),
        shape=EncoderShape(**manifest["shape"]),
        codebook=Codebook(
            a["codebook_mean"],
            a["codebook_components"],
            a["codebook_centroids"],
            float(a["codebook_other"][0]),
            int(a["codebook_other"][1]),
        ),
        words=Vocabulary.from_dict(words["text"]),
        tags=Vocabulary.from_dict(words["tag"]),
        phi={name: a[f"phi_{name}"] for name in MODALITIES},
        prior=a["prior"],
        coherence=a["coherence"],
        projection=Projection(
            a["photo_weights"],
            a["photo_bias"],
            a["text_weights"],
            a["text_bias"],
            a["sentence_weights"],
            a["sentence_bias"],
            a["idf"],
            (float(a["projection_other"][0]), float(a["projection_other"][1])),
            float(a["projection_other"][2]),
            float(a["projection_other"][3]),
            # Models of before the visual words counted have none.
            float(a.get("visual_weight", 0.0)),
        ),
        readout=a["readout"],
        presence=a["presence"],
        text_bank=a["text_bank"].astype(np.float32),
        photo_bank=a["photo_bank"].astype(np.float32),
        bank=Bank(
            a["bank_z"].astype(np.float32),
            a["bank_starts"].astype(np.intp),
            a["bank_columns"].astype(np.intp),
        ),
        tag_floors=a["tag_floors"],
        settings=QuerySettings(**settings),
        folder=folder,
    )
    _check(model, a)
    return model


def _check(model: Model, arrays: Mapping[str, Any]) -> None:
    """ValueError where the parts do not fit together."""
    topics, background = model.info.topics, model.info.background
    channels, words, tags = model.shape.channels, len(model.words), len(model.tags)
    dimensions, visual = model.codebook.components.shape[-1], len(model.codebook)
    shapes = {
        "codebook_mean": (channels,),
        "codebook_components": (channels, dimensions),
        "codebook_centroids": (visual, dimensions),
        "codebook_other": (2,),
        "phi_text": (words, topics),
        "phi_tag": (tags, topics),
        "phi_visual": (visual, topics),
        "prior": (topics,),
        "coherence": (topics,),
        "photo_weights": (channels + (visual if model.projection.visual else 0), topics),
        "photo_bias": (topics,),
        "text_weights": (words + tags, topics),
        "text_bias": (topics,),
        "sentence_weights": (int(model.info.sentences.get("dimensions", 0)), topics),
        "sentence_bias": (topics,),
        "idf": (words + tags,),
        "projection_other": (4,),
        "readout": (words + tags, topics),
        "presence": (words + tags,),
        "text_bank": (len(model.text_bank), topics),
        "photo_bank": (len(model.photo_bank), topics),
        "bank_z": (len(model.bank.z), topics),
        "bank_starts": (len(model.bank.z) + 1,),
        "bank_columns": (int(model.bank.starts[-1]) if model.bank.starts.size else 0,),
        "tag_floors": (tags,),
    }
    for name, wanted in shapes.items():
        array = arrays[name]
        if array.shape != wanted:
            raise ValueError(f"{name} has shape {array.shape}, not {wanted}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are no numbers")
    if not 0 <= background < topics:
        raise ValueError(f"{background} background topics of {topics}")
    for table in (model.info.quality, model.info.measured):
        if not isinstance(table, Mapping):
            raise ValueError("quality is no table")
    if model.bank.columns.size and not 0 <= model.bank.columns.max() < words + tags:
        raise ValueError("a post of the bank has a word that there is not")
    if not 1 <= model.codebook.per_cell <= visual:
        raise ValueError(f"{model.codebook.per_cell} words a cell of {visual}")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"not JSON: {value!r}")
