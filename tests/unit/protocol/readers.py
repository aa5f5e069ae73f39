"""Which function reads the arguments of which command, and lines as people type them."""

from collections.abc import Callable
from typing import Final

from penstock.protocol import connection_arguments as connection
from penstock.protocol import cron_arguments as cron
from penstock.protocol import group_arguments as group
from penstock.protocol import job_arguments as job
from penstock.protocol import key_arguments as key
from penstock.protocol import list_arguments as lists
from penstock.protocol import pending_arguments as pending
from penstock.protocol import queue_arguments as queue
from penstock.protocol import reading_arguments as reading
from penstock.protocol import stream_arguments as stream
from penstock.protocol import stream_info_arguments as info
from penstock.protocol import submit_arguments as submit
from penstock.protocol import trigger_arguments as trigger
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
    "XADD": stream.parse_xadd,
    "XLEN": stream.parse_stream,
    "XRANGE": stream.parse_xrange,
    "XREVRANGE": stream.parse_xrevrange,
    "XDEL": stream.parse_xdel,
    "XTRIM": stream.parse_xtrim,
    "XSETID": stream.parse_xsetid,
    "STREAM.SET": stream.parse_stream_set,
    "EVENT.PUBLISH": stream.parse_publish,
    "XREAD": reading.parse_xread,
    "XREADGROUP": reading.parse_xreadgroup,
    "XINFO|STREAM": info.parse_info_stream,
    "XINFO|GROUPS": info.parse_info_groups,
    "XINFO|CONSUMERS": info.parse_info_consumers,
    "XGROUP|CREATE": group.parse_group_create,
    "XGROUP|SETID": group.parse_group_set_id,
    "XGROUP|DESTROY": group.parse_group,
    "XGROUP|CREATECONSUMER": group.parse_consumer,
    "XGROUP|DELCONSUMER": group.parse_consumer,
    "XGROUP|TRIM": group.parse_group_trim,
    "XACK": group.parse_xack,
    "XPENDING": pending.parse_xpending,
    "XCLAIM": pending.parse_xclaim,
    "XAUTOCLAIM": pending.parse_xautoclaim,
    "EVENT.HANDLED": group.parse_handled,
    "EVENT.CONFIRM": group.parse_confirm,
    "TYPE": key.parse_key,
    "EXISTS": key.parse_keys,
    "DEL": key.parse_keys,
    "UNLINK": key.parse_keys,
    "KEYS": key.parse_pattern,
    "SCAN": key.parse_scan,
    "TRIGGER.SET": trigger.parse_trigger_set,
    "TRIGGER.DEL": trigger.parse_trigger_delete,
    "TRIGGER.SHOW": trigger.parse_trigger_name,
    "CRON.SET": cron.parse_cron_set,
    "CRON.DEL": cron.parse_schedule_name,
    "CRON.SHOW": cron.parse_schedule_name,
    "CRON.NEXT": cron.parse_cron_next,
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
