"""Formulas read by many threads at once."""

import gc
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from lockstep.core.model.expression_syntax import Expr, parse_expression

THREADS = 16
ROUNDS = 50
TEXT = " + ".join(f"sin(a*x{number})" for number in range(40))


class Garbage:
    """A circle, which the collector ends; then another thread may go on, while this one is in a parser."""

    def __init__(self) -> None:
        self.circle = self

    def __del__(self) -> None:
        time.sleep(1e-5)


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns, and the collector runs, as often as can be."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(10)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("restless")
def test_a_correct_formula_is_read_whoever_else_reads_one() -> None:
    expected = parse_expression(TEXT, ("a",))
    found: list[Expr | BaseException] = []

    def read(depth: int) -> None:
        if depth:
            return read(depth - 1)  # the parser remembers how deep its thread's stack is
        for _ in range(ROUNDS):
            Garbage()
            try:
                found.append(parse_expression(TEXT, ("a",)))
            except BaseException as error:
                found.append(error)
        return None

    threads = [threading.Thread(target=read, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(found) == THREADS * ROUNDS
    assert [each for each in found if each != expected] == []
