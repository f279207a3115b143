"""What a key may do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
INCLUDED: Mapping[Scope, frozenset[Scope]] = MappingProxyType(
    {scope: frozenset(SCOPES[: place + 1]) for place, scope in enumerate(SCOPES)}
)
"""Each includes those before it."""
