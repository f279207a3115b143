"""What can keep `lockstep up` from starting."""


class LocalError(Exception):
    """The service cannot run here; the message says what is in the way and what to do."""
