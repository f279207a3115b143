"""What a key may do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Scope = Literal["read", "write", "admin", "metrics"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
INCLUDED: Mapping[Scope, frozenset[Scope]] = MappingProxyType(
    {
        "read": frozenset({"read"}),
        "write": frozenset({"read", "write"}),
        "admin": frozenset(SCOPES),
        "metrics": frozenset({"metrics"}),
    }
)
"""What a key of each may do. `metrics` stands beside the others: what watches a service reads no jobs."""
