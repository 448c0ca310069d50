"""One engine for PostgreSQL and SQLite, and the statement that both know as upsert."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from cloud.db.schema import SCHEMA_VERSION, metadata, schema_version
from protocols.errors import Nonsense

LOCK_WAIT_S = 30
"""How long a transaction waits for another one's lock before it gives up and is tried again."""


def connect(url: str, password_file: str = "", connections: int = 10) -> Engine:
    """An engine whose transactions begin when asked to, on either database."""
    where = make_url(url)
    if password_file:
        where = where.set(password=Path(password_file).read_text(encoding="utf-8").strip())
    if where.get_backend_name() == "sqlite":
        if where.database not in (None, "", ":memory:"):
            Path(str(where.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(where, connect_args={"timeout": LOCK_WAIT_S, "check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    return create_engine(
        where,
        pool_size=connections,
        pool_pre_ping=True,  # a server that was restarted costs a connection, not a transaction
        connect_args={"connect_timeout": 5, "options": f"-c lock_timeout={LOCK_WAIT_S * 1000}"},
    )


def create_tables(engine: Engine) -> None:
    """Makes what is missing. Raises Nonsense if a newer release wrote this database."""
    metadata.create_all(engine)
    with engine.begin() as connection:
        found = connection.scalar(select(schema_version.c.version))
        if found is None:
            connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
        elif found > SCHEMA_VERSION:
            raise Nonsense(f"the database has schema {found}; this release knows {SCHEMA_VERSION}")


def upsert(connection: Connection, table: Table) -> Any:
    """An INSERT into `table` that can say what to do on conflict, for whichever database this is."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def insert_many(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> tuple[Any, Any]:
    """An INSERT of many rows that can say what to do on conflict, and the parameters to execute it with.

    PostgreSQL is handed one array a column: with one parameter a value its driver spends half the time on
    the text of the statement. Rows are written, and so locked, in their order.
    """
    if connection.dialect.name != "postgresql":
        return sqlite.insert(table), list(rows)
    names = list(rows[0])
    arrays = [bindparam(f"all_{name}", type_=postgresql.ARRAY(table.c[name].type)) for name in names]
    source = func.unnest(*arrays).table_valued(*names).render_derived()
    statement = postgresql.insert(table).from_select(names, select(*(source.c[name] for name in names)))
    return statement, {f"all_{name}": [row[name] for row in rows] for name in names}


def _prepare_sqlite(raw: Any, _: Any) -> None:
    """WAL, so that people read while records are applied; FULL, because an offset stands for what was applied."""
    raw.isolation_level = None  # the driver would begin transactions of its own
    cursor = raw.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    """A transaction that reads first and writes later would fail when another wrote in between."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
