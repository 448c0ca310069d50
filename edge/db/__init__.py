"""The store's database: one SQLite file, one writer thread, readers that see committed data only.

database     StoreDb: the port `edge.ports.Db`, and the reads that sync, web and tools need
connections  how a connection is opened; every pragma with its reason
schema, migrations   tables and views as SQL; numbered steps from every older schema
writer       the thread with the only writing connection; groups that wait together commit together
turns        the one commit transaction: a group's rows, by type of effect
entities, ledger, accounts, facts, outbox, inbound   one file a family of tables: how it is written and read
journal      reading turns and decisions: verdicts, windows for replay
lives        lock, epoch, incarnation, sidecar, chain key: whose database this is
care, pruning        checkpoints, ballast, integrity, backup; what is forgotten when

    loop ─► writer.commit(group) ─► turns.write_group ─► COMMIT ─► loop          care: WAL ─► file, each quarter second
    loop ─► read-only connection ─► values
"""

from edge.db.database import StoreDb, open_db, open_for_reading

__all__ = ["StoreDb", "open_db", "open_for_reading"]
