from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.cleaning.adverts import AdvertFilter
from engine.errors import CorpusError
from tests.training.clean.test_clean import clean, corpus, dropped
from training.clean.examples import own_examples
from training.clean.label import candidates, least_certain
from training.clean.model import answers, answers_file, filter_file, filter_for, save_answer
from training.commands import label as label_cli

Run = Callable[..., int]

POSTS = [
    "Наша лавка сыра снова радует округу, заходите на огонёк",
    "Сыр с голубой плесенью и груша, ужин на двоих дома",
    "Кот спит на подоконнике, за окном идёт снег",
    "Сырная голова недели: маасдам, берём пока свежий",
    "A boy jumps off the pier into the lake",
    "Кот спит на подоконнике, за окном идёт снег!",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return corpus(tmp_path / "c", *[{"id": str(n), "text": t} for n, t in enumerate(POSTS)])


@pytest.fixture
def label(monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(path: Path, said: list[str], *options: object) -> int:
        replies: Iterator[str] = iter(said)

        def reply(prompt: str) -> str:
            found = next(replies, None)
            if found is None:
                raise EOFError
            return found

        monkeypatch.setattr("builtins.input", reply)
        parser = argparse.ArgumentParser()
        label_cli.add_arguments(parser)
        return label_cli.run(parser.parse_args([str(path), *map(str, options)]))

    return run


def test_the_least_certain_come_first(path: Path) -> None:
    filter_ = AdvertFilter.load()
    questions = least_certain(filter_, candidates(path))
    doubts = [abs(question.probability - 0.5) for question in questions]
    assert doubts == sorted(doubts)
    # A repost is not asked about.
    assert len(questions) == 5
    assert {q.id for q in least_certain(filter_, candidates(path, known=["0", "4"]))} == set("123")


def test_posts_that_were_taken_out_are_asked_about(path: Path) -> None:
    with (path / "posts.jsonl").open("a") as file:
        file.write(json.dumps({"id": "ad", "text": "Продам гараж, 200 тыс, звоните"}) + "\n")
    clean(path)
    assert dropped(path)["ad"] == "advert"
    assert "ad" in dict(candidates(path))


def test_answers_are_kept_and_learnt(
    path: Path, label: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    order = [q.id for q in least_certain(AdvertFilter.load(), candidates(path))]
    assert label(path, ["?", "y", "n", "u", "s", "да", "q"]) == 0
    found = answers(path)
    assert {key: example.advert for key, example in found.items()} == {
        order[0]: True,
        order[2]: True,
    }
    assert filter_file(path).is_file()
    assert "2 of them yours" in capsys.readouterr().out
    text = found[order[0]].text
    assert filter_for(path).probability(text) > AdvertFilter.load().probability(text)
    # The next time only what was not answered is asked.
    assert label(path, ["q"]) == 0
    assert len(answers(path)) == 2


def test_killed_while_an_answer_is_written(path: Path) -> None:
    save_answer(path, "0", "сыр", True)
    with answers_file(path).open("ab") as file:
        file.write(b'{"id": "1", "te')
    save_answer(path, "2", "кот", False)
    assert {key: e.advert for key, e in answers(path).items()} == {"0": True, "2": False}


def test_learning_from_a_file(
    path: Path, label: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = own_examples()[::4]
    monkeypatch.setattr("training.clean.model.own_examples", lambda: some)
    labelled = tmp_path / "labelled.jsonl"
    rows = [{"text": POSTS[0], "label": 1}, {"text": POSTS[1], "label": 0}]
    labelled.write_text("".join(json.dumps(row) + "\n" for row in rows))
    label(path, [], "--count", 0, "--answers", labelled)
    taught = filter_for(path)
    assert taught.probability(POSTS[0]) > 0.5 > taught.probability(POSTS[1])


def test_nothing_to_ask(tmp_path: Path, label: Run) -> None:
    with pytest.raises(CorpusError):
        label(tmp_path, [])
    with pytest.raises(CorpusError, match="no texts"):
        label(corpus(tmp_path / "c"), [])
