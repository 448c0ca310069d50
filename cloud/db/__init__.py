"""Head office's database, PostgreSQL or SQLite, one schema in SQLAlchemy Core.

schema   the tables
engine   one engine for both kinds, with the settings that each needs
books    the one transaction of a fetch: fence, offsets, records, ledger, mail
streams  how far each stream is known, chains of the past, what was parked
writing  the statements that put records and ledger in
mail     numbering, publishing order, receipts
reads    what people ask for

Locks are taken in one order everywhere: own partition, account balances by name, accounts, mailboxes by store.
"""
