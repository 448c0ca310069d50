"""Dockerfile.edge, built and started: what an operator pulls is what the tests ran."""

import contextlib
import importlib.util
import json
import urllib.request
from pathlib import Path

import pytest

from tests.servers.image import Image
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import free_port, started

pytestmark = pytest.mark.timeout(900)  # a base, a hundred packages and a wheel, the first time

needs_the_store = pytest.mark.skipif(
    importlib.util.find_spec("edge.cli") is None, reason="endcap-store is not written yet"
)


def test_the_image_runs_as_nobody_in_particular_and_says_how_it_is(image: Image) -> None:
    config = image.config
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["endcap-store"]
    assert config["Cmd"] == ["run"]
    assert "/var/lib/endcap" in config["Volumes"]
    assert "/api/v1/health" in config["Healthcheck"]["Test"][-1]


def test_the_image_holds_the_wheel_and_no_compiler_and_no_settings_of_the_builder(image: Image) -> None:
    with image.container() as container:
        where = container.run("python3", "-c", "import edge, sim; print(edge.__file__)")
        assert where.startswith("/opt/store/lib/")
        assert container.run("id", "-u") == "10001"
        assert container.run("sh", "-c", "ls /var/cache/pip; cat /etc/pip.conf 2>/dev/null; true") == ""
        assert container.run("sh", "-c", "command -v gcc; ls -d /opt/build /src 2>/dev/null; true") == ""
        assert container.run("sh", "-c", "touch /opt/store/x 2>&1; true").endswith("Permission denied")


@needs_the_store
def test_the_image_answers_for_help(image: Image) -> None:
    with image.container() as container:
        helped = container.run("endcap-store", "--help")
    assert "doctor" in helped
    assert "explain" in helped


@needs_the_store
def test_a_store_in_the_image_says_that_it_is_well(
    image: Image, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    port = free_port()
    settings = {"ENDCAP_HTTP_PORT": str(port), "ENDCAP_MQTT_PORT": str(mosquitto.port)}
    url = f"http://127.0.0.1:{port}/api/v1/health"

    def is_well() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
        return False

    with image.container() as container:
        # A store needs its files; the example's stand in the installed package.
        books = container.run("sh", "-c", "echo /opt/store/lib/python3*/site-packages/sim/grocery").strip()
        settings["ENDCAP_STORE_BOOKS"] = books
        store = container.process(tmp_path / "store.log", is_well, "endcap-store", "run", env=settings)
        with started(store), urllib.request.urlopen(url, timeout=5) as answer:
            assert isinstance(json.load(answer), dict)
            assert container.run("ls", "/var/lib/endcap"), "the database is in the volume"
            check = image.config["Healthcheck"]["Test"][1:]
            container.run(*check, env=settings)
