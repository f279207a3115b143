"""What the commands say about the inside of a job, from the JSON that the API answers."""

from __future__ import annotations

import json

import pytest

from lockstep.service.commands.said import (
    brief,
    event_line,
    graph_lines,
    points_table,
    series_row,
    walk_lines,
)


def test_a_series_is_summed_up_from_its_two_buckets() -> None:
    halves = {
        "steps": [0, 99],
        "values": [100.0, 1.0],
        "min": [51.0, 0.5],
        "max": [100.0, 200.0],
        "mean": [75.0, 25.0],
        "count": [50, 50],
    }
    assert series_row("loss", halves) == ("loss", "100", "100", "0.5", "200", "1", "99")
    one = {"steps": [7], "values": ["NaN"]}
    assert series_row("loss", one) == ("loss", "1", "NaN", "-", "-", "NaN", "7")
    empty = {**halves, "min": ["NaN", 1.0], "max": ["NaN", "Infinity"], "values": ["NaN", 1.0]}
    assert series_row("loss", empty)[2:5] == ("NaN", "1", "inf")


def test_points_stand_by_their_steps_and_buckets_with_their_range() -> None:
    columns, rows = points_table(
        {
            "loss": {
                "steps": [0, 9],
                "values": [3.0, 1.0],
                "min": [2.0, 1.0],
                "max": [4.0, 1.5],
                "mean": [3.0, 1.25],
                "count": [5, 5],
            },
            "validation_loss": {"steps": [4, 9], "values": [2.5, "NaN"]},
        }
    )
    assert [column.heading for column in columns] == [
        "step",
        "loss mean",
        "loss least",
        "loss greatest",
        "validation_loss",
    ]
    assert rows == [
        ["0", "3", "2", "4", ""],
        ["4", "", "", "", "2.5"],
        ["9", "1.25", "1", "1.5", "NaN"],
    ]


def test_an_event_is_a_line() -> None:
    event = {
        "created_at": "2026-11-27T10:48:23.123Z",
        "level": "warning",
        "type": "member_left",
        "message": "a worker\nleft",
        "data": {"rank": 1, "reason": None, "hosts": ["a"]},
    }
    assert event_line(event) == "2026-11-27 10:48:23  member_left    warning: a worker\ufffdleft (rank 1)"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-2.5, "-2.5"),
        ("NaN", "NaN"),
        (None, "-"),
        ([1, 2.5], "[1, 2.5]"),
        ([[3, 0, 0], [0, 4, 0]], "2 x 3 numbers, norm 5"),
        ({"shape": [10, 64], "norm": 2.0, "min": -1, "max": 1}, "10 x 64 numbers, norm 2"),
        ([], "[]"),
    ],
)
def test_values_are_told_in_little_room(value: object, said: str) -> None:
    assert brief(value) == said


def test_a_walk_tells_each_step_of_the_chain_rule() -> None:
    walk = {
        "step": 2,
        "sample": 0,
        "loss": 1.25,
        "forward": [
            {"kind": "constant", "name": "2", "formula": None, "value": 2},
            {"kind": "parameter", "name": "a", "formula": None, "value": 3.85},
            {"kind": "op", "name": "r", "formula": "r = ŷ - y", "value": -1.12},
        ],
        "backward": [
            {
                "name": "r",
                "gradient": -2.24,
                "inputs": [
                    {"name": "ŷ", "derivative": {"formula": "∂r/∂ŷ", "value": 1}, "gradient": -2.24},
                    {"name": "y", "derivative": {"formula": "∂r/∂y", "value": None}, "gradient": 2.24},
                ],
            }
        ],
        "gradients": {"a": -2.24},
    }
    assert list(walk_lines(walk)) == [
        "step 2, row 0, loss 1.25",
        "forward",
        "  a = 3.85",
        "  r = ŷ - y = -1.12",
        "back",
        "  r: -2.24 comes in",
        "    to ŷ: ∂r/∂ŷ = 1; -2.24 goes on",
        "    to y: ∂r/∂y; 2.24 goes on",
        "gradients",
        "  a: -2.24",
    ]


def test_a_graph_is_told_in_the_order_of_its_computing() -> None:
    nodes = [
        {"id": 0, "kind": "data", "op": "input", "name": "x", "shape": [64], "inputs": []},
        {
            "id": 1,
            "kind": "op",
            "op": "relu",
            "name": "1",
            "shape": [64],
            "inputs": [0],
            "value": 2,
            "gradient": None,
        },
    ]
    assert list(graph_lines(json.dumps({"nodes": nodes}).encode())) == [
        "   0 x [64]: data",
        "   1 1 [64]: relu of 0 x; value 2",
    ]
