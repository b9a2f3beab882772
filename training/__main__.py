"""``image2pic``: from posts to a model, and what it finds."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Final

# Imported only when called: BigARTM and TensorFlow take seconds.
COMMANDS: Final = {
    "collect": (
        "training.commands.collect",
        "collect posts from Telegram, VK or a folder of photos",
    ),
    "clean": ("training.commands.clean", "leave out adverts, duplicates and broken photos"),
    "label": ("training.commands.label", "teach the advert filter by yes and no"),
    "build": ("training.commands.build", "learn a model from a corpus and index its posts"),
    "statistics": (
        "training.commands.statistics",
        "what a base corpus knows of photos and sentences, as numbers for build",
    ),
    "search": ("training.commands.search", "find posts by text, photo, or both"),
    "annotate": ("training.commands.annotate", "words and hashtags for a photo"),
    "explain": ("training.commands.explain", "topics of a photo, and where it shows them"),
    "topics": ("training.commands.topics", "what each topic is about"),
    "evaluate": ("training.commands.evaluate", "measure a model against the baselines"),
}

TRAINING_PACKAGES: Final = frozenset(
    {"artm", "keras", "matplotlib", "scipy", "sklearn", "tensorflow"}
)

EPILOG: Final = """\
from a channel to a bot that searches it:
  image2pic build ~/ChatExport --out models/mine    an export, a folder of photos, or a corpus
  image2pic search models/mine --text "dogs in the snow" --sheet found.png
  MODEL=models/mine image2pic-bot                   the bot; without a token a chat in your browser

the same step by step:
  image2pic collect telegram-export ~/ChatExport --out my_corpus
  image2pic label my_corpus                         teach the advert filter by yes and no
  image2pic clean my_corpus                         --undo puts everything back
  image2pic build my_corpus --out models/mine
  image2pic evaluate models/mine my_corpus --split dev

In place of a model's folder, "starter" is the model that ships: image2pic topics starter
"image2pic COMMAND --help" tells the options of a command.
"""


if (
    sys.argv[0].endswith(("-c", "image2pic", "training/__main__.py"))
    and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    and threading.current_thread() is threading.main_thread()
):
    # As a program: until `main` catches it, Ctrl-C ends it without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code (2 for a refused input, 130 for Ctrl-C)."""
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return _refusing(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0


def _refusing(words: list[str]) -> int:
    with _ends_at_once():
        from engine.errors import Image2PicError
    try:
        return _run(words)
    except Image2PicError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in TRAINING_PACKAGES:
            raise
        print(
            f"error: {error.name} is not installed; this command needs: "
            "pip install 'image2pic[training]' (Linux x86-64 with Python 3.11)",
            file=sys.stderr,
        )
        return 2


@contextlib.contextmanager
def _ends_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process while packages are imported: some would print a traceback."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _run(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="image2pic",
        description="From a folder of posts to a model that finds, annotates and explains.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log what is done")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = next((word for word in words if not word.startswith("-")), "")
    with _ends_at_once():
        for name, (module, text) in COMMANDS.items():
            description = f"{text[:1].upper()}{text[1:]}."
            command = commands.add_parser(name, help=text, description=description)
            if name == asked:
                importlib.import_module(module).add_arguments(command)
    args = parser.parse_args(words)
    logging.basicConfig(
        level=logging.INFO if args.verbose else logging.WARNING, format="%(message)s"
    )
    code: int = importlib.import_module(COMMANDS[args.command][0]).run(args)
    return code


if __name__ == "__main__":
    sys.exit(main())
