"""Tests of the benchmarks: that what they say could also come out otherwise."""
