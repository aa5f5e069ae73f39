"""Tasks and the processes that run them."""

from penstock.worker.current import CurrentJob, current_job
from penstock.worker.errors import (
    AppError,
    ArgumentError,
    ResultError,
    SoftTimeout,
    TaskError,
    UnknownTask,
    WorkerError,
)
from penstock.worker.registry import Registry, load_app
from penstock.worker.task import Task, task

__all__ = [
    "AppError",
    "ArgumentError",
    "CurrentJob",
    "Registry",
    "ResultError",
    "SoftTimeout",
    "Task",
    "TaskError",
    "UnknownTask",
    "WorkerError",
    "current_job",
    "load_app",
    "task",
]
