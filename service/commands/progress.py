"""Following a job on the terminal: a bar with step, loss, speed, time left and members."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from lockstep.service.client import Client, Update

SPEED_WINDOW_SECONDS = 5.0
WATCHED = ("loss", "value")
"""The series of which a job has one: trainings a loss, the other kinds a value."""


class _Speed:
    """Steps per second over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, step: int) -> float | None:
        now = time.monotonic()
        self._seen.append((now, step))
        while len(self._seen) > 2 and now - self._seen[1][0] > SPEED_WINDOW_SECONDS:
            self._seen.popleft()
        first_at, first_step = self._seen[0]
        if step == first_step or now - first_at < 0.05:
            return None
        return (step - first_step) / (now - first_at)


class _Field(ProgressColumn):
    """A text that the updates bring."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get(self._name, "")))


def follow(client: Client, job_id: str, console: Console) -> dict[str, Any]:
    """Show a job's progress until it is over; the job as it ended."""
    return show_updates(client.watch(job_id, series=WATCHED), console)


def show_updates(updates: Iterable[Update], console: Console) -> dict[str, Any]:
    """Draw the bar from updates; on a console that is no terminal, a line at each tenth of the way."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        _Field("steps"),
        _Field("loss"),
        _Field("speed"),
        _Field("eta"),
        _Field("members"),
    )
    speed, job, tenth = _Speed(), {}, -1
    with Progress(*columns, console=console, expand=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("queued", total=None)
        for update in updates:
            job = update.job
            fields = fields_of(update, speed.note(job["progress"]["step"]))
            step, steps = job["progress"]["step"], job["progress"]["steps"]
            bar.tasks[0].fields.update(fields)
            bar.update(task, total=steps, completed=step, description=job["status"])
            if not console.is_terminal and int(10 * job["progress"]["fraction"]) > tenth:
                tenth = int(10 * job["progress"]["fraction"])
                console.print(job["status"], *filter(None, fields.values()), soft_wrap=True, highlight=False)
    return job


def fields_of(update: Update, speed: float | None) -> dict[str, str]:
    """What the bar says beside itself; what is not known (yet) is left out, so the last word on it stays."""
    job = update.job
    progress = job["progress"]
    fields = {"steps": f"step {progress['step']:,}/{progress['steps']:,}"}
    for name in WATCHED:
        values = update.history.get(name, {}).get("values", [])
        if values:
            fields["loss"] = f"{name} {float(values[-1]):.4g}"
    if speed is not None:
        fields["speed"] = f"{speed:,.0f} steps/s"
    eta = progress.get("eta_seconds")
    fields["eta"] = "" if eta is None or job["is_terminal"] else f"{duration(eta)} left"
    active = job["workers"]["active"]
    if not job["is_terminal"]:
        fields["members"] = f"{active} worker{'' if active == 1 else 's'}"
    return fields


def duration(seconds: float) -> str:
    """Seconds for people: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
