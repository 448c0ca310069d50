"""A real Prometheus scrapes a running store and has its figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers.mosquitto import Mosquitto
from tests.servers.process import wait_until
from tests.servers.prometheus import Prometheus
from tests.stores import ear, sighting, store_running


def value(found: list[dict[str, Any]]) -> float:
    return sum(float(one["value"][1]) for one in found)


async def test_prometheus_has_the_figures_of_a_running_store(
    tmp_path: Path, mosquitto: Mosquitto, start_prometheus: Callable[..., Prometheus]
) -> None:
    with store_running(tmp_path / "store", mosquitto) as store:
        async with ear(mosquitto.port) as heard:
            await heard.say("espresense/devices/phone-ana/coffee", sighting())
            await heard.say("espresense/devices/phone-ana/coffee", b"nonsense")
            await heard.until("endcap/v1/014/phone/A-1001/wallet", lambda one: bool(one["offers"]))
        for number in range(3):
            assert store.sell(f"m-{number}", "A-1001").status == 200
        assert store.sell("m-0", "A-1001").json["replayed"] is True
        assert store.sell("m-0", "A-1001", sale="x").status == 409

        server = start_prometheus([f"127.0.0.1:{store.port}"])
        wait_until(lambda: value(server.query("up")) == 1, "the first scrape", 20)
        (target,) = server.targets()
        assert (target["health"], target["lastError"]) == ("up", "")

        def figure(expression: str) -> float:
            return value(server.query(expression))

        assert figure("endcap_turns_total") == store.figure("endcap_turns_total") > 40
        assert figure("endcap_replayed_total") == 1
        assert figure("endcap_parked_total") == 0
        assert figure("endcap_visits") == 1
        assert figure("endcap_sightings_total") == 1
        assert figure('endcap_mqtt_refused_total{format="espresense",reason="nonsense"}') == 1
        assert figure('endcap_http_refused_total{reason="idempotency_mismatch"}') == 1
        assert figure("endcap_till_seconds_count") == 4
        assert figure('endcap_cell_place{cell="floor",where="here"}') == 1
        assert figure('endcap_link_up{link=~"mqtt (telemetry|money)"}') == 2
        assert figure('endcap_backlog{stream="money"}') >= 4
        assert figure("endcap_wallets_sent_total") >= 4
        assert (
            figure("histogram_quantile(0.99, sum by (le) (endcap_latency_seconds_bucket{stage='total'}))") > 0
        )
        stages = {one["metric"]["stage"] for one in server.query("endcap_latency_seconds_count")}
        assert stages == {"decode", "cell", "commit", "wire", "total"}

        wait_until(lambda: figure("count_over_time(up[1m])") >= 3, "a few scrapes", 20)
        store.process.kill()
        wait_until(lambda: figure("up") == 0, "the store is missed", 20)
