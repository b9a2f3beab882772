from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from corpora import draw
from PIL import Image

from engine.files import sha256_of, shipped
from engine.store import SqliteStore
from training.__main__ import COMMANDS, main

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "море.jpg"
    draw("sea", 77).save(path)
    return path


def size_of(path: Path) -> tuple[int, int]:
    assert path.read_bytes().startswith(b"\x89PNG")
    with Image.open(path) as image:
        image.load()
        return image.size


class TestMain:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_help(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            main([command, "--help"])
        assert caught.value.code == 0
        out = " ".join(capsys.readouterr().out.split())
        assert f"usage: image2pic {command}" in out
        assert COMMANDS[command][1][1:] in out

    def test_help_of_them_all(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            main(["--help"])
        assert caught.value.code == 0
        out = capsys.readouterr().out
        assert all(command in out for command in COMMANDS)

    @pytest.mark.parametrize("words", [[], ["fly"], ["search"], ["search", "x", "--fly"]])
    def test_a_wrong_call(self, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2
        assert "usage:" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (["build", "s3://cats/few"], "'s3://cats/few' is an address"),
            (["build", "cats", "--photos", "s3:/cats"], "'s3:/cats' is no address"),
        ],
    )
    def test_a_folder_is_told_from_an_address(
        self, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit):
            main(words)
        assert says in capsys.readouterr().err

    @pytest.mark.parametrize(
        "words",
        [
            ["search", "MODEL", "--text", "sea"],
            ["annotate", "MODEL", "--photo", "x.jpg"],
            ["explain", "MODEL", "--text", "sea"],
            ["topics", "MODEL"],
        ],
        ids=lambda words: words[0],
    )
    def test_no_model(
        self, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([word.replace("MODEL", str(tmp_path / "none")) for word in words]) == 2
        assert capsys.readouterr().err.startswith("error: model ")
        assert not (tmp_path / "none").exists()

    def test_as_a_program_whose_reader_goes_away(self, small_model: Path) -> None:
        command = [sys.executable, "-m", "training", "topics", str(small_model)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            errors = process.stderr.read()
        assert "Traceback" not in errors


class TestSearch:
    def test_by_text_with_a_contact_sheet(
        self, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sheet = tmp_path / "sheet.png"
        words = ["search", str(small_model), "--text", "sea beach qwertyuiop", "-n", "4"]
        assert main([*words, "--sheet", str(sheet)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "new to the model: qwertyuiop"
        assert len(lines) == 6
        for line in lines[1:5]:
            assert " %  distance 0." in line
            assert "  sea-0" in line
        assert lines[5] == f"contact sheet: {sheet}"
        assert min(size_of(sheet)) > 200

    def test_by_photo_by_both_and_by_post(
        self, small_model: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for number, words in enumerate(
            (
                ["--photo", str(photo)],
                ["--photo", str(photo), "--text", "море", "--photo-weight", "0.3"],
                ["--like", "sea-001"],
            )
        ):
            sheet = tmp_path / f"{number}.png"
            call = ["search", str(small_model), *words, "-n", "3", "--sheet", str(sheet)]
            assert main(call) == 0
            assert capsys.readouterr().out.count("sea-0") == 3
            size_of(sheet)

    def test_what_is_less_close_is_shown_and_said(
        self, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sheet = tmp_path / "sheet.png"
        words = ["--text", "sea forest snow evening bee", "--sheet", str(sheet)]
        assert main(["search", str(small_model), *words]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.endswith("less close") for line in lines] == [True] * 10 + [False]
        size_of(sheet)

    def test_a_quoted_phrase_is_there_or_nothing_is_found(
        self, small_model: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["search", str(small_model), "--text", 'sea "sea moon"']) == 1
        capsys.readouterr()
        assert main(["search", str(small_model), "--text", 'moon "sea"', "-n", "50"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert all("  sea-" in line for line in lines)

    def test_a_misspelt_word(self, small_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The sentence encoder may read it all the same."""
        assert main(["search", str(small_model), "--text", "forrest"]) == 0
        said = capsys.readouterr().out
        assert "perhaps you meant: forest" in said
        assert "forest-0" in said

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--text", ""], "send a photo"),
            ([], "send a photo"),
            (["--text=-sea"], "say what to look for"),
            (["--photo", "none.jpg"], "none.jpg cannot be read"),
            (["--photo", "BROKEN"], "error: "),
            (["--text", "sea", "--sheet", "no/such/folder/x.png"], "x.png cannot be written"),
        ],
    )
    def test_refused(
        self,
        small_model: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        words: list[str],
        said: str,
    ) -> None:
        (tmp_path / "broken.jpg").write_bytes(b"no photo")
        words = [word.replace("BROKEN", str(tmp_path / "broken.jpg")) for word in words]
        assert main(["search", str(small_model), *words]) == 2
        assert said in capsys.readouterr().err

    def test_a_post_that_is_not_there(
        self, small_model: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["search", str(small_model), "--like", "nobody"]) == 1
        assert "no post 'nobody'" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "words", [["--photo-weight", "1.5"], ["--photo-weight", "much"], ["-n", "0"], ["-n", "x"]]
    )
    def test_a_number_that_is_out_of_range(
        self, small_model: Path, words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as caught:
            main(["search", str(small_model), "--text", "sea", *words])
        assert caught.value.code == 2
        assert words[0] in capsys.readouterr().err

    def test_a_stale_index_is_made_again(
        self, small_model: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        cache = small_model / "index.faiss"
        whole = cache.read_bytes()
        cache.write_bytes(whole[:-10])
        assert main(["search", str(small_model), "--text", "sea"]) == 0
        assert cache.read_bytes() == whole
        assert "sea-0" in capsys.readouterr().out


class TestAnnotate:
    @pytest.mark.parametrize(("language", "word"), [("en", "sea"), ("ru", "парус")])
    def test_words_and_hashtags(
        self,
        small_model: Path,
        photo: Path,
        language: str,
        word: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        words = ["annotate", str(small_model), "--photo", str(photo), "--language", language]
        assert main([*words, "-n", "5", "--tags", "1"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 6
        assert word in {line.split()[1] for line in lines[:5]}
        assert lines[5].split()[1] == "#sea"
        assert all(float(line.split()[0]) > 0 for line in lines)


class TestExplain:
    def test_a_photo_with_a_picture(
        self, small_model: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "why.png"
        words = ["explain", str(small_model), "--photo", str(photo), "--out", str(out)]
        assert main([*words, "--topics", "3", "--language", "ru"]) == 0
        lines = capsys.readouterr().out.splitlines()
        # A topic without a word that this photo speaks for is not shown.
        assert 1 <= len(lines[:-1]) <= 3
        assert all(" %  topic " in line for line in lines[:-1])
        assert lines[-1] == f"picture: {out}"
        assert min(size_of(out)) > 200

    def test_a_text(self, small_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["explain", str(small_model), "--text", "winter"]) == 0
        first = capsys.readouterr().out.splitlines()[0]
        assert {"snow", "ski", "frost", "winter", "mountain"} & set(first.replace(",", "").split())

    def test_a_folder_that_is_not_there(
        self, small_model: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["explain", str(small_model), "--text", "sea", "--out", "no/such/why.png"]
        assert main(words) == 2
        assert "why.png cannot be written" in capsys.readouterr().err


class TestTopics:
    def test_each_topic_with_its_words_tags_and_posts(
        self, small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sheet = tmp_path / "topics.png"
        assert main(["topics", str(small_model), "--photos", "2", "--sheet", str(sheet)]) == 0
        out = capsys.readouterr().out
        headings = [line for line in out.splitlines() if line.startswith("topic ")]
        assert len(headings) > 5
        assert all(" NPMI " in line and " %" in line for line in headings)
        for part in ("snow", "снег", "#winter", "snow-0"):
            assert part in out
        assert min(size_of(sheet)) > 200

    def test_only_the_first(self, small_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["topics", str(small_model), "-n", "2", "--photos", "0"]) == 0
        out = capsys.readouterr().out
        assert out.count("NPMI") == 2
        assert "-0" not in out


def test_asking_changes_nothing_of_what_ships(capsys: pytest.CaptureFixture[str]) -> None:
    posts = shipped("model", "posts.sqlite")
    before = sha256_of(posts)
    assert main(["search", "starter", "--text", "sunset over the sea", "-n", "1"]) == 0
    assert "sunset-sea" in capsys.readouterr().out
    assert sha256_of(posts) == before


def test_a_library_whose_photos_are_gone_is_still_shown(
    small_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with SqliteStore(small_model / "posts.sqlite") as store:
        root = store.photo_root
        store.photo_root = tmp_path / "moved"
    try:
        sheet = tmp_path / "sheet.png"
        words = ["search", str(small_model), "--text", "sea", "--sheet", str(sheet)]
        assert main(words) == 0
        assert "sea-0" in capsys.readouterr().out
        size_of(sheet)
    finally:
        with SqliteStore(small_model / "posts.sqlite") as store:
            store.photo_root = root


def test_a_command_whose_packages_are_not_installed_says_what_toinstall() -> None:
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "from training.__main__ import main; sys.exit(main(['build', 'corpus']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "scipy is not installed" in ended.stderr
    assert "pip install 'image2pic[training]'" in ended.stderr
