"""Both targets built, started as docker-compose.yml says, and asked.

Slow: it installs Debian and all packages anew, which takes ten minutes, 6 GB in /var/tmp, root,
and the network. ``python -m pytest -s -m slow tests/docker`` shows times and sizes too.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bot.local.server import LocalServer
from tests.docker.dockerfile import ROOT, Dockerfile, compose
from tests.docker.podman import Podman, compose_command, missing, podman
from tests.user.client import ChatMessage, LocalUser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

SERVICES = compose()["services"]
STARTER = ROOT / "data" / "starter"
POSTS = 60
TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
#: Packages that only training needs, and the tests.
TRAINING = ("tensorflow", "keras", "artm", "sklearn", "scipy", "matplotlib", "ijson", "training")
OTHERS = ("tests", "bench", "pytest", "mypy")
FIND = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def engine() -> Iterator[Podman]:
    """Podman with the base image: a minute, root, and some GB of disk."""
    if lacks := missing():
        pytest.skip(f"needs {lacks} (as root: apt-get install podman runc debootstrap)")
    with podman() as found:
        yield found


@pytest.fixture(scope="module")
def bot_image(engine: Podman) -> str:
    image = SERVICES["bot"]["image"]
    print(f"\nbot: built in {engine.build('bot', image):.0f} s, {size(engine, image):,} MiB")
    return image


@pytest.fixture(scope="module")
def training_image(engine: Podman) -> str:
    image = SERVICES["training"]["image"]
    seconds = engine.build("training", image)
    print(f"\ntraining: built in {seconds:.0f} s, {size(engine, image):,} MiB")
    return image


def size(engine: Podman, image: str) -> int:
    """MiB of what the image has beside its base."""
    said = engine("run", "--rm", "--network", "host", "--entrypoint", "du", image, "-sm", ".")
    return int(said.split()[0])


class Chat:
    """The service `local`, running."""

    def __init__(self, engine: Podman, name: str, port: int, metrics: int) -> None:
        self.engine, self.name = engine, name
        self.url = f"http://127.0.0.1:{port}"
        self.metrics = f"http://127.0.0.1:{metrics}"

    def python(self, code: str, *words: str) -> str:
        return self.engine("exec", self.name, "python", "-c", code, *words)


@pytest.fixture(scope="module")
def chat(engine: Podman, bot_image: str) -> Iterator[Chat]:
    port, metrics = free_port(), free_port()
    ports = {"LOCAL_PORT": str(port), "METRICS_PORT": str(metrics)}
    flags = engine.flags(SERVICES["local"], ROOT, ports)
    with engine.running(SERVICES["local"], *flags, name="chat") as name:
        yield Chat(engine, name, port, metrics)


async def answers(user: LocalUser) -> list[ChatMessage]:
    """All that the bot says to one question."""
    return await user.wait_replies(timeout=30, quiet=2)


def photos(messages: list[ChatMessage]) -> int:
    return sum(bool(message.photo) for message in messages)


class TestBot:
    async def test_a_text_is_answered_with_photos(self, chat: Chat) -> None:
        async with LocalUser(chat.url, language_code="en") as anna:
            await anna.send_text("sunset over the sea")
            found = await answers(anna)
            assert photos(found) >= 2
            assert any(message.buttons for message in found)

    async def test_a_photo_is_answered_with_words_and_photos(self, chat: Chat) -> None:
        photo = next((STARTER / "photos").glob("sunset-sea-*.jpg")).read_bytes()
        async with LocalUser(chat.url, language_code="en") as anna:
            await anna.send_photo(photo)
            found = await answers(anna)
            assert photos(found) >= 2
            assert "#" in "".join(message.text for message in found)

    def test_it_says_that_it_is_well(self, chat: Chat) -> None:
        with urllib.request.urlopen(f"{chat.metrics}/health") as answer:
            report = json.load(answer)
        assert report["ok"] is True
        assert report["posts"] == sum(1 for _ in (STARTER / "posts.jsonl").open())

    def test_the_health_check_of_the_image_finds_it_well(self, chat: Chat) -> None:
        said = chat.engine("healthcheck", "run", chat.name)
        assert "unhealthy" not in said
        _, *words = Dockerfile((ROOT / "Dockerfile").read_text()).health_check("bot")
        assert chat.engine("exec", chat.name, "python", *words) == ""

    def test_it_has_no_rights(self, chat: Chat) -> None:
        status = chat.python("print(open('/proc/1/status').read())")
        assert re.search(r"^Uid:\s+10001\s+10001\s+10001\s+10001$", status, re.M)
        assert re.search(r"^Gid:\s+10001\s+10001\s+10001\s+10001$", status, re.M)
        assert re.search(r"^CapBnd:\s+0+$", status, re.M)
        assert re.search(r"^CapEff:\s+0+$", status, re.M)
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)

    def test_it_can_write_its_library_and_nothing_else(self, chat: Chat) -> None:
        code = (
            "import os\n"
            "kinds = {'proc', 'sysfs', 'devpts', 'mqueue', 'cgroup', 'cgroup2'}\n"
            "points = [line.split() for line in open('/proc/mounts')]\n"
            "for _, point, kind, *_ in points:\n"
            "    if kind not in kinds and os.access(point, os.W_OK) and os.path.isdir(point):\n"
            "        print(point)\n"
        )
        writable = set(chat.python(code).split())
        assert writable - {"/dev", "/dev/shm"} == {"/tmp", "/var/lib/image2pic"}
        kept = chat.python("import os; print(*os.listdir('/var/lib/image2pic'))").split()
        assert {"library.sqlite", "chat"} <= set(kept)

    def test_it_holds_what_it_needs_and_no_more(self, chat: Chat) -> None:
        assert chat.python(FIND, *TRAINING, *OTHERS) == "[]\n"
        held = set(chat.python("import os; print(*os.listdir())").split())
        assert held == {".venv", "bot", "engine", "data", "corpus", "models"}

    def test_compiled_is_what_is_run(self, chat: Chat) -> None:
        code = "import bot.app, os; print(os.path.exists(bot.app.__cached__), bot.app.__file__)"
        assert chat.python(code).split() == ["True", "/opt/image2pic/bot/app.py"]

    def test_it_ends_in_time(self, engine: Podman, bot_image: str) -> None:
        ports = {"LOCAL_PORT": str(free_port()), "METRICS_PORT": str(free_port())}
        service = {**SERVICES["local"], "volumes": []}
        flags = engine.flags(service, ROOT, ports)
        # The library in an anonymous volume, as `docker run` makes it.
        with engine.running(service, *flags, name="ended") as name:
            started = time.monotonic()
            engine("stop", "--time", "10", name)
            assert time.monotonic() - started < 5
            assert engine("inspect", "--format", "{{.State.ExitCode}}", name) == "0\n"
            assert "ending" in engine.logs(name)


@pytest.fixture(scope="module")
def project(engine: Podman, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout's folders, of a user who is not root: a small corpus, no model yet."""
    folder = tmp_path_factory.mktemp("project")
    corpus = folder / "corpus" / "few"
    (corpus / "photos").mkdir(parents=True)
    lines = (STARTER / "posts.jsonl").read_text().splitlines()[:POSTS]
    (corpus / "posts.jsonl").write_text("\n".join(lines) + "\n")
    for line in lines:
        name = json.loads(line)["photo"]
        shutil.copy(STARTER / name, corpus / name)
    (folder / "models").mkdir()
    owner = int(SERVICES["training"]["user"].split(":")[0])
    os.chown(folder / "models", owner, owner)
    return folder


class TestTraining:
    def run(self, engine: Podman, project: Path, *words: str) -> str:
        service = SERVICES["training"]
        flags = engine.flags(service, project, {})
        return engine("run", "--rm", *flags, service["image"], *words)

    def test_it_says_what_it_can_do(self, engine: Podman, training_image: str) -> None:
        said = engine("run", "--rm", "--network", "host", training_image)
        assert "build" in said
        assert "image2pic build ~/ChatExport" in said

    def test_it_holds_training_but_no_bot(self, engine: Podman, training_image: str) -> None:
        words = ["--rm", "--network", "host", "--entrypoint", "python"]
        said = engine("run", *words, training_image, "-c", FIND, *TRAINING, "bot", *OTHERS)
        assert said == f"{list(TRAINING)}\n"

    async def test_a_model_is_made_and_the_bot_uses_it(
        self, engine: Podman, training_image: str, bot_image: str, project: Path
    ) -> None:
        started = time.monotonic()
        words = ["build", "corpus/few", "--out", "models/mine", "--encoder", "small"]
        self.run(engine, project, *words, "--epochs", "2")
        print(f"\na model of {POSTS} posts: {time.monotonic() - started:.0f} s")
        made = project / "models" / "mine"
        manifest = json.loads((made / "manifest.json").read_text())
        assert (manifest["encoder"], manifest["topics"]) == ("small", 16)
        owner, _ = map(int, SERVICES["training"]["user"].split(":"))
        assert {path.stat().st_uid for path in made.iterdir()} == {owner}
        assert "sunset" in self.run(engine, project, "search", "models/mine", "--text", "sunset")

        # The service `bot` with a token and MODEL=models/mine in .env.
        async with LocalServer(TOKEN) as server:
            settings = {
                "TELEGRAM_BOT_TOKEN": TOKEN,
                "TELEGRAM_BASE_URL": server.url,
                "MODEL": "models/mine",
                "METRICS_PORT": str(free_port()),
            }
            flags = engine.flags(SERVICES["bot"], project, settings)
            running = ExitStack()
            try:
                # In a thread: the server that the bot asks runs here.
                await asyncio.to_thread(
                    running.enter_context,
                    engine.running(SERVICES["bot"], *flags, name="mine"),
                )
                async with LocalUser(server.url, language_code="en") as anna:
                    await anna.send_text("sunset over the sea")
                    assert photos(await answers(anna)) >= 2
                assert f"{POSTS} posts" in engine.logs("mine")
                assert TOKEN not in engine.logs("mine")
            finally:
                await asyncio.to_thread(running.close)


class TestCompose:
    """Compose itself, which speaks with podman as with Docker."""

    async def test_the_local_chat_by_its_own_command(
        self, engine: Podman, bot_image: str, project: Path
    ) -> None:
        command = compose_command()
        if command is None:
            pytest.skip("needs `docker compose` or `docker-compose` 2.24 or newer")
        shutil.copy(ROOT / "docker-compose.yml", project)
        port = free_port()
        with engine.socket() as address:
            environment = {**os.environ, "DOCKER_HOST": address, "LOCAL_PORT": str(port)}

            def run(*words: str) -> str:
                done = subprocess.run(
                    [*command, "--profile", "local", *words],
                    cwd=project,
                    env=environment,
                    capture_output=True,
                    text=True,
                )
                assert done.returncode == 0, done.stderr
                return done.stdout + done.stderr

            try:
                run("up", "--detach", "--no-build", "local")
                deadline = time.monotonic() + 60
                while "ready after" not in (said := run("logs", "local")):
                    assert time.monotonic() < deadline, said
                    time.sleep(0.5)
                async with LocalUser(f"http://127.0.0.1:{port}", language_code="en") as anna:
                    await anna.send_text("sunset over the sea")
                    assert photos(await answers(anna)) >= 2
            finally:
                run("down", "--volumes")
