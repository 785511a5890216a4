"""How fast a step is, beside the peers, measured in one run."""
