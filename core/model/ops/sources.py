"""Nodes without inputs: the data, the parameters, constants. The program itself lays out their arrays."""

from lockstep.core.model.ops.base import Op, Site


class Source(Op):
    """A value that is there before the first call."""

    def forward(self, site: Site) -> None:
        """Nothing to compute."""

    def gradient(self, site: Site) -> None:
        """Nothing to pass on."""


class Input(Source):
    """All columns of the batch, (rows, columns)."""

    name = "input"


class Column(Source):
    """One column of the batch, (rows,); attribute `column` is its number."""

    name = "column"


class ParameterValue(Source):
    """One parameter; attribute `parameter` is its number in the graph."""

    name = "parameter"


class BufferValue(Source):
    """State that is not learned; attribute `buffer` is its number in the graph."""

    name = "buffer"


class ConstantValue(Source):
    """A number of an expression; attribute `value`."""

    name = "constant"


OPS: tuple[Op, ...] = (Input(), Column(), ParameterValue(), BufferValue(), ConstantValue())
