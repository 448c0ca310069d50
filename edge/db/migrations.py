"""Numbered migrations of the store's database. Each one only adds, so an engine one release back still works.

A database of any earlier schema is brought forward when it is opened; opening it again changes nothing.
"""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

from edge.db.schema import KEY_TABLES, LEDGER_TABLES, STORE_TABLES, VIEWS

migrations = Migrations("store")

SQLITE_MIN = (3, 37, 0)
"""STRICT tables came with it; UPDATE … FROM is older."""

AHEAD_MAX = 1
"""How many migrations of a newer release may already stand in a database that this one opens."""


class SchemaTooNew(Exception):
    """A release more than one step ahead wrote this database. Use that release, or restore an older backup."""


@migrations(name="1_turns_facts_outbox_ledger")
def _first(db: Database) -> None:
    _run(db.conn, STORE_TABLES)
    _run(db.conn, LEDGER_TABLES)


@migrations(name="2_identity_keys")
def _second(db: Database) -> None:
    _run(db.conn, KEY_TABLES)


def migrate(connection: sqlite3.Connection) -> list[str]:
    """Brings the schema to this release and returns the names of what was applied. Idempotent."""
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        raise RuntimeError(f"SQLite {sqlite3.sqlite_version} is too old; Endcap needs 3.37 or newer")
    db = Database(connection, recursive_triggers=False)
    known = {migration.name for migration in migrations._migrations}
    ahead = [done.name for done in migrations.applied(db) if done.name not in known]
    if len(ahead) > AHEAD_MAX:
        raise SchemaTooNew(f"this database was written by a newer release: it knows {', '.join(ahead)}")
    pending = [migration.name for migration in migrations.pending(db)]
    migrations.apply(db)
    if not ahead:
        _refresh_views(connection)
    return pending


def _run(connection: sqlite3.Connection, script: str) -> None:
    """Statement by statement, because `executescript` would commit the migration's transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    assert not statement.strip(), "every statement of a migration ends with a semicolon"


def _refresh_views(connection: sqlite3.Connection) -> None:
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'").fetchall()
    there: dict[str, str] = dict(rows)
    wanted = {name: f"CREATE VIEW {name} AS {query.strip()}" for name, query in VIEWS.items()}
    if there == wanted:
        return
    connection.execute("BEGIN IMMEDIATE")
    for name in there:
        connection.execute(f"DROP VIEW {name}")
    for statement in wanted.values():
        connection.execute(statement)
    connection.execute("COMMIT")
