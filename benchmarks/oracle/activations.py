"""Activations in the middle of a small net and last in it."""

from typing import Any

import torch

from benchmarks.oracle.case import Case, Peer, Rows, against_torch, values

ROWS = Rows(x=3.0 * values((23, 5)), y=values((23, 3), seed=1), batch_size=8)
"""Wide enough that the bends of the hard ones are passed."""


class Hardsigmoid(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
    """torch's formula for its Hardsigmoid, whose kernel holds 1/6 as a float32 even in float64."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.relu6(x + 3) / 6


def _case(name: str, module: torch.nn.Module, **settings: Any) -> Case:
    layer = {"type": name, **settings}
    model = {
        "layers": [{"type": "linear", "in": 5, "out": 7}, layer, {"type": "linear", "in": 7, "out": 3}, layer]
    }
    spec = {"model": model, "loss": "mse", "optimizer": {"type": "sgd", "learning_rate": 0.02}}

    def build() -> Peer:
        net = torch.nn.Sequential(torch.nn.Linear(5, 7), module, torch.nn.Linear(7, 3), module)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.02)
        return Peer(module=net, loss=torch.nn.MSELoss(), optimizer=optimizer)

    shown = ", ".join(f"{key} {value}" for key, value in settings.items())
    return against_torch(f"{name}{' ' * bool(shown)}{shown}", spec, build, ROWS)


CASES: tuple[Case, ...] = (
    _case("relu", torch.nn.ReLU()),
    _case("leaky_relu", torch.nn.LeakyReLU(0.2), negative_slope=0.2),
    _case("elu", torch.nn.ELU(1.5), alpha=1.5),
    _case("gelu", torch.nn.GELU()),
    _case("gelu", torch.nn.GELU(approximate="tanh"), approximate="tanh"),
    _case("silu", torch.nn.SiLU()),
    _case("sigmoid", torch.nn.Sigmoid()),
    _case("tanh", torch.nn.Tanh()),
    _case("softplus", torch.nn.Softplus(2.0, 3.0), beta=2.0, threshold=3.0),
    _case("hardtanh", torch.nn.Hardtanh(-0.5, 1.5), min_val=-0.5, max_val=1.5),
    _case("relu6", torch.nn.ReLU6()),
    _case("hardsigmoid", Hardsigmoid()),
    _case("hardswish", torch.nn.Hardswish()),
    _case("softmax", torch.nn.Softmax(dim=-1)),
    _case("log_softmax", torch.nn.LogSoftmax(dim=-1)),
)
