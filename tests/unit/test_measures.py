"""The latency ledger and the rates, as the console draws them and as Prometheus reads them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from edge.measures import SAMPLES_MAX, Measures, Rate
from edge.web.views import SPARK_POINTS

NOW_MS = 1_790_000_000_000


def measures() -> Measures:
    return Measures(CollectorRegistry())


def test_a_rate_is_the_mean_of_the_last_ten_whole_seconds() -> None:
    rate = Rate()
    for second in range(20):
        rate.add(NOW_MS + second * 1_000, 5)
        rate.add(NOW_MS + second * 1_000 + 500)
    view = rate.view(NOW_MS + 20_000)
    assert view.now == 6.0
    assert len(view.series) == SPARK_POINTS
    assert view.series[-20:] == (6.0,) * 20
    assert view.series[0] == 0.0


def test_the_second_that_is_not_over_yet_does_not_count() -> None:
    rate = Rate()
    rate.add(NOW_MS, 100)
    assert rate.view(NOW_MS).now == 0.0
    assert rate.view(NOW_MS + 1_000).now == 10.0
    assert rate.view(NOW_MS + 61_000).series == (0.0,) * SPARK_POINTS


def test_a_minutes_count_forgets_what_is_older() -> None:
    rate = Rate()
    rate.add(NOW_MS)
    rate.add(NOW_MS + 30_000)
    assert rate.last_minute(NOW_MS + 59_000) == 2
    assert rate.last_minute(NOW_MS + 61_000) == 1


def test_with_nothing_answered_no_latency_is_claimed() -> None:
    view = measures().latency(NOW_MS, None)
    assert (view.p50_us, view.p99_us, view.typical, view.gateway_age_ms) == (None, None, (), None)


def test_percentiles_are_real_turns_whose_stages_add_up() -> None:
    kept = measures()
    for number in range(100):
        kept.answered(NOW_MS, 1_000 + number * 10, 300, 400, 50)
    view = kept.latency(NOW_MS, 12.7)
    assert (view.p50_us, view.p99_us, view.gateway_age_ms) == (1_500, 1_990, 12)
    assert [stage.stage for stage in view.slow] == ["decode", "cell", "commit", "wire"]
    assert sum(stage.took_us for stage in view.slow) == view.p99_us
    assert view.p99_series_us == (1_990,)


def test_stages_that_overlap_never_make_the_first_one_negative() -> None:
    kept = measures()
    kept.answered(NOW_MS, 100, 80, 80, 80)
    assert kept.latency(NOW_MS, None).typical[0].took_us == 0


def test_the_last_minute_counts_and_its_samples_have_a_limit() -> None:
    kept = measures()
    kept.answered(NOW_MS, 9_999, 0, 0, 0)
    for number in range(SAMPLES_MAX + 500):
        kept.answered(NOW_MS + 61_000, number, 0, 0, 0)
    assert kept.latency(NOW_MS + 61_000, None).p50_us == 500 + SAMPLES_MAX // 2
    assert kept.latency(NOW_MS + 122_000, None).p50_us is None


def test_sales_are_told_by_the_minute() -> None:
    kept = measures()
    for _ in range(3):
        kept.sold(NOW_MS)
    kept.sold(NOW_MS + 60_000)
    view = kept.rates(NOW_MS + 60_000, shed=7)
    assert view.sales.series[-2:] == (3.0, 1.0)
    assert view.sales.now == 1.0
    assert view.shed == 7


def test_everything_is_in_the_text_that_prometheus_reads() -> None:
    kept = measures()
    kept.answered(NOW_MS, 1_500, 300, 400, 50)
    kept.expose(
        lambda: [
            ("endcap_turns_total", "Turns", 12.0, {}),
            ("endcap_waiting", "Waiting", 1.0, {"cell": "floor"}),
            ("endcap_waiting", "Waiting", 2.0, {"cell": 'a"quoted\\one\n'}),
        ]
    )
    text = generate_latest(kept.registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["endcap_turns"].type == "counter"
    assert {sample.labels["cell"]: sample.value for sample in families["endcap_waiting"].samples} == {
        "floor": 1.0,
        'a"quoted\\one\n': 2.0,
    }
    totals = [one for one in families["endcap_latency_seconds"].samples if one.labels.get("stage") == "total"]
    assert {one.name: one.value for one in totals if one.name.endswith(("_sum", "_count"))} == {
        "endcap_latency_seconds_count": 1.0,
        "endcap_latency_seconds_sum": 0.0015,
    }
