"""What a group trains in these benchmarks: three workloads of the core's and a transformer's layer.

All are one batch of made-up rows over and over, at a rate so small that the numbers stay ordinary.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from benchmarks.core import by_torch
from benchmarks.core.workloads import TINY_RATES, WORKLOADS, OptimizerName, Workload, mlp

LENGTH, WIDTH, HEADS, HIDDEN = 16, 128, 4, 512
OUTPUTS = LENGTH * WIDTH


class _Normed(Workload):
    """One with layer norms, whose scales start at 1."""

    def weights(self) -> dict[str, np.ndarray]:
        """See Workload."""
        return {
            name: np.ones_like(value) if "norm" in name and name.endswith("weight") else value
            for name, value in super().weights().items()
        }


_TRANSFORMER = _Normed(
    name="transformer",
    title=f"one encoder layer of {WIDTH}, {HEADS} heads, {HIDDEN} within, over {LENGTH} places, batch 64",
    model={
        "layers": [
            {"type": "unflatten", "shape": [LENGTH, WIDTH]},
            {
                "type": "transformer_encoder_layer",
                "d_model": WIDTH,
                "nhead": HEADS,
                "dim_feedforward": HIDDEN,
                "dropout": 0,
            },
            {"type": "flatten"},
            {"type": "linear", "in": OUTPUTS, "out": 10},
        ]
    },
    rows=64,
    columns=OUTPUTS,
    steps=2_000,
    chunk=5,
    shapes={
        "1.self_attn.in_proj_weight": (3 * WIDTH, WIDTH),
        "1.self_attn.in_proj_bias": (3 * WIDTH,),
        "1.self_attn.out_proj.weight": (WIDTH, WIDTH),
        "1.self_attn.out_proj.bias": (WIDTH,),
        "1.linear1.weight": (HIDDEN, WIDTH),
        "1.linear1.bias": (HIDDEN,),
        "1.linear2.weight": (WIDTH, HIDDEN),
        "1.linear2.bias": (WIDTH,),
        "1.norm1.weight": (WIDTH,),
        "1.norm1.bias": (WIDTH,),
        "1.norm2.weight": (WIDTH,),
        "1.norm2.bias": (WIDTH,),
        "3.weight": (10, OUTPUTS),
        "3.bias": (10,),
    },
)

NETS: Mapping[str, Workload] = {name: WORKLOADS[name] for name in ("mlp784", "mlp1024", "cnn")} | {
    "transformer": _TRANSFORMER
}

LARGE = mlp("mlp1600", (784, 1600, 768, 10), rows=128, steps=2_000, chunk=5)
"""Its weights are 10 MB."""


def job(net: Workload, optimizer: OptimizerName, steps: int) -> dict[str, Any]:
    """The net as a job of so many steps, in as many shards as it has by default, but at least 2."""
    from lockstep.core.submission import parse_spec, resolve

    raw = net.spec(optimizer, TINY_RATES[optimizer]) | {"epochs": steps}
    del raw["shards"]
    shards = resolve(parse_spec(raw), lambda: 1).shards
    return raw | {"shards": max(2, shards)}


def module(net: Workload) -> nn.Module:
    """The net as torch has it, its parameters in the order of `net.shapes`."""
    if net is not _TRANSFORMER:
        return by_torch.module(net)
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.Unflatten(1, (LENGTH, WIDTH)), layer, nn.Flatten(), nn.Linear(OUTPUTS, 10))
