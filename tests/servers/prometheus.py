"""A real Prometheus that scrapes what a test names and evaluates the rules it is given."""

import contextlib
import json
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.servers.process import Process, accepts, free_port, program, started


class Prometheus:
    """A running server that scrapes every second."""

    def __init__(
        self, folder: Path, targets: Sequence[str], rules: Sequence[Path], metrics_path: str
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.host = "127.0.0.1"
        self.port = free_port()
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in rules],
            "scrape_configs": [
                {
                    "job_name": "endcap",
                    "metrics_path": metrics_path,
                    "static_configs": [{"targets": list(targets)}],
                }
            ],
        }
        path = folder / "prometheus.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        self.process = Process(
            "prometheus",
            [
                program("prometheus"),
                f"--config.file={path}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self.host}:{self.port}",
                "--storage.tsdb.retention.time=1h",
            ],
            folder / "prometheus.log",
            self._answers,
        )

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`."""
        return f"http://{self.host}:{self.port}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector of a PromQL expression: `[{"metric": {...}, "value": [time, "1"]}]`."""
        answer = self._get(f"/api/v1/query?query={urllib.parse.quote(expression)}")
        result = answer["result"]
        assert isinstance(result, list)
        return result

    def alerts(self) -> list[dict[str, Any]]:
        """What is pending or firing."""
        return list(self._get("/api/v1/alerts")["alerts"])

    def rules(self) -> list[dict[str, Any]]:
        """Every loaded rule with its health."""
        return [rule for group in self._get("/api/v1/rules")["groups"] for rule in group["rules"]]

    def targets(self) -> list[dict[str, Any]]:
        """What is scraped, each with `health` and `lastError`."""
        return list(self._get("/api/v1/targets")["activeTargets"])

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(self.url + path, timeout=5) as response:
            answer: dict[str, Any] = json.load(response)
        assert answer["status"] == "success", answer
        data: dict[str, Any] = answer["data"]
        return data

    def _answers(self) -> bool:
        if not accepts(self.port):
            return False
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready", timeout=2):
            return True
        return False


@contextlib.contextmanager
def prometheus_running(
    folder: Path, targets: Sequence[str], rules: Sequence[Path] = (), metrics_path: str = "/metrics"
) -> Iterator[Prometheus]:
    """A server in `folder` that scrapes `targets` ("127.0.0.1:8080") under `rules` (rule files)."""
    server = Prometheus(folder, targets, rules, metrics_path)
    with started(server.process):
        yield server


@pytest.fixture
def start_prometheus(tmp_path: Path) -> Iterator[Callable[..., Prometheus]]:
    """Starts a server of this test's own: `start_prometheus(targets, rules=(), metrics_path="/metrics")`."""
    with contextlib.ExitStack() as stack:

        def start(
            targets: Sequence[str], rules: Sequence[Path] = (), metrics_path: str = "/metrics"
        ) -> Prometheus:
            return stack.enter_context(
                prometheus_running(tmp_path / "prometheus", targets, rules, metrics_path)
            )

        yield start
