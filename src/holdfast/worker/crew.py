"""The parts of one worker, put together, and what they tell each other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import StoreClosed
from holdfast.core.outcomes import Interrupted, Outcome, Raised, Succeeded
from holdfast.core.policy import DEFAULT
from holdfast.core.times import SECOND
from holdfast.store.verbs.queues import stored_settings
from holdfast.store.verbs.workers import unregister
from holdfast.worker.capacity import Capacity
from holdfast.worker.claimer import Claimer, ClaimerOptions
from holdfast.worker.clock import Clock
from holdfast.worker.decide import decide
from holdfast.worker.handlers import Handler
from holdfast.worker.heartbeat import Heartbeat
from holdfast.worker.identity import worker_row
from holdfast.worker.life import Life
from holdfast.worker.logs import RunLog
from holdfast.worker.loop import LoopExecutor
from holdfast.worker.maintenance import Maintenance
from holdfast.worker.placing import Placer
from holdfast.worker.policies import Policies
from holdfast.worker.processes import ProcessExecutor
from holdfast.worker.progress import ProgressKeeper
from holdfast.worker.runner import Runner
from holdfast.worker.runs import Lease, Run, Will
from holdfast.worker.scheduler import Scheduler
from holdfast.worker.settler import Settler
from holdfast.worker.threads import ThreadExecutor

if TYPE_CHECKING:
    import asyncio
    import contextvars

    from holdfast.client.client import Client
    from holdfast.client.task import Task
    from holdfast.core.job import Claimed, Settlement
    from holdfast.store.statement import Wake
    from holdfast.worker.executor import Executor
    from holdfast.worker.here import Here
    from holdfast.worker.observers import Observers
    from holdfast.worker.options import WorkerOptions
    from holdfast.worker.stop import Stop

logger = logging.getLogger("holdfast.worker")


class Crew:
    """Everything that works while a worker does.

    Args:
        client: of the app.
        options: of the worker.
        tasks: those served.
        stop: how the worker is asked to end.
        observers: told what happens.
        here: the thread that plain functions run in; None takes threads of its own.
    """

    def __init__(
        self,
        client: Client,
        options: WorkerOptions,
        tasks: Sequence[Task[Any, Any]],
        stop: Stop,
        observers: Observers,
        here: Here | None = None,
    ) -> None:
        self.client = client
        self.state: Any = None
        self._options = options
        self._tasks = tasks
        self._stop = stop
        self._observers = observers
        self._here = here
        self._store = store = client.store
        self.clock = Clock(store.now())
        self.life = Life(self, self.new_id())
        self._journals = [self.life.journal]
        self._log = RunLog(client.logger)
        self._policies = Policies(client.registry)
        self._placer = Placer(client.registry, self._policies.fifo)
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._proof = ExitStack()
        """That the present life lives."""
        self._channels = ExitStack()
        self.runner = Runner(client.registry, self.clock, observers, tasks)
        self.settler = Settler(
            self._channel("settler"), self.clock, self._log, observers, self._after_flush, self.failed
        )
        self.progress_keeper = ProgressKeeper(store, self._progress_refused)
        self.loop_executor = LoopExecutor(
            options.concurrency, self.runner, self.settler.report, self._ring, options.cancel_grace / SECOND
        )
        self.executors = self._make_executors()
        self.claimer = claimer = self._make_claimer()
        self.runner.halted = lambda: claimer.halted
        # Two parts that seldom have something to do share a connection.
        quiet = self._channel("maintenance")
        self.maintenance = Maintenance(self, store, quiet, self._policies, options)
        self.scheduler = Scheduler(self, client, store, quiet)
        self.heartbeat = Heartbeat(
            self,
            store,
            self._channel("heartbeat"),
            self.clock,
            options.beat_interval,
            options.lease / SECOND,
            lambda worker: worker_row(worker, client.registry, tasks, options),
            self.maintenance.found_dead,
        )

    def _make_executors(self) -> dict[str, Executor]:
        """One for each kind of handler that is served."""
        options = self._options
        grace = options.cancel_grace / SECOND
        report = self.settler.report
        made: dict[str, Executor] = {}
        for kind in sorted({task.kind for task in self._tasks}):
            match kind:
                case "async":
                    made[kind] = self.loop_executor
                case "thread" if self._here is not None:
                    made[kind] = self._here.executor(self.runner, report, self._ring, grace)
                case "thread":
                    made[kind] = ThreadExecutor(options.threads, self.runner, report, self._ring, grace)
                case _:
                    made[kind] = ProcessExecutor(
                        options.process_slots, self.runner, report, self._ring, grace
                    )
        return made

    def _make_claimer(self) -> Claimer:
        options, registry = self._options, self.client.registry
        executors = list(self.executors.values())
        kinds = {kind: [task.name for task in self._tasks if task.kind == kind] for kind in self.executors}
        served = [
            queue for queue in registry.queues() if options.queues is None or queue.name in options.queues
        ]
        polls = [queue.poll_interval for queue in served if queue.poll_interval is not None]
        settings = ClaimerOptions(
            tasks=kinds,
            queues=options.queues,
            limits={queue.name: queue.concurrency for queue in served if queue.concurrency is not None},
            poll=min([options.poll_interval, *polls]) / SECOND,
            marks=self._store.wants_marks,
            audience=self._store.wants_audience,
            apart=frozenset(task.name for task in self._tasks if task.transactional),
            place=self._placer.place,
            ages=self._policies.ages,
            learn=self._placer.learn,
            burst=options.burst,
            max_jobs=options.max_jobs,
        )
        return Claimer(self, self._channel("claimer"), executors, Capacity(executors), settings)

    def _channel(self, name: str) -> Any:
        channel = self._store.channel(name)
        self._channels.callback(channel.close)
        return channel

    # --- beginning and ending ---

    def use_loop(self, loop: asyncio.AbstractEventLoop, context: contextvars.Context | None) -> None:
        """Run async handlers on this loop."""
        self.runner.loop = loop
        self.loop_executor.start(loop, context)

    def begin(self, state: Any) -> None:
        """Register, then start to work.

        Raises:
            StoreError: the store can't be used.
        """
        self.state = state
        self._proof.enter_context(self._store.proof_of_life(self.life.id))
        # Before the first claim: which queues are FIFO queues, and where their dead letters go.
        self._policies.learn(self._store.read(stored_settings))
        self.settler.start()
        self.heartbeat.begin()
        self.maintenance.start()
        self.scheduler.start()
        self.claimer.start()

    def hear(self, wake: Wake) -> None:
        """News from the store."""
        self.claimer.hear(wake)
        self.heartbeat.hear(wake)
        self.scheduler.hear(wake)

    def in_hand(self) -> bool:
        """True while something is claimed and not settled, or still runs, or a claim may still bring something."""
        return (
            self.claimer.working
            or bool(self.life.leases)
            or any(executor.active() for executor in self.executors.values())
        )

    def withdraw(self) -> None:
        """Give back all that has not started."""
        for executor in self.executors.values():
            for run in executor.withdraw(inf):
                self.report(run, Interrupted(started=False))

    def leave(self) -> None:
        """Take leave of the others: the worker's row goes, so that nobody waits for its beats."""
        self.heartbeat.stop()
        try:
            self._store.write(unregister, self.life.id)
        except Exception as error:
            logger.warning("worker %s could not take leave, and will be found dead: %s", self.life.id, error)

    def close(self) -> None:
        """End the threads and the ways to the store."""
        self.claimer.join(5)
        self.scheduler.stop()
        self.maintenance.stop()
        self.progress_keeper.stop()
        for executor in self.executors.values():
            executor.close()
        self._channels.close()
        self._proof.close()
        for journal in self._journals:
            journal.remove()

    # --- what contexts ask ---

    @property
    def shutdown_deadline(self) -> int | None:
        return None if self._stop.by == inf else self.clock.at(self._stop.by)

    def success(self, job: Claimed, result: str) -> Settlement:
        return decide(job, Succeeded(result), self._policies.of(job), self.clock.now())

    def progress(self, worker: str, job: Claimed, percent: int, message: str | None) -> None:
        self.progress_keeper.say(worker, job, percent, message)

    # --- what the claimer asks and tells ---

    def new_id(self) -> str:
        from holdfast.client.clock import ids

        return ids.next()

    def now(self) -> int:
        return self._store.now()

    def unsettled(self) -> int:
        return self.settler.waiting()

    def report(self, run: Run, outcome: Outcome) -> None:
        self.settler.report(run, outcome)

    def new_run(self, job: Claimed, lease: Lease, claimed_at: float) -> Run | None:
        key = (job.task, job.queue)
        handler = self._handlers.get(key)
        try:
            if handler is None:
                handler = self._handlers[key] = self.runner.handler(*key)
            return Run(job, lease, handler, self._policies.of(job), claimed_at)
        except Exception as error:  # what was stored doesn't decode, or a middleware can't be put around it
            logger.exception("job %s (%s) can't be run", job.job_id, job.task)
            broken = Handler(self._tasks[0], None, on_loop=False)
            self.report(Run(job, lease, broken, DEFAULT, claimed_at), Raised(error))
            return None

    def may_claim(self, now: float) -> bool:
        # Nobody declares a worker dead before it was silent for the whole lease.
        return now < self.heartbeat.confirmed_at + self._options.lease / SECOND / 2

    @property
    def dead_are_known(self) -> bool:
        # And what was due at the start has been fired: a burst ends with that.
        return self.maintenance.has_rescued and self.scheduler.has_looked

    def idle(self) -> None:
        self._observers.idle()

    def drained(self) -> None:
        self._stop.ask(inf)

    def used_up(self) -> None:
        self._stop.ask(inf, renew=True)

    def claims_ended(self) -> None:
        self._stop.ring()

    def failed(self, error: BaseException) -> None:
        self._stop.fail(error)

    def trouble(self, error: BaseException) -> None:
        if self._observers:
            self._observers.trouble(error)

    # --- what the heartbeat tells ---

    def declared_dead(self) -> None:
        """Go on under a new identity: the old one's jobs are others' now."""
        old = self.life
        old.ended = True
        fresh = Life(self, self.new_id())
        # The old one stays until the end: others may be reading it.
        self._journals.append(fresh.journal)
        proof = ExitStack()
        proof.enter_context(self._store.proof_of_life(fresh.id))
        self.life = fresh
        self._proof.close()
        self._proof = proof
        for run in old.runs():
            self.lose(run)
        self.claimer.ring()

    def cancel(self, run: Run) -> None:
        self.executors[run.handler.kind].end(run, Will.CANCEL)

    def lose(self, run: Run) -> None:
        if run.will is not Will.LOST:
            self.executors[run.handler.kind].end(run, Will.LOST)

    def look_after(self) -> None:
        """From time to time."""
        if self.client.closed:
            self.failed(StoreClosed("the application was closed while its worker was at work"))
        self.loop_executor.sweep()

    def used_memory(self, used: int | None) -> None:
        most = self._options.max_memory
        if most is not None and used is not None and used > most and not self._stop.asked:
            logger.warning("%d MB of memory are more than the %d MB allowed; ending", used >> 20, most >> 20)
            self._stop.ask(monotonic() + self._options.shutdown_timeout / SECOND, renew=True)

    # --- what others tell ---

    def looked(self) -> None:
        if self._options.burst:
            self.claimer.ring()

    def rescued(self, settlements: Sequence[Settlement]) -> None:
        self._log.settled("", settlements)
        self._observers.rescued(settlements)
        if self._options.burst:
            self.claimer.ring()

    def given_up(self, settlements: Sequence[Settlement]) -> None:
        self._observers.given_up(settlements)

    def committing(self, settlements: Sequence[Settlement]) -> AbstractContextManager[object]:
        return self._observers.committing(settlements)

    def _progress_refused(self, lease: str, job_id: str) -> None:
        for run in self.life.runs():
            if run.job.lease == lease and run.job.job_id == job_id:
                self.heartbeat.ring()

    def _after_flush(self) -> None:
        if self._stop.asked or not self.life.leases or self.claimer.minds_settlements:
            self.claimer.ring()
        if self._stop.asked:
            self._stop.ring()

    def _ring(self) -> None:
        self.claimer.ring()
        if self._stop.asked:
            self._stop.ring()
