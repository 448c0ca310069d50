"""The documents name every verb of every command and every setting, and the changelog knows this version."""

import contextlib
import importlib
import importlib.util
import re
import tomllib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest
import typer
import typer.main

ROOT = Path(__file__).resolve().parent.parent.parent
COMMANDS = {"endcap-store": "edge.cli", "endcap-cloud": "cloud.cli", "endcap-sim": "sim.cli"}
SETTINGS = ["edge.settings", "cloud.settings"]


def documents() -> str:
    """What an operator reads."""
    paths = [ROOT / "README.md", ROOT / "ARCHITECTURE.md"]
    return "\n".join(path.read_text() for path in paths if path.exists())


def module_of(name: str) -> Any:
    """The module, or a skip while nobody has written it."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not written yet")
    return importlib.import_module(name)


def app_of(module: Any) -> Any:
    """The command with every verb that `main` adds to it, assembled and not run."""
    with mock.patch.object(typer.Typer, "__call__", return_value=None), contextlib.suppress(SystemExit):
        module.main()
    return typer.main.get_command(module.app)


def verbs(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every verb, and every verb under a verb, that is not hidden."""
    for name, one in getattr(command, "commands", {}).items():
        if not getattr(one, "hidden", False):
            yield (*words, name)
            yield from verbs(one, (*words, name))


def settings_of(struct: type[msgspec.Struct], section: str = "") -> Iterator[str]:
    """Every setting as `section.name`."""
    for field in msgspec.structs.fields(struct):
        name = f"{section}.{field.encode_name}".strip(".")
        inner = struct_in(field.type)
        if inner is None:
            yield name
        else:
            yield from settings_of(inner, name)


def struct_in(annotation: Any) -> type[msgspec.Struct] | None:
    """The struct that an annotation holds, as `X`, `X | None` or `Annotated[X, ...]`; a list or a map ends there."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        for one in typing.get_args(annotation):
            if (found := struct_in(one)) is not None:
                return found
    return None


def names_in_toml(text: str) -> set[str]:
    """`section.name` of all that stands in the fenced TOML of a document."""
    found: set[str] = set()

    def walk(table: dict[str, Any], section: str) -> None:
        for name, value in table.items():
            found.add(f"{section}.{name}".strip("."))
            if isinstance(value, dict):
                walk(value, f"{section}.{name}".strip("."))

    for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        walk(tomllib.loads(block), "")
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_the_documents_name_every_verb(command: str) -> None:
    root = app_of(module_of(COMMANDS[command]))
    spoken = re.sub(r"\s+", " ", documents())
    # `endcap-store run | doctor | plan` and `endcap-sim bench path` both count as naming.
    unnamed = [
        " ".join(words)
        for words in verbs(root)
        if not re.search(rf"{command} (?:[\w-]+ \\?\| ?)*{re.escape(' '.join(words))}(?![\w-])", spoken)
    ]
    assert not unnamed, f"README.md or ARCHITECTURE.md: {command} " + ", ".join(unnamed)


@pytest.mark.parametrize("module", SETTINGS)
def test_the_documents_name_every_setting(module: str) -> None:
    """As `section.name`, as its environment variable, or in a block of TOML."""
    written = module_of(module)
    struct, prefix = written.Settings, getattr(written, "ENVIRONMENT", "ENDCAP")
    text = documents()
    in_toml = names_in_toml(text)
    unnamed = [
        name
        for name in settings_of(struct)
        if name not in in_toml
        and not re.search(rf"(?<![\w.]){re.escape(name)}(?![\w])", text)
        and f"{prefix}_{name.replace('.', '_').upper()}" not in text
    ]
    assert not unnamed, "README.md or ARCHITECTURE.md: " + ", ".join(unnamed)


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)|^make ([a-z]+)", documents(), re.MULTILINE))
    assert {one or other for one, other in named} <= targets
