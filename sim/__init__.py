"""What surrounds a store: a living world to look at, recordings to play, and what measures and breaks a real one.

demo        one command: broker, Kafka, head office, a store, its people; then the browser
world       the people and things of one store, over MQTT and HTTP: people, goods, devices, tills on a floor
feed        plays recordings as real scanners' messages, and scores what the store made of a walk
presence    scores presence on walks whose truth is known, beside what others use
bench       open-loop load, floors and peers in the same run         chaos   real signals to real processes
swarm       stores in virtual time, cut at any step: the one part that runs the engine inside, to look at its database
processes   children with logs, ended by pid      embedded_broker, embedded_kafka, servers   what they talk through

A world decides nothing for a store and reads nothing of it but its books: everything goes through the public doors,
so a real scanner or till can stand in the place of a simulated one. Nobody imports sim.
"""
