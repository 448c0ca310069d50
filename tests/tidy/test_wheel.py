"""The built wheel, installed somewhere else and run with the source gone."""

import importlib.util
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCT = ("edge", "cloud", "actors", "protocols", "sim")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("endcap-*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and with our dependencies lent by this one."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(folder, with_pip=False)
    # A .pth file inside a lent folder is not read, so the editable install of the source does not come along.
    (site_of(folder) / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip(
        "--python",
        str(folder / "bin" / "python"),
        "install",
        "--quiet",
        "--no-deps",
        "--force-reinstall",
        str(wheel),
    )
    return folder


def test_the_wheel_holds_every_file_of_the_product_and_no_other(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", *PRODUCT], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    source = {name for name in listed.stdout.split() if (ROOT / name).exists()}
    with zipfile.ZipFile(wheel) as packed:
        names = {name for name in packed.namelist() if ".dist-info/" not in name}
    assert not source - names
    assert {name.split("/")[0] for name in names} == set(PRODUCT)


def test_the_wheel_carries_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        (licence,) = [name for name in packed.namelist() if name.endswith("/LICENSE")]
        assert "Apache License" in packed.read(licence).decode()


def test_the_wheel_runs_with_the_source_gone(elsewhere: Path, tmp_path: Path) -> None:
    code = f"import {', '.join(PRODUCT)}; print(*(one.__file__ for one in ({', '.join(PRODUCT)})), sep='\\n')"
    where = run([str(elsewhere / "bin" / "python"), "-c", code], tmp_path).splitlines()
    assert all(Path(one).is_relative_to(elsewhere) for one in where), where


@pytest.mark.parametrize(
    ("command", "module"),
    [("endcap-store", "edge.cli"), ("endcap-cloud", "cloud.cli"), ("endcap-sim", "sim.cli")],
)
def test_every_command_of_the_wheel_answers_for_help(
    elsewhere: Path, tmp_path: Path, command: str, module: str
) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not written yet")
    helped = run([str(elsewhere / "bin" / command), "--help"], tmp_path)
    assert "Usage" in helped


def test_the_commands_are_those_of_the_project(elsewhere: Path) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert all((elsewhere / "bin" / name).exists() for name in scripts)


def pip(*argv: str) -> None:
    """Runs this environment's pip, which must need no network."""
    done = subprocess.run([sys.executable, "-m", "pip", *argv, "--no-index"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def site_of(folder: Path) -> Path:
    """The site-packages of a virtual environment."""
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))


def run(argv: list[str], cwd: Path) -> str:
    """What a command prints, in a folder with nothing in it and an environment that names no Python path."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
