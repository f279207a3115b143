"""Forged frames and handshakes by the million, and the connections and the door that must take none of them.

`make fuzz` tries a million; tests/core/group/test_fuzzing.py tries as many as a few seconds allow.
"""
