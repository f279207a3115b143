"""The two Celery tasks. A task is a doorbell: it wakes the pool child's runner and holds Celery's slot until
the runner finds nothing more to do. What there is to do, the runner asks the database."""

from typing import TYPE_CHECKING, cast

from celery import Task, shared_task

from lockstep.service.bell import TaskName

if TYPE_CHECKING:
    from lockstep.worker.app import WorkerLoader


@shared_task(name="lead", bind=True)
def lead(self: Task[..., None], job_id: str) -> None:
    """A job waits for a lead."""
    _answer(self, "lead", job_id)


@shared_task(name="help", bind=True)
def help_(self: Task[..., None], job_id: str) -> None:
    """A job has an empty seat for a helper."""
    _answer(self, "help", job_id)


def _answer(task: Task[..., None], name: TaskName, job_id: str) -> None:
    cast("WorkerLoader", task.app.loader).child.answer(name, job_id)
