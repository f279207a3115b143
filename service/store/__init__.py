"""The store: every SQL statement of the system.

Functions take an open connection first (`Database.write()` or `Database.read()`) and never commit.
"""
