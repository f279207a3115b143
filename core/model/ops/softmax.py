"""Softmax and its logarithm over the last axis. Sums over it are products with ones."""

import numpy as np

from lockstep.core.ground.buffers import ALIGNMENT_BYTES, aligned
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops.base import Site
from lockstep.core.model.ops.onnx_graph import as_onnx
from lockstep.core.model.ops.op import Op
from lockstep.core.model.ops.places import places_of, read_places, write_places


class Softmax(Op):
    """y_i = e^(x_i) / Σ e^(x_j)."""

    name = "softmax"
    formula = Notation("{y}_i = e^{x}_i / Σ e^{x}", ("∂{y}_i/∂{x}_j = {y}_i ([i = j] - {y}_j)",))
    onnx = as_onnx("Softmax", axis=-1)
    reads_input = False
    reads_output = True

    def forward(self, site: Site) -> None:
        """The largest of each place is taken off first: no power overflows."""
        x, y = read_places(site, site.x[0]), places_of(site.y)
        site.kept["y"] = y
        total, ones = aligned(len(x), site.dtype), site.full(aligned(x.shape[1], site.dtype), 1.0)
        site.call(np.subtract, x, _largest(site, x)[:, np.newaxis], y)
        site.call(np.exp, y, y)
        site.call(np.matmul, y, ones, total)
        site.call(np.divide, site.number(1.0), total, total)
        site.call(np.multiply, y, total[:, np.newaxis], y)
        write_places(site, y, site.y)

    def gradient(self, site: Site) -> None:
        """∂x_i = y_i (∂y_i - Σ ∂y_j y_j)."""
        y, gy, gradient = site.kept["y"], read_places(site, site.gy), site.gx(0)
        gx, along = places_of(gradient), aligned(len(gy), site.dtype)
        site.call(np.multiply, gy, y, gx)
        site.call(np.matmul, gx, site.full(aligned(y.shape[1], site.dtype), 1.0), along)
        site.call(np.subtract, gy, along[:, np.newaxis], gx)
        site.call(np.multiply, gx, y, gx)
        write_places(site, gx, gradient)


class LogSoftmax(Op):
    """y_i = x_i - ln Σ e^(x_j)."""

    name = "log_softmax"
    formula = Notation("{y}_i = {x}_i - ln Σ e^{x}", ("∂{y}_i/∂{x}_j = [i = j] - softmax({x})_j",))
    onnx = as_onnx("LogSoftmax", axis=-1)
    reads_input = False
    reads_output = True

    def forward(self, site: Site) -> None:
        """The largest of each place is taken off first: no power overflows."""
        x, y = read_places(site, site.x[0]), places_of(site.y)
        site.kept["y"] = y
        total, ones = aligned(len(x), site.dtype), site.full(aligned(x.shape[1], site.dtype), 1.0)
        power = aligned(x.shape, site.dtype)
        site.call(np.subtract, x, _largest(site, x)[:, np.newaxis], y)
        site.call(np.exp, y, power)
        site.call(np.matmul, power, ones, total)
        site.call(np.log, total, total)
        site.call(np.subtract, y, total[:, np.newaxis], y)
        write_places(site, y, site.y)

    def gradient(self, site: Site) -> None:
        """∂x_i = ∂y_i - e^(y_i) Σ ∂y_j."""
        y, gy, gradient = site.kept["y"], read_places(site, site.gy), site.gx(0)
        gx, total = places_of(gradient), aligned(len(gy), site.dtype)
        site.call(np.matmul, gy, site.full(aligned(y.shape[1], site.dtype), 1.0), total)
        site.call(np.exp, y, gx)
        site.call(np.multiply, gx, total[:, np.newaxis], gx)
        site.call(np.subtract, gy, gx, gx)
        write_places(site, gx, gradient)


def _largest(site: Site, x: np.ndarray) -> np.ndarray:
    """Append the largest of each place of (places, features); give it, (places,).

    On an exchanged copy numpy finds it ten times as fast as along a short last axis. A cache line lies
    between the copy's rows: at a distance of 4 KB all would fall to the same lines of the cache.
    """
    gap = ALIGNMENT_BYTES // x.itemsize
    exchanged = aligned((x.shape[1], len(x) + gap), site.dtype)[:, : len(x)]
    largest = aligned(len(x), site.dtype)
    site.call(np.copyto, exchanged, x.T)
    site.call(np.maximum.reduce, exchanged, axis=0, out=largest)
    return largest
