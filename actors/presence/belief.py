"""What is believed of many subjects at once: place, walk, the power of their device, and each scanner's slow error.

One subject is a window of cells around its likeliest place:

    p [STATES, h, w]     place and walk, together one
    o [h, w]             the device's offset in dB given the place; its variance is one number
    b [2, scanners]      how far off each scanner is just here: within a step or two, and over some metres

A grid hidden Markov model whose readings are scattered as Student's t, with the offset marginalised per cell and the
errors tracked by moments (a Rao-Blackwellised filter). All arrays hold the subjects on their first axis. A subject is
worked on alone, so that what it needs stays in a core's cache; it costs the same whatever the floor and the crowd.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from actors.presence import motion
from actors.presence.ground import Ground

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

Reading = tuple[int, float, float]
"""A scanner, dBm, and further variance in dB²."""

NU = 4.0
"""Degrees of freedom of the readings' scatter: fading has tails, and 3 to 8 do equally well."""

NEAR_S = 3.5
"""Time constant of a scanner's error within a step or two: 1.5 m, over which indoor fading is alike, at a stroll."""

MAP_S = 15.0
"""Time constant of the map's error: some 6 m at a stroll."""

OFFSET_DRIFT = 0.05
"""How fast the power of a device is allowed to change, in dB² a second: it is turned, and put into a bag."""

REACH_SHARE = 0.45
"""The offset spreads by at least this share of a cell a step, so that it follows the mass."""

EDGE_CELLS_SHARE = 0.25
"""A window is moved once the middle of its mass is nearer to its edge than this share of its side."""

TINY = np.float32(1e-30)

THIN = 1e-12
"""Less mass than this left by a burst is worked out again by logarithms, since single precision would lose it."""

LOGS_EVERY = 8
"""Readings whose odds are multiplied before a logarithm is taken: of the wildest no more are in single precision."""


@dataclass(frozen=True)
class Scatter:
    """Standard deviations in dB: of a reading, of a scanner near by and over metres, and of a device's power."""

    reading: float
    near: float
    map: float
    device: float


class Beliefs:
    """The beliefs of up to `room` subjects, by slot. Soft state throughout."""

    def __init__(self, ground: Ground, scatter: Scatter) -> None:
        self.ground, self.scatter = ground, scatter
        h, w = ground.window
        scanners = len(ground.scanners)
        self.p = np.zeros((0, motion.STATES, h, w), dtype=np.float32)
        self.o = np.zeros((0, h, w), dtype=np.float32)
        self.o_var = np.zeros(0)
        self.b = np.zeros((0, 2, scanners))
        self.b_var = np.zeros((0, 2, scanners))
        self.at = np.zeros((0, 2), dtype=np.int64)  # the window's first row and column
        views = np.lib.stride_tricks.sliding_window_view
        self._level = views(ground.level, (h, w), axis=(1, 2))
        self._walkable = views(ground.walkable, (h, w))
        self._right = views(ground.opens_right, (h, w - 1))
        self._down = views(ground.opens_down, (h - 1, w))
        self._x = views(ground.x, (h, w))
        self._y = views(ground.y, (h, w))
        self._error_var = np.array([scatter.near**2, scatter.map**2])
        self._longest_s = motion.longest_step_s(ground.cell_m)
        # What one subject needs lies ready. The last two planes of a step are the offset and the mass that carries it.
        planes = (motion.STATES + 2, h * w)
        self._moved, self._onward, self._against = np.zeros((3, *planes), dtype=np.float32)
        self._ahead, self._back = np.zeros((2, 2, *planes), dtype=np.float32)
        self._opens = np.zeros((2, planes[0] * planes[1]), dtype=np.float32)
        self._off, self._u = np.zeros((2, h, w), dtype=np.float32)
        self._numbers = np.arange(max(h, w), dtype=np.float32)
        self._stays = np.eye(motion.STATES, dtype=np.float32)

    @property
    def bytes_each(self) -> int:
        """Memory of one subject."""
        h, w = self.ground.window
        return 4 * (motion.STATES + 1) * h * w + 8 * (4 * len(self.ground.scanners) + 3)

    def grow(self, room: int) -> None:
        """Makes room for so many subjects, no fewer than now. What none of them has used yet is no memory."""
        for name in ("p", "o", "o_var", "b", "b_var", "at"):
            held = getattr(self, name)
            roomy = np.zeros((room, *held.shape[1:]), held.dtype)
            roomy[: len(held)] = held
            setattr(self, name, roomy)

    # --- beginning

    def place(self, slot: int, scanners: Ints, dbm: Doubles, wider: Doubles, offset: float = 0.0) -> None:
        """Begins a subject anew from what was heard of it, anywhere on the floor; walking as people do."""
        ground, scatter = self.ground, self.scatter
        o = np.full(ground.walkable.shape, offset)
        o_var = scatter.device**2
        usual = scatter.reading**2 + self._error_var.sum()
        log_p = np.zeros(ground.walkable.shape)
        for scanner, reading, further in zip(scanners, dbm, wider, strict=True):
            spread = usual + further
            off = reading - ground.level[scanner] - o
            u = 1 + off * off / (NU * (spread + o_var))
            log_p -= (NU + 1) / 2 * np.log(u)
            gain = o_var / (spread + o_var)
            o += gain * np.minimum((NU + 1) / NU / u, 1.0) * off
            o_var *= 1 - gain
        free = ground.walkable > 0
        p = np.exp(log_p - log_p[free].max(), where=free, out=np.zeros_like(log_p))
        row, column = self._best_window(p)
        h, w = ground.window
        seen = p[row : row + h, column : column + w]
        self.at[slot] = row, column
        self.p[slot] = motion.START[:, None, None] * (seen / seen.sum())
        self.o[slot] = o[row : row + h, column : column + w]
        self.o_var[slot] = o_var
        self.b[slot] = 0.0
        self.b_var[slot] = self._error_var[:, None]

    def begin_at(self, slot: int, x: float, y: float) -> None:
        """Begins a subject anew around a point, for one whose place is worked out elsewhere."""
        ground = self.ground
        h, w = ground.window
        row, column = int(y / ground.cell_m) - h // 2, int(x / ground.cell_m) - w // 2
        self.at[slot] = min(max(row, 0), ground.rows - h), min(max(column, 0), ground.columns - w)
        rows, columns = self.window(slot)
        free = ground.walkable[rows, columns]
        if not free.any():  # within a fixture that fills the window: whoever is placed there stands there
            free = np.ones_like(free)
        self.p[slot] = motion.START[:, None, None] * (free / free.sum())
        self.o[slot] = 0.0
        self.o_var[slot] = self.scatter.device**2
        self.b[slot] = 0.0
        self.b_var[slot] = self._error_var[:, None]

    def _best_window(self, p: Doubles) -> tuple[int, int]:
        """The window that holds most of the mass; of those that hold as much, the one nearest to their middle."""
        h, w = self.ground.window
        summed = np.pad(p.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        held = summed[h:, w:] - summed[:-h, w:] - summed[h:, :-w] + summed[:-h, :-w]
        rows, columns = np.nonzero(held >= held.max() * (1 - 1e-3))
        nearest = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
        return int(rows[nearest]), int(columns[nearest])

    # --- time

    def walk(self, slots: Ints, elapsed_s: Doubles) -> None:
        """Lets time pass for these subjects: people walk, errors fade, windows follow."""
        for slot, passed_s in zip(slots.tolist(), elapsed_s.tolist(), strict=True):
            self._follow(slot)
            self._walk(slot, passed_s)
        self.o_var[slots] = np.minimum(self.o_var[slots] + OFFSET_DRIFT * elapsed_s, self.scatter.device**2)
        fades = np.exp(-elapsed_s[:, None] / np.array([NEAR_S, MAP_S]))[:, :, None]
        self.b[slots] *= fades
        self.b_var[slots] = fades**2 * self.b_var[slots] + (1 - fades**2) * self._error_var[:, None]

    def _walk(self, slot: int, elapsed_s: float) -> None:
        """Moves one subject's mass and, with it, the offset, as long as it takes."""
        steps = max(1, ceil(elapsed_s / self._longest_s))
        step_s = elapsed_s / steps
        self._let(slot, step_s)
        keeps = motion.kept(np.array([step_s]))
        turning = keeps * self._stays + (1 - keeps) * motion.TURNING
        p, o = self.p[slot].reshape(motion.STATES, -1), self.o[slot].reshape(-1)
        walkers, told, mass = self._moved[:-2], self._moved[-2], self._moved[-1]
        for _ in range(steps):
            np.matmul(turning, p, out=walkers)
            walkers.sum(axis=0, out=mass)
            np.multiply(mass, o, out=told)
            for axis, by in enumerate((1, self.ground.window[1])):
                self._flow(axis, by)
            np.maximum(mass, TINY, out=mass)
            np.divide(told, mass, out=o)
            p[:] = walkers

    def _let(self, slot: int, step_s: float) -> None:
        """Lays ready what goes one cell on and back in a step along each axis, and which borders are open."""
        cell_m = self.ground.cell_m
        taps = motion.taps(np.array([step_s]), cell_m)
        spread = max(
            motion.SPREAD_MPS2 * step_s**2 + motion.WANDER_M**2 * step_s, (REACH_SHARE * cell_m) ** 2
        )
        for held, walkers in zip((self._ahead, self._back), taps, strict=True):
            held[:, :-2] = walkers[:, 0, :, None]
            held[:, -2:] = min(spread / cell_m**2, 1.0) / 2
        row, column = self.at[slot]
        right, down = self._opens.reshape(2, motion.STATES + 2, *self.ground.window)
        right[:, :, :-1] = self._right[
            row, column
        ]  # the rest is never open: nothing gets to the next row or plane
        down[:, :-1] = self._down[row, column]

    def _flow(self, axis: int, by: int) -> None:
        """Moves mass between cells that are `by` apart; what a wall stops stays.

        All planes are one run of numbers: those are what numpy is quick with.
        """
        onward, against, moved = self._onward.reshape(-1), self._against.reshape(-1), self._moved.reshape(-1)
        np.multiply(self._moved, self._ahead[axis], out=self._onward)
        np.multiply(self._moved, self._back[axis], out=self._against)
        net = onward[:-by]
        net -= against[by:]
        net *= self._opens[axis, :-by]
        moved[:-by] -= net
        moved[by:] += net

    def _follow(self, slot: int) -> None:
        """Moves a window if the subject's mass comes near its edge. What falls outside is dropped."""
        ground = self.ground
        if ground.window == (ground.rows, ground.columns):
            return
        mass = self.p[slot].sum(axis=0)
        for axis, (side, limit) in enumerate(zip(ground.window, (ground.rows, ground.columns), strict=True)):
            if side == limit:
                continue
            along = mass.sum(axis=1 - axis)
            middle = float(along @ self._numbers[:side]) / max(float(along.sum()), float(TINY))
            near = side * EDGE_CELLS_SHARE
            if near <= middle <= side - 1 - near:
                continue
            before = int(self.at[slot, axis])
            first = min(max(before + round(middle - (side - 1) / 2), 0), limit - side)
            if first != before:
                self._slide(slot, axis, first - before)

    def _slide(self, slot: int, axis: int, by: int) -> None:
        """Moves one window by some cells; the offset beyond its old edge is as at the edge."""
        self.at[slot, axis] += by
        p, o = self.p[slot], self.o[slot]
        self.p[slot] = _slid(p, axis + 1, by, fill=True)
        self.o[slot] = _slid(o, axis, by, fill=False)
        self.p[slot] /= max(float(self.p[slot].sum()), float(TINY))

    # --- readings

    def hear(self, slot: int, readings: Sequence[Reading]) -> None:
        """Takes readings of one subject in, in their order."""
        rows, columns = self.window(slot)
        level = self.ground.level[:, rows, columns]
        o, o_var = self.o[slot], float(self.o_var[slot])
        known, errors_var = self.b[slot].sum(axis=0).tolist(), self.b_var[slot].sum(axis=0).tolist()
        own = self.scatter.reading**2
        off, u = self._off, self._u
        log_l, odds = np.zeros_like(o), np.ones_like(o)
        for number, (scanner, dbm, wider) in enumerate(readings):
            total = errors_var[scanner] + own + wider + o_var
            gain = o_var / total
            np.add(level[scanner], o, out=off)
            np.subtract(np.float32(dbm - known[scanner]), off, out=off)
            np.multiply(off, off, out=u)
            u *= np.float32(1 / (NU * total))
            u += 1
            odds *= u
            np.divide(np.float32((NU + 1) / NU * gain), u, out=u)
            np.minimum(u, np.float32(gain), out=u)
            u *= off
            o += u
            o_var *= 1 - gain
            if number % LOGS_EVERY == LOGS_EVERY - 1:
                log_l += np.log(odds)
                odds.fill(1)
        self.o_var[slot] = o_var
        log_l += np.log(odds)
        log_l *= np.float32(-(NU + 1) / 2)
        log_l -= log_l.max()
        likely = np.exp(log_l)
        p = self.p[slot]
        total = float((p.sum(axis=0) * likely).sum())
        if total < THIN:
            p[:] = self._thin(slot, log_l)
            p /= p.sum()
        else:
            likely /= np.float32(total)
            p *= likely

    def _thin(self, slot: int, log_l: Floats) -> Floats:
        """The belief times the likelihood without underflow, for one who is hardly where the readings say."""
        mass = self.p[slot].sum(axis=0)
        log_mass = np.log(mass, where=mass > 0, out=np.full_like(mass, -np.inf)) + log_l
        grown: Floats = self.p[slot] / np.maximum(mass, TINY) * np.exp(log_mass - log_mass.max())
        return grown

    def stand(self, slots: Ints, x: Doubles, y: Doubles, error_m: Doubles) -> None:
        """Takes in where a positioning system says that these subjects are, each coordinate with its standard error."""
        rows, columns = self.at[slots, 0], self.at[slots, 1]
        far = (self._x[rows, columns] - x[:, None, None]) ** 2 + (
            self._y[rows, columns] - y[:, None, None]
        ) ** 2
        u = 1 + far / (NU * np.maximum(error_m, self.ground.cell_m / 2) ** 2)[:, None, None]
        p = self.p[slots]
        u = np.where(p.sum(axis=1) > 0, u, np.inf)
        u /= u.min(axis=(1, 2), keepdims=True)
        p *= (u ** (-(NU + 2) / 2)).astype(np.float32)[:, None]
        self.p[slots] = p / p.sum(axis=(1, 2, 3), keepdims=True)

    def learn(self, slot: int, scanners: Ints, dbm: Doubles, wider: Doubles) -> tuple[Doubles, Doubles]:
        """Learns the errors of scanners, each here once, from readings of one subject, once its burst is whole.

        Gives the squared surprise of each, 1 where it scatters as it should, and how far above the map it was, in dB.

        h = map + offset over the mass: its mean and variance, then a robust scalar update of both errors.
        """
        rows, columns = self.window(slot)
        above = dbm.astype(np.float32)[:, None, None] - self.o[slot]
        above -= self.ground.level[scanners, rows, columns]
        weighted = self.mass(slot) * above
        miss = weighted.sum(axis=(1, 2)).astype(float)
        weighted *= above
        variance = weighted.sum(axis=(1, 2)).astype(float) - miss**2
        held, held_var = self.b[slot][:, scanners], self.b_var[slot][:, scanners]
        off = miss - held.sum(axis=0)
        total = held_var.sum(axis=0) + self.scatter.reading**2 + wider + np.maximum(variance, 0.0)
        robust = np.minimum((NU + 1) / (NU + off * off / total), 1.0) * off
        gain = held_var / total
        self.b[slot][:, scanners] = held + gain * robust
        self.b_var[slot][:, scanners] = held_var * (1 - gain)
        usual = self._error_var.sum() + self.scatter.reading**2 + wider + np.maximum(variance, 0.0)
        return miss * miss / usual, miss

    # --- looking

    def mass(self, slot: int) -> Floats:
        """[h, w]: the belief of one subject's place."""
        mass: Floats = self.p[slot].sum(axis=0)
        return mass

    def window(self, slot: int) -> tuple[slice, slice]:
        """The rows and columns of the floor that a subject's window shows."""
        h, w = self.ground.window
        row, column = (int(one) for one in self.at[slot])
        return slice(row, row + h), slice(column, column + w)


def _slid(held: Floats, axis: int, by: int, *, fill: bool) -> Floats:
    """The array as a window that moved by `by` cells sees it: beyond its old edge nothing, or what was at the edge."""
    side = held.shape[axis]
    index = np.arange(side) + by
    seen = np.take(held, np.clip(index, 0, side - 1), axis=axis)
    if fill:
        shape = [1] * held.ndim
        shape[axis] = side
        seen *= ((index >= 0) & (index < side)).reshape(shape)
    return seen
