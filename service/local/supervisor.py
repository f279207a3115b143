"""The supervisor: starts broker, API and workers, keeps them alive, and ends them all.

It has one thread and does nothing but wait. All state is in the database; a supervisor that is
killed takes its children with it, and the next one goes on from the same data directory.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from lockstep.service.local.broker import EmbeddedBroker
from lockstep.service.local.child import MAX_DELAY_SECONDS, Child, Program
from lockstep.service.local.claims import evict_all_but, session_of
from lockstep.service.local.commands import module_command, worker_command
from lockstep.service.local.directory import DataDirectory, DirectoryLock, write_whole
from lockstep.service.local.errors import LocalError
from lockstep.service.local.frozen import FrozenWriter
from lockstep.service.local.ports import HOST, command_of, listen
from lockstep.service.local.signals import Signals
from lockstep.service.runtime import NoFolder, RuntimeFolder, sweep
from lockstep.service.settings import ENV_FILE_VARIABLE
from lockstep.service.store.migrating import migrate
from lockstep.service.store.space import NotRewritten, make_shrinkable

logger = logging.getLogger(__name__)

START_SECONDS = 60.0  # to the first answer; a cold disk and one busy core included
WORKERS_STOP_SECONDS = 9.0  # a step, a checkpoint and the release of a claim fit into it many times
API_STOP_SECONDS = 3.0
BROKER_STOP_SECONDS = 1.0
GIVE_UP_RESTARTS = 3  # of the API before it has ever answered


@dataclass(frozen=True, kw_only=True)
class LocalOptions:
    """What `lockstep up` was asked for."""

    directory: DataDirectory
    workers: int = 2
    port: int | None = None
    api_key: str | None = None
    root_path: str = ""


class Supervisor:
    """One local service, from its start to its clean end."""

    def __init__(self, options: LocalOptions) -> None:
        self._options = options
        self._directory = options.directory
        self._children: dict[str, Child] = {}
        self._on_trouble: Callable[[str], None] = logger.error
        self._ready = False
        self._frozen = FrozenWriter(options.directory.database_path)
        self._told_of: int | None = None
        self._has_dead = False
        self.url = ""
        self.api_key = ""

    def run(self, on_ready: Callable[[], None], on_trouble: Callable[[str], None]) -> None:
        """Serve until SIGTERM, SIGINT or SIGHUP.

        `on_ready` is called once, when the service answers; `on_trouble` with what somebody should know.
        """
        self._on_trouble = on_trouble
        self._directory.create()
        lock = DirectoryLock(self._directory)
        lock.acquire()
        try:
            with Signals() as signals:
                self._serve(signals, on_ready)
        finally:
            lock.release()

    def _serve(self, signals: Signals, on_ready: Callable[[], None]) -> None:
        self._directory.url_path.unlink(missing_ok=True)  # a killed predecessor's
        listener = listen(self._options.port)
        port = listener.getsockname()[1]
        self.url = f"http://{HOST}:{port}{self._options.root_path}"
        self.api_key = self._directory.ensure_key(self._options.api_key)
        sweep()
        folder = _runtime_folder()
        broker = EmbeddedBroker(folder=folder.path)
        try:
            self._prepare_database()
            self._start(broker, listener)
            if self._wait_until_ready(signals, port):
                write_whole(self._directory.broker_url_path, broker.url + "\n", mode=0o600)
                write_whole(self._directory.url_path, self.url + "\n")
                self._ready = True
                on_ready()
                self._watch(signals)
        finally:
            self._directory.url_path.unlink(missing_ok=True)
            self._directory.broker_url_path.unlink(missing_ok=True)
            listener.close()
            self._stop(signals)
            folder.remove()
            sweep()  # a worker that had to be killed left its folder

    def _prepare_database(self) -> None:
        """Make the tables, and free the jobs that a predecessor was killed with."""
        try:
            migrate(self._directory.database_url)
            self._let_the_file_shrink()
            evict_all_but(self._directory.database_url, sessions=())
        except SQLAlchemyError as error:
            path = self._directory.database_path
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise LocalError(f"the database {path} cannot be used: {reason}") from error

    def _let_the_file_shrink(self) -> None:
        """A database of a version before is written anew, once; where that fails it serves as it is."""
        try:
            make_shrinkable(self._directory.database_path)
        except NotRewritten as error:
            logger.warning("action=rewrite_failed error=%s", error)

    def _start(self, broker: EmbeddedBroker, listener: socket.socket) -> None:
        descriptor = listener.fileno()
        serve = module_command("lockstep.service.local.serve", str(descriptor))
        programs = [
            self._program("broker", broker, broker.command()),
            self._program("api", broker, serve, descriptor),
            *(
                self._program(f"worker-{number}", broker, worker_command())
                for number in range(1, self._options.workers + 1)
            ),
        ]
        for program in programs:
            on_death = self._note_death if program.name.startswith("worker") else None
            child = Child(program=program, on_death=on_death, on_failing=self._tell_of)
            child.start()
            self._children[program.name] = child

    def _program(self, name: str, broker: EmbeddedBroker, command: list[str], *inherit: int) -> Program:
        """A child's program. It takes the variables of this process, and nothing from a .env, a cluster's."""
        environment = {
            **os.environ,
            ENV_FILE_VARIABLE: "",
            "PYTHONUNBUFFERED": "1",
            "LOCKSTEP_DATABASE_URL": self._directory.database_url,
            "LOCKSTEP_BROKER_URL": broker.url,
            "LOCKSTEP_API_KEY": self.api_key,
            "LOCKSTEP_HOST": HOST,
            "LOCKSTEP_GROUP_HOST": HOST,
        }
        log = self._directory.logs_path / f"{name}.log"
        return Program(name=name, command=command, environment=environment, log_path=log, inherit=inherit)

    def _tell_of(self, child: Child) -> None:
        if child.program.name == "api" and not self._ready:
            return  # see _wait_until_ready
        self._on_trouble(
            f"{child.program.name} does not stay up: it died {child.deaths} times in a row, and is tried "
            f"again, each time after a longer pause, of {MAX_DELAY_SECONDS:.0f} s at most; "
            f"its log ({child.program.log_path}) ends with:\n{child.log_tail()}"
        )

    def _note_death(self) -> None:
        sweep()
        self._has_dead = True

    def _clean_up_after_the_dead(self) -> None:
        """Free the jobs of a worker whose main process died, without waiting for the lease's end."""
        self._has_dead = False
        try:
            living = {child.pid for child in self._children.values() if child.pid is not None}
            evict_all_but(self._directory.database_url, living)
        except Exception:
            # The supervisor must go on whatever the database does; the lease's end frees the jobs as well.
            logger.exception("action=evict_failed")

    def _wait_until_ready(self, signals: Signals, port: int) -> bool:
        """True once the API answers; False when a signal came first; LocalError when it never does."""
        deadline = time.monotonic() + START_SECONDS
        api = self._children["api"]
        while not signals.stops:
            self._tend()
            if api.process is not None and _answers(port):
                return True
            if api.restarts >= GIVE_UP_RESTARTS or time.monotonic() > deadline:
                raise LocalError(
                    f"the API does not start; its log ({api.program.log_path}) ends with:\n{api.log_tail()}"
                )
            signals.wait(0.05)
        return False

    def _watch(self, signals: Signals) -> None:
        while not signals.stops:
            signals.wait(0.5)
            self._tend()

    def _tend(self) -> None:
        for child in self._children.values():
            child.tend()
        frozen = self._frozen.look()
        if frozen is not None:
            self._free_database_from(frozen)
        # This thread would wait for a frozen writer with all the others, and nobody would end it.
        if self._has_dead and not self._frozen.suspects:
            self._clean_up_after_the_dead()

    def _free_database_from(self, pid: int) -> None:
        """End a process of ours that is frozen inside a write transaction; of another's only tell."""
        session = session_of(pid)
        mine = next((name for name, child in self._children.items() if child.pid == session), None)
        if mine is not None:
            logger.warning("action=kill child=%s pid=%d reason=frozen_writer", mine, pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._on_trouble(f"a process of {mine} (pid {pid}) was frozen while it wrote, and was ended")
        elif pid != self._told_of:
            self._told_of = pid
            self._on_trouble(
                f"pid {pid} ({command_of(pid)}) is frozen inside a write transaction of "
                f"{self._directory.database_path}, and everything waits for it: let it go on, or end it"
            )

    def _stop(self, signals: Signals) -> None:
        """Workers and API at once, the broker last; a second signal ends the patience."""
        last = self._children.pop("broker", None)
        now = time.monotonic()
        for child in self._children.values():
            child.terminate()
        for name, child in self._children.items():
            seconds = API_STOP_SECONDS if name == "api" else WORKERS_STOP_SECONDS
            _await_end(child, now + seconds, signals)
        if last is not None:
            last.terminate()
            last.wait(time.monotonic() + BROKER_STOP_SECONDS)


def _runtime_folder() -> RuntimeFolder:
    try:
        return RuntimeFolder.make()
    except NoFolder as error:
        raise LocalError(str(error)) from error


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _await_end(child: Child, deadline: float, signals: Signals) -> None:
    """Wait for a child's end, less patiently after another signal."""
    asked = signals.stops
    while child.process is not None and child.process.poll() is None and time.monotonic() < deadline:
        signals.wait(min(0.1, max(0.0, deadline - time.monotonic())))
        if signals.stops > asked:
            break
    child.wait(time.monotonic())
