"""Of each aim it is said whether it is reached, by the median of the rounds' ratios."""

from benchmarks.core.aims import aims, fastest_of
from benchmarks.core.race import Result
from benchmarks.core.workloads import EPOCHS_OF_ORDERS, WORKLOADS, OptimizerName


def result(workload: str, optimizer: OptimizerName, **rates: list[float]) -> Result:
    return Result(
        workload=WORKLOADS[workload],
        optimizer=optimizer,
        rates={name.replace("_", "-"): rate for name, rate in rates.items()},
        first_seconds={},
        versions={},
        failures={},
    )


def test_an_aim_is_reached_or_missed() -> None:
    races = [
        result("digits", "sgd", lockstep=[48, 50, 49], floor=[100, 100, 90], jax_scan=[60, 60, 60]),
        result(
            "mlp784", "adam", lockstep=[60, 61, 62], floor=[75, 74, 76], jax=[50, 50, 50], torch=[70, 70, 71]
        ),
    ]

    lines = aims(races, {"mlp1024": {"spec": 10.0, "step": 30.0}, "line": {"step": 0.5}})

    assert lines == [
        "reached: digits sgd, 0.5 of the floor (aim 0.48)",
        "reached: digits sgd, 0.817 of jax-scan (aim 0.8)",
        "**missed**: mlp784 adam, 0.816 of the floor (aim 0.82)",
        "**missed**: mlp784 adam, 0.871 of the fastest, torch (aim 0.97)",
        "**missed**: mlp1024, first update after 40 ms (aim 20)",
        "reached: line, first update after 0.5 ms (aim 20)",
    ]


def test_the_fastest_is_among_those_who_take_part() -> None:
    race = result("line", "sgd", lockstep=[3], jax=[1, 2, 3], jax_scan=[9, 9, 1])

    assert fastest_of(race, ("jax", "jax-scan", "torch")) == "jax-scan"
    assert fastest_of(race, ("torch",)) is None


def test_an_order_goes_over_all_rows_in_each_epoch() -> None:
    workload = WORKLOADS["batches"]
    order = workload.order()
    assert order is not None

    epochs = order.reshape(EPOCHS_OF_ORDERS, -1)

    assert all(sorted(epoch) == list(range(workload.rows * workload.batches)) for epoch in epochs.tolist())
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == EPOCHS_OF_ORDERS
    assert WORKLOADS["digits"].order() is None
