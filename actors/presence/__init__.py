"""Where subjects are: soft stages before the turn, which hear sightings and conclude zones.

    Heard ─► hear ─┐
    now   ─► tick ─┴─► ZoneEntered, ZoneLeft, VisitEnded ─► the shopper's turn

nearest     the nearest scanner with hysteresis: needs no map
"""
