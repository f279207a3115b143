"""Groups of workers: their exchange, training, losses and arrivals. See `python -m benchmarks.group`."""
