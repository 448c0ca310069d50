"""Head office's read API: JSON under /api/v1, problems per RFC 9457, metrics. Nothing here writes.

views   the bodies that are not the database's own (cloud.db.reads has those)
app     the routes, and the server on a socket of its own
"""
