"""Head office: takes what stores send exactly once, keeps the members' ledger, and writes back to each store.

settings     one TOML file and the environment
ports        Feed (what arrives), Post (what leaves), and the faults that both report
ingest       pure: sorts a fetch by sequence and chain into what to apply, drop, hold, park
worker       the loop of a partition's owner: fetch, one transaction, next
ledger       pure: what a fetch of sales means to the points books, folded per account
db           tables, the one transaction of a fetch, mail, members, what people read
mailroom     publishes numbered mail in order, and receipts
workers      the same loop inside Ray actors; the only file here that imports Ray
links, web   Kafka; a small read API
bootstrap    puts it together; cli is `endcap-cloud`

Kafka may repeat, and anything may be killed between any two lines: an offset moves in the transaction that
applied what lies below it, and mail is numbered there too.
"""
