"""What head office counts, for /metrics and the stores' lag."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cloud.db.books import Outcome
from cloud.ports import Place


class Counts:
    """Counters of this process's workers, on a registry of their own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.waiting: dict[Place, int] = {}
        self._records = Counter(
            "endcap_cloud_records",
            "Records from stores, by what became of them.",
            ["outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "endcap_cloud_fetch_seconds", "One fetch's transaction.", ["topic"], registry=self.registry
        )
        self._lag = Gauge(
            "endcap_cloud_lag", "Messages that wait in Kafka.", ["topic", "partition"], registry=self.registry
        )

    def took(self, place: Place, outcome: Outcome, took_s: float) -> None:
        """A fetch was committed."""
        for name in ("applied", "repeated", "resent", "held", "parked", "forks", "orders"):
            self._records.labels(name).inc(getattr(outcome, name))
        self._seconds.labels(place.topic).observe(took_s)

    def lags(self, place: Place, messages: int) -> None:
        """So many messages wait in Kafka."""
        self.waiting[place] = messages
        self._lag.labels(place.topic, str(place.partition)).set(messages)
