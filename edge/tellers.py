"""Two ways in that are not HTTP: tills over MQTT, and head office's mail. Both end in the engine's money lane.

A till's message is acknowledged to the broker once its turn is committed, or once it was refused with a reason;
"not now" is not acknowledged, so the broker brings it again. Mail moves its cursor in the commit of its turn.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import structlog

from edge.db import StoreDb
from edge.engine import Engine
from edge.inbox import Beside, Item
from edge.links import Incoming, MqttLink
from edge.ports import Clock, Enrolled
from edge.roster import Roster
from edge.web.bodies import decoded
from edge.web.ports import Door
from edge.web.till import closed_sale, payer
from protocols import topics
from protocols.api import Problem, Receipt, SaleRequest
from protocols.codec import JsonDecoder, to_json
from protocols.errors import EndcapError, Nonsense, NotNow, Parked, Verdict
from protocols.ids import AccountId, Key, key
from protocols.inputs import BalanceKnown, Cause, Given, Input, MemberKnown
from protocols.mail import BalanceMailed, Envelope, MemberMailed

log = structlog.get_logger("edge.tellers")

AGAIN_S = 0.5
"""Pause before a till's message is tried again that the engine could not take."""

SALES_UNDER_WAY_MAX = 256
"""Sales over MQTT at once; the broker's receive maximum holds back the rest."""

WAITING_MAX = 2_000
"""Sales that wait for one of those. QoS 1 stays below it by the receive maximum; QoS 0 beyond it is dropped."""


class MoneyWire:
    """Sales that tills send over MQTT at QoS 1."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._read: JsonDecoder[SaleRequest] = JsonDecoder(SaleRequest)
        self._waiting: asyncio.Queue[Incoming] = asyncio.Queue()
        self.refused: Counter[str] = Counter()
        self.door: Door | None = None
        self.link: MqttLink | None = None

    def arrived(self, message: Incoming) -> None:
        """Called by the link; the limit is the receive maximum that the broker was told, which QoS 0 knows not."""
        if not message.qos and self._waiting.qsize() >= WAITING_MAX:
            self.refused["overloaded"] += 1
            return
        self._waiting.put_nowait(message)

    async def run(self) -> None:
        """Takes sales until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            room = asyncio.Semaphore(SALES_UNDER_WAY_MAX)
            while True:
                message = await self._waiting.get()
                await room.acquire()
                task = tasks.create_task(self._take(message), name="sale over mqtt")
                task.add_done_callback(lambda _: room.release())

    async def _take(self, message: Incoming) -> None:
        assert self.door is not None and self.link is not None
        while True:
            try:
                asked = decoded(message.payload, self._read)
                _same_till(asked, _till_of(message))
                verdict = await self.door.ask(
                    payer(asked, self.door), closed_sale(asked, self.door), asked.operation, asked
                )
                self._reply(message, _receipt(verdict))
            except EndcapError as error:
                # A parked step would only throw again: a person must look, and the till may go on.
                if isinstance(error, NotNow) and not isinstance(error, Parked):
                    await asyncio.sleep(AGAIN_S)
                    continue
                self.refused[error.code] += 1
                title = error.code.replace("_", " ")
                self._reply(message, to_json(Problem(title, error.status, error.reason, error.code)))
            except Exception as error:  # a bug of ours: unacknowledged, it would end the store at every start
                self.refused["bug"] += 1
                log.error("sale over mqtt threw", topic=message.topic[:200], exc_info=error)
                said = "The store broke on this sale. Send it again under the same operation id."
                self._reply(message, to_json(Problem("bug", 500, said, "bug")))
            self.link.ack(message)
            return

    def _reply(self, message: Incoming, body: bytes) -> None:
        assert self.link is not None
        own = topics.till_reply(self._store, _till_of(message))
        # A response topic of the sender's choice could make us publish anywhere: only a till's own are taken.
        prefix = f"{topics.ROOT}/{self._store}/till/"
        topic = message.response_topic if message.response_topic.startswith(prefix) else own
        self.link.publish(topic, body, qos=1, correlation=message.correlation)


class SyncMail:
    """Applies head office's mail, each piece once, its number committed with what it changed."""

    def __init__(self, engine: Engine, db: StoreDb, clock: Clock, roster: Roster) -> None:
        self._engine, self._db, self._clock, self._roster = engine, db, clock, roster

    async def apply(self, envelope: Envelope) -> None:
        """Returns once the mail is committed; raises NotNow if it cannot be taken now."""
        mail = envelope.mail
        match mail:
            case BalanceMailed():
                # Entries are numbered in each life of the database anew: another life's number covers none here.
                same_life = mail.incarnation == self._db.identity().incarnation
                known = BalanceKnown(mail.points, mail.as_of_ms, mail.as_of_entry if same_life else 0)
                await self._turn(envelope, AccountId(mail.account), known, ())
            case MemberMailed():
                rows = self._rows(mail)
                member = MemberKnown(mail.name, mail.tier, mail.consent, mail.segments)
                await self._turn(envelope, AccountId(mail.account), member, rows)
                self._roster.add(rows)
            case _:
                await self._engine.record(Beside(mail_number=envelope.number))

    async def _turn(
        self, envelope: Envelope, account: AccountId, given: Input, enrolled: tuple[Enrolled, ...]
    ) -> None:
        now_ms = self._clock.now_ms()
        ident = f"mail/{envelope.number}"
        entity: Key = key("account", account)
        cause = Cause(self._clock.now_us(), operation=ident)
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(result: Verdict | EndcapError | None) -> None:
            if committed.done():
                return
            if isinstance(result, EndcapError):
                committed.set_exception(result)
            else:
                committed.set_result(None)

        beside = Beside(enrolled=enrolled, mail_number=envelope.number)
        self._engine.submit(
            Item(Given(entity, ident, given, cause, now_ms, self._clock.local(now_ms)), done, beside)
        )
        await committed

    def _rows(self, mail: MemberMailed) -> tuple[Enrolled, ...]:
        """The devices and cards of the mail; and whatever else the member carries follows what is allowed now."""
        rows = {row.token: row for row in (self._enrolled(mail, one) for one in (*mail.devices, *mail.cards))}
        for other in self._roster.rows_of(mail.account):
            rows.setdefault(other.token, replace(other, consent=mail.consent))
        return tuple(rows.values())

    def _enrolled(self, mail: MemberMailed, ident: str) -> Enrolled:
        return Enrolled(
            token=self._roster.token(ident),
            subject=mail.account,
            account=mail.account,
            name=mail.name,
            member=True,
            tier=mail.tier,
            consent=mail.consent,
            segments=mail.segments,
        )


def _till_of(message: Incoming) -> str:
    """The till that the topic names: `…/in/till/<till>/sale`."""
    return message.topic.split("/")[-2]


def _same_till(asked: SaleRequest, till: str) -> None:
    """A broker lets each till write to its own topic: what the body says may not go round that."""
    if asked.till != till:
        raise Nonsense(f"The topic is till '{till}', the body says '{asked.till}'. Nothing was charged.")


def _receipt(verdict: Verdict) -> bytes:
    return to_json(Receipt(verdict.outcome, verdict.replayed, verdict.incarnation, verdict.seq, verdict.body))
