"""Bits of what is stored are flipped, cut off and lost, one place at a time: nothing wrong may be used.

`python -m tests.chaos.stored --rounds 10000` runs the campaign; each round follows from the seed and its
number alone, so it can be run in parts and any round again.
"""
