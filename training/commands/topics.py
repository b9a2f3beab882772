"""``image2pic topics``."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.pictures import SheetItem, contact_sheet, to_png
from training.commands.common import (
    count,
    line,
    model_argument,
    open_library,
    picture_of,
    write_picture,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    model_argument(parser)
    parser.add_argument("--photos", type=count, default=3, help="posts named for each topic")
    parser.add_argument("--sheet", type=Path, help="write the topics with their photos to this PNG")
    parser.add_argument("-n", "--limit", type=count, default=0, help="topics shown (default: all)")


def run(args: argparse.Namespace) -> int:
    """Print each topic: words in both languages, hashtags, size, coherence, best posts."""
    engine, store = open_library(args.model)
    russian = {topic.topic: topic for topic in engine.topics(language="ru")}
    rows = engine.topics(language="en")
    items = []
    for topic in rows[: args.limit or len(rows)]:
        print(
            f"topic {topic.topic + 1:3d}  {100 * topic.size:4.1f} %  NPMI {topic.coherence:5.2f}  "
            f"{line(topic.words[:8])}"
        )
        if topic.topic in russian and any(t.language == "ru" for t in russian[topic.topic].words):
            print(f"{'':29s}{line(russian[topic.topic].words[:8])}")
        if topic.tags:
            print(f"{'':29s}{' '.join('#' + tag.text for tag in topic.tags)}")
        hits = engine.topic_posts(topic.topic, limit=max(1, args.photos)).hits
        found = store.posts([hit.key for hit in hits])
        posts = [found[hit.key] for hit in hits if hit.key in found]
        if args.photos:
            print(f"{'':29s}{', '.join(post.id for post in posts)}")
        if args.sheet:
            words = line(topic.words[:5])
            items += [
                SheetItem(picture_of(store, post, args.model), f"topic {topic.topic + 1}", words)
                for post in posts
            ]
    if args.sheet:
        sheet = contact_sheet(items, columns=3 * max(1, args.photos), tile=160)
        write_picture(args.sheet, to_png(sheet))
    return 0
