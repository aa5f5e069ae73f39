"""How a worker process and the program that keeps it end."""

from penstock.cli import exits as cli
from penstock.config import limits
from penstock.server import app as server
from penstock.worker import exits as worker
from penstock.worker.child import _parser


def test_the_command_line_says_the_same_codes() -> None:
    assert worker.Exit.DRAINED == cli.Exit.OK
    assert worker.Exit.UNUSABLE == cli.Exit.USAGE == server.EXIT_CONFIGURATION
    assert worker.Exit.REFUSED == cli.Exit.REFUSED
    assert worker.EXIT_SECOND_SIGNAL == cli.Exit.STOPPED_AT_ONCE


def test_async_jobs_at_once_are_limited_as_everywhere() -> None:
    options = _parser().parse_args(["--app", "a", "--queues", "default", "--fd", "3"])

    assert options.concurrency == limits.CONCURRENCY_DEFAULT
