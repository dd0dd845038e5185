"""Every error that Holdfast raises, one small tree. Each message says what happened and what to do next."""

from __future__ import annotations


class HoldfastError(Exception):
    """The root: catch it to catch everything that Holdfast raises on purpose."""


# --- what the program declares ------------------------------------------------------------------------------


class ConfigurationError(HoldfastError):
    """The program is put together in a way that can't work; raised where it is declared."""


class InvalidTask(ConfigurationError):
    """A handler's signature can't be stored and decoded, or its name can't be used."""


class DuplicateTask(ConfigurationError):
    """Two tasks, routers or queues claim one name, or a task was declared too late."""


class InvalidUrl(ConfigurationError):
    """The database's address can't be understood."""


class MissingDependency(ConfigurationError):
    """An optional package is needed for what was asked; the message names the extra to install."""


class AppNotFound(ConfigurationError):
    """The application named on the command line can't be imported."""


class InvalidMiddleware(ConfigurationError):
    """A middleware did what it may not do where it runs, such as awaiting something in an enqueue."""


# --- what a caller passes ------------------------------------------------------------------------------------


class InvalidOption(HoldfastError, ValueError):
    """An option has a value that makes no sense: a priority out of range, a negative delay."""


class InvalidArguments(HoldfastError, TypeError):
    """Arguments that don't fit the task's signature or can't be stored; names the path of the offending value."""


class PayloadTooLarge(InvalidArguments):
    """Arguments, a result or metadata over the size limit; names both sizes."""


class InvalidResult(HoldfastError, TypeError):
    """A handler returned what can't be stored."""


class UnknownTask(HoldfastError, LookupError):
    """No task of that name is declared here."""


class ScheduleNotFound(HoldfastError, LookupError):
    """No schedule of that name is stored; those of code are stored when a worker starts."""


# --- jobs ----------------------------------------------------------------------------------------------------


class JobError(HoldfastError):
    """Something about one job."""


class JobNotFound(JobError, LookupError):
    """No job has that id: it never existed, was deleted, or its retention has passed."""


class JobExists(JobError):
    """A job with that id, or with that unique key, exists already, and was left as it is.

    Attributes:
        existing: the id of that job, where it was the unique key that was taken.
    """

    def __init__(self, message: str, *, existing: str | None = None) -> None:
        super().__init__(message)
        self.existing = existing


class WrongState(JobError):
    """The job's state doesn't allow the change, such as deleting a running job."""


class JobFailed(JobError):
    """The job whose result was asked for has failed; carries its reason and last error."""

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class JobCancelled(JobError):
    """The job whose result was asked for was cancelled."""


class ResultTimeout(JobError, TimeoutError):
    """The job had not ended when the time given for its result was over; it goes on."""


class ResultNotKept(JobError):
    """The job has succeeded, but its result was not kept (a retention policy says so)."""


class LeaseLost(JobError):
    """The run is no longer the current one of its job: what it wanted to write was refused."""


class NotCommitted(JobError):
    """The handler returned, but the transaction in which its run was to succeed was rolled back."""


class NoCurrentJob(HoldfastError, LookupError):
    """The context of a run was asked for outside of a run."""


# --- the store -----------------------------------------------------------------------------------------------


class StoreError(HoldfastError):
    """The database could not do what was asked."""


class StoreUnavailable(StoreError):
    """The database can't be reached now; the same call may succeed later."""


class StoreLocked(StoreUnavailable):
    """Another connection holds a lock for too long."""


class StoreReadOnly(StoreError):
    """The database can be read and not written."""


class StoreFull(StoreUnavailable):
    """The disk is full."""


class StoreCorrupt(StoreError):
    """The database file is damaged, or isn't a database."""


class StoreForked(StoreError):
    """The process was forked after the store was opened; the child must open its own."""


class StoreClosed(StoreError):
    """The application was closed."""


class SchemaMismatch(StoreError):
    """The schema is missing, older or newer than this version needs; names the command that mends it."""


class StoreMoved(StoreError):
    """The jobs have been moved to another database, or a move into this one has not ended: nothing was written."""


class MoveRefused(StoreError):
    """A move between databases can't begin, go on or end as things are; names what to do first."""


class InvalidTransaction(StoreError):
    """What was given as `tx` can't carry Holdfast's statements."""
