"""How often a worker looks up from its work."""

from lockstep.worker.pace import STRIDE_SECONDS, CheckpointPace, Stride


def test_a_stride_grows_step_by_step_to_a_twentieth_of_a_second() -> None:
    stride = Stride()
    taken = []
    for _ in range(8):
        taken.append(stride.steps)
        stride.took(stride.steps, stride.steps * 1e-5)

    assert taken[:4] == [1, 8, 64, 512]
    assert taken[-1] == round(STRIDE_SECONDS / 1e-5)


def test_a_step_longer_than_a_stride_is_taken_alone() -> None:
    stride = Stride()

    stride.took(1, 3.0)

    assert stride.steps == 1


def test_a_stride_follows_a_slowdown() -> None:
    stride = Stride()
    for _ in range(8):
        stride.took(stride.steps, stride.steps * 1e-5)

    stride.took(stride.steps, stride.steps * 1e-3)

    assert stride.steps == 50


def test_checkpoints_cost_2_percent_of_the_time() -> None:
    pace = CheckpointPace(checkpoint_seconds=10)
    assert pace.due(0.0)

    pace.saved(100.0, cost_seconds=0.02)

    assert not pace.due(100.99)
    assert pace.due(101.0)


def test_dear_checkpoints_still_come_in_time() -> None:
    pace = CheckpointPace(checkpoint_seconds=10)

    pace.saved(100.0, cost_seconds=1.0)

    assert not pace.due(109.9)
    assert pace.due(110.0)


def test_checkpoints_never_take_more_than_a_fifth() -> None:
    pace = CheckpointPace(checkpoint_seconds=10)

    pace.saved(100.0, cost_seconds=4.0)

    assert not pace.due(119.9)
    assert pace.due(120.0)


def test_only_the_first_checkpoint_is_hurried() -> None:
    pace = CheckpointPace(checkpoint_seconds=10, hurried=True)
    assert pace.hurried

    pace.saved(100.0, cost_seconds=0.01)

    assert not pace.hurried
