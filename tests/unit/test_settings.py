"""Settings: every bad value is named with its place and what would do; the environment comes last."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.settings import Settings, read_settings
from protocols.errors import Nonsense


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "store.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(path: Path | None, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(Nonsense) as caught:
        read_settings(path, environment or {})
    return caught.value.reason


def test_without_a_file_everything_has_its_default() -> None:
    assert read_settings(None, {}) == Settings()


def test_nothing_listens_beyond_this_machine_unless_told_to() -> None:
    settings = Settings()
    assert (settings.http.host, settings.mqtt.host, settings.http.demo) == ("127.0.0.1", "127.0.0.1", False)


def test_the_floor_may_be_edited_on_this_machine_alone_unless_told_otherwise() -> None:
    assert Settings().http.may_edit
    for host, may in (("localhost", True), ("::1", True), ("127.0.0.9", True), ("0.0.0.0", False)):
        assert read_settings(None, {"ENDCAP_HTTP_HOST": host}).http.may_edit is may, host
    for said in (True, False):
        given = {"ENDCAP_HTTP_HOST": "shop.lan", "ENDCAP_HTTP_EDIT": str(said)}
        assert read_settings(None, given).http.may_edit is said


def test_a_file_sets_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, '[store]\nid = "7"\n[http]\nport = 9000\n'), {})
    assert (settings.store.id, settings.http.port, settings.mqtt.port) == ("7", 9000, 1883)


def test_folders_and_files_of_a_settings_file_are_relative_to_it(tmp_path: Path) -> None:
    text = '[store]\nbooks = "books"\ndata = "/srv/data"\n[mqtt]\npassword_file = "pw"\n[kafka]\nkey_file = "key"\n'
    settings = read_settings(written(tmp_path, text), {})
    assert settings.store.books == str(tmp_path / "books")
    assert settings.store.data == "/srv/data"
    assert settings.mqtt.password_file == str(tmp_path / "pw")
    assert settings.kafka.key_file == str(tmp_path / "key")
    assert read_settings(written(tmp_path, ""), {}).mqtt.password_file == ""


def test_the_environment_overrides_the_file_in_every_type(tmp_path: Path) -> None:
    path = written(tmp_path, '[http]\nport = 9000\nhost = "::1"\n')
    environment = {
        "ENDCAP_HTTP_PORT": "9001",
        "ENDCAP_HTTP_DEMO": "true",
        "ENDCAP_STORE_ID": "9",
        "ENDCAP_LOG_LEVEL": "debug",
        "ENDCAP_NOTHING_KNOWN": "x",
    }
    settings = read_settings(path, environment)
    assert (settings.http.port, settings.http.demo, settings.http.host) == (9001, True, "::1")
    assert (settings.store.id, settings.log.level) == ("9", "debug")


def test_every_setting_can_be_given_by_the_environment() -> None:
    for section in msgspec.structs.fields(Settings):
        for setting in msgspec.structs.fields(section.type):
            text = {"timezone": "Asia/Kathmandu", "level": "error", "bootstrap": "kafka:9092"}.get(
                setting.name,
                {bool: "true", str: "other"}.get(setting.type, "5" if section.name == "mqtt" else "100"),
            )
            text = {"closing_hour": "5", "floor_cells": "3", "edit": "false"}.get(setting.name, text)
            read = read_settings(None, {f"ENDCAP_{section.name}_{setting.name}".upper(): text})
            value = getattr(getattr(read, section.name), setting.name)
            assert str(value).lower() == text.lower(), f"[{section.name}] {setting.name}"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[http]\nport = 70000", ("[http] port", "<= 65535")),
        ("[http]\nport = -1", ("[http] port", ">= 0")),
        ('[http]\nport = "8080"', ("[http] port", "Expected `int`")),
        ("[http]\nport = nan", ("[http] port", "Expected `int`")),
        ("[http]\nprot = 8080", ("[http]", "`prot`", "host, port, demo")),
        ("[htpp]\nport = 8080", ("`htpp`", "[http]", "[store]")),
        ("port = 8080", ("`port`", "[http]")),
        ("http = 5", ("[http]", "Expected `object`")),
        ("[mqtt]\nversion = 3", ("[mqtt] version", ">= 4")),
        ('[mqtt]\nsparkplug_host = "a/b"', ("[mqtt] sparkplug_host", "without white space")),
        ("[cells]\nray = 1", ("[cells] ray", "Expected `bool`")),
        ("[cells]\ndeadline_ms = 0", ("[cells] deadline_ms", ">= 10")),
        ("[inbox]\nmoney_max = 1", ("[inbox] money_max", ">= 16")),
        ("[journal]\nfloor_days = 0", ("[journal] floor_days", ">= 1")),
        ('[log]\nlevel = "loud"', ("[log] level", "loud")),
        ('[store]\nid = "a/b"', ("[store] id", "without white space")),
        ('[store]\nid = ""', ("[store] id", "1 to 128")),
        ('[store]\ntimezone = "Europe/Atlantis"', ("[store] timezone", "Europe/Atlantis", "IANA")),
        ('[store]\ntimezone = "../../etc/passwd"', ("[store] timezone", "IANA")),
        ('[store]\ntimezone = ""', ("[store] timezone", "IANA")),
        ('[publish]\ndiscovery_prefix = ""', ("[publish] discovery_prefix", "homeassistant")),
        ('[publish]\ndiscovery_prefix = "ha/+"', ("[publish] discovery_prefix", "without wildcards")),
        ('[publish]\ndiscovery_prefix = "/ha"', ("[publish] discovery_prefix", "homeassistant")),
        ("[publish]\npeople = true", ("[publish]", "`people`", "home_assistant, discovery_prefix, companion")),
        ("[store]\nclosing_hour = 24", ("[store] closing_hour", "<= 23")),
        ('[kafka]\nbootstrap = "broker"', ("[kafka] bootstrap", "'broker'", "host:port")),
        ('[kafka]\nbootstrap = "a:9092, b:x"', ("[kafka] bootstrap", "'b:x'", "commas")),
        ("[http\nport = 1", ("not TOML", "line 1")),
        ("[http]\nport = 1\nport = 2", ("not TOML", "Cannot overwrite")),
        (b"\xff\xfe[http]", ("not TOML",)),
    ],
)  # fmt: skip
def test_a_bad_value_is_named_with_its_place_and_what_would_do(
    tmp_path: Path, text: str | bytes, wanted: tuple[str, ...]
) -> None:
    path = written(tmp_path, text)
    reason = refused(path)
    for part in (str(path), *wanted):
        assert part in reason


def test_a_bad_value_in_the_environment_is_named_by_its_variable() -> None:
    assert "ENDCAP_HTTP_PORT" in refused(None, {"ENDCAP_HTTP_PORT": "many"})
    assert "ENDCAP_HTTP_DEMO" in refused(None, {"ENDCAP_HTTP_DEMO": "perhaps"})


def test_a_section_that_is_no_table_is_refused_also_when_the_environment_adds_to_it(tmp_path: Path) -> None:
    assert "[http] must be a table" in refused(written(tmp_path, "http = 5"), {"ENDCAP_HTTP_PORT": "1"})


def test_a_file_that_is_not_there_or_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert "no such settings file" in refused(tmp_path / "nothing.toml")
    assert "cannot be read" in refused(tmp_path)


@given(st.binary(max_size=200))
def test_any_file_is_settings_or_a_reason(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    path = written(tmp_path_factory.getbasetemp(), text)
    try:
        read_settings(path, {})
    except Nonsense as error:
        assert len(error.reason) > 10
