"""Campaigns of faults: real processes that die, freeze or are cut off at the named points of a protocol."""
