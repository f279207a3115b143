"""Words for a part of a spec whose kind can't be told: a layer, a loss, an optimizer, a model, data."""

import difflib
import re
from collections.abc import Callable, Collection, Mapping

from lockstep.core.data.augmentations import AUGMENTATIONS
from lockstep.core.data.builtins import BUILTINS
from lockstep.core.data.generators import GENERATORS
from lockstep.core.ground.numbers import came, shortened
from lockstep.core.losses import LOSSES
from lockstep.core.losses.kinds import FOR_VALUES
from lockstep.core.metrics import METRICS
from lockstep.core.model.initializers import INITIALIZERS
from lockstep.core.model.layers import LAYERS
from lockstep.core.optim import OPTIMIZERS
from lockstep.core.optim.schedules import SCHEDULES

_ALSO_CALLED = {
    "lr": "learning_rate",
    "rate": "learning_rate",
    "eta": "learning_rate",
    "step_size": "learning_rate",
    "in_features": "in",
    "input": "in",
    "inputs": "in",
    "input_size": "in",
    "out_features": "out",
    "output": "out",
    "outputs": "out",
    "output_size": "out",
    "units": "out",
    "slope": "negative_slope",
    "beta1": "betas",
    "beta2": "betas",
    "epsilon": "eps",
    "decay": "weight_decay",
    "l2": "weight_decay",
    "batch": "batch_size",
    "iterations": "epochs",
    "steps": "epochs",
    "random_state": "seed",
    "random_seed": "seed",
    "rows": "size",
    "n": "size",
    "samples": "size",
    "n_samples": "size",
    "test_size": "test_fraction",
    "test_split": "test_fraction",
    "validation_split": "validation_fraction",
    "normalize": "standardize",
    "dataset": "data",
    "network": "model",
    "early_stopping": "stop",
    "weights": "initial_weights",
    "params": "parameters",
    "formula": "expression",
    "function": "objective",
    "cost": "objective",
    "initial": "start",
    "x0": "start",
    "unknowns": "solve_for",
    "tol": "tolerance",
    "max_iter": "steps",
    "epochs": "steps",
    "expression": "objective",
    "objective": "expression",
    "precision": "dtype",
    "class_weight": "weight",
    "class_weights": "weight",
    "lr_scheduler": "schedule",
    "scheduler": "schedule",
    "learning_rate_schedule": "schedule",
    "max_lr": "max_learning_rate",
    "min_lr": "min_learning_rate",
    "warmup": "warmup_steps",
    "clip_grad_norm": "clip",
    "gradient_clipping": "clip",
    "clipnorm": "clip",
    "max_norm": "norm",
    "clip_value": "value",
    "regularization": "penalty",
    "regularizer": "penalty",
    "accumulate_grad_batches": "accumulate",
    "gradient_accumulation_steps": "accumulate",
    "initializer": "init",
    "initializers": "init",
    "kernel_initializer": "init",
    "restore_best_weights": "restore_best",
    "double": "float64",
    "fp64": "float64",
    "float": "float32",
    "single": "float32",
    "fp32": "float32",
    "float16": "float32",
    "half": "float32",
    **{alias: name for name, layer in LAYERS.items() for alias in layer.aliases},
    **{alias: name for name, kind in OPTIMIZERS.items() for alias in kind.aliases},
    **{alias: name for name, kind in SCHEDULES.items() for alias in kind.aliases},
    **{alias: name for name, kind in INITIALIZERS.items() for alias in kind.aliases},
    **{alias: name for name, loss in LOSSES.items() for alias in loss.aliases},
    **{alias: name for name, metric in METRICS.items() for alias in metric.aliases},
}
"""What other systems call our words."""


def similar(word: str, known: Collection[str]) -> str | None:
    """The word of `known` that was probably meant: by another system's name, other case, or a slip."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word[:64]).lower().replace("-", "_").replace(" ", "_")
    for candidate in (snake, _ALSO_CALLED.get(snake), snake.replace("_", "")):
        for name in known:
            if candidate in (name, name.replace("_", "")):
                return name
    return next(iter(difflib.get_close_matches(snake, known, n=1, cutoff=0.7)), None)


def listed(names: Collection[str]) -> str:
    """The names with commas, in their order."""
    return ", ".join(names)


def _unknown_type(what: str, value: object, names: Collection[str]) -> str:
    """For a union that is told apart by "type"."""
    if isinstance(value, Mapping) and "type" not in value:
        return f'expected {what} with a "type", got {came(value)}; add "type", one of {listed(names)}'
    name = value["type"] if isinstance(value, Mapping) else value
    if not isinstance(name, str):
        where = ' as "type"' if isinstance(value, Mapping) else ""
        return f'expected {what}, got {came(name)}{where}; write {{"type": ...}} with one of {listed(names)}'
    guess = similar(name, names)
    if isinstance(value, Mapping):
        hint = f'did you mean "{guess}"? there are {listed(names)}' if guess else f"there are {listed(names)}"
        return f'expected the type of {what}, got "{shortened(name)}"; {hint}'
    example = f'{{"type": "{guess}"}}' if guess else f'{{"type": ...}} with one of {listed(names)}'
    return f'expected {what} as an object, got the text "{shortened(name)}"; write {example}'


def _layer(value: object) -> str:
    return _unknown_type("a layer", value, tuple(LAYERS))


def _optimizer(value: object) -> str:
    return _unknown_type("an optimizer", value, tuple(OPTIMIZERS))


def _initializer(value: object) -> str:
    if isinstance(value, str):
        guess = similar(value, tuple(INITIALIZERS))
        hint = f'did you mean "{guess}"? ' if guess else ""
        there_are = listed(tuple(INITIALIZERS))
        return f'expected the name of an initializer, got "{shortened(value)}"; {hint}there are {there_are}'
    return _unknown_type("an initializer", value, tuple(INITIALIZERS))


def _schedule(value: object) -> str:
    return _unknown_type("a schedule", value, tuple(SCHEDULES))


def _augmentation(value: object) -> str:
    return _unknown_type("an augmentation", value, tuple(AUGMENTATIONS))


def _loss(value: object) -> str:
    name = value.get("type") if isinstance(value, Mapping) else value
    if not isinstance(name, str):
        return (
            f"expected the name of a loss, got {came(value)}; write one of {listed(LOSSES)}, "
            f'as in "{FOR_VALUES}"'
        )
    guess = similar(name, LOSSES)
    hint = f'did you mean "{guess}"? ' if guess else ""
    return f'expected the name of a loss, got "{shortened(name)}"; {hint}there are {listed(LOSSES)}'


def _metric(value: object) -> str:
    name = value.get("type") if isinstance(value, Mapping) else value
    if not isinstance(name, str):
        names = listed(METRICS)
        return f'expected the name of a metric, got {came(value)}; write one of {names}, as in "f1"'
    guess = similar(name, METRICS)
    hint = f'did you mean "{guess}"? ' if guess else ""
    return f'expected the name of a metric, got "{shortened(name)}"; {hint}there are {listed(METRICS)}'


def _model(value: object) -> str:
    wanted = (
        'expected a model: {"layers": [...]} or {"expression": "a*x + b", "parameters": {"a": 1, "b": 0}}'
    )
    hint = 'put the list under "layers"' if isinstance(value, (list, tuple)) else "give one of the two"
    if isinstance(value, str):
        hint = 'put the text under "expression" and name its "parameters"'
    return f"{wanted}, got {came(value)}; {hint}"


def _data(value: object) -> str:
    hint = f'"builtin" is one of {listed(BUILTINS)}, "generator" one of {listed(GENERATORS)}'
    if isinstance(value, str) and (name := similar(value, (*BUILTINS, *GENERATORS))):
        hint = f'write {{"{"builtin" if name in BUILTINS else "generator"}": "{name}"}}'
    elif isinstance(value, Mapping) and {"x", "y"} & set(value):
        hint = 'put "x" and "y" into an object under "inline"'
    return f'expected data with "builtin", "inline" or "generator", got {came(value)}; {hint}'


KIND_MESSAGES: dict[str, Callable[[object], str]] = {
    "layer_type": _layer,
    "loss_type": _loss,
    "metric_type": _metric,
    "optimizer_type": _optimizer,
    "schedule_type": _schedule,
    "initializer_type": _initializer,
    "augmentation_type": _augmentation,
    "model_kind": _model,
    "data_kind": _data,
}
"""From the error's type, as given to pydantic's Discriminator, to the words for what came."""
