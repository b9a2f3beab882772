"""What `pip install` gives: the wheel, installed elsewhere, is a working bot with its data."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.e2e.conftest import bot_process
from tests.user.client import LocalUser

ROOT = Path(__file__).parents[2]
STARTER = ROOT / "data" / "starter" / "photos"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since building leaves files beside the sources."""
    source = tmp_path_factory.mktemp("source")
    for name in ("bot", "engine", "training", "data"):
        left_out = shutil.ignore_patterns("__pycache__", "work", ".next", "*.sqlite-*")
        shutil.copytree(ROOT / name, source / name, ignore=left_out)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", out, source], check=True
    )
    (built,) = out.glob("image2pic-*.whl")
    return built


def scripts(environment: Path) -> Path:
    return environment / ("Scripts" if sys.platform == "win32" else "bin")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and the dependencies of this one, but without this checkout."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("**/site-packages")
    # By its path alone: the .pth files in there, which lead to this checkout, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = scripts(folder) / "python"
    subprocess.run(
        [*PIP, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True
    )
    return folder


def test_the_wheel_holds_what_runs_and_what_ships(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "bot",
        "engine",
        "training",
    }
    assert not [name for name in names if name.endswith((".sqlite-wal", ".part", ".pyc"))]
    tracked = subprocess.run(
        ["git", "ls-files", "bot", "engine", "training", "data"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    if not tracked:
        pytest.skip("not a git checkout")
    kept = [name for name in tracked if (ROOT / name).exists()]
    assert {f"engine/{name}" if name.startswith("data/") else name for name in kept} <= names


async def ask_in(command: Path, folder: Path) -> None:
    """Start the local chat there, ask a photo and a text."""
    async with (
        bot_process([str(command)], folder, LOCAL_PORT="0", PYTHONPATH="") as bot,
        LocalUser(bot.address, timeout=30) as anna,
    ):
        for ask in (
            anna.send_photo((STARTER / "sunset-sea-03.jpg").read_bytes()),
            anna.send_text("снежный лес"),
        ):
            await ask
            while not (await anna.wait_reply()).photo:
                pass
    assert (folder / "var" / "library.sqlite").is_file()


async def test_an_installed_wheel_is_a_working_bot(installed: Path, tmp_path: Path) -> None:
    await ask_in(scripts(installed) / "image2pic-bot", tmp_path)


def run(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [scripts(installed) / "image2pic", *words],
        cwd=folder,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_its_commands_find_the_starter_from_any_folder(installed: Path, tmp_path: Path) -> None:
    photo = str(STARTER / "sunset-sea-03.jpg")
    for words in (
        ("topics", "starter", "-n", "3"),
        ("search", "starter", "--text", "sunset over the sea", "--sheet", "found.png"),
        ("annotate", "starter", "--photo", photo),
    ):
        ended = run(installed, tmp_path, *words)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout
        assert ended.stderr == ""
    assert (tmp_path / "found.png").stat().st_size > 10_000
    help_ = run(installed, tmp_path, "--help")
    assert "image2pic build ~/ChatExport" in help_.stdout


@pytest.mark.slow
async def test_a_real_install_with_its_dependencies(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=True)
    python = scripts(folder) / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel], check=True
    )
    work = tmp_path / "work"
    work.mkdir()
    await ask_in(scripts(folder) / "image2pic-bot", work)
    ended = run(folder, work, "build", str(ROOT / "data" / "starter"), "--out", "model")
    assert ended.returncode == 2
    assert "pip install 'image2pic[training]'" in ended.stderr
