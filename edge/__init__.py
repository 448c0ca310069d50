"""The store: everything that runs inside one shop.

cli bootstrap settings ports    the command, the composition root, settings, the engine's two ports
clock inbox seats wakes         time; two lanes; which entities live where; timers
engine group                    run_group: take, step, commit, and only then let out; a group while it is open
hearing tellers                 in: device messages; tills over MQTT and head office's mail
outward now snapshot measures   out: phones and screens; the store as it is now; the latency ledger
runtime door roster books       one TaskGroup; what the web may ask; who carries what; the store's files
replay explain doctor           the journal again; why; what a store needs
cells db links sync web         where entities run; SQLite; MQTT and Kafka; up and down; HTTP and pages

    wire ─► hearing ─► inbox ─► engine ⇄ cells ─► db ─► outward ─► wire
"""
