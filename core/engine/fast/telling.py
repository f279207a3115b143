"""Numbers for asking whether a product that adds itself has the bits of a product and an addition after it.

On numbers at random two ways to compute agree by chance in more than half of all results, and a small product
has few. So each way to be rounded otherwise that is known gets numbers of its own, on which it shows in each
result, or nearly so:

- `absorbed`: what is there joins before the last sum, say after half of the products.
- `unfused`: the rate and the result are multiplied and added in one rounding, not in two.
- `signed zeros`: sums that begin at +0, or at their first product; 0 and -0 are other bits.
- `cancelling`: the products themselves are added in another order. Their sum nearly vanishes, so that what is
  left of it is the roundings on the way. One result differs with 0.35 to 0.99, by how many products there are
  and how they are added; so there are several such draws, the more the smaller the product is.
- `plain`: any way that is not known yet.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

MIN_DRAWS, MAX_DRAWS = 5, 64
"""At random, besides the certain ones."""
ZEROS = 1 / 8
"""Of the rows, and of the columns, where all kinds are in one draw."""
RESULTS = 2**12
"""So many results are compared where MAX_DRAWS allow it."""
MULTIPLICATIONS = 2**24
"""So much work is spent on more than MIN_DRAWS."""


@dataclass(frozen=True, kw_only=True)
class Factors:
    """The matrices a (m, k) and b (k, n) of one product, and the part `there` (m, n) that it is added to."""

    a: np.ndarray
    b: np.ndarray
    there: np.ndarray

    @property
    def multiplications(self) -> int:
        """How many it takes."""
        return self.a.size * len(self.b[0])


@dataclass(frozen=True, kw_only=True)
class AddingQuestion:
    """Arrays to be filled: there += rate added, where the products of `factors` are some parts of `added`.

    `there` and `added` (P,) have no gaps. `rate` () stays 1 unless `scaled`.
    """

    rate: np.ndarray
    there: np.ndarray
    added: np.ndarray
    factors: Sequence[Factors]
    scaled: bool


def draws(question: AddingQuestion) -> Iterator[None]:
    """Fill the question's arrays with one set of numbers after another; the likeliest to tell come first."""
    random = np.random.default_rng(0)
    certain = (_absorbed, _unfused, _signed_zeros) if question.scaled else (_absorbed, _signed_zeros)
    at_random = (_plain if number % 4 == 1 else _cancelling for number in range(_count(question.factors)))
    for kind in (*certain, *at_random):
        if question.scaled:
            question.rate[()] = -0.7371
        kind(question, random)
        yield


def _count(factors: Sequence[Factors]) -> int:
    results = min(each.there.size for each in factors)
    wanted = min(RESULTS // results, MULTIPLICATIONS // sum(each.multiplications for each in factors))
    return min(max(wanted, MIN_DRAWS), MAX_DRAWS)


_Kind = Callable[[AddingQuestion, np.random.Generator], None]


def _absorbed(question: AddingQuestion, random: np.random.Generator) -> None:
    """Whole numbers, at least 2 each, whose sum is 1 more than half of the last place of what is there.

    So their sum moves it, and nothing less than all of them does; no sum of them is rounded.
    """
    if question.scaled:
        question.rate[()] = -0.5
    for each in question.factors:
        inner = each.a.shape[1]
        half = 2 ** (2 * inner - 1).bit_length()
        least, more = divmod(half + 1, inner)
        each.a[:] = random.permutation(np.arange(inner) < more) + least
        each.b[:] = 1
        each.there[:] = np.ldexp(question.rate, np.finfo(question.rate.dtype).nmant + half.bit_length())


def _unfused(question: AddingQuestion, random: np.random.Generator) -> None:  # noqa: ARG001 - a _Kind
    """rate added is (1 + ε)² = 1 + 2ε + ε², by itself rounded to 1 + 2ε; what is there is -(1 + 2ε)."""
    small = question.rate.dtype.type(2.0 ** -(np.finfo(question.rate.dtype).nmant // 2 + 1))
    question.rate[()], question.added[:], question.there[:] = 1 + small, 1 + small, -(1 + 2 * small)
    for each in question.factors:
        each.a[:], each.b[:] = 0, 0
        each.a[:, 0], each.b[0] = 1, 1 + small


def _signed_zeros(question: AddingQuestion, random: np.random.Generator) -> None:  # noqa: ARG001 - a _Kind
    """Products that are all -0, or all 0, onto -0: this stays only if -0 is added."""
    for each in question.factors:
        each.there[:] = -0.0
        signed_zeros(each.a, each.b)


def _cancelling(question: AddingQuestion, random: np.random.Generator) -> None:
    """Pairs of products, apart by chance, that cancel; what is left over is one of them, or part of one."""
    for each in question.factors:
        each.a[:], each.b[:] = numbers(random, each.a), numbers(random, each.b)
        cancel(random, each.a, each.b)
        each.there[:] = 0


def cancel(random: np.random.Generator, a: np.ndarray, b: np.ndarray) -> None:
    """Change factors (..., m, k), or (..., k), and (..., k, n) so that their products cancel in pairs."""
    along = b.swapaxes(-1, -2)
    inner = a.shape[-1]
    places = random.permutation(inner)
    ones, others = places[: inner // 2], places[inner // 2 : inner // 2 * 2]
    a[..., others], along[..., others] = a[..., ones], -along[..., ones]
    along[..., places[0]] *= b.dtype.type(1.25)


def _plain(question: AddingQuestion, random: np.random.Generator) -> None:
    """All between -0.5 and 0.5."""
    for array in (question.there, question.added):
        array[:] = numbers(random, array)
    for each in question.factors:
        each.a[:], each.b[:] = numbers(random, each.a), numbers(random, each.b)


def telling_factors(random: np.random.Generator, a: np.ndarray, b: np.ndarray) -> None:
    """Fill factors (..., m, k) and (..., k, n) with all kinds at once, which takes less time than one by one.

    Most of the products cancel in pairs; where one row in eight meets one column in eight all are -0.
    """
    a[...], b[...] = numbers(random, a), numbers(random, b)
    cancel(random, a, b)
    a[random.random(a.shape[:-1]) < ZEROS] = 0
    b[..., random.random(b.shape[-1]) < ZEROS] = -1


def signed_zeros(a: np.ndarray, b: np.ndarray) -> None:
    """Factors (..., m, k), or (..., k), and (..., k, n) with products of 0 in every other column, else -0."""
    a[...], b[...] = 0, -1
    b[..., ::2] = 1


def numbers(random: np.random.Generator, like: np.ndarray) -> np.ndarray:
    """As many as `like` has, between -0.5 and 0.5."""
    drawn: np.ndarray = random.random(like.shape, like.dtype.type)
    drawn -= like.dtype.type(0.5)
    return drawn
