"""One request in memory: loaded, run on, its people chosen, saved."""
