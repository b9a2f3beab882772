"""The finished model put together, compared with the one before it, and moved into place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from scipy import sparse

from engine.codebook import Codebook
from engine.encoder import Encoder, EncoderShape
from engine.errors import Image2PicError
from engine.model import Model, ModelInfo, read_manifest
from engine.results import Floats
from engine.scoring import neighbours_of
from engine.terms import tag_floors
from engine.text.sentences import SentenceEncoder, described
from engine.vocabulary import Vocabulary
from training.learn.choose import Banks, banks
from training.learn.dataset import Dataset
from training.learn.fit import Learnt
from training.learn.settings import BuildSettings, encoder_name

SAME: Final = 0.98
"""Cosine of a training photo and a post from which they are taken for the same."""


def assemble_model(
    learnt: Learnt,
    data: Dataset,
    codebook: Codebook,
    encoder: Encoder,
    words: Vocabulary,
    tags: Vocabulary,
    settings: BuildSettings,
    sentences: SentenceEncoder | None,
    name: str,
) -> Model:
    """Everything that was learnt, as `engine.model.save_model` writes it."""
    projection, chosen = learnt.projection, learnt.settings
    bank = banks(data, projection, chosen.written_weight, settings.seed)
    languages = tuple(
        str(language)
        for language, n in zip(*np.unique(data.language, return_counts=True), strict=True)
        if language and n >= 0.01 * len(data.language)
    )
    shape: EncoderShape = encoder.shape
    return Model(
        info=ModelInfo(
            id="",
            name=name,
            encoder=encoder_name(settings),
            topics=projection.topics,
            background=learnt.artm_settings.background,
            posts=len(data),
            languages=languages,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            quality=learnt.quality,
            sentences={} if sentences is None else described(sentences),
        ),
        shape=shape,
        codebook=codebook,
        words=words,
        tags=tags,
        phi=learnt.phi,
        prior=learnt.theta.mean(0),
        coherence=learnt.coherence,
        projection=projection,
        readout=learnt.readout,
        presence=learnt.presence,
        text_bank=bank.texts,
        photo_bank=bank.photos,
        bank=bank.posts,
        tag_floors=_tag_floors(learnt, data, bank, len(words)),
        settings=chosen,
        folder=Path(),
    )


def _tag_floors(learnt: Learnt, data: Dataset, bank: Banks, width: int) -> Floats:
    """`engine.terms.tag_floors` over some training photos, none of which speaks for itself."""
    z = bank.photos[:1000]
    read = learnt.presence[width:] + z @ learnt.readout[width:].T
    usual = np.asarray((data.pooled()[:, width:] > 0).mean(0), np.float32).ravel()
    near, say = neighbours_of(z, bank.posts, learnt.settings)
    say[np.take_along_axis(z @ bank.posts.z.T, near, 1) > SAME] = 0
    votes = sparse.csr_matrix(
        (say.ravel(), (np.repeat(np.arange(len(z)), near.shape[1]), near.ravel())),
        shape=(len(z), bank.has.shape[0]),
    )
    said = np.asarray((votes @ bank.has[:, width:]).todense(), np.float32)
    part = learnt.settings.neighbour_share
    return tag_floors((1 - part) * read + part * said, usual)


def quality_line(quality: Mapping[str, float]) -> str:
    """What a model did on held-out posts, in a line."""
    if not quality:
        return "too few posts to measure its quality"
    return (
        f"on {quality['held_out_posts']:.0f} held-out posts text->photo R@10 "
        f"{quality['text_to_photo_r10']:.1f} %, photo->text {quality['photo_to_text_r10']:.1f} %, "
        f"annotation P@5 {quality['annotation_p5']:.1f} %"
    )


def compare(out: Path, model: Model) -> None:
    """Refuse to replace a model that was clearly better on posts it had not seen."""
    try:
        old = read_manifest(out)["quality"]
    except Image2PicError:
        return
    new = model.info.quality
    if not old or not new or old.get("held_out_posts") != new["held_out_posts"]:
        return  # another corpus: the numbers do not compare
    names = ("text_to_photo_r10", "photo_to_text_r10")
    before, after = (sum(row[name] for name in names) / 2 for row in (old, new))
    if after < before - 2:
        raise Image2PicError(
            f"the new model is worse than the one in {out}: R@10 {after:.1f} % after "
            f"{before:.1f} %. It is kept in {out / '.next'}; --replace puts it in place anyway"
        )


def install(staging: Path, out: Path) -> None:
    """Move the files into place, the manifest last: a half-moved model is refused, not used."""
    for path in sorted(staging.iterdir(), key=lambda p: p.name == "manifest.json"):
        path.replace(out / path.name)
    staging.rmdir()
