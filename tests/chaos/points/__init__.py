"""What fails at each failpoint of the store, the service and an attempt, at its first, second, … reach.

No draw of chance: a story is told again and again, and each time fails one reach later, until it is told
untouched.
"""
