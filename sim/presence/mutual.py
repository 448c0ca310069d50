"""What gateways would hear of each other, for recordings that have none of it: a stand-in out of a survey.

The survey's point nearest to a gateway takes the place of that gateway's own beacon. It is up to a metre off and worn
by a person, so a real store, whose gateways hang still and hear each other for days, should do no worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot

from protocols.facts import SurveyPoint
from sim.presence.walks import Place


def heard_of_each_other(
    points: Sequence[SurveyPoint], gateways: Mapping[str, Place]
) -> tuple[SurveyPoint, ...]:
    """A point a gateway, at its place and by its name, with what all others heard at the survey's nearest point."""
    found = []
    for name, at in gateways.items():
        near = min(points, key=lambda point: hypot(point.x - at.x, point.y - at.y))
        heard = {other: levels for other, levels in near.heard.items() if other != name}
        found.append(SurveyPoint(at.x, at.y, at.z, name, heard))
    return tuple(found)
