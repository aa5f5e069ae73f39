"""The job that a trigger or a schedule submits, as words behind those of its command."""

from collections.abc import Sequence
from typing import Final

from penstock.client.options import Options, Unset, bulk
from penstock.client.tasks import AnyTask, queue_of
from penstock.protocol.encoding import encode_command

# What only one submission can have.
_ONCE: Final = ("key", "window_ms", "replace")


def name_of(task: AnyTask) -> str:
    """Return what jobs call a task."""
    return task if isinstance(task, str) else task.name


def command_with(
    words: Sequence[bytes | str | int],
    task: AnyTask,
    options: Options,
    *,
    without: Sequence[str] = (),
) -> bytes:
    """Encode a command that ends with the options of its jobs.

    Raises:
        ValueError: an option is set that makes no sense for jobs that come again and again.
    """
    for name in (*_ONCE, *without):
        value = getattr(options, name)
        if value is not None and not isinstance(value, Unset):
            raise ValueError(
                f"{name} is an option of one submission, and this makes many; set it to None"
            )
    tail = options.words
    count = len(words) + options.words_count
    queue = options.queue or queue_of(task)
    if queue is not None:
        tail += bulk(b"QUEUE") + bulk(queue.encode())
        count += 2
    head = encode_command(words).partition(b"\r\n")[2]
    return b"*%d\r\n%b%b" % (count, head, tail)
