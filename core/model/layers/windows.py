"""Windows over signals (channels, length) and images (channels, height, width).

Sizes along the axes are one number for all axes, or one for each.
"""

from lockstep.core.model.graph import Node
from lockstep.core.model.layers.base import Misfit, require_axes, shown, source

Sizes = tuple[int, ...]


def require_planes(x: Node, axes: int) -> None:
    """Raise Misfit where the input is not signals (axes 1) or images (axes 2)."""
    what = "images [channels, height, width]" if axes == 2 else "signals [channels, length]"
    require_axes(x, axes + 1, what)


def sizes_of(value: int | Sizes) -> Sizes:
    return (value,) if isinstance(value, int) else value


def as_written(sizes: Sizes) -> str:
    """Sizes as users write them: 3 or [3, 5]."""
    return str(sizes[0]) if len(sizes) == 1 else shown(sizes)


def places_of(x: Node, reach: Sizes, stride: Sizes, padding: Sizes) -> Sizes:
    """How many windows of `reach` there are along each axis. Raises Misfit where one is too large."""
    padded = tuple(length + 2 * edge for length, edge in zip(x.shape[1:], padding, strict=True))
    if any(size > length for size, length in zip(reach, padded, strict=True)):
        with_padding = f", {as_written(padded)} with the padding" if any(padding) else ""
        raise Misfit(
            "kernel_size",
            "kernel_too_large",
            f"expected a kernel that reaches over at most {as_written(padded)}, because {source(x)}"
            f"{with_padding}, got one over {as_written(reach)}; make it smaller or add padding",
        )
    return tuple(
        (length - size) // step + 1 for length, size, step in zip(padded, reach, stride, strict=True)
    )
