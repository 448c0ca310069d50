"""What is believed of many subjects at once: place, walk, the power of their device, and each scanner's slow error.

One subject is a window of cells around its likeliest place:

    p [STATES, h, w]     place and walk, together one
    o [h, w]             the device's offset in dB given the place; its variance is one number
    b [2, scanners]      how far off each scanner is just here: within a step or two, and over some metres

A grid hidden Markov model whose readings are scattered as Student's t, with the offset marginalised per cell and the
errors tracked by moments (a Rao-Blackwellised filter). All arrays hold the subjects on their first axis; every call
takes the subjects that it is about, and costs each of them the same, whatever the floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actors.presence import motion
from actors.presence.ground import Ground

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

Round = tuple[Ints, Ints, Doubles, Doubles]
"""At most one reading of each subject: places among the subjects, scanners, dBm, further variance in dB²; each [n]."""

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

CHUNK = 16
"""Subjects worked on at once: what they need stays in a core's cache."""


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
        self._right = views(np.pad(ground.opens_right, ((0, 0), (0, 1))), (h, w))
        self._down = views(ground.opens_down, (h - 1, w))
        self._x = views(ground.x, (h, w))
        self._y = views(ground.y, (h, w))
        self._error_var = np.array([scatter.near**2, scatter.map**2])
        self._longest_s = motion.longest_step_s(ground.cell_m)

    @property
    def bytes_each(self) -> int:
        """Memory of one subject."""
        h, w = self.ground.window
        return 4 * (motion.STATES + 1) * h * w + 8 * (4 * len(self.ground.scanners) + 3)

    def grow(self, room: int) -> None:
        """Makes room for so many subjects."""
        for name in ("p", "o", "o_var", "b", "b_var", "at"):
            held = getattr(self, name)
            setattr(
                self, name, np.concatenate([held, np.zeros((room - len(held), *held.shape[1:]), held.dtype)])
            )

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
        steps = np.maximum(1, np.ceil(elapsed_s / self._longest_s)).astype(int)
        for first in range(0, len(slots), CHUNK):
            chunk = slice(first, first + CHUNK)
            self._walk(slots[chunk], elapsed_s[chunk] / steps[chunk], steps[chunk])

    def _walk(self, slots: Ints, step_s: Doubles, steps: NDArray[np.int64]) -> None:
        self._follow(slots)
        for number in range(int(steps.max())):
            left = steps > number
            self._step(slots[left], step_s[left])
        elapsed_s = step_s * steps
        self.o_var[slots] = np.minimum(self.o_var[slots] + OFFSET_DRIFT * elapsed_s, self.scatter.device**2)
        fades = np.exp(-elapsed_s[:, None] / np.array([NEAR_S, MAP_S]))[:, :, None]
        self.b[slots] *= fades
        self.b_var[slots] = fades**2 * self.b_var[slots] + (1 - fades**2) * self._error_var[:, None]

    def _step(self, slots: Ints, step_s: Doubles) -> None:
        ground = self.ground
        h, w = ground.window
        rows, columns = self.at[slots, 0], self.at[slots, 1]
        right = self._right[rows, columns]
        right[:, :, -1] = 0.0  # nor does anybody step over the edge into the next row
        right = right.reshape(len(slots), 1, h * w)[:, :, :-1]
        down = self._down[rows, columns].reshape(len(slots), 1, (h - 1) * w)
        # Rows one after the other: long runs of numbers are what numpy is quick with.
        p = self.p[slots].reshape(len(slots), motion.STATES, h * w)
        keeps = motion.kept(step_s)[:, None, None]
        mixed = np.matmul(motion.TURNING, p)
        p *= keeps
        mixed *= 1 - keeps
        p += mixed
        mass = p.sum(axis=1)
        ahead, back = motion.taps(step_s, ground.cell_m)
        _moved(p, ahead[0], back[0], right, 1)
        _moved(p, ahead[1], back[1], down, w)
        self.p[slots] = p.reshape(len(slots), motion.STATES, h, w)
        spread = np.maximum(
            motion.SPREAD_MPS2 * step_s**2 + motion.WANDER_M**2 * step_s, (REACH_SHARE * ground.cell_m) ** 2
        )
        side = (np.minimum(spread / ground.cell_m**2, 1.0) / 2).astype(np.float32)[:, None]
        told = np.stack([mass * self.o[slots].reshape(mass.shape), mass], axis=1)
        _moved(told, side, side, right, 1)
        _moved(told, side, side, down, w)
        self.o[slots] = (told[:, 0] / np.maximum(told[:, 1], TINY)).reshape(len(slots), h, w)

    def _follow(self, slots: Ints) -> None:
        """Moves the windows of subjects whose mass comes near an edge. What falls outside is dropped."""
        ground = self.ground
        mass = self.p[slots].sum(axis=1)
        for axis, (side, limit) in enumerate(zip(ground.window, (ground.rows, ground.columns), strict=True)):
            if side == limit:
                continue
            along = mass.sum(axis=2 - axis)
            middle = along @ np.arange(side) / np.maximum(along.sum(axis=1), TINY)
            near = side * EDGE_CELLS_SHARE
            off = np.where((middle < near) | (middle > side - 1 - near), np.round(middle - (side - 1) / 2), 0)
            first = np.clip(self.at[slots, axis] + off.astype(int), 0, limit - side)
            for slot, by in zip(slots, first - self.at[slots, axis], strict=True):
                if by:
                    self._slide(int(slot), axis, int(by))

    def _slide(self, slot: int, axis: int, by: int) -> None:
        """Moves one window by some cells; the offset beyond its old edge is as at the edge."""
        self.at[slot, axis] += by
        p, o = self.p[slot], self.o[slot]
        self.p[slot] = _slid(p, axis + 1, by, fill=True)
        self.o[slot] = _slid(o, axis, by, fill=False)
        self.p[slot] /= max(float(self.p[slot].sum()), float(TINY))

    # --- readings

    def hear(self, slots: Ints, readings: Sequence[Round]) -> None:
        """Takes readings in, round by round."""
        rows, columns = self.at[slots, 0], self.at[slots, 1]
        log_l = np.zeros((len(slots), *self.ground.window), dtype=np.float32)
        own = self.scatter.reading**2
        for place, scanner, dbm, wider in readings:
            slot = slots[place]
            o_var = self.o_var[slot]
            spread = self.b_var[slot, :, scanner].sum(axis=1) + own + wider
            total = (spread + o_var).astype(np.float32)[:, None, None]
            known = (dbm - self.b[slot, :, scanner].sum(axis=1)).astype(np.float32)[:, None, None]
            off = known - self._level[scanner, rows[place], columns[place]] - self.o[slot]
            u = off * off
            u /= np.float32(NU) * total
            u += 1
            log_l[place] -= np.float32((NU + 1) / 2) * np.log(u)
            gain = o_var / (spread + o_var)
            np.divide(np.float32((NU + 1) / NU), u, out=u)
            np.minimum(u, 1, out=u)
            u *= off
            u *= gain.astype(np.float32)[:, None, None]
            self.o[slot] += u
            self.o_var[slot] *= 1 - gain
        log_l -= log_l.max(axis=(1, 2), keepdims=True)
        likely = np.exp(log_l)
        for first in range(0, len(slots), CHUNK):
            chunk = slots[first : first + CHUNK]
            p = self.p[chunk]
            p *= likely[first : first + CHUNK, None]
            total = p.sum(axis=(1, 2, 3))
            for number in np.flatnonzero(total < THIN):
                p[number] = self._thin(chunk[number], log_l[first + number])
                total[number] = p[number].sum()
            p /= total[:, None, None, None]
            self.p[chunk] = p

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

    def learn(
        self, slots: Ints, scanners: Ints, dbm: Doubles, wider: Doubles, mass: Floats
    ) -> tuple[Doubles, Doubles]:
        """Learns each scanner's error from one reading a subject, once the burst is whole.

        Gives its squared surprise, 1 where it scatters as it should, and how far above the map it was, in dB.

        h = map + offset over the mass: its mean and variance, then a robust scalar update of both errors.
        `mass` is theirs, as `masses` gives it: what is learned here does not change it.
        """
        above = dbm.astype(np.float32)[:, None, None] - self.o[slots]
        above -= self._level[scanners, self.at[slots, 0], self.at[slots, 1]]
        weighted = mass * above
        miss = weighted.sum(axis=(1, 2)).astype(float)
        weighted *= above
        variance = weighted.sum(axis=(1, 2)).astype(float) - miss**2
        held = self.b[slots, :, scanners]
        held_var = self.b_var[slots, :, scanners]
        off = miss - held.sum(axis=1)
        total = held_var.sum(axis=1) + self.scatter.reading**2 + wider + np.maximum(variance, 0.0)
        robust = np.minimum((NU + 1) / (NU + off * off / total), 1.0) * off
        gain = held_var / total[:, None]
        self.b[slots, :, scanners] = held + gain * robust[:, None]
        self.b_var[slots, :, scanners] = held_var * (1 - gain)
        usual = self._error_var.sum() + self.scatter.reading**2 + wider + np.maximum(variance, 0.0)
        return miss * miss / usual, miss

    # --- looking

    def masses(self, slots: Ints) -> Floats:
        """[n, h, w]: the beliefs of these subjects' places."""
        masses: Floats = self.p[slots].sum(axis=1)
        return masses

    def mass(self, slot: int) -> Floats:
        """[h, w]: the belief of one subject's place."""
        mass: Floats = self.p[slot].sum(axis=0)
        return mass

    def window(self, slot: int) -> tuple[slice, slice]:
        """The rows and columns of the floor that a subject's window shows."""
        h, w = self.ground.window
        row, column = (int(one) for one in self.at[slot])
        return slice(row, row + h), slice(column, column + w)


def _moved(p: Floats, ahead: Floats, back: Floats, opens: Floats, by: int) -> None:
    """Moves mass between cells that are `by` apart in [n, states, cells], in place; what a wall stops stays."""
    low, high = p[:, :, :-by], p[:, :, by:]
    onward = low * ahead[:, :, None]
    onward -= high * back[:, :, None]
    onward *= opens  # the net flow across each border
    low -= onward
    high += onward


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
