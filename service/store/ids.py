"""Ids that sort by the time they were made, such as `job_01k9zq…`."""

import secrets
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: in ASCII order, one case, no i, l, o or u."""
TIME_CHARACTERS = 11
RANDOM_CHARACTERS = 13
TIME_BITS = 5 * TIME_CHARACTERS
RANDOM_BITS = 5 * RANDOM_CHARACTERS


def new_id(prefix: str) -> str:
    """`prefix`, an underscore, 11 characters of microseconds since the epoch, 13 random ones (65 bits).

    Microseconds order the ids made in one process one after another; between hosts, order is as good as their
    clocks.
    """
    microseconds = (time.time_ns() // 1000) & ((1 << TIME_BITS) - 1)
    chance = secrets.randbits(RANDOM_BITS)
    return f"{prefix}_{_base32(microseconds, TIME_CHARACTERS)}{_base32(chance, RANDOM_CHARACTERS)}"


def _base32(number: int, width: int) -> str:
    digits = [ALPHABET[(number >> (5 * place)) & 31] for place in range(width)]
    return "".join(reversed(digits))
