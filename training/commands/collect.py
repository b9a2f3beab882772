"""``image2pic collect``: from exports, VK, folders and other corpora."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from engine.corpus.folder import FolderOptions
from engine.corpus.posts import SourceReport
from engine.corpus.source import CorpusOptions, Kind, SourceOptions
from engine.corpus.telegram import TelegramOptions
from engine.errors import CorpusError
from training.cluster import Cluster, open_cluster
from training.collect.add import collect
from training.collect.address import fetched
from training.collect.vk import VkCollector, VkOptions
from training.collect.vk_api import API_URLS, VkClient, VkError
from training.commands.common import cluster_argument, folder_path, positive
from training.corpus.writer import CorpusWriter
from training.progress import Progress, confirmed

SOURCES = """\
where posts come from, with an example each (--dry-run: only say what would come in):

  a Telegram channel or group: export it in Telegram Desktop (Export chat history, with Photos
  ticked, format "Machine-readable JSON"); the folder, its result.json, or a zip of it
    image2pic collect telegram-export ~/Downloads/ChatExport_2024-05-01 --out my_corpus

  a folder of photos; captions in text files beside them, within them, or in a table
    image2pic collect folder ~/Pictures/cats --captions cats.csv --out my_corpus

  walls and albums of VK (a token in VK_TOKEN; "image2pic collect vk --help" says how to get one)
    image2pic collect vk --owner club12345 --wall --albums --out my_corpus

  other corpora (folders with posts.jsonl)
    image2pic collect merge one_corpus another_corpus --out my_corpus

  any of these but VK may be an address: s3://bucket/cats, gs://..., ssh://...
"""

_VK_HELP = """\
A token is needed, in the environment variable VK_TOKEN or in a file (--token-file), never on the
command line, where other users of the machine could read it. The service token of an application
(https://id.vk.com/about/business/go) reads public walls and albums; closed ones need the token of a
user who may see them. What is there already is not downloaded again; a run that was stopped goes on
where it was."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the kinds of sources and their options."""
    kinds = parser.add_subparsers(dest="kind", metavar="SOURCE")

    telegram = _kind(kinds, "telegram-export", "a JSON export of Telegram Desktop")
    telegram.add_argument(
        "path",
        type=_place,
        help="result.json, the folder that holds it, a zip of that, or a folder above several",
    )
    telegram.add_argument(
        "--chat",
        action="append",
        default=[],
        help="only this chat, by name, id or link (repeatable)",
    )
    telegram.add_argument(
        "--username",
        help="public name of the (single) chat, or a link to it: links then work for everyone",
    )
    telegram.add_argument(
        "--private", action="store_true", help="of an account's export, private talks too"
    )

    vk = _kind(kinds, "vk", "walls and albums of VK, through its API", _VK_HELP)
    vk.add_argument(
        "--owner",
        action="append",
        required=True,
        help="12345 (a person), -12345 (a community), a short name or a link; repeatable",
    )
    vk.add_argument("--wall", action="store_true", help="posts of the wall (the default)")
    vk.add_argument("--albums", action="store_true", help="photos of the albums")
    vk.add_argument(
        "--full", action="store_true", help="read to the end again, for edits of old posts"
    )
    vk.add_argument("--limit", type=positive, help="of each wall or album, at most so many")
    vk.add_argument("--token-file", type=folder_path, help="file that holds the token")
    vk.add_argument("--api", help="address of the API (default: api.vk.ru, else api.vk.com)")
    vk.add_argument(
        "--max-mb", type=positive, default=20, help="largest photo (default: %(default)s)"
    )

    folder = _kind(kinds, "folder", "a folder of photos with captions, or a corpus")
    folder.add_argument("path", type=_place, help="the folder, or a zip of it")
    folder.add_argument(
        "--captions",
        type=folder_path,
        help="a table of captions (default: captions.csv or its like in the folder)",
    )
    folder.add_argument("--name", help="what ids begin with (default: the folder's name)")

    merge = _kind(kinds, "merge", "other corpora (folders with posts.jsonl)")
    merge.add_argument("paths", type=_place, nargs="+", metavar="CORPUS")
    merge.add_argument("--prefix", action="store_true", help="put each corpus' name before its ids")


def _kind(
    kinds: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    parser = kinds.add_parser(name, help=text, description=f"Collect from {text}.", epilog=epilog)
    # What only one kind of source asks for.
    parser.set_defaults(
        **{"path": Path(), "paths": None, "chat": (), "captions": None, "name": None},
        **{"username": None, "private": False, "prefix": False},
    )
    parser.add_argument(
        "--out", type=folder_path, required=True, help="the corpus to write or extend"
    )
    parser.add_argument(
        "--authors", action="store_true", help="keep authors' names (left out by default)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only say what would come in; write nothing"
    )
    if name != "vk":
        parser.add_argument(
            "--prune", action="store_true", help="remove posts that the source no longer has"
        )
        cluster_argument(parser)
    return parser


def _place(text: str) -> Path | str:
    """A path, or an address."""
    return text if "://" in text else folder_path(text)


def run(args: argparse.Namespace) -> int:
    """Collect.

    Returns
    -------
    int
        0; 1 where something broke off and can be continued.

    Raises
    ------
    CorpusError
        Nothing can be collected so; the text says why.
    """
    if args.kind is None:
        print(SOURCES, end="")
        return 0
    token = _token(args.token_file) if args.kind == "vk" else ""
    paths: list[Path | str] = args.paths or [args.path]
    for path in paths:
        if isinstance(path, Path) and not path.exists():
            # Before an empty corpus is made.
            raise CorpusError(f"{path} does not exist")
    reports = []
    with CorpusWriter(args.out, dry=args.dry_run) as writer:
        if args.kind == "vk":
            status = asyncio.run(_vk(args, writer, token))
        else:
            with open_cluster(args.cluster) as cluster:
                reports = [_collect(path, args, writer, cluster) for path in paths]
            status = int(any(report.broken for report in reports))
    print(f"{args.out}: {'would be ' if writer.dry else ''}{writer.changes}")
    for path, report in zip(paths, reports, strict=False):
        for note in report.losses():
            print(f"{path}: {note}", file=sys.stderr)
    return status


def _collect(
    source: Path | str, args: argparse.Namespace, writer: CorpusWriter, cluster: Cluster | None
) -> SourceReport:
    kinds: dict[str, Kind] = {"merge": "corpus", "telegram-export": "telegram"}
    kind = "folder" if args.captions else kinds.get(args.kind)
    report = SourceReport()
    with fetched(source) as path:
        # A copy has no place of its own by which it is known, and lies on this machine alone.
        here = path == source
        name = args.name if here else args.name or path.name
        telegram = TelegramOptions(
            private=args.private, authors=args.authors, username=args.username, only=args.chat
        )
        folder = FolderOptions(args.captions, name, args.authors)
        corpus = CorpusOptions(name, args.prefix, args.authors)
        gone = collect(
            path,
            writer,
            report,
            SourceOptions(telegram, folder, corpus),
            kind=kind,
            authors=args.authors,
            progress=Progress(),
            cluster=cluster if here else None,
        )
    if args.kind == "folder" and report.read["messages"]:
        report.hints.append("it holds Telegram exports: these were read, and nothing beside them")
    print(report)
    if gone and not writer.dry:
        remove_gone(gone, writer, asked=args.prune)
    elif gone:
        print(f"{len(gone):,} posts are no longer in {path}, such as {gone[0]}")
    return report


def remove_gone(gone: list[str], writer: CorpusWriter, *, asked: bool) -> None:
    """Remove posts that their source no longer has, if that is wished.

    Parameters
    ----------
    gone
        Their ids.
    writer
        Of the corpus.
    asked
        It was asked for on the command line; else it is asked on the terminal.
    """
    words = f"{len(gone):,} posts are no longer in the source, such as {gone[0]}"
    if asked or confirmed(f"{words}. Remove them from {writer.folder}?"):
        for key in gone:
            writer.discard(key)
    else:
        print(f"{words}; they stay in {writer.folder} (--prune removes them)")


async def _vk(args: argparse.Namespace, writer: CorpusWriter, token: str) -> int:
    options = VkOptions(
        wall=args.wall or not args.albums,
        albums=args.albums,
        full=args.full,
        authors=args.authors,
        limit=args.limit,
        progress=Progress(),
    )
    ask = _ask if sys.stdin.isatty() else None
    urls = [args.api] if args.api else API_URLS
    stopped = False
    async with VkClient(token, urls=urls, ask=ask, max_bytes=args.max_mb << 20) as client:
        collector = VkCollector(client, writer, options)
        for owner in args.owner:
            try:
                await collector.collect(owner)
            except VkError as error:
                # Another one may well be read.
                stopped = True
                print(f"{owner}: {error}", file=sys.stderr)
    print(collector.report)
    return 1 if stopped or collector.report.failed else 0


def _token(path: Path | None) -> str:
    try:
        token = path.read_text().strip() if path else os.environ.get("VK_TOKEN", "").strip()
    except (OSError, UnicodeError) as error:
        raise CorpusError(f"the token's file {path} cannot be read: {error}") from error
    if not token:
        raise CorpusError(
            "VK needs a token: put it into the environment variable VK_TOKEN or into a file named "
            "by --token-file (see --help for where to get one)"
        )
    return token


def _ask(picture: str) -> str:
    print(f"VK asks for a captcha. Open {picture}", file=sys.stderr)
    return input("What does it say? ").strip()
