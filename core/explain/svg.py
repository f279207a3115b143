"""The graph as SVG: one box for each value, told apart by form and tone, the same on light and dark pages.

Colours stand in attributes, not in a style sheet: a page with a strict content policy would drop that.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from types import MappingProxyType

from lockstep.core.explain.layout import Box, Layout, Line, lay_out
from lockstep.core.explain.view import DrawnKind, View, ViewNode
from lockstep.core.model.ops import OPS

MARGIN = 16.0
LETTER = 7.25
"""Width of a letter of the monospaced text, 12 px."""
SMALL_LETTER = 6.4
LINE_HEIGHT = 16.0
PADDING = 7.0
FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
INK, PALE_INK, EDGE = "#1d2329", "#566069", "#8a939b"
MAX_LETTERS = 44

_TONES: Mapping[DrawnKind, tuple[str, str]] = MappingProxyType(
    {
        "data": ("#d9e6f2", "#5b7f9f"),
        "target": ("#d9e6f2", "#5b7f9f"),
        "parameter": ("#f2e6cc", "#a98443"),
        "buffer": ("#ece8df", "#968c78"),
        "constant": ("#ece8df", "#968c78"),
        "op": ("#eef0f2", "#7c868f"),
        "loss": ("#f2dada", "#a86161"),
    }
)
"""Fill and stroke."""
_LEGEND: tuple[tuple[DrawnKind, str], ...] = (
    ("data", "data"),
    ("parameter", "learned"),
    ("op", "computed"),
    ("loss", "loss"),
)


def to_svg(view: View, notes: Mapping[int, Sequence[str]] | None = None) -> str:
    """Draw a view; `notes` are further lines for some of the nodes, such as value and gradient."""
    texts = [_lines_of(node, (notes or {}).get(node.id, ())) for node in view.nodes]
    boxes = [
        Box(inputs=node.inputs, width=_width(lines), height=2 * PADDING + LINE_HEIGHT * len(lines))
        for node, lines in zip(view.nodes, texts, strict=True)
    ]
    layout = lay_out(boxes)
    return "\n".join(_document(view, texts, layout)) + "\n"


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape for people: nothing for one number, else "32 × 64"."""
    return " × ".join(str(length) for length in shape)


def title_of(node: ViewNode) -> str:
    """What a node is, in a word or a sign."""
    if node.kind == "op":
        return OPS[node.op].symbol or OPS[node.op].title
    return node.op if node.kind == "loss" else node.name


def _lines_of(node: ViewNode, notes: Sequence[str]) -> list[str]:
    about = [node.name] if node.kind in ("op", "loss") and node.name != title_of(node) else []
    if node.shape:
        about.append(f"[{shape_text(node.shape)}]")
    lines = [title_of(node), *([" ".join(about)] if about else []), *notes]
    return [line if len(line) <= MAX_LETTERS else line[: MAX_LETTERS - 1] + "…" for line in lines]


def _width(lines: Sequence[str]) -> float:
    head, *rest = lines
    letters = max([len(head) * LETTER, *(len(line) * SMALL_LETTER for line in rest)])
    return max(letters + 24.0, 44.0)


def _document(view: View, texts: list[list[str]], layout: Layout) -> Iterator[str]:
    width = max(layout.width, _legend_width()) + 2 * MARGIN
    height = layout.height + 2 * MARGIN + 2.2 * LINE_HEIGHT
    shift = (width - 2 * MARGIN - layout.width) / 2 + MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" font-family="{FONT}" font-size="12">'
    )
    yield f"<title>The graph of the model: {len(view.nodes)} nodes</title>"
    yield f'<g transform="translate({shift:.1f} {MARGIN:.1f})">'
    yield f'<g fill="none" stroke="{EDGE}" stroke-width="1.4">'
    yield from (_curve(line) for line in layout.lines)
    yield "</g>"
    yield from (_arrow(line) for line in layout.lines)
    for node, lines, box in zip(view.nodes, texts, layout.boxes, strict=True):
        yield from _node(node, lines, box)
    yield "</g>"
    yield from _legend((width - _legend_width()) / 2, height - MARGIN - LINE_HEIGHT)
    yield "</svg>"


def _curve(line: Line) -> str:
    """Through all points, upright at each, so that edges leave and enter boxes straight."""
    (x, y), *rest = line.points
    path = [f"M{x:.1f} {y:.1f}"]
    for number, (next_x, next_y) in enumerate(rest):
        end = next_y - 5.0 if number == len(rest) - 1 else next_y
        half = (end - y) / 2
        path.append(f"C{x:.1f} {y + half:.1f} {next_x:.1f} {end - half:.1f} {next_x:.1f} {end:.1f}")
        x, y = next_x, end
    return f'<path d="{" ".join(path)}"/>'


def _arrow(line: Line) -> str:
    x, y = line.points[-1]
    return f'<path d="M{x:.1f} {y:.1f}l-4 -7h8z" fill="{EDGE}"/>'


def _node(node: ViewNode, lines: Sequence[str], box: Box) -> Iterator[str]:
    """A box and its lines: sources of data are round, parameters square with a bar, the rest in between."""
    left = box.x - box.width / 2
    yield f'<g data-node="{node.id}"><title>{escape(_tooltip(node))}</title>'
    yield _shape(node.kind, left, box.y, box.width, box.height)
    for number, line in enumerate(lines):
        y = box.y + PADDING + LINE_HEIGHT * (number + 0.75)
        head = f'font-weight="600" fill="{INK}"' if not number else f'font-size="10.5" fill="{PALE_INK}"'
        yield f'<text x="{box.x:.1f}" y="{y:.1f}" text-anchor="middle" {head}>{escape(line)}</text>'
    yield "</g>"


def _shape(kind: DrawnKind, left: float, top: float, width: float, height: float) -> str:
    fill, stroke = _TONES[kind]
    radius = {"data": 14.0, "target": 14.0, "loss": 14.0, "op": 5.0}.get(kind, 0.0)
    dash = ' stroke-dasharray="4 3"' if kind in ("buffer", "constant") else ""
    rect = (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{min(radius, height / 2):.0f}" fill="{fill}" stroke="{stroke}" stroke-width="1.2"{dash}/>'
    )
    if kind != "parameter":
        return rect
    return rect + f'<rect x="{left:.1f}" y="{top:.1f}" width="4" height="{height:.1f}" fill="{stroke}"/>'


def _tooltip(node: ViewNode) -> str:
    shape = f"[{shape_text(node.shape)}]" if node.shape else "one number"
    return f"{node.op} {node.name}: {shape}"


def _legend_width() -> float:
    return sum(30.0 + len(word) * SMALL_LETTER for _, word in _LEGEND)


def _legend(left: float, top: float) -> Iterator[str]:
    for kind, word in _LEGEND:
        yield _shape(kind, left, top + 2, 14.0, 10.0)
        text = f'<text x="{left + 19:.1f}" y="{top + 11:.1f}" font-size="10.5" fill="{EDGE}">{word}</text>'
        yield text
        left += 30.0 + len(word) * SMALL_LETTER
