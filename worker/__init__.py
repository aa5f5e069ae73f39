"""Tasks and the processes that run them."""

from penstock.client.event import Event
from penstock.worker.current import CurrentJob, current_job
from penstock.worker.endings import Cancel, Dead, Retry, Snooze
from penstock.worker.errors import (
    AppError,
    ArgumentError,
    Cancelled,
    ResultError,
    SoftTimeout,
    TaskError,
    UnknownTask,
    WorkerError,
)
from penstock.worker.handler import Handler, on
from penstock.worker.registry import Registry, load_app
from penstock.worker.retries import Retries
from penstock.worker.task import Task, task

__all__ = [
    "AppError",
    "ArgumentError",
    "Cancel",
    "Cancelled",
    "CurrentJob",
    "Dead",
    "Event",
    "Handler",
    "Registry",
    "ResultError",
    "Retries",
    "Retry",
    "Snooze",
    "SoftTimeout",
    "Task",
    "TaskError",
    "UnknownTask",
    "WorkerError",
    "current_job",
    "load_app",
    "on",
    "task",
]
