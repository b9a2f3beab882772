"""The command line: run the bot, check the settings, export votes."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from bot import settings as configuration
from bot.library.lock import locked
from bot.loop import run
from bot.settings import Settings
from engine.errors import Image2PicError, StoreError
from engine.files import write_whole

EPILOG = """settings, by environment or a file .env:
{settings}

examples:
  image2pic-bot                     the bot; without a token the local chat in a browser
  image2pic-bot --check             are settings, model, library and token all right?
  image2pic-bot export-votes v.jsonl   votes as judgments for `image2pic evaluate`
  image2pic-bot backup library.backup   all of the library in one file; `restore` brings it back
  image2pic-bot migrate --to postgresql://user:password@host/name   into PostgreSQL
"""


def main(arguments: list[str] | None = None) -> int:
    """Run; the exit status is 0, or 2 where something does not fit."""
    parser = argparse.ArgumentParser(
        prog="image2pic-bot",
        description="A Telegram bot that finds posts by meaning: by photo, by words, by both.",
        epilog=EPILOG.format(settings=configuration.describe()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="test the settings and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    export = commands.add_parser("export-votes", help="write the votes as JSON Lines")
    export.add_argument("file", type=Path, help="where to; - for standard output")
    migrate = commands.add_parser(
        "migrate", help="copy the library into another database, or back; goes on where it stopped"
    )
    migrate.add_argument("--to", required=True, help="postgresql://..., or a new SQLite file")
    save = commands.add_parser("backup", help="write the library into one file, also while it runs")
    save.add_argument("file", type=Path)
    back = commands.add_parser("restore", help="put a backup in the library's place")
    back.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    try:
        settings = configuration.load()
        if options.command == "export-votes":
            return _export(settings, options.file)
        if options.command in ("migrate", "backup", "restore"):
            return _move(settings, options)
        if options.check:
            from bot.check import check

            return run(check(settings))
        return _serve(settings)
    except Image2PicError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _export(settings: Settings, file: Path) -> int:
    from bot.library.seed import export_votes, open_store

    if settings.database is None and not settings.library.exists():
        raise StoreError("there is no library yet: start the bot once")
    if str(file) == "-":
        with open_store(settings.library, url=settings.database) as store:
            export_votes(store, sys.stdout)
        return 0
    votes = io.StringIO()
    with open_store(settings.library, url=settings.database) as store:
        count = export_votes(store, votes)
    try:
        write_whole(file, votes.getvalue())
    except (OSError, ValueError) as error:
        raise StoreError(f"{file} cannot be written: {error}") from error
    print(f"{count} votes")
    return 0


def _move(settings: Settings, options: argparse.Namespace) -> int:
    from bot.library import moving
    from bot.library.seed import open_store

    if options.command == "migrate":
        to = options.to if "://" in options.to else None
        with (
            locked(settings.data_dir),
            open_store(settings.library, url=settings.database) as source,
            open_store(Path(options.to), url=to) as target,
        ):
            count = moving.copy(source, target, print)
    elif settings.database is not None:
        raise StoreError(
            "the library is in PostgreSQL: `pg_dump --format=custom --file=FILE DATABASE_URL` "
            "saves it, `pg_restore --clean --if-exists --dbname=DATABASE_URL FILE` brings it back"
        )
    elif options.command == "backup":
        moving.backup(settings.library, options.file)
        print(f"the library is in {options.file}")
        return 0
    else:
        with locked(settings.data_dir):
            count = moving.restore(options.file, settings.library)
    print(f"{count:,} posts")
    return 0


def _serve(settings: Settings) -> int:
    from bot.app import Runner
    from bot.local.launch import LocalChat

    async def serve() -> None:
        if settings.telegram_bot_token is not None:
            await Runner(settings).run()
            return
        async with LocalChat(settings) as chat:
            print(f"No TELEGRAM_BOT_TOKEN is set: this is the local chat.\n\n  {chat.url}/\n")
            print("Open it in a browser. Ctrl-C ends it.", flush=True)
            runner = Runner(chat.settings)
            chat.on_loss = runner.stop.set
            await runner.run()
            chat.check()

    with locked(settings.data_dir):
        run(serve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
