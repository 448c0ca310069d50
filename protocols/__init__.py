"""The published language: everything that crosses a process, a wire or a release, as typed values.

ids, money        own types for identifiers; integers for points and money, and how they are rounded
codec, errors     bounded encode and decode, canonical hash; Verdict, NotNow, Nonsense
inputs, effects   what happens to a store, and what the store does about it
cells             Batch and Answer: the only two messages between the engine and a cell
facts             the books that many may read: prices, stock, campaigns, occupancy, the floor
decisions         what was considered, what was seen, what was wanted
records, mail     what goes up to head office, and what comes down
topics, api       every name on MQTT and Kafka, and every HTTP body
devices           one file a foreign format: bytes in, sightings or a declared error out

Nothing here does I/O, knows the time, or imports more than a codec.
"""
