"""Head office's settings: the file, the environment over it, and errors that say where and what."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.settings import read_settings, shown
from protocols.errors import Nonsense


def test_every_setting_has_a_default() -> None:
    settings = read_settings(None, {})
    assert settings.http.host == "127.0.0.1" and not settings.workers.ray


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "cloud.toml"
    file.write_text("[http]\nport = 9000\n[workers]\ncount = 3\n")
    settings = read_settings(file, {"ENDCAP_CLOUD_HTTP_PORT": "9001", "ENDCAP_CLOUD_WORKERS_RAY": "true"})
    assert (settings.http.port, settings.workers.count, settings.workers.ray) == (9001, 3, True)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[http]\nport = 99999\n", "http.port"),
        ("[http]\nporch = 1\n", "porch"),
        ("[htpp]\nport = 1\n", "htpp"),
        ("http = 1\n", "http"),
        ("not toml", "not TOML"),
        ('[database]\nurl = "mysql://x"\n', "[database] url"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, names: str) -> None:
    file = tmp_path / "cloud.toml"
    file.write_text(text)
    with pytest.raises(Nonsense, match=names.replace("[", r"\[")):
        read_settings(file, {})


def test_a_mistake_in_the_environment_is_named_too() -> None:
    with pytest.raises(Nonsense, match="ENDCAP_CLOUD_WORKERS_COUNT"):
        read_settings(None, {"ENDCAP_CLOUD_WORKERS_COUNT": "many"})


def test_a_file_that_is_missing_says_so(tmp_path: Path) -> None:
    with pytest.raises(Nonsense, match="no such settings file"):
        read_settings(tmp_path / "nowhere.toml", {})


def test_settings_are_printed_without_the_password() -> None:
    settings = read_settings(
        None, {"ENDCAP_CLOUD_DATABASE_URL": "postgresql+psycopg://endcap:secret@db/endcap"}
    )
    assert "secret" not in str(shown(settings)) and "endcap:***@db" in str(shown(settings))
