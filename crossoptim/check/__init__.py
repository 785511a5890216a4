"""Judges trajectories: one step from the library's own previous state, so that error never accumulates."""
