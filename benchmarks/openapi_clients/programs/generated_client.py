"""Run beside the client that openapi-python-client made: four jobs, each awaited, their results read.

Its input is two lines, the service's address and a key.
"""

import sys
import time

from lockstep_client import AuthenticatedClient
from lockstep_client.api.history import read_history
from lockstep_client.api.jobs import create_job, read_job
from lockstep_client.api.weights import predict
from lockstep_client.models import (
    Adam,
    BuiltinData,
    BuiltinDataBuiltin,
    ExpressionModel,
    ExpressionModelParameters,
    History,
    InlineData,
    InlineRows,
    Inputs,
    Job,
    JobStatus,
    LayersModel,
    Linear,
    MinimizeSpec,
    MinimizeSpecStart,
    MinimizeStop,
    Prediction,
    Relu,
    Residual,
    Sgd,
    SolveSpec,
    SolveSpecStart,
    TrainSpec,
    TrainSpecLossType0,
)

JOB_SECONDS = 60.0
PAUSE_SECONDS = 0.1


def main() -> None:
    """Create the jobs, and print what each gives."""
    url, key = sys.stdin.read().split()
    with AuthenticatedClient(base_url=url, token=key) as client:
        layers = finished(client, layers_job())
        assert layers.result.metrics["test_accuracy"] > 0.9, layers.result.metrics
        print(f"layers: test accuracy {layers.result.metrics['test_accuracy']:.3f}")
        answer = predict.sync(layers.id, client=client, body=Inputs(x=[[0.0] * 64, [8.0] * 64]))
        assert isinstance(answer, Prediction), answer
        assert len(answer.labels) == 2, answer
        history = read_history.sync(layers.id, client=client, series="loss")
        assert isinstance(history, History), history
        assert len(history.series["loss"].values) == layers.result.steps, history

        line = finished(client, expression_job())
        learned = line.result.parameters
        assert abs(learned["a"] - 2) < 1e-3, learned
        assert abs(learned["b"] - 4) < 1e-3, learned
        print(f"expression: {learned}")

        least = finished(client, minimize_job())
        assert least.result.reached, least
        assert least.result.value < 1e-3, least
        print(f"minimize: {least.result.value:.3g} at {least.result.parameters}")

        solved = finished(client, solve_job())
        assert solved.result.reached, solved
        assert abs(solved.result.value - 150) < 1e-5, solved
        print(f"solve: {solved.result.value:.6g} at {solved.result.parameters}")


def finished(client: AuthenticatedClient, spec: TrainSpec | MinimizeSpec | SolveSpec) -> Job:
    """The job of `spec`, once it has succeeded."""
    job = create_job.sync(client=client, body=spec)
    assert isinstance(job, Job), job
    deadline = time.monotonic() + JOB_SECONDS
    while not job.is_terminal:
        assert time.monotonic() < deadline, job
        time.sleep(PAUSE_SECONDS)
        job = read_job.sync(job.id, client=client)
        assert isinstance(job, Job), job
    assert job.status == JobStatus.SUCCEEDED, job
    return job


def layers_job() -> TrainSpec:
    """The digits, by layers with a list and a residual among them."""
    inner = [Linear(type_="linear", in_=32, out=32), Relu(type_="relu")]
    return TrainSpec(
        model=LayersModel(
            layers=[
                [Linear(type_="linear", in_=64, out=32), Relu(type_="relu")],
                Residual(type_="residual", layers=inner),
                Linear(type_="linear", in_=32, out=10),
            ]
        ),
        data=BuiltinData(builtin=BuiltinDataBuiltin.DIGITS, test_fraction=0.2, standardize=True),
        loss=TrainSpecLossType0.CROSS_ENTROPY,
        optimizer=Adam(type_="adam", learning_rate=0.01),
        epochs=10,
        batch_size=64,
        seed=1,
    )


def expression_job() -> TrainSpec:
    """A line through two points."""
    return TrainSpec(
        model=ExpressionModel(
            expression="a*x + b", parameters=ExpressionModelParameters.from_dict({"a": 4.0, "b": 1.0})
        ),
        data=InlineData(inline=InlineRows(x=[1.0, 2.0], y=[6.0, 8.0])),
        loss=TrainSpecLossType0.MSE,
        optimizer=Sgd(type_="sgd", learning_rate=0.1),
        epochs=1000,
        batch_size="full",
    )


def minimize_job() -> MinimizeSpec:
    """x² walked downhill."""
    return MinimizeSpec(
        kind="minimize",
        objective="x**2",
        start=MinimizeSpecStart.from_dict({"x": 1.2}),
        optimizer=Sgd(type_="sgd", learning_rate=0.3),
        stop=MinimizeStop(value_below=1e-3),
    )


def solve_job() -> SolveSpec:
    """A formula given the value 150 by one of its two numbers."""
    return SolveSpec(
        kind="solve",
        expression="(2*w + 3*b)*(2*b + 1)",
        start=SolveSpecStart.from_dict({"w": 3.0, "b": 4.0}),
        solve_for=["b"],
        target=150.0,
    )


if __name__ == "__main__":
    main()
