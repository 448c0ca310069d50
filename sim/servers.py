"""Real servers as children, for what must be measured or broken with the real thing: broker, Kafka, PostgreSQL.

Each function writes a configuration into a folder of its own and gives a `Child` that is not started yet. Ports
stay the same over restarts, as those of a service would. Everything listens on loopback alone.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from sim.processes import Child, accepts, free_port, program

KAFKA_LIB = Path(__file__).resolve().parent.parent / ".cache" / "kafka" / "lib"
"""Where `make test` puts Kafka's jars."""

KAFKA_CLUSTER = "ZW5kY2FwLWVuZGNhcC1lbg"  # 16 bytes in base64: any will do

JVM = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
"""A small heap and the quick compiler only: a broker of a few thousand records must start in seconds."""

MOSQUITTO = """\
listener {port} 127.0.0.1
allow_anonymous true
# Without this a small message waits 40 ms for the one before it to be acknowledged.
set_tcp_nodelay true
# Mosquitto drops the 1,001st message queued for a slow client unless told otherwise.
max_queued_messages 100000
max_queued_bytes 0
max_inflight_messages 1000
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
log_dest stdout
log_type error
log_type warning
log_type notice
{user}
"""

KAFKA = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners={listeners},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={advertised}
listener.security.protocol.map=LAN:PLAINTEXT,WAN:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=LAN
log.dirs={folder}/data
# Topics are made by provisioning alone, and time is the broker's.
auto.create.topics.enable=false
log.message.timestamp.type=LogAppendTime
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.segment.bytes=67108864
log.cleaner.dedupe.buffer.size=2097152
num.network.threads=2
num.io.threads=2
num.recovery.threads.per.data.dir=1
"""

INITDB = "-U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync"

POSTGRES = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 100
shared_buffers = 64MB
# A killed process loses nothing by this; only a machine that loses power would.
fsync = off
full_page_writes = off
synchronous_commit = off
timezone = 'UTC'
"""


class NotInstalled(Exception):
    """A server is not on this machine. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that can be started, and the address that clients use."""

    child: Child
    address: str
    port: int


def mosquitto_config(folder: Path, port: int) -> str:
    """Mosquitto's configuration: sessions and retained messages survive a restart."""
    # Started by root it would become the user `mosquitto`, who cannot write into our folder.
    return MOSQUITTO.format(port=port, folder=folder, user="user root" if os.geteuid() == 0 else "")


def mosquitto(folder: Path) -> Server:
    """An MQTT broker. Raises NotInstalled."""
    found = program("mosquitto")
    if found is None:
        raise NotInstalled("mosquitto is not installed; make test brings it, or apt install mosquitto")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(mosquitto_config(folder, port))
    child = Child("broker", [found, "-c", str(config)], folder / "mosquitto.log", lambda: accepts(port))
    return Server(child, "127.0.0.1", port)


def kafka_config(folder: Path, controller: int, lan: int, wan: tuple[int, int] | None = None) -> str:
    """One KRaft broker, controller and all. `wan`: the port that a second door advertises, and the one behind it.

    A Kafka client goes where the broker says it is, so whoever wants to stand in between needs such a door.
    """
    listeners, advertised = f"LAN://127.0.0.1:{lan}", f"LAN://127.0.0.1:{lan}"
    if wan is not None:
        listeners += f",WAN://127.0.0.1:{wan[1]}"
        advertised += f",WAN://127.0.0.1:{wan[0]}"
    return KAFKA.format(controller=controller, listeners=listeners, advertised=advertised, folder=folder)


def kafka_command(*arguments: str) -> list[str]:
    """Kafka's own classes, started by the JVM that is here. Raises NotInstalled."""
    java = program("java")
    if java is None or not any(KAFKA_LIB.glob("kafka_*.jar")):
        raise NotInstalled("Kafka or Java is not on this machine; make test brings them")
    return [java, *JVM, "-cp", f"{KAFKA_LIB}/*", *arguments]


def kafka(folder: Path) -> Server:
    """A real Kafka with its storage formatted. Raises NotInstalled."""
    port = free_port()
    config = folder / "server.properties"
    start = kafka_command("kafka.Kafka", str(config))
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text(kafka_config(folder, free_port(), port))
    format_kafka(config, folder / "kafka.log")
    child = Child("kafka", start, folder / "kafka.log", lambda: accepts(port))
    return Server(child, f"127.0.0.1:{port}", port)


def format_kafka(config: Path, log: Path) -> None:
    """Prepares the folder that a configuration names, once."""
    command = kafka_command("kafka.tools.StorageTool", "format", "-t", KAFKA_CLUSTER, "-c", str(config))
    with log.open("ab") as output:
        subprocess.run(command, check=True, stdout=output, stderr=subprocess.STDOUT)


def postgres(folder: Path) -> Server:
    """A PostgreSQL whose superuser is `postgres`, trusted from loopback. Raises NotInstalled.

    `folder` must be one that other users may enter: the server refuses to run as root and runs as its own user.
    """
    programs = _postgres_programs()
    as_user = _as_postgres(folder)
    port = free_port()
    data = folder / "data"
    subprocess.run(
        [*as_user, str(programs / "initdb"), "-D", str(data), *INITDB.split()],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    with (data / "postgresql.conf").open("a") as config:
        config.write(POSTGRES.format(port=port))
    command = [*as_user, str(programs / "postgres"), "-D", str(data)]
    child = Child("postgres", command, folder / "postgres.log", _answers(port), cwd=folder)
    return Server(child, f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres", port)


def stop_postgres(child: Child) -> None:
    """A quick end: SIGTERM would wait until every client has left."""
    child.signal(signal.SIGINT)
    child.stop()


def _answers(port: int) -> Callable[[], bool]:
    def ready() -> bool:
        dsn = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(dsn, connect_timeout=2):
            return True
        return False

    return ready


def _postgres_programs() -> Path:
    """Debian keeps the server out of PATH, one folder a version; the newest is taken."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    if found is None:
        raise NotInstalled("postgresql is not installed; make test brings it, or apt install postgresql")
    return Path(found).resolve().parent


def _as_postgres(folder: Path) -> list[str]:
    """What to put before a command so that it does not run as root; the folder is given to that user."""
    if os.geteuid() != 0:
        return []
    user = "nobody"
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam("postgres").pw_name
    shutil.chown(folder, user)
    # It becomes the server itself, so that the child's pid is the server's.
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]
