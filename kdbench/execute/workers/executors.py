"""Where jobs run. An executor is one method: `map(jobs)`, what is said of them as it comes."""

import selectors
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

from kdbench.execute.workers.job import Answer, Job, run_job
from kdbench.execute.workers.messages import Failure, Progress
from kdbench.execute.workers.process import WorkerProcess, close_all


class Executor(Protocol):
    """Runs jobs, at most `workers` of them at once."""

    @property
    def workers(self) -> int: ...

    def map(
        self, jobs: Sequence[Job[Answer]], at_once: int | None = None
    ) -> Iterator[tuple[int, Progress | Answer | Failure]]:
        """What is said of every job, as it comes, with the job's position in `jobs`.

        The last that is said of a job is its answer or its failure. At most `at_once` jobs run at a time, where that
        is fewer than the workers.
        """
        ...

    def close(self) -> None:
        """End the processes that it keeps."""
        ...


class Subprocesses:
    """At most `workers` processes that each run job after job; one that dies fails its job alone.

    Processes are kept from one `map` to the next, since importing torch takes them seconds; but for those of jobs that
    ask for a process of their own.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._idle: list[WorkerProcess] = []

    def map(
        self, jobs: Sequence[Job[Answer]], at_once: int | None = None
    ) -> Iterator[tuple[int, Progress | Answer | Failure]]:
        waiting = deque(enumerate(jobs))
        busy: dict[int, WorkerProcess] = {}
        most = min(self.workers, at_once or self.workers)
        with selectors.DefaultSelector() as selector:

            def begin(position: int, job: Job[Answer]) -> None:
                worker = WorkerProcess(job.own_process) if job.own_process else self._idle_or_new()
                worker.take(job, position)
                busy[worker.fileno] = worker
                selector.register(worker.fileno, selectors.EVENT_READ)

            def end(worker: WorkerProcess) -> None:
                selector.unregister(worker.fileno)
                del busy[worker.fileno]
                self._keep_or_close(worker)

            try:
                while waiting or busy:
                    while waiting and len(busy) < most:
                        begin(*waiting.popleft())
                    heard = [
                        busy[key.fd] for key, _ in selector.select(min(worker.seconds_left for worker in busy.values()))
                    ]
                    late = [worker for worker in busy.values() if worker.seconds_left == 0 and worker not in heard]
                    for worker in heard:
                        for said in worker.hear():
                            if not isinstance(said, Progress):
                                end(worker)
                            yield worker.position, said
                    for worker in late:
                        said = worker.end_late()
                        end(worker)
                        yield worker.position, said
            finally:
                close_all(busy.values())  # the caller left before the end: nobody hears what they say

    def _idle_or_new(self) -> WorkerProcess:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            worker.close()  # it died while it had nothing to do: only its pipes are left
        return WorkerProcess()

    def _keep_or_close(self, worker: WorkerProcess) -> None:
        if worker.reusable:
            self._idle.append(worker)
        else:
            worker.close()

    def close(self) -> None:
        close_all(self._idle)
        self._idle = []


class Inline:
    """In this process, one after the other: the debugger's. Jobs that ask for a process of their own get one."""

    workers = 1

    def __init__(self) -> None:
        self._processes = Subprocesses(1)

    def map(
        self,
        jobs: Sequence[Job[Answer]],
        at_once: int | None = None,  # noqa: ARG002
    ) -> Iterator[tuple[int, Progress | Answer | Failure]]:
        for position, job in enumerate(jobs):
            if job.own_process:
                yield from ((position, said) for _, said in self._processes.map([job]))
            else:
                yield from ((position, said) for said in run_job(job))

    def close(self) -> None:
        self._processes.close()
