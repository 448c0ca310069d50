"""The ledger as a store sees it: what an account's rows mean, what may be issued, and what a sale earns.

    account.step ─► offers, sales ─► Making.post(entry) ─► rows.posted ─► Account
                                          └─► Post, in the same order      ▲
                                     the database's rows ─► account_from_rows

rows        the account's state and how each entry changes it: one function for steps and for reading back
making      one turn while it is made
offers      consent and caps, issue, replace, expire, move
sales       what a sale redeems and earns
points      balance, and points from grants
"""
