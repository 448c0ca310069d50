"""The latency ledger and the rates: what the console draws and what /metrics says.

Latency counts from the arrival of the oldest cause to the moment its message was handed to the wire. Stages:
decode (and waiting for a batch), cell, commit, wire. Soft state: the last minute, and running totals.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from edge.web.views import SPARK_POINTS, LatencyView, RatesView, RateView, StageTime

SAMPLES_MAX = 6_000
"""Latencies kept for the last minute: 100 a second. Above it the oldest go first, and the minute is shorter."""

BUCKETS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

STAGES = ("decode", "cell", "commit", "wire")


@dataclass(frozen=True, slots=True)
class _Sample:
    at_ms: int
    total_us: int
    stages_us: tuple[int, int, int, int]


class Rate:
    """Counts by second, of the last minute."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque(maxlen=SPARK_POINTS + 1)

    def add(self, now_ms: int, count: int = 1) -> None:
        """So many more now."""
        second = now_ms // 1000
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1] = (second, self._seconds[-1][1] + count)
        else:
            self._seconds.append((second, count))

    def view(self, now_ms: int) -> RateView:
        """The mean over the last ten whole seconds, and a figure for each second of the last minute."""
        second = now_ms // 1000
        counts = dict(self._seconds)
        series = tuple(float(counts.get(second - back, 0)) for back in range(SPARK_POINTS, 0, -1))
        return RateView(now=sum(series[-10:]) / 10, series=series)

    def last_minute(self, now_ms: int) -> int:
        """How many in the last sixty seconds."""
        since = now_ms // 1000 - 60
        return sum(count for second, count in self._seconds if second > since)


class Measures:
    """Latencies and rates of a store."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.sightings, self.decisions, self.sales = Rate(), Rate(), Rate()
        self._samples: deque[_Sample] = deque(maxlen=SAMPLES_MAX)
        self._sales_by_minute: deque[tuple[int, int]] = deque(maxlen=SPARK_POINTS + 1)
        self._latency = Histogram(
            "endcap_latency_seconds",
            "From the arrival of the oldest cause to the wire, by stage",
            ("stage",),
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._stages = [self._latency.labels(stage) for stage in (*STAGES, "total")]

    def answered(self, at_ms: int, total_us: int, cell_us: int, commit_us: int, wire_us: int) -> None:
        """A message went out `total_us` after its oldest cause arrived."""
        decode_us = max(0, total_us - cell_us - commit_us - wire_us)
        stages = (decode_us, cell_us, commit_us, wire_us)
        self._samples.append(_Sample(at_ms, total_us, stages))
        for histogram, took_us in zip(self._stages, (*stages, total_us), strict=True):
            histogram.observe(took_us / 1e6)

    def sold(self, now_ms: int) -> None:
        """A sale was closed."""
        self.sales.add(now_ms)
        minute = now_ms // 60_000
        if self._sales_by_minute and self._sales_by_minute[-1][0] == minute:
            self._sales_by_minute[-1] = (minute, self._sales_by_minute[-1][1] + 1)
        else:
            self._sales_by_minute.append((minute, 1))

    def latency(self, now_ms: int, gateway_age_ms: float | None) -> LatencyView:
        """The last minute: percentiles, and two real turns."""
        recent = [sample for sample in self._samples if now_ms - sample.at_ms <= 60_000]
        if not recent:
            return LatencyView(gateway_age_ms=None if gateway_age_ms is None else int(gateway_age_ms))
        ordered = sorted(recent, key=lambda sample: sample.total_us)
        typical, slow = _at(ordered, 0.5), _at(ordered, 0.99)
        return LatencyView(
            p50_us=typical.total_us,
            p99_us=slow.total_us,
            p99_series_us=_series(recent, now_ms),
            typical=_stages(typical),
            slow=_stages(slow),
            gateway_age_ms=None if gateway_age_ms is None else int(gateway_age_ms),
        )

    def rates(self, now_ms: int, shed: int) -> RatesView:
        """What came in and went out: a second; sales a minute."""
        minutes = dict(self._sales_by_minute)
        this = now_ms // 60_000
        series = tuple(float(minutes.get(this - back, 0)) for back in range(SPARK_POINTS - 1, -1, -1))
        sales = RateView(now=float(self.sales.last_minute(now_ms)), series=series[-30:])
        return RatesView(self.sightings.view(now_ms), self.decisions.view(now_ms), sales, shed)

    def expose(self, read: Callable[[], Iterable[tuple[str, str, float, dict[str, str]]]]) -> None:
        """Adds figures that are read when somebody scrapes: (name, help, value, labels); `_total` names count."""
        self.registry.register(_Read(read))


class _Read:
    """A Prometheus collector over figures that the store counts anyway."""

    def __init__(self, read: Callable[[], Iterable[tuple[str, str, float, dict[str, str]]]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for name, say, value, labels in self._read():
            family = families.get(name)
            if family is None:
                made = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
                family = families[name] = made(name, say, labels=tuple(labels))
            family.add_metric(tuple(labels.values()), value)  # type: ignore[attr-defined]
        return families.values()


def _at(ordered: Sequence[_Sample], share: float) -> _Sample:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _stages(sample: _Sample) -> tuple[StageTime, ...]:
    return tuple(StageTime(stage, took) for stage, took in zip(STAGES, sample.stages_us, strict=True))


def _series(samples: Iterable[_Sample], now_ms: int) -> tuple[int, ...]:
    """The p99 of each second of the last minute that had any, oldest first."""
    by_second: dict[int, list[int]] = {}
    for sample in samples:
        by_second.setdefault(sample.at_ms // 1000, []).append(sample.total_us)
    return tuple(
        sorted(totals)[min(len(totals) - 1, int(0.99 * len(totals)))]
        for second, totals in sorted(by_second.items())
        if second > now_ms // 1000 - SPARK_POINTS
    )
