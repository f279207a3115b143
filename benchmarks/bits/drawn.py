"""Specs of all kinds, drawn from the parts by a fixed seed, so that each part comes up once at least."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.bits import parts, settings
from benchmarks.bits.core import SpecError
from benchmarks.bits.data import Source, builtin, drawn_source, for_expression, tokens, with_gaps
from benchmarks.bits.decks import Decks
from benchmarks.bits.runs import Spec, resolved

SEED = 9
STEPS = 30
"""About so many steps a training takes."""
MAX_DRAWS = 300
COUNTS = {"rows": 60, "images": 26, "signals": 22, "sequences": 32, "tokens": 12, "expression": 28}
MINIMIZED, SOLVED = 26, 14


def drawn_specs() -> Iterator[tuple[str, Spec]]:
    """All by name, as a user writes them."""
    decks = Decks(np.random.default_rng(SEED))
    for family, number in COUNTS.items():
        for index in range(number):
            base = _expression(decks) if family == "expression" else _layers(decks, family)
            yield f"{family} {index:02}", _trained(decks, base)
    for index in range(MINIMIZED):
        yield f"minimize {index:02}", _minimized(decks)
    for index in range(SOLVED):
        yield f"solve {index:02}", _solved(decks)


@dataclass(frozen=True, kw_only=True)
class Base:
    """Model, data and loss of a training, and what of the rest they allow."""

    model: Spec
    source: Source
    loss: Any
    augmentations: Sequence[Spec] = ()
    places: int = 1


def _filled(part: Any, letters: Mapping[str, int]) -> Any:
    """A part with its letters' numbers."""
    if isinstance(part, dict):
        return {key: _filled(value, letters) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(each, letters) for each in part]
    return letters.get(part, part) if isinstance(part, str) else part


def _layers(decks: Decks, family: str) -> Base:
    """A model of layers, its data, and a loss that goes with both."""
    width = decks.one_of(f"widths of {family}", [6, 9, 16, 33] if family == "rows" else [4, 6])
    places = 6 if family in ("sequences", "tokens") and decks.chance(0.3) else 1
    source = _source(decks, family, places)
    loss = _loss(decks, source)
    if isinstance(loss, dict) and loss.get("ignore_index", 0) < 0:
        source = with_gaps(decks, source, loss["ignore_index"])
    layers = [*_beginning(decks, family, source, width)]
    for _ in range(decks.number(2, 4)):
        layers += decks.one_of(family, FRAGMENTS[family])
    layers += _ending(decks, family, (width, places))
    head = len(layers) - 1
    if (loss if isinstance(loss, str) else loss["type"]) in ("nll", "kl_div"):
        layers.append({"type": "log_softmax"})
    letters = {"W": width, "V": 2 * width, "H": width // 2, "K": source.outputs}
    model: Spec = {"layers": _filled(layers, letters)}
    model |= _starts(decks, model["layers"], head)
    augmentations = [] if family == "tokens" else settings.AUGMENTATIONS
    if layers[0] == PICTURE:
        augmentations = settings.PICTURE_AUGMENTATIONS
    return Base(model=model, source=source, loss=loss, augmentations=augmentations, places=places)


FRAGMENTS = {
    "rows": parts.ROWS,
    "images": parts.IMAGES,
    "signals": parts.SIGNALS,
    "sequences": parts.SEQUENCES,
    "tokens": parts.SEQUENCES,
}
ENDS = {
    "images": parts.IMAGE_ENDS,
    "signals": parts.SIGNAL_ENDS,
    "sequences": parts.SEQUENCE_ENDS,
    "tokens": parts.SEQUENCE_ENDS,
}
PICTURE = {"type": "unflatten", "shape": [1, 8, 8]}
"""Of the 64 columns of the digits."""
SHAPES: dict[str, tuple[int, list[Any]]] = {
    "images": (36, ["W", 6, 6]),
    "signals": (9, ["W", 9]),
    "sequences": (6, [6, "W"]),
}


def _source(decks: Decks, family: str, places: int) -> Source:
    """Any data that goes with the family; often the pictures that there are."""
    if family == "tokens":
        return tokens(decks, places)
    if family == "images" and decks.chance(0.5):
        return builtin(decks, "digits")
    return drawn_source(decks, places)


def _beginning(decks: Decks, family: str, source: Source, width: int) -> list[Any]:
    """From the data's columns to what the family's fragments take."""
    if family == "rows":
        return [{"type": "linear", "in": source.columns, "out": "W"}]
    if family == "tokens":
        padding = {"padding_idx": 0} if decks.chance(0.5) else {}
        return [{"type": "embedding", "num_embeddings": 11, "embedding_dim": "W"} | padding]
    if family == "images" and source.columns == 64:
        first = {"type": "conv2d", "in": 1, "out": "W", "kernel_size": 3}
        return [PICTURE, first]
    places, shape = SHAPES[family]
    first = {"type": "linear", "in": source.columns, "out": places * width}
    return [first, {"type": "unflatten", "shape": shape}]


def _ending(decks: Decks, family: str, sizes: tuple[int, int]) -> list[Any]:
    """From there to the outputs; the last layer is linear."""
    width, places = sizes
    if family == "rows" or places > 1:
        return [{"type": "linear", "in": "W", "out": "K"}]
    end, (times, plus) = decks.one_of(f"ends of {family}", ENDS[family])
    return [*end, {"type": "flatten"}, {"type": "linear", "in": times * width + plus, "out": "K"}]


def _starts(decks: Decks, layers: list[Any], head: int) -> Spec:
    """Where some of the parameters start."""
    if decks.chance(0.15):
        given = np.round(decks.random.normal(0, 0.1, layers[head]["out"]), 3).tolist()
        return {"initial_weights": {f"{head}.bias": given}}
    if decks.chance(0.1):
        return {}
    init = {f"{head}.weight": decks.one_of("matrices", parts.MATRICES)}
    if decks.chance(0.4):
        init["bias"] = decks.one_of("biases", parts.ANY_AXES)
    first = layers[0] if isinstance(layers[0], dict) else {}
    if first.get("type") == "linear":
        init["0.weight"] = decks.one_of("matrices", parts.MATRICES)
    kinds = [layer["type"] if isinstance(layer, dict) else "" for layer in layers]
    if "conv2d" in kinds or "conv1d" in kinds:
        place = kinds.index("conv2d" if "conv2d" in kinds else "conv1d")
        init[f"{place}.weight"] = decks.one_of("kernels", parts.KERNELS)
    return {"init": init}


def _loss(decks: Decks, source: Source) -> Any:
    """A loss for such targets, with a weight for each output where it has weights."""
    choices = settings.LOSSES[source.targets]
    if source.targets == "shares":
        choices = [loss for loss in choices if source.logs == (isinstance(loss, dict) and loss["log_target"])]
    loss = decks.one_of(f"losses of {source.targets} {source.logs}", choices)
    if not isinstance(loss, dict):
        return loss
    weights = np.round(decks.random.uniform(0.3, 2.0, source.outputs), 2).tolist()
    return {key: weights if value == "each class" else value for key, value in loss.items()}


def _expression(decks: Decks) -> Base:
    text, start, targets = decks.one_of("expressions", settings.EXPRESSIONS)
    source = for_expression(decks, 2 if "z" in text else 1, targets)
    loss = decks.one_of(f"losses of an expression {targets}", settings.LOSSES[targets])
    if isinstance(loss, dict):
        loss = {key: [1.5] if value == "each class" else value for key, value in loss.items()}
    return Base(
        model={"expression": text, "parameters": start},
        source=source,
        loss=loss,
        augmentations=settings.AUGMENTATIONS[:1],
    )


def _trained(decks: Decks, base: Base) -> Spec:
    """A whole spec. How its batches are cut is drawn again where the model can't be trained so."""
    raw: Spec = {"model": base.model, "data": base.source.data, "loss": base.loss}
    raw["optimizer"] = decks.one_of("optimizers", settings.OPTIMIZERS)
    if decks.chance(0.5):
        raw["schedule"] = decks.one_of("schedules", settings.SCHEDULES)
    if decks.chance(0.7):
        further = decks.one_of("further", settings.FURTHER)
        raw |= {key: value for key, value in further.items() if key != "data"}
        raw["data"] = raw["data"] | further.get("data", {})
    if base.augmentations and decks.chance(0.3 if len(base.augmentations) < 4 else 0.8):
        augment = decks.one_of(f"augmentations {len(base.augmentations)}", base.augmentations)
        raw["data"] = raw["data"] | {"augment": [augment]}
    if decks.chance(0.4) and settings.METRICS[base.source.targets]:
        raw["metrics"] = _metrics(decks, base)
    if not base.augmentations:
        raw["data"].pop("standardize", None)
    if "start_from" in raw:
        raw["model"] = {key: value for key, value in raw["model"].items() if key != "initial_weights"}
    raw |= decks.one_of("dtypes", [{}, {"dtype": "float32"}, {"dtype": "float64"}])
    for _ in range(MAX_DRAWS):
        whole = raw | _cut(decks, base.source.rows, raw["optimizer"]["type"] == "lbfgs")
        try:
            resolved(whole)
        except SpecError as error:
            problem = error
        else:
            return copy.deepcopy(whole)
    raise problem


def _metrics(decks: Decks, base: Base) -> list[Any]:
    names = settings.METRICS[base.source.targets]
    dealt = [decks.one_of(f"metrics of {base.source.targets}", names) for _ in range(2)]
    if base.source.outputs < 3:
        dealt = [metric for metric in dealt if metric != "top_k_accuracy"]
    return dealt[:1] if dealt[0] == dealt[-1] else dealt


def _cut(decks: Decks, rows: int, whole: bool) -> Spec:
    """How many rows make a batch, and into how many parts they are cut."""
    shards = decks.one_of("shards", [1, 2, 4, 8, 16, 32, 64, 2, 4, 8, 4])
    cut: Spec = {"shards": shards, "seed": decks.number(0, 1000)}
    if shards > 1 and decks.chance(0.2):
        cut["workers"] = decks.one_of("workers", [2, "auto"])
    if decks.chance(0.1):
        del cut["seed"]
    if whole or decks.chance(0.3):
        return cut | {"batch_size": "full", "epochs": decks.number(STEPS // 2, STEPS)}
    size = decks.number(max(1, rows // 8), max(2, rows // 2))
    accumulate = decks.one_of("accumulate", [1, 1, 1, 2, 3])
    epochs = max(2, STEPS * size * accumulate // rows)
    return (
        cut | {"batch_size": size, "epochs": epochs} | ({"accumulate": accumulate} if accumulate > 1 else {})
    )


LABELS: list[Spec] = [
    {},
    {},
    {"name": "a search"} | settings.KEPT_OF_A_SEARCH,
    {"metadata": {"by": "the recorder"}} | settings.LIMITS,
]
DTYPES: list[Spec] = [{}, {"dtype": "float32"}, {"dtype": "float64"}]


def _minimized(decks: Decks) -> Spec:
    text, start = decks.one_of("objectives", settings.OBJECTIVES)
    raw: Spec = {"kind": "minimize", "objective": text, "start": start, "steps": decks.number(20, 120)}
    raw["optimizer"] = decks.one_of("optimizers of minimize", settings.OPTIMIZERS)
    if decks.chance(0.5):
        raw["schedule"] = decks.one_of("schedules of minimize", settings.SCHEDULES)
    stops: list[Spec] = [{}, {"stop": {"value_below": 0.1}}, {"stop": {"gradient_norm_below": 0.05}}]
    raw |= decks.one_of("stops of minimize", stops)
    return raw | decks.one_of("labels of minimize", LABELS) | decks.one_of("dtypes of minimize", DTYPES)


def _solved(decks: Decks) -> Spec:
    text, start, target = decks.one_of("equations", settings.EQUATIONS)
    raw: Spec = {"kind": "solve", "expression": text, "start": start, "target": target}
    raw["steps"] = decks.number(10, 60)
    if decks.chance(0.4):
        raw["solve_for"] = sorted(start)[:1]
    raw |= decks.one_of("gradients", [{}, {"refresh_gradient": False}, {"refresh_gradient": True}])
    raw |= decks.one_of("tolerances", [{}, {"tolerance": 1e-3}])
    return raw | decks.one_of("labels of solve", LABELS) | decks.one_of("dtypes of solve", DTYPES)
