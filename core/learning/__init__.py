"""Learning: the training loop, its epochs, evaluations, stop rules and checkpoints, and what it reports."""
