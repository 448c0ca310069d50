"""People who walk and take goods while everything breaks: sightings and weights as ESPresense nodes send them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiomqtt

from edge.book_members import Member
from sim.chaos.works import COUNTS_PER_KG, ZERO_COUNTS, scale_of
from sim.session import session

PEOPLE = 24
ROUND_S = 0.5
"""Each person is heard twice a second by the scanner that is near, and once a second by another."""

NEAR_DBM, FAR_DBM = -58.0, -78.0
NOISE_DB = 2.0
STAYS_S = (3.0, 9.0)

PIECES_FULL = 14
TAKES_IN_A_ROUND = 0.15
"""How likely somebody takes or puts back something in each round."""


@dataclass(slots=True)
class _Person:
    device: str
    scanner: str
    stays_s: float


@dataclass(slots=True)
class Floor:
    """The floor of a run. Soft state: where everybody is, and what lies on the shelves. What the broker does not
    take is not sent again, as real nodes do not."""

    broker_port: int
    members: Sequence[Member]
    scanners: Sequence[str]
    shelves: dict[str, int]
    seed: int
    sent: int = 0
    pieces: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Walks until cancelled."""
        dice = random.Random(f"floor {self.seed}")
        walkers = [member for member in self.members if member.devices][:PEOPLE]
        people = [
            _Person(member.devices[0], dice.choice(self.scanners), dice.uniform(*STAYS_S))
            for member in walkers
        ]
        self.pieces = dict.fromkeys(self.shelves, PIECES_FULL)
        while True:
            with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
                async with session("127.0.0.1", self.broker_port, timeout=3.0, keepalive=5) as client:
                    while True:
                        await self._round(client, dice, people)
            await asyncio.sleep(0.3)

    async def _round(self, client: aiomqtt.Client, dice: random.Random, people: list[_Person]) -> None:
        pause_s = ROUND_S / len(people)
        if dice.random() < TAKES_IN_A_ROUND:
            shelf = dice.choice(sorted(self.shelves))
            left = self.pieces[shelf] + dice.choice((-2, -1, -1, 1))
            self.pieces[shelf] = PIECES_FULL if left <= 0 else left
        for shelf in sorted(self.shelves):
            grams = self.pieces[shelf] * self.shelves[shelf] + dice.gauss(0, 1)
            counts = ZERO_COUNTS + round(grams * COUNTS_PER_KG / 1_000)
            await client.publish(f"espresense/rooms/{scale_of(shelf)}/raw_weight", str(counts))
            self.sent += 1
        for person in people:
            person.stays_s -= ROUND_S
            if person.stays_s <= 0:
                person.scanner, person.stays_s = dice.choice(self.scanners), dice.uniform(*STAYS_S)
            await self._sight(client, dice, person.device, person.scanner, NEAR_DBM)
            if dice.random() < 0.5:
                await self._sight(client, dice, person.device, dice.choice(self.scanners), FAR_DBM)
            await asyncio.sleep(pause_s)

    async def _sight(
        self, client: aiomqtt.Client, dice: random.Random, device: str, scanner: str, about_dbm: float
    ) -> None:
        payload = {
            "id": device,
            "rssi@1m": -59,
            "rssi": round(about_dbm + dice.gauss(0, NOISE_DB), 1),
            "distance": 1.2 if about_dbm == NEAR_DBM else 7.5,
            "int": 500,
        }
        await client.publish(f"espresense/devices/{device}/{scanner}", json.dumps(payload))
        self.sent += 1
