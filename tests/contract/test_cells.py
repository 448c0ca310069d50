"""One contract for every place where a cell can live: here, behind a socket, in another process, in a Ray actor."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec
import pytest

from actors.cell import Cell
from edge.cells import processes
from edge.cells.home import make_home
from edge.cells.local import LocalCell
from edge.cells.orders import Begin, Ready, Report, decode_report, line
from edge.cells.remote import RemoteCell
from edge.cells.server import CellServer
from edge.ports import CellLost
from protocols.cells import Answer, Batch, Load
from protocols.codec import to_json
from protocols.facts import Fact, Product, ShelfPlace
from protocols.ids import Key, Sku, ZoneId
from protocols.inputs import Cause, Given, Identified, Input, Local, Restocked, Woken, ZoneEntered

Take = Callable[[Batch], Awaitable[Answer]]
Open = Callable[[], "contextlib.AbstractAsyncContextManager[Take]"]

LOCAL = Local("2026-03-02", 600, 0)
SHELF, SHOPPER = Key("shelf:dairy-2"), Key("shopper:ana")
DEADLINE_S = 5.0  # the contract is about answers; the deadline has its own tests


def given(key: Key, ident: str, happened: Input, at_ms: int) -> Given:
    return Given(key, ident, happened, Cause(at_ms * 1_000, operation=ident), at_ms, LOCAL)


FACTS = [
    Fact("shelf", "dairy-2", 1, to_json(ShelfPlace(ZoneId("dairy"), Sku("milk"), 1_000, 12, 3))),
    Fact("product", "milk", 1, to_json(Product("Milk", "dairy", 119))),
]

CONVERSATION = [
    Batch(1, 1_000, LOCAL, 1, load=[Load(SHELF, 0), Load(SHOPPER, 0)], facts=FACTS, fresh=True),
    Batch(2, 2_000, LOCAL, 1, inputs=[given(SHELF, "op-1", Restocked(12), 2_000)]),
    Batch(
        3,
        3_000,
        LOCAL,
        2,
        facts=[Fact("product", "milk", 2, to_json(Product("Milk", "dairy", 99)))],
        inputs=[
            given(SHOPPER, "s-1", Identified("A-1", name="Ana", member=True, consent=("offers",)), 3_000),
            given(SHOPPER, "s-2", ZoneEntered(ZoneId("dairy"), 90), 3_000),
            given(SHELF, "op-2", Restocked(2), 3_000),
        ],
    ),
    Batch(4, 4_000, LOCAL, 2, forget=[SHELF], inputs=[given(SHELF, "w-1", Woken(), 4_000)]),
    Batch(5, 5_000, LOCAL, 2, inputs=[given(SHOPPER, "w-2", Woken(), 5_000)], owed=[SHELF]),
]


def untimed(answer: Answer) -> Answer:
    """The answer without the one thing that differs from place to place."""
    return msgspec.structs.replace(answer, took_us=0)


# --- the places


@contextlib.contextmanager
def _process_address(folder: Path) -> Iterator[str]:
    """A cell in another process, without Ray."""
    address = f"unix:{folder}/p.sock"
    serve = (
        "import sys\nfrom actors.cell import Cell\nfrom edge.cells.server import CellServer\n"
        "server = CellServer('floor', Cell, sys.argv[1]); server.start(); print(flush=True); server.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", serve, address], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            yield address
        finally:
            child.kill()


@contextlib.contextmanager
def _ray_address(home: Path) -> Iterator[str]:
    """A cell in a Ray actor, by the child process alone: the two pipes and nothing of the supervisor."""
    make_home(home)
    with subprocess.Popen(
        [sys.executable, "-m", "edge.cells.ray_host"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, processes.MARK: str(home)},
        cwd=home / "empty",
        start_new_session=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(line(Begin(str(home), ("floor",))))
            child.stdin.flush()
            yield _first_ready(child.stdout).address
        finally:
            child.stdin.close()
            child.wait(20)
            processes.sweep(str(home))


def _first_ready(stream: IO[bytes]) -> Ready:
    said: list[Report] = []
    for text in stream:
        said.append(decode_report(text))
        if isinstance(said[-1], Ready):
            return said[-1]
    raise AssertionError(f"the child ended; it said {said}")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A short folder: the path of a unix socket ends at 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ec-") as name:
        yield Path(name)


@pytest.fixture(scope="module", params=["here", "unix", "tcp", "process", "ray"])
def place(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The address of a cell named `floor`, empty for one in this process."""
    with contextlib.ExitStack() as stack:
        if request.param == "here":
            yield ""
        elif request.param == "process":
            yield stack.enter_context(_process_address(folder))
        elif request.param == "ray":
            yield stack.enter_context(_ray_address(folder / "r"))
        else:
            wanted = f"unix:{folder}/t.sock" if request.param == "unix" else "tcp:127.0.0.1:0"
            server = CellServer("floor", Cell, wanted)
            server.start()
            stack.callback(server.close)
            yield server.address


@pytest.fixture
async def open_cell(place: str) -> AsyncIterator[Open]:
    """Opens a new, empty cell at the place, closed at the end of the block."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Take]:
        if not place:
            yield LocalCell(Cell()).take
            return
        remote = await RemoteCell.connect(place, "floor", DEADLINE_S, lambda *_: None)
        try:
            yield remote.take
        finally:
            remote.close("the test is over")

    yield opened


# --- the contract


async def test_the_same_batches_give_the_same_answers_and_digests(open_cell: Open) -> None:
    cell = Cell()
    expected = [untimed(cell.take(batch)) for batch in CONVERSATION]
    async with open_cell() as take:
        answers = [untimed(await take(batch)) for batch in CONVERSATION]
    assert answers == expected
    digests = [turn.digest for answer in answers for turn in answer.turns]
    assert len(digests) >= 5, "the conversation makes turns of both kinds"
    assert all(len(digest) == 8 for digest in digests)


async def test_a_key_that_is_not_held_comes_back_untaken(open_cell: Open) -> None:
    lone = given(Key("shelf:unheard-of"), "op-1", Restocked(3), 1_000)
    async with open_cell() as take:
        answer = await take(Batch(1, 1_000, LOCAL, 0, inputs=[lone], fresh=True))
    assert [(one.given, one.why) for one in answer.untaken] == [(lone, "missing")]
    assert answer.turns == []


async def test_a_forgotten_key_is_missing_until_it_is_loaded_again(open_cell: Open) -> None:
    wake = given(SHELF, "w", Woken(), 2_000)
    async with open_cell() as take:
        await take(CONVERSATION[0])
        forgotten = await take(Batch(2, 2_000, LOCAL, 1, forget=[SHELF], inputs=[wake]))
        loaded = await take(Batch(3, 2_000, LOCAL, 1, load=[Load(SHELF, 0)], inputs=[wake]))
    assert [one.why for one in forgotten.untaken] == ["missing"]
    assert [turn.given for turn in loaded.turns] == [wake]


async def test_a_fresh_batch_empties_the_cell_first(open_cell: Open) -> None:
    wake = given(SHELF, "w", Woken(), 2_000)
    async with open_cell() as take:
        await take(CONVERSATION[0])
        answer = await take(Batch(2, 2_000, LOCAL, 0, inputs=[wake], fresh=True))
    assert [one.why for one in answer.untaken] == ["missing"]


async def test_a_cell_that_is_opened_again_holds_nothing(open_cell: Open) -> None:
    async with open_cell() as take:
        await take(CONVERSATION[0])
    async with open_cell() as take:
        answer = await take(Batch(2, 2_000, LOCAL, 0, inputs=[given(SHELF, "w", Woken(), 2_000)]))
    assert [one.why for one in answer.untaken] == ["missing"]


async def test_a_batch_that_throws_as_a_whole_loses_the_cell_wherever_it_is(open_cell: Open) -> None:
    nonsense = Fact("product", "milk", 1, b'{"name": 7}')
    async with open_cell() as take:
        with pytest.raises(CellLost):
            await take(Batch(1, 1_000, LOCAL, 1, facts=[nonsense]))
    async with open_cell() as take:
        assert (await take(CONVERSATION[0])).number == 1


async def test_a_batch_of_two_megabytes_passes_both_ways(open_cell: Open) -> None:
    shelves = [Key(f"shelf:{number}") for number in range(4_000)]
    lone = [given(key, f"op-{key}" + "x" * 400, Restocked(1), 1_000) for key in shelves]
    async with open_cell() as take:
        answer = await take(Batch(1, 1_000, LOCAL, 0, inputs=lone, fresh=True))
    assert [one.given.id for one in answer.untaken] == [one.id for one in lone]


async def test_the_answer_says_how_long_stepping_took(open_cell: Open) -> None:
    async with open_cell() as take:
        answer = await take(CONVERSATION[0])
    assert 0 < answer.took_us < 5_000_000
