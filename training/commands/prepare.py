"""From what a person has to a corpus: an export or a folder of photos is collected and cleaned."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.cleaning.rules import Limits
from engine.corpus.posts import SourceReport
from engine.corpus.reader import POSTS_FILE, CorpusPost
from engine.corpus.source import Source, SourceOptions, find_sources, unpacked
from engine.corpus.telegram import RESULT_FILE, TelegramOptions, chat_of
from engine.errors import CorpusError
from training.clean.model import filter_for
from training.collect.add import collect
from training.commands.clean import clean
from training.commands.collect import remove_gone
from training.corpus.writer import CorpusWriter
from training.progress import Progress, confirmed

CORPORA: Final = Path("corpus")
"""Where corpora are made, in the folder that the command runs in."""

ACCOUNT: Final = "telegram"
"""Name of the corpus of several chats."""

_DATED: Final = re.compile(r"(?:ChatExport|DataExport)_[\d-]+.*")


@dataclass(frozen=True)
class Prepared:
    """A corpus to learn from.

    Attributes
    ----------
    folder
        Where it is.
    losses
        What was lost on the way, in sentences for the end.
    posts
        What it holds, where that was read on the way.
    """

    folder: Path
    losses: list[str] = field(default_factory=list)
    posts: list[CorpusPost] | None = None


def prepare(
    path: Path,
    progress: Progress,
    *,
    username: str | None = None,
    partial: bool = False,
    prune: bool = False,
) -> Prepared:
    """Return the corpus that a path stands for.

    A corpus is returned as it is. Telegram Desktop's exports, and a folder of photos, are collected
    into a corpus that is named by the chat or the folder, and cleaned; called again, also with a
    later export of the same chat, only what is new or changed is collected.

    Parameters
    ----------
    path
        A corpus, an export (its folder, its ``result.json``, or a zip), a folder above several
        exports, or a folder of photos.
    progress
        Is told what was found.
    username
        The public name of the export's chat, or a link to it.
    partial
        Go on with an export that breaks off.
    prune
        Remove posts that the source no longer has.

    Raises
    ------
    CorpusError
        It is none of these, it has no photos, or it ended too early and `partial` is not set.
    """
    with unpacked(path) as place:
        sources = find_sources(place)
        if sources[0].kind == "corpus" and place == path:
            return Prepared(sources[0].path)
        corpus = _corpus(path, sources)
        report = SourceReport()
        options = SourceOptions(TelegramOptions(username=username))
        with CorpusWriter(corpus) as writer:
            gone = collect(place, writer, report, options, progress=progress)
            if gone:
                remove_gone(gone, writer, asked=prune)
    for line in (*report.losses(), str(report)):
        progress(line)
    progress(f"{corpus}: {writer.changes}")
    if report.broken and not partial:
        question = f"{path} ended too early ({report.broken}). Build from what stood before?"
        if not confirmed(question):
            raise CorpusError(
                f"{path} ended too early ({report.broken}): export once more, or add --partial to "
                f"build from what stood before (it is kept in {corpus})"
            )
    said, dropped, posts = clean(corpus, Limits(), filter_for(corpus))
    progress(said)
    return Prepared(corpus, [*report.losses(), *dropped], posts)


def _corpus(path: Path, sources: list[Source]) -> Path:
    """Where the posts of sources are collected: by their chat, however the export is named."""
    source = path.resolve().with_suffix("") if path.is_file() else path.resolve()
    if path.name == RESULT_FILE:
        source = path.resolve().parent
    if sources[0].kind != "telegram":
        return CORPORA / (source.name or "posts")
    files = [one.path / RESULT_FILE if one.path.is_dir() else one.path for one in sources]
    chats = {chat.id: chat.name for file in files if (chat := chat_of(file)) is not None}
    if len(chats) != 1:
        return CORPORA / (ACCOUNT if _DATED.fullmatch(source.name) else source.name or ACCOUNT)
    ((number, name),) = chats.items()
    for posts in sorted(CORPORA.glob(f"*/{POSTS_FILE}")):
        if _first_id(posts).startswith(f"telegram/{number}/"):
            return posts.parent
    plain = re.sub(r"[^\w .-]+", " ", name).strip(" .")[:60].strip() or f"chat {abs(number)}"
    free = not (CORPORA / plain).exists()
    return CORPORA / (plain if free else f"{plain} {abs(number)}")


def _first_id(posts: Path) -> str:
    try:
        with posts.open("rb") as file:
            return str(json.loads(file.readline())["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
