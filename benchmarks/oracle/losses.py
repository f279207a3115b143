"""Losses, from the same outputs: a small net on made-up rows. Hinge is written out again in torch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.oracle.case import Case, Peer, Rows, against_torch, classes, values

Layers = list[dict[str, Any]]
LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

CLASSES = 4
ROWS, LENGTH = 23, 3
X = values((ROWS, 5))
VALUES = Rows(x=X, y=values((ROWS, CLASSES), seed=1), batch_size=8)
YES_OR_NO = Rows(x=X, y=np.abs(np.sin(values((ROWS, CLASSES), seed=2))), batch_size=8)
SIDES = Rows(x=X, y=np.sign(values((ROWS, CLASSES), seed=3)), batch_size=8)
NUMBERS = Rows(x=X, y=classes(ROWS, CLASSES), batch_size=8)
IGNORED = Rows(x=X, y=np.where(np.arange(ROWS) % 5 == 1, -100, NUMBERS.y), batch_size=8)
_SHARES = np.exp(values((ROWS, CLASSES), seed=4))
SHARES = Rows(x=X, y=_SHARES / _SHARES.sum(axis=1, keepdims=True), batch_size=8)
LOG_SHARES = Rows(x=X, y=np.log(SHARES.y), batch_size=8)
_TAGS = classes(ROWS * LENGTH, CLASSES).reshape(ROWS, LENGTH)
TAGS = Rows(x=values((ROWS, 6)), y=np.where(_TAGS == 3, -100, _TAGS), batch_size=8)
WEIGHTS = [0.5, 2.0, 1.0, 0.25]


def linear(inputs: int, outputs: int) -> dict[str, Any]:
    """A linear layer of a spec."""
    return {"type": "linear", "in": inputs, "out": outputs}


NET: Layers = [linear(5, 7), {"type": "tanh"}, linear(7, CLASSES)]
LOG_NET: Layers = [*NET, {"type": "log_softmax"}]
TAGGER: Layers = [
    {"type": "unflatten", "shape": [LENGTH, 2]},
    linear(2, 6),
    {"type": "tanh"},
    linear(6, CLASSES),
]


def module_of(layers: Sequence[Mapping[str, Any]]) -> torch.nn.Module:
    """The same layers in torch."""
    made: dict[str, Callable[[Mapping[str, Any]], torch.nn.Module]] = {
        "linear": lambda layer: torch.nn.Linear(layer["in"], layer["out"]),
        "tanh": lambda _: torch.nn.Tanh(),
        "log_softmax": lambda _: torch.nn.LogSoftmax(dim=-1),
        "unflatten": lambda layer: torch.nn.Unflatten(1, layer["shape"]),
    }
    return torch.nn.Sequential(*(made[layer["type"]](layer) for layer in layers))


def _case(
    loss: str | dict[str, Any], rows: Rows, theirs: LossFunction, *, layers: Layers = NET, rate: float = 0.1
) -> Case:
    spec = {
        "model": {"layers": layers},
        "loss": loss,
        "optimizer": {"type": "sgd", "learning_rate": rate, "momentum": 0.9},
    }

    def build() -> Peer:
        module = module_of(layers)
        optimizer = torch.optim.SGD(module.parameters(), lr=rate, momentum=0.9)
        return Peer(module=module, loss=theirs, optimizer=optimizer)

    settings = loss if isinstance(loss, dict) else {"type": loss}
    name = ", ".join([str(settings["type"]), *(key for key in settings if key != "type")])
    return against_torch(f"{name} over sequences" if layers is TAGGER else name, spec, build, rows)


def _weights() -> torch.Tensor:
    return torch.tensor(WEIGHTS, dtype=torch.float64)


def _hinge(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.clamp(0.7 - y * z, min=0.0).mean()


def _tags(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(z.transpose(1, 2), y, weight=_weights(), label_smoothing=0.1)


CASES: tuple[Case, ...] = (
    _case("mse", VALUES, functional.mse_loss),
    _case("sse", VALUES, lambda z, y: functional.mse_loss(z, y, reduction="sum"), rate=1e-3),
    _case("half_sse", VALUES, lambda z, y: functional.mse_loss(z, y, reduction="sum") / 2, rate=1e-3),
    _case("mae", VALUES, functional.l1_loss),
    _case({"type": "huber", "delta": 0.4}, VALUES, lambda z, y: functional.huber_loss(z, y, delta=0.4)),
    _case({"type": "smooth_l1", "beta": 0.4}, VALUES, lambda z, y: functional.smooth_l1_loss(z, y, beta=0.4)),
    _case("cross_entropy", NUMBERS, functional.cross_entropy),
    _case(
        {"type": "cross_entropy", "weight": WEIGHTS},
        NUMBERS,
        lambda z, y: functional.cross_entropy(z, y, weight=_weights()),
    ),
    _case(
        {"type": "cross_entropy", "label_smoothing": 0.2},
        NUMBERS,
        lambda z, y: functional.cross_entropy(z, y, label_smoothing=0.2),
    ),
    _case({"type": "cross_entropy", "ignore_index": -100}, IGNORED, functional.cross_entropy),
    _case(
        {"type": "cross_entropy", "weight": WEIGHTS, "ignore_index": -100, "label_smoothing": 0.2},
        IGNORED,
        lambda z, y: functional.cross_entropy(z, y, weight=_weights(), label_smoothing=0.2),
    ),
    _case(
        {"type": "cross_entropy", "weight": WEIGHTS, "ignore_index": -100, "label_smoothing": 0.1},
        TAGS,
        _tags,
        layers=TAGGER,
    ),
    _case("nll", NUMBERS, functional.nll_loss, layers=LOG_NET),
    _case(
        {"type": "nll", "weight": WEIGHTS, "ignore_index": -100},
        IGNORED,
        lambda z, y: functional.nll_loss(z, y, weight=_weights()),
        layers=LOG_NET,
    ),
    _case("binary_cross_entropy", YES_OR_NO, functional.binary_cross_entropy_with_logits),
    _case(
        {"type": "binary_cross_entropy", "pos_weight": WEIGHTS},
        YES_OR_NO,
        lambda z, y: functional.binary_cross_entropy_with_logits(z, y, pos_weight=_weights()),
    ),
    _case("kl_div", SHARES, lambda z, y: functional.kl_div(z, y, reduction="batchmean"), layers=LOG_NET),
    _case(
        {"type": "kl_div", "log_target": True},
        LOG_SHARES,
        lambda z, y: functional.kl_div(z, y, reduction="batchmean", log_target=True),
        layers=LOG_NET,
    ),
    _case({"type": "hinge", "margin": 0.7}, SIDES, _hinge),
    _case(
        {"type": "multi_margin", "weight": WEIGHTS},
        NUMBERS,
        lambda z, y: functional.multi_margin_loss(z, y, weight=_weights()),
    ),
    _case(
        {"type": "multi_margin", "p": 2, "margin": 0.5},
        NUMBERS,
        lambda z, y: functional.multi_margin_loss(z, y, p=2, margin=0.5),
    ),
)
