"""How a member of a group left, in one word."""

import errno
from typing import Literal

Left = Literal["released", "drained", "died", "late", "cut"]
"""The lead let it go; its worker was stopped in good order; its process ended; it kept the others waiting for
too long; the connection failed between the two, or brought what could not be read."""

DRAINED = "the worker is stopping"
"""The goodbye of a helper whose worker is stopped."""
DISMISSED = "released by the lead amid a step"
"""The goodbye to a helper who is needed elsewhere before a long step ends."""
_BETWEEN = frozenset(
    {
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.EHOSTDOWN,
        errno.ECONNABORTED,
    }
)


def left_by(error: OSError) -> Left:
    """What an error of a connection says: a process that ends closes or resets it."""
    return "cut" if error.errno in _BETWEEN else "died"


def left_with(goodbye: str) -> Left:
    """What a helper's goodbye says; one that fails, or gives the lead up, is as good as dead."""
    return "drained" if goodbye == DRAINED else "died"
