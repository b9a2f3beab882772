"""``image2pic search``."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.photo import decode
from engine.pictures import contact_sheet, to_png
from training.commands.common import (
    model_argument,
    open_library,
    positive,
    read_photo,
    share,
    sheet_items,
    write_picture,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    model_argument(parser)
    parser.add_argument("--text", default="", help='words; "sea -people" leaves people out')
    parser.add_argument("--photo", type=Path, help="a photo")
    parser.add_argument("--like", metavar="ID", help="posts like the post with this id")
    parser.add_argument(
        "--photo-weight", type=share, default=0.5, help="share of the photo beside a text, 0 to 1"
    )
    parser.add_argument(
        "-n", "--limit", type=positive, default=10, help="posts to show (default: 10)"
    )
    parser.add_argument("--sheet", type=Path, help="write a contact sheet to this PNG")


def run(args: argparse.Namespace) -> int:
    """0 if something was found, 1 if nothing speaks for any post."""
    engine, store = open_library(args.model)
    photo = read_photo(args.photo) if args.photo else None
    if args.like:
        post = store.by_id(args.like)
        if post is None:
            print(f"no post {args.like!r} in the library")
            return 1
        query = engine.like(post.key)
    else:
        query = engine.query(photo=photo, text=args.text, photo_weight=args.photo_weight)
    if query.unknown:
        print("new to the model: " + ", ".join(query.unknown))
    if query.suggestions:
        print("perhaps you meant: " + ", ".join(sum(query.suggestions.values(), ())))
    page = engine.search(query, limit=args.limit)
    if not page.hits:
        print("nothing is close enough")
        return 1
    posts = store.posts([hit.key for hit in page.hits])
    for hit in page.hits:
        if found := posts.get(hit.key):
            text = " ".join(found.text.split())
            close, away = 100 * hit.closeness, 1 - hit.closeness
            mark = "" if hit.close else "  less close"
            print(f"{close:5.1f} %  distance {away:.3f}  {found.id}  {text[:90]}{mark}")
    if args.sheet:
        heading = args.text or (args.photo.name if args.photo else f"like {args.like}")
        image = decode(photo, size_hint=400) if photo is not None else None
        sheet = contact_sheet(
            sheet_items(store, page.hits, args.model), heading=heading, query_image=image
        )
        write_picture(args.sheet, to_png(sheet))
        print(f"contact sheet: {args.sheet}")
    return 0
