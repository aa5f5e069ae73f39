"""What carries out each command of the table, by the command's name."""

from collections.abc import Mapping
from typing import Final

from penstock.server.connection_commands import CONNECTION_HANDLERS
from penstock.server.job_commands import JOB_HANDLERS
from penstock.server.queue_commands import QUEUE_HANDLERS
from penstock.server.selection_commands import SELECTION_HANDLERS
from penstock.server.session import Handler
from penstock.server.submit_commands import SUBMIT_HANDLERS
from penstock.server.transaction_commands import TRANSACTION_HANDLERS
from penstock.server.worker_commands import WORKER_HANDLERS

HANDLERS: Final[Mapping[str, Handler]] = {
    **SUBMIT_HANDLERS,
    **JOB_HANDLERS,
    **SELECTION_HANDLERS,
    **WORKER_HANDLERS,
    **QUEUE_HANDLERS,
    **TRANSACTION_HANDLERS,
    **CONNECTION_HANDLERS,
}
