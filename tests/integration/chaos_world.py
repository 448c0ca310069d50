"""A store and a head office that agree with each other, made by the product's own parts, for checkers to look at."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, update

from actors.cell import Cell
from cloud.db import schema
from cloud.db.books import Books
from cloud.db.engine import connect, create_tables
from cloud.ports import Delivered, Place
from cloud.provisioning import NewStore, write_store
from edge.books import read_books
from edge.db import StoreDb, open_db
from edge.ports import Group, SavedEntity, TakenTurn
from protocols.cells import Batch, Load
from protocols.codec import payload_hash
from protocols.effects import Reply
from protocols.headers import key_id, to_headers
from protocols.ids import Key, Sku
from protocols.inputs import BasketLine, Cause, Given, MemberKnown, SaleClosed
from protocols.records import Header
from sim.chaos.check_cloud import check_cloud
from sim.chaos.check_records import Travelled, check_records
from sim.chaos.check_store import check_store
from sim.chaos.sales import Sale, Sales, Wrong
from sim.chaos.works import BOOKS
from tests.store_values import DAY, NOW_MS

KEY = b"a chain key of thirty-two bytes."
STORE = "014"
ACCOUNTS = ("A-1", "A-2")
SALES = 6


@dataclass
class World:
    """Both databases, what travelled between them, and what the tills hold."""

    folder: Path
    travelled: list[Travelled] = field(default_factory=list)
    sales: Sales = field(default_factory=Sales)

    @property
    def cloud_url(self) -> str:
        return f"sqlite:///{self.folder / 'cloud.db'}"

    @property
    def store_file(self) -> Path:
        return self.folder / "store.db"

    def check(self) -> list[Wrong]:
        """What all checkers find."""
        wrong: list[Wrong] = list(self.sales.wrong)
        store = check_store(self.store_file, self.sales, wrong)
        check_cloud(self.cloud_url, STORE, store, self.sales, wrong)
        check_records(self.travelled, KEY, store.heads, self.sales, wrong)
        return wrong

    def in_store(self, *statements: str) -> None:
        """Plants a fault in the store's database."""
        _change(self.store_file, statements)

    def in_cloud(self, *statements: str) -> None:
        """Plants a fault in head office's database."""
        _change(self.folder / "cloud.db", statements)


def _change(path: Path, statements: tuple[str, ...]) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, f"changed nothing: {statement}"
    connection.close()


async def build_world(folder: Path) -> World:
    """Six sales of two members, taken by a real cell, committed, sent up and applied."""
    world = World(folder)
    db = open_db(folder, store=STORE, chain_key=KEY, threaded=False)
    engine = connect(world.cloud_url)
    try:
        create_tables(engine)
        with engine.begin() as connection:
            write_store(connection, NewStore(STORE, "Harbour Street", KEY), 1)
        await _sell(world, db)
        await _send(world, db, engine)
    finally:
        db.close()
        engine.dispose()
    return world


async def _sell(world: World, db: StoreDb) -> None:
    await db.commit(Group(NOW_MS, known=list(read_books(BOOKS).knows)))
    version, facts = db.facts()
    cell = Cell()
    new = [Load(Key(f"account:{account}"), 0) for account in ACCOUNTS]
    births = [
        _given(
            f"account:{account}", MemberKnown(f"Member {account}", "base", ("offers",), ()), f"born {account}"
        )
        for account in ACCOUNTS
    ]
    batch = Batch(1, NOW_MS, DAY, version, load=new, facts=facts, inputs=births)
    await _commit(world, db, cell, batch, dict.fromkeys(ACCOUNTS, 0))
    for number in range(SALES):
        account = ACCOUNTS[number % 2]
        line = BasketLine(Sku("whole-milk"), 1_000, 1_000 + number, name="Milk", category="dairy")
        closed = SaleClosed(f"S{number}", "till-1", (line,), 1_000 + number)
        operation = f"op-{number}"
        world.sales.sent[operation] = Sale(
            operation, f"S{number}", "till-1", account, 1_000 + number, "once", b"{}"
        )
        batch = Batch(
            number + 2, NOW_MS, DAY, version, inputs=[_given(f"account:{account}", closed, operation)]
        )
        await _commit(world, db, cell, batch, {account: 1 + number // 2})


def _given(key: str, what: MemberKnown | SaleClosed, ident: str) -> Given:
    is_sale = isinstance(what, SaleClosed)
    return Given(
        Key(key),
        ident,
        what,
        Cause(NOW_MS * 1_000, operation=ident),
        NOW_MS,
        DAY,
        ident if is_sale else "",
        payload_hash(what) if is_sale else b"",
    )


async def _commit(world: World, db: StoreDb, cell: Cell, batch: Batch, versions: dict[str, int]) -> None:
    answer = cell.take(batch)
    assert not answer.untaken
    loads = {load.key: load for load in batch.load}
    turns = [TakenTurn(turn, "account", loads.pop(turn.given.key, None)) for turn in answer.turns]
    saved = [SavedEntity(Key(f"account:{account}"), base, 1, b"", None) for account, base in versions.items()]
    committed = await db.commit(Group(NOW_MS, turns, saved))
    incarnation = db.identity().incarnation
    for seq, taken in zip(committed.seqs, turns, strict=True):
        for effect in taken.turn.effects:
            if isinstance(effect, Reply):
                sale = world.sales.sent[taken.turn.given.operation]
                told = {"seq": seq, "incarnation": incarnation, "outcome": effect.outcome}
                world.sales.verdict(sale, {**told, "body": json.loads(bytes(effect.body))})


async def _send(world: World, db: StoreDb, engine: Engine) -> None:
    books = Books(engine, "a test")
    for stream, place in (
        ("money", Place("endcap.up.money.v1", 0)),
        ("telemetry", Place("endcap.up.telemetry.v1", 0)),
    ):
        incarnation = db.identity().incarnation
        rows = db.outbox_page(incarnation, stream, 0)
        if not rows:
            continue
        world.travelled += [
            Travelled(
                Header(
                    STORE,
                    incarnation,
                    stream,
                    row.sequence,
                    row.chain,
                    row.schema,
                    row.operation,
                    key_id(KEY),
                ),
                row.value,
            )
            for row in rows
        ]
        mine = [one for one in world.travelled if one.header.stream == stream]
        messages = [Delivered(n, one.value, to_headers(one.header)) for n, one in enumerate(mine)]
        books.own([place])
        assert books.take(place, messages, NOW_MS).applied == len(rows)
        await db.mark_applied(incarnation, stream, rows[-1].sequence)
    with engine.begin() as connection:
        connection.execute(update(schema.mail).values(published=True))
