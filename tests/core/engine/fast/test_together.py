"""Several shards through one plan: with the bits of a plan for each, whatever goes together."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.core.data.batches import Batches
from lockstep.core.engine.fast import merged_calls, merging, patience
from lockstep.core.engine.step import StepData, StepWork
from lockstep.core.ground.shards import Block, TreeSum, blocks_of
from lockstep.core.group.fingerprint import blas_core
from lockstep.core.learning.loading import load_dataset
from lockstep.core.model.build import build_graph
from lockstep.core.model.parameters import Parameters
from tests.core.learning.training_jobs import DIGITS, IMAGES, LINE, resolved

pytestmark = pytest.mark.bits

SEQUENCE = {"type": "unflatten", "shape": [8, 8]}
LAST = {"type": "linear", "in": 64, "out": 10}


def layers(*widths: int) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for inputs, outputs in itertools.pairwise(widths):
        found += [{"type": "linear", "in": inputs, "out": outputs}, {"type": "relu"}]
    return {"layers": found[:-1]}


def sequence(*middle: dict[str, Any]) -> dict[str, Any]:
    return {"model": {"layers": [SEQUENCE, *middle, {"type": "flatten"}, LAST]}}


TRANSFORMER = {"type": "transformer_encoder_layer", "d_model": 8, "nhead": 2, "dim_feedforward": 16}
EMBEDDING = {"type": "embedding", "num_embeddings": 17, "embedding_dim": 3, "padding_idx": 0}
RAW = {"data": {"builtin": "digits", "validation_fraction": 0.2, "test_fraction": 0.2}}
CURVE = {"inline": {"x": [[n / 7] for n in range(32)], "y": [[n * n / 50] for n in range(32)]}}
SPECS: dict[str, dict[str, Any]] = {
    "a chain": DIGITS,
    "a chain, float64": DIGITS | {"dtype": "float64"},
    "wide": DIGITS | {"model": layers(64, 512, 300, 10), "batch_size": 256},
    "wide, float64": DIGITS | {"model": layers(64, 512, 10), "batch_size": 128, "dtype": "float64"},
    "images, batch norm, dropout": IMAGES,
    "a transformer": DIGITS | sequence(TRANSFORMER),
    "a transformer that drops": DIGITS | sequence(TRANSFORMER | {"dropout": 0.2}),
    "tokens": DIGITS
    | RAW
    | {"model": {"layers": [EMBEDDING, {"type": "flatten"}, {"type": "linear", "in": 192, "out": 10}]}},
    "functions": DIGITS
    | sequence(*({"type": name} for name in ("gelu", "softplus", "elu", "silu", "hardswish", "softmax"))),
    "another loss": DIGITS | {"loss": "multi_margin"},
    "settings of the loss": DIGITS | {"loss": {"type": "cross_entropy", "label_smoothing": 0.1}},
    "an expression": LINE | {"batch_size": "full", "data": CURVE},
}
SHARDS = (2, 4, 8)


@pytest.fixture(autouse=True, scope="module")
def at_once() -> Iterator[None]:
    """Plans of several shards are built in the first step."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(patience, "PATIENCE", -1)
        yield


def work(raw: dict[str, Any], batch: int | None = None, shards: int = 4) -> StepWork:
    """The work of a job; by default of batches that its shards cut evenly."""
    spec = resolved(raw | {"shards": shards})
    dataset = load_dataset(spec)
    graph = build_graph(spec.model, dataset.columns)
    parameters = Parameters(graph, np.dtype(spec.dtype))
    parameters.initialize(3)
    parameters.flat += np.random.default_rng(1).normal(size=graph.size).astype(spec.dtype) / 20
    size = batch or (32 if spec.batch_size == "full" else spec.batch_size // 8 * 8)
    rows = min(size, dataset.train.rows // shards * shards)
    batches = Batches(dataset.train.rows, rows, spec.shuffle, spec.seed)
    return StepWork(spec, graph, parameters, StepData(dataset.train, batches))


def one_by_one(work: StepWork, block: Block) -> np.ndarray:
    """The block's sum, each shard by its own plan."""
    tree = TreeSum(work.width, work.dtype)
    out, leaf = np.empty(work.width, work.dtype), np.empty(work.width, work.dtype)
    tree.start(out)
    for shard in block.leaves():
        assert work.partial(Block(shard, 1), leaf)
        tree.add(Block(shard, 1), leaf)
    assert tree.finish()
    return out


def differences(work: StepWork, shards: int) -> int:
    """How many numbers of a step differ between shards together and one by one, over some steps."""
    found, out = 0, np.empty(work.width, work.dtype)
    for step in range(3):
        work.select(step)
        with np.errstate(all="ignore"):
            assert work.partial(Block(0, shards), out)
            expected = one_by_one(work, Block(0, shards))
        assert np.isfinite(out).all()
        bits = f"u{out.itemsize}"
        found += int((out.view(bits) != expected.view(bits)).sum())
    return found


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Answers are not kept from one test to the next."""
    merging.found_way.cache_clear()
    yield
    merging.found_way.cache_clear()


ASKED = merging.is_alike
Answer = Callable[[merging.LaneQuestion, merged_calls.Way], bool]
ANSWERS: dict[str, Answer] = {
    "as it is": ASKED,
    "never": lambda *_: False,
    "never taller": lambda question, way: way is not merged_calls.tall and ASKED(question, way),
    "only taller": lambda question, way: way is merged_calls.tall and ASKED(question, way),
}


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("name", SPECS)
def test_shards_together_have_the_bits_of_each_by_itself(
    name: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "is_alike", ANSWERS[answer])
    for shards in SHARDS:
        each = work(SPECS[name], shards=shards)

        assert differences(each, shards) == 0
        assert all(each._together.built.values()), "the shards went one by one"


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("name", SPECS)
def test_elementwise_work_always_goes_together(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On any kernels; which products do is left to the probe."""
    each = work(SPECS[name])
    each.select(0)
    refused: list[str] = []

    def noted(question: merging.LaneQuestion, way: merged_calls.Way) -> bool:
        alike = ASKED(question, way)
        if not alike and question.form.kind in ("ufunc", "copy", "fill", "set", "row"):
            refused.append(str(question))
        return alike

    monkeypatch.setattr(merging, "is_alike", noted)
    with np.errstate(all="ignore"):
        each.partial(Block(0, 4), each.total)

    assert not refused


WIDE = SPECS["wide"]


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 12), height=st.integers(1, 4), world=st.integers(1, 5), rank=st.integers(0, 4))
def test_whoever_owns_which_shards(rows: int, height: int, world: int, rank: int) -> None:
    shards = 2**height
    each, blocks = work(DIGITS, rows * shards, shards), blocks_of(min(rank, world - 1), world, shards)
    each.select(1)
    for block in blocks:
        out = np.empty(each.width, each.dtype)
        with np.errstate(all="ignore"):
            assert each.partial(block, out)
            assert out.tobytes() == one_by_one(each, block).tobytes()
    assert bool(each._together.built) == any(block.count > 1 for block in blocks)


CHECK = """
import numpy as np
from lockstep.core.engine.fast import patience
from tests.core.engine.fast.test_together import SPECS, differences, work
patience.PATIENCE = -1
for name in SPECS:
    for shards in (2, 8):
        assert differences(work(SPECS[name], shards=shards), shards) == 0, (name, shards)
print("alike")
"""


@pytest.mark.parametrize("core", ["Haswell", "Zen", "Nehalem", "SkylakeX"])
@pytest.mark.skipif(blas_core() == "unknown", reason="needs an OpenBLAS that can change its kernels")
def test_it_holds_on_other_kernels(core: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": core},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert done.stdout == "alike\n", done.stderr
