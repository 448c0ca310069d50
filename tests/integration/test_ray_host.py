"""Cells on a real Ray: they move there, every process of it may be killed or stopped, and none is ever left."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from edge.cells import ACCOUNT_CELL, CellHouse, Pace, processes
from edge.cells.home import HomeRefused, home_of, make_home
from edge.cells.orders import Alive, Begin, Ready, Refused, Started, decode_report, line
from edge.ports import CellLost
from edge.settings import CellSettings
from protocols.cells import Batch
from protocols.inputs import Local
from tests.servers.process import wait_until

# One Ray is killed in every way, one after the other: a start for each test would take most of the time.
shared_loop = pytest.mark.asyncio(loop_scope="module")

LOCAL = Local("2026-03-02", 600, 0)
ON_RAY_S = 60.0
HOME_AT_ONCE_S = 0.1
DEADLINE_S = 0.25
QUICK = Pace(silence_limit_s=3.0, back_off_max_s=0.5, hold_off_first_s=0.3, hold_off_max_s=0.3)


def empty(number: int) -> Batch:
    return Batch(number, 1_000, LOCAL, 0, fresh=True)


async def eventually(true: Callable[[], bool], what: str, within_s: float = ON_RAY_S) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {within_s:g} s"
        await asyncio.sleep(0.002)


async def take(house: CellHouse, number: int = 1) -> None:
    assert (await house.take("floor", house.life("floor"), empty(number))).number == number


async def on_ray(house: CellHouse) -> int:
    """Waits until the floor's cell serves from Ray; gives its process."""
    await eventually(lambda: house.places()["floor"].where == "ray", f"on Ray, now {house.places()['floor']}")
    await take(house)
    return house.places()["floor"].pid


def runs(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


async def home_again(house: CellHouse, life: int, within_s: float = HOME_AT_ONCE_S) -> None:
    """The cell comes home within the time, under another life, and serves there."""
    await eventually(lambda: house.life("floor") != life, "another life", within_s)
    assert house.places()["floor"].where == "here"
    await take(house)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[CellHouse]:
    with tempfile.TemporaryDirectory() as data:
        house = CellHouse(["floor"], CellSettings(), data, pace=QUICK)
        await house.start()
        await take(house)  # it serves before Ray has begun to start
        assert house.places()["floor"].where == "here"
        yield house
        await house.stop()
        assert processes.ours(str(home_of(data))) == []
        assert not home_of(data).exists()


@pytest_asyncio.fixture(loop_scope="module")
async def house(shared: CellHouse) -> CellHouse:
    await on_ray(shared)
    return shared


# --- where things run


@shared_loop
async def test_floor_cells_move_to_ray_and_the_account_cell_never_does(house: CellHouse) -> None:
    places = house.places()
    assert places["floor"].pid not in (0, os.getpid())
    assert (places[ACCOUNT_CELL].where, places[ACCOUNT_CELL].pid) == ("here", os.getpid())
    assert set(house.ray_processes()) == {"child", "gcs_server", "raylet", "cell:floor"}


@shared_loop
async def test_no_port_of_ray_is_reachable_from_another_machine(house: CellHouse) -> None:
    ours = [pid for name, pid in house.ray_processes().items()]
    assert len(processes.listening(ours)) >= 4, "the ports were found, so that none exposed means something"
    assert processes.exposed(processes.ours(_home(house))) == []


@shared_loop
async def test_a_cells_process_runs_unhindered_in_an_empty_folder(house: CellHouse) -> None:
    pid = house.places()["floor"].pid
    assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0)
    assert os.listdir(f"/proc/{pid}/cwd") == []
    assert os.stat(f"{_home(house)}/token").st_mode & 0o777 == 0o600


# --- deaths


@shared_loop
async def test_a_killed_cell_is_served_here_at_once_and_goes_back_later(house: CellHouse) -> None:
    pid, life = house.places()["floor"].pid, house.life("floor")
    os.kill(pid, signal.SIGKILL)
    await home_again(house, life)
    with pytest.raises(CellLost):
        await house.take("floor", life, empty(2))
    assert await on_ray(house) != pid


@shared_loop
async def test_a_stopped_cell_is_lost_at_the_deadline_and_replaced(house: CellHouse) -> None:
    pid, life = house.places()["floor"].pid, house.life("floor")
    os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(CellLost, match="no answer within 250 ms"):
        await house.take("floor", life, empty(2))
    assert time.monotonic() - started < DEADLINE_S + HOME_AT_ONCE_S
    await home_again(house, life)
    assert await on_ray(house) != pid
    assert not runs(pid), "a process that greets nobody is ended"


@pytest.mark.parametrize("name", ["raylet", "gcs_server", "child"])
@shared_loop
async def test_a_killed_process_of_ray_costs_nothing_but_speed(house: CellHouse, name: str) -> None:
    before = house.ray_processes()
    life = house.life("floor")
    os.kill(before[name], signal.SIGKILL)
    await eventually(lambda: house.life("floor") != life, f"{name} noticed", 5.0)
    await take(house)
    await on_ray(house)
    after = house.ray_processes()
    assert not set(before.values()) & set(after.values()), "nothing of the Ray before is left"
    assert not any(map(runs, before.values()))


@shared_loop
async def test_a_stopped_child_is_replaced_and_the_cell_serves_meanwhile(house: CellHouse) -> None:
    before = house.ray_processes()["child"]
    os.kill(before, signal.SIGSTOP)
    for number in range(10):
        await take(house, number)
    await eventually(lambda: house.ray_processes().get("child", before) != before, "another child")
    await on_ray(house)


@shared_loop
async def test_killing_all_of_ray_is_one_call_and_names_what_was_killed(house: CellHouse) -> None:
    life, before = house.life("floor"), house.ray_processes()
    killed = house.kill_ray()
    assert set(killed) >= {before["raylet"], before["gcs_server"], before["cell:floor"]}
    assert before["child"] not in killed
    await home_again(house, life)
    await on_ray(house)


@shared_loop
async def test_a_folder_that_is_removed_under_a_running_store_comes_back(house: CellHouse) -> None:
    shutil.rmtree(_home(house))
    os.kill(house.places()["floor"].pid, signal.SIGKILL)
    await eventually(lambda: house.places()["floor"].where == "here", "home", 5.0)
    await on_ray(house)
    assert os.stat(_home(house)).st_mode & 0o777 == 0o700


# --- two stores, two lives


@contextlib.contextmanager
def child_of(home: Path, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """The child alone, as the supervisor starts it; it ends with the block."""
    make_home(home)
    with subprocess.Popen(
        [sys.executable, *(argv or ("-m", "edge.cells.ray_host"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, processes.MARK: str(home)},
        cwd=home / "empty",
        start_new_session=True,
    ) as child:
        assert child.stdin is not None
        try:
            child.stdin.write(line(Begin(str(home), ("floor",))))
            child.stdin.flush()
            yield child
        finally:
            child.stdin.close()
            processes.sweep(str(home))


def started_in(child: subprocess.Popen[bytes]) -> None:
    """Returns when the child has told of its cell; anything else that it may say is a failure."""
    assert child.stdout is not None
    while not isinstance(report := decode_report(child.stdout.readline()), Ready):
        assert isinstance(report, Started | Alive), report


@shared_loop
async def test_two_stores_on_one_machine_have_a_ray_each(house: CellHouse) -> None:
    with tempfile.TemporaryDirectory() as data:
        other = CellHouse(["floor"], CellSettings(), data, pace=QUICK)
        await other.start()
        try:
            await on_ray(other)
            assert not set(processes.ours(_home(house))) & set(processes.ours(_home(other)))
        finally:
            await other.stop()
    assert house.places()["floor"].where == "ray"


ENGINE = """
import asyncio, sys
from edge.cells import CellHouse
from edge.settings import CellSettings

async def main():
    house = CellHouse(["floor"], CellSettings(), sys.argv[1])
    await house.start()
    while house.places()["floor"].where != "ray":
        await asyncio.sleep(0.01)
    print(house.ray_processes()["child"], "ray" in sys.modules, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@contextlib.contextmanager
def engine(data: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """An engine's process with its floor on Ray, and the pid of its child."""
    with subprocess.Popen([sys.executable, "-c", ENGINE, data], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for text in process.stdout:  # its log comes first
                child, _, imported = text.strip().partition(" ")
                if child.isdigit():
                    assert imported == "False", "the engine never imports Ray"
                    break
            yield process, int(child)
        finally:
            process.kill()


def test_an_engine_that_is_killed_leaves_no_process() -> None:
    with tempfile.TemporaryDirectory() as data:
        home = str(home_of(data))
        with engine(data) as (process, _):
            assert len(processes.ours(home)) >= 5
            process.kill()
            wait_until(lambda: not processes.ours(home), "all of Ray ended", 5.0)


def test_an_engine_killed_together_with_its_child_leaves_no_process() -> None:
    with tempfile.TemporaryDirectory() as data:
        home = str(home_of(data))
        with engine(data) as (process, child):
            os.kill(child, signal.SIGKILL)
            process.kill()
            wait_until(lambda: not processes.ours(home), "all of Ray ended", 10.0)


def test_an_engine_that_is_killed_leaves_no_process_even_if_all_of_them_were_stopped() -> None:
    with tempfile.TemporaryDirectory() as data:
        home = str(home_of(data))
        with engine(data) as (process, child):
            ours = processes.ours(home)
            assert child in ours
            for pid in ours:
                os.kill(pid, signal.SIGSTOP)
            process.kill()
            wait_until(lambda: not processes.ours(home), "all of Ray ended", 5.0)


def test_a_starting_child_waits_for_the_one_before_and_ends_it_if_it_stays() -> None:
    with tempfile.TemporaryDirectory(prefix="ec-") as folder:
        home = Path(folder, "h")
        with child_of(home) as first:
            started_in(first)
            before = processes.ours(str(home))
            os.kill(first.pid, signal.SIGSTOP)  # it can neither serve nor end
            with child_of(home) as second:
                started_in(second)
                ours = processes.ours(str(home))
                assert second.pid in ours
                assert not set(before) & set(ours)
        assert processes.ours(str(home)) == []


# --- exposure


# Told to, Ray binds the machine's own address, which not every test machine can reach; any port of ours will do.
EXPOSED_CHILD = """
import socket
import edge.cells.ray_host as host
wide = socket.create_server(("0.0.0.0", 0))
host.main()
"""


def test_a_ray_that_other_machines_could_reach_is_refused_and_ended() -> None:
    with tempfile.TemporaryDirectory(prefix="ec-") as folder:
        home = Path(folder, "h")
        with child_of(home, "-c", EXPOSED_CHILD) as child:
            assert child.stdout is not None
            reports = [decode_report(text) for text in child.stdout]
            assert child.wait(20) == 1
        assert [type(report) for report in reports] == [Refused]
        assert isinstance(reports[0], Refused)
        assert "other machines can reach" in reports[0].why
        assert processes.ours(str(home)) == []


def test_a_port_beyond_loopback_is_found_in_either_family() -> None:
    with (
        socket.create_server(("0.0.0.0", 0)) as wide,
        socket.create_server(("127.0.0.1", 0)) as narrow,
        socket.create_server(("::", 0), family=socket.AF_INET6) as six,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as narrow_six,
    ):
        found = {(one.address, one.port) for one in processes.exposed([os.getpid()])}
        ports = [one.getsockname()[1] for one in (wide, six, narrow, narrow_six)]
    assert {("0.0.0.0", ports[0]), ("::", ports[1])} <= found
    assert not {port for _, port in found} & set(ports[2:])


def test_a_folder_that_others_could_open_is_made_anew() -> None:
    with tempfile.TemporaryDirectory(prefix="ec-") as folder:
        home = Path(folder, "h")
        home.mkdir()
        home.chmod(0o777)
        (home / "planted").touch()
        make_home(home)
        assert home.stat().st_mode & 0o777 == 0o700
        assert not (home / "planted").exists()


def test_a_link_or_a_file_in_the_place_of_the_folder_is_refused() -> None:
    with tempfile.TemporaryDirectory(prefix="ec-") as folder:
        make_home(Path(folder, "x"))
        Path(folder, "l").symlink_to(Path(folder, "x"))
        with pytest.raises(HomeRefused, match="remove it"):
            make_home(Path(folder, "l"))
        Path(folder, "f").touch()
        with pytest.raises(HomeRefused, match="remove it"):
            make_home(Path(folder, "f"))


def _home(house: CellHouse) -> str:
    assert house._supervisor is not None
    return str(house._supervisor.home)
