"""How whoever drives a run is heard amid its steps, between the parts of a long one."""

from collections.abc import Callable

LookUp = Callable[[], None]
"""Raises Interrupted where the run is to stop. Only parts that take far longer than asking are asked for."""
