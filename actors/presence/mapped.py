"""Presence by a radio map: bursts of readings move a belief over the floor, and the belief decides the zone.

    hear ─► burst ─► (a gap) people walk, scanners' errors are learned ─► readings ─► zones by p ─► conclusions

A zone is decided once most of a burst is in. Soft state throughout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

import numpy as np

from actors.concluded import Concluded
from actors.facts import Facts
from actors.presence.belief import Beliefs, Scatter
from actors.presence.bursts import Track, bursts_of
from actors.presence.ground import Ground
from actors.presence.health import HEARABLE_DBM, Health
from actors.presence.smoothing import unsmoothed
from actors.presence.subject import (
    POSITION_MS,
    ROUND_MS,
    RSSI_MAX_DBM,
    RSSI_MIN_DBM,
    Strangers,
    announced,
    quiet_until_ms,
    visit_over,
)
from actors.presence.zones import Zones, doubted
from protocols.cells import Crowd, Heard, Position, ScannerHealth
from protocols.facts import PresenceSettings, Radio
from protocols.ids import UNKNOWN_ZONE, Key, ZoneId

WHOLE_SHARE = 0.8
"""A burst counts as whole once this share of the usual number of readings is in."""

SETTLE_MS = 25
"""A burst that is not whole is decided after so long without a further reading."""

USUAL_GAIN = 0.2
"""How quickly the usual number follows the last burst's."""

ACQUIRE_READINGS, ACQUIRE_MS = 3, 3_000
"""A new subject is placed once so many readings are in, or with what there is after so long."""

STALE_MS = 20_000
"""A belief not fed for so long is begun anew: by then a shopper can be anywhere that the window shows."""

LOST_AT, LOST_GAIN, MISS_MAX = 2.0, 0.15, 16.0
"""Squared misses average 1 where the belief is right, and 1.8 at the worst on recorded walks; one that is on the wrong
side of the floor soon reaches 3. Above this the subject is placed anew. A miss counts as `MISS_MAX` at most."""

RECENT_GAIN = 0.3
"""How quickly what a scanner usually hears of a subject follows its last reading."""

BELIEF_BYTES_MAX = 256 * 1024 * 1024
"""Memory of all beliefs. At the limit whoever was heard least lately is forgotten, and placed anew when heard."""


class Mapped:
    """Presence of the subjects that a cell holds, by the radio map of one ground."""

    def __init__(self, ground: Ground, facts: Facts) -> None:
        assert facts.radio is not None, "a ground is made from a radio map"
        self.ground = ground
        self._beliefs = Beliefs(ground, _scatter(facts.radio, facts.presence))
        self._zones = Zones(ground)
        self._free: list[int] = []
        self._tracks: dict[Key, Track] = {}
        self._heard: dict[Track, list[Heard]] = {}
        self._to_show: dict[Key, Track] = {}
        self._undecided: dict[Track, None] = {}
        self._next_round_ms = 0
        self._strangers = Strangers()
        self.health = Health(ground)
        self.refused = 0
        """Readings that were no signal."""

    # --- the seam

    def admit(self, key: Key, zone: ZoneId, now_ms: int) -> None:
        """A row for a subject that was just loaded: in its announced zone, silent from now on."""
        self.forget(key)
        self._tracks[key] = Track(key, zone, quiet_until_ms(zone, now_ms), now_ms)

    def forget(self, key: Key) -> None:
        """Drops the row. What it knew is learned again when the subject is next heard."""
        if (track := self._tracks.pop(key, None)) is not None:
            self._heard.pop(track, None)
            self._to_show.pop(key, None)
            self._release(track)

    def redrawn(self, other: Mapped) -> bool:
        """Takes the zones of another, made of newer facts, and goes on; False if the floor differs in more."""
        if self._beliefs.scatter != other._beliefs.scatter or not self.ground.differs_in_zones_alone(
            other.ground
        ):
            return False
        self.ground, self._zones = other.ground, other._zones
        for track in self._tracks.values():
            if track.begun:
                mass = self._beliefs.mass(track.slot)
                track.shares = self._zones.shares(self._beliefs.window(track.slot), mass)
        return True

    def subjects(self) -> Iterable[tuple[Key, ZoneId]]:
        """Every row and the zone announced."""
        return [(track.key, track.zone) for track in self._tracks.values()]

    def strangers(self) -> dict[str, int]:
        """Readings by scanners that the map does not have, by scanner."""
        return self._strangers.counted()

    def hear(self, heard: Heard, facts: Facts) -> tuple[Concluded, ...]:
        """Keeps one sighting for the next `tick`, which concludes. One that is no signal changes nothing."""
        track = self._tracks.get(heard.key)
        if track is None:
            return ()
        is_signal = (
            RSSI_MIN_DBM <= heard.rssi_dbm <= RSSI_MAX_DBM  # NaN is none
            if heard.placed is None
            else all(isfinite(one) for one in heard.placed)
        )
        if not is_signal:
            self.refused += 1
            return ()
        # Who heard it counts once the reading is taken in: a conclusion names the one that made it.
        track.seen_ms = heard.at_ms
        if heard.placed is None and heard.scanner not in self.ground.scanners:
            self._strangers.count(heard.scanner)
            return ()
        track.placed_ms = heard.at_ms
        self._heard.setdefault(track, []).append(heard)
        return ()

    def tick(self, now_ms: int, facts: Facts) -> tuple[Concluded, ...]:
        """What was heard since the last call, and what silence concludes."""
        found = self._take(facts)
        self._settle(now_ms, facts, found)
        if not 0 <= self._next_round_ms - now_ms <= ROUND_MS:
            self._next_round_ms = now_ms + ROUND_MS
            self.health.judge(now_ms)
            found.extend(self._round(now_ms, facts))
        return tuple(found)

    def again_ms(self) -> int:
        """In how many milliseconds `tick` has something to decide though nothing is heard; 0 if it has not."""
        return SETTLE_MS if self._undecided else 0

    def positions(self, now_ms: int, facts: Facts) -> list[Position]:
        """Where the subjects heard since the last call are: the mean of the belief, and its standard error."""
        shown = [self.position(key, now_ms, facts) for key in self._to_show if key in self._tracks]
        self._to_show.clear()
        return shown

    def position(self, key: Key, now_ms: int, facts: Facts) -> Position:
        """Where one subject is, and how sure its zone is. Raises KeyError for one without a row."""
        track = self._tracks[key]
        if track.slot < 0:
            return Position(key, 0.0, 0.0, track.zone, _FAR_M, track.seen_ms)
        self._take_in(track)
        rows, columns = self._beliefs.window(track.slot)
        mass = self._beliefs.mass(track.slot)
        east, south = self.ground.x[rows, columns], self.ground.y[rows, columns]
        x, y = float((mass * east).sum()), float((mass * south).sum())
        spread = float((mass * ((east - x) ** 2 + (south - y) ** 2)).sum())
        p = doubted(self._zones.held(track.zone, (rows, columns), mass), self._is_doubtful(track))
        return Position(
            key, round(x, 3), round(y, 3), track.zone, round(spread**0.5, 2), track.seen_ms, round(100 * p)
        )

    def crowds(self) -> list[Crowd]:
        """How many subjects each zone holds by the beliefs as they decided last: sums of p, and of p (1 - p)."""
        zones = self.ground.zones
        shares = [track.shares for track in self._tracks.values() if track.begun and track.shares is not None]
        p = np.array(shares, dtype=float).reshape(-1, len(zones))
        expected, variance = p.sum(axis=0), (p * (1 - p)).sum(axis=0)
        return [
            Crowd(zone, round(float(one), 2), round(float(other), 3))
            for zone, one, other in zip(zones, expected, variance, strict=True)
        ]

    def scanners(self, now_ms: int) -> list[ScannerHealth]:
        """What is made of each scanner."""
        return self.health.told(now_ms)

    # --- bursts

    def _take(self, facts: Facts) -> list[Concluded]:
        """Takes in everything that was kept, burst by burst."""
        found: list[Concluded] = []
        waiting = {track: bursts_of(track, heard) for track, heard in self._heard.items()}
        self._heard = {}
        while waiting:
            starting = [track for track, bursts in waiting.items() if bursts[0][0]]
            self._close(starting, facts, found)
            self._begin(starting, {track: waiting[track][0][1][0].at_ms for track in starting})
            self._read({track: bursts.pop(0)[1] for track, bursts in waiting.items()})
            for track in waiting:
                if not track.begun and len(track.burst) >= ACQUIRE_READINGS:
                    self._place(track)
                    track.decided = False
                if not track.decided and len(track.burst) >= WHOLE_SHARE * track.usual:
                    self._decide(track, facts, found)
            self._undecided.update((track, None) for track in waiting if not track.decided)
            waiting = {track: bursts for track, bursts in waiting.items() if bursts}
        return found

    def _settle(self, now_ms: int, facts: Facts, found: list[Concluded]) -> None:
        """Decides the bursts that will not become whole: some scanner lost the packet, or is too far away."""
        for track in list(self._undecided):
            if track.decided or abs(now_ms - track.last_ms) >= SETTLE_MS:  # also where the clock was set back
                if not track.decided:
                    self._decide(track, facts, found, f"~{now_ms}")
                del self._undecided[track]

    def _close(self, tracks: list[Track], facts: Facts, found: list[Concluded]) -> None:
        """Ends the bursts that were under way: decides what was not yet, and learns the scanners' errors."""
        for track in tracks:
            if track.burst:
                track.usual += USUAL_GAIN * (len(track.burst) - track.usual)
                if not track.decided:
                    self._decide(track, facts, found)
        ended = [track for track in tracks if track.burst and track.begun]
        for track in ended:
            self._learn(track)
            for scanner, reading, _ in track.burst:
                usual, _ = track.recent.get(scanner, (reading, 0))
                track.recent[scanner] = (usual + RECENT_GAIN * (reading - usual), track.last_ms)
            level = self._expected(track)
            self.health.burst({one for one, _, _ in track.burst}, level, track.last_ms)

    def _learn(self, track: Track) -> None:
        """Learns the scanners' errors from a burst, and whether they and the belief are what they should be."""
        left = track.burst
        while left:
            # A scanner that was heard twice is learned from twice.
            readings = {one[0]: one for one in reversed(left)}
            left = [one for one in left if readings[one[0]] is not one]
            scanners, dbm, wider = (np.array(one) for one in zip(*reversed(readings.values()), strict=True))
            surprise, off_db = self._beliefs.learn(track.slot, scanners, dbm, wider)
            for one, off, at in zip(surprise.tolist(), off_db.tolist(), scanners.tolist(), strict=True):
                track.lost += LOST_GAIN / len(track.burst) * (min(one, MISS_MAX) - track.lost)
                self.health.read(at, off)

    def _begin(self, tracks: list[Track], at_ms: Mapping[Track, int]) -> None:
        """Lets the time since the last burst pass, or places a subject that is new, stale or lost."""
        walking = []
        for track in tracks:
            idle_ms = at_ms[track] - track.believed_ms
            if track.begun and idle_ms > STALE_MS:
                track.begun, track.lost = False, 1.0
                track.over()
            if track.begun and track.lost > LOST_AT:
                self._place_anew(track)
            if track.begun:
                walking.append(track)
                track.over()
            elif track.burst and abs(at_ms[track] - track.believed_ms) > ACQUIRE_MS:
                self._place(track)
                walking.append(track)
                track.over()
            elif not track.burst:
                track.believed_ms = at_ms[track]  # since when readings are gathered
        walking = [track for track in walking if track.begun]  # the place of one may be another's by now
        if walking:
            passed = [min(max(0, at_ms[track] - track.began_ms), STALE_MS) / 1_000 for track in walking]
            self._beliefs.walk(np.array([track.slot for track in walking]), np.array(passed))
            for track in walking:
                track.believed_ms = at_ms[track]
        for track in tracks:
            track.began_ms = track.last_ms = at_ms[track]  # earlier than before where the clock was set back

    def _read(self, bursts: Mapping[Track, list[Heard]]) -> None:
        """Gathers readings, and takes places in. A belief hears its readings once somebody wants to know."""
        for track, heard in bursts.items():
            for one in heard:
                track.last_ms = max(track.last_ms, one.at_ms)
                track.scanner, track.arrived_us = one.scanner, one.arrived_us
                if one.placed is not None:
                    self._stand(track, one.placed)
                else:
                    scanner = self.ground.scanners[one.scanner]
                    track.burst.append((scanner, *self._single(track, scanner, one)))
            track.decided = not track.begun

    def _take_in(self, track: Track) -> None:
        """Takes into the belief what it has not heard yet of the burst."""
        if track.begun and track.taken < len(track.burst):
            self._beliefs.hear(track.slot, track.burst[track.taken :])
            track.taken = len(track.burst)

    def _single(self, track: Track, scanner: int, heard: Heard) -> tuple[float, float]:
        """A reading as it was before the scanner's own smoothing, and the variance that this adds."""
        smoothing_s = self.ground.smoothing_s[scanner]
        distrust = self.health.distrust(scanner)
        if smoothing_s <= 0:
            return heard.rssi_dbm, distrust
        dbm, wider, track.raw[scanner] = unsmoothed(
            track.raw.get(scanner), heard.rssi_dbm, heard.at_ms, smoothing_s
        )
        return dbm, wider + distrust

    # --- places

    def _place(self, track: Track) -> None:
        """Begins the belief from the readings gathered."""
        if track.slot < 0:
            track.slot = self._slot()
        scanner, dbm, wider = (np.array(one) for one in zip(*track.burst, strict=True))
        self._beliefs.place(track.slot, scanner, dbm, wider)
        track.begun, track.lost, track.taken = True, 1.0, len(track.burst)

    def _place_anew(self, track: Track) -> None:
        """Begins a lost subject's belief again, from what its scanners usually hear of it these seconds."""
        fresh = {
            scanner: dbm
            for scanner, (dbm, at_ms) in track.recent.items()
            if track.last_ms - at_ms <= ACQUIRE_MS
        }
        track.lost = 1.0
        if len(fresh) >= ACQUIRE_READINGS:
            scanners, dbm = np.array(list(fresh)), np.array(list(fresh.values()))
            self._beliefs.place(track.slot, scanners, dbm, np.zeros(len(fresh)))

    def _stand(self, track: Track, placed: tuple[float, float, float]) -> None:
        """A place that a positioning system worked out; the first one places the subject."""
        ground, (x, y, error_m) = self.ground, placed
        x = min(max(x, 0.0), ground.columns * ground.cell_m)
        y = min(max(y, 0.0), ground.rows * ground.cell_m)
        if not track.begun:
            if track.slot < 0:
                track.slot = self._slot()
            self._beliefs.begin_at(track.slot, x, y)
            track.begun, track.lost, track.taken = True, 1.0, len(track.burst)
        one = np.array([track.slot])
        self._beliefs.stand(
            one, np.array([x]), np.array([y]), np.array([min(max(error_m, _PLACED_MIN_M), _FAR_M)])
        )

    def _slot(self) -> int:
        """A free slot; at the limit of memory, that of whoever was heard least lately."""
        if not self._free:
            most = max(1, BELIEF_BYTES_MAX // self._beliefs.bytes_each)
            if not len(self._beliefs.p):
                self._beliefs.grow(
                    most
                )  # at once: untouched it is no memory yet, and nobody waits for copies later
                self._free.extend(range(most - 1, -1, -1))
            else:
                oldest = min((t for t in self._tracks.values() if t.slot >= 0), key=lambda t: t.last_ms)
                self._release(oldest)
        return self._free.pop()

    def _release(self, track: Track) -> None:
        if track.slot >= 0:
            self._free.append(track.slot)
        track.over()
        track.slot, track.begun, track.decided = -1, False, True
        track.shares = None

    def _expected(self, track: Track) -> Any:
        """The level at which each scanner should hear the subject where it most likely is: [scanners]."""
        rows, columns = self._beliefs.window(track.slot)
        mass = self._beliefs.mass(track.slot)
        row, column = np.unravel_index(int(mass.argmax()), mass.shape)
        offset = self._beliefs.o[track.slot][row, column]
        return self.ground.level[:, rows.start + row, columns.start + column] + offset

    def _decide(self, track: Track, facts: Facts, found: list[Concluded], at: str = "") -> None:
        track.decided = True
        self._take_in(track)
        if not 0 <= track.last_ms - track.shown_ms < POSITION_MS:
            track.shown_ms = track.last_ms
            self._to_show[track.key] = track
        window, mass = self._beliefs.window(track.slot), self._beliefs.mass(track.slot)
        is_doubtful = self._is_doubtful(track)
        if done := self._zones.decide(track, window, mass, facts.presence, is_doubtful, at):
            found.append(done)

    def _is_doubtful(self, track: Track) -> bool:
        """Whether a scanner that should hear the subject where it most likely is, is silent."""
        silent = self.health.silent()
        if not silent:
            return False
        level = self._expected(track)
        return any(level[scanner] >= HEARABLE_DBM for scanner in silent)

    # --- silence

    def _round(self, now_ms: int, facts: Facts) -> list[Concluded]:
        """Whoever is silent left its zone, then the store."""
        found: list[Concluded] = []
        settings = facts.presence
        for track in self._tracks.values():
            if now_ms - track.seen_ms >= settings.visit_silence_s * 1_000:
                found.append(visit_over(track, now_ms))
            elif now_ms - track.placed_ms >= settings.zone_silence_s * 1_000:
                if track.zone != UNKNOWN_ZONE and now_ms >= track.quiet_until_ms:
                    found.append(announced(track, UNKNOWN_ZONE, 0, f"~{now_ms}"))
                track.over()
                track.begun, track.decided = False, True
        return found


def _scatter(radio: Radio, settings: PresenceSettings) -> Scatter:
    return Scatter(radio.reading_sd_db, radio.near_sd_db, radio.map_sd_db, settings.beacon_sd_db)


_FAR_M = 99.0
"""The doubt of a position that nothing was heard for."""

_PLACED_MIN_M = 0.3
"""No positioning system in a shop is better than this, whatever it says."""
