"""The Python source of a formula's steps: a loop over steps, all rows written out.

Every name in it is made here from a number; the only other words are numbers and those of the rules. No text
of a user gets into it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lockstep.core.model.graph import Graph, Node
from lockstep.core.model.ops import OPS
from lockstep.core.model.ops.op import ScalarRule
from lockstep.core.optim.base import OptimizerSpec


@dataclass(frozen=True, kw_only=True)
class ScalarTraining:
    """What the source is of: a graph, `rows` rows, a loss, an optimizer.

    The loss is `squares` times the sum of the errors' squares, divided by `denominator`.
    The steps that are multiples of `stride` are recorded.
    """

    graph: Graph
    rows: int
    squares: float
    denominator: float
    optimizer: OptimizerSpec
    stride: int = 1


def source_of(problem: ScalarTraining) -> str:
    """A function `run(data, state, first, count, below)`.

    `data`: the columns row by row, then the targets; `state`: the parameters, then what the optimizer
    remembers of each. It takes the steps from `first` on, up to `count`, and gives their losses, the
    parameters and gradients of those recorded, one step after another, and the new state. It ends before a
    step whose loss or gradient is not finite, and after one whose loss is less than `below`.
    """
    return _Writer(problem).source()


def _indented(lines: Sequence[str], times: int = 1) -> Iterator[str]:
    return (f"{' ' * 4 * times}{line}" for line in lines)


def _rule_of(node: Node) -> ScalarRule:
    rule = OPS[node.op].rule(node)
    if rule is None:
        raise ValueError(f"expected a formula that Python's arithmetic knows, got one with {node.op}")
    return rule


class _Writer:
    """Collects the lines of one step."""

    def __init__(self, problem: ScalarTraining) -> None:
        self._problem = problem
        self._graph = problem.graph
        self._rows = range(problem.rows)
        self._lines: list[str] = []
        self._values: dict[tuple[int, int], str] = {}  # by node and row; row 0 where a node has but one value
        self._terms: dict[tuple[int, int], list[str]] = {}
        self._parameters = [node for node in self._graph.nodes if node.is_parameter]

    def source(self) -> str:
        """The whole function."""
        for node in self._graph.nodes:
            self._write_value(node)
        self._write_loss()
        slopes = self._write_gradients()
        self._line(f"if not (loss + {' + '.join(slopes)}) * 0.0 == 0.0: break")
        recorded = [f"p{number}" for number in range(len(slopes))] + list(slopes)
        record = len(self._lines), f"record(({', '.join(recorded)},))"
        state = self._write_update(slopes)
        data = [f"x{column}_{row}" for row in self._rows for column in range(self._graph.columns)]
        data += [f"y{row}" for row in self._rows]
        self._lines += ["append(loss)", "if loss < below: break"]
        return "\n".join(
            [
                "def run(data, state, first, count, below):",
                f"    {', '.join(data)}, = data",
                f"    {', '.join(state)}, = state",
                "    losses = []",
                "    append = losses.append",
                "    records = []",
                "    record = records.extend",
                "    try:",
                *(f"        {line}" for line in self._loop(*record)),
                "    except (ArithmeticError, ValueError):",
                "        pass",
                f"    return losses, records, ({', '.join(state)},)",
                "",
            ]
        )

    def _loop(self, place: int, record: str) -> Iterator[str]:
        """The loop over the steps; one that is recorded has `record` at a place among its lines."""
        recorded = [*self._lines[:place], record, *self._lines[place:]]
        stride = self._problem.stride
        if stride == 1:
            yield "for step in range(first, first + count):"
            yield from _indented(recorded)
            return
        # A step that is not recorded pays nothing for those that are.
        yield "end = first + count"
        yield f"for start in range(first - first % {stride}, end, {stride}):"
        yield "    step = start"
        yield "    if start >= first:"
        yield from _indented(recorded, 2)
        yield f"    for step in range(max(start + 1, first), min(start + {stride}, end)):"
        yield from _indented(self._lines, 2)
        yield "    else:"
        yield "        continue"
        yield "    break"

    def _line(self, text: str) -> None:
        self._lines.append(text)

    def _rows_of(self, node: Node) -> Sequence[int]:
        return self._rows if node.batched else (0,)

    def _value(self, node: int, row: int) -> str:
        return self._values[node, row if self._graph.nodes[node].batched else 0]

    def _write_value(self, node: Node) -> None:
        rule = _rule_of(node)
        for row in self._rows_of(node):
            value = rule.value.format(row=row, **self._operands(node, row))
            if node.inputs:
                self._line(f"v{node.id}_{row} = {value}")
                value = f"v{node.id}_{row}"
            self._values[node.id, row] = value

    def _operands(self, node: Node, row: int) -> dict[str, str]:
        return {name: self._value(source, row) for name, source in zip("ab", node.inputs, strict=False)}

    def _write_loss(self) -> None:
        """Errors e, their squares' sum, and the gradient of each output."""
        problem, output = self._problem, self._graph.output
        for row in self._rows:
            self._line(f"e{row} = {self._value(output, row)} - y{row}")
        total = " + ".join(f"e{row} * e{row}" for row in self._rows)
        part = "" if problem.squares == 1.0 else f" * {problem.squares!r}"
        self._line(f"loss = ({total}){part} / {problem.denominator!r}")
        scale = 2.0 * problem.squares / problem.denominator
        for row in self._rows:
            self._add_term(output, row, f"e{row} * {scale!r}")

    def _add_term(self, node: int, row: int, term: str) -> None:
        key = (node, row if self._graph.nodes[node].batched else 0)
        self._terms.setdefault(key, []).append(term)

    def _write_gradients(self) -> list[str]:
        """All gradients, from the output back; gives the parameters' names of them."""
        needed = self._graph.above_parameters()
        for node in reversed(self._graph.nodes):
            slopes = _rule_of(node).slopes
            for row in self._rows_of(node):
                terms = self._terms.get((node.id, row))
                if not terms or node.id not in needed:
                    continue
                name = terms[0]
                if len(terms) > 1 or not name.isidentifier():
                    name = f"g{node.id}_{row}"
                    self._line(f"{name} = {' + '.join(terms)}")
                self._terms[node.id, row] = [name]
                operands = self._operands(node, row) | {"y": self._values[node.id, row], "g": name}
                for source, slope in zip(node.inputs, slopes, strict=True):
                    if source in needed:
                        self._add_term(source, row, slope.format(**operands))
        # A parameter that the formula does not use has no gradient.
        return [self._terms.get((node.id, 0), ["0.0"])[0] for node in self._parameters]

    def _write_update(self, slopes: Sequence[str]) -> list[str]:
        """The optimizer's step; gives the names of the state."""
        update = self._problem.optimizer.scalar_update(slopes)
        if update is None:
            raise ValueError(
                f"expected an optimizer that can be written out, got {self._problem.optimizer!r}"
            )
        for line in update.lines:
            self._line(line)
        return [f"{name}{number}" for name in ("p", *update.state) for number in range(len(slopes))]
