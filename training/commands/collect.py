"""``image2pic collect``: from exports, VK, folders and other corpora."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from engine.corpus.folder import FolderOptions, read_folder
from engine.corpus.posts import SourceReport
from engine.corpus.reader import POSTS_FILE
from engine.corpus.telegram import TelegramOptions, read_export
from engine.errors import CorpusError
from training.collect.add import add_posts, claim_name
from training.collect.merge import MergeOptions, merge_corpus
from training.collect.vk import VkCollector, VkOptions
from training.collect.vk_api import API_URL, VkClient
from training.commands.common import positive
from training.corpus.writer import CorpusWriter

_VK_HELP = """\
A token is needed, in the environment variable VK_TOKEN or in a file (--token-file), never on the
command line, where other users of the machine could read it. The service token of an application
(https://id.vk.com/about/business/go) reads public walls and albums; closed ones need the token of a
user who may see them. What is there already is not downloaded again; a run that was stopped goes on
where it was."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the kinds of sources and their options."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="SOURCE")

    telegram = _kind(kinds, "telegram-export", "a JSON export of Telegram Desktop")
    telegram.add_argument("path", type=Path, help="result.json, or the folder that holds it")
    telegram.add_argument(
        "--chat", action="append", default=[], help="only this chat, by name or id (repeatable)"
    )
    telegram.add_argument(
        "--username", help="public name of the (single) chat: links then work for everyone"
    )
    telegram.add_argument(
        "--private", action="store_true", help="of an account's export, private talks too"
    )

    vk = _kind(kinds, "vk", "walls and albums of VK, through its API", _VK_HELP)
    vk.add_argument(
        "--owner",
        action="append",
        required=True,
        help="12345 (a person), -12345 (a community) or a short name; repeatable",
    )
    vk.add_argument("--wall", action="store_true", help="posts of the wall (the default)")
    vk.add_argument("--albums", action="store_true", help="photos of the albums")
    vk.add_argument(
        "--full", action="store_true", help="read to the end again, for edits of old posts"
    )
    vk.add_argument("--limit", type=positive, help="of each wall or album, at most so many")
    vk.add_argument("--token-file", type=Path, help="file that holds the token")
    vk.add_argument("--api", default=API_URL, help="address of the API (default: %(default)s)")
    vk.add_argument(
        "--max-mb", type=positive, default=20, help="largest photo (default: %(default)s)"
    )

    folder = _kind(kinds, "folder", "a folder of photos with captions, or a corpus")
    folder.add_argument("path", type=Path, help="the folder")
    folder.add_argument(
        "--captions", type=Path, help="CSV, TSV or JSONL with columns photo and text"
    )
    folder.add_argument("--name", help="what ids begin with (default: the folder's name)")

    merge = _kind(kinds, "merge", "other corpora (folders with posts.jsonl)")
    merge.add_argument("paths", type=Path, nargs="+", metavar="CORPUS")
    merge.add_argument("--prefix", action="store_true", help="put each corpus' name before its ids")


def _kind(
    kinds: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    parser = kinds.add_parser(name, help=text, description=f"Collect from {text}.", epilog=epilog)
    parser.add_argument("--out", type=Path, required=True, help="the corpus to write or extend")
    parser.add_argument(
        "--authors", action="store_true", help="keep authors' names (left out by default)"
    )
    return parser


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
    bar = sys.stderr.isatty()
    status = 0
    token = _token(args.token_file) if args.kind == "vk" else ""
    for path in getattr(args, "paths", None) or [getattr(args, "path", Path())]:
        if not path.exists():
            # Before a corpus is begun for nothing.
            raise CorpusError(f"{path} does not exist")
    with CorpusWriter(args.out) as writer:
        if args.kind == "telegram-export":
            options = TelegramOptions(
                private=args.private,
                authors=args.authors,
                username=args.username,
                only=args.chat,
            )
            found = SourceReport()
            posts = read_export(args.path, options, found)
            add_posts(posts, writer, found, authors=args.authors, progress=bar)
            print(found)
            if found.broken:
                print(f"{args.path}: {found.broken}; what stood before is kept", file=sys.stderr)
                status = 1
        elif args.kind == "vk":
            status = asyncio.run(_vk(args, writer, token))
        else:
            status = _folders(args, writer, bar)
    print(f"{args.out}: {writer.changes}")
    return status


def _folders(args: argparse.Namespace, writer: CorpusWriter, bar: bool) -> int:
    paths: list[Path] = args.paths if args.kind == "merge" else [args.path]
    for path in paths:
        if args.kind == "merge" or (not args.captions and (path / POSTS_FILE).is_file()):
            merging = MergeOptions(
                name=getattr(args, "name", None),
                prefix=getattr(args, "prefix", False),
                authors=args.authors,
                progress=bar,
            )
            print(merge_corpus(path, writer, merging).summary())
        else:
            options = FolderOptions(args.captions, args.name, args.authors, writer.folder)
            name = args.name or path.resolve().name
            claim_name(writer, name, path, given=args.name is not None)
            found = SourceReport()
            posts = read_folder(path, options, found)
            add_posts(posts, writer, found, authors=args.authors, progress=bar)
            print(found)
    return 0


async def _vk(args: argparse.Namespace, writer: CorpusWriter, token: str) -> int:
    options = VkOptions(
        wall=args.wall or not args.albums,
        albums=args.albums,
        full=args.full,
        authors=args.authors,
        limit=args.limit,
        progress=sys.stderr.isatty(),
    )
    ask = _ask if sys.stdin.isatty() else None
    async with VkClient(token, url=args.api, ask=ask, max_bytes=args.max_mb << 20) as client:
        collector = VkCollector(client, writer, options)
        for owner in args.owner:
            await collector.collect(owner)
    print(collector.report)
    return 1 if collector.report.failed else 0


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
