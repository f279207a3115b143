"""Optimizers of a spec. Names, defaults and arithmetic are those of torch.optim; lion's are its paper's."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from lockstep.core.ground.fields import Real, SpecModel, Switch, Whole

MAX_HISTORY = 1000

LearningRate = Annotated[Real, Field(gt=0, le=1e6)]
Decay = Annotated[Real, Field(ge=0, le=1e6)]
Beta = Annotated[Real, Field(ge=0, lt=1)]
Betas = tuple[Beta, Beta]
Epsilon = Annotated[Real, Field(gt=0, le=1)]


class Sgd(SpecModel):
    """Stochastic gradient descent, as torch.optim.SGD."""

    type: Literal["sgd"]
    learning_rate: LearningRate = 0.001
    """how far a step goes along the gradient"""
    momentum: Annotated[Real, Field(ge=0, le=1)] = 0.0
    """the part of the last step's direction that is kept"""
    dampening: Annotated[Real, Field(ge=0, le=1)] = 0.0
    """the part of the gradient that does not enter the momentum, from the second step on"""
    nesterov: Switch = False
    """whether the gradient is taken as if the momentum had moved already; needs momentum above 0"""
    weight_decay: Decay = 0.0
    """how much of each weight is added to its gradient"""


class Adam(SpecModel):
    """Adam, as torch.optim.Adam; its weight decay is added to the gradient."""

    type: Literal["adam"]
    learning_rate: LearningRate = 0.001
    """how far a step goes, about"""
    betas: Betas = (0.9, 0.999)
    """the parts kept of the running means of gradients and of their squares"""
    eps: Epsilon = 1e-8
    """what is added to the divisor"""
    weight_decay: Decay = 0.0
    """how much of each weight is added to its gradient"""
    amsgrad: Switch = False
    """whether the divisor takes the largest mean of squares so far, not the current one"""


class AdamW(SpecModel):
    """Adam whose weight decay shrinks the weights themselves, as torch.optim.AdamW."""

    type: Literal["adamw"]
    learning_rate: LearningRate = 0.001
    """how far a step goes, about"""
    betas: Betas = (0.9, 0.999)
    """the parts kept of the running means of gradients and of their squares"""
    eps: Epsilon = 1e-8
    """what is added to the divisor"""
    weight_decay: Decay = 0.01
    """each step shrinks each weight by learning_rate times this part of it"""
    amsgrad: Switch = False
    """whether the divisor takes the largest mean of squares so far, not the current one"""


class Nadam(SpecModel):
    """Adam with Nesterov's momentum, as torch.optim.NAdam."""

    type: Literal["nadam"]
    learning_rate: LearningRate = 0.002
    """how far a step goes, about"""
    betas: Betas = (0.9, 0.999)
    """the parts kept of the running means of gradients and of their squares"""
    eps: Epsilon = 1e-8
    """what is added to the divisor"""
    weight_decay: Decay = 0.0
    """how much of each weight is added to its gradient"""
    momentum_decay: Annotated[Real, Field(ge=0, le=1)] = 0.004
    """how fast the momentum grows to its full size"""
    decoupled_weight_decay: Switch = False
    """whether weight decay shrinks the weights themselves, as in adamw"""


class Rmsprop(SpecModel):
    """RMSprop, as torch.optim.RMSprop."""

    type: Literal["rmsprop"]
    learning_rate: LearningRate = 0.01
    """how far a step goes, about"""
    alpha: Beta = 0.99
    """the part kept of the running mean of the gradient's squares"""
    eps: Epsilon = 1e-8
    """what is added to the divisor"""
    momentum: Annotated[Real, Field(ge=0, le=1)] = 0.0
    """the part of the last step's direction that is kept"""
    centered: Switch = False
    """whether the mean of squares is reduced by the mean's square"""
    weight_decay: Decay = 0.0
    """how much of each weight is added to its gradient"""


class Adagrad(SpecModel):
    """Adagrad, as torch.optim.Adagrad."""

    type: Literal["adagrad"]
    learning_rate: LearningRate = 0.01
    """how far the first step goes, about"""
    lr_decay: Annotated[Real, Field(ge=0, le=1e6)] = 0.0
    """step t, counted from 0, divides the learning rate by 1 + t * lr_decay"""
    initial_accumulator_value: Annotated[Real, Field(ge=0, le=1e6)] = 0.0
    """where the sums of squares start"""
    eps: Epsilon = 1e-10
    """what is added to the divisor"""
    weight_decay: Decay = 0.0
    """how much of each weight is added to its gradient"""


class Lion(SpecModel):
    """Lion (Chen et al. 2023): steps of one size along the sign of a mean of gradients."""

    type: Literal["lion"]
    learning_rate: LearningRate = 0.0001
    """how far each weight goes in a step"""
    betas: Betas = (0.9, 0.99)
    """the parts kept of the mean of gradients: in the step's direction, and in the mean itself"""
    weight_decay: Decay = 0.0
    """each step shrinks each weight by learning_rate times this part of it"""


class Lbfgs(SpecModel):
    """L-BFGS without line search, one iteration a step, as torch.optim.LBFGS(max_iter=1).

    It needs the whole data in each step: batch_size "full".
    """

    type: Literal["lbfgs"]
    learning_rate: LearningRate = 1.0
    """how far a step goes along its direction; the first step goes at most as far as 1 in all weights"""
    history_size: Annotated[int, Whole(ge=1, le=MAX_HISTORY)] = 100
    """how many steps the curvature is estimated from; each keeps two numbers for each parameter"""
    tolerance_grad: Annotated[Real, Field(ge=0, le=1)] = 1e-7
    """a step whose largest gradient is not above this changes nothing"""
    tolerance_change: Annotated[Real, Field(ge=0, le=1)] = 1e-9
    """a step whose slope along its direction is above minus this changes nothing"""


AnyOptimizer = Sgd | Adam | AdamW | Nadam | Rmsprop | Adagrad | Lion | Lbfgs
OPTIMIZER_TYPES: dict[str, type[AnyOptimizer]] = {
    "sgd": Sgd,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": Nadam,
    "rmsprop": Rmsprop,
    "adagrad": Adagrad,
    "lion": Lion,
    "lbfgs": Lbfgs,
}


def _kind_of_optimizer(value: object) -> str | None:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<{name}>" if isinstance(name, str) and name in OPTIMIZER_TYPES else None


Optimizer = Annotated[
    Annotated[Sgd, Tag("<sgd>")]
    | Annotated[Adam, Tag("<adam>")]
    | Annotated[AdamW, Tag("<adamw>")]
    | Annotated[Nadam, Tag("<nadam>")]
    | Annotated[Rmsprop, Tag("<rmsprop>")]
    | Annotated[Adagrad, Tag("<adagrad>")]
    | Annotated[Lion, Tag("<lion>")]
    | Annotated[Lbfgs, Tag("<lbfgs>")],
    Discriminator(
        _kind_of_optimizer, custom_error_type="optimizer_type", custom_error_message="expected an optimizer"
    ),
]
