"""All optimizers by name. Names, defaults and arithmetic are torch.optim's; lion's are its paper's."""

from typing import TYPE_CHECKING

from lockstep.core.ground.words import Vocabulary, chosen_by_type, name_of
from lockstep.core.optim.adagrad import Adagrad
from lockstep.core.optim.adam import Adam, AdamW
from lockstep.core.optim.base import OptimizerSpec
from lockstep.core.optim.lbfgs import Lbfgs
from lockstep.core.optim.lion import Lion
from lockstep.core.optim.nadam import Nadam
from lockstep.core.optim.rmsprop import Rmsprop
from lockstep.core.optim.sgd import Sgd

NEEDS = {"build": "what takes its steps", "__doc__": "what people are told of it"}
OPTIMIZERS: Vocabulary[type[OptimizerSpec]] = Vocabulary(
    "optimizer",
    NEEDS,
    ((name_of(kind), kind) for kind in (Sgd, Adam, AdamW, Nadam, Rmsprop, Adagrad, Lion, Lbfgs)),
)
OPTIMIZER_TAG = "<{}>"

if TYPE_CHECKING:
    AnyOptimizer = OptimizerSpec
else:
    AnyOptimizer = chosen_by_type(OPTIMIZERS, OPTIMIZER_TAG, error="optimizer_type", expected="an optimizer")
