"""Links: the one module that imports Kafka's client."""
