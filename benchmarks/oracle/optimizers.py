"""Optimizers, from the same gradients: a small net on made-up rows."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from benchmarks.oracle.case import Case, Peer, Rows, against_torch, values

MODEL = {
    "layers": [
        {"type": "linear", "in": 5, "out": 7},
        {"type": "tanh"},
        {"type": "linear", "in": 7, "out": 3},
    ]
}
ROWS = Rows(x=values((23, 5)), y=values((23, 3), seed=1), batch_size=8)

Parameters = Any
"""What torch's optimizers take: an iterator over tensors."""


def net() -> torch.nn.Module:
    """MODEL in torch."""
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3))


def _case(
    name: str, optimizer: Mapping[str, Any], make: Callable[[Parameters], torch.optim.Optimizer]
) -> Case:
    spec = {"model": MODEL, "loss": "mse", "optimizer": optimizer}

    def build() -> Peer:
        module = net()
        return Peer(module=module, loss=torch.nn.MSELoss(), optimizer=make(module.parameters()))

    return against_torch(name, spec, build, ROWS)


class Lion(torch.optim.Optimizer):  # type: ignore[misc]
    """Algorithm 2 of arXiv:2302.06675, with the paper's default betas."""

    def __init__(self, parameters: Parameters, lr: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    def step(self, closure: Callable[[], torch.Tensor]) -> torch.Tensor:
        """One update."""
        loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                mean = self.state[p].setdefault("mean", torch.zeros_like(p))
                update = torch.sign(0.9 * mean + 0.1 * p.grad)
                p.data -= group["lr"] * (update + group["weight_decay"] * p.data)
                mean.copy_(0.99 * mean + 0.01 * p.grad)
        return loss


_SETTINGS: tuple[tuple[str, str, Callable[..., torch.optim.Optimizer], dict[str, Any]], ...] = (
    ("sgd", "sgd", torch.optim.SGD, {"lr": 0.1}),
    ("sgd, momentum", "sgd", torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (
        "sgd, momentum, dampening, weight decay",
        "sgd",
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
    ),
    (
        "sgd, Nesterov, weight decay",
        "sgd",
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    ),
    ("rmsprop", "rmsprop", torch.optim.RMSprop, {}),
    (
        "rmsprop, momentum, centered, weight decay",
        "rmsprop",
        torch.optim.RMSprop,
        {"lr": 0.003, "alpha": 0.9, "momentum": 0.8, "centered": True, "weight_decay": 0.01},
    ),
    ("adagrad", "adagrad", torch.optim.Adagrad, {}),
    (
        "adagrad, lr_decay, start, weight decay",
        "adagrad",
        torch.optim.Adagrad,
        {"lr": 0.1, "lr_decay": 0.05, "initial_accumulator_value": 0.1, "weight_decay": 0.01},
    ),
    ("adam", "adam", torch.optim.Adam, {"lr": 0.01}),
    (
        "adam, amsgrad, weight decay",
        "adam",
        torch.optim.Adam,
        {"lr": 0.05, "betas": [0.8, 0.9], "amsgrad": True, "weight_decay": 0.01},
    ),
    ("adamw", "adamw", torch.optim.AdamW, {"lr": 0.01}),
    ("adamw, amsgrad", "adamw", torch.optim.AdamW, {"lr": 0.05, "amsgrad": True, "weight_decay": 0.1}),
    ("nadam", "nadam", torch.optim.NAdam, {}),
    ("nadam, weight decay", "nadam", torch.optim.NAdam, {"momentum_decay": 0.01, "weight_decay": 0.1}),
    (
        "nadam, decoupled weight decay",
        "nadam",
        torch.optim.NAdam,
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
    ),
    ("lion (its formula)", "lion", Lion, {"lr": 0.001, "weight_decay": 0.1}),
)


def _named(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a torch optimizer under the names of a spec."""
    return {"learning_rate" if name == "lr" else name: value for name, value in settings.items()}


def _lbfgs(name: str, settings: Mapping[str, Any]) -> Case:
    full = Rows(x=values((100, 5)), y=values((100, 3), seed=1))
    spec = {"model": MODEL, "loss": "mse", "optimizer": {"type": "lbfgs", **_named(settings)}}

    def build() -> Peer:
        module = net()
        optimizer = torch.optim.LBFGS(module.parameters(), max_iter=1, **settings)
        return Peer(module=module, loss=torch.nn.MSELoss(), optimizer=optimizer)

    return against_torch(name, spec, build, full)


CASES: tuple[Case, ...] = (
    *(
        _case(name, {"type": kind, **_named(settings)}, partial(make, **settings))
        for name, kind, make, settings in _SETTINGS
    ),
    _lbfgs("lbfgs", {}),
    _lbfgs("lbfgs, history of 5", {"lr": 0.5, "history_size": 5}),
)
