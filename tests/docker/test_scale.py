"""The compose profile `scale`, started by Docker itself and used by people.

Slow: it runs a Docker daemon of its own and makes the images of Debian's packages, which takes ten
minutes, 8 GB in /var/tmp, root, and the network. Grafana has no such package and is left out.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bot.local.server import LocalServer
from tests.docker.dockerfile import ROOT, compose
from tests.docker.podman import BASE, archive_of, base_archive, compose_command, debian
from tests.e2e.test_faults import small_photo
from tests.user.balancer import free_port
from tests.user.client import ChatMessage, LocalUser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

TOKEN = "4242:abcdefghijklmnopqrstuvwxyz"
PASSWORD = "p@ss/w:rd%41#x"
POSTS = 60
OTHERS = "localhost/others"
#: As much of the image postgres as the profile needs.
POSTGRES = """
PATH=/usr/lib/postgresql/17/bin:$PATH data=/var/lib/postgresql/data
as() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }
if [ ! -s $data/PG_VERSION ]; then
    chown postgres $data
    (umask 077; echo "$POSTGRES_PASSWORD" > /tmp/password; chown postgres /tmp/password)
    as initdb -D $data -U $POSTGRES_USER --pwfile /tmp/password -A scram-sha-256 --locale C.UTF-8
    echo "host all all all scram-sha-256" >> $data/pg_hba.conf
    echo "CREATE DATABASE $POSTGRES_USER" | as postgres --single -D $data postgres
fi
as "$@" -D $data -c listen_addresses='*'
"""


class Docker:
    """A daemon with images and containers in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.environment = {**os.environ, "DOCKER_HOST": f"unix://{folder}/docker.sock"}

    def __call__(self, *words: str | Path, cwd: Path = ROOT) -> str:
        """Run a command of docker; returns what it prints."""
        done = subprocess.run(
            ["docker", *map(str, words)],
            cwd=cwd,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    """Docker with the image of the bot, and one of all others."""
    lacks = [name for name in ("dockerd", "docker", "debootstrap") if shutil.which(name) is None]
    if lacks or os.geteuid() != 0 or compose_command() != ["docker", "compose"]:
        pytest.skip(f"needs root, Docker with Compose 2.24 and debootstrap; lacks {lacks}")
    with tempfile.TemporaryDirectory(prefix="i2d-", dir="/var/tmp") as name:
        folder = Path(name)
        places = ["--data-root", folder / "data", "--exec-root", folder / "exec"]
        places += ["--pidfile", folder / "pid", "--host", f"unix://{folder}/docker.sock"]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(["dockerd", *places], stdout=log, stderr=log) as daemon,
        ):
            try:
                deadline = time.monotonic() + 60
                while not (folder / "docker.sock").exists():
                    assert daemon.poll() is None, (folder / "log").read_text()[-2000:]
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
                engine = Docker(folder)
                tree = folder / "others"
                debian("trixie", "postgresql-17-pgvector,caddy,prometheus", tree)
                for archive, image in (
                    (archive_of(tree), OTHERS),
                    (base_archive(folder), BASE),
                ):
                    engine("import", archive, image)
                    archive.unlink()
                image = compose()["services"]["bot1"]["image"]
                base = ["--build-arg", f"PYTHON_IMAGE={BASE}", "--network", "host"]
                engine("build", *base, "--target", "bot", "--tag", image, ".")
                yield engine
            finally:
                daemon.terminate()
                daemon.wait()
                # It leaves that of containers on the host's network mounted.
                subprocess.run(["umount", folder / "exec/netns/default"], capture_output=True)


def stand_ins(server: int, telegram: int, webhook: int) -> dict[str, object]:
    """What is said otherwise than in docker-compose.yml."""
    caddy = ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
    relay = ["caddy", "reverse-proxy", "--change-host-header"]
    bot = {"extra_hosts": ["telegram:host-gateway"]}
    # Compose would fill in what stands after one.
    postgres = ["bash", "-ec", POSTGRES.replace("$", "$$"), "postgres"]
    return {
        "bot1": bot,
        "bot2": bot,
        "postgres": {"image": OTHERS, "entrypoint": postgres},
        "proxy": {
            "image": OTHERS,
            "entrypoint": caddy,
            "environment": {"XDG_DATA_HOME": "/data"},
            "ports": [f"127.0.0.1:{webhook}:8080"],
        },
        "prometheus": {
            "image": OTHERS,
            "entrypoint": [
                "prometheus",
                "--config.file=/etc/prometheus/prometheus.yml",
                "--storage.tsdb.path=/prometheus",
            ],
        },
        # The local Bot API server, which answers on loopback alone.
        "telegram": {
            "image": OTHERS,
            "network_mode": "host",
            "entrypoint": [
                *relay,
                *("--from", f":{telegram}", "--to", f"127.0.0.1:{server}"),
            ],
        },
    }


async def until_answered(user: LocalUser, text: str) -> list[ChatMessage]:
    """All that is said to a question."""
    await user.send_text(text)
    return await user.wait_replies(timeout=60, quiet=1)


async def test_people_use_it_while_parts_of_it_end(docker: Docker, tmp_path: Path) -> None:
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    async with LocalServer(TOKEN) as server:
        telegram, webhook = free_port(), free_port()
        (tmp_path / ".env").write_text(
            f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_BASE_URL=http://telegram:{telegram}\n"
            f"WEBHOOK_URL=http://127.0.0.1:{webhook}\nWEBHOOK_SECRET=a-secret-of-the-webhook\n"
            f"POSTGRES_PASSWORD={PASSWORD}\nCLEAN=false\nTELEGRAM_RATE=0\nDOMAIN=:8080\n"
        )
        others = stand_ins(int(server.url.rpartition(":")[2]), telegram, webhook)
        text = yaml.safe_dump({"services": others})
        # In place of the ports 80 and 443 of this machine, which may be taken.
        text = text.replace("ports:", "ports: !override")
        (tmp_path / "others.yml").write_text(text)

        def run(*words: str) -> str:
            files = ["-f", "docker-compose.yml", "-f", "others.yml", "--profile", "scale"]
            return docker("compose", *files, *words, cwd=tmp_path)

        def rows(statement: str) -> str:
            psql = ["env", f"PGPASSWORD={PASSWORD}", "psql", "-h", "127.0.0.1"]
            command = ["exec", "-T", "postgres", *psql, "-U", "image2pic", "-Atc", statement]
            return run(*command).strip()

        async def do(*words: str) -> None:
            await asyncio.to_thread(run, *words)

        try:
            await do("up", "--detach", "--no-build", "telegram", "proxy", "prometheus")
            async with (
                asyncio.timeout(400),
                LocalUser(server.url, language_code="en", timeout=60) as anna,
                LocalUser(server.url, user_id=2002, language_code="en", timeout=60) as bob,
            ):
                assert (await until_answered(anna, "sunset over the sea"))[-1].photo
                photo = next((ROOT / "data/starter/photos").glob("sunset-sea-*.jpg"))
                await anna.send_photo(photo.read_bytes())
                assert "sunset" in (await anna.wait_replies(timeout=60, quiet=1))[-1].text

                async def post() -> None:
                    for number in range(POSTS):
                        name = f"number{number}"
                        await anna.send_photo(small_photo(number), name, chat_id=anna.channel_id)
                        await asyncio.sleep(0.2)

                posting = asyncio.create_task(post())
                for words in (
                    ("kill", "--signal", "SIGKILL", "bot1"),
                    ("up", "--detach", "--no-build", "bot1"),
                    ("restart", "bot2"),
                    ("restart", "postgres"),
                ):
                    await do(*words)
                    assert (await until_answered(bob, "sunset over the sea"))[-1].photo
                await posting
                count = (
                    "SELECT count(*), count(DISTINCT text) FROM posts WHERE id LIKE 'telegram/%'"
                )
                while await asyncio.to_thread(rows, count) != f"{POSTS}|{POSTS}":
                    await asyncio.sleep(1)
                ask = ["exec", "-T", "prometheus", "promtool", "query", "instant"]
                ask += ["http://127.0.0.1:9090", "sum(up) + min(image2pic_posts)"]
                posts = int(await asyncio.to_thread(rows, "SELECT count(*) FROM posts"))
                while f"=> {posts + 2} @" not in await asyncio.to_thread(run, *ask):
                    await asyncio.sleep(1)
        finally:
            print(await asyncio.to_thread(run, "logs", "--tail", "30"))
            await do("down", "--volumes")
