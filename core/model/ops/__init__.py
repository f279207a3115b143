"""The ops by name. An op is one class; it stands in the list below."""

from collections.abc import Mapping
from types import MappingProxyType

from lockstep.core.ground.words import Vocabulary
from lockstep.core.model.ops.adaptive_avg_pool import AdaptiveAvgPool1d, AdaptiveAvgPool2d
from lockstep.core.model.ops.arithmetic import Add, Divide, Multiply, Negate, Power, PowerConstant, Subtract
from lockstep.core.model.ops.attention import Attention
from lockstep.core.model.ops.avg_pool import AvgPool1d, AvgPool2d
from lockstep.core.model.ops.batch_norm import BatchNorm
from lockstep.core.model.ops.convolution import Conv1d, Conv2d
from lockstep.core.model.ops.dropout import Dropout
from lockstep.core.model.ops.elu import Elu
from lockstep.core.model.ops.embedding import Embedding
from lockstep.core.model.ops.functions import Abs, Cos, Exp, Log, Sin, Sqrt, Tan
from lockstep.core.model.ops.gelu import Gelu, GeluTanh
from lockstep.core.model.ops.gru import Gru
from lockstep.core.model.ops.hard_activations import Hardsigmoid, Hardswish, Hardtanh, Relu6
from lockstep.core.model.ops.identity import Identity
from lockstep.core.model.ops.joining import Concat, Position
from lockstep.core.model.ops.layer_norm import LayerNorm
from lockstep.core.model.ops.leaky_relu import LeakyRelu
from lockstep.core.model.ops.linear import Linear
from lockstep.core.model.ops.lstm import Lstm
from lockstep.core.model.ops.max_pool import MaxPool1d, MaxPool2d
from lockstep.core.model.ops.op import Op
from lockstep.core.model.ops.relu import Relu
from lockstep.core.model.ops.rnn import Rnn
from lockstep.core.model.ops.shapes import Flatten, Unflatten
from lockstep.core.model.ops.sigmoid import Sigmoid, Silu
from lockstep.core.model.ops.softmax import LogSoftmax, Softmax
from lockstep.core.model.ops.softplus import Softplus
from lockstep.core.model.ops.sources import BufferValue, Column, ConstantValue, Input, ParameterValue
from lockstep.core.model.ops.tanh import Tanh

NEEDS = {
    "forward": "its value",
    "gradient": "the gradients of its inputs",
    "formula": "how a reader would write both",
    "onnx": "what it is in ONNX, or onnx_graph.not_in_onnx",
}
_WORDS: tuple[type[Op], ...] = (
    *(Input, Column, ParameterValue, BufferValue, ConstantValue),
    *(Add, Subtract, Multiply, Divide, Negate, Power, PowerConstant),
    *(Sin, Cos, Tan, Exp, Log, Sqrt, Abs),
    *(Identity, Relu, LeakyRelu, Elu, Sigmoid, Silu, Tanh, Softplus, Gelu, GeluTanh),
    *(Hardtanh, Relu6, Hardsigmoid, Hardswish, Softmax, LogSoftmax),
    *(Linear, Flatten, Unflatten, Concat, Position, Dropout, BatchNorm, LayerNorm),
    *(Conv1d, Conv2d, MaxPool1d, MaxPool2d, AvgPool1d, AvgPool2d, AdaptiveAvgPool1d, AdaptiveAvgPool2d),
    *(Embedding, Rnn, Lstm, Gru, Attention),
)
_KINDS = Vocabulary("op", NEEDS, ((word.name, word) for word in _WORDS))
OPS: Mapping[str, Op] = MappingProxyType({name: kind() for name, kind in _KINDS.items()})
