"""The arguments of the commands about queues.

Each function takes a request's whole argument list, whose count the command table's arity has
been held against, and raises `ArgumentError` with a text for the person who wrote the request.
"""

from collections.abc import Sequence

from penstock.protocol.values import read_name


def parse_queue_name(arguments: Sequence[bytes]) -> str:
    """Read `QUEUE.SHOW name`."""
    return read_name(arguments[1], "queue")
