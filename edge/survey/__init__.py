"""A survey: what scanners hear of one device, place by place, once, so that presence has a map.

points      where to stand: a grid over the walkable floor in the order of a walk; which points came out weak
walk        one session as a state machine: where to stand, what is heard there, enough, next, undo
around      devices heard right now, so that somebody finds their own without knowing its id
scanners    scanners that hear each other's beacons, condensed a pair
file        survey.csv, changed whole and durably, by the store and by the command alike
desk        the running store's side: hands sightings on, keeps sessions over a restart, answers the web

    hearing ─► desk ─► walk | around | scanners ─► file (the truth) ─► the store's books
"""
