from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.training.collect.helpers import contents, jpeg, load
from training.__main__ import main

ROOT = Path(__file__).parents[3]


def photos(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number}.jpg").write_bytes(jpeg(number))
    return folder


def test_by_itself_it_lists_the_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collect"]) == 0
    out = capsys.readouterr().out
    for kind in ("telegram-export", "folder", "vk", "merge"):
        assert f"image2pic collect {kind} " in out


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, corpus = photos(tmp_path / "my", 3), tmp_path / "corpus"
    words = ["collect", "folder", str(source), "--out", str(corpus)]
    assert main([*words, "--dry-run"]) == 0
    assert "would be 3 new" in capsys.readouterr().out
    assert not corpus.exists()
    assert main(words) == 0
    before = contents(corpus)
    (source / "1.txt").write_text("words")
    (source / "2.jpg").unlink()
    photos(tmp_path / "my", 2)
    (source / "9.jpg").write_bytes(jpeg(9))
    capsys.readouterr()
    assert main([*words, "--dry-run", "--prune"]) == 0
    out = capsys.readouterr().out
    assert "would be 1 new, 1 edited, 1 known already" in out
    assert "1 posts are no longer in" in out
    assert contents(corpus) == before


def test_prune(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, corpus = photos(tmp_path / "my", 3), tmp_path / "corpus"
    words = ["collect", "folder", str(source), "--out", str(corpus)]
    assert main(words) == 0
    (source / "2.jpg").unlink()
    assert main(words) == 0
    assert "they stay" in capsys.readouterr().out
    assert len(load(corpus)) == 3
    assert main([*words, "--prune"]) == 0
    assert list(load(corpus)) == ["my/0.jpg", "my/1.jpg"]


def test_nothing_leaves_no_empty_corpus(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    source = photos(tmp_path / "my", 1)
    corpus = tmp_path / "new" / "corpus"
    words = ["collect", "folder", str(source), "--out", str(corpus)]
    assert main([*words, "--captions", str(tmp_path / "table.csv")]) == 2
    assert not corpus.exists()


def test_a_broken_export_is_told_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = [{"id": n, "type": "message", "text": f"пост {n}"} for n in range(1, 9)]
    whole = {"name": "x", "type": "public_channel", "id": 7, "messages": messages}
    text = json.dumps(whole, indent=1)
    (tmp_path / "result.json").write_text(text[: len(text) // 2])
    words = ["collect", "telegram-export", str(tmp_path / "result.json"), "--out"]
    assert main([*words, str(tmp_path / "corpus")]) == 1
    assert "it ended too early" in capsys.readouterr().err
    assert len(load(tmp_path / "corpus")) > 2


def test_a_folder_that_holds_exports_is_read_as_these(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = photos(tmp_path / "mine" / "ChatExport_1", 0)
    photos(export / "photos", 2)
    messages = [
        {"id": n, "type": "message", "text": f"пост {n}", "photo": f"photos/{n}.jpg"}
        for n in range(2)
    ]
    whole = {"name": "x", "type": "public_channel", "id": 7, "messages": messages}
    (export / "result.json").write_text(json.dumps(whole))
    corpus = tmp_path / "corpus"
    assert main(["collect", "folder", str(tmp_path / "mine"), "--out", str(corpus)]) == 0
    out = capsys.readouterr().out
    assert "it holds Telegram exports" in out
    assert "open for its members only" in out
    assert [post.texts[""] for post in load(corpus).values()] == [("пост 0",), ("пост 1",)]


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    photos(tmp_path / "my", 1)
    assert main(["collect", "folder", "~/my", "--out=~/corpus"]) == 0
    assert len(load(tmp_path / "corpus")) == 1


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.6])
def test_stopped_in_the_first_second(tmp_path: Path, seconds: float) -> None:
    """From when the program is there; what Python itself prints before is not ours."""
    source = photos(tmp_path / "my", 300)
    program = "import sys; from training.__main__ import main; print(flush=True); sys.exit(main())"
    command = [sys.executable, "-c", program, "collect", "folder", str(source)]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path / "corpus")],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert "Traceback" not in errors
    assert process.wait() in (130, -signal.SIGINT, 0)
