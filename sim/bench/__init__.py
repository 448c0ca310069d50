"""Benchmarks: a real store, floors and peers on one walk, measured from outside, in the same run.

shop       the shop that is measured, and the walk: who is heard where, and when that is news
load       sends it, open loop, as ESPresense messages; a process of its own
observe    notes when answers come, and the cause that each names; a process of its own
match      brings both together: latency from the oldest cause, and the share of causes answered
rig        broker and store as child processes;  rates: one run at one rate, of any system
peers/     a bare asyncio loop, a Node-RED flow, json-rules-engine;  rawsql: the bare floor of commits
path, sustained, decisions, memory, starting, till, deciding     one bench each
machine, report, cli                                             what it was taken on, and how it is told

A figure is a median over rounds with its range, a ratio is formed within a round. Never a timed test.
"""
