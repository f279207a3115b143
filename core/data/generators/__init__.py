"""Data made by a formula and random numbers: rows that follow from a generator's settings alone.

All generators by name, in the order in which users are offered them.
"""

from lockstep.core.data.generators.base import DECIMALS, USUAL_NOISE, Draw, Generator, Rows
from lockstep.core.data.generators.circular import Blobs, Circles, Moons, Spiral
from lockstep.core.data.generators.curves import Quadratic, StraightLine
from lockstep.core.data.generators.xor import Xor
from lockstep.core.data.generators.yin_yang import YinYang
from lockstep.core.ground.words import Vocabulary

__all__ = ["DECIMALS", "GENERATORS", "NEEDS", "USUAL_NOISE", "Draw", "Generator", "Rows"]

NEEDS = {
    "rows": "its formula",
    "columns": "how many numbers a row of inputs has",
    "classes": "how many classes it makes, 0 for values",
    "__doc__": "what people are told of it",
}
GENERATORS: Vocabulary[type[Generator]] = Vocabulary(
    "generator",
    NEEDS,
    ((word.name, word) for word in (StraightLine, Quadratic, Xor, Moons, Circles, Spiral, Blobs, YinYang)),
)
