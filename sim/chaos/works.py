"""What a chaos run breaks: a broker, Kafka, head office and a store, on free ports, in one folder of their own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import create_engine, inspect

from edge.book_members import Member
from edge.books import read_books
from edge.cells.home import home_of
from edge.db.connections import FILE_NAME
from protocols.facts import Product
from protocols.ids import is_safe_id
from sim import servers
from sim.embedded_kafka import EmbeddedKafka
from sim.processes import Child, accepts, free_port
from sim.servers import NotInstalled

BOOKS = Path(__file__).resolve().parent.parent / "grocery"
STORE = "014"
TILLS = ("till-1", "till-2")

ZERO_COUNTS = 8_000
COUNTS_PER_KG = 20_000
"""How the load cells of this run count; a real one is weighed in with a known weight."""

START_S = 60.0
"""A cold JVM beside everything else on two busy cores."""


class CannotRun(Exception):
    """The run did not begin. The text says what to do."""


@dataclass(slots=True)
class Works:
    """Everything that was started, and where it is. `services` are those that a keeper starts again."""

    folder: Path
    services: dict[str, Child]
    broker_port: int
    http_port: int
    kafka: str
    database: str
    store_data: Path
    key_file: Path
    members: tuple[Member, ...]
    products: dict[str, Product]
    scanners: tuple[str, ...]
    shelves: dict[str, int]
    kafka_is_real: bool
    embedded: EmbeddedKafka | None = None
    postgres_folder: Path | None = None
    stopped: list[str] = field(default_factory=list)

    @property
    def store_file(self) -> Path:
        """The store's database."""
        return self.store_data / FILE_NAME

    @property
    def ray_home(self) -> str:
        """The folder that marks the processes of this store's Ray."""
        return str(home_of(str(self.store_data)))

    def stop(self, *names: str) -> None:
        """Ends services politely, in this order; without names all that are left, the store first."""
        for name in names or ("engine", "cloud", "kafka", "broker", "postgres"):
            child = self.services.pop(name, None)
            if child is not None:
                servers.stop_postgres(child) if name == "postgres" else child.stop()
                self.stopped.append(name)

    def close(self) -> None:
        """Stops what is left and removes what lies outside the run's folder."""
        self.stop()
        if self.embedded is not None:
            self.embedded.stop()
        if self.postgres_folder is not None:
            shutil.rmtree(self.postgres_folder, ignore_errors=True)


def build(folder: Path, *, ray: bool, postgres: str) -> Works:
    """Starts the servers, provisions head office, and starts it and the store. Raises CannotRun."""
    services: dict[str, Child] = {}
    works: Works | None = None
    try:
        works = _build(folder, services, ray=ray, postgres=postgres)
        return works
    except NotInstalled as error:
        raise CannotRun(str(error)) from None
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or b"").decode(errors="replace")
        raise CannotRun(f"{' '.join(map(str, error.cmd[:4]))} … failed: {said[-1_000:]}") from None
    finally:
        if works is None:
            for child in reversed(list(services.values())):
                child.stop()


def _build(folder: Path, services: dict[str, Child], *, ray: bool, postgres: str) -> Works:
    broker = servers.mosquitto(folder / "broker")
    services["broker"] = broker.child
    kafka, embedded = _kafka(folder, services)
    database, postgres_folder = _database(folder, postgres, services)
    for child in services.values():
        child.spawn()
    for child in services.values():
        child.wait_ready(START_S)
    books = read_books(_books(folder / "books"))
    members = tuple(member for member in books.members if member.account)
    key_file = folder / "chain.key"
    cloud_settings = _cloud_settings(folder, kafka, database, free_port())
    _provision(folder, cloud_settings, key_file, members)
    http_port = free_port()
    settings = _store_settings(folder, broker.port, http_port, kafka, key_file, ray=ray)
    services["cloud"] = _ours("cloud", "cloud.cli", cloud_settings, folder, int(_port_of(cloud_settings)))
    services["engine"] = _ours("engine", "edge.cli", settings, folder, http_port)
    services["cloud"].start(START_S)
    services["engine"].start(START_S)
    floor = yaml.safe_load((folder / "books" / "floor.yaml").read_text())
    return Works(
        folder=folder,
        services=services,
        broker_port=broker.port,
        http_port=http_port,
        kafka=kafka,
        database=database,
        store_data=folder / "store",
        key_file=key_file,
        members=members,
        products=_products(books.knows),
        scanners=tuple(sorted(floor["scanners"])),
        shelves={name: int(shelf["unit_g"]) for name, shelf in floor["shelves"].items()},
        kafka_is_real=embedded is None,
        embedded=embedded,
        postgres_folder=postgres_folder,
    )


def _kafka(folder: Path, services: dict[str, Child]) -> tuple[str, EmbeddedKafka | None]:
    """A real broker if its jars are here; else the embedded one, which lives in this process: no victim."""
    try:
        server = servers.kafka(folder / "kafka")
    except NotInstalled:
        embedded = EmbeddedKafka()
        return embedded.start(), embedded
    services["kafka"] = server.child
    return server.address, None


def _database(folder: Path, postgres: str, services: dict[str, Child]) -> tuple[str, Path | None]:
    """The cloud's database: an empty one that somebody names, a server of our own, or a SQLite file."""
    if not postgres:
        return f"sqlite:///{folder / 'cloud.db'}", None
    if postgres != "here":
        engine = create_engine(postgres)
        try:
            if inspect(engine).get_table_names():
                raise CannotRun("that database is not empty; name an empty one, chaos counts every row in it")
        finally:
            engine.dispose()
        return postgres, None
    # pytest's and root's folders are closed to the user that the server runs as.
    outside = Path(tempfile.mkdtemp(prefix="endcap-chaos-"))
    server = servers.postgres(outside)
    services["postgres"] = server.child
    return server.address, outside


def _books(folder: Path) -> Path:
    """The example store's files, with a load cell under each shelf."""
    shutil.copytree(BOOKS, folder)
    path = folder / "floor.yaml"
    floor: dict[str, Any] = yaml.safe_load(path.read_text())
    for name, shelf in floor["shelves"].items():
        shelf.update(scale=scale_of(name), zero_counts=ZERO_COUNTS, counts_per_kg=COUNTS_PER_KG)
    path.write_text(yaml.safe_dump(floor, sort_keys=False))
    return folder


def scale_of(shelf: str) -> str:
    """The node whose load cell stands under a shelf."""
    return f"scale-{shelf}"


def _products(knows: Any) -> dict[str, Product]:
    import msgspec

    decode = msgspec.json.Decoder(Product).decode
    return {know.key: decode(bytes(know.value)) for know in knows if know.book == "product"}


def _provision(folder: Path, settings: Path, key_file: Path, members: tuple[Member, ...]) -> None:
    """What an administrator does once: topics, the store with its key, and the members with their balances."""
    assert is_safe_id(STORE)
    known = [
        {
            "account": one.account,
            "name": one.name,
            "tier": one.tier,
            "consent": list(one.consent),
            "segments": list(one.segments),
            "devices": list(one.devices),
            "cards": list(one.cards),
            "points": one.points or 0,
            "stores": [STORE],
        }
        for one in members
    ]
    (folder / "members.json").write_text(json.dumps(known))
    cloud = [sys.executable, "-P", "-m", "cloud.cli"]
    for command in (
        [*cloud, "provision", "--store", STORE, "--key-file", str(key_file), "--settings", str(settings)],
        [*cloud, "members", str(folder / "members.json"), "--settings", str(settings)],
    ):
        subprocess.run(command, check=True, capture_output=True, cwd=folder)


def _cloud_settings(folder: Path, kafka: str, database: str, port: int) -> Path:
    path = folder / "cloud.toml"
    path.write_text(
        f'[database]\nurl = "{database}"\n[kafka]\nbootstrap = "{kafka}"\npartitions = 2\n'
        f"[http]\nport = {port}\n[log]\njson = true\n"
    )
    return path


def _store_settings(folder: Path, broker: int, http: int, kafka: str, key_file: Path, *, ray: bool) -> Path:
    path = folder / "store.toml"
    path.write_text(
        f'[store]\nid = "{STORE}"\nbooks = "books"\ndata = "store"\n[http]\nport = {http}\n'
        f'[mqtt]\nport = {broker}\n[kafka]\nbootstrap = "{kafka}"\nkey_file = "{key_file}"\n'
        f"[cells]\nray = {'true' if ray else 'false'}\n[log]\njson = true\n"
    )
    return path


def _port_of(settings: Path) -> str:
    return settings.read_text().partition("port = ")[2].split()[0]


def _ours(name: str, module: str, settings: Path, folder: Path, port: int) -> Child:
    command = [sys.executable, "-P", "-m", module, "run", "--settings", str(settings)]
    return Child(name, command, folder / f"{name}.log", lambda: accepts(port), cwd=folder)
