"""After the commit: what screens, phones and the console are told. Level-triggered, from saved state alone.

`Show` and `Notify` only say that there is something newer; the message is made from the state that was
committed, names the oldest cause that it answers, and replaces the one before. When the broker comes back,
everything that stands is sent again. Soft state: who was sent what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from actors import account as accounts
from actors.concluded import is_timed
from edge.links import LinkState, MqttLink
from edge.measures import Measures
from edge.now import Now
from edge.ports import Clock, Committed, Group, TakenTurn
from edge.web.channels import Channels
from edge.web.ports import phone_channel, screen_channel
from protocols import topics
from protocols.api import PresenceView, Wallet
from protocols.cells import Position
from protocols.codec import to_json
from protocols.effects import Decide, Emit, Notify, Post, SalePosted, Show
from protocols.ids import UNKNOWN_ZONE, ident_of
from protocols.inputs import Cause, VisitEnded, ZoneEntered, ZoneLeft


@dataclass(slots=True)
class _Newer:
    """Something newer for one sign or account: the last turn that said so, and the oldest cause behind it."""

    taken: TakenTurn
    seq: int
    cause: Cause
    causes: int = 1

    def also(self, taken: TakenTurn, seq: int) -> None:
        self.taken, self.seq = taken, seq
        self.causes += 1
        if taken.turn.given.cause.arrived_us < self.cause.arrived_us:
            self.cause = taken.turn.given.cause

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
    ) -> None:
        self._store, self._now, self._clock = store, now, clock
        self._channels, self._measures = channels, measures
        self.link: MqttLink | None = None
        self.nudge: Callable[[], None] = _nobody
        self.wallets_sent = self.screens_sent = self.causes_answered = 0

    def committed(self, group: Group, committed: Committed, stepped_us: int, commit_us: int) -> None:
        """Sends what the group made newer."""
        began_us = self._clock.now_us()
        self._now.fold(group, committed, began_us)
        shows: dict[str, _Newer] = {}
        notifies: dict[str, _Newer] = {}
        has_records = False
        for taken, seq in zip(group.turns, committed.seqs, strict=True):
            for effect in taken.turn.effects:
                kind = type(effect)
                if kind is Show:
                    _newer(shows, effect.sign, taken, seq)  # type: ignore[union-attr]
                elif kind is Notify:
                    _newer(notifies, effect.account, taken, seq)  # type: ignore[union-attr]
                elif kind is Emit:
                    has_records = True
                elif kind is Decide:
                    self._measures.decisions.add(began_us // 1000)
                elif kind is Post and type(effect.entry) is SalePosted:  # type: ignore[union-attr]
                    self._measures.sold(began_us // 1000)
            self._presence(taken, seq)
        versions = {saved.key: saved.base_version + saved.turns for saved in group.saved}
        for sign, newer in shows.items():
            self._show(sign, newer)
            self._measured(newer, stepped_us, commit_us, began_us)
        for account, newer in notifies.items():
            self._notify(account, newer, versions.get(newer.taken.turn.given.key, 0))
            self._measured(newer, stepped_us, commit_us, began_us)
        for fact in committed.facts:
            if fact.book == "occupancy":
                self._publish(topics.occupancy(self._store, fact.key), fact.value, retain=True)
        if has_records:
            self.nudge()

    def positions(self, positions: Sequence[Position]) -> None:
        """Dots for the console."""
        self._now.move(positions)

    def link_state(self, state: LinkState) -> None:
        """Called by the link: whoever came back is behind."""
        if state == "up":
            self.send_again()

    def send_again(self) -> None:
        """The broker is back: everything that stands is published again, retained."""
        self._publish(topics.engine_state(self._store), b"online", retain=True)
        for sign, shown in self._now.screens.items():
            self._publish(topics.screen(self._store, sign), to_json(shown.command), retain=True)
        for zone, occupancy in self._now.facts.occupancy.items():
            self._publish(topics.occupancy(self._store, zone), to_json(occupancy), retain=True)
        for shopper in self._now.shoppers.values():
            view = PresenceView(
                shopper.subject, shopper.zone, shopper.zone_p, shopper.zone_entered_at_ms, Cause(0)
            )
            self._publish(topics.presence(self._store, shopper.subject), to_json(view), retain=True)

    def show_now(self, sign: str, state: bytes, cause: Cause, seq: int) -> None:
        """At start: what a sign showed before goes to its screen again."""
        command = self._now.show(sign, state, cause, seq, self._clock.now_ms())
        self._publish(topics.screen(self._store, sign), to_json(command), retain=True)

    def _show(self, sign: str, newer: _Newer) -> None:
        state = newer.taken.turn.state
        if state is None:
            return
        command = self._now.show(sign, state, newer.answered(), newer.seq, self._clock.now_ms())
        message = to_json(command)
        self._publish(topics.screen(self._store, sign), message, retain=True)
        self._channels.publish(screen_channel(sign), message)
        self.screens_sent += 1

    def _notify(self, account: str, newer: _Newer, version: int) -> None:
        state = newer.taken.turn.state
        if state is None:
            return
        message = to_json(accounts.wallet(accounts.decode(state), version, newer.answered(), newer.seq))
        self._publish(topics.phone(self._store, account), message, retain=True)
        self._channels.publish(phone_channel(account), message)
        self.wallets_sent += 1

    def _presence(self, taken: TakenTurn, seq: int) -> None:
        given = taken.turn.given
        match given.input:
            case ZoneEntered():
                view = PresenceView(
                    ident_of(given.key), given.input.zone, given.input.p, given.at_ms, given.cause
                )
            case ZoneLeft():
                view = PresenceView(ident_of(given.key), UNKNOWN_ZONE, 0, given.at_ms, given.cause)
            case VisitEnded():
                # An empty retained message takes the topic away: nobody is there any more.
                self._publish(topics.presence(self._store, ident_of(given.key)), b"", retain=True)
                return
            case _:
                return
        self._publish(topics.presence(self._store, view.subject), to_json(view), retain=True)

    def _measured(self, newer: _Newer, stepped_us: int, commit_us: int, began_us: int) -> None:
        self.causes_answered += newer.causes
        now_us = self._clock.now_us()
        arrived_us = newer.cause.arrived_us
        # What time alone concluded (a hold that ended, a silence) waited on purpose: it is no latency of ours.
        if arrived_us and not is_timed(newer.taken.turn.given.id):
            self._measures.answered(
                now_us // 1000, max(0, now_us - arrived_us), stepped_us, commit_us, max(0, now_us - began_us)
            )

    def _publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        if self.link is not None:
            self.link.publish(topic, payload, retain=retain)


def wallet_of(account: str, state: bytes, version: int, cause: Cause, seq: int) -> Wallet:
    """An account's phone view from its committed state."""
    return accounts.wallet(accounts.decode(state), version, cause, seq)


def _nobody() -> None:
    """Nobody waits for records: this store stands alone."""


def _newer(found: dict[str, _Newer], name: str, taken: TakenTurn, seq: int) -> None:
    if name in found:
        found[name].also(taken, seq)
    else:
        found[name] = _Newer(taken, seq, taken.turn.given.cause)
