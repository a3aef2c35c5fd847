"""Marks the engine leaves in a token's internal data; they travel in the state of the request."""

HALTED = "halted"  # in a token's internal data: it waits for an admin
