"""The domain of a store, as pure state machines and pure functions: inputs in, effects out.

    cell ─► presence, weights ─► Concluded ─► kinds ─► shopper | shelf | sign | account ─► effects
                                                  └──► campaigns.decide ◄── facts

cell              hosts entities, takes batches; the only caller of `step`
kinds             what the cell must know of each kind: new, decode, step, wake_at_ms
shopper           one subject's visit: zone, dwell, basket; decides and proposes
shelf             pieces from weight: picks, puts, low, out
sign              what a screen shows and why, never black
account, ledger   all that can be spent or taken back: offers, points, caps, consent; the only one that issues
campaigns         conditions, index, decide, rewards
presence, weights soft stages before the turn: they conclude, and what they forget costs nothing
facts             the books that a step may read, in the version that its journal row names

Time is `at_ms` on the input and chance would be a seed in it: nothing here knows a clock, a socket or a file,
and the same arguments give the same result on any machine, in any year.
"""
