"""Every old schema, kept as SQL text, is brought to today's and opened twice."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from edge.db import open_db, open_for_reading
from edge.db.connections import FILE_NAME, open_writer
from edge.db.migrations import SchemaTooNew, migrate, migrations
from edge.db.schema import VIEWS
from protocols.ids import Key
from tests.store_values import given, group, sale, taken

SCHEMAS = Path(__file__).parent / "schemas"
OLD = sorted(SCHEMAS.glob("store_*.sql"))
"""Dumps (`sqlite3 store.db .dump`) of databases that earlier releases wrote. Never changed, only added to."""


def restore(dump: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    connection = sqlite3.connect(folder / FILE_NAME)
    connection.executescript(dump.read_text(encoding="utf-8"))
    connection.close()


def schema_of(folder: Path) -> dict[str, str]:
    rows = open_for_reading(folder).query("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {row["name"]: " ".join(row["sql"].split()) for row in rows}


def test_there_is_a_fixture_of_every_schema() -> None:
    names = [migration.name for migration in migrations._migrations]
    assert [dump.stem.removeprefix("store_") for dump in OLD] == [name.partition("_")[0] for name in names]


@pytest.mark.parametrize("dump", OLD, ids=lambda dump: dump.stem)
async def test_an_old_database_opens_twice_and_goes_on(dump: Path, tmp_path: Path) -> None:
    old, fresh = tmp_path / "old", tmp_path / "fresh"
    restore(dump, old)
    open_db(fresh).close()
    for opened in range(2):
        db = open_db(old)
        totals = db.totals()
        assert (totals.sales, totals.points_issued, totals.points_off_by) == (2 + opened, 24 + 12 * opened, 0)
        verdict = db.verdict("till-1/A-1/1")
        assert verdict is not None
        assert verdict.body == b'{"sale":"1"}'
        load = db.load(Key("shopper:ana"))
        assert load is not None
        assert load.state == b'{"zone":"dairy"}'
        assert len(db.facts()[1]) == 2
        assert [told.id for told in db.owed(0, 9)] == ["scan-1/shopper:ana@1772445600000>2"]
        assert db.decisions(9)[0].decision.winners == ("c1",)
        await db.commit(group(sale("A-1", 3 + opened, entry=3 + opened)))
        db.close()
        assert schema_of(old) == schema_of(fresh)


def test_migrating_a_migrated_database_changes_nothing(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / FILE_NAME)
    assert migrate(connection) == [migration.name for migration in migrations._migrations]
    before = connection.execute("PRAGMA schema_version").fetchall()
    assert migrate(connection) == []
    assert connection.execute("PRAGMA schema_version").fetchall() == before
    connection.close()


def test_views_of_another_release_are_made_anew(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / FILE_NAME)
    migrate(connection)
    connection.execute("DROP VIEW balances")
    connection.execute("CREATE VIEW old_question AS SELECT 1")
    migrate(connection)
    views = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'")}
    assert views == set(VIEWS)
    connection.close()


async def test_every_view_answers(tmp_path: Path) -> None:
    db = open_db(tmp_path)
    await db.commit(group(taken(given("shopper:ana")), sale("A-1", 1, entry=1)))
    reader = open_for_reading(tmp_path)
    for view in VIEWS:
        list(reader.query(f"SELECT * FROM {view}"))
    (till,) = reader.query("SELECT * FROM sales_by_till")
    assert (till["sales"], till["total_minor"], till["points"]) == (1, 1250, 12)
    db.close()


@pytest.mark.parametrize("ahead", [1, 2])
def test_a_database_of_the_next_release_opens_and_one_beyond_it_is_refused(
    tmp_path: Path, ahead: int
) -> None:
    open_db(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    for number in range(ahead):
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('store', ?, 'later')",
            (f"{900 + number}_later",),
        )
    connection.commit()
    connection.close()
    if ahead == 1:
        open_db(tmp_path).close()
    else:
        with pytest.raises(SchemaTooNew):
            open_db(tmp_path)
