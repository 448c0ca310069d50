"""Identity keys as rows: kept with the roster row of their device, erased with the consent that allowed them.

The database knows wrapped keys only. What is erased is overwritten, in the file and, once the log has been cut, in
there: a key whose owner said no is not merely out of sight.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from actors.presence.identity import LOCATION
from edge.db.bulk import insert
from edge.ports import Enrolled, WrappedKey
from protocols.codec import to_json

_KEYS = insert(
    "identity_key",
    "token, kind, wrapped, rotation, clock_s",
    "ON CONFLICT (token) DO UPDATE SET kind = excluded.kind, wrapped = excluded.wrapped, "
    "rotation = excluded.rotation, clock_s = excluded.clock_s",
)
_HELD = "SELECT k.token, e.account, e.subject FROM identity_key k JOIN enrolment e USING (token)"


def follow(connection: sqlite3.Connection, enrolled: Sequence[Enrolled]) -> None:
    """Keeps the keys that came with roster rows, and erases every key of whoever has a row that allows none.

    A row that lost its key allows from then on what its owner said last. The rows themselves are written already.
    """
    _KEYS.run(
        connection,
        [
            (one.token, one.key.kind, one.key.wrapped, one.key.rotation, one.key.clock_s)
            for one in enrolled
            if one.key is not None and LOCATION in one.consent
        ],
    )
    without = {_owner(one.account, one.subject): one for one in enrolled if LOCATION not in one.consent}
    if not without:
        return
    held = connection.execute(_HELD).fetchall()
    gone = [
        (to_json(one.consent).decode(), token)
        for token, account, subject in held
        if (one := without.get(_owner(account, subject))) is not None
    ]
    if gone:
        connection.executemany("UPDATE enrolment SET consent = ? WHERE token = ?", gone)
        connection.execute("PRAGMA secure_delete = ON").fetchall()
        connection.executemany("DELETE FROM identity_key WHERE token = ?", [(token,) for _, token in gone])
        connection.execute(
            "PRAGMA secure_delete = OFF"
        ).fetchall()  # the journal's pruning need not pay for it


def all_keys(reader: sqlite3.Connection) -> dict[bytes, WrappedKey]:
    """Every key by its row's token."""
    rows = reader.execute("SELECT token, kind, wrapped, rotation, clock_s FROM identity_key").fetchall()
    return {
        token: WrappedKey(kind, wrapped, rotation, clock_s)
        for token, kind, wrapped, rotation, clock_s in rows
    }


def _owner(account: str, subject: str) -> tuple[str, str]:
    """A member by the account, whichever device it is; an anonymous tag by its subject."""
    return ("account", account) if account else ("subject", subject)
