"""Collecting and cleaning: a large export streamed, near duplicates found, adverts told.

Run ``python -m bench corpus``; ``--messages`` sets how long the export is.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from bench.process import run_python
from bench.report import Cell, Goal, Table
from bench.text import synthetic_texts
from engine.cleaning.adverts import AdvertFilter
from engine.cleaning.duplicates import Fingerprint, SeenPosts, near_pairs
from engine.cleaning.rules import THRESHOLD

MESSAGES: Final = 1_000_000
HASHES: Final = 200_000
PHOTOS: Final = 200
_COLLECT: Final = """
import re, sys, time
from pathlib import Path
from engine.corpus.posts import SourceReport
from engine.corpus.telegram import TelegramOptions, read_export
from training.collect.add import add_posts
from training.corpus.writer import CorpusWriter
start, report = time.perf_counter(), SourceReport()
with CorpusWriter(Path(sys.argv[2])) as writer:
    add_posts(read_export(Path(sys.argv[1]), TelegramOptions(), report), writer, report)
seconds = time.perf_counter() - start
# Not getrusage: its peak has that of the process before exec in it.
memory = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print(report.read["messages"], seconds, memory[1])
"""


def write_export(folder: Path, messages: int) -> int:
    """Write an export as Telegram Desktop does; returns its bytes.

    One message in a hundred has a photo that is there, one in five one that was not exported,
    one in twenty is of the service.
    """
    (folder / "photos").mkdir(parents=True)
    for number in range(PHOTOS):
        (folder / "photos" / f"{number}.jpg").write_bytes(_photo(number))
    texts = synthetic_texts(10_000)
    with (folder / "result.json").open("w", encoding="utf-8") as file:
        file.write('{"name": "Large", "type": "public_channel", "id": 1, "messages": [\n')
        for number, message in enumerate(_messages(messages, texts)):
            file.write((",\n" if number else "") + json.dumps(message, ensure_ascii=False))
        file.write("\n]}\n")
    return (folder / "result.json").stat().st_size


def _messages(count: int, texts: list[str]) -> Iterator[dict[str, Any]]:
    rng = random.Random(0)
    for number in range(1, count + 1):
        message: dict[str, Any] = {
            "id": number,
            "type": "message",
            "date": "2026-01-01T00:00:00",
            "date_unixtime": str(1_600_000_000 + 60 * number),
            "from": "Large",
            "from_id": "channel1",
            "text": [rng.choice(texts), {"type": "hashtag", "text": "#sea"}],
        }
        draw = rng.random()
        if draw < 0.05:
            message |= {"type": "service", "action": "pin_message", "text": ""}
        elif draw < 0.25:
            message["photo"] = "(File not included. Change data exporting settings to download.)"
        elif number % 100 == 0:
            message["photo"] = f"photos/{rng.randrange(PHOTOS)}.jpg"
        yield message


def _photo(seed: int) -> bytes:
    cells = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    out = BytesIO()
    Image.fromarray(cells).resize((160, 120), Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()


def stream(messages: int = MESSAGES) -> Table:
    """Time the collection of a synthetic export, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        size = write_export(Path(folder) / "export", messages)
        printed = run_python(
            *("-c", _COLLECT, f"{folder}/export", f"{folder}/corpus"),
            failed="the export was not collected",
        )
    read, seconds, memory = (float(part) for part in printed.split())
    rows: list[tuple[str, Cell]] = [
        ("messages", f"{int(read):,} of {messages:,}"),
        ("export, MB", size / 1e6),
        ("messages a second", read / seconds),
        ("peak memory, MB", memory * 1024 / 1e6),
    ]
    return Table("A Telegram export, streamed", ["", "measured"], rows)


def duplicates(hashes: int = HASHES, seen: int = 5 * HASHES) -> Table:
    """Time the search for near duplicates: all pairs of a corpus, and one post against many."""
    rng = np.random.default_rng(0)
    values = rng.integers(1, 2**64, hashes, dtype=np.uint64)
    planted = hashes // 20
    flips = np.uint64(1) << rng.integers(0, 64, (planted, 4), dtype=np.uint64)
    values[:planted] = values[-planted:] ^ np.bitwise_xor.reduce(flips, axis=1)
    values = np.unique(values)
    start = time.perf_counter()
    found = sum(len(part) for part in near_pairs(values))
    all_pairs = time.perf_counter() - start
    posts = SeenPosts()
    for number in range(seen):
        posts.add(str(number), Fingerprint(number + 1, int(values[number % len(values)]), 0))
    start = time.perf_counter()
    for number in range(20):
        one = Fingerprint(0, int(values[number]) ^ 0b111, 0)
        assert posts.copy_of("new", one)
    one_by_one = (time.perf_counter() - start) / 20
    rows: list[tuple[str, Cell]] = [
        (f"all {found:,} near pairs of {len(values):,} hashes, s", all_pairs),
        (f"one live post against {seen:,}, ms", 1000 * one_by_one),
    ]
    goal = Goal(f"near pairs of {len(values):,} hashes", all_pairs, 20, unit="s")
    return Table("Near duplicates of photos", ["", "measured"], rows, [goal])


def adverts(texts: int = 6_000) -> Table:
    """Measure the advert filter: by cross-validation against a list of keywords, and its speed."""
    # Only to measure: scikit-learn takes a second.
    from training.clean.adverts import by_keywords, learn, measure
    from training.clean.examples import Example, own_examples

    examples = own_examples()
    _, probabilities = learn(examples)
    keywords = by_keywords(examples)
    rows: list[tuple[str, Cell, Cell]] = []
    for language in ("", "en", "ru"):
        chosen = [n for n, one in enumerate(examples) if one.kind.startswith(language)]
        part = [examples[n] for n in chosen]
        learnt = measure(probabilities[chosen], part, THRESHOLD)
        listed = measure(keywords[chosen], part)
        name = language or f"all {len(part):,}"
        rows += [
            (f"{name}: precision", learnt.precision, listed.precision),
            (f"{name}: recall", learnt.recall, listed.recall),
            (f"{name}: F1", learnt.f1, listed.f1),
        ]
    ships = AdvertFilter.load()
    posts = synthetic_texts(texts)
    start = time.perf_counter()
    ships.probabilities(posts)
    learnt_takes = time.perf_counter() - start
    start = time.perf_counter()
    by_keywords([Example(text, False) for text in posts])
    rows.append(("texts a second", texts / learnt_takes, texts / (time.perf_counter() - start)))
    return Table("Adverts, by cross-validation", ["", "filter", "keywords"], rows)


def measure(*, messages: int = MESSAGES, texts: int = 6_000, hashes: int = HASHES) -> list[Table]:
    """All three."""
    return [stream(messages), duplicates(hashes, 5 * hashes), adverts(texts)]
