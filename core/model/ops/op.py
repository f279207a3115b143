"""What an op is: one kind of node, with all that Lockstep needs of it.

An op turns one node into calls: a function and the arrays that it works on, bound once and replayed each
step. So `forward` and `gradient` below run once, when a program is built; what they append runs each step,
and must neither allocate nor look at anything but arrays (numpy writes in place through the last argument).

Which calls are appended may depend on shapes, dtype and attributes only: the bits of a result depend on it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from lockstep.core.model.graph import Node
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import OnnxGraph
from lockstep.core.model.parameters import Parameters

NodeKind = Literal["data", "parameter", "buffer", "constant", "op"]
"""Where a node's value comes from: from outside, the model's state, the expression's text, or other nodes."""


@dataclass(frozen=True)
class ScalarRule:
    """An op in Python's arithmetic: `value`, and one slope for each input.

    {a} and {b} stand for the inputs, {y} for the value, {g} for its gradient: names or numbers, so no
    brackets are needed around them; {row} for the number of a row of the data. Where NumPy gives an infinity
    or a NaN, a rule does too, or raises ArithmeticError or ValueError.
    """

    value: str
    slopes: tuple[str, ...] = ()


class Op(ABC):
    """One kind of node: its value, beside it its gradient, and what others ask of it.

    `formula` is how a reader would write both, `called` its name for people where that is another, `symbol` a
    sign for it where there is one, `scalar` its rule in Python's arithmetic.

    `elementwise`: one input, of the output's shape, and element i of the output depends on element i alone.
    `reads_input`, `reads_output`: what `gradient` needs of the forward pass. Where an elementwise op does not
    read its input and nothing else does, both share one array. `domain` says in words where
    there are both value and slope, which `outside` and `steep` test.

    An op sees its inputs in C order and writes such an array, unless it says otherwise. `any_layout`: its
    inputs may lie in memory in any way, its value lies as the first of them (elementwise ops do without
    saying so). `rows_innermost`: its inputs may lie in any way, its value lies with the rows innermost.
    `view`: its value is its input in another shape, in the same memory where that can be. The gradient `gy`
    may lie in another way than `y`.

    `keeps_numbers`: its value are its input's numbers, perhaps in another shape. `affine`: x W + b, of the
    inputs x, W and perhaps b. `between_layers`: an elementwise function that small linear layers in a row may
    have behind them; `keeps_one`: it is 1 at 1. `rectifies`: a unit that is 0 on all rows is dead.
    `absorbs`: the functions of its input that it can take of its value instead, to the same numbers, by the
    attributes that say so; `absorbed_as` is such a function's.
    `kind` tells nodes that are given from those that are computed; `varies`: what is given may change from
    step to step.
    """

    name: ClassVar[str]
    formula: ClassVar[Notation]
    called: ClassVar[str] = ""
    symbol: ClassVar[str] = ""
    scalar: ClassVar[ScalarRule | None] = None
    elementwise: ClassVar[bool] = False
    reads_input: ClassVar[bool] = True
    reads_output: ClassVar[bool] = False
    any_layout: ClassVar[bool] = False
    rows_innermost: ClassVar[bool] = False
    view: ClassVar[bool] = False
    domain: ClassVar[str] = ""
    keeps_numbers: ClassVar[bool] = False
    affine: ClassVar[bool] = False
    between_layers: ClassVar[bool] = False
    keeps_one: ClassVar[bool] = False
    rectifies: ClassVar[bool] = False
    absorbs: ClassVar[frozenset[str]] = frozenset()
    absorbed_as: ClassVar[str] = ""
    kind: ClassVar[NodeKind] = "op"
    varies: ClassVar[bool] = False

    @abstractmethod
    def forward(self, site: Site) -> None:
        """Append the calls that write `site.y`."""

    @abstractmethod
    def gradient(self, site: Site) -> None:
        """Append the calls that write `site.gx(i)` for each i with `site.wanted[i]`."""

    @abstractmethod
    def onnx(self, out: OnnxGraph, node: Node, inputs: Sequence[str], /) -> str:
        """Append what a node is in ONNX; gives its value from those of its inputs.

        onnx_graph.not_in_onnx where there is nothing like it.
        """

    def rule(self, node: Node) -> ScalarRule | None:  # noqa: ARG002 - most have the same for all nodes
        """The node in Python's arithmetic; None where it can't be written so."""
        return self.scalar

    def limits(self, node: Node) -> tuple[float, float] | None:  # noqa: ARG002 - most have none
        """The least and the greatest value, near which it hardly learns; None where there are none."""
        return None

    def beside(self, node: Node, inputs: Sequence[tuple[int, ...]]) -> int:  # noqa: ARG002 - most keep little
        """How many numbers of each row are kept beside the value, half of those forward and back.

        `inputs` are the shapes of the node's inputs. It is rather too few than too many.
        """
        return 0

    def known_tokens(self, node: Node) -> int | None:  # noqa: ARG002 - most take any numbers
        """How many whole numbers, from 0, its input may be; None where it may be any number."""
        return None

    def given(self, node: Node, x: np.ndarray, parameters: Parameters) -> np.ndarray | None:  # noqa: ARG002
        """The array of a node that is there before the first call: a part of the data `x` (rows, columns),

        or of the model's state. None for one that is computed.
        """
        return None

    def takes(self, x: np.ndarray) -> bool:
        """Whether the op can work on `x` as it lies in memory; else it is given a copy in C order."""
        return x.ndim < 2 or x.flags.c_contiguous or self.follows or self.rows_innermost or self.view

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.called or self.name

    @property
    def follows(self) -> bool:
        """Whether the op's value lies in memory as its first input does."""
        return self.elementwise or self.any_layout

    def outside(self, site: Site) -> np.ndarray:
        """True where the inputs `site.x` lie outside the domain; shaped like `site.y`."""
        return np.zeros(site.y.shape, dtype=bool)

    def steep(self, site: Site, index: int) -> np.ndarray:  # noqa: ARG002 - most have no such place
        """The slope by input `index` where there is a value but no finite slope: ±inf, or NaN for none.

        0 elsewhere; shaped like `site.y`.
        """
        return np.zeros(site.y.shape)
