"""The tables of head office. Times are ms since 1970, money is in minor units, points are whole.

A store's own operation id keys what it did, so a record that comes twice under two numbers, from a till that
sends again to a restored store, still has one effect.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
)

metadata = MetaData()

SCHEMA_VERSION = 1

# SQLite gives numbers by itself only to a plain INTEGER key.
_Serial = BigInteger().with_variant(Integer(), "sqlite")

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

store = Table(
    "store",
    metadata,
    Column("store", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("incarnation", Text, nullable=False, default=""),  # the life that mail is written for
    Column("began_ms", BigInteger, nullable=False, default=0),
    Column("last_seen_ms", BigInteger, nullable=False, default=0),
)

store_key = Table(  # chain keys; an old one stays for records that were made with it
    "store_key",
    metadata,
    Column("store", Text, primary_key=True),
    Column("key_id", Text, primary_key=True),
    Column("key", LargeBinary, nullable=False),
)

partition_owner = Table(  # the fence, and the offset that moves in each fetch's transaction
    "partition_owner",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
)

stream = Table(  # how far each stream is known
    "stream",
    metadata,
    Column("store", Text, primary_key=True),
    Column("incarnation", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("known", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),  # open, waiting, quarantined
    Column("reason", Text, nullable=False),
    Column("missing", BigInteger, nullable=False),  # telemetry that never came
    Column("ordered_ms", BigInteger, nullable=False),
    Column("candidate", BigInteger, nullable=False),
    Column("candidate_chain", LargeBinary, nullable=False),
)

chain_block = Table(  # chains of past records, eight bytes each, to tell a repeat from a fork
    "chain_block",
    metadata,
    Column("store", Text, primary_key=True),
    Column("incarnation", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("block", BigInteger, primary_key=True),
    Column("chains", LargeBinary, nullable=False),
)

sale = Table(
    "sale",
    metadata,
    Column("store", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("sale", Text, nullable=False),
    Column("till", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("entry", BigInteger, nullable=False),
    Column("closed_at_ms", BigInteger, nullable=False),
    Column("business_day", Text, nullable=False),
    Column("lines", Text, nullable=False),  # JSON
    Column("incarnation", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
)
Index("sale_by_account", sale.c.account)

stock_move = Table(
    "stock_move",
    metadata,
    Column("store", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("shelf", Text, primary_key=True),
    Column("sku", Text, nullable=False),
    Column("moved", BigInteger, nullable=False),
    Column("pieces", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("p", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

offer = Table(
    "offer",
    metadata,
    Column("store", Text, primary_key=True),
    Column("offer", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("campaign", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

visit = Table(
    "visit",
    metadata,
    Column("store", Text, primary_key=True),
    Column("visit", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("entered_at_ms", BigInteger, nullable=False),
    Column("left_at_ms", BigInteger, nullable=False),
    Column("zones", Text, nullable=False),  # JSON
)

stay = Table(  # the journey of a visit, one zone after the other
    "stay",
    metadata,
    Column("store", Text, primary_key=True),
    Column("visit", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("zone", Text, nullable=False),
    Column("entered_at_ms", BigInteger, nullable=False),
    Column("left_at_ms", BigInteger, nullable=False),
    Index("stay_when", "entered_at_ms"),
)

member = Table(  # an account that a sale made has no name until somebody imports it
    "member",
    metadata,
    Column("account", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("consent", Text, nullable=False),  # JSON, like the three after it
    Column("segments", Text, nullable=False),
    Column("devices", Text, nullable=False),
    Column("cards", Text, nullable=False),
    Column("imported", Boolean, nullable=False, server_default=false()),
)

account_store = Table(  # which stores know an account: they hear of its balance
    "account_store",
    metadata,
    Column("account", Text, primary_key=True),
    Column("store", Text, primary_key=True),
)

transfer = Table(  # double entry in one row: the same points leave one book and come to another
    "transfer",
    metadata,
    Column("store", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("debit", Text, nullable=False),
    Column("credit", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

balance = (
    Table(  # the programme's books have a row a partition, so that partitions do not wait for each other
        "balance",
        metadata,
        Column("book", Text, primary_key=True),
        Column("shard", Integer, primary_key=True),
        Column("points", BigInteger, nullable=False),
    )
)

entry = Table(  # the highest points entry of an account in a store's life that the balance includes
    "entry",
    metadata,
    Column("store", Text, primary_key=True),
    Column("incarnation", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("entry", BigInteger, nullable=False),
)

mailbox = Table(
    "mailbox",
    metadata,
    Column("store", Text, primary_key=True),
    Column("last_number", BigInteger, nullable=False),
)

mail = Table(
    "mail",
    metadata,
    Column("store", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column(
        "value", LargeBinary, nullable=False
    ),  # MessagePack of the mail; receipts are added when it leaves
    Column("published", Boolean, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)
Index(
    "mail_to_publish",
    mail.c.store,
    mail.c.number,
    postgresql_where=~mail.c.published,
    sqlite_where=~mail.c.published,
)

parked = Table(
    "parked",
    metadata,
    Column("reference", _Serial, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("store", Text, nullable=False),
    Column("incarnation", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("published", Boolean, nullable=False),
)

parked_count = Table(  # all of them; rows are kept of the first ones only
    "parked_count",
    metadata,
    Column("store", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
