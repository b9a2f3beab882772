"""From what a person has to a corpus: an export or a folder of photos is collected and cleaned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine.cleaning.rules import Limits
from engine.corpus.folder import FolderOptions, read_folder
from engine.corpus.posts import PHOTO_SUFFIXES, SourceReport
from engine.corpus.reader import POSTS_FILE
from engine.corpus.telegram import RESULT_FILE, TelegramOptions, read_export
from engine.errors import CorpusError
from training.clean.model import filter_for
from training.collect.add import add_posts, claim_name
from training.commands.clean import clean
from training.corpus.writer import CorpusWriter

CORPORA: Final = Path("corpus")
"""Where corpora are made, in the folder that the command runs in."""

Say = Callable[[str], None]


def prepare(path: Path, say: Say, *, corpora: Path = CORPORA, progress: bool = False) -> Path:
    """Return the corpus that a path stands for.

    A corpus is returned as it is. A Telegram Desktop export, or a folder of photos, is collected
    into ``corpora/NAME`` and cleaned; called again, only what is new is collected.

    Parameters
    ----------
    path
        A corpus, an export (its folder or its ``result.json``), or a folder of photos.
    say
        UserError what was found.
    corpora
        Folder for corpora that are made.
    progress
        Show progress bars.

    Raises
    ------
    CorpusError
        It is none of these.
    """
    if (path / POSTS_FILE).is_file():
        return path
    # An export as HTML is refused in words by the collector.
    export = path.name == RESULT_FILE or any(
        True for name in (RESULT_FILE, "messages*.html") for _ in path.glob(name)
    )
    if not path.exists():
        raise CorpusError(f"{path} does not exist")
    if not export and not _has_photos(path):
        raise CorpusError(
            f"{path} is no corpus (no {POSTS_FILE}), no Telegram export (no {RESULT_FILE}) and no "
            "folder with photos; see `image2pic collect --help` for other sources"
        )
    source = path.parent if path.is_file() else path
    corpus = corpora / (source.resolve().name or "posts")
    with CorpusWriter(corpus) as writer:
        found = SourceReport()
        if export:
            posts = read_export(path, TelegramOptions(), found)
        else:
            claim_name(writer, path.resolve().name, path, given=False)
            posts = read_folder(path, FolderOptions(leave_out=corpus), found)
        add_posts(posts, writer, found, progress=progress)
        say(str(found))
        if found.broken:
            say(f"the export ends too early: {found.broken}; what stood before is kept")
    say(f"{corpus}: {writer.changes}")
    # A photo without words can still be found by what it shows.
    limits = Limits(min_tokens=0)
    say(clean(corpus, limits, filter_for(corpus), min_tokens=0))
    return corpus


def _has_photos(folder: Path) -> bool:
    return folder.is_dir() and any(
        path.suffix.lower() in PHOTO_SUFFIXES for path in folder.rglob("*")
    )
