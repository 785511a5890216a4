"""The fast paths that are made from the equations: C, compiled where it runs, one pass over memory."""
