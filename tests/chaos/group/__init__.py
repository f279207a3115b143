"""Joins, kills, freezes and cuts at every named point of the group's protocol, and what must be true after.

`make chaos-groups` does two hundred runs; tests/chaos/test_group.py as many as two minutes allow.
"""
