"""Where subjects are: a soft stage before the turn, which hears sightings and concludes zones.

    Heard ─► hear ─┐
    now   ─► tick ─┴─► ZoneEntered, ZoneLeft, VisitEnded ─► the shopper's turn

stage             chooses the way: the radio map where there is one, else the nearest scanner; swapped at any time
subject           what every way keeps of a subject, and how it says what it concludes
nearest           the loudest scanner's zone, with hysteresis: needs no map
mapped            bursts ─► belief ─► zones, by the radio map
bursts zones      what is heard at one moment / the zone that a belief speaks for
belief motion     the filter: what is believed of many subjects at once / how people walk
health smoothing  which scanners are silent, deaf or moved / undoes a scanner's own mean
ground polygons   the floor as cells / plane geometry on them
radio fields      the radio map from a survey or from scanners that hear each other / its Gaussian processes
expected          how far off the filter will be where, and which zones the radio cannot tell apart
identity          rotating addresses of people who allowed it
"""
