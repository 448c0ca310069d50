"""Makes what must exist before the first record: topics, tables, store rows with partition and chain key."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from cloud.db import schema
from cloud.db.engine import create_tables, upsert
from cloud.db.writing import insert_new
from cloud.links.kafka import provision as make_topics
from cloud.settings import KafkaSettings, Settings
from protocols.errors import Nonsense
from protocols.headers import key_id, partition_of
from protocols.ids import is_safe_id
from protocols.topics import PARKED, UP, UP_MONEY, down

KEY_BYTES = 32
KEY_BYTES_MIN = 16
DAY_MS = 86_400_000
RECORD_BYTES_BROKER = 1_048_588
"""Kafka's own default for the largest batch; ours are below it."""


@dataclass(frozen=True, slots=True)
class NewStore:
    """A store to provision: its id, its name, and the chain key that it made."""

    store: str
    name: str
    key: bytes


def read_or_make_key(path: Path) -> bytes:
    """The chain key in a store's key file; a file that is missing is made, for the store to use."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
    key = path.read_bytes()
    if len(key) < KEY_BYTES_MIN:
        raise Nonsense(f"{path}: a chain key has at least {KEY_BYTES_MIN} bytes")
    return key


def topics_for(stores: Sequence[str], kafka: KafkaSettings) -> dict[str, tuple[int, dict[str, str]]]:
    """Every topic by name, with its partitions and settings.

    Time is the broker's (`LogAppendTime`): with the sender's, retention would delete a late backlog at once.
    """

    def settings(days: int) -> dict[str, str]:
        return {
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": str(days * DAY_MS),
            "max.message.bytes": str(RECORD_BYTES_BROKER),
            "cleanup.policy": "delete",
        }

    topics = {topic: (kafka.partitions, settings(kafka.record_days)) for topic in UP.values()}
    topics[PARKED] = (1, settings(kafka.record_days))
    for store in stores:
        topics[down(store)] = (1, settings(kafka.mail_days))
    return topics


async def provision(settings: Settings, engine: Engine, stores: Sequence[NewStore]) -> dict[str, int]:
    """Makes topics, tables and store rows; what exists stays. Gives the partition of each store."""
    for one in stores:
        if not is_safe_id(one.store):
            raise Nonsense(f"store '{one.store}': 1 to 128 characters without white space, '/', '+' or '#'")
    wanted = topics_for([one.store for one in stores], settings.kafka)
    made = await make_topics(settings.kafka.bootstrap, wanted, settings.kafka.replication)
    create_tables(engine)
    with engine.begin() as connection:
        return {one.store: write_store(connection, one, made[UP_MONEY]) for one in stores}


def write_store(connection: Connection, one: NewStore, partitions: int) -> int:
    row = {"store": one.store, "name": one.name, "partition": partition_of(one.store, partitions)}
    statement = upsert(connection, schema.store).values(**row, incarnation="", began_ms=0, last_seen_ms=0)
    statement = statement.on_conflict_do_update(index_elements=["store"], set_={"name": one.name})
    connection.execute(statement)
    key = {"store": one.store, "key_id": key_id(one.key), "key": one.key}
    insert_new(connection, schema.store_key, [key])
    stored = connection.scalar(select(schema.store.c.partition).where(schema.store.c.store == one.store))
    assert stored is not None, "the row was written a moment ago"
    return int(stored)
