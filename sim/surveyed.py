"""The survey of a simulated floor: somebody stands at points over all of it and the scanners are read, as one would."""

from __future__ import annotations

from collections import Counter

import numpy as np

from edge.book_survey import write_survey
from protocols.facts import SurveyPoint
from sim.devices import FLOOR_DBM, NOISE_DB, PHONE_Z_M, SHADOW_DB, Radio
from sim.floor import Floor

EVERY_M = 1.8
"""Distance of the points: some seventy in a small shop, half an hour's walk."""

READINGS = 25
"""Readings of each scanner at a point, one a second."""


def survey_file(floor: Floor, seed: int) -> bytes:
    """`survey.csv` of this floor."""
    radio = Radio(floor, (0.0,), seed)
    chance = np.random.default_rng([seed, 2])
    across = np.arange(EVERY_M / 2, floor.plan.width_m, EVERY_M)
    down = np.arange(EVERY_M / 2, floor.plan.height_m, EVERY_M)
    spots = [(float(x), float(y)) for y in down for x in across if floor.is_free((float(x), float(y)))]
    points = []
    for x, y in spots:
        mean = radio.mean_dbm(np.zeros(1, dtype=np.intp), np.array([(x, y)]))[0]
        # People shift about while they stand, so the slow part of the signal is seen as scatter, too.
        dbm = mean + chance.normal(0.0, (SHADOW_DB**2 + NOISE_DB**2) ** 0.5, (READINGS, len(mean)))
        heard = {
            room: dict(Counter(round(float(one)) for one in dbm[:, number] if one >= FLOOR_DBM))
            for number, room in enumerate(radio.rooms)
        }
        points.append(
            SurveyPoint(round(x, 2), round(y, 2), PHONE_Z_M, "", {r: c for r, c in heard.items() if c})
        )
    return write_survey(points)
