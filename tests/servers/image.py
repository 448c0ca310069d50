"""The image of Dockerfile.edge, built by buildah on a base of this machine's own packages, and run from it."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.servers.process import CACHE, ROOT, Process, absent

STORAGE = ["--root", str(CACHE / "image" / "storage"), "--runroot", str(CACHE / "image" / "run")]
BUILDAH_ENV = {"BUILDAH_ISOLATION": "chroot"}  # needs no namespaces, so it works inside a container too
TAG = "endcap-store"
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def buildah(*argv: str) -> str:
    """What a buildah command prints; its own complaint is the error."""
    done = subprocess.run(
        ["buildah", *STORAGE, *argv], env={**os.environ, **BUILDAH_ENV}, capture_output=True, text=True
    )
    assert done.returncode == 0, f"buildah {argv[0]}: {done.stderr[-2_000:]}"
    return done.stdout.strip()


class Container:
    """One container of the image, on this host's network, with a writable layer of its own."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, *argv: str, env: Mapping[str, str] | None = None) -> str:
        """What a command in the container prints."""
        return buildah("run", *_environment(env), self.name, "--", *argv)

    def process(
        self, log: Path, ready: Callable[[], bool], *argv: str, env: Mapping[str, str] | None = None
    ) -> Process:
        """A command in the container that stays, to be used with `started`. Its end is a SIGKILL in there."""
        run = ["buildah", *STORAGE, "run", *_environment(env), self.name, "--", *argv]
        return Process(f"{argv[0]} in the image", run, log, ready, env=BUILDAH_ENV)


def _environment(env: Mapping[str, str] | None) -> list[str]:
    return [f"--env={name}={value}" for name, value in (env or {}).items()]


class Image:
    """The built image."""

    @property
    def config(self) -> dict[str, Any]:
        """What the image says of itself: user, entry point, health check."""
        inspected = json.loads(buildah("inspect", "--type", "image", TAG))
        config: dict[str, Any] = inspected["Docker"]["config"]
        return config

    @contextlib.contextmanager
    def container(self) -> Iterator[Container]:
        """A container, removed after the block."""
        name = buildah("from", "--pull-never", TAG)
        try:
            yield Container(name)
        finally:
            buildah("rm", name)


def image_built() -> Image:
    """Builds it, or what changed of it: a minute and a half the first time, seconds after that."""
    if os.geteuid() != 0 or shutil.which("buildah") is None or shutil.which("debootstrap", path=PATH) is None:
        absent("buildah and debootstrap, as root")
    done = subprocess.run(
        [ROOT / "tests" / "servers" / "image.sh", TAG],
        cwd=ROOT,
        env={**os.environ, "BUILDER": "buildah"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"the image was not built: {done.stderr[-4_000:]}"
    return Image()


@pytest.fixture(scope="session")
def image() -> Image:
    """The image, built once a run. Tests that use it need a long `pytest.mark.timeout`."""
    return image_built()
