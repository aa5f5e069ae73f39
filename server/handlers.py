"""What carries out each command of the table, by the command's name."""

from collections.abc import Mapping
from typing import Final

from penstock.server.connection_commands import CONNECTION_HANDLERS
from penstock.server.cron_commands import CRON_HANDLERS
from penstock.server.group_commands import GROUP_HANDLERS
from penstock.server.job_commands import JOB_HANDLERS
from penstock.server.key_commands import KEY_HANDLERS
from penstock.server.pending_commands import PENDING_HANDLERS
from penstock.server.queue_commands import QUEUE_HANDLERS
from penstock.server.reading_commands import READING_HANDLERS
from penstock.server.selection_commands import SELECTION_HANDLERS
from penstock.server.session import Handler
from penstock.server.stream_commands import STREAM_HANDLERS
from penstock.server.stream_info_commands import STREAM_INFO_HANDLERS
from penstock.server.stream_views import STREAM_VIEW_HANDLERS
from penstock.server.submit_commands import SUBMIT_HANDLERS
from penstock.server.transaction_commands import TRANSACTION_HANDLERS
from penstock.server.trigger_commands import TRIGGER_HANDLERS
from penstock.server.worker_commands import WORKER_HANDLERS

HANDLERS: Final[Mapping[str, Handler]] = {
    **SUBMIT_HANDLERS,
    **JOB_HANDLERS,
    **SELECTION_HANDLERS,
    **WORKER_HANDLERS,
    **QUEUE_HANDLERS,
    **STREAM_HANDLERS,
    **STREAM_INFO_HANDLERS,
    **STREAM_VIEW_HANDLERS,
    **READING_HANDLERS,
    **GROUP_HANDLERS,
    **PENDING_HANDLERS,
    **KEY_HANDLERS,
    **TRIGGER_HANDLERS,
    **CRON_HANDLERS,
    **TRANSACTION_HANDLERS,
    **CONNECTION_HANDLERS,
}
