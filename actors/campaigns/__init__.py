"""Campaigns: who, when, where, which goods, which reward, which caps, as data that explains itself.

conditions   the closed list of facts, the table of triggers, and the context that an entity hands in
checking     one condition as closures; a failing one says what was seen and what was wanted
index        campaigns by trigger, zone and goods, so that one which cannot fire costs nothing
decide       window, audience, conditions, caps, consent, groups; the winners and the nearest miss
words        the sentences for people: money, rewards, summaries
text         YAML from outside, bounded, every node with its line
load         a campaign file into campaigns and creatives, or all its errors with what to do
schema       the JSON Schema of that file

load -> text, checking; decide -> index -> checking -> conditions. Nothing here keeps state or does I/O.
"""
