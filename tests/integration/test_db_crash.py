"""A process that commits in a loop is killed at any moment: what it acknowledged is there, once and in order."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from edge.db import open_db
from protocols.ids import Key
from protocols.records import chain
from tests.store_values import counted, given, group, sale, saved, taken

ROUNDS = 4
KEY = b"k" * 32


async def sell_for_ever(folder: Path) -> None:
    """Four accounts that buy at once; each commit that returned is printed."""
    db = open_db(folder, chain_key=KEY)

    async def buy(account: str) -> None:
        load = db.load(Key(f"account:{account}"))
        first = load.version if load else 0
        for number in itertools.count(first + 1):
            turn = sale(account, number, entry=number)
            walk = taken(given("shopper:ana", ident=f"{account}/{number}"), [counted("dairy", 1)])
            await db.commit(group(turn, walk, saved=[saved(f"account:{account}", number - 1, state=b"{}")]))
            print(turn.turn.given.operation, flush=True)

    await asyncio.gather(*(buy(f"A-{n}") for n in range(4)))


@pytest.mark.timeout(120)
def test_everything_that_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for wanted in range(60, 60 + 35 * ROUNDS, 35):
        engine = subprocess.Popen(
            [sys.executable, __file__, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert engine.stdout is not None
        for line in itertools.islice(engine.stdout, wanted):
            acknowledged.add(line.strip())
        engine.kill()
        # What was printed before the kill but not read yet was acknowledged too; a torn last line was not.
        acknowledged.update(line.strip() for line in engine.stdout if line.endswith("\n"))
        engine.wait()
        engine.stdout.close()
        assert_whole(tmp_path, acknowledged)


def assert_whole(folder: Path, acknowledged: set[str]) -> None:
    db = open_db(folder, chain_key=KEY)
    rows = db.journal(0, 1_000_000)
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    sold = [row.given.operation for row in rows if row.given.operation]
    assert len(sold) == len(set(sold)) == db.totals().sales
    assert acknowledged <= set(sold)
    assert len(sold) - len(acknowledged) <= 4 * ROUNDS  # at most what was under way at each kill
    assert db.totals().points_off_by == 0
    assert db.facts()[1][0].value == b'{"shoppers":%d,"members":0}' % len(sold)
    for account in db.keys("account"):
        load = db.load(account)
        assert load is not None
        assert load.version == len(db.rows_of(account))
    (cursor,) = db.outbox_cursors()  # one life: a crash is no reason for a new one
    page = db.outbox_page(cursor.incarnation, "money", 0, 10**9)
    assert [row.sequence for row in page] == list(range(1, len(sold) + 2))
    before = b""
    for row in page:
        assert row.chain == chain(KEY, before, row.sequence, row.value)
        before = row.chain
    db.close()


if __name__ == "__main__":
    asyncio.run(sell_for_ever(Path(sys.argv[1])))
