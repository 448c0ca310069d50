"""Presence on walks whose truth is known: the store's own beside what others use, scored alike in one run.

    walks ─► play ─► a method, packet by packet ─► score ─► report        run      contenders × walks × grids
                       │                                                  grids    zones, and their shifted copies
      ours             the production stage on the store's own facts      methods  what a method is
      baselines        by the nearest scanner                             cli      the verb and its options
      ranging          by distances, with simplex                         score_walks     what it does with walks
      fingerprints     by a survey                                        score_scenario  and with a scenario

scenario     ESPresense companion's simulated scenario: its numbers again, and ours on the same noise, by dotnet's draws
synthesise   walks of a made-up floor, for choosing constants without looking at recorded ones
"""
