"""The store: everything that runs inside one shop.

cli bootstrap settings ports    the command, the composition root, settings, the engine's two ports
clock inbox seats wakes         time; two lanes; which entities live where; timers
engine group                    run_group: take, step, commit, and only then let out; a group while it is open
hearing tellers                 in: device messages; tills over MQTT and head office's mail
passers keyring sparkplug       strangers as numbers; keys of changing ids; nodes whose births are remembered
sparkplug_state                 our own STATE, for nodes whose primary host we are
outward now snapshot measures   out: phones and screens; the store as it is now; the latency ledger
published homeassistant dashboards   what dashboards are told: what, for whom, and when
runtime door roster books       one TaskGroup; what the web may ask; who carries what; the store's files
replay explain doctor           the journal again; why; what a store needs
survey expected floor_file      what scanners hear place by place; what that will be worth; the floor as it is edited
cells db links sync web         where entities run; SQLite; MQTT and Kafka; up and down; HTTP and pages

    wire ─► hearing ─► inbox ─► engine ⇄ cells ─► db ─► outward ─► wire
"""
