"""After the commit: what screens, phones and the console are told. Level-triggered, from saved state alone.

`Show` and `Notify` only say that there is something newer; the message is made from the state that was
committed, names the oldest cause that it answers, and replaces the one before. What the broker could not take is
sent as soon as it can, and when it comes back everything that stands is sent again. Places, bounds and the health
of gateways are soft: `look` sends what changed of them, a few times a second. Soft state: what stands.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from actors import account as accounts
from actors.concluded import is_timed
from actors.shopper import Shopper
from edge import published
from edge.dashboards import Dashboards
from edge.links import LinkState, MqttLink
from edge.measures import Measures
from edge.now import Now
from edge.ports import Clock, Committed, Group, SavedEntity
from edge.settings import PublishSettings
from edge.web.channels import Channels
from edge.web.ports import phone_channel, screen_channel
from protocols import topics
from protocols.api import Wallet
from protocols.cells import Crowd, Position, ScannerHealth
from protocols.codec import to_json
from protocols.effects import Decide, Emit, Know, Notify, Post, SalePosted, Show
from protocols.ids import Key, key
from protocols.inputs import Cause, Given, Identified, VisitEnded, ZoneEntered, ZoneLeft

STANDING_MAX = 50_000
"""Topics whose newest message is kept to be sent again. Beyond it the longest unchanged is left to the broker."""

_MOVES = (ZoneEntered, ZoneLeft, VisitEnded)


@dataclass(slots=True)
class _Newer:
    """Something newer for one sign, account, subject or zone: the last turn that said so, the oldest cause behind it.

    `ident` is the input of that oldest cause.
    """

    seq: int
    cause: Cause
    ident: str
    causes: int = 1

    def also(self, given: Given, seq: int) -> None:
        self.seq = seq
        self.causes += 1
        if given.cause.arrived_us < self.cause.arrived_us:
            self.cause, self.ident = given.cause, given.id

    def answered(self) -> Cause:
        """The oldest cause, and how many more."""
        cause = self.cause
        return Cause(cause.arrived_us, cause.operation, cause.scanner, cause.subject, self.causes - 1)


class StoreOutward:
    """The engine's outward side: MQTT, the pages' channels, the latency ledger, and a nudge for the sync."""

    def __init__(
        self,
        store: str,
        now: Now,
        clock: Clock,
        channels: Channels,
        measures: Measures,
        publish: PublishSettings | None = None,
    ) -> None:
        self._store, self._now, self._clock = store, now, clock
        self._channels, self._measures = channels, measures
        self._standing: OrderedDict[str, bytes] = OrderedDict()
        self._unsent: dict[str, None] = {}
        self.dashboards = Dashboards(store, now, clock, publish or PublishSettings(), self)
        self.link: MqttLink | None = None
        self.nudge: Callable[[], None] = _nobody
        self.wallets_sent = self.screens_sent = self.causes_answered = 0

    # --- after a commit

    def committed(self, group: Group, committed: Committed, stepped_us: int, commit_us: int) -> None:
        """Sends what the group made newer."""
        began_us = self._clock.now_us()
        moved = self._now.fold(group, committed, began_us)
        self.dashboards.learned(committed.facts)
        shows: dict[str, _Newer] = {}
        notifies: dict[str, _Newer] = {}
        moves: dict[str, _Newer] = {}
        crowds: dict[str, _Newer] = {}
        known: dict[Key, None] = {}
        has_records = False
        for taken, seq in zip(group.turns, committed.seqs, strict=True):
            given = taken.turn.given
            for effect in taken.turn.effects:
                kind = type(effect)
                if kind is Show:
                    _newer(shows, effect.sign, given, seq)  # type: ignore[union-attr]
                elif kind is Notify:
                    _newer(notifies, effect.account, given, seq)  # type: ignore[union-attr]
                elif kind is Know and effect.book == "occupancy":  # type: ignore[union-attr]
                    _newer(crowds, effect.key, given, seq)  # type: ignore[union-attr]
                elif kind is Emit:
                    has_records = True
                elif kind is Decide:
                    self._measures.decisions.add(began_us // 1000)
                elif kind is Post and type(effect.entry) is SalePosted:  # type: ignore[union-attr]
                    self._measures.sold(began_us // 1000)
            if type(given.input) in _MOVES:
                _newer(moves, given.key, given, seq)
            elif type(given.input) is Identified:
                known[given.key] = None
        saved = {saved.key: saved for saved in group.saved}
        for sign, newer in shows.items():
            self._show(sign, newer, saved.get(key("sign", sign)))
            self._measured(newer, stepped_us, commit_us, began_us)
        for account, newer in notifies.items():
            self._notify(account, newer, saved.get(key("account", account)))
            self._measured(newer, stepped_us, commit_us, began_us)
        for subject, newer in moves.items():
            self.present_now(Key(subject), self._now.shoppers.get(Key(subject)), newer.answered())
        for entity in known:
            if entity not in moves:
                self.dashboards.identified(entity)
        for zone, newer in crowds.items():
            self.crowd_now(zone, newer.answered(), newer.seq)
        for one in moved:
            for topic, payload in published.zone_events(self._store, one):
                self._says(topic, payload)
        if has_records:
            self.nudge()

    def positions(self, positions: Sequence[Position]) -> None:
        """Dots for the console, and with the next look for dashboards."""
        self._now.move(positions)
        self.dashboards.placed(position.key for position in positions)

    def judged(self, cell: str, crowds: Sequence[Crowd], scanners: Sequence[ScannerHealth]) -> None:
        """Bounds of zones and the health of gateways, told with the next look."""
        self._now.judge(cell, crowds, scanners, self._clock.now_ms())

    def _show(self, sign: str, newer: _Newer, saved: SavedEntity | None) -> None:
        if saved is None or saved.state is None:
            return
        message = self.show_now(sign, saved.state, newer.answered(), newer.seq)
        self._channels.publish(screen_channel(sign), message)
        self.screens_sent += 1

    def _notify(self, account: str, newer: _Newer, saved: SavedEntity | None) -> None:
        if saved is None or saved.state is None:
            return
        version = saved.base_version + saved.turns
        message = self.wallet_now(account, saved.state, version, newer.answered(), newer.seq)
        self._channels.publish(phone_channel(account), message)
        self.wallets_sent += 1

    def _measured(self, newer: _Newer, stepped_us: int, commit_us: int, began_us: int) -> None:
        self.causes_answered += newer.causes
        now_us = self._clock.now_us()
        arrived_us = newer.cause.arrived_us
        # What time alone concluded (a hold that ended, a silence) waited on purpose: it is no latency of ours.
        if arrived_us and not is_timed(newer.ident):
            self._measures.answered(
                now_us // 1000, max(0, now_us - arrived_us), stepped_us, commit_us, max(0, now_us - began_us)
            )

    # --- what stands, from saved state: after a commit, and at start

    def show_now(self, sign: str, state: bytes, cause: Cause, seq: int) -> bytes:
        """What a sign shows; gives the message."""
        command = to_json(self._now.show(sign, state, cause, seq, self._clock.now_ms()))
        self.stands(topics.screen(self._store, sign), command)
        return command

    def wallet_now(self, account: str, state: bytes, version: int, cause: Cause, seq: int) -> bytes:
        """What an account's phone shows; gives the message."""
        wallet = to_json(wallet_of(account, state, version, cause, seq))
        self.stands(topics.phone(self._store, account), wallet)
        return wallet

    def present_now(self, entity: Key, shopper: Shopper | None, cause: Cause) -> None:
        """Where a subject is. An empty retained message takes the topic away: nobody is there any more."""
        self.dashboards.present(entity, shopper, cause)

    def crowd_now(self, zone: str, cause: Cause, seq: int) -> None:
        """How many people a zone holds."""
        self.dashboards.crowd(zone, cause, seq)

    # --- the broker

    def link_state(self, state: LinkState) -> None:
        """Called by the link: whoever came back is behind."""
        if state == "up":
            self.send_again()

    def send_again(self) -> None:
        """The broker is back: everything that stands is published again, retained."""
        self.stands(topics.engine_state(self._store), b"online")
        self._unsent = dict.fromkeys(self._standing)
        self.catch_up()

    def catch_up(self) -> None:
        """Sends what waited for now, and what the broker could not take, as far as it can. Call it twice a second."""
        self.dashboards.look()
        for topic in list(self._unsent):
            if not self._publish(topic):
                return

    def stands(self, topic: str, payload: bytes) -> None:
        """This is retained from now on; an empty payload takes the topic away."""
        self._standing[topic] = payload
        self._standing.move_to_end(topic)
        self._unsent[topic] = None
        if len(self._standing) > STANDING_MAX:
            left, _ = self._standing.popitem(last=False)
            self._unsent.pop(left, None)
        self._publish(topic)

    def renews(self, topic: str, payload: bytes) -> None:
        """The same, and nothing is sent if it stood already."""
        if self._standing.get(topic, b"") != payload:
            self.stands(topic, payload)

    def again(self, topic: str) -> None:
        """Sends what stands on this topic once more, with the next `catch_up`."""
        if topic in self._standing:
            self._unsent[topic] = None

    def _says(self, topic: str, payload: bytes) -> None:
        """Said once to whoever listens now: what the broker cannot take is dropped, and the link counts it."""
        if self.link is not None and self.link.state == "up":
            self.link.publish(topic, payload)

    def _publish(self, topic: str) -> bool:
        payload = self._standing[topic]
        if self.link is None or self.link.state != "up":
            return False
        if not self.link.publish(topic, payload, retain=True):
            return False
        del self._unsent[topic]
        if not payload:
            del self._standing[topic]
        return True


def wallet_of(account: str, state: bytes, version: int, cause: Cause, seq: int) -> Wallet:
    """An account's phone view from its committed state."""
    return accounts.wallet(accounts.decode(state), version, cause, seq)


def _nobody() -> None:
    """Nobody waits for records: this store stands alone."""


def _newer(found: dict[str, _Newer], name: str, given: Given, seq: int) -> None:
    if name in found:
        found[name].also(given, seq)
    else:
        found[name] = _Newer(seq, given.cause, given.id)
