"""Lockstep trains neural networks on CPUs: the same bits on any number of workers.

The packages core, service, worker and migrations lie at the root of the repository and are imported from
below this one (docs/decisions/one-name.md).
"""

__version__ = "0.1.0"
