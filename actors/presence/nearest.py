"""The zone of the nearest scanner, by mean signal with hysteresis: presence without a map.

A level is the mean of what one scanner hears, each reading weighted by exp(-age / window). Another zone must
be louder than the announced one by `hysteresis_db` for `hold_s`; then the loudest zone is announced. Nothing
here is saved: what is lost is learned again within seconds, and a new row concludes nothing until then.

A source that works out places itself outranks the scanners: while it places a subject, the zone is the one whose
polygon holds the point, once it has for `hold_s`, and sightings decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, isfinite

from actors.concluded import Concluded
from actors.facts import Facts
from actors.presence.subject import (
    POSITION_MS,
    ROUND_MS,
    RSSI_MAX_DBM,
    RSSI_MIN_DBM,
    Strangers,
    Subject,
    announced,
    quiet_until_ms,
    visit_over,
)
from protocols.cells import Heard, Position
from protocols.facts import PresenceSettings, Zone
from protocols.ids import UNKNOWN_ZONE, Key, ZoneId

LEVELS_MAX = 64
"""Scanners remembered of one subject. Beyond it the one unheard for longest is forgotten."""

GAPS_FRESH = 3.0
"""A scanner's level counts until this many of its usual gaps have passed, if that is more than the window."""

PLACED_P = 99
"""p of a zone that holds the point of a source that works out places: as sure as anything is here."""

_SILENT = -1e9


class _Level:
    """What one scanner hears of one subject."""

    __slots__ = ("fresh_ms", "gap_ms", "heard_ms", "mean_dbm", "weight", "x", "y", "zone")

    def __init__(self, zone: ZoneId, x: float, y: float, dbm: float, at_ms: int, window_ms: float) -> None:
        self.zone = zone
        self.x = x
        self.y = y
        self.mean_dbm = dbm
        self.weight = 1.0
        self.heard_ms = at_ms
        self.gap_ms = 0.0
        self.fresh_ms = window_ms


class _Track(Subject):
    """One subject: its levels, and since when another zone than the announced one is ahead."""

    __slots__ = ("ahead_ms", "in_zone_ms", "levels", "spot", "spot_ms", "spot_zone")

    def __init__(self, key: Key, zone: ZoneId, quiet_until_ms: int, now_ms: int) -> None:
        super().__init__(key, zone, quiet_until_ms, now_ms)
        self.levels: dict[str, _Level] = {}
        self.ahead_ms = -1  # since when another zone is ahead; -1 while none is
        self.in_zone_ms = now_ms  # by a scanner of the announced zone
        self.spot: tuple[float, float, float] | None = None  # where a source placed it last
        self.spot_ms = now_ms
        self.spot_zone = UNKNOWN_ZONE


class Nearest:
    """Presence of the subjects that a cell holds. Soft state throughout."""

    def __init__(self) -> None:
        self._tracks: dict[Key, _Track] = {}
        self._strangers = Strangers()
        self._to_show: dict[Key, _Track] = {}
        self._next_round_ms = 0
        self.refused = 0
        """Readings that were no signal."""

    def admit(self, key: Key, zone: ZoneId, now_ms: int) -> None:
        """A row for a subject that was just loaded: in its announced zone, silent from now on."""
        self._tracks[key] = _Track(key, zone, quiet_until_ms(zone, now_ms), now_ms)

    def forget(self, key: Key) -> None:
        """Drops the row. What it knew is learned again when the subject is next heard."""
        self._tracks.pop(key, None)

    def strangers(self) -> dict[str, int]:
        """Readings by scanners that the floor does not list, by scanner."""
        return self._strangers.counted()

    def subjects(self) -> Iterable[tuple[Key, ZoneId]]:
        """Every row and the zone announced."""
        return [(track.key, track.zone) for track in self._tracks.values()]

    def hear(self, heard: Heard, facts: Facts) -> tuple[Concluded, ...]:
        """Takes one sighting in. A subject without a row, or a reading that is no signal, changes nothing."""
        track = self._tracks.get(heard.key)
        if track is None:
            return ()
        if heard.placed is not None:
            return self._place(track, heard, heard.placed, facts)
        dbm, at_ms, scanner = heard.rssi_dbm, heard.at_ms, heard.scanner
        if not RSSI_MIN_DBM <= dbm <= RSSI_MAX_DBM:  # NaN too
            self.refused += 1
            return ()
        track.saw(heard)
        place = facts.scanners.get(scanner)
        if place is None:
            self._strangers.count(scanner)
            return ()
        settings = facts.presence
        track.placed_ms = at_ms
        level = track.levels.get(scanner)
        if level is None:
            level = _Level(place.zone, place.x, place.y, dbm, at_ms, settings.window_s * 1_000.0)
            _keep(track.levels, scanner, level)
        else:
            level.zone = place.zone
            _update(level, dbm, at_ms, settings)
        if at_ms - track.shown_ms >= POSITION_MS:
            track.shown_ms = at_ms
            self._to_show[track.key] = track
        if _stands(track, at_ms, settings):
            return ()
        if place.zone == track.zone:
            track.in_zone_ms = at_ms
            if track.ahead_ms < 0:
                return ()
        return self._weigh(track, at_ms, settings, "")

    def tick(self, now_ms: int, facts: Facts) -> tuple[Concluded, ...]:
        """What silence concludes: a hold that ended, a zone left, a visit over. Cheap when called too often."""
        if 0 <= self._next_round_ms - now_ms <= ROUND_MS:
            return ()
        self._next_round_ms = now_ms + ROUND_MS
        settings = facts.presence
        silence_ms = settings.zone_silence_s * 1_000
        ended_ms = settings.visit_silence_s * 1_000
        window_ms = settings.window_s * 1_000
        found: list[Concluded] = []
        for track in self._tracks.values():
            if now_ms - track.seen_ms >= ended_ms:
                found.append(visit_over(track, now_ms))
            elif now_ms - track.placed_ms >= silence_ms:
                found.extend(self._lost(track, now_ms))
            elif _stands(track, now_ms, settings):
                found.extend(self._stay(track, now_ms, settings, f"~{now_ms}"))
            elif now_ms - track.placed_ms >= window_ms:
                # Nobody hears it now. The levels that still count are the slowest scanners', not the nearest ones'.
                track.ahead_ms = -1
            elif track.ahead_ms >= 0 or now_ms - track.in_zone_ms >= window_ms:
                found.extend(self._weigh(track, now_ms, settings, f"~{now_ms}"))
        return tuple(found)

    def positions(self, now_ms: int, facts: Facts) -> list[Position]:
        """Where the subjects heard since the last call are: amid the scanners that hear them, by power."""
        if not self._to_show:
            return []
        shown = [
            _position(track, now_ms, facts.presence)
            for track in self._to_show.values()
            if track.key in self._tracks
        ]
        self._to_show.clear()
        return shown

    def position(self, key: Key, now_ms: int, facts: Facts) -> Position:
        """Where one subject is. Raises KeyError for one without a row."""
        return _position(self._tracks[key], now_ms, facts.presence)

    def _place(
        self, track: _Track, heard: Heard, placed: tuple[float, float, float], facts: Facts
    ) -> tuple[Concluded, ...]:
        """Takes in where a source says that the subject is."""
        x, y, error_m = placed
        if not (isfinite(x) and isfinite(y) and isfinite(error_m)):
            self.refused += 1
            return ()
        at_ms = heard.at_ms
        if not _stands(track, at_ms, facts.presence):
            track.ahead_ms = -1  # sightings no longer count
        track.spot = placed
        track.saw(heard)
        track.placed_ms = track.spot_ms = at_ms
        zone = _zone_at(x, y, facts.zones, track.zone)
        if zone == track.zone:
            track.in_zone_ms, track.ahead_ms = at_ms, -1
        elif zone != track.spot_zone or track.ahead_ms < 0:
            track.ahead_ms = at_ms
        track.spot_zone = zone
        if at_ms - track.shown_ms >= POSITION_MS:
            track.shown_ms = at_ms
            self._to_show[track.key] = track
        return self._stay(track, at_ms, facts.presence, "")

    def _stay(self, track: _Track, now_ms: int, settings: PresenceSettings, at: str) -> tuple[Concluded, ...]:
        """Announces the zone of the last place once the subject has been there for the hold."""
        held_ms = now_ms - track.ahead_ms
        if track.ahead_ms < 0 or held_ms < settings.hold_s * 1_000 or now_ms < track.quiet_until_ms:
            return ()
        track.ahead_ms = -1
        track.in_zone_ms = now_ms
        return (announced(track, track.spot_zone, PLACED_P, at),)

    def _weigh(
        self, track: _Track, now_ms: int, settings: PresenceSettings, at: str
    ) -> tuple[Concluded, ...]:
        """Compares the announced zone with the loudest other one, and announces that if it holds."""
        zone, own, best, best_zone = track.zone, _SILENT, _SILENT, UNKNOWN_ZONE
        for level in track.levels.values():
            if now_ms - level.heard_ms <= level.fresh_ms:
                dbm = level.mean_dbm
                if level.zone == zone:
                    if dbm > own:
                        own = dbm
                elif dbm > best:
                    best, best_zone = dbm, level.zone
        if best == _SILENT or best - own < settings.hysteresis_db:
            track.ahead_ms = -1
            return ()
        if track.ahead_ms < 0:
            track.ahead_ms = now_ms
        if now_ms - track.ahead_ms < settings.hold_s * 1_000 or now_ms < track.quiet_until_ms:
            return ()
        track.ahead_ms = -1
        track.in_zone_ms = now_ms
        return (announced(track, best_zone, _share(track, best_zone, now_ms), at),)

    def _lost(self, track: _Track, now_ms: int) -> tuple[Concluded, ...]:
        track.ahead_ms = -1
        if track.zone == UNKNOWN_ZONE or now_ms < track.quiet_until_ms:
            return ()
        track.levels.clear()
        return (announced(track, UNKNOWN_ZONE, 0, f"~{now_ms}"),)


def _keep(levels: dict[str, _Level], scanner: str, level: _Level) -> None:
    if len(levels) >= LEVELS_MAX:
        del levels[min(levels, key=lambda name: levels[name].heard_ms)]
    levels[scanner] = level


def _update(level: _Level, dbm: float, at_ms: int, settings: PresenceSettings) -> None:
    """The exponential mean. Gaps are followed too: a node that reports every 15 s is not silent after 3."""
    gap_ms = at_ms - level.heard_ms
    level.heard_ms = at_ms
    window_ms = settings.window_s * 1_000.0
    if gap_ms > 0:
        level.weight *= exp(-gap_ms / window_ms) if window_ms > 0 else 0.0
        if gap_ms * GAPS_FRESH > window_ms or level.gap_ms * GAPS_FRESH > window_ms:
            level.gap_ms += (gap_ms - level.gap_ms) * 0.3
            slow_ms = min(level.gap_ms * GAPS_FRESH, settings.zone_silence_s * 1_000.0)
            level.fresh_ms = max(window_ms, slow_ms)
    level.weight += 1.0
    level.mean_dbm += (dbm - level.mean_dbm) / level.weight


def _share(track: _Track, zone: ZoneId, now_ms: int) -> int:
    """p in whole per cent: the zone's share of the power heard, each zone by its loudest scanner."""
    loudest: dict[ZoneId, float] = {}
    for level in track.levels.values():
        if now_ms - level.heard_ms <= level.fresh_ms:
            loudest[level.zone] = max(level.mean_dbm, loudest.get(level.zone, _SILENT))
    own = loudest.get(zone, 0.0)
    total = float(sum(10.0 ** (min(dbm - own, 60.0) / 10.0) for dbm in loudest.values()))
    return max(1, min(99, round(100.0 / max(total, 1.0))))


def _stands(track: _Track, now_ms: int, settings: PresenceSettings) -> bool:
    """Whether a source that works out places has placed the subject lately."""
    return track.spot is not None and now_ms - track.spot_ms < settings.zone_silence_s * 1_000


def _zone_at(x: float, y: float, zones: dict[str, Zone], announced: ZoneId) -> ZoneId:
    """The zone that holds a point: where several do the announced one, or else the first by id."""
    holding = [ZoneId(zone) for zone, drawn in zones.items() if _holds(drawn.polygon, x, y)]
    if announced in holding:
        return announced
    return min(holding, default=UNKNOWN_ZONE)


def _holds(polygon: tuple[tuple[float, float], ...], x: float, y: float) -> bool:
    """Whether a point lies inside, by counting the edges that a ray to the right crosses (Shimrat, 1962)."""
    inside = False
    for (ax, ay), (bx, by) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            inside = not inside
    return inside


def _position(track: _Track, now_ms: int, settings: PresenceSettings) -> Position:
    if track.spot is not None and _stands(track, now_ms, settings):
        x, y, error_m = track.spot
        doubt_m = round(error_m or _NEAR_M, 2)  # 0: the source did not say
        return Position(track.key, round(x, 2), round(y, 2), track.zone, doubt_m, track.seen_ms)
    weights: list[tuple[float, _Level]] = [
        (10.0 ** (level.mean_dbm / 10.0), level)
        for level in track.levels.values()
        if now_ms - level.heard_ms <= level.fresh_ms
    ]
    total = sum(weight for weight, _ in weights)
    if total <= 0.0:
        return Position(track.key, 0.0, 0.0, track.zone, _FAR_M, track.seen_ms)
    x = sum(weight * level.x for weight, level in weights) / total
    y = sum(weight * level.y for weight, level in weights) / total
    spread = sum(w * ((level.x - x) ** 2 + (level.y - y) ** 2) for w, level in weights) / total
    return Position(
        track.key, round(x, 2), round(y, 2), track.zone, round(max(_NEAR_M, spread**0.5), 2), track.seen_ms
    )


_NEAR_M, _FAR_M = 1.0, 99.0
"""The doubt of a position: never less than a scanner's own reach, and this much where nothing is fresh."""
