"""The source keeps its own rules: directions of imports, docstrings, size, and nothing of anybody's machine."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCT = ["edge", "cloud", "actors", "protocols", "sim"]
TOP_LEVEL = {
    *PRODUCT,
    "tests",
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Dockerfile.edge",
    "LICENSE",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "requirements.lock",
}
LINES_MAX = 500

# Spelled in two parts, so that this file does not name them either.
REGISTRIES = [
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "maven" + ".org",
    "maven.apache" + ".org",
    "deb.debian" + ".org",
    "archive.ubuntu" + ".com",
    "crates" + ".io",
    "golang" + ".org",
    "docker" + ".io",
]
# A path of one machine: somebody's home, or the folder that a build happened in.
MACHINE_PATH = re.compile(r"(?<![\w./~*-])/(?:work|root|home|Users)/(?!\*)")


def tracked() -> list[Path]:
    """Every file that git knows; a source archive has no git and skips."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def modules() -> list[Path]:
    """Every Python file of the product."""
    return sorted(path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py"))


def text_of(path: Path) -> str:
    """The file as text; a picture or a database has none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def name_of(path: Path) -> str:
    """The path as a person would say it."""
    return str(path.relative_to(ROOT))


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]


def test_every_module_says_in_a_sentence_what_it_is() -> None:
    silent = []
    for path in modules():
        first = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0].strip()
        if not re.fullmatch(r".{12,}[.:!?]", first, re.DOTALL):
            silent.append(f"{name_of(path)}: {first!r}")
    assert not silent, "\n".join(silent)


def test_no_python_file_is_longer_than_a_person_reads() -> None:
    long = []
    for path in [*modules(), *sorted((ROOT / "tests").rglob("*.py"))]:
        lines = len(path.read_text().splitlines())
        if lines > LINES_MAX:
            long.append(f"{name_of(path)}: {lines}")
    assert not long, "\n".join(long)


def test_the_top_level_holds_what_it_is_meant_to_hold() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} <= TOP_LEVEL


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    found = []
    for path in tracked():
        for number, line in enumerate(text_of(path).splitlines(), 1):
            if MACHINE_PATH.search(line) and path != Path(__file__).resolve():
                found.append(f"{name_of(path)}:{number}: {line.strip()[:100]}")
    assert not found, "\n".join(found)


def test_no_file_names_a_package_registry() -> None:
    found = []
    for path in tracked():
        text = text_of(path).lower()
        found += [f"{name_of(path)}: {host}" for host in REGISTRIES if host in text]
    assert not found, "\n".join(found)


def test_the_lock_pins_and_hashes_every_package() -> None:
    entries = re.findall(
        r"^([a-z0-9].*?)(?: \\)?\n((?:    --hash=.*\n?)*)", text_of(ROOT / "requirements.lock"), re.M
    )
    assert len(entries) > 50
    loose = [head for head, hashes in entries if "==" not in head or "--hash=sha256:" not in hashes]
    assert not loose, "\n".join(loose)


def test_no_module_of_ours_is_named_like_one_of_the_standard_library_at_the_top() -> None:
    assert not set(PRODUCT) & sys.stdlib_module_names
