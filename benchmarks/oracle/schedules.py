"""Schedules, clipping, penalties and accumulation, on the net of benchmarks.oracle.optimizers."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.optim import lr_scheduler

from benchmarks.oracle.case import STEPS, Case, Peer, Rows, against_torch, values
from benchmarks.oracle.optimizers import MODEL, ROWS, net

EPOCHS = -(-STEPS // len(ROWS.batches))
TOTAL = EPOCHS * len(ROWS.batches)
RATE = 0.1

MakeScheduler = Callable[[torch.optim.Optimizer], Any]


def _scheduled(name: str, settings: Mapping[str, Any], make: MakeScheduler) -> Case:
    """`settings` as in a spec; `make` gives the scheduler, stepped by epochs unless they say "step"."""
    spec = {
        "model": MODEL,
        "loss": "mse",
        "optimizer": {"type": "sgd", "learning_rate": RATE, "momentum": 0.5},
        "schedule": settings,
    }
    watches = settings["type"] == "reduce_on_plateau"
    by_step = settings.get("per") == "step" or settings["type"] == "one_cycle"

    def build() -> Peer:
        module = net()
        optimizer = torch.optim.SGD(module.parameters(), lr=RATE, momentum=0.5)
        scheduler = make(optimizer)

        def after_update(_: float) -> None:
            if by_step:
                scheduler.step()

        def after_epoch(loss: float) -> None:
            if watches:
                scheduler.step(loss)
            elif not by_step:
                scheduler.step()

        return Peer(
            module=module,
            loss=torch.nn.MSELoss(),
            optimizer=optimizer,
            after_update=after_update,
            after_epoch=after_epoch,
        )

    return against_torch(name, spec, build, ROWS)


def _warmed(make: Callable[[torch.optim.Optimizer], Any], steps: int) -> MakeScheduler:
    """`make`'s scheduler times a linear warm-up, both by steps."""
    return lambda optimizer: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(optimizer, total_iters=steps), make(optimizer)]
    )


def _step(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "step", **settings}


def _changed(
    name: str, changes: Mapping[str, Any], build_parts: Callable[[torch.nn.Module], Mapping[str, Any]]
) -> Case:
    """A case with adam, more keys in the spec and other parts of the peer."""
    spec = {"model": MODEL, "loss": "mse", "optimizer": {"type": "adam", "learning_rate": 0.02}, **changes}

    def build() -> Peer:
        module = net()
        parts = {"loss": torch.nn.MSELoss(), **build_parts(module)}
        return Peer(module=module, optimizer=torch.optim.Adam(module.parameters(), lr=0.02), **parts)

    return against_torch(name, spec, build, ROWS)


def _weights(module: torch.nn.Module) -> Iterable[torch.Tensor]:
    return (parameter for parameter in module.parameters() if parameter.ndim >= 2)


def _penalized(module: torch.nn.Module) -> dict[str, Any]:
    plain = torch.nn.MSELoss()

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        lengths = sum(weight.abs().sum() for weight in _weights(module))
        squares = sum((weight**2).sum() for weight in _weights(module))
        return plain(outputs, targets) + 0.003 * lengths + 0.02 * squares

    return {"loss": loss}


def _accumulated() -> Case:
    """Updates from three batches each; torch adds up the gradients of their parts of the loss."""
    rows = Rows(x=values((60, 5)), y=values((60, 3), seed=1), batch_size=12)
    spec = {
        "model": MODEL,
        "loss": "mse",
        "optimizer": {"type": "sgd", "learning_rate": RATE, "momentum": 0.9},
        "batch_size": 4,
        "accumulate": 3,
    }

    def build() -> Peer:
        module = net()
        plain = torch.nn.MSELoss()

        def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            parts = zip(outputs.split(4), targets.split(4), strict=True)
            return torch.stack([plain(output, target) / 3 for output, target in parts]).sum()

        optimizer = torch.optim.SGD(module.parameters(), lr=RATE, momentum=0.9)
        return Peer(module=module, loss=loss, optimizer=optimizer)

    return against_torch("accumulate", spec, build, rows)


CASES: tuple[Case, ...] = (
    _scheduled("constant", {"type": "constant"}, lambda o: lr_scheduler.ConstantLR(o, 1.0)),
    _scheduled("step", _step({"step_size": 4, "gamma": 0.5}), lambda o: lr_scheduler.StepLR(o, 4, 0.5)),
    _scheduled("step, per step", _step({"step_size": 7, "per": "step"}), lambda o: lr_scheduler.StepLR(o, 7)),
    _scheduled(
        "multi_step",
        {"type": "multi_step", "milestones": [3, 5, 11], "gamma": 0.6},
        lambda o: lr_scheduler.MultiStepLR(o, [3, 5, 11], 0.6),
    ),
    _scheduled(
        "exponential",
        {"type": "exponential", "gamma": 0.95, "per": "step"},
        lambda o: lr_scheduler.ExponentialLR(o, 0.95),
    ),
    _scheduled(
        "cosine",
        {"type": "cosine", "eta_min": 0.01},
        lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS, 0.01),
    ),
    _scheduled(
        "cosine, up and down, per step",
        {"type": "cosine", "t_max": 9, "eta_min": 0.01, "per": "step"},
        lambda o: lr_scheduler.CosineAnnealingLR(o, 9, 0.01),
    ),
    _scheduled(
        "cosine_restarts",
        {"type": "cosine_restarts", "t_0": 4, "t_mult": 2, "per": "step"},
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4, 2),
    ),
    _scheduled(
        "linear",
        {"type": "linear", "per": "step", "total_iters": 20},
        lambda o: lr_scheduler.LinearLR(o, total_iters=20),
    ),
    _scheduled(
        "warm-up, then step",
        _step({"step_size": 11, "gamma": 0.5, "per": "step", "warmup_steps": 8}),
        _warmed(lambda o: lr_scheduler.StepLR(o, 11, 0.5), 8),
    ),
    _scheduled(
        "one_cycle",
        {"type": "one_cycle"},
        lambda o: lr_scheduler.OneCycleLR(o, RATE, TOTAL, cycle_momentum=False),
    ),
    _scheduled(
        "one_cycle, linear, three phases",
        {
            "type": "one_cycle",
            "max_learning_rate": 0.2,
            "pct_start": 0.25,
            "anneal_strategy": "linear",
            "div_factor": 10,
            "final_div_factor": 100,
            "three_phase": True,
        },
        lambda o: lr_scheduler.OneCycleLR(
            o,
            0.2,
            TOTAL,
            pct_start=0.25,
            anneal_strategy="linear",
            cycle_momentum=False,
            div_factor=10,
            final_div_factor=100,
            three_phase=True,
        ),
    ),
    _scheduled(
        "reduce_on_plateau",
        {"type": "reduce_on_plateau", "factor": 0.5, "patience": 1, "threshold": 0.05, "cooldown": 1},
        lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=1, threshold=0.05, cooldown=1),
    ),
    _changed(
        "clip by norm",
        {"clip": {"norm": 0.3}},
        lambda m: {"before_update": lambda: torch.nn.utils.clip_grad_norm_(m.parameters(), 0.3)},
    ),
    _changed(
        "clip by value",
        {"clip": {"value": 0.05}},
        lambda m: {"before_update": lambda: torch.nn.utils.clip_grad_value_(m.parameters(), 0.05)},
    ),
    _changed("l1 and l2", {"penalty": {"l1": 0.003, "l2": 0.02}}, _penalized),
    _accumulated(),
)
