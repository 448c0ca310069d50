"""Others doing the same job, each a process of its own: a bare asyncio loop, and a Node-RED flow.

Both hear the same sightings, find the nearest zone with the same rule, check the same campaigns, and publish the
same screen commands and wallets, with the cause that each answers. Neither writes anything to disk.
"""
