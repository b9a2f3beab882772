"""Podman for the tests: builds the Dockerfile and runs services as docker-compose.yml says.

It needs no daemon and no image registry: the base image is made of Debian's packages, and all
that it keeps lies in one folder that goes with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.docker.dockerfile import ROOT, mounts

BASE = "localhost/python:3.11-bookworm"
#: What `debootstrap` puts beside the smallest Debian: what the image python:3.11-slim has more.
PACKAGES = "python3,python3-venv,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
#: Some machines let even root raise no limit, which podman's defaults would.
SETTINGS = """[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
"""


def missing() -> str:
    """What this machine lacks for `Podman`; empty where it lacks nothing."""
    lacks = [] if os.geteuid() == 0 else ["root"]
    lacks += [name for name in ("podman", "debootstrap") if shutil.which(name) is None]
    if not any(shutil.which(name) for name in ("runc", "crun")):
        lacks.append("runc")
    return " and ".join(lacks)


def compose_command() -> list[str] | None:
    """How Compose is called here, where a version is that knows ``env_file: required``."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) is None:
            continue
        done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True)
        numbers = done.stdout.strip().removeprefix("v").split(".")
        if done.returncode == 0 and (int(numbers[0]), int(numbers[1])) >= (2, 24):
            return command
    return None


def debian(suite: str, packages: str, tree: Path) -> None:
    """Debian in a folder, with packages by comma."""
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={packages}", suite, tree],
        check=True,
        capture_output=True,
    )


def archive_of(tree: Path) -> Path:
    """A folder as what ``import`` takes; the folder goes."""
    archive = tree.with_suffix(".tar")
    subprocess.run(["tar", "-C", tree, "-cf", archive, "."], check=True)
    shutil.rmtree(tree)
    return archive


def base_archive(folder: Path) -> Path:
    """What the image python:3.11-slim has, of Debian's packages."""
    tree = folder / "base"
    debian("bookworm", PACKAGES, tree)
    (tree / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    # pip trusts there what it trusts here.
    shutil.copy(CERTIFICATES, tree / CERTIFICATES.relative_to("/"))
    (tree / "etc/pip.conf").write_text(f"[global]\ncert = {CERTIFICATES}\n")
    return archive_of(tree)


class Podman:
    """Images and containers in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        settings = folder / "containers.conf"
        # crun refuses the mixed cgroups of older systems; runc takes both.
        runtime = "runc" if shutil.which("runc") else "crun"
        settings.write_text(f'{SETTINGS}runtime = "{runtime}"\n')
        self._folder = folder
        self._environment = {
            **os.environ,
            "CONTAINERS_CONF": str(settings),
            "BUILDAH_ISOLATION": "chroot",
        }
        storage = ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]
        self._command = ["podman", *storage]

    def __call__(self, *words: str | Path) -> str:
        """Run a command of podman; returns what it prints."""
        done = subprocess.run(
            [*self._command, *map(str, words)],
            env=self._environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def make_base(self) -> None:
        """The base image, of Debian's packages: where there is a registry, python:3.11-slim."""
        archive = base_archive(self._folder)
        self("import", archive, BASE)
        archive.unlink()

    def build(self, target: str, image: str) -> float:
        """Build a target of the Dockerfile; returns the seconds it took."""
        started = time.monotonic()
        words = ["--network", "host", "--format", "docker", "--build-arg", f"PYTHON_IMAGE={BASE}"]
        # One layer a stage: nothing is built twice here, and layers take time and disk.
        words += ["--layers=false"]
        self("build", *words, "--target", target, "--tag", image, ".")
        return time.monotonic() - started

    def flags(
        self, service: dict[str, Any], project: Path, environment: dict[str, str]
    ) -> list[str]:
        """Options of ``podman run`` that say what the service says, on the host's network."""
        found = ["--network", "host"]
        if service.get("read_only"):
            # Docker puts no tmpfs anywhere by itself.
            found += ["--read-only", "--read-only-tmpfs=false"]
        for name in service.get("tmpfs", []):
            found += ["--tmpfs", name]
        for name in service.get("cap_drop", []):
            found += ["--cap-drop", name]
        for name in service.get("security_opt", []):
            found += ["--security-opt", name.removesuffix(":true")]
        if "user" in service:
            found += ["--user", service["user"]]
        for source, target, mode in mounts(service):
            place = project / source if source.startswith(".") else source
            found += ["--volume", f"{place}:{target}:{mode}"]
        for name, value in {**service.get("environment", {}), **environment}.items():
            found += ["--env", f"{name}={value}"]
        return found

    @contextmanager
    def running(self, service: dict[str, Any], *flags: str, name: str) -> Iterator[str]:
        """A service, until it is ready, and no longer than the block."""
        self("run", "--detach", "--name", name, *flags, service["image"])
        try:
            deadline = time.monotonic() + 60
            while "ready after" not in (said := self.logs(name)):
                state = self("inspect", "--format", "{{.State.Status}}", name).strip()
                assert state == "running", said
                assert time.monotonic() < deadline, said
                time.sleep(0.2)
            yield name
        finally:
            # Time enough to end by itself: podman trips over one that ends as it is killed.
            self("rm", "--force", "--time", "20", name)

    def logs(self, name: str) -> str:
        """What a container has printed, on both streams."""
        done = subprocess.run(
            [*self._command, "logs", name], env=self._environment, capture_output=True, text=True
        )
        return done.stdout + done.stderr

    @contextmanager
    def socket(self) -> Iterator[str]:
        """Docker's API, for Compose: its address."""
        address = f"unix://{self._folder}/podman.sock"
        with subprocess.Popen(
            [*self._command, "system", "service", "--time", "0", address],
            env=self._environment,
            stderr=subprocess.DEVNULL,
        ) as service:
            try:
                while not (self._folder / "podman.sock").exists():
                    assert service.poll() is None
                    time.sleep(0.1)
                yield address
            finally:
                service.terminate()

    def close(self) -> None:
        """End and remove all that there is."""
        self("rm", "--all", "--force", "--time", "20")
        # Podman leaves its layers mounted on themselves.
        subprocess.run(["umount", self._folder / "storage" / "overlay"], capture_output=True)


@contextmanager
def podman() -> Iterator[Podman]:
    """A podman with the base image, in a folder that is removed at the end."""
    # A short path: it becomes part of sockets' names, which have room for 108 letters.
    with tempfile.TemporaryDirectory(prefix="i2p-", dir="/var/tmp") as folder:
        engine = Podman(Path(folder))
        try:
            engine.make_base()
            yield engine
        finally:
            engine.close()
