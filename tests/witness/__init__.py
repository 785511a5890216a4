"""Witnesses: what others published, transcribed literally. Nothing here imports crossoptim."""
