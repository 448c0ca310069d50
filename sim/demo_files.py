"""What a demo keeps in its folder, and the settings that it writes for each of its parts."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

import sim

STORE = "014"
NAME = "Harbour Street"

SURVEY_FILE = "survey.csv"

BOOKS = Path(sim.__file__).resolve().parent / "grocery"
"""The example store's own files, in the package."""

LOGS = ("log", "broker/broker.log")
"""What tells of one run."""

KEPT = (*LOGS, "books", "store", "broker", "office.db", "office.db-wal", "office.db-shm", "chain.key")
"""Everything that outlives a run. Settings are written anew each time."""

KAFKA_PARTITIONS = 4
"""What the embedded Kafka gives every topic."""

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of one demo are."""

    folder: Path
    http_port: int
    office_port: int
    mqtt_port: int
    mqtt_version: int

    @property
    def url(self) -> str:
        """The store's pages."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def books(self) -> Path:
        """The store's own files: a copy, which the floor editor and the survey may change."""
        return self.folder / "books"

    @property
    def store_toml(self) -> Path:
        """Settings of the store."""
        return self.folder / "store.toml"

    @property
    def office_toml(self) -> Path:
        """Settings of head office."""
        return self.folder / "office.toml"

    @property
    def office_db(self) -> Path:
        """Head office's database."""
        return self.folder / "office.db"

    @property
    def world_json(self) -> Path:
        """Settings of the simulated world."""
        return self.folder / "world.json"

    @property
    def members_json(self) -> Path:
        """The members, as head office takes them."""
        return self.folder / "members.json"

    @property
    def key(self) -> Path:
        """The store's chain key, which head office has too."""
        return self.folder / "chain.key"

    def log(self, name: str) -> Path:
        """The log of one part."""
        return self.folder / "log" / f"{name}.log"


def write_books(places: Places, seed: int) -> None:
    """The example store's files and a survey of its floor, unless an earlier run left some."""
    if places.books.exists():
        return
    from sim.floor import read_shop  # only a first run needs it, and it takes a while to import
    from sim.surveyed import survey_file

    draft = places.books.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(BOOKS, draft)
    (draft / SURVEY_FILE).write_bytes(survey_file(read_shop(BOOKS).floor, seed))
    draft.rename(places.books)


def write_store(places: Places, bootstrap: str, *, ray: bool) -> None:
    """Settings of the store, and its chain key if there is none yet."""
    if not places.key.exists():
        with open(os.open(places.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as key:
            key.write(secrets.token_bytes(KEY_BYTES))
    _write(
        places.store_toml,
        {
            "store": {"id": STORE, "name": NAME, "books": str(places.books), "data": "store"},
            "http": {"port": places.http_port, "demo": True},
            "mqtt": {"port": places.mqtt_port, "version": places.mqtt_version},
            "kafka": {"bootstrap": bootstrap, "key_file": str(places.key)},
            "cells": {"ray": ray},
        },
    )


def write_office(places: Places, bootstrap: str) -> bool:
    """Settings of head office; true if it has no database yet."""
    _write(
        places.office_toml,
        {
            "database": {"url": f"sqlite:///{places.office_db}"},
            "kafka": {"bootstrap": bootstrap, "partitions": KAFKA_PARTITIONS},
            "http": {"port": places.office_port},
        },
    )
    return not places.office_db.exists()


def write_members(places: Places) -> None:
    """The store's own members with their points: head office opens their balances with these."""
    from edge.books import read_books  # only a first run needs it, and it takes a while to import

    members = [
        {
            "account": one.account,
            "name": one.name,
            "tier": one.tier,
            "consent": one.consent,
            "segments": one.segments,
            "devices": one.devices,
            "cards": one.cards,
            "points": one.points or 0,
            "stores": [STORE],
        }
        for one in read_books(places.books).members
        if one.member
    ]
    places.members_json.write_bytes(msgspec.json.format(msgspec.json.encode(members), indent=1))


def write_world(places: Places, people: int, seed: int) -> None:
    """Settings of the people and things: what `sim.world.WorldSettings` reads."""
    world = {
        "store": STORE,
        "books": str(places.books),
        "mqtt_port": places.mqtt_port,
        "http_port": places.http_port,
        "people": people,
        "seed": seed,
    }
    places.world_json.write_bytes(msgspec.json.encode(world))


def _write(path: Path, sections: dict[str, dict[str, str | int | bool]]) -> None:
    lines: list[str] = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        # A JSON text, number or truth value is the same in TOML.
        lines += [f"{name} = {msgspec.json.encode(value).decode()}" for name, value in values.items()]
        lines.append("")
    path.write_text("\n".join(lines), encoding="utf-8")
