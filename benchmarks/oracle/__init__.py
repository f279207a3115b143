"""Lockstep against PyTorch, number by number: `python -m benchmarks.oracle` (needs torch)."""
