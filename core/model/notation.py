"""A calculation as a reader would write it: the value, and its derivative by each input."""

from collections.abc import Sequence
from dataclasses import dataclass

_LETTERS = ((), ("x",), ("a", "b"), ("x", "W", "b"))
"""By the number of slopes."""


@dataclass(frozen=True)
class Notation:
    """`value` of a node and `slopes`: for each input its derivative; the last serves all further ones.

    In braces stand the places of names: {y} for the node itself, {x} for an only input, {a} and {b} for two,
    {x}, {W} and {b} for a layer's input, weight and bias. Products with a gradient of an array are written
    out where their order matters.
    """

    value: str
    slopes: tuple[str, ...]

    def value_of(self, name: str, inputs: Sequence[str]) -> str:
        """With names in place of letters."""
        return self._named(self.value, name, inputs)

    def slope_of(self, index: int, name: str, inputs: Sequence[str]) -> str:
        """The derivative by input `index`, with names in place of letters."""
        return self._named(self.slopes[min(index, len(self.slopes) - 1)], name, inputs)

    def _named(self, text: str, name: str, inputs: Sequence[str]) -> str:
        letters = _LETTERS[len(self.slopes)]
        names = dict(zip(letters, inputs, strict=False))
        if len(letters) == 3:  # a layer's weight and bias may be absent
            text = text if "b" in names else text.replace(" + {b}", "")
            text = text if "W" in names else text.replace(" × {W}", "")
        return text.format_map({"y": name, **dict.fromkeys(letters, "0"), **names})
