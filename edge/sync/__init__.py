"""Synchronising with head office over Kafka. Nothing here is needed to sell: a store never waits for it.

ports   OutboxPort (the store's database) and Line (one connection to Kafka), as this package sees them
link    the line as one thing: switch, state, rate, when to try again
up      outbox -> Kafka: one task a stream, money first, one batch in flight, `acked` remembered after it
down    mailbox -> the engine: by number, receipts and replay orders taken here, the rest applied in a turn

Kafka gives transport. Records are numbered and chained where they are made (protocols.records) and head office
remembers up to which number it has them, so a batch may be sent twice, late or in another order. Two cursors
tell how far a stream is: `acked` (Kafka has it) and `applied` (head office has it in its database).
"""
