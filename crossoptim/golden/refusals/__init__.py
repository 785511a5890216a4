"""Invalid input as fixtures: for each optimizer, what must be refused and what must not."""
