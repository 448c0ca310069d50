"""One store in virtual time, on a real SQLite file, cut and restarted at will: the crash simulation of the turn.

faults     seeded trouble: cells that are lost, commits that fail, latencies
cells      the port `Cells` over real cells, every batch through its wire form, with faults
store      a life of a store: database, engine, an outward side that only records
script     what the world does to it: tills that retry until they hear a verdict, shoppers, scales
check      what must hold afterwards, read from the database and from what the world was told

The engine, the cells, the entities and the database are production's own; only time, faults and the world are
made here. The same seed gives the same run.
"""
