"""Which function reads the arguments of which command, and lines as people type them."""

from collections.abc import Callable
from typing import Final

from penstock.protocol import connection_arguments as connection
from penstock.protocol import job_arguments as job
from penstock.protocol import list_arguments as lists
from penstock.protocol import queue_arguments as queue
from penstock.protocol import submit_arguments as submit
from penstock.protocol import worker_arguments as worker
from penstock.protocol.commands import find_command
from penstock.protocol.inline import split_inline

READERS: Final[dict[str, Callable[[list[bytes]], object]]] = {
    "JOB.SUBMIT": submit.parse_submit,
    "JOB.CALL": submit.parse_call,
    "JOB.WAIT": job.parse_wait,
    "JOB.SHOW": job.parse_job_id,
    "JOB.CANCEL": job.parse_cancel,
    "JOB.LIST": lists.parse_list,
    "JOB.REDRIVE": lists.parse_redrive,
    "JOB.DISCARD": lists.parse_discard,
    "JOB.CLAIM": worker.parse_claim,
    "JOB.COMPLETE": worker.parse_complete,
    "JOB.FAIL": worker.parse_fail,
    "JOB.EXTEND": worker.parse_extend,
    "JOB.RELEASE": worker.parse_lease,
    "JOB.PROGRESS": worker.parse_progress,
    "JOB.OUTPUT": worker.parse_output,
    "QUEUE.SHOW": queue.parse_queue_name,
    "QUEUE.PAUSE": queue.parse_queue_name,
    "QUEUE.RESUME": queue.parse_queue_name,
    "QUEUE.PURGE": queue.parse_queue_name,
    "QUEUE.PEEK": queue.parse_peek,
    "QUEUE.SET": queue.parse_queue_set,
    "QUEUE.DELETE": queue.parse_delete,
    "HELLO": connection.parse_hello,
    "AUTH": connection.parse_auth,
    "SELECT": connection.parse_select,
    "CLIENT|SETNAME": lambda arguments: connection.read_client_name(arguments[2]),
}


def words(line: str) -> list[bytes]:
    split = split_inline(line.encode())
    assert split is not None
    return split


def read(line: str) -> object:
    """Read a line as the server does: by the command table, then by the command's reader."""
    arguments = words(line)
    return READERS[find_command(arguments).name](arguments)
